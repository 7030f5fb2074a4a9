//! The agent's configuration: one TOML file, the environment over it, the command line over both.
//!
//! Every key has a variable: `kafka.brokers` is overridden by `RINGTAP_KAFKA_BROKERS`. Options of librdkafka have
//! variables, too, with underscores for dots: `RINGTAP_KAFKA_OPTIONS_LINGER_MS`. Unknown keys are refused, and all
//! that is wrong is told at once, by file and line. Secrets come from files or from the environment.

mod cassandra_yaml;
mod directories;
mod effective;
mod kafka_options;
mod overrides;
mod problem;
mod secret;
mod sections;
mod setting;
mod values;

#[cfg(test)]
mod tests;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

pub use self::{
    cassandra_yaml::{CassandraYaml, CassandraYamlError, EncryptionKeys, default_cdc_space_bytes},
    effective::Effective,
    overrides::{OverrideError, Overrides},
    problem::{ConfigError, Origin, Problem},
    secret::{MASK, Secret},
    sections::{
        CassandraConfig, CassandraTls, ClusterConfig, DedupConfig, DedupMode, Deletes, Delivery, HttpConfig,
        KafkaConfig, KafkaSecurity, KeystoreConfig, Late, LimitsConfig, LogConfig, LogFormat, PartitionBy,
        QuarantineConfig, RawOptions, ReadAhead, RecordsConfig, Release, SaslMechanism, SecurityProtocol,
        SourceConfig, SpaceThresholds, Start, TablePattern, TablesConfig, TooLarge, WhenKafkaIsAway,
    },
};
use self::{sections::check_topic_prefix, setting::Setting as _, values::Values};

/// Every setting with its default and what it does, as a file to begin with.
pub const EXAMPLE: &str = include_str!("config/ringtap.toml");

/// The largest configuration file that is read, in bytes.
const CONFIG_BYTES_MAX: u64 = 1 << 20;

/// Where state is kept if nobody says otherwise.
const STATE_DIRECTORY_DEFAULT: &str = "/var/lib/ringtap";

/// The agent's configuration, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file that it was read from.
    pub file: PathBuf,
    /// What begins the name of every topic.
    pub topic_prefix: String,
    /// Where checkpoints and the index are kept. One node's alone.
    pub state_directory: PathBuf,
    /// What the node's own configuration says, if it is named.
    pub cassandra_yaml: Option<CassandraYaml>,
    /// The node.
    pub cassandra: CassandraConfig,
    /// The log.
    pub source: SourceConfig,
    /// Where records go.
    pub kafka: KafkaConfig,
    /// The look of records.
    pub records: RecordsConfig,
    /// Of which tables there are records.
    pub tables: TablesConfig,
    /// Which copies are recognised.
    pub dedup: DedupConfig,
    /// Where that goes which could not be decoded.
    pub quarantine: QuarantineConfig,
    /// Metrics, health, status.
    pub http: HttpConfig,
    /// The log on stderr.
    pub log: LogConfig,
    /// What the agent may take for itself.
    pub limits: LimitsConfig,
    /// What a person should look at; nothing that keeps the agent from starting.
    pub warnings: Vec<Problem>,
    /// All settings as they came to be, secrets masked.
    pub effective: Vec<Effective>,
}

impl Config {
    /// Reads a file, with what is laid over it.
    pub fn load(file: &Path, overrides: &Overrides) -> Result<Self, ConfigError> {
        let text = read_text(file).map_err(|error| ConfigError {
            file: file.to_owned(),
            problems: vec![Problem {
                origin: Origin::Default,
                key: String::new(),
                message: format!("cannot be read: {error}"),
            }],
        })?;
        Self::parse(file, &text, overrides)
    }

    /// Reads a file's text, with what is laid over it; `file` is for messages.
    pub fn parse(file: &Path, text: &str, overrides: &Overrides) -> Result<Self, ConfigError> {
        let mut values = Values::parse(text, overrides);
        if !values.is_whole() {
            // What is missing would be told wrongly: it may stand behind the place that could not be read.
            return Err(ConfigError { file: file.to_owned(), problems: values.problems });
        }
        let mut config = Self::take(file, &mut values, overrides);
        values.refuse_unknown();
        if !values.problems.is_empty() {
            values.problems.sort_by(|a, b| a.origin.cmp(&b.origin));
            return Err(ConfigError { file: file.to_owned(), problems: values.problems });
        }
        config.warnings = values.warnings;
        config.effective = values.effective;
        Ok(config)
    }

    fn take(file: &Path, values: &mut Values, overrides: &Overrides) -> Self {
        let cassandra_yaml = take_cassandra_yaml(values);
        let topic_prefix = values
            .take_required::<String>(
                "topic_prefix",
                "give what shall begin the name of every topic, as in \"shop\"",
            )
            .unwrap_or_default();
        if !values.was_refused("topic_prefix") {
            check_topic_prefix(values, "topic_prefix", &topic_prefix);
        }
        let state_directory = take_state_directory(values, overrides);
        let yaml = cassandra_yaml.as_ref();
        let cassandra = CassandraConfig::take(values, yaml);
        let source = SourceConfig::take(values, yaml, overrides.cassandra_home.as_deref());
        let kafka = KafkaConfig::take(values);
        let records = RecordsConfig::take(values, &topic_prefix);
        let tables = TablesConfig::take(values);
        let dedup = DedupConfig::take(values, &source, yaml);
        if dedup.mode == DedupMode::Cluster && kafka.delivery != Delivery::ExactlyOnce {
            values.unfit(
                "dedup.mode",
                "\"cluster\" keeps its ledger in transactions: it needs kafka.delivery = \"exactly-once\"",
            );
        }
        Self {
            file: file.to_owned(),
            cassandra,
            source,
            kafka,
            records,
            tables,
            dedup,
            quarantine: QuarantineConfig::take(values, &state_directory),
            http: HttpConfig::take(values),
            log: LogConfig::take(values),
            limits: LimitsConfig::take(values),
            topic_prefix,
            state_directory,
            cassandra_yaml,
            warnings: Vec::new(),
            effective: Vec::new(),
        }
    }
}

fn read_text(file: &Path) -> io::Result<String> {
    let length = fs::metadata(file)?.len();
    if length > CONFIG_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "more than 1 MiB, so not a configuration"));
    }
    fs::read_to_string(file)
}

fn take_cassandra_yaml(values: &mut Values) -> Option<CassandraYaml> {
    let path: PathBuf = values.take_optional("cassandra_yaml")?;
    match CassandraYaml::read(&path) {
        Ok(yaml) => Some(yaml),
        Err(error) => {
            values.unfit("cassandra_yaml", error.to_string());
            None
        }
    }
}

fn take_state_directory(values: &mut Values, overrides: &Overrides) -> PathBuf {
    let given = values.take_optional::<PathBuf>("state_directory");
    let directory = given.unwrap_or_else(|| {
        let (directory, origin) = match &overrides.state_directory {
            Some(directory) => (directory.clone(), Origin::Environment("STATE_DIRECTORY".into())),
            None => (PathBuf::from(STATE_DIRECTORY_DEFAULT), Origin::Default),
        };
        values.derived("state_directory", directory.shown(), origin);
        directory
    });
    if !directory.is_absolute() {
        values.unfit("state_directory", "takes an absolute path");
    }
    directory
}
