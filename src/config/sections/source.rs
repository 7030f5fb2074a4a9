//! `[source]`: the log, and what becomes of it when it has been published.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use crate::config::{
    CassandraYaml, Secret,
    directories::{self, Directory},
    problem::Origin,
    setting::{Raw, Setting, word_setting},
    values::Values,
};

/// How far a segment in writing is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadAhead {
    /// Up to what the node says is on its disk.
    Synced,
    /// Along the chain of sync markers, which come about every 100 ms.
    Marked,
    /// Beyond the last marker, as far as the checksums of entries hold.
    Written,
}
word_setting!(pub ReadAhead { Synced = "synced", Marked = "marked", Written = "written" });

/// Where an agent without a stored position begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the oldest segment that is there.
    Oldest,
    /// At what is written from now on.
    Now,
}
word_setting!(pub Start { Oldest = "oldest", Now = "now" });

/// What becomes of a segment of which everything is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Release {
    /// It is deleted.
    Delete,
    /// It is moved to this directory.
    Archive(PathBuf),
    /// It stays: somebody else deletes it.
    Keep,
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delete => f.write_str("delete"),
            Self::Archive(directory) => write!(f, "archive:{}", directory.display()),
            Self::Keep => f.write_str("keep"),
        }
    }
}

impl Setting for Release {
    fn read(raw: &Raw) -> Result<Self, String> {
        if let Raw::Text(word) | Raw::Word(word) = raw {
            match word.as_str() {
                "delete" => return Ok(Self::Delete),
                "keep" => return Ok(Self::Keep),
                _ => {}
            }
            if let Some(directory) = word.strip_prefix("archive:")
                && Path::new(directory).is_absolute()
            {
                return Ok(Self::Archive(directory.into()));
            }
        }
        Err("\"delete\", \"keep\" or \"archive:/an/absolute/path\"".into())
    }

    fn shown(&self) -> String {
        format!("{:?}", self.to_string())
    }
}

/// What happens when Kafka does not take records and `cdc_raw` fills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WhenKafkaIsAway {
    /// Nothing: segments stay, and when `cdc_raw` is full the node refuses writes to CDC tables.
    Wait,
    /// Finished segments are moved out of `cdc_raw`.
    Spool {
        /// Where to. On the same file system as `cdc_raw`.
        directory: PathBuf,
        /// The most that is kept there, in bytes.
        bytes_max: u64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AwayWord {
    Wait,
    Spool,
}
word_setting!(AwayWord { Wait = "wait", Spool = "spool" });

/// From which share of its limit on `cdc_raw` is told to be filling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpaceThresholds {
    /// Percent of the limit from which it is a warning.
    pub warn_percent: u64,
    /// Percent of the limit from which it is critical.
    pub critical_percent: u64,
}

/// The key store of an encrypted log.
#[derive(Debug, Clone)]
pub struct KeystoreConfig {
    /// The Java key store, JCEKS or PKCS12.
    pub file: PathBuf,
    /// Its password.
    pub password: Secret,
    /// The password of the keys in it, if it is another one.
    pub key_password: Option<Secret>,
}

/// The log of the node.
#[derive(Debug, Clone)]
pub struct SourceConfig {
    /// Where Cassandra puts the segments with CDC data.
    pub cdc_raw_directory: PathBuf,
    /// Where Cassandra writes the log.
    pub commitlog_directory: PathBuf,
    /// How far a segment in writing is read.
    pub read_ahead: ReadAhead,
    /// Where an agent without a stored position begins.
    pub start: Start,
    /// What becomes of segments that are done with.
    pub release: Release,
    /// How often the directories are listed, whatever the kernel tells of them, in milliseconds.
    pub rescan_interval_ms: u64,
    /// What happens when Kafka does not take records.
    pub when_kafka_is_away: WhenKafkaIsAway,
    /// The limit of `cdc_raw` in bytes; none if `cassandra.yaml` names none and the volume decides.
    pub cdc_space_bytes: Option<u64>,
    /// When `cdc_raw` is told to be filling.
    pub space: SpaceThresholds,
    /// The keys of an encrypted log.
    pub keystore: Option<KeystoreConfig>,
}

impl SourceConfig {
    pub(in crate::config) fn take(
        values: &mut Values,
        yaml: Option<&CassandraYaml>,
        cassandra_home: Option<&Path>,
    ) -> Self {
        let cdc_raw_directory = values.take_optional::<PathBuf>("source.cdc_raw_directory");
        let commitlog_directory = values.take_optional::<PathBuf>("source.commitlog_directory");
        let cdc_raw_directory =
            directories::settle(values, Directory::CdcRaw, cdc_raw_directory, yaml, cassandra_home);
        let commitlog_directory =
            directories::settle(values, Directory::Commitlog, commitlog_directory, yaml, cassandra_home);
        let release = values.take("source.release", Release::Delete);
        let cdc_space_bytes = values.take_optional_number("source.cdc_space_bytes", 1..=u64::MAX >> 1);
        let cdc_space_bytes = cdc_space_bytes.or_else(|| {
            let bytes = yaml.and_then(|yaml| yaml.cdc_total_space_bytes)?;
            values.derived("source.cdc_space_bytes", bytes.to_string(), Origin::CassandraYaml);
            Some(bytes)
        });
        let source = Self {
            cdc_raw_directory,
            commitlog_directory,
            read_ahead: values.take("source.read_ahead", ReadAhead::Marked),
            start: values.take("source.start", Start::Oldest),
            release,
            rescan_interval_ms: values.take_number("source.rescan_interval_ms", 1_000, 10..=60_000),
            when_kafka_is_away: take_away(values),
            cdc_space_bytes,
            space: take_thresholds(values),
            keystore: take_keystore(values, yaml),
        };
        source.check_directories(values);
        source
    }

    fn check_directories(&self, values: &mut Values) {
        if !self.cdc_raw_directory.as_os_str().is_empty()
            && self.cdc_raw_directory == self.commitlog_directory
        {
            values.unfit(
                "source.commitlog_directory",
                "the same as source.cdc_raw_directory; Cassandra has two directories",
            );
        }
        let targets = [
            (
                "source.release",
                match &self.release {
                    Release::Archive(directory) => Some(directory),
                    _ => None,
                },
            ),
            (
                "source.spool_directory",
                match &self.when_kafka_is_away {
                    WhenKafkaIsAway::Spool { directory, .. } => Some(directory),
                    WhenKafkaIsAway::Wait => None,
                },
            ),
        ];
        for (key, target) in targets {
            let inside = [&self.cdc_raw_directory, &self.commitlog_directory].into_iter().find(|log| {
                !log.as_os_str().is_empty() && target.is_some_and(|target| target.starts_with(log))
            });
            if let Some(log) = inside {
                values.unfit(
                    key,
                    format!("lies in {}, which is Cassandra's; take a directory beside it", log.display()),
                );
            }
        }
    }
}

fn take_away(values: &mut Values) -> WhenKafkaIsAway {
    let word = values.take("source.when_kafka_is_away", AwayWord::Wait);
    let directory = values.take_optional::<PathBuf>("source.spool_directory");
    let bytes_max = values.take_number("source.spool_bytes_max", 32 << 30, 1 << 20..=u64::MAX >> 1);
    match (word, directory) {
        (AwayWord::Spool, Some(directory)) => {
            if !directory.is_absolute() {
                values.unfit("source.spool_directory", "takes an absolute path");
            }
            WhenKafkaIsAway::Spool { directory, bytes_max }
        }
        (AwayWord::Spool, None) => {
            values.unfit("source.when_kafka_is_away", "\"spool\" needs source.spool_directory");
            WhenKafkaIsAway::Wait
        }
        (AwayWord::Wait, Some(_)) => {
            values.unfit(
                "source.spool_directory",
                "not used with source.when_kafka_is_away = \"wait\": set that to \"spool\", or leave this out",
            );
            WhenKafkaIsAway::Wait
        }
        (AwayWord::Wait, None) => WhenKafkaIsAway::Wait,
    }
}

fn take_thresholds(values: &mut Values) -> SpaceThresholds {
    let warn_percent = values.take_number("source.space_warn_percent", 60, 1..=100);
    let critical_percent = values.take_number("source.space_critical_percent", 85, 1..=100);
    if warn_percent >= critical_percent {
        values.unfit(
            "source.space_warn_percent",
            format!("{warn_percent} is not below source.space_critical_percent, which is {critical_percent}"),
        );
    }
    SpaceThresholds { warn_percent, critical_percent }
}

fn take_keystore(values: &mut Values, yaml: Option<&CassandraYaml>) -> Option<KeystoreConfig> {
    let file = values.take_optional::<PathBuf>("source.keystore_file");
    let password = values.take_secret("source.keystore_password");
    let key_password = values.take_secret("source.key_password");
    let from_yaml = yaml.and_then(|yaml| yaml.encryption.as_ref());
    let Some(file) = file else {
        if password.is_some() || key_password.is_some() {
            values.unfit("source.keystore_file", "missing, though a password for it is given");
        }
        let keys = from_yaml?;
        let (Some(file), Some(password)) = (&keys.keystore_file, &keys.keystore_password) else {
            values.warn(
                "source.keystore_file",
                "the log is encrypted (transparent_data_encryption_options), but cassandra.yaml names no key store \
                 with a password; give source.keystore_file and source.keystore_password_file",
            );
            return None;
        };
        if file.is_relative() {
            values.warn(
                "source.keystore_file",
                format!(
                    "the log is encrypted; cassandra.yaml names {}, which Cassandra takes from its own working \
                     directory; give source.keystore_file and source.keystore_password_file",
                    file.display()
                ),
            );
            return None;
        }
        values.derived("source.keystore_file", file.shown(), Origin::CassandraYaml);
        return Some(KeystoreConfig {
            file: file.clone(),
            password: password.clone(),
            key_password: keys.key_password.clone(),
        });
    };
    let Some(password) = password else {
        if !values.was_refused("source.keystore_password_file") {
            values.unfit(
                "source.keystore_file",
                "needs its password: give source.keystore_password_file or $RINGTAP_SOURCE_KEYSTORE_PASSWORD",
            );
        }
        return None;
    };
    Some(KeystoreConfig { file, password, key_password })
}
