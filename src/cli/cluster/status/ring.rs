//! The ring, as a node tells of it.

use std::collections::BTreeSet;

use crate::{
    agent::options::with_causes,
    cluster::{
        names::HostId,
        ring::{Placements, RingNode, Topology, place},
    },
    config::Config,
    schema::node::{CassandraNode, NodeError},
};

/// The nodes, and which of them publish what.
pub(super) struct RingView {
    pub(super) topology: Topology,
    /// Of the keyspaces that have tables with CDC.
    pub(super) placements: Placements,
}

impl RingView {
    /// Asks a node. Returns in words why it does not answer, or not with a ring.
    pub(super) fn ask(
        node: Result<CassandraNode, NodeError>,
        config: Option<&Config>,
    ) -> Result<Self, String> {
        let node = node.map_err(|error| with_causes(&error))?;
        let topology = Topology::fetch(&node).map_err(|error| with_causes(&error))?;
        let wanted = keyspaces_with_cdc(&node, config).map_err(|error| with_causes(&error))?;
        let placements = place(&topology, &[], |keyspace| wanted.contains(keyspace))
            .map_err(|error| with_causes(&error))?;
        Ok(Self { topology, placements })
    }

    pub(super) fn node(&self, host: HostId) -> Option<&RingNode> {
        self.topology.nodes.get(&host)
    }
}

fn keyspaces_with_cdc(
    node: &CassandraNode,
    config: Option<&Config>,
) -> Result<BTreeSet<Box<str>>, NodeError> {
    let seed = node.schema()?;
    let mut wanted = BTreeSet::new();
    for (keyspace, definition) in &seed.keyspaces {
        let is_wanted = |name: &str| config.is_none_or(|config| config.tables.is_wanted(keyspace, name));
        if definition.tables.iter().any(|(name, table)| table.cdc() && is_wanted(name)) {
            wanted.insert(keyspace.clone());
        }
    }
    Ok(wanted)
}
