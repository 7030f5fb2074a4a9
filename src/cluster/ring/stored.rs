//! The topology in a file, so that an agent can start while Cassandra is down.

use std::{collections::BTreeMap, net::IpAddr, path::Path};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Bootstrap, ReplicationOptions, Topology, TopologyError,
    told::{ToldNode, check_partitioner},
};
use crate::{checkpoint::SealedKind, cluster::names::HostId};

const TOPOLOGY: SealedKind = SealedKind { name: "topology", upgrades: &[] };

/// The body of version 1, as JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    cluster: Box<str>,
    partitioner: Box<str>,
    told_by: Box<str>,
    bootstrapped: Box<str>,
    nodes: Vec<StoredNode>,
    #[serde(default)]
    incomplete: Vec<IpAddr>,
    keyspaces: BTreeMap<Box<str>, BTreeMap<String, String>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredNode {
    host_id: Box<str>,
    address: Option<IpAddr>,
    data_center: Box<str>,
    rack: Box<str>,
    release: Box<str>,
    /// As texts: readers of JSON in other languages have no integers of 64 bits.
    tokens: Vec<Box<str>>,
}

impl Topology {
    /// Replaces the file: when this returns, the topology is durable.
    pub fn store(&self, path: &Path) -> Result<(), TopologyError> {
        let unstorable = |error: serde_json::Error| TopologyError::Stored { reason: error.to_string() };
        let body = serde_json::to_vec(&Stored::from(self)).map_err(unstorable)?;
        Ok(TOPOLOGY.write(path, &body)?)
    }

    /// Reads what was stored; `None` if there is no file.
    pub fn load(path: &Path) -> Result<Option<Self>, TopologyError> {
        let Some(body) = TOPOLOGY.read(path)? else { return Ok(None) };
        let stored: Stored = serde_json::from_slice(&body)
            .map_err(|error| TopologyError::Stored { reason: format!("{}: {error}", path.display()) })?;
        stored.check().map(Some)
    }
}

impl From<&Topology> for Stored {
    fn from(topology: &Topology) -> Self {
        let nodes = topology.nodes.iter().map(|(host, node)| StoredNode {
            host_id: host.to_string().into(),
            address: node.address,
            data_center: node.data_center.clone(),
            rack: node.rack.clone(),
            release: node.release.clone(),
            tokens: node.tokens.iter().map(|token| token.to_string().into()).collect(),
        });
        let keyspaces = topology.keyspaces.iter();
        Self {
            cluster: topology.cluster.clone(),
            partitioner: "Murmur3Partitioner".into(),
            told_by: topology.told_by.to_string().into(),
            bootstrapped: topology.bootstrap.as_str().into(),
            nodes: nodes.collect(),
            incomplete: topology.incomplete.clone(),
            keyspaces: keyspaces.map(|(name, options)| ((**name).into(), options.0.clone())).collect(),
        }
    }
}

impl Stored {
    fn check(self) -> Result<Topology, TopologyError> {
        check_partitioner(&self.partitioner)?;
        let told_by = host_id(&self.told_by)?;
        let bootstrap = Bootstrap::parse(Some(&self.bootstrapped));
        let keyspaces = self.keyspaces.into_iter();
        let mut topology = Topology {
            cluster: self.cluster,
            told_by,
            bootstrap: bootstrap.ok_or_else(|| TopologyError::Stored {
                reason: format!("`bootstrapped` is '{}'", self.bootstrapped),
            })?,
            nodes: BTreeMap::new(),
            incomplete: self.incomplete,
            keyspaces: keyspaces.map(|(name, options)| (name.into(), ReplicationOptions(options))).collect(),
        };
        for node in self.nodes {
            let StoredNode { host_id: host, address, data_center, rack, release, tokens } = node;
            let host = host_id(&host)?;
            topology.add(host, ToldNode { address, data_center, rack, release, tokens })?;
        }
        topology.check_tokens()?;
        Ok(topology)
    }
}

fn host_id(text: &str) -> Result<HostId, TopologyError> {
    let parsed = Uuid::try_parse(text);
    parsed.map(HostId).map_err(|_| TopologyError::Stored { reason: format!("'{text}' is no host id") })
}
