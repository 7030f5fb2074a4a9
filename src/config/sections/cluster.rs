//! `[dedup]`, the part of it that concerns the agents of a cluster. None of the times carries safety: they say when something is
//! tried.

use super::source::{ReadAhead, SourceConfig};
use crate::config::{CassandraYaml, problem::Origin, values::Values};

/// How the agents of a cluster share the work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterConfig {
    /// Datacenters by preference: the first that replicates a keyspace publishes it. Needed where keyspaces have several.
    pub datacenters: Vec<String>,
    /// An agent of which nothing was heard for this long may be taken over from, in milliseconds.
    pub suspect_after_ms: u64,
    /// One that beats may be too if it has not got on with its log for this long, in milliseconds.
    pub stuck_after_ms: u64,
    /// How long a change is waited for before it is relayed to its owner, once more for each rank, in milliseconds.
    pub grace_ms: u64,
    /// How often an agent says that it is there, in milliseconds.
    pub beat_interval_ms: u64,
    /// How long an agent must have kept up before it wants its tokens back, in milliseconds.
    pub hand_back_after_ms: u64,
    /// How long the ledger is kept, in milliseconds.
    pub ledger_retention_ms: u64,
    /// How many changes may be unconfirmed before the audit waits for them.
    pub pending_changes_max: u64,
    /// How many bytes of the log may be kept for them.
    pub pending_bytes_max: u64,
}

/// What a beat may take besides its interval until another agent has read it: two commits, and a slow reader.
const BEAT_WAY_MS: u64 = 1_000;

impl ClusterConfig {
    pub(in crate::config) fn take(
        values: &mut Values,
        source: &SourceConfig,
        yaml: Option<&CassandraYaml>,
    ) -> Self {
        let datacenters = values.take("dedup.datacenters", Vec::new());
        let suspect_after_ms = values.take_number("dedup.suspect_after_ms", 15_000, 1_000..=3_600_000);
        let beat_interval_ms = values.take_number("dedup.beat_interval_ms", 1_000, 100..=60_000);
        if suspect_after_ms < 2 * beat_interval_ms + BEAT_WAY_MS {
            values.unfit(
                "dedup.suspect_after_ms",
                format!(
                    "{suspect_after_ms} is less than two beats (dedup.beat_interval_ms is {beat_interval_ms}) and {BEAT_WAY_MS} ms on their \
                     way: agents that are well would be taken over from"
                ),
            );
        }
        Self {
            datacenters,
            suspect_after_ms,
            stuck_after_ms: values.take_number("dedup.stuck_after_ms", 300_000, 1_000..=86_400_000),
            grace_ms: take_grace(values, source, yaml),
            beat_interval_ms,
            hand_back_after_ms: values.take_number("dedup.hand_back_after_ms", 30_000, 1_000..=86_400_000),
            ledger_retention_ms: values.take_number(
                "dedup.ledger_retention_ms",
                24 * 3_600_000,
                60_000..=365 * 86_400_000,
            ),
            pending_changes_max: values.take_number(
                "dedup.pending_changes_max",
                100_000,
                1_000..=100_000_000,
            ),
            pending_bytes_max: values.take_number("dedup.pending_bytes_max", 64 << 20, 1 << 20..=1 << 40),
        }
    }
}

/// A change that two nodes have is on the disk of one up to a sync period before the other's: where only that is read, to wait
/// for less would relay what comes by itself.
fn take_grace(values: &mut Values, source: &SourceConfig, yaml: Option<&CassandraYaml>) -> u64 {
    const GRACE_MS: u64 = 2_000;
    const SYNC_PERIOD_DEFAULT_MS: u64 = 10_000;
    let range = 100..=3_600_000;
    if let Some(given) = values.take_optional_number("dedup.grace_ms", range) {
        return given;
    }
    let grace_ms = match source.read_ahead {
        ReadAhead::Synced => {
            GRACE_MS + yaml.map_or(SYNC_PERIOD_DEFAULT_MS, |yaml| yaml.commitlog_sync_period_ms)
        }
        ReadAhead::Marked | ReadAhead::Written => GRACE_MS,
    };
    values.derived("dedup.grace_ms", grace_ms.to_string(), Origin::Default);
    grace_ms
}
