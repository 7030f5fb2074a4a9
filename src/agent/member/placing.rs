//! Which of the cluster's agents publishes what, for the protocol's core.

use std::sync::Arc;

use crate::{
    cluster::{
        core::{Placement, RankedRange},
        names::{HostId, Keyspace, TokenRange, log_keyspace, schema_keyspace},
        ring::{Topology, place},
    },
    error_text::with_causes,
};

/// Where a node's agent stands among the others.
#[derive(Debug)]
pub(super) struct Placing {
    me: HostId,
    datacenters: Vec<Box<str>>,
    /// The ring as it was last placed.
    placed: Option<Topology>,
    schema: Keyspace,
    /// What concerns this node's log alone: each agent publishes it for itself.
    own_log: Keyspace,
    /// Keyspaces that have no owners, and why.
    pub(super) problems: Vec<String>,
    /// How many have.
    pub(super) keyspaces: usize,
}

impl Placing {
    pub(super) fn new(me: HostId, datacenters: &[String]) -> Self {
        Self {
            me,
            datacenters: datacenters.iter().map(|name| name.as_str().into()).collect(),
            placed: None,
            schema: schema_keyspace(),
            own_log: log_keyspace(me),
            problems: Vec::new(),
            keyspaces: 0,
        }
    }

    /// Returns the keyspace that changes of the schema are published under.
    pub(super) fn schema(&self) -> Keyspace {
        Arc::clone(&self.schema)
    }

    /// Returns the keyspace of what each node publishes of its own log: truncations.
    pub(super) fn own_log(&self) -> Keyspace {
        Arc::clone(&self.own_log)
    }

    /// Returns the ring as it was last placed.
    pub(super) fn topology(&self) -> Option<&Topology> {
        self.placed.as_ref()
    }

    /// Places a topology. `None`: nothing changed, or it can't be placed.
    pub(super) fn place(&mut self, topology: Topology) -> Option<Placement> {
        if self.placed.as_ref() == Some(&topology) {
            return None;
        }
        let placements = match place(&topology, &self.datacenters, |_| true) {
            Ok(placements) => placements,
            Err(error) => {
                tracing::warn!(error = %with_causes(&error), "the ring can't be placed now; what was known of it stays");
                return None;
            }
        };
        let problems: Vec<String> = placements.problems.iter().map(ToString::to_string).collect();
        for problem in problems.iter().filter(|problem| !self.problems.contains(problem)) {
            tracing::error!(problem, "nobody publishes this keyspace");
        }
        self.problems = problems;
        self.keyspaces = placements.keyspaces.len();
        let mut placement = placements.to_core();
        placement.ranges.push(everywhere(&self.schema, publishers(&topology, &self.datacenters)));
        placement.ranges.push(everywhere(&self.own_log, vec![self.me]));
        self.placed = Some(topology);
        Some(placement)
    }
}

fn everywhere(keyspace: &Keyspace, hosts: Vec<HostId>) -> RankedRange {
    RankedRange { keyspace: Arc::clone(keyspace), range: TokenRange::ALL, hosts }
}

/// Returns the nodes of the first datacenter of those that are preferred, all if none is; in an order that is the same for all.
fn publishers(topology: &Topology, datacenters: &[Box<str>]) -> Vec<HostId> {
    let of = |wanted: Option<&str>| -> Vec<HostId> {
        let nodes = topology.nodes.iter().filter(|(_, node)| !node.tokens.is_empty());
        nodes
            .filter(|(_, node)| wanted.is_none_or(|it| *node.data_center == *it))
            .map(|(host, _)| *host)
            .collect()
    };
    let preferred = datacenters.iter().map(|name| of(Some(name))).find(|hosts| !hosts.is_empty());
    preferred.unwrap_or_else(|| of(None))
}
