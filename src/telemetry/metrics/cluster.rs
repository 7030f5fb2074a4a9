//! The metrics of an agent with `dedup.mode = "cluster"`, each with what it is read from.

use metrics::Unit;

use super::{Kind, Metric};
use crate::telemetry::cluster::ClusterView;

/// What the agent does among the others; label `state`, 1 for the one that holds.
pub const CLUSTER_STATE: Metric = Metric::new(
    Kind::Gauge,
    "ringtap_cluster_state",
    Unit::Count,
    "1 for what the agent does among the others, 0 for the rest",
);

/// A metric without labels.
#[derive(Debug, Clone, Copy)]
pub struct ClusterMetric {
    /// The metric.
    pub metric: Metric,
    /// Reads it.
    pub read: fn(&ClusterView) -> f64,
}

const fn gauge(
    name: &'static str,
    unit: Unit,
    read: fn(&ClusterView) -> f64,
    help: &'static str,
) -> ClusterMetric {
    ClusterMetric { metric: Metric::new(Kind::Gauge, name, unit, help), read }
}

const fn counter(name: &'static str, read: fn(&ClusterView) -> f64, help: &'static str) -> ClusterMetric {
    ClusterMetric { metric: Metric::new(Kind::Counter, name, Unit::Count, help), read }
}

fn flag(is_set: bool) -> f64 {
    f64::from(u8::from(is_set))
}

fn seconds(milliseconds: u64) -> f64 {
    milliseconds as f64 / 1000.0
}

/// All but [`CLUSTER_STATE`].
pub const CLUSTER: &[ClusterMetric] = &[
    gauge("ringtap_cluster_able", Unit::Count, |view| flag(view.is_able), "1 if the agent can own tokens"),
    gauge(
        "ringtap_cluster_agents",
        Unit::Count,
        |view| view.agents.len() as f64,
        "Agents that ever made themselves known",
    ),
    gauge(
        "ringtap_cluster_agents_heard",
        Unit::Count,
        |view| view.agents_heard() as f64,
        "Agents of which a record was read within the last minute, this one included",
    ),
    gauge(
        "ringtap_cluster_agents_differing",
        Unit::Count,
        |view| view.agents_differing() as f64,
        "Agents with other settings than the first one: they only audit",
    ),
    gauge(
        "ringtap_cluster_nodes_without_agent",
        Unit::Count,
        |view| view.nodes_without_agent.len() as f64,
        "Nodes of the ring beside which no agent ever made itself known",
    ),
    gauge(
        "ringtap_cluster_keyspaces_not_placed",
        Unit::Count,
        |view| view.placement_problems.len() as f64,
        "Keyspaces that nobody publishes",
    ),
    gauge(
        "ringtap_cluster_owned_ranges",
        Unit::Count,
        |view| view.owned_ranges as f64,
        "Ranges of tokens that the agent owns",
    ),
    gauge(
        "ringtap_cluster_owned_percent",
        Unit::Percent,
        |view| view.owned_share_percent,
        "Share of all tokens that the agent owns",
    ),
    gauge(
        "ringtap_cluster_pending_changes",
        Unit::Count,
        |view| view.pending_changes as f64,
        "Changes of the own log that the ledger does not have yet",
    ),
    gauge(
        "ringtap_cluster_pending_bytes",
        Unit::Bytes,
        |view| view.pending_bytes as f64,
        "Memory of the changes that the ledger does not have yet",
    ),
    gauge(
        "ringtap_cluster_pending_oldest_seconds",
        Unit::Seconds,
        |view| seconds(view.pending_oldest_ms.unwrap_or(0)),
        "How long the oldest change that the ledger does not have has been waited for",
    ),
    gauge(
        "ringtap_cluster_audit_stands",
        Unit::Count,
        |view| flag(view.audit_stands),
        "1 if the audit stands still: no more changes can be remembered",
    ),
    gauge(
        "ringtap_cluster_caught_up",
        Unit::Count,
        |view| flag(view.is_caught_up),
        "1 if the head has read all that its log holds",
    ),
    gauge(
        "ringtap_cluster_window_whole_since_timestamp_seconds",
        Unit::Seconds,
        |view| seconds(view.window_whole_since_ms),
        "Since when, in seconds since 1970, the index has all that stood in the ledger; 0 if it lacks nothing",
    ),
    counter(
        "ringtap_cluster_relays_sent_total",
        |view| view.relays_sent as f64,
        "Changes that were missing in the ledger and were sent to their owners",
    ),
    counter(
        "ringtap_cluster_relays_received_total",
        |view| view.relays_received as f64,
        "Changes that other agents sent",
    ),
    counter(
        "ringtap_cluster_relays_answered_total",
        |view| view.relays_answered as f64,
        "Changes that others sent and that were published, or answered as never to be published",
    ),
    counter(
        "ringtap_cluster_relays_unwanted_total",
        |view| view.relays_unwanted as f64,
        "Changes that others sent and that were known, or of tokens that are not owned here",
    ),
    counter(
        "ringtap_cluster_take_overs_total",
        |view| view.take_overs as f64,
        "Times that this agent began to take tokens over from another one",
    ),
    counter(
        "ringtap_cluster_lost_sessions_total",
        |view| view.lost_sessions as f64,
        "Sessions that ended though the agent goes on: shut out by another agent, or an outcome that is not known",
    ),
    counter(
        "ringtap_cluster_rewinds_total",
        |view| view.rewinds as f64,
        "Times that the log was read again from an earlier position",
    ),
    counter(
        "ringtap_cluster_streamed_copies_skipped_total",
        |view| view.streamed_copies_skipped as f64,
        "Changes that were streamed to the node, not written to it, and were skipped",
    ),
    counter(
        "ringtap_cluster_late_changes_total",
        |view| view.late_changes as f64,
        "Changes older than the window that the ledger did not know",
    ),
    counter(
        "ringtap_cluster_index_disk_waits_total",
        |view| view.index.waits_for_disk as f64,
        "Times that the index of the ledger had to wait for the disk",
    ),
];
