//! What an agent goes on from after a crash.

use std::collections::BTreeMap;

use ringtap::cluster::names::HostId;

use super::Index;

/// All of it is as of one moment.
#[derive(Debug, Clone, Default)]
pub struct Checkpoint {
    /// All of the log before it is confirmed.
    pub position: u64,
    /// Up to where the ledger was read.
    pub ledger: BTreeMap<HostId, u64>,
    /// What it said.
    pub index: Index,
    /// The index could not be read: it is rebuilt from the ledger's begin.
    pub is_lost: bool,
}

impl Checkpoint {
    /// Loses the index, and with it how far the ledger was read.
    pub fn lose_index(&mut self) {
        self.index = Index::default();
        self.ledger.clear();
        self.is_lost = true;
    }
}
