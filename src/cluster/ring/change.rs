//! What changed between two topologies.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use super::{Bootstrap, ReplicationOptions, RingNode, Topology};
use crate::cluster::names::{HostId, Keyspace};

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopologyChange {
    /// A node has joined.
    Joined {
        /// Which.
        host: HostId,
        /// How many tokens it has.
        tokens: usize,
    },
    /// A node has left.
    Left {
        /// Which.
        host: HostId,
    },
    /// A node has other tokens.
    Tokens {
        /// Which.
        host: HostId,
        /// How many it has now that it had not.
        gained: usize,
        /// How many it had.
        lost: usize,
    },
    /// A node is in another datacenter or rack.
    Place {
        /// Which.
        host: HostId,
        /// Datacenter and rack that it was in.
        before: (Box<str>, Box<str>),
        /// Those it is in.
        after: (Box<str>, Box<str>),
    },
    /// A node runs another release.
    Release {
        /// Which.
        host: HostId,
        /// The former.
        before: Box<str>,
        /// The present.
        after: Box<str>,
    },
    /// A keyspace was made, dropped, or is replicated in another way.
    Replication {
        /// Which.
        keyspace: Keyspace,
        /// How it was replicated, if it was there.
        before: Option<ReplicationOptions>,
        /// How it is.
        after: Option<ReplicationOptions>,
    },
    /// The asked node has got further in joining or leaving.
    Bootstrap {
        /// Where it was.
        before: Bootstrap,
        /// Where it is.
        after: Bootstrap,
    },
}

impl TopologyChange {
    /// Returns true if ranges may have other replicas by it.
    pub fn is_of_placement(&self) -> bool {
        !matches!(self, Self::Release { .. } | Self::Bootstrap { .. })
    }
}

impl Topology {
    /// Returns what became of `before`. Addresses do not count.
    pub fn changes_since(&self, before: &Self) -> Vec<TopologyChange> {
        let mut changes = Vec::new();
        for (host, was, is) in pairs(&before.nodes, &self.nodes) {
            match (was, is) {
                (None, Some(node)) => {
                    changes.push(TopologyChange::Joined { host: *host, tokens: node.tokens.len() });
                }
                (Some(_), None) => changes.push(TopologyChange::Left { host: *host }),
                (Some(was), Some(is)) => node_changes(*host, was, is, &mut changes),
                (None, None) => {}
            }
        }
        for (keyspace, was, is) in pairs(&before.keyspaces, &self.keyspaces) {
            if was != is {
                let (keyspace, before, after) = (Arc::clone(keyspace), was.cloned(), is.cloned());
                changes.push(TopologyChange::Replication { keyspace, before, after });
            }
        }
        if before.told_by == self.told_by && before.bootstrap != self.bootstrap {
            changes.push(TopologyChange::Bootstrap { before: before.bootstrap, after: self.bootstrap });
        }
        changes
    }
}

/// Returns all keys of two maps in order, with the values that they have in each.
fn pairs<'m, K: Ord, V>(
    before: &'m BTreeMap<K, V>,
    after: &'m BTreeMap<K, V>,
) -> impl Iterator<Item = (&'m K, Option<&'m V>, Option<&'m V>)> {
    let keys: BTreeSet<&K> = before.keys().chain(after.keys()).collect();
    keys.into_iter().map(|key| (key, before.get(key), after.get(key)))
}

fn node_changes(host: HostId, was: &RingNode, is: &RingNode, changes: &mut Vec<TopologyChange>) {
    if was.tokens != is.tokens {
        let missing = |of: &RingNode, from: &RingNode| {
            of.tokens.iter().filter(|token| from.tokens.binary_search(token).is_err()).count()
        };
        changes.push(TopologyChange::Tokens { host, gained: missing(is, was), lost: missing(was, is) });
    }
    let place = |node: &RingNode| (node.data_center.clone(), node.rack.clone());
    if place(was) != place(is) {
        changes.push(TopologyChange::Place { host, before: place(was), after: place(is) });
    }
    if was.release != is.release {
        let (before, after) = (was.release.clone(), is.release.clone());
        changes.push(TopologyChange::Release { host, before, after });
    }
}

impl fmt::Display for TopologyChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Joined { host, tokens } => write!(f, "node {host} has joined with {tokens} tokens"),
            Self::Left { host } => write!(f, "node {host} has left"),
            Self::Tokens { host, gained, lost } => {
                write!(f, "node {host} has {gained} other tokens, and lost {lost}")
            }
            Self::Place { host, before, after } => write!(
                f,
                "node {host} is in datacenter {}, rack {} (before: {}, {})",
                after.0, after.1, before.0, before.1
            ),
            Self::Release { host, before, after } => {
                write!(f, "node {host} runs {after} (before: {before})")
            }
            Self::Replication { keyspace, before: None, after: Some(after) } => {
                write!(f, "keyspace {keyspace} was made with replication {after}")
            }
            Self::Replication { keyspace, before: _, after: Some(after) } => {
                write!(f, "keyspace {keyspace} has replication {after}")
            }
            Self::Replication { keyspace, .. } => write!(f, "keyspace {keyspace} was dropped"),
            Self::Bootstrap { before, after } => write!(f, "this node is {after} (before: {before})"),
        }
    }
}
