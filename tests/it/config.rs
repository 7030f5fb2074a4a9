//! What a person reads of a wrong configuration, word for word.

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Arc,
};

use ringtap::telemetry::{
    AgentState, Counter, Exporter, HttpServer, Identity, Milestone, Outcome, StatusPage,
};

/// What stands for every secret of these tests.
const CANARY: &str = "canary-7f3a";

/// A user that owns nothing.
const NOBODY: u32 = 65_534;

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config")
}

/// A case, copied to a directory of its own.
struct Case {
    name: String,
    directory: tempfile::TempDir,
}

impl Case {
    fn new(name: &str) -> Self {
        let case = Self { name: name.to_owned(), directory: tempfile::tempdir().unwrap() };
        fs::set_permissions(case.path(""), fs::Permissions::from_mode(0o755)).unwrap();
        for directory in ["cdc_raw", "commitlog", "state"] {
            fs::create_dir(case.path(directory)).unwrap();
        }
        case.copy("ringtap.toml", &cases().join(name).join("ringtap.toml"));
        let own = cases().join(name).join("cassandra.yaml");
        let yaml = if own.exists() { own } else { cases().join("cassandra.yaml") };
        case.copy("cassandra.yaml", &yaml);
        case
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn copy(&self, name: &str, from: &Path) {
        let text = fs::read_to_string(from).unwrap();
        self.write(name, &text.replace("$DIR", &self.directory.path().display().to_string()), 0o644);
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        fs::write(self.path(name), text).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    fn command(&self) -> Command {
        self.command_of(Path::new(env!("CARGO_BIN_EXE_ringtap")))
    }

    fn command_of(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().args(["check", "--offline", "--config"]).arg(self.path("ringtap.toml"));
        command
    }

    /// Returns the exit code and what is read, without what differs from run to run.
    fn text(&self, output: &Output) -> String {
        let stderr = String::from_utf8(output.stderr.clone()).unwrap();
        let stdout = String::from_utf8(output.stdout.clone()).unwrap();
        let mut text = format!("exit {}\n{stderr}", output.status.code().unwrap());
        let mut is_shown = false;
        for line in stdout.lines() {
            is_shown = line.starts_with("warn ")
                || line.starts_with("error ")
                || (is_shown && line.starts_with("      "));
            if is_shown {
                text.push_str(line);
                text.push('\n');
            }
        }
        text.replace(&self.directory.path().display().to_string(), "$DIR")
    }

    fn expect(&self, output: &Output) {
        let expected = cases().join(&self.name).join("expected.txt");
        let text = self.text(output);
        assert!(!text.contains(CANARY), "{}: {text}", self.name);
        if std::env::var_os("BLESS").is_some() {
            fs::write(&expected, text).unwrap();
            return;
        }
        let expected = fs::read_to_string(&expected).unwrap_or_default();
        assert_eq!(text, expected, "{}", self.name);
    }
}

/// Cases that need no more than their files.
const PLAIN: [&str; 22] = [
    "good",
    "unknown-key",
    "wrong-unit",
    "wrong-word",
    "exclusives",
    "spool-nowhere",
    "missing-secret-file",
    "secret-in-the-file",
    "no-cassandra-yaml",
    "broken-cassandra-yaml",
    "paths-of-cassandra-yaml",
    "cdc-disabled",
    "missing-directory",
    "remote-listen",
    "broken-promise",
    "clashing-option",
    "topic-prefix",
    "sizes",
    "not-toml",
    "nothing",
    "dedup-cluster",
    "brokers",
];

#[test]
fn wrong_configurations_are_told_word_for_word() {
    for name in PLAIN {
        let case = Case::new(name);
        let output = case.command().output().unwrap();
        case.expect(&output);
    }
    let case = Case::new("patterns");
    case.expect(&case.command().env("RINGTAP_KAFKA_BROKER", CANARY).output().unwrap());
}

#[test]
fn a_secret_that_everybody_may_read_is_a_warning() {
    let case = Case::new("secret-for-all-to-read");
    case.write("password", CANARY, 0o644);
    case.expect(&case.command().output().unwrap());
    let output = case.command().arg("--errors-only").output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    case.write("password", CANARY, 0o600);
    assert_eq!(case.command().output().unwrap().status.code(), Some(0));
}

#[test]
fn a_secret_that_is_given_twice_is_refused() {
    let case = Case::new("secret-given-twice");
    case.write("password", CANARY, 0o600);
    case.expect(&case.command().env("RINGTAP_CASSANDRA_PASSWORD", CANARY).output().unwrap());
}

#[test]
fn a_directory_that_may_not_be_written_is_told_with_how_to_mend_it() {
    let case = Case::new("cdc-raw-not-writable");
    fs::set_permissions(case.path("cdc_raw"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(case.path("state"), fs::Permissions::from_mode(0o777)).unwrap();
    let mut command = case.command();
    // For root every directory can be written; it takes another user's place, and so must the owner.
    let is_root = fs::metadata("/proc/self").unwrap().uid_is_root();
    if is_root {
        // Others may have no way to where root's build output is.
        let program = case.path("ringtap");
        fs::copy(env!("CARGO_BIN_EXE_ringtap"), &program).unwrap();
        command = case.command_of(&program);
        command.uid(NOBODY).gid(NOBODY);
    } else {
        fs::set_permissions(case.path("cdc_raw"), fs::Permissions::from_mode(0o555)).unwrap();
    }
    let mut output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    output.stdout = without_numbers(&text).into_bytes();
    case.expect(&output);
}

trait Owner {
    fn uid_is_root(&self) -> bool;
}

impl Owner for fs::Metadata {
    fn uid_is_root(&self) -> bool {
        std::os::unix::fs::MetadataExt::uid(self) == 0
    }
}

/// Replaces the numbers of user, group and mode.
fn without_numbers(text: &str) -> String {
    let mut out = String::new();
    let mut is_number = false;
    for c in text.chars() {
        if c.is_ascii_digit()
            && (is_number || ["user ", "group ", "(mode "].iter().any(|end| out.ends_with(end)))
        {
            is_number = true;
            continue;
        }
        if is_number {
            out.push('N');
            is_number = false;
        }
        out.push(c);
    }
    out
}

#[test]
fn an_encrypted_log_without_keys_is_an_error() {
    let case = Case::new("encrypted-without-keys");
    let seed = Path::new(env!("CARGO_MANIFEST_DIR")).join("parser/fuzz/seeds/framing/4.0-encrypted");
    // The seed has bytes of the fuzzer's own before the segment.
    let bytes = fs::read(seed).unwrap();
    let start = bytes.windows(4).position(|window| window == 7i32.to_be_bytes()).unwrap();
    fs::write(case.path("cdc_raw/CommitLog-7-1.log"), &bytes[start..]).unwrap();
    case.expect(&case.command().output().unwrap());
}

#[test]
fn secrets_stand_in_no_output() {
    let case = Case::new("good");
    for name in ["cassandra", "kafka", "key", "keystore"] {
        case.write(name, &format!("{CANARY}\n"), 0o600);
    }
    let more = "cassandra.username = \"u\"\ncassandra.password_file = \"$DIR/cassandra\"\n\
                kafka.security_protocol = \"sasl_ssl\"\nkafka.sasl_mechanism = \"PLAIN\"\nkafka.sasl_username = \"u\"\n\
                kafka.sasl_password_file = \"$DIR/kafka\"\nkafka.ssl_key_password_file = \"$DIR/key\"\n\
                source.keystore_file = \"$DIR/keystore\"\n";
    let toml = fs::read_to_string(case.path("ringtap.toml")).unwrap();
    let more = more.replace("$DIR", &case.directory.path().display().to_string());
    case.write("ringtap.toml", &format!("{toml}{more}"), 0o644);
    for arguments in [&[][..], &["--json"]] {
        let output = case
            .command()
            .args(arguments)
            .env("RINGTAP_SOURCE_KEYSTORE_PASSWORD", CANARY)
            .env("RINGTAP_SOURCE_KEY_PASSWORD", CANARY)
            .env("RINGTAP_KAFKA_OPTIONS_SASL_OAUTHBEARER_CLIENT_SECRET", CANARY)
            .output()
            .unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!text.contains(CANARY), "{text}");
        assert!(text.contains("sasl.oauthbearer.client.secret"), "{text}");
        // The key store is none, which is told without its password.
        assert_eq!(output.status.code(), Some(3), "{text}");
    }
}

#[test]
fn the_example_is_printed_and_all_that_is_wrong_with_it_here_is_this_machine() {
    let output = Command::new(env!("CARGO_BIN_EXE_ringtap")).args(["config", "example"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8(output.stdout).unwrap().contains("\ntopic_prefix = \"shop\""));
}

#[test]
fn no_agent_is_a_finding_of_status() {
    // A port that was free a moment ago.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringtap"));
    let output = command.env_clear().args(["status", "--address", &address.to_string()]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.starts_with(&format!("ringtap: no agent answers at {address}: ")), "{stderr}");
}

#[test]
fn a_running_agent_is_shown_to_people_and_to_scripts() {
    let (exporter, status) = Exporter::new().unwrap();
    let server = HttpServer::start("127.0.0.1:0".parse().unwrap(), Arc::clone(&status), exporter).unwrap();
    let ask = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ringtap"));
        command.env_clear().args(["status", "--address", &server.address().to_string()]).args(arguments);
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    status.set_state(AgentState::WaitingForKafka, "no broker answers");
    status.add(Counter::Gaps, 1);
    let (code, text) = ask(&[]);
    assert_eq!(code, Some(1), "{text}");
    for part in [
        "waiting for kafka for",
        "(not ready)",
        "reason     no broker answers",
        "missing    first scan",
        "changes are missing",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    status.set_identity(Identity { cluster: "Test Cluster".into(), host_id: "h1".into() });
    for milestone in Milestone::ALL {
        status.reach(milestone);
    }
    status.set_state(AgentState::Running, "");
    status.add(Counter::MutationsRead, 3);
    status.settle(Outcome::Published, 2);
    status.table("shop", "orders").add("insert", 2);
    status.set_reading(1_700_000_000_123, 4_096);
    let (code, text) = ask(&[]);
    assert_eq!(code, Some(0), "{text}");
    for part in [
        "(ready)",
        "node       h1 of \"Test Cluster\"",
        "reading    segment 1700000000123 at 4096",
        "mutations  3 read: 2 published, 0 filtered, 0 foreign, 0 duplicate, 0 quarantined, 1 under way",
        "records    shop.orders: 2 insert",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let (code, json) = ask(&["--json"]);
    assert_eq!(code, Some(0));
    let page: StatusPage = serde_json::from_str(&json).unwrap();
    assert_eq!((page.mutations.read, page.segment), (3, Some(1_700_000_000_123)));
}
