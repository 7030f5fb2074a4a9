//! What ringtap wants to know of `cassandra.yaml`, in the spellings of all versions.
//!
//! Names and defaults: `Config.java` and `DatabaseDescriptor.java` of Cassandra 3.11, 4.0, 4.1 and 5.0. Unknown keys are
//! left alone. Cassandra expands no variables in this file, so neither do we.

mod amount;
mod encryption;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use thiserror::Error;

use self::amount::{bytes, milliseconds};
pub use self::encryption::EncryptionKeys;
use self::encryption::EncryptionOptions;

const MIB: u64 = 1 << 20;

/// The largest `cassandra.yaml` that is read, in bytes; the one that comes with 5.0 has 120 kB.
const YAML_BYTES_MAX: u64 = 4 << 20;

/// The default limit of `cdc_raw` where an eighth of the volume is more, in bytes.
const CDC_SPACE_DEFAULT_BYTES_MAX: u64 = 4096 * MIB;

/// Why `cassandra.yaml` could not be used.
#[derive(Debug, Error)]
pub enum CassandraYamlError {
    /// It can't be read.
    #[error("{path}: cannot be read: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not the YAML that it should be. The parser's own text is left out: it may quote a password.
    #[error("{path}{}: not the YAML that Cassandra reads", line.map(|line| format!(":{line}")).unwrap_or_default())]
    Parse {
        /// Which file.
        path: PathBuf,
        /// Where.
        line: Option<u64>,
    },
    /// A value has a unit that nobody knows.
    #[error("{path}: {key}: {value:?} is no {what} that Cassandra reads")]
    Amount {
        /// Which file.
        path: PathBuf,
        /// Which key.
        key: &'static str,
        /// What it says.
        value: String,
        /// A size or a time.
        what: &'static str,
    },
}

/// A number, or a number with a unit: 3.11 and 4.0 have the unit in the key's name, 4.1 and later in the value.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Amount {
    Number(u64),
    Text(String),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Raw {
    cluster_name: Option<String>,
    num_tokens: Option<u32>,
    cdc_enabled: Option<bool>,
    cdc_block_writes: Option<bool>,
    cdc_on_repair_enabled: Option<bool>,
    cdc_raw_directory: Option<PathBuf>,
    cdc_total_space: Option<Amount>,
    cdc_total_space_in_mb: Option<Amount>,
    commitlog_directory: Option<PathBuf>,
    commitlog_sync: Option<String>,
    commitlog_sync_period: Option<Amount>,
    commitlog_sync_period_in_ms: Option<Amount>,
    commitlog_segment_size: Option<Amount>,
    commitlog_segment_size_in_mb: Option<Amount>,
    max_hint_window: Option<Amount>,
    max_hint_window_in_ms: Option<Amount>,
    listen_address: Option<String>,
    rpc_address: Option<String>,
    native_transport_port: Option<u16>,
    native_transport_port_ssl: Option<u16>,
    client_encryption_options: Option<ClientEncryption>,
    transparent_data_encryption_options: Option<EncryptionOptions>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ClientEncryption {
    enabled: Option<bool>,
    optional: Option<bool>,
}

/// What `cassandra.yaml` says.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "Cassandra's own switches, each independent of the others")]
pub struct CassandraYaml {
    /// The file.
    pub path: PathBuf,
    /// `cluster_name`.
    pub cluster_name: Option<String>,
    /// `num_tokens`.
    pub num_tokens: Option<u32>,
    /// `cdc_enabled`: without it no segment comes to `cdc_raw`.
    pub cdc_enabled: bool,
    /// `cdc_block_writes` (4.1 and later): if false, Cassandra deletes the oldest segments when `cdc_raw` is full.
    pub cdc_block_writes: bool,
    /// `cdc_on_repair_enabled` (5.0 and later): whether streamed rows of CDC tables go through the log.
    pub cdc_on_repair_enabled: bool,
    /// `cdc_raw_directory`, if it is named.
    pub cdc_raw_directory: Option<PathBuf>,
    /// The limit of `cdc_raw` in bytes, if it is named and not 0.
    pub cdc_total_space_bytes: Option<u64>,
    /// `commitlog_directory`, if it is named.
    pub commitlog_directory: Option<PathBuf>,
    /// `commitlog_sync`: `periodic`, `batch` or `group`.
    pub commitlog_sync: Option<String>,
    /// The time between two syncs of a periodic log, in milliseconds.
    pub commitlog_sync_period_ms: u64,
    /// The size of a segment in bytes.
    pub commitlog_segment_bytes: u64,
    /// For how long hints are written for a node that is down, in milliseconds.
    pub max_hint_window_ms: u64,
    /// `listen_address`.
    pub listen_address: Option<String>,
    /// `rpc_address`: where clients connect.
    pub rpc_address: Option<String>,
    /// `native_transport_port`, or the one for TLS where that is another one.
    pub native_transport_port: u16,
    /// Whether clients must use TLS.
    pub client_tls_required: bool,
    /// Whether the log is encrypted, and by which keys.
    pub encryption: Option<EncryptionKeys>,
}

impl CassandraYaml {
    /// Reads the file.
    pub fn read(path: &Path) -> Result<Self, CassandraYamlError> {
        let unreadable = |source| CassandraYamlError::Read { path: path.to_owned(), source };
        let length = fs::metadata(path).map_err(unreadable)?.len();
        if length > YAML_BYTES_MAX {
            return Err(unreadable(io::Error::new(
                io::ErrorKind::InvalidData,
                "more than 4 MiB, so not a cassandra.yaml",
            )));
        }
        Self::parse(path, &fs::read_to_string(path).map_err(unreadable)?)
    }

    /// Reads the file's text; `path` is for messages.
    pub fn parse(path: &Path, text: &str) -> Result<Self, CassandraYamlError> {
        let raw: Raw = serde_saphyr::from_str(text).map_err(|error| CassandraYamlError::Parse {
            path: path.to_owned(),
            line: error.location().map(|location| location.line()),
        })?;
        let size = |key, amount: &Option<Amount>, unit| {
            amount.as_ref().map(|amount| bytes(path, key, amount, unit)).transpose()
        };
        let time = |key, amount: &Option<Amount>| {
            amount.as_ref().map(|amount| milliseconds(path, key, amount)).transpose()
        };
        let cdc_total_space = match size("cdc_total_space", &raw.cdc_total_space, MIB)? {
            Some(value) => Some(value),
            None => size("cdc_total_space_in_mb", &raw.cdc_total_space_in_mb, MIB)?,
        };
        let segment = match size("commitlog_segment_size", &raw.commitlog_segment_size, MIB)? {
            Some(value) => Some(value),
            None => size("commitlog_segment_size_in_mb", &raw.commitlog_segment_size_in_mb, MIB)?,
        };
        let sync_period = match time("commitlog_sync_period", &raw.commitlog_sync_period)? {
            Some(value) => Some(value),
            None => time("commitlog_sync_period_in_ms", &raw.commitlog_sync_period_in_ms)?,
        };
        let hint_window = match time("max_hint_window", &raw.max_hint_window)? {
            Some(value) => Some(value),
            None => time("max_hint_window_in_ms", &raw.max_hint_window_in_ms)?,
        };
        let client = raw.client_encryption_options.unwrap_or_default();
        let tls = client.enabled == Some(true) && client.optional != Some(true);
        let plain_port = raw.native_transport_port.unwrap_or(9042);
        let port = if tls { raw.native_transport_port_ssl.unwrap_or(plain_port) } else { plain_port };
        Ok(Self {
            path: path.to_owned(),
            cluster_name: raw.cluster_name,
            num_tokens: raw.num_tokens,
            cdc_enabled: raw.cdc_enabled.unwrap_or(false),
            cdc_block_writes: raw.cdc_block_writes.unwrap_or(true),
            cdc_on_repair_enabled: raw.cdc_on_repair_enabled.unwrap_or(true),
            cdc_raw_directory: raw.cdc_raw_directory,
            cdc_total_space_bytes: cdc_total_space.filter(|bytes| *bytes > 0),
            commitlog_directory: raw.commitlog_directory,
            commitlog_sync: raw.commitlog_sync,
            commitlog_sync_period_ms: sync_period.unwrap_or(10_000),
            commitlog_segment_bytes: segment.unwrap_or(32 * MIB),
            max_hint_window_ms: hint_window.unwrap_or(3 * 3_600_000),
            listen_address: raw.listen_address.filter(|address| !address.is_empty()),
            rpc_address: raw.rpc_address.filter(|address| !address.is_empty()),
            native_transport_port: port,
            client_tls_required: tls,
            encryption: raw.transparent_data_encryption_options.and_then(EncryptionOptions::into_keys),
        })
    }

    /// Returns the address at which a client on this machine finds the node.
    pub fn client_address(&self) -> String {
        match self.rpc_address.as_deref() {
            Some("0.0.0.0" | "::") => "127.0.0.1".into(),
            Some(address) => address.to_owned(),
            None => "localhost".into(),
        }
    }
}

/// Returns the limit of `cdc_raw` that Cassandra takes if none is named: 4 GiB, or an eighth of the volume if that is less.
pub fn default_cdc_space_bytes(volume_bytes: u64) -> u64 {
    CDC_SPACE_DEFAULT_BYTES_MAX.min(volume_bytes / 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<CassandraYaml, CassandraYamlError> {
        CassandraYaml::parse(Path::new("cassandra.yaml"), text)
    }

    #[test]
    fn both_spellings_are_read() {
        let old = parse(
            "cluster_name: 'Test Cluster'\ncdc_enabled: true\ncdc_total_space_in_mb: 4096\n\
             commitlog_sync: periodic\ncommitlog_sync_period_in_ms: 10000\ncommitlog_segment_size_in_mb: 16\n\
             max_hint_window_in_ms: 10800000 # 3 hours\nrpc_address: localhost\nseed_provider:\n  - class_name: x\n",
        )
        .unwrap();
        let new = parse(
            "cluster_name: 'Test Cluster'\ncdc_enabled: true\ncdc_total_space: 4GiB\n\
             commitlog_sync: periodic\ncommitlog_sync_period: 10s\ncommitlog_segment_size: 16384KiB\n\
             max_hint_window: 3h\nrpc_address: localhost\n",
        )
        .unwrap();
        for yaml in [old, new] {
            assert!(yaml.cdc_enabled);
            assert_eq!(yaml.cdc_total_space_bytes, Some(4096 * MIB));
            assert_eq!(yaml.commitlog_sync_period_ms, 10_000);
            assert_eq!(yaml.commitlog_segment_bytes, 16 * MIB);
            assert_eq!(yaml.max_hint_window_ms, 10_800_000);
            assert_eq!(yaml.client_address(), "localhost");
        }
    }

    #[test]
    fn what_is_not_said_is_as_cassandra_takes_it() {
        let yaml = parse("cluster_name: c\ncdc_total_space: 0MiB\n").unwrap();
        assert!(!yaml.cdc_enabled);
        assert!(yaml.cdc_block_writes);
        assert!(yaml.cdc_on_repair_enabled);
        assert_eq!(yaml.cdc_total_space_bytes, None);
        assert_eq!(yaml.native_transport_port, 9042);
        assert_eq!(default_cdc_space_bytes(8 << 30), 1 << 30);
        assert_eq!(default_cdc_space_bytes(1 << 40), 4 << 30);
    }

    #[test]
    fn a_broken_file_is_told_without_its_content() {
        let text = "cluster_name: c\nkeystore_password: hunter2: [\n";
        let error = parse(text).unwrap_err().to_string();
        assert!(error.starts_with("cassandra.yaml:"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
        let error = parse("cdc_total_space: 4 elephants\n").unwrap_err().to_string();
        assert_eq!(error, "cassandra.yaml: cdc_total_space: \"4 elephants\" is no size that Cassandra reads");
    }

    #[test]
    fn keys_of_an_encrypted_log_are_found() {
        let yaml = parse(
            "transparent_data_encryption_options:\n    enabled: true\n    chunk_length_kb: 64\n    key_alias: testing:1\n    \
             key_provider:\n      - class_name: org.apache.cassandra.security.JKSKeyProvider\n        parameters:\n          \
             - keystore: conf/.keystore\n            keystore_password: cassandra\n            store_type: JCEKS\n            \
             key_password: hunter2\n",
        )
        .unwrap();
        let keys = yaml.encryption.unwrap();
        assert_eq!(keys.keystore_file.as_deref(), Some(Path::new("conf/.keystore")));
        assert_eq!(keys.key_password.as_ref().unwrap().expose(), "hunter2");
        assert!(!format!("{keys:?}").contains("hunter2"));
    }

    #[test]
    fn a_node_that_wants_tls_is_asked_at_the_port_for_it() {
        let yaml = parse(
            "native_transport_port: 9042\nnative_transport_port_ssl: 9142\n\
             client_encryption_options:\n    enabled: true\n    optional: false\n",
        )
        .unwrap();
        assert!(yaml.client_tls_required);
        assert_eq!(yaml.native_transport_port, 9142);
    }
}
