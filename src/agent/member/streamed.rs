//! Which part of the log holds copies that were streamed to a node while it joined the ring.
//!
//! Cassandra writes what it streams to tables with CDC into the log as any other write
//! (`CassandraStreamReceiver.requiresWritePath`): a node that joins logs all that was ever written to its ranges.

use cassandra_commitlog::Position;

use crate::{checkpoint::Progress, node_log::NodeIdentity};

/// What is known of the node's joining.
#[derive(Debug, Default)]
pub(super) enum Streamed {
    /// It has joined before what is read.
    #[default]
    Nothing,
    /// It joins: what is read now may be streamed.
    Now,
    /// It had joined when the log was this far.
    UpTo(Progress),
}

impl Streamed {
    /// Notes that the node said that it has not joined.
    pub(super) fn is_joining(&mut self) {
        *self = Self::Now;
    }

    /// Takes in what the log says: it tells the end of joining at its very place.
    pub(super) fn follow(&mut self, identity: &NodeIdentity, position: Position, furthest: &Progress) {
        match (identity.bootstrapped.as_deref(), &self) {
            (Some("IN_PROGRESS"), Self::Nothing) => *self = Self::Now,
            (Some("COMPLETED"), Self::Now) => {
                let mut up_to = furthest.clone();
                up_to.read_to(position);
                *self = Self::UpTo(up_to);
            }
            _ => {}
        }
    }

    /// Returns true if an entry may hold streamed copies.
    pub(super) fn covers(&self, position: Position) -> bool {
        match self {
            Self::Nothing => false,
            Self::Now => true,
            Self::UpTo(up_to) => up_to.covers(position),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(bootstrapped: &str) -> NodeIdentity {
        NodeIdentity { bootstrapped: Some(bootstrapped.into()), ..NodeIdentity::default() }
    }

    #[test]
    fn the_log_says_where_joining_ends() {
        let at = |offset| Position { segment: 5, offset };
        let mut streamed = Streamed::default();
        streamed.follow(&said("COMPLETED"), at(10), &Progress::default());
        assert!(!streamed.covers(at(5)), "a node that has joined says so at every start");
        streamed.follow(&said("IN_PROGRESS"), at(20), &Progress::default());
        assert!(streamed.covers(at(30)));
        streamed.follow(&said("COMPLETED"), at(40), &"5=30".parse().unwrap());
        assert!(streamed.covers(at(30)) && streamed.covers(at(40)) && !streamed.covers(at(50)));
    }
}
