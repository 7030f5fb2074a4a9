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

/// How often a partition was read to an end that had been asked for after the time before.
#[derive(Debug, Default)]
struct Ends {
    count: u64,
    /// When it was last.
    last_ms: u64,
    /// The time before that: what was committed until then has been read.
    seen_ms: u64,
}

impl Ends {
    fn told(&mut self, now_ms: u64) {
        self.count += 1;
        (self.seen_ms, self.last_ms) = (self.last_ms, now_ms);
    }
}

/// The ledger.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    positions: BTreeMap<HostId, u64>,
    partitions: BTreeMap<HostId, Partition>,
    /// By host: its high watermarks, and its last stable offsets.
    ends: BTreeMap<HostId, Ends>,
    stable_ends: BTreeMap<HostId, Ends>,
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

    /// Notes that a partition was read to its high watermark.
    pub(super) fn at_end(&mut self, host: HostId, now_ms: u64) {
        self.ends.entry(host).or_default().told(now_ms);
    }

    /// Notes that a partition was read to its last stable offset.
    pub(super) fn at_stable_end(&mut self, host: HostId, now_ms: u64) {
        self.stable_ends.entry(host).or_default().told(now_ms);
    }

    /// Returns how often a partition was read to its high watermark.
    pub(super) fn ends(&self, host: HostId) -> u64 {
        self.ends.get(&host).map_or(0, |it| it.count)
    }

    /// Returns when a partition was last read to its high watermark.
    pub(super) fn end_ms(&self, host: HostId) -> Option<u64> {
        self.ends.get(&host).map(|it| it.last_ms)
    }

    /// Returns true if a partition was read to an end of either kind.
    pub(super) fn was_at_any_end(&self, host: HostId) -> bool {
        self.ends.contains_key(&host) || self.stable_ends.contains_key(&host)
    }

    /// Returns a time: what this host had committed until then has been read.
    pub(super) fn seen_ms(&self, host: HostId) -> u64 {
        let seen = |ends: &BTreeMap<HostId, Ends>| ends.get(&host).map_or(0, |it| it.seen_ms);
        seen(&self.ends).max(seen(&self.stable_ends))
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
