//! What `/status` says and `ringtap status` shows.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    accounting::Accounting,
    cluster::ClusterView,
    metrics::{Counter, Gauge},
    space::SpaceLevel,
    state::{AgentState, Identity, Milestone},
    status::AgentStatus,
    threads::ThreadHealth,
};

/// Something that is not as it should be, though the agent runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Degradation {
    /// `cdc_raw` is above the first threshold.
    CdcRawFilling,
    /// `cdc_raw` is above the second threshold.
    CdcRawAlmostFull,
    /// Kafka does not take records.
    KafkaAway,
    /// The node does not answer.
    CassandraAway,
    /// A person must do something.
    Blocked,
    /// Parts of the log were deleted before they were read.
    Gaps,
    /// Segments were damaged.
    Damages,
    /// Entries were put aside.
    Quarantine,
    /// The agent can't own tokens: others publish for it.
    CannotOwn,
    /// The audit of the own log stands still.
    AuditStands,
    /// Agents have other settings than the first one.
    AgentsDiffer,
    /// Nodes of the ring have no agent.
    NodesWithoutAgent,
    /// Keyspaces are published by nobody.
    NotPlaced,
}

impl Degradation {
    /// Returns what it means and what to do.
    pub fn text(self) -> &'static str {
        match self {
            Self::CdcRawFilling => "cdc_raw fills: when it is full, the node refuses writes to CDC tables",
            Self::CdcRawAlmostFull => {
                "cdc_raw is almost full: the node will refuse writes to CDC tables; see why Kafka takes nothing"
            }
            Self::KafkaAway => "Kafka takes no records; the log waits",
            Self::CassandraAway => "the node does not answer",
            Self::Blocked => "stopped until a person does something",
            Self::Gaps => "parts of the log were deleted before they were read: changes are missing",
            Self::Damages => "segments were damaged: see the log",
            Self::Quarantine => "entries were put aside: see the quarantine directory",
            Self::CannotOwn => "this agent can't own tokens: the others must publish for it",
            Self::AuditStands => {
                "too many changes of the log are missing in the ledger: reading waits for their owners"
            }
            Self::AgentsDiffer => "agents have other settings than the first one: they only audit",
            Self::NodesWithoutAgent => {
                "nodes have no agent: what only they have logged is published by nobody"
            }
            Self::NotPlaced => "keyspaces are published by nobody",
        }
    }
}

/// The room in `cdc_raw`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SpacePage {
    /// How full it is.
    pub level: SpaceLevel,
    /// Bytes in it.
    pub bytes: u64,
    /// Bytes at which the node refuses writes.
    pub limit_bytes: u64,
    /// Segments in it.
    pub segments: u64,
    /// Age of the oldest, in seconds.
    pub oldest_seconds: u64,
    /// Seconds until it is full at the present rate; none if it does not grow.
    pub full_in_seconds: Option<u64>,
}

/// Records of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TablePage {
    /// Keyspace and name.
    pub table: String,
    /// Records by kind.
    pub records: std::collections::BTreeMap<String, u64>,
}

/// How the agent gets on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusPage {
    /// The agent's version.
    pub version: String,
    /// What it does.
    pub state: AgentState,
    /// For how many seconds.
    pub state_seconds: u64,
    /// Why; empty if the state says it all.
    pub reason: String,
    /// Whether it is ready.
    pub is_ready: bool,
    /// Whether every thread makes progress or waits for something known.
    pub is_live: bool,
    /// What is missing to be ready.
    pub missing: Vec<Milestone>,
    /// What is not as it should be.
    pub degraded: Vec<Degradation>,
    /// Which node.
    pub identity: Option<Identity>,
    /// Seconds since the start.
    pub uptime_seconds: u64,
    /// The segment in reading; none before the first.
    pub segment: Option<i64>,
    /// The position in it.
    pub position: u64,
    /// The committed progress.
    pub progress: String,
    /// Age of what is read next, in seconds.
    pub lag_seconds: f64,
    /// Bytes of the log that are there and not read.
    pub lag_bytes: u64,
    /// Seconds since the last durable checkpoint.
    pub checkpoint_age_seconds: u64,
    /// The room in `cdc_raw`.
    pub cdc_raw: SpacePage,
    /// What became of the mutations.
    pub mutations: Accounting,
    /// Records by table and kind.
    pub tables: Vec<TablePage>,
    /// Counters by name, without the prefix.
    pub counters: std::collections::BTreeMap<String, u64>,
    /// The threads.
    pub threads: Vec<ThreadHealth>,
    /// Resident memory in bytes.
    pub memory_bytes: u64,
    /// The cluster; none with `dedup.mode = "node"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterView>,
}

fn whole(number: f64) -> u64 {
    if number.is_finite() && number > 0.0 { number as u64 } else { 0 }
}

impl StatusPage {
    pub(super) fn of(status: &AgentStatus, progress: String) -> Self {
        let (state, since, reason) = status.state_since();
        let value = |gauge| whole(status.value(gauge));
        let full_in = status.value(Gauge::CdcRawFullSeconds);
        let segment = status.value(Gauge::ReadSegment) as i64;
        let tables = status.tables().into_iter().map(|(table, records)| TablePage {
            table,
            records: records.counts().map(|(op, count)| (op.to_owned(), count)).collect(),
        });
        let counters = Counter::ALL.iter().map(|counter| {
            let name = counter.metric().name;
            (name.strip_prefix("ringtap_").unwrap_or(name).to_owned(), status.count(*counter))
        });
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            state,
            state_seconds: since.as_secs(),
            reason,
            is_ready: status.is_ready(),
            is_live: status.is_live(),
            missing: status.missing(),
            degraded: status.degradations(),
            identity: status.identity(),
            uptime_seconds: value(Gauge::UptimeSeconds),
            segment: (segment != 0).then_some(segment),
            position: value(Gauge::ReadPosition),
            progress,
            lag_seconds: status.value(Gauge::LagSeconds),
            lag_bytes: value(Gauge::LagBytes),
            checkpoint_age_seconds: value(Gauge::CheckpointAgeSeconds),
            cdc_raw: SpacePage {
                level: status.space_level(),
                bytes: value(Gauge::CdcRawBytes),
                limit_bytes: value(Gauge::CdcRawLimitBytes),
                segments: value(Gauge::CdcRawSegments),
                oldest_seconds: value(Gauge::CdcRawOldestSeconds),
                full_in_seconds: full_in.is_finite().then(|| whole(full_in)),
            },
            mutations: status.accounting(),
            tables: tables.collect(),
            counters: counters.collect(),
            threads: status.threads(),
            memory_bytes: value(Gauge::MemoryBytes),
            cluster: status.cluster(),
        }
    }

    /// Returns the one line that `systemctl status` shows.
    pub fn line(&self) -> String {
        let mut line = self.state.to_string();
        if !self.reason.is_empty() {
            line.push_str(": ");
            line.push_str(&self.reason);
        }
        if let Some(segment) = self.segment {
            use fmt::Write as _;
            let _ = write!(line, "; segment {segment}:{}, {:.1} s behind", self.position, self.lag_seconds);
        }
        // What comes from elsewhere must not break the line: the next one would be a command to systemd.
        line.replace(['\n', '\r'], " ")
    }
}

pub(super) fn bytes_text(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}

/// Returns a time of so many milliseconds for people.
pub fn duration_text(milliseconds: u64) -> String {
    match milliseconds {
        0..10_000 => format!("{:.1} s", milliseconds as f64 / 1000.0),
        _ => seconds_text(milliseconds / 1000),
    }
}

pub(super) fn seconds_text(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

impl fmt::Display for StatusPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ready = if self.is_ready { "ready" } else { "not ready" };
        let live = if self.is_live { "" } else { ", a thread hangs" };
        writeln!(f, "state      {} for {} ({ready}{live})", self.state, seconds_text(self.state_seconds))?;
        if !self.reason.is_empty() {
            writeln!(f, "reason     {}", self.reason)?;
        }
        for missing in &self.missing {
            writeln!(f, "missing    {}", missing.as_str().replace('_', " "))?;
        }
        for degraded in &self.degraded {
            writeln!(f, "attention  {}", degraded.text())?;
        }
        match &self.identity {
            Some(identity) => writeln!(f, "node       {} of {:?}", identity.host_id, identity.cluster)?,
            None => writeln!(f, "node       not known yet")?,
        }
        if let Some(segment) = self.segment {
            writeln!(f, "reading    segment {segment} at {}", self.position)?;
        }
        writeln!(f, "behind     {:.1} s, {}", self.lag_seconds, bytes_text(self.lag_bytes))?;
        let space = &self.cdc_raw;
        write!(f, "cdc_raw    {} of {}", bytes_text(space.bytes), bytes_text(space.limit_bytes))?;
        write!(f, " in {} segments, the oldest {} old", space.segments, seconds_text(space.oldest_seconds))?;
        match space.full_in_seconds {
            Some(seconds) => writeln!(f, ", full in {}", seconds_text(seconds))?,
            None => writeln!(f, ", not growing")?,
        }
        writeln!(f, "checkpoint {} ago", seconds_text(self.checkpoint_age_seconds))?;
        let mutations = &self.mutations;
        writeln!(
            f,
            "mutations  {} read: {} published, {} filtered, {} foreign, {} duplicate, {} quarantined, {} under way",
            mutations.read,
            mutations.published,
            mutations.filtered,
            mutations.foreign,
            mutations.duplicate,
            mutations.quarantined,
            mutations.in_flight().unwrap_or(0)
        )?;
        for table in &self.tables {
            let records: Vec<String> =
                table.records.iter().map(|(op, count)| format!("{count} {op}")).collect();
            writeln!(f, "records    {}: {}", table.table, records.join(", "))?;
        }
        if let Some(cluster) = &self.cluster {
            cluster.fmt(f)?;
        }
        writeln!(
            f,
            "agent      {}, up {}, {} of memory",
            self.version,
            seconds_text(self.uptime_seconds),
            bytes_text(self.memory_bytes)
        )
    }
}
