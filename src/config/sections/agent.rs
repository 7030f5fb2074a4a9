//! `[dedup]`, `[quarantine]`, `[http]`, `[log]` and `[limits]`: the agent itself.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use super::{cluster::ClusterConfig, source::SourceConfig};
use crate::config::{
    CassandraYaml, Origin,
    setting::{Raw, Setting, word_setting},
    values::Values,
};

/// Which copies of a change are recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DedupMode {
    /// As `Cluster` where the node's ring has other nodes, as `Node` where it has not.
    Auto,
    /// Those of all replicas: the agents of the cluster publish each change once.
    Cluster,
    /// Those that this agent has published.
    Node,
    /// None.
    Off,
}
word_setting!(pub DedupMode { Auto = "auto", Cluster = "cluster", Node = "node", Off = "off" });

/// What becomes of a change that is older than the window and not known: a back-fill with old timestamps, or a copy that came
/// too late to be recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Late {
    /// It is published, with the header `late`.
    Publish,
    /// It is counted, and not published: back-fills, and writes by wrong clocks, are lost.
    Drop,
    /// It is published to the topic of its table with `.late` behind the name, out of order with the others.
    Topic,
}
word_setting!(pub Late { Publish = "publish", Drop = "drop", Topic = "topic" });

/// Which copies are recognised, and for how long.
#[derive(Debug, Clone)]
pub struct DedupConfig {
    /// Which copies.
    pub mode: DedupMode,
    /// How the agents of a cluster share the work.
    pub cluster: ClusterConfig,
    /// For how long after a change's write time its copies are recognised, in milliseconds.
    pub window_ms: u64,
    /// What becomes of changes older than that which are not known.
    pub late: Late,
    /// The most memory that the index takes, in bytes.
    pub memory_bytes_max: u64,
    /// The most disk that the index takes, in bytes.
    pub disk_bytes_max: u64,
}

impl DedupConfig {
    pub(in crate::config) fn take(
        values: &mut Values,
        source: &SourceConfig,
        yaml: Option<&CassandraYaml>,
    ) -> Self {
        Self {
            mode: values.take("dedup.mode", DedupMode::Auto),
            cluster: ClusterConfig::take(values, source, yaml),
            window_ms: values.take_number("dedup.window_ms", 6 * 3_600_000, 1_000..=30 * 86_400_000),
            late: values.take("dedup.late", Late::Publish),
            memory_bytes_max: values.take_number("dedup.memory_bytes_max", 128 << 20, 1 << 20..=1 << 40),
            disk_bytes_max: values.take_number("dedup.disk_bytes_max", 4 << 30, 1 << 20..=1 << 44),
        }
    }
}

/// Where that goes which could not be decoded.
#[derive(Debug, Clone)]
pub struct QuarantineConfig {
    /// Where the bytes are kept.
    pub directory: PathBuf,
    /// The most that is kept, in bytes; when it is full the agent stops.
    pub bytes_max: u64,
}

impl QuarantineConfig {
    pub(in crate::config) fn take(values: &mut Values, state_directory: &Path) -> Self {
        let directory = values.take_optional::<PathBuf>("quarantine.directory").unwrap_or_else(|| {
            let directory = state_directory.join("quarantine");
            values.derived("quarantine.directory", directory.shown(), Origin::Default);
            directory
        });
        let bytes_max = values.take_number("quarantine.bytes_max", 1 << 30, 1 << 20..=1 << 44);
        Self { directory, bytes_max }
    }
}

/// Where metrics, health and status are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpConfig {
    /// The address; none if nothing is served.
    pub listen: Option<SocketAddr>,
    /// Whether others than this machine may ask.
    pub allow_remote: bool,
}

/// The default address of metrics, health and status.
const LISTEN_DEFAULT: &str = "127.0.0.1:9187";

impl HttpConfig {
    pub(in crate::config) fn take(values: &mut Values) -> Self {
        let listen = values.take::<Listen>("http.listen", Listen(LISTEN_DEFAULT.parse().ok())).0;
        let allow_remote = values.take("http.allow_remote", false);
        if let Some(address) = listen
            && !address.ip().is_loopback()
            && !allow_remote
        {
            values.unfit(
                "http.listen",
                format!(
                    "{address} can be reached from other machines, and there is no login: take 127.0.0.1, or set \
                     http.allow_remote = true"
                ),
            );
        }
        Self { listen, allow_remote }
    }
}

#[derive(Debug)]
struct Listen(Option<SocketAddr>);

impl Setting for Listen {
    fn read(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::Text(word) | Raw::Word(word) if word == "off" => Ok(Self(None)),
            _ => match SocketAddr::read(raw) {
                Ok(address) => Ok(Self(Some(address))),
                Err(takes) => Err(format!("{takes}, or \"off\"")),
            },
        }
    }

    fn shown(&self) -> String {
        self.0.map_or_else(|| "\"off\"".to_owned(), |address| address.shown())
    }
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}
word_setting!(pub LogFormat { Text = "text", Json = "json" });

/// The log on stderr.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// How its lines look.
    pub format: LogFormat,
    /// Which lines there are, as `RUST_LOG` has it: `info`, `warn,ringtap::source=debug`.
    pub filter: String,
}

impl LogConfig {
    pub(in crate::config) fn take(values: &mut Values) -> Self {
        let format = values.take("log.format", LogFormat::Text);
        let filter = values.take("log.filter", "info".to_owned());
        if tracing_subscriber::EnvFilter::builder().parse(&filter).is_err() {
            values.unfit(
                "log.filter",
                format!("{filter:?} is no filter; \"info\", or \"warn,ringtap::source=debug\""),
            );
        }
        Self { format, filter }
    }
}

/// What the agent may take for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitsConfig {
    /// The most memory that queues and buffers take together, in bytes.
    pub memory_bytes_max: u64,
    /// The largest section of a segment, decompressed, in bytes: a larger one is taken for damage.
    pub section_bytes_max: u64,
    /// The most bytes of records in one batch between the threads.
    pub batch_bytes_max: u64,
    /// The most batches that wait between the threads.
    pub queue_batches_max: u64,
}

impl LimitsConfig {
    pub(in crate::config) fn take(values: &mut Values) -> Self {
        let limits = Self {
            memory_bytes_max: values.take_number("limits.memory_bytes_max", 256 << 20, 16 << 20..=1 << 40),
            section_bytes_max: values.take_number("limits.section_bytes_max", 64 << 20, 1 << 20..=1 << 30),
            batch_bytes_max: values.take_number("limits.batch_bytes_max", 1 << 20, 4 << 10..=256 << 20),
            queue_batches_max: values.take_number("limits.queue_batches_max", 16, 1..=65_536),
        };
        let queued = limits.batch_bytes_max.saturating_mul(limits.queue_batches_max);
        if queued > limits.memory_bytes_max {
            values.unfit(
                "limits.memory_bytes_max",
                format!(
                    "{} is less than limits.batch_bytes_max times limits.queue_batches_max, which is {queued}",
                    limits.memory_bytes_max
                ),
            );
        }
        limits
    }
}
