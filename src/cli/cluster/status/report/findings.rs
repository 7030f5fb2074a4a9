//! What is not as it should be.

use super::{super::gather::Gathered, AgentReport, KeyspaceReport, Report, TopicReport};

/// Offsets that may be hidden for a moment: transactions are open while agents publish.
const HIDDEN_FOR_A_MOMENT: u64 = 100_000;

pub(super) fn find(gathered: &Gathered, report: &Report) -> Vec<String> {
    let mut found = Vec::new();
    agents(gathered, report, &mut found);
    for keyspace in &report.keyspaces {
        owners(keyspace, &mut found);
    }
    found.extend(report.placement_problems.iter().cloned());
    ledger(gathered, &report.ledger, &mut found);
    for topic in &gathered.topics {
        found.extend(topic.refused.texts().iter().map(|text| format!("{}: {text}", topic.topic)));
    }
    found
}

pub(super) fn warnings(gathered: &Gathered) -> Vec<String> {
    let warned = gathered
        .topics
        .iter()
        .flat_map(|topic| topic.warned.texts().iter().map(|text| format!("{}: {text}", topic.topic)));
    warned.collect()
}

fn agents(gathered: &Gathered, report: &Report, found: &mut Vec<String>) {
    if report.agents.is_empty() {
        found.push("no agent has made itself known".into());
    }
    for node in &report.nodes_without_agent {
        let address = node.address.as_deref().unwrap_or("address not known");
        found.push(format!(
            "node {} ({address}) has no agent: what only it has logged is published by nobody",
            node.host_id
        ));
    }
    let ring_is_known = matches!(gathered.ring, Some(Ok(_)));
    for agent in &report.agents {
        let AgentReport { host_id, .. } = agent;
        if !agent.agrees {
            found.push(format!("agent {host_id} has other settings than the first one: it only audits"));
        }
        // A node that left keeps its name here for ever.
        let matters = agent.owned_ranges > 0 || !ring_is_known || agent.node.is_some();
        if !agent.is_heard() && matters {
            let heard = agent.heard_ago_ms.map_or("never".into(), |ago| format!("{} s ago", ago / 1000));
            let owns = if agent.owned_ranges > 0 {
                format!("; it owns {} ranges", agent.owned_ranges)
            } else {
                String::new()
            };
            found.push(format!("agent {host_id} was heard last: {heard}{owns}"));
        }
        if agent.node.is_none() && ring_is_known && agent.owned_ranges > 0 {
            found.push(format!(
                "agent {host_id} owns {} ranges, but the ring has no such node",
                agent.owned_ranges
            ));
        }
    }
}

fn owners(keyspace: &KeyspaceReport, found: &mut Vec<String>) {
    let KeyspaceReport { keyspace: name, .. } = keyspace;
    if keyspace.is_in_ring == Some(false) || keyspace.has_cdc == Some(false) {
        // Nobody needs to own it.
        return;
    }
    if keyspace.unowned_ranges > 0 {
        found.push(format!(
            "keyspace {name}: nobody publishes {} ranges, {:.2} % of the tokens ({} of them were released)",
            keyspace.unowned_ranges, keyspace.unowned_share_percent, keyspace.released_ranges
        ));
    }
    if keyspace.stale_ranges > 0 {
        found.push(format!(
            "keyspace {name}: {} ranges, {:.2} % of the tokens, are owned by sessions that are over",
            keyspace.stale_ranges, keyspace.stale_share_percent
        ));
    }
}

fn ledger(gathered: &Gathered, ledger: &TopicReport, found: &mut Vec<String>) {
    let topic = &ledger.topic;
    if ledger.has_forgotten && ledger.oldest_ago_ms.is_some_and(|ago| ago < gathered.window_ms) {
        found.push(format!(
            "{topic}: its oldest record is {} s old, but copies are to be recognised for {} s: what is older can be published \
             again. Keep it for longer (`retention.ms`, `retention.bytes`)",
            ledger.oldest_ago_ms.unwrap_or(0) / 1000,
            gathered.window_ms / 1000
        ));
    }
    if ledger.hidden_records > HIDDEN_FOR_A_MOMENT {
        found.push(format!(
            "{topic}: {} records are hidden behind open transactions: if that lasts, see `kafka-transactions.sh find-hanging`",
            ledger.hidden_records
        ));
    }
}
