//! The topology over CQL.

use std::collections::BTreeMap;

use super::{
    Bootstrap, ReplicationOptions, Topology, TopologyError,
    told::{ToldNode, check_partitioner},
};
use crate::{
    cluster::names::HostId,
    schema::node::{CassandraNode, LiveIdentity, Peer},
};

impl Topology {
    /// Asks a node for its cluster. Blocks; not to be called from async code.
    ///
    /// The tables are read one after the other, so that a change in between may be half seen: an error that
    /// [is transient](TopologyError::is_transient), or a topology that the next one puts right.
    pub fn fetch(node: &CassandraNode) -> Result<Self, TopologyError> {
        Self::assemble(node.identity()?, node.peers()?, node.replication()?)
    }

    /// Puts together what the tables say.
    pub(super) fn assemble(
        own: LiveIdentity,
        peers: Vec<Peer>,
        keyspaces: BTreeMap<Box<str>, BTreeMap<String, String>>,
    ) -> Result<Self, TopologyError> {
        check_partitioner(&own.partitioner)?;
        let host = HostId(own.host_id);
        let bootstrap = own.bootstrapped.as_deref();
        let bootstrap = Bootstrap::parse(bootstrap).ok_or_else(|| TopologyError::UnknownForm {
            host,
            what: "`bootstrapped`",
            text: bootstrap.unwrap_or_default().into(),
        })?;
        let keyspaces = keyspaces.into_iter();
        let mut topology = Self {
            cluster: own.cluster,
            told_by: host,
            bootstrap,
            nodes: BTreeMap::new(),
            incomplete: Vec::new(),
            keyspaces: keyspaces.map(|(name, options)| (name.into(), ReplicationOptions(options))).collect(),
        };
        let told = ToldNode {
            address: own.address,
            data_center: own.data_center,
            rack: own.rack,
            release: own.release,
            // They are chosen before the ranges are streamed. Until that is done nobody reads from the node.
            tokens: if bootstrap == Bootstrap::Completed { own.tokens } else { Vec::new() },
        };
        topology.add(host, told)?;
        for peer in peers {
            topology.add_peer(peer)?;
        }
        topology.incomplete.sort_unstable();
        topology.check_tokens()?;
        Ok(topology)
    }

    fn add_peer(&mut self, peer: Peer) -> Result<(), TopologyError> {
        let (Some(host), Some(data_center), Some(rack)) = (peer.host_id, peer.data_center, peer.rack) else {
            self.incomplete.push(peer.address);
            return Ok(());
        };
        if peer.tokens.is_empty() {
            self.incomplete.push(peer.address);
            return Ok(());
        }
        let told = ToldNode {
            address: Some(peer.address),
            data_center,
            rack,
            release: peer.release.unwrap_or_default(),
            tokens: peer.tokens,
        };
        self.add(HostId(host), told)
    }
}
