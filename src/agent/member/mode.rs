//! Whether the agent is a member of a cluster, or alone.

use std::time::Duration;

use crate::{
    agent::{error::AgentError, report::Report, stops::Stops},
    checkpoint::StateDir,
    config::{Config, DedupMode},
    schema::node::CassandraNode,
};

/// How long to wait between two questions to a node that does not answer.
const RETRY: Duration = Duration::from_secs(2);

/// Says whether the agent shares its work with those of other nodes, as the configuration has it, or by the ring's size. Who was a
/// member stays one. `None`: it was asked to stop.
pub(in crate::agent) fn is_member(
    config: &Config,
    state: &StateDir,
    stops: &Stops,
    report: &Report,
) -> Result<Option<bool>, AgentError> {
    let was_member = state.ledger().exists();
    match config.dedup.mode {
        DedupMode::Cluster => return Ok(Some(true)),
        DedupMode::Node | DedupMode::Off => {
            if was_member {
                tracing::warn!(
                    "this agent was a member of a cluster, and dedup.mode says otherwise now: what the cluster's agents have published \
                     since is published again by this one"
                );
            }
            return Ok(Some(false));
        }
        DedupMode::Auto if was_member => return Ok(Some(true)),
        DedupMode::Auto => {}
    }
    let options = config.cassandra.node_options();
    loop {
        match CassandraNode::connect(&options).and_then(|node| node.peers()) {
            Ok(peers) => {
                tracing::info!(other_nodes = peers.len(), "dedup.mode is \"auto\"");
                return Ok(Some(!peers.is_empty()));
            }
            // It was alone before: it can go on without its node.
            Err(error) if state.index().exists() => {
                tracing::warn!(%error, "dedup.mode is \"auto\" and the node can't be asked for its ring: as before, \"node\"");
                return Ok(Some(false));
            }
            Err(error) if error.is_transient() => report.waiting_for_cassandra(&error),
            Err(error) => return Err(error.into()),
        }
        if stops.graceful.wait(RETRY) {
            return Ok(None);
        }
    }
}
