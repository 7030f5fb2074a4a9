//! What is said of a cluster: what was told, put together and judged.

mod findings;
mod keyspaces;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Serialize;

use self::keyspaces::Owned;
pub(super) use self::keyspaces::{KeyspaceReport, RangeReport};
use super::gather::Gathered;
use crate::{
    cluster::{core::KnownAgent, names::HostId, topics::Extent},
    telemetry::ClusterView,
};

/// A cluster, as `--json` prints it. Times are in milliseconds; those since 1970 end in `_at_ms`.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) cluster: String,
    pub(super) brokers: String,
    pub(super) asked_at_ms: u64,
    /// What the agents have in common.
    pub(super) identity_version: u16,
    pub(super) owners_uuid: String,
    pub(super) owners_records: u64,
    /// The node that told of the ring.
    pub(super) ring_told_by: Option<String>,
    /// Why the ring is not known, if somebody was asked.
    pub(super) ring_problem: Option<String>,
    pub(super) ring_nodes: Option<usize>,
    pub(super) agents: Vec<AgentReport>,
    pub(super) nodes_without_agent: Vec<NodeReport>,
    pub(super) keyspaces: Vec<KeyspaceReport>,
    /// Who publishes changes of the schema; none if nobody does.
    pub(super) schema_owner: Option<String>,
    /// All ranges of tokens, if they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ranges: Option<Vec<RangeReport>>,
    pub(super) ledger: TopicReport,
    pub(super) relay: TopicReport,
    pub(super) window_ms: u64,
    pub(super) placement_problems: Vec<String>,
    /// What an operator may want to change.
    pub(super) warnings: Vec<String>,
    /// What is not as it should be.
    pub(super) findings: Vec<String>,
}

/// A node of the ring.
#[derive(Debug, Clone, Serialize)]
pub(super) struct NodeReport {
    pub(super) host_id: String,
    pub(super) address: Option<String>,
    pub(super) data_center: String,
    pub(super) rack: String,
}

/// An agent.
#[derive(Debug, Serialize)]
pub(super) struct AgentReport {
    pub(super) host_id: String,
    /// Its node; none if the ring is not known, or does not have it.
    pub(super) node: Option<NodeReport>,
    pub(super) partition: i32,
    pub(super) version: String,
    /// Whether its settings are those of the first agent.
    pub(super) agrees: bool,
    /// The session of its ledger's last record. As text: readers of JSON in other languages have no integers of 64 bits.
    pub(super) session: Option<String>,
    pub(super) heard_ago_ms: Option<u64>,
    pub(super) beat: Option<u64>,
    pub(super) done: Option<u64>,
    pub(super) beat_ago_ms: Option<u64>,
    pub(super) owned_ranges: u64,
    /// Of all tokens of all keyspaces, in percent.
    pub(super) owned_share_percent: f64,
    /// Offsets in its partition of the ledger.
    pub(super) ledger_records: u64,
    /// Offsets that an open transaction hides.
    pub(super) ledger_hidden_records: u64,
    pub(super) relay_records: u64,
}

/// The ledger or the relay topic.
#[derive(Debug, Serialize)]
pub(super) struct TopicReport {
    pub(super) topic: String,
    pub(super) partitions: usize,
    /// Offsets, ends of transactions included.
    pub(super) records: u64,
    pub(super) hidden_records: u64,
    /// The first record that is there.
    pub(super) oldest_ago_ms: Option<u64>,
    /// Whether records were deleted that stood before it.
    pub(super) has_forgotten: bool,
    pub(super) retention_ms: Option<u64>,
}

impl Report {
    pub(super) fn new(gathered: &Gathered, with_ranges: bool) -> Self {
        let ring = gathered.ring.as_ref();
        let (view, ring_problem) = match ring {
            Some(Ok(view)) => (Some(view), None),
            Some(Err(problem)) => (None, Some(problem.clone())),
            None => (None, None),
        };
        let owned = Owned::of(gathered);
        let agents = gathered.map.agents();
        let without_agent = view
            .into_iter()
            .flat_map(|view| view.topology.nodes.keys().filter(|host| !agents.contains_key(host)));
        let mut report = Self {
            cluster: gathered.cluster.clone(),
            brokers: gathered.brokers.clone(),
            asked_at_ms: gathered.now_ms,
            identity_version: gathered.init.identity_version,
            owners_uuid: uuid::Uuid::from_u128(gathered.init.uuid).to_string(),
            owners_records: gathered.owners_records,
            ring_told_by: view.map(|view| view.topology.told_by.to_string()),
            ring_problem,
            ring_nodes: view.map(|view| view.topology.nodes.len()),
            agents: agents.iter().map(|(host, agent)| agent_report(gathered, *host, agent, &owned)).collect(),
            nodes_without_agent: without_agent.filter_map(|host| node_report(gathered, *host)).collect(),
            keyspaces: owned.keyspaces(gathered),
            schema_owner: owned.schema_owner().map(|host| host.to_string()),
            ranges: with_ranges.then(|| owned.ranges()),
            ledger: topic_report(gathered, ".ledger", &gathered.ledger, &gathered.ledger_first_ms),
            relay: topic_report(gathered, ".relay", &gathered.relay, &gathered.relay_first_ms),
            window_ms: gathered.window_ms,
            placement_problems: view.map(|view| view.problems.clone()).unwrap_or_default(),
            warnings: findings::warnings(gathered),
            findings: Vec::new(),
        };
        report.findings = findings::find(gathered, &report);
        report
    }
}

fn node_report(gathered: &Gathered, host: HostId) -> Option<NodeReport> {
    let node = gathered.ring.as_ref()?.as_ref().ok()?.node(host)?;
    Some(NodeReport {
        host_id: host.to_string(),
        address: node.address.map(|address| address.to_string()),
        data_center: node.data_center.to_string(),
        rack: node.rack.to_string(),
    })
}

fn agent_report(gathered: &Gathered, host: HostId, agent: &KnownAgent, owned: &Owned) -> AgentReport {
    let tail = gathered.tails.get(&agent.partition);
    let beat = tail.and_then(|tail| tail.beat);
    let ago = |at_ms: u64| gathered.now_ms.saturating_sub(at_ms);
    let extent = |of: &BTreeMap<i32, Extent>| of.get(&agent.partition).copied().unwrap_or_default();
    let (ledger, relay) = (extent(&gathered.ledger), extent(&gathered.relay));
    let (owned_ranges, owned_share_percent) = owned.of_host(host);
    AgentReport {
        host_id: host.to_string(),
        node: node_report(gathered, host),
        partition: agent.partition,
        version: agent.version.to_string(),
        agrees: agent.agrees,
        session: tail.map(|tail| tail.session.to_string()),
        heard_ago_ms: tail.map(|tail| ago(tail.newest_ms)),
        beat: beat.map(|beat| beat.number),
        done: beat.map(|beat| beat.done),
        beat_ago_ms: beat.map(|beat| ago(beat.at_ms)),
        owned_ranges,
        owned_share_percent,
        ledger_records: ledger.end - ledger.begin.min(ledger.end),
        ledger_hidden_records: ledger.end.saturating_sub(ledger.stable_end),
        relay_records: relay.end.saturating_sub(relay.begin),
    }
}

fn topic_report(
    gathered: &Gathered,
    ending: &str,
    extents: &BTreeMap<i32, Extent>,
    first_ms: &BTreeMap<i32, u64>,
) -> TopicReport {
    let settings = gathered.topics.iter().find(|its| its.topic.ends_with(ending));
    TopicReport {
        topic: settings.map(|its| its.topic.clone()).unwrap_or_default(),
        partitions: extents.len(),
        records: extents.values().map(|it| it.end.saturating_sub(it.begin)).sum(),
        hidden_records: extents.values().map(|it| it.end.saturating_sub(it.stable_end)).sum(),
        oldest_ago_ms: first_ms.values().min().map(|at_ms| gathered.now_ms.saturating_sub(*at_ms)),
        has_forgotten: extents.values().any(|it| it.begin > 0),
        retention_ms: settings.and_then(|its| its.retention_ms),
    }
}

impl AgentReport {
    /// Returns true if a record of it came lately.
    pub(super) fn is_heard(&self) -> bool {
        let within = ClusterView::HEARD_WITHIN.as_millis();
        self.heard_ago_ms.is_some_and(|ago| u128::from(ago) <= within)
    }
}
