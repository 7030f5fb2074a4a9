//! What the ledger says of the agents, as far as it was read.

use std::collections::BTreeMap;

use crate::cluster::{
    names::{HostId, Session},
    record::LedgerKind,
};

/// One host's partition.
#[derive(Debug, Default)]
pub(super) struct Partition {
    /// The session of its last record.
    pub(super) session: Option<Session>,
    /// When that was read.
    pub(super) heard_ms: u64,
    /// Its session's last beat: number, and what was done.
    pub(super) beat: u64,
    pub(super) done: u64,
    /// When `done` grew last.
    pub(super) done_ms: u64,
}

/// The ledger.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    positions: BTreeMap<HostId, u64>,
    partitions: BTreeMap<HostId, Partition>,
    /// How often all of it was read to its end.
    pub(super) ends: u64,
    /// When it was last.
    pub(super) end_ms: u64,
}

impl Ledger {
    pub(super) fn at(positions: BTreeMap<HostId, u64>) -> Self {
        Self { positions, ..Self::default() }
    }

    pub(super) fn positions(&self) -> &BTreeMap<HostId, u64> {
        &self.positions
    }

    pub(super) fn position(&self, host: HostId) -> u64 {
        self.positions.get(&host).copied().unwrap_or(0)
    }

    pub(super) fn read_to(&mut self, host: HostId, position: u64) {
        let known = self.positions.entry(host).or_default();
        *known = position.max(*known);
    }

    /// Takes in who wrote a record, and beats.
    pub(super) fn heard(&mut self, host: HostId, session: Session, kind: &LedgerKind, now_ms: u64) {
        let partition = self.partitions.entry(host).or_default();
        if partition.session != Some(session) {
            *partition = Partition { session: Some(session), done_ms: now_ms, ..Partition::default() };
        }
        partition.heard_ms = now_ms;
        if let LedgerKind::Beat { number, done } = kind {
            partition.beat = *number;
            if *done > partition.done {
                (partition.done, partition.done_ms) = (*done, now_ms);
            }
        }
    }

    pub(super) fn partition(&self, host: HostId) -> Option<&Partition> {
        self.partitions.get(&host)
    }

    /// Returns the partition if this session wrote its last record.
    pub(super) fn of_session(&self, (host, session): (HostId, Session)) -> Option<&Partition> {
        self.partitions.get(&host).filter(|partition| partition.session == Some(session))
    }
}
