//! The runtime's stand-in: what surrounds one core.

mod checkpoint;
mod index;

use std::collections::VecDeque;

use ringtap::cluster::core::Core;

pub use self::{checkpoint::Checkpoint, index::Index};
use crate::kafka::{DataRecord, TransactionNumber};

/// An agent, or the place of one that is down.
#[derive(Debug)]
pub struct Agent {
    /// The core, while the agent runs.
    pub core: Option<Core<Index>>,
    /// Grows with each start: answers for an earlier life are lost.
    pub life: u32,
    /// Number of the waking that comes next.
    pub wakings: u32,
    /// Until when it does nothing at all.
    pub paused_until: u64,
    /// Until when it reaches no broker.
    pub cut_until: u64,
    /// Until when it reads nothing of the owners topic.
    pub owners_stalled_until: u64,
    /// By host: until when it reads nothing of that partition of the ledger.
    pub ledger_stalled_until: Vec<u64>,
    /// Until when it cannot own tokens.
    pub unable_until: u64,
    /// Its clock: world's time at its start, and what it showed then.
    pub clock_from: (u64, u64),
    /// What the core was told last.
    pub is_able: bool,
    /// The index was lost, and is not whole again.
    pub is_rebuilding: bool,
    /// Whether it dies for good.
    pub doom: Doom,
    /// When it gives up to leave politely.
    pub leaving_until: Option<u64>,
    /// By host: the partition of the ledger, as the owners topic says.
    pub partitions: Vec<Option<usize>>,
    /// How much of the owners topic was read.
    pub owners_read: usize,
    /// The end of the owners topic, asked after what was read last.
    pub owners_end: Option<usize>,
    /// By host: how much of its partition of the ledger was read.
    pub ledger_read: Vec<u64>,
    /// By host: up to where its partition of the ledger is to be read before that is told, and the same of what can be read.
    pub ledger_ends: Vec<Option<u64>>,
    /// See above.
    pub ledger_stable_ends: Vec<Option<u64>>,
    /// How much of the relay topic was read.
    pub relay_read: usize,
    /// What the head reads next.
    pub head: u64,
    /// Up to where it reads in this pass.
    pub pass_end: Option<u64>,
    /// What the audit reads next.
    pub audit: u64,
    /// Records of the open batch.
    pub batch: Vec<DataRecord>,
    /// When the first of them was put there.
    pub batch_since: u64,
    /// The producer.
    pub producer: Producer,
    /// What survives a crash.
    pub durable: Checkpoint,
    /// A checkpoint that is being written, and its number.
    pub writing: Option<(u64, Checkpoint)>,
    /// How many were written.
    pub checkpoints: u64,
}

/// Whether an agent dies for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doom {
    /// No.
    None,
    /// When its next transaction is open.
    Near,
    /// It has.
    Done,
}

/// The transactional producer.
#[derive(Debug, Default)]
pub struct Producer {
    /// Grows with each one that is made: answers to an earlier one are dropped.
    pub number: u32,
    /// Epoch and session, once it is initialised and as long as nothing went wrong.
    pub alive: Option<(u32, u64)>,
    /// Sealed transactions that have not ended. The first one is under way if `is_busy`.
    pub queue: VecDeque<TransactionNumber>,
    /// A transaction is under way.
    pub is_busy: bool,
}

impl Agent {
    /// Makes the place of an agent that never ran.
    pub fn new(hosts: usize) -> Self {
        Self {
            core: None,
            life: 0,
            wakings: 0,
            paused_until: 0,
            cut_until: 0,
            owners_stalled_until: 0,
            ledger_stalled_until: vec![0; hosts],
            unable_until: 0,
            clock_from: (0, 0),
            is_able: false,
            is_rebuilding: false,
            doom: Doom::None,
            leaving_until: None,
            partitions: vec![None; hosts],
            owners_read: 0,
            owners_end: None,
            ledger_read: vec![0; hosts],
            ledger_ends: vec![None; hosts],
            ledger_stable_ends: vec![None; hosts],
            relay_read: 0,
            head: 0,
            pass_end: None,
            audit: 0,
            batch: Vec::new(),
            batch_since: 0,
            producer: Producer::default(),
            durable: Checkpoint::default(),
            writing: None,
            checkpoints: 0,
        }
    }

    /// Returns true if it has died for good.
    pub fn is_gone(&self) -> bool {
        self.doom == Doom::Done
    }

    /// Returns what the local clock shows.
    pub fn clock(&self, now: u64, rate: u64) -> u64 {
        let (start, shown) = self.clock_from;
        shown + now.saturating_sub(start) * rate / 16
    }

    /// Returns the lowest position of the log that is not done with.
    pub fn done_with(&self) -> u64 {
        let low = self.core.as_ref().and_then(Core::audit_low);
        low.map_or(self.audit, |low| low.min(self.audit))
    }
}
