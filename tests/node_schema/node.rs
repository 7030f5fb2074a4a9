//! A real node that runs for a test.

use std::{
    fs,
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicI32, Ordering},
    time::{Duration, Instant},
};

use ringtap::{
    schema::node::{CassandraNode, Login, NodeError, NodeOptions},
    source::find_segments,
};
use scylla::{
    client::{session::Session, session_builder::SessionBuilder},
    errors::ExecutionError,
};
use tokio::runtime::Runtime;

use super::certificates::{Certificates, STORE_PASSWORD};

pub(crate) const ADDRESS: &str = "127.0.30.11";

/// How long after its port is open a node may take to make its first role.
const LOGIN_WAIT_MAX: Duration = Duration::from_secs(60);

/// Runs a script of tests/stack and returns what it prints.
pub(crate) fn stack(script: &str, arguments: &[&str]) -> String {
    let path = format!("{}/tests/stack/{script}", env!("CARGO_MANIFEST_DIR"));
    let output =
        Command::new(&path).args(arguments).output().unwrap_or_else(|error| panic!("{path}: {error}"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script} {arguments:?}: {told}");
    String::from_utf8(output.stdout).unwrap()
}

/// Returns how to speak to the node.
pub(crate) fn options() -> NodeOptions {
    login_options("cassandra")
}

/// Returns how to speak to the node, with this password.
pub(crate) fn login_options(password: &str) -> NodeOptions {
    let login = Login { username: "cassandra".into(), password: password.to_owned().into() };
    NodeOptions { login: Some(login), ..NodeOptions::new(ADDRESS, 9042) }
}

pub(crate) fn connect() -> CassandraNode {
    CassandraNode::connect(&options()).unwrap()
}

/// A new node makes its first role a little after it listens.
fn wait_for_login() {
    let deadline = Instant::now() + LOGIN_WAIT_MAX;
    loop {
        match CassandraNode::connect(&options()) {
            Ok(_) => return,
            Err(error @ (NodeError::Authentication { .. } | NodeError::Unreachable { .. })) => {
                assert!(Instant::now() < deadline, "no login: {error:?}");
                std::thread::sleep(Duration::from_millis(200));
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// A node with CDC, logins and TLS (beside plain text). Its state is removed when it is dropped.
pub(crate) struct RunningNode {
    version: String,
    name: String,
    certificates: Certificates,
    runtime: Runtime,
    session: Option<Session>,
    marks: AtomicI32,
    state: PathBuf,
}

impl RunningNode {
    pub(crate) fn start(version: &str) -> Self {
        let mut node = Self {
            version: version.into(),
            name: format!("sch-{version}-{}", std::process::id()),
            certificates: Certificates::make(ADDRESS),
            runtime: Runtime::new().unwrap(),
            session: None,
            marks: AtomicI32::new(0),
            state: PathBuf::new(),
        };
        let tls = format!(
            "client_encryption_options={{enabled: true, optional: true, keystore: {}, keystore_password: \
             {STORE_PASSWORD}, store_type: PKCS12}}",
            node.certificates.node_store().display()
        );
        // Everything stays in few segments.
        let old_names = matches!(version, "3.11" | "4.0");
        let segment =
            if old_names { "commitlog_segment_size_in_mb=32" } else { "commitlog_segment_size=32MiB" };
        let sync = if old_names { "commitlog_sync_period_in_ms=100" } else { "commitlog_sync_period=100ms" };
        let address = format!("address={ADDRESS}");
        let login = "authenticator=PasswordAuthenticator";
        stack("cassandra", &["start", &node.name, version, &address, login, segment, sync, &tls]);
        node.state = stack("cassandra", &["path", &node.name]).trim().into();
        node.keep_segments();
        wait_for_login();
        let session = SessionBuilder::new()
            .known_node(format!("{ADDRESS}:9042"))
            .user("cassandra", "cassandra")
            .auto_await_schema_agreement(false)
            .fetch_schema_metadata(false);
        node.session = Some(node.runtime.block_on(session.build()).unwrap());
        node.run(
            "CREATE KEYSPACE marks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
        );
        node.run("CREATE TABLE marks.marks (id int PRIMARY KEY) WITH cdc = true");
        node
    }

    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    pub(crate) fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    fn try_run(&self, statement: &str) -> Result<(), Box<ExecutionError>> {
        let session = self.session.as_ref().expect("started");
        let result = self.runtime.block_on(session.query_unpaged(statement, ()));
        self.keep_segments();
        result.map(|_| ()).map_err(Box::new)
    }

    pub(crate) fn run(&self, statement: &str) {
        self.try_run(statement).unwrap_or_else(|error| panic!("{statement}: {error}"));
    }

    pub(crate) fn run_all(&self, statements: &[String]) {
        for statement in statements {
            self.run(statement);
        }
    }

    /// Runs statements of which some name columns and tables that are not there at this moment.
    pub(crate) fn run_what_works(&self, statements: &[String]) {
        for statement in statements {
            let _ = self.try_run(statement);
        }
    }

    /// Writes a row that [`Log::copy_of`](super::log::Log::copy_of) waits for.
    pub(crate) fn mark(&self) {
        let mark = self.marks.fetch_add(1, Ordering::Relaxed) + 1;
        self.run(&format!("INSERT INTO marks.marks (id) VALUES ({mark})"));
    }

    pub(crate) fn last_mark(&self) -> i32 {
        self.marks.load(Ordering::Relaxed)
    }

    /// Links the segments that are there now to a place where the node does not delete them: `DROP TABLE` ends all
    /// segments, and those without CDC data go.
    fn keep_segments(&self) {
        let kept = self.kept_segments();
        fs::create_dir_all(&kept).unwrap();
        for segment in find_segments([self.state.join("commitlog")]).unwrap() {
            let link = kept.join(segment.path.file_name().unwrap());
            if !link.exists() {
                // It may be deleted just now; then it was kept before.
                let _ = fs::hard_link(&segment.path, link);
            }
        }
    }

    /// Returns where all segments of the node are.
    pub(crate) fn kept_segments(&self) -> PathBuf {
        self.state.join("kept")
    }
}

impl Drop for RunningNode {
    fn drop(&mut self) {
        self.session = None;
        let path = format!("{}/tests/stack/cassandra", env!("CARGO_MANIFEST_DIR"));
        let removed = Command::new(path).args(["remove", &self.name]).status();
        assert!(removed.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}
