//! What cannot be placed, and why.

use std::net::IpAddr;

use thiserror::Error;

use crate::cluster::names::{HostId, Keyspace};

/// Why the cluster's nodes are not known.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TopologyError {
    /// The node did not answer.
    #[cfg(feature = "agent")]
    #[error(transparent)]
    Node(#[from] crate::schema::node::NodeError),
    /// Tokens of another partitioner.
    #[error(
        "the cluster's partitioner is {partitioner}, and only Murmur3Partitioner (Cassandra's default) can be shared out \
         between agents: use `dedup = \"node\"`"
    )]
    Partitioner {
        /// Its class.
        partitioner: Box<str>,
    },
    /// What a node answered is not of a form that Cassandra writes.
    #[error("{what} of node {host} is '{text}', which is not of a form that is known")]
    UnknownForm {
        /// Whose.
        host: HostId,
        /// Which value.
        what: &'static str,
        /// The value.
        text: Box<str>,
    },
    /// Two rows of one node that say different things of it.
    #[error(
        "the node lists host id {host} at {first} and at {second}, with different tokens or places: wait until the change \
         of its address is over; if the row of one of them is left over, delete it from system.peers and \
         system.peers_v2"
    )]
    HostTwice {
        /// The host id.
        host: HostId,
        /// One address.
        first: IpAddr,
        /// The other.
        second: IpAddr,
    },
    /// A token of two nodes.
    #[error(
        "token {token} belongs to {first} and to {second}: wait until the replacement of the one by the other is over; if the row of \
         one of them is left over, delete it from system.peers and system.peers_v2"
    )]
    TokenTwice {
        /// The token.
        token: i64,
        /// One host.
        first: HostId,
        /// The other.
        second: HostId,
    },
    /// Nobody has a token.
    #[error("no node of cluster '{cluster}' has a token yet: wait until one has joined the ring")]
    NoTokens {
        /// The cluster.
        cluster: Box<str>,
    },
    /// A file's content is not a topology.
    #[error("the stored topology cannot be read: {reason}")]
    Stored {
        /// Why.
        reason: String,
    },
    /// The file itself.
    #[cfg(feature = "agent")]
    #[error(transparent)]
    State(#[from] crate::checkpoint::StateError),
}

impl TopologyError {
    /// Returns true if asking again later may help without anybody's doing: the node is down, or a change is under way.
    pub fn is_transient(&self) -> bool {
        match self {
            #[cfg(feature = "agent")]
            Self::Node(error) => error.is_transient(),
            Self::HostTwice { .. } | Self::TokenTwice { .. } | Self::NoTokens { .. } => true,
            _ => false,
        }
    }
}

/// Why a keyspace has no owners. The other keyspaces have theirs.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PlacementProblem {
    /// A class that is not known here.
    #[error(
        "keyspace '{keyspace}' is replicated by {class}; SimpleStrategy and NetworkTopologyStrategy are supported: change its \
         replication, or exclude it"
    )]
    Strategy {
        /// Which keyspace.
        keyspace: Keyspace,
        /// The class, empty if there is none.
        class: Box<str>,
    },
    /// An option that is missing, unknown, or no number.
    #[error(
        "keyspace '{keyspace}' has the replication option '{option}': '{value}', which Cassandra would not take"
    )]
    Option {
        /// Which keyspace.
        keyspace: Keyspace,
        /// The option's name.
        option: Box<str>,
        /// Its value, empty if there is none.
        value: Box<str>,
    },
    /// Nobody has its data.
    #[error(
        "keyspace '{keyspace}' has no replicas (a replication factor of 0, or datacenters without nodes)"
    )]
    NoReplicas {
        /// Which keyspace.
        keyspace: Keyspace,
    },
    /// None of the configured datacenters has its data.
    #[error(
        "keyspace '{keyspace}' is replicated to {}, and none of these is in `datacenters`: add one, or exclude the keyspace",
        replicated.join(", ")
    )]
    NotPublished {
        /// Which keyspace.
        keyspace: Keyspace,
        /// The datacenters that have it, in order of their names.
        replicated: Vec<Box<str>>,
    },
    /// Several datacenters have its data, and none is configured.
    #[error(
        "keyspace '{keyspace}' is replicated to {}: say with `datacenters` which of them publishes",
        replicated.join(", ")
    )]
    NotDecided {
        /// Which keyspace.
        keyspace: Keyspace,
        /// The datacenters that have it, in order of their names.
        replicated: Vec<Box<str>>,
    },
}

impl PlacementProblem {
    /// Returns which keyspace has it.
    pub fn keyspace(&self) -> &Keyspace {
        match self {
            Self::Strategy { keyspace, .. }
            | Self::Option { keyspace, .. }
            | Self::NoReplicas { keyspace }
            | Self::NotPublished { keyspace, .. }
            | Self::NotDecided { keyspace, .. } => keyspace,
        }
    }
}
