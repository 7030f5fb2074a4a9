//! What happens at a time of its own.

use std::{cmp::Reverse, collections::BinaryHeap};

use ringtap::cluster::{names::HostId, record::OwnersRecord};

use crate::{
    cassandra::Piece,
    kafka::{Relayed, TransactionNumber},
};

/// An event.
#[derive(Debug)]
pub enum Event {
    /// An agent starts.
    Start(usize),
    /// An agent of this life does what it does in turn; void if another waking was set since this one.
    Wake(usize, u32, u32),
    /// An agent of this life hears something.
    Answer(usize, u32, Answer),
    /// A request reaches a broker.
    Land(Request),
    /// The end of a transaction reaches the log.
    Mark(TransactionNumber),
    /// A transaction was open for long enough.
    TimeOut(TransactionNumber),
    /// An agent's checkpoint is on the disk.
    Durable(usize, u32, u64),
    /// A client writes.
    Write,
    /// A node logs something.
    Log(usize, Piece),
    /// An agent hears of the ring.
    RingSeen(usize),
    /// Something goes wrong.
    Fault(Fault),
    /// Faults stop.
    Calm,
    /// Has all come right?
    Look,
}

/// What a broker is asked.
#[derive(Debug, Clone)]
pub enum Request {
    /// A record for the owners topic.
    Owners(Box<OwnersRecord>),
    /// A record for a host's partition of the relay topic.
    Relay(usize, Relayed),
    /// Initialise the own transactional id: agent, life, producer.
    Initialise(usize, u32, u32),
    /// Initialise the id of a host: agent, life, host, attempt.
    Fence(usize, u32, usize, u64),
    /// The end of this host's partitions: agent, life, attempt.
    HighWatermarks(usize, u32, u64, Vec<HostId>),
    /// The records of a transaction, of an agent's producer.
    Produce(Asked),
    /// The end of a transaction.
    End(Asked, bool),
}

/// Who asks something about a transaction.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs, reason = "named by what it holds")]
pub struct Asked {
    pub agent: usize,
    pub life: u32,
    pub producer: u32,
    pub transaction: TransactionNumber,
}

/// What an agent hears.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The producer of this number has an epoch.
    Initialised(u32, u32),
    /// A host is fenced: host, attempt.
    Fenced(usize, u64),
    /// Ends of partitions: attempt.
    HighWatermarks(u64, Vec<(HostId, u64)>),
    /// A transaction's records were taken, or refused.
    Produced(Asked, bool),
    /// A transaction ended as asked (committed?), or the request was refused.
    Ended(Asked, bool, bool),
    /// Nothing was heard for too long.
    TimedOut(Asked),
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "named by what happens")]
pub enum Fault {
    Crash(usize),
    Pause(usize),
    Cut(usize),
    Outage,
    Stall(usize),
    Leave(usize),
    Unable(usize),
    Topology,
    NodeDown(usize),
    Copy,
    StaleProducer(usize),
    FalseAlarm(usize),
    Doom(usize),
    /// Only of a weakened world: the owners topic forgets its first records.
    Forget,
}

/// Events by time, and in the order in which they were added.
#[derive(Debug, Default)]
pub struct Queue {
    heap: BinaryHeap<Reverse<(u64, u64, usize)>>,
    slots: Vec<Option<Event>>,
    free: Vec<usize>,
    added: u64,
}

impl Queue {
    /// Adds an event.
    pub fn add(&mut self, at: u64, event: Event) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.slots[slot] = Some(event);
        self.heap.push(Reverse((at, self.added, slot)));
        self.added += 1;
    }

    /// Takes the next event out.
    pub fn take_next(&mut self) -> Option<(u64, Event)> {
        let Reverse((at, _, slot)) = self.heap.pop()?;
        self.free.push(slot);
        self.slots[slot].take().map(|event| (at, event))
    }
}
