//! A topology made of what was told or stored, node by node.

use std::{collections::btree_map::Entry, net::IpAddr};

use super::{RingNode, Topology, TopologyError};
use crate::cluster::names::HostId;

/// The one partitioner whose tokens are computed here.
const MURMUR3: [&str; 2] = ["org.apache.cassandra.dht.Murmur3Partitioner", "Murmur3Partitioner"];

/// A node, before anything is checked.
#[derive(Debug, Clone)]
pub(super) struct ToldNode {
    pub(super) address: Option<IpAddr>,
    pub(super) data_center: Box<str>,
    pub(super) rack: Box<str>,
    pub(super) release: Box<str>,
    pub(super) tokens: Vec<Box<str>>,
}

impl Topology {
    /// Adds a node, or finds that it is known already.
    pub(super) fn add(&mut self, host: HostId, told: ToldNode) -> Result<(), TopologyError> {
        let mut tokens = Vec::with_capacity(told.tokens.len());
        for text in told.tokens {
            let unknown = |_| TopologyError::UnknownForm { host, what: "a token", text: text.clone() };
            tokens.push(text.parse::<i64>().map_err(unknown)?);
        }
        tokens.sort_unstable();
        tokens.dedup();
        let ToldNode { address, data_center, rack, release, .. } = told;
        let node = RingNode { address, data_center, rack, release, tokens };
        match self.nodes.entry(host) {
            Entry::Vacant(vacant) => {
                vacant.insert(node);
                Ok(())
            }
            // The asked node knows itself best: it may have a row of its own former address.
            Entry::Occupied(_) if host == self.told_by => Ok(()),
            Entry::Occupied(known) if known.get().is_placed_as(&node) => Ok(()),
            Entry::Occupied(known) => {
                let unspecified = IpAddr::from([0; 4]);
                let first = known.get().address.unwrap_or(unspecified);
                Err(TopologyError::HostTwice { host, first, second: node.address.unwrap_or(unspecified) })
            }
        }
    }
}

impl RingNode {
    /// Returns true if both get the same replicas.
    fn is_placed_as(&self, other: &Self) -> bool {
        self.data_center == other.data_center && self.rack == other.rack && self.tokens == other.tokens
    }
}

/// Refuses partitioners whose tokens are not known here.
pub(super) fn check_partitioner(partitioner: &str) -> Result<(), TopologyError> {
    if MURMUR3.contains(&partitioner) {
        return Ok(());
    }
    Err(TopologyError::Partitioner { partitioner: partitioner.into() })
}
