//! What the core knows, for people to look at. Nothing decides by it.

use super::{Core, owners::Ownership};
use crate::{
    cluster::names::{HostId, Keyspace, Session, TokenRange, is_of_tables},
    dedup::KnownParts,
};

/// An agent as this one knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentStanding {
    /// Its node.
    pub host: HostId,
    /// The session of the last record in its ledger that was read.
    pub session: Option<Session>,
    /// When that was, in milliseconds of the core's clock.
    pub heard_ms: Option<u64>,
    /// Number of its last beat.
    pub beat: u64,
    /// The beat up to which it has published all that its log held.
    pub done: u64,
    /// Whether its settings are those of the first agent.
    pub agrees: bool,
    /// Up to where its ledger was read.
    pub ledger_position: u64,
    /// How many ranges of tables' tokens it owns.
    pub owned_ranges: u64,
}

impl<I: KnownParts> Core<I> {
    /// Returns all agents that ever made themselves known, in order of their nodes' ids.
    pub fn agents(&self) -> Vec<AgentStanding> {
        let standing = |host: HostId| {
            let partition = self.ledger.partition(host);
            AgentStanding {
                host,
                session: partition.and_then(|it| it.session),
                heard_ms: partition.map(|it| it.heard_ms),
                beat: partition.map_or(0, |it| it.beat),
                done: partition.map_or(0, |it| it.done),
                agrees: self.owners.agrees(host),
                ledger_position: self.ledger.position(host),
                owned_ranges: self
                    .owners
                    .of(host)
                    .filter(|(keyspace, _, held)| !held.is_released && is_of_tables(keyspace))
                    .count() as u64,
            }
        };
        self.owners.hosts().keys().copied().map(standing).collect()
    }

    /// Returns the ranges that this agent owns now.
    pub fn own_ranges(&self) -> impl Iterator<Item = (&Keyspace, TokenRange)> {
        let is_ours = |held: &Ownership| self.is_ours(held);
        self.owners
            .of(self.options.me)
            .filter(move |(.., held)| is_ours(held))
            .map(|(keyspace, range, _)| (keyspace, range))
    }

    /// Returns true if it was told to leave.
    pub fn is_leaving(&self) -> bool {
        self.is_leaving
    }
}
