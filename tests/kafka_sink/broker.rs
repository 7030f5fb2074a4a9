//! The one broker of this binary.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{OnceLock, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
    message::Headers as _,
};

/// The broker with a login for users beside its open listener, where everybody may do everything.
pub(crate) struct Broker {
    pub(crate) address: String,
    pub(crate) secure: String,
    name: String,
    /// Deletes the broker when this process ends, however it ends: its input ends with us.
    _janitor: Child,
}

static BROKER: OnceLock<Broker> = OnceLock::new();
/// Tests that disturb the broker have it for themselves.
static USE: RwLock<()> = RwLock::new(());

fn script() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/stack/kafka")
}

fn run(arguments: &[&str]) -> String {
    let output = Command::new(script())
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "tests/stack/kafka {arguments:?}: {}", output.status);
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

impl Broker {
    fn start() -> Self {
        let name = format!("sink-tests-{}", std::process::id());
        let janitor = Command::new("sh")
            .args(["-c", "cat >/dev/null; exec \"$0\" remove \"$1\" 2>/dev/null"])
            .arg(script())
            .arg(&name)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let address = run(&Self::start_arguments(&name));
        let secure = run(&["secure", &name]);
        Self { address, secure, name, _janitor: janitor }
    }

    fn start_arguments(name: &str) -> [&str; 6] {
        [
            "start",
            name,
            "partitions=3",
            "login=sasl",
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users=User:ANONYMOUS",
        ]
    }

    pub(crate) fn kill(&self) {
        run(&["kill", &self.name]);
    }

    pub(crate) fn restart(&self) {
        assert_eq!(run(&Self::start_arguments(&self.name)), self.address);
    }

    pub(crate) fn pause(&self) {
        run(&["pause", &self.name]);
    }

    pub(crate) fn go_on(&self) {
        run(&["continue", &self.name]);
    }

    pub(crate) fn set_password(&self, user: &str, password: &str) {
        run(&["user", &self.name, user, password]);
    }

    pub(crate) fn allow(&self, user: &str, arguments: &[&str]) {
        let principal = format!("User:{user}");
        let common =
            ["tool", &self.name, "org.apache.kafka.tools.AclCommand", "--bootstrap-server", &self.address];
        run(&[&common[..], &["--add", "--allow-principal", &principal], arguments].concat());
    }
}

fn broker() -> &'static Broker {
    BROKER.get_or_init(Broker::start)
}

/// Returns the broker for a test that leaves it alone.
pub(crate) fn shared() -> (&'static Broker, RwLockReadGuard<'static, ()>) {
    let used = USE.read().unwrap_or_else(std::sync::PoisonError::into_inner);
    (broker(), used)
}

/// Returns the broker for a test that disturbs it.
pub(crate) fn exclusive() -> (&'static Broker, RwLockWriteGuard<'static, ()>) {
    let used = USE.write().unwrap_or_else(std::sync::PoisonError::into_inner);
    (broker(), used)
}

/// A record as a consumer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) partition: i32,
    pub(crate) key: String,
    pub(crate) value: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
}

/// Reads a topic from its beginning to its end, as a consumer of committed records does.
pub(crate) fn read_committed(address: &str, topic: &str) -> Vec<Seen> {
    read(address, topic, "read_committed")
}

pub(crate) fn read(address: &str, topic: &str, isolation: &str) -> Vec<Seen> {
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", address)
        .set("group.id", "tests")
        .set("isolation.level", isolation)
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true")
        .create()
        .unwrap();
    let metadata = consumer.fetch_metadata(Some(topic), Duration::from_secs(10)).unwrap();
    let mut assignment = TopicPartitionList::new();
    let partitions = metadata.topics()[0].partitions();
    for partition in partitions {
        assignment.add_partition_offset(topic, partition.id(), Offset::Beginning).unwrap();
    }
    consumer.assign(&assignment).unwrap();
    let (mut seen, mut ends) = (Vec::new(), 0);
    let since = Instant::now();
    while ends < partitions.len() {
        assert!(since.elapsed() < Duration::from_secs(60), "{topic} can't be read to its end");
        match consumer.poll(Duration::from_millis(200)) {
            Some(Ok(message)) => {
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
                seen.push(Seen {
                    partition: message.partition(),
                    key: text(message.key().unwrap()),
                    value: message.payload().map(text),
                    headers: headers.map(|header| (header.key.into(), text(header.value.unwrap()))).collect(),
                });
            }
            Some(Err(KafkaError::PartitionEOF(_))) => ends += 1,
            Some(Err(error)) => tracing::info!(topic, %error, "reading"),
            None => {}
        }
    }
    seen
}
