//! The file, the environment and the command line together.

use std::{fs, path::Path};

use super::*;

const YAML: &str = "cluster_name: c\ncdc_enabled: true\ncdc_raw_directory: /data/cdc_raw\n\
                    commitlog_directory: /data/commitlog\ncdc_total_space_in_mb: 100\nrpc_address: 127.0.0.9\n";

fn three_lines(directory: &Path) -> String {
    let yaml = directory.join("cassandra.yaml");
    fs::write(&yaml, YAML).unwrap();
    format!(
        "cassandra_yaml = \"{}\"\ntopic_prefix = \"shop\"\nkafka.brokers = \"127.0.0.1:9092\"\n",
        yaml.display()
    )
}

fn parse(text: &str, overrides: &Overrides) -> Result<Config, String> {
    Config::parse(Path::new("ringtap.toml"), text, overrides).map_err(|error| error.to_string())
}

#[test]
fn three_lines_are_enough() {
    let directory = tempfile::tempdir().unwrap();
    let config = parse(&three_lines(directory.path()), &Overrides::default()).unwrap();
    assert_eq!(config.source.cdc_raw_directory, Path::new("/data/cdc_raw"));
    assert_eq!(config.source.commitlog_directory, Path::new("/data/commitlog"));
    assert_eq!(config.source.cdc_space_bytes, Some(100 << 20));
    assert_eq!(config.cassandra.address, "127.0.0.9");
    assert_eq!(config.cassandra.port, 9042);
    assert_eq!(config.state_directory, Path::new("/var/lib/ringtap"));
    assert_eq!(config.quarantine.directory, Path::new("/var/lib/ringtap/quarantine"));
    assert_eq!(config.records.schema_topic, "shop.schema-changes");
    assert_eq!(config.kafka.delivery, Delivery::ExactlyOnce);
    assert_eq!(config.warnings, []);
}

#[test]
fn the_example_is_the_defaults() {
    let directory = tempfile::tempdir().unwrap();
    let three = three_lines(directory.path());
    let yaml_line = three.lines().next().unwrap();
    let example = EXAMPLE.replace("cassandra_yaml = \"/etc/cassandra/cassandra.yaml\"", yaml_line);
    let bare = parse(&three, &Overrides::default()).unwrap();
    let shown = |config: &Config| -> Vec<(String, Option<String>)> {
        config.effective.iter().map(|setting| (setting.key.clone(), setting.value.clone())).collect()
    };
    assert_eq!(shown(&parse(&example, &Overrides::default()).unwrap()), shown(&bare));
    let is_setting = |line: &str| line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
    let with_defaults: String = example
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if is_setting(rest) => format!("{rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    assert_ne!(with_defaults.trim(), example.trim());
    assert_eq!(shown(&parse(&with_defaults, &Overrides::default()).unwrap()), shown(&bare));
    for setting in &bare.effective {
        assert!(EXAMPLE.contains(&format!("{} = ", setting.key)), "{} is not in the example", setting.key);
    }
}

#[test]
fn all_settings_of_the_example_are_known() {
    let everything: String = EXAMPLE
        .lines()
        .map(|line| {
            let rest = line.trim_start_matches('#').trim_start();
            let is_setting = rest.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
            if is_setting { format!("{rest}\n") } else { "\n".to_owned() }
        })
        .collect();
    let error = parse(&everything, &Overrides::default()).unwrap_err();
    // Its files are not there, and some settings exclude others; but each is known and of the right type.
    assert!(!error.contains("unknown") && !error.contains("takes"), "{error}");
}

#[test]
fn the_command_line_overrides_the_environment_and_that_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let text =
        format!("{}kafka.partitions = 3\nkafka.commit_interval_ms = 7\n", three_lines(directory.path()));
    let overrides = Overrides::default()
        .with_variable("RINGTAP_KAFKA_PARTITIONS", "4")
        .with_variable("RINGTAP_TOPIC_PREFIX", "other")
        .with_variable("RINGTAP_TABLES_INCLUDE", "shop.*, lager.t")
        .with_variable("RINGTAP_KAFKA_OPTIONS_LINGER_MS", "9")
        .with_variable("RINGTAP_HTTP_ALLOW_REMOTE", "true")
        .with_flag("kafka.partitions", "5")
        .with_pair("source.release=archive:/old")
        .unwrap();
    let config = parse(&text, &overrides).unwrap();
    assert_eq!(config.kafka.partitions, 5);
    assert_eq!(config.kafka.commit_interval_ms, 7);
    assert_eq!(config.topic_prefix, "other");
    assert_eq!(config.records.schema_topic, "other.schema-changes");
    assert_eq!(config.tables.include.len(), 2);
    assert_eq!(config.kafka.options.get("linger.ms"), Some("9"));
    assert!(config.http.allow_remote);
    assert_eq!(config.source.release, Release::Archive("/old".into()));
    let origin =
        |key: &str| config.effective.iter().find(|setting| setting.key == key).unwrap().origin.to_string();
    assert_eq!(origin("kafka.partitions"), "command line");
    assert_eq!(origin("kafka.commit_interval_ms"), "line 5");
    assert_eq!(origin("topic_prefix"), "$RINGTAP_TOPIC_PREFIX");
    assert_eq!(origin("source.cdc_raw_directory"), "cassandra.yaml");
}

#[test]
fn a_variable_that_means_nothing_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let overrides =
        Overrides::default().with_variable("RINGTAP_KAFKA_BROKER", "x").with_variable("RINGTAP_CONFIG", "y");
    let config = parse(&three_lines(directory.path()), &overrides).unwrap();
    let told: Vec<String> = config.warnings.iter().map(|warning| warning.text(&config.file)).collect();
    assert_eq!(
        told,
        ["$RINGTAP_KAFKA_BROKER: no setting has this name; did you mean $RINGTAP_KAFKA_BROKERS?"]
    );
}

#[test]
fn options_below_a_key_may_be_written_in_any_way() {
    let directory = tempfile::tempdir().unwrap();
    let three = three_lines(directory.path());
    for options in [
        "kafka.options.linger.ms = 5\n",
        "kafka.options.\"linger.ms\" = 5\n",
        "kafka.options = { \"linger.ms\" = \"5\" }\n",
        "[kafka.options]\nlinger.ms = 5\n",
    ] {
        let config = parse(&format!("{three}{options}"), &Overrides::default()).unwrap();
        assert_eq!(config.kafka.options.get("linger.ms"), Some("5"), "{options}");
    }
}

#[test]
fn directories_come_from_where_cassandra_is_installed() {
    let directory = tempfile::tempdir().unwrap();
    let yaml = directory.path().join("cassandra.yaml");
    let text = |yaml_text: &str| {
        fs::write(&yaml, yaml_text).unwrap();
        format!("cassandra_yaml = {yaml:?}\ntopic_prefix = \"shop\"\nkafka.brokers = \"127.0.0.1:9092\"\n")
    };
    let home = Overrides::default().with_cassandra_home("/opt/cassandra");
    let config = parse(&text("cdc_enabled: true\n"), &home).unwrap();
    assert_eq!(config.source.cdc_raw_directory, Path::new("/opt/cassandra/data/cdc_raw"));
    // A package has the storage directory elsewhere; both directories are in it.
    fs::create_dir(directory.path().join("cdc_raw")).unwrap();
    let commitlog = directory.path().join("commitlog");
    let beside = text(&format!("commitlog_directory: {}\n", commitlog.display()));
    let config = parse(&beside, &Overrides::default()).unwrap();
    assert_eq!(config.source.cdc_raw_directory, directory.path().join("cdc_raw"));
    let error = parse(
        &text("cdc_raw_directory: $CASSANDRA_HOME/x\ncommitlog_directory: log\n"),
        &Overrides::default(),
    );
    let error = error.unwrap_err();
    assert!(error.contains("Cassandra expands no variables there"), "{error}");
    assert!(error.contains("Cassandra takes that from its own working directory"), "{error}");
}

#[test]
fn systemd_says_where_state_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let overrides = Overrides::default().with_state_directory("/var/lib/private/ringtap");
    let config = parse(&three_lines(directory.path()), &overrides).unwrap();
    assert_eq!(config.state_directory, Path::new("/var/lib/private/ringtap"));
}

#[test]
fn keys_of_an_encrypted_log_come_from_cassandra_yaml() {
    let directory = tempfile::tempdir().unwrap();
    let yaml = directory.path().join("cassandra.yaml");
    let options = "transparent_data_encryption_options:\n  enabled: true\n  key_provider:\n    - class_name: x\n      \
                   parameters:\n        - keystore: /etc/keys.jceks\n          keystore_password: canary\n";
    fs::write(&yaml, format!("{YAML}{options}")).unwrap();
    let text =
        format!("cassandra_yaml = {yaml:?}\ntopic_prefix = \"shop\"\nkafka.brokers = \"127.0.0.1:9092\"\n");
    let config = parse(&text, &Overrides::default()).unwrap();
    let keystore = config.source.keystore.as_ref().unwrap();
    assert_eq!(keystore.file, Path::new("/etc/keys.jceks"));
    assert_eq!(keystore.password.expose(), "canary");
    assert!(!format!("{config:?}").contains("canary"));
}

#[test]
fn no_secret_is_shown_wherever_it_came_from() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    fs::write(&file, "canary\n").unwrap();
    let text = format!(
        "{}cassandra.username = \"u\"\ncassandra.password_file = {file:?}\nkafka.security_protocol = \"sasl_ssl\"\n\
         kafka.sasl_mechanism = \"PLAIN\"\nkafka.sasl_username = \"u\"\nkafka.ssl_key_password_file = {file:?}\n\
         source.keystore_file = {file:?}\nsource.keystore_password_file = {file:?}\n",
        three_lines(directory.path())
    );
    let overrides = Overrides::default()
        .with_variable("RINGTAP_KAFKA_SASL_PASSWORD", "canary")
        .with_variable("RINGTAP_SOURCE_KEY_PASSWORD", "canary")
        .with_variable("RINGTAP_KAFKA_OPTIONS_SASL_OAUTHBEARER_CLIENT_SECRET", "canary");
    let config = parse(&text, &overrides).unwrap();
    let (plain, secret) = config.kafka.security_options();
    assert_eq!(secret.len(), 3);
    assert_eq!(config.cassandra.password.as_ref().map(Secret::expose), Some("canary"));
    let shown = format!(
        "{config:?} {config:#?} {plain:?} {secret:?} {:?} {}",
        config.cassandra.node_options(),
        serde_json::to_string(&config.effective).unwrap()
    );
    assert!(!shown.contains("canary"), "{shown}");
}
