//! The cluster's nodes and keyspaces, as one node tells of them.

use std::{collections::BTreeMap, fmt, net::IpAddr};

use super::TopologyError;
use crate::cluster::names::{HostId, Keyspace};

/// The nodes that have joined, their tokens, and the keyspaces: what one node knew at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    /// Name of the cluster.
    pub cluster: Box<str>,
    /// The node that was asked.
    pub told_by: HostId,
    /// Whether that node has joined the ring itself.
    pub bootstrap: Bootstrap,
    /// The nodes. The asked one has no tokens as long as it has not joined.
    pub nodes: BTreeMap<HostId, RingNode>,
    /// Addresses of nodes of which the asked node does not know all yet. They are not in `nodes`.
    pub incomplete: Vec<IpAddr>,
    /// The replication of each keyspace.
    pub keyspaces: BTreeMap<Keyspace, ReplicationOptions>,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RingNode {
    /// Where the other nodes reach it, if that is known. For people.
    pub address: Option<IpAddr>,
    /// Its data center.
    pub data_center: Box<str>,
    /// Its rack.
    pub rack: Box<str>,
    /// Release of Cassandra, such as `5.0.5`; empty if it is not known. For people.
    pub release: Box<str>,
    /// Its tokens, sorted.
    pub tokens: Vec<i64>,
}

/// A keyspace's replication as `system_schema.keyspaces` has it: `class`, and its options.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReplicationOptions(pub BTreeMap<String, String>);

/// How far a node has joined (Cassandra's `SystemKeyspace.BootstrapState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bootstrap {
    /// It has not begun.
    Needed,
    /// Its ranges are being streamed to it.
    InProgress,
    /// It has its ranges.
    Completed,
    /// It has left the ring.
    Decommissioned,
}

impl Topology {
    /// Returns true if the node that was asked has joined the ring.
    pub fn is_bootstrapped(&self) -> bool {
        self.bootstrap == Bootstrap::Completed
    }

    /// Returns the node that was asked.
    pub fn own_node(&self) -> Option<&RingNode> {
        self.nodes.get(&self.told_by)
    }

    /// Refuses a token of two nodes.
    pub(super) fn check_tokens(&self) -> Result<(), TopologyError> {
        let owners =
            self.nodes.iter().flat_map(|(host, node)| node.tokens.iter().map(|token| (*token, *host)));
        let mut owners: Vec<(i64, HostId)> = owners.collect();
        owners.sort_unstable();
        for pair in owners.windows(2) {
            if let [(token, first), (same, second)] = pair
                && token == same
            {
                return Err(TopologyError::TokenTwice { token: *token, first: *first, second: *second });
            }
        }
        Ok(())
    }
}

impl Bootstrap {
    /// Reads the value of `system.local.bootstrapped`, which is not there before the first start has got that far.
    pub fn parse(text: Option<&str>) -> Option<Self> {
        Some(match text {
            None | Some("NEEDS_BOOTSTRAP") => Self::Needed,
            Some("IN_PROGRESS") => Self::InProgress,
            Some("COMPLETED") => Self::Completed,
            Some("DECOMMISSIONED") => Self::Decommissioned,
            Some(_) => return None,
        })
    }

    /// Returns Cassandra's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Needed => "NEEDS_BOOTSTRAP",
            Self::InProgress => "IN_PROGRESS",
            Self::Completed => "COMPLETED",
            Self::Decommissioned => "DECOMMISSIONED",
        }
    }
}

impl fmt::Display for Bootstrap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for ReplicationOptions {
    /// As CQL writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (index, (name, value)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}'{name}': '{value}'")?;
        }
        f.write_str("}")
    }
}
