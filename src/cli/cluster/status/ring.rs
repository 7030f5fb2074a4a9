//! The ring, as a node tells of it.

use std::collections::BTreeSet;

use crate::{
    cluster::{
        names::{HostId, Keyspace},
        ring::{Placements, RingNode, Topology, TopologyError, place},
    },
    config::Config,
    error_text::with_causes,
    schema::node::{CassandraNode, NodeError},
};

/// The nodes, and which of them publish what.
pub(super) struct RingView {
    pub(super) topology: Topology,
    /// Of all keyspaces: agents own tokens of those without CDC, too.
    pub(super) placements: Placements,
    /// Keyspaces with tables with CDC that are wanted.
    pub(super) with_cdc: BTreeSet<Keyspace>,
    /// Of these, the ones that nobody publishes, and why.
    pub(super) problems: Vec<String>,
}

impl RingView {
    /// Asks a node. Returns in words why it does not answer, or not with a ring.
    pub(super) fn ask(
        node: Result<CassandraNode, NodeError>,
        config: Option<&Config>,
    ) -> Result<Self, String> {
        let node = node.map_err(|error| with_causes(&error))?;
        let topology = Topology::fetch(&node).map_err(|error| with_causes(&error))?;
        let with_cdc = keyspaces_with_cdc(&node, config).map_err(|error| with_causes(&error))?;
        let datacenters = config.map(|config| config.dedup.cluster.datacenters.as_slice());
        Self::of(topology, with_cdc, datacenters.unwrap_or_default()).map_err(|error| with_causes(&error))
    }

    /// Places a ring as the agents do.
    pub(super) fn of(
        topology: Topology,
        with_cdc: BTreeSet<Keyspace>,
        datacenters: &[String],
    ) -> Result<Self, TopologyError> {
        let datacenters: Vec<Box<str>> = datacenters.iter().map(|name| name.as_str().into()).collect();
        let placements = place(&topology, &datacenters, |_| true)?;
        let wanted = place(&topology, &datacenters, |keyspace| with_cdc.contains(keyspace))?;
        let problems = wanted.problems.iter().map(ToString::to_string).collect();
        Ok(Self { topology, placements, with_cdc, problems })
    }

    pub(super) fn node(&self, host: HostId) -> Option<&RingNode> {
        self.topology.nodes.get(&host)
    }
}

fn keyspaces_with_cdc(
    node: &CassandraNode,
    config: Option<&Config>,
) -> Result<BTreeSet<Keyspace>, NodeError> {
    let seed = node.schema()?;
    let mut wanted = BTreeSet::new();
    for (keyspace, definition) in &seed.keyspaces {
        let is_wanted = |name: &str| config.is_none_or(|config| config.tables.is_wanted(keyspace, name));
        if definition.tables.iter().any(|(name, table)| table.cdc() && is_wanted(name)) {
            wanted.insert(keyspace.clone().into());
        }
    }
    Ok(wanted)
}
