//! As much of Kafka as the protocol stands on.
//!
//! Plain topics ([`Kafka::owners`], [`Kafka::relay`]) keep what reaches them, in that order. Transactions go the way of
//! Kafka's first transaction protocol (KIP-98): their records stand in the log before their end, a reader of committed
//! records stops at the first open one, and the coordinator of a transactional id refuses what is of an old epoch.

mod coordinator;
mod ledger;

use ringtap::cluster::record::{LedgerRecord, OwnersRecord};

pub use self::{
    coordinator::{Coordinator, Landed},
    ledger::{Item, Partition},
};
use crate::cassandra::Piece;

/// Number of a transaction of [`Kafka::transactions`].
pub type TransactionNumber = usize;

/// A transaction, as its producer sealed it.
#[derive(Debug)]
pub struct Transaction {
    /// Whose.
    pub host: usize,
    /// The agent's own number for it.
    pub number: u64,
    /// The producer's epoch.
    pub epoch: u32,
    /// The producer's session, as the core named it.
    pub session: u64,
    /// What it publishes.
    pub data: Vec<DataRecord>,
    /// What it says in the ledger, and in which partition.
    pub ledger: Vec<LedgerRecord>,
    /// The ledger's partition.
    pub partition: usize,
    /// What became of it.
    pub state: State,
    /// Its agent was told that its outcome is unknown.
    pub is_unknown: bool,
}

/// What became of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing of it has reached the broker.
    Sealed,
    /// Its records stand in the log.
    Open,
    /// It is decided: its records are visible.
    Committed,
    /// It is decided: they never will be.
    Aborted,
}

/// A record of a topic of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataRecord {
    /// The parts of a write.
    pub piece: Piece,
    /// It stems from a copy that had nothing but the write's clearing.
    pub is_lone_clearing: bool,
    /// Where the publisher had it from: its log, at this position, or a relay.
    pub position: Option<u64>,
}

/// A record of the relay topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relayed {
    /// Who sent it.
    pub from: usize,
    /// The parts of a write.
    pub piece: Piece,
}

/// A cluster of brokers.
#[derive(Debug, Default)]
pub struct Kafka {
    /// The owners topic.
    pub owners: Vec<OwnersRecord>,
    /// The relay topic, by host.
    pub relay: Vec<Vec<Relayed>>,
    /// The ledger, by partition.
    pub ledger: Vec<Partition>,
    /// Topics of data, by partition: transaction, and which of its records.
    pub data: Vec<Vec<(TransactionNumber, usize)>>,
    /// Coordinators of the hosts' transactional ids.
    pub coordinators: Vec<Coordinator>,
    /// All transactions.
    pub transactions: Vec<Transaction>,
    /// Transactions that were decided since the world looked last.
    pub decided: Vec<TransactionNumber>,
    /// Until when nothing is answered.
    pub down_until: u64,
}

impl Kafka {
    /// Makes one for this many agents and partitions of data.
    pub fn new(hosts: usize, data_partitions: usize) -> Self {
        Self {
            relay: vec![Vec::new(); hosts],
            ledger: (0..hosts).map(|_| Partition::default()).collect(),
            data: vec![Vec::new(); data_partitions],
            coordinators: (0..hosts).map(|_| Coordinator::default()).collect(),
            ..Self::default()
        }
    }

    /// Returns the offset that a client takes for the end of a partition of the ledger.
    pub fn ledger_end(&self, partition: usize, high_watermark: bool) -> u64 {
        let partition = &self.ledger[partition];
        (if high_watermark { partition.len() } else { partition.stable() }) as u64
    }

    /// Returns in which partition of data a token's records are.
    pub fn data_partition(&self, keyspace: usize, token: i64) -> usize {
        (crate::random::scramble(token as u64 ^ keyspace as u64) % self.data.len() as u64) as usize
    }
}
