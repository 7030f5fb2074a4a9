//! Passwords and rights, missing at first and granted later.

use std::{
    io,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use ringtap::sink::{
    RecordBatch, StopSignal,
    kafka::{KafkaOptions, KafkaSink, SinkCounters, SinkErrorKind, SinkState},
};
use secrecy::SecretString;
use tracing_subscriber::fmt::MakeWriter;

use super::{
    broker::{Broker, read_committed, shared},
    run::{Run, assert_each_once, connect, options, position, push, topic},
};

/// Stands nowhere but in the options.
const PASSWORD: &str = "canary-3f9a1c-password";

fn secure_options(broker: &Broker, name: &str, user: &str) -> KafkaOptions {
    let mut options = options(&broker.secure, name);
    for (option, value) in [
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "SCRAM-SHA-512"),
        ("sasl.username", user),
    ] {
        options.librdkafka.insert(option.into(), value.into());
    }
    options.secrets.insert("sasl.password".into(), SecretString::from(PASSWORD));
    options
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < Duration::from_secs(60), "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Captured {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

#[test]
fn a_wrong_password_blocks_until_it_is_right_and_stands_in_no_log() {
    let (broker, _used) = shared();
    let captured = Captured::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(captured.clone())
        .finish();
    // The user exists; only the password is another one.
    broker.set_password("late", "something else");
    broker.allow("late", &["--operation", "All", "--topic", "*"]);
    broker.allow("late", &["--operation", "All", "--transactional-id", "*"]);
    broker.allow("late", &["--operation", "All", "--group", "*"]);
    let options = secure_options(broker, "late", "late");
    let (counters, stop) = (Arc::new(SinkCounters::default()), StopSignal::new());
    let connecting = {
        let (options, counters, stop) = (Arc::new(options.clone()), Arc::clone(&counters), stop.clone());
        thread::spawn(move || {
            tracing::subscriber::with_default(subscriber, || KafkaSink::connect(options, counters, &stop))
        })
    };
    wait_until("the refusal does not show", || counters.state().0 == SinkState::Blocked);
    let (_, why) = counters.state();
    assert!(counters.errors(SinkErrorKind::Denied) > 0);
    broker.set_password("late", PASSWORD);
    let mut sink = connecting.join().unwrap().unwrap();
    sink.commit(&position(1)).unwrap();
    assert_eq!(sink.committed().unwrap(), Some(position(1)));
    assert_eq!(counters.state().0, SinkState::Publishing);

    let log = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("uthenticat"), "the log does not tell what is wrong: {log}");
    for text in [log, format!("{options:?}"), format!("{counters:?}"), why.unwrap()] {
        assert!(!text.contains(PASSWORD), "{text}");
    }
}

#[test]
fn a_right_that_is_missing_blocks_until_it_is_granted() {
    let (broker, _used) = shared();
    broker.set_password("short", PASSWORD);
    let options = secure_options(broker, "rights", "short");
    broker.allow("short", &["--operation", "All", "--topic", &options.positions_topic]);
    broker.allow("short", &["--operation", "All", "--transactional-id", &options.transactional_id]);
    let topic = topic("rights.a");

    let mut sink = connect(&options);
    let mut batch = RecordBatch::default();
    push(&mut batch, &topic, 1);
    let error = sink.send(&batch).unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Denied, "{error}");
    assert!(error.to_string().contains(&*topic.name), "{error}");
    drop(sink);

    let run = Arc::new(Run::default());
    let publishing = {
        let (run, options, topic) = (Arc::clone(&run), options.clone(), Arc::clone(&topic));
        thread::spawn(move || run.publish(&options, &topic, 100))
    };
    wait_until("the refusal does not show", || run.counters.state().0 == SinkState::Blocked);
    broker.allow(
        "short",
        &["--operation", "Create", "--operation", "Write", "--operation", "Describe", "--topic", &topic.name],
    );
    publishing.join().unwrap();
    assert_each_once(&read_committed(&broker.address, &topic.name), 100);
}
