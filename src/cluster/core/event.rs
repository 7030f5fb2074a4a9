//! What the core hears, and what it wants done.

use crate::cluster::{
    names::{HostId, Keyspace, Session, TokenRange},
    record::{LedgerRecord, OwnersRecord},
};

/// What the runtime tells the core.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The next record of the owners topic. It is read from its begin, and all of it, at every start.
    OwnersRead(OwnersRecord),
    /// The owners topic has been read to what was its high watermark after the event before this one.
    OwnersAtEnd,
    /// The next committed record of a host's partition of the ledger; read from the positions that [`Core::new`] got.
    ///
    /// [`Core::new`]: super::Core::new
    LedgerRead {
        /// Whose partition.
        host: HostId,
        /// The offset behind the record.
        position: u64,
        /// The record.
        record: LedgerRecord,
    },
    /// A host's partition of the ledger has been read up to here: there were no more records, but ends of transactions, or
    /// records of aborted ones.
    LedgerPosition {
        /// Whose partition.
        host: HostId,
        /// The offset of what is read next.
        position: u64,
    },
    /// A host's partition of the ledger was read to what was its high watermark at a moment after the last such event of this
    /// host. R3 rests on that.
    LedgerAtEnd {
        /// Whose partition.
        host: HostId,
    },
    /// All that can be read of a host's partition of the ledger was read: up to what was its last stable offset at a moment
    /// after the last such event of this host. Behind it stands an open transaction. To be told while
    /// [`LedgerAtEnd`](Self::LedgerAtEnd) of this host does not come: so it is known to be silent, and not only unread.
    LedgerAtStableEnd {
        /// Whose partition.
        host: HostId,
    },
    /// [`Effect::Initialise`] is done: earlier producers of this host are fenced, and their transactions have ended.
    Initialised {
        /// A number that this host never used.
        session: Session,
    },
    /// [`Effect::Commit`] has ended. They end in their order.
    Ended {
        /// The transaction's number.
        number: u64,
        /// How.
        outcome: Outcome,
    },
    /// The producer was found to be fenced or broken, outside of a commit.
    ProducerLost,
    /// [`Effect::Fence`] is done: what that host's producer has open is aborted, and no session that it had until then can
    /// commit any more.
    Fenced {
        /// Which attempt to take over.
        attempt: u64,
        /// Whose.
        host: HostId,
    },
    /// [`Effect::AskHighWatermarks`] is answered: the high watermarks, not the last stable offsets, asked for after the
    /// effect was given.
    HighWatermarks {
        /// Which attempt to take over.
        attempt: u64,
        /// Partition and offset behind its last record.
        positions: Vec<(HostId, u64)>,
    },
    /// Which nodes hold which tokens. Replaces what was told before.
    Placement(Placement),
    /// Whether this agent can own tokens: its log is read without hindrance, the local Cassandra is up, the index is whole for
    /// the window (R8). It starts as false.
    Able(bool),
    /// The agent shall end: release all tokens, then [`Effect::Left`].
    Leave,
    /// The head begins to read what its log holds at this moment.
    PassBegun,
    /// It has read all that.
    PassEnded,
}

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Its records are visible.
    Committed,
    /// Its records are not and will never be visible.
    Aborted,
    /// Either. It may still be under way.
    Unknown,
    /// Another producer has our transactional id now. Either.
    Fenced,
}

/// What the core wants done. Effects are carried out in their order, but the answers may come in any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Give up the producer, with the open batch and all transactions that have not ended: nothing more is told of them. Make
    /// a new one with the own transactional id. Answer: [`Event::Initialised`].
    Initialise,
    /// Send the records of the batch that this transaction closes, with the ledger's records, in one transaction. Answer:
    /// [`Event::Ended`].
    Commit(Transaction),
    /// Initialise the transactional id of another host, and drop that producer. Answer: [`Event::Fenced`].
    Fence {
        /// Number of the attempt.
        attempt: u64,
        /// Whose.
        host: HostId,
    },
    /// Ask the high watermarks of these hosts' partitions of the ledger. Answer: [`Event::HighWatermarks`].
    AskHighWatermarks {
        /// Number of the attempt.
        attempt: u64,
        /// The hosts.
        hosts: Vec<HostId>,
    },
    /// Write a plain record to the owners topic. It may appear late, twice, or not at all.
    Write(OwnersRecord),
    /// Send the change at this audit position to another host. It may arrive late, twice, or not at all.
    Relay {
        /// The owner.
        to: HostId,
        /// As [`Core::audit`] was told.
        ///
        /// [`Core::audit`]: super::Core::audit
        position: u64,
    },
    /// The head reads again from the lowest unconfirmed position ([`Core::audit_low`], or where the audit reads next if that is
    /// `None`): there are new tokens. A pass that was begun is void.
    ///
    /// [`Core::audit_low`]: super::Core::audit_low
    RewindHead,
    /// The log is to be audited again from this position: what became of it with an ended session is not known.
    RewindAudit {
        /// As [`Core::audit`] was told.
        ///
        /// [`Core::audit`]: super::Core::audit
        position: u64,
    },
    /// All tokens are released, or owned by others.
    Left,
}

/// What goes into the ledger with a batch of records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// Grows by one.
    pub number: u64,
    /// The producer's session.
    pub session: Session,
    /// The ledger's records, in their order.
    pub records: Vec<LedgerRecord>,
}

/// What to do with a change at the head, or with one that was relayed to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeadVerdict {
    /// Its token is not ours.
    NotOwned,
    /// All of it is known.
    Known,
    /// To be published, in the open batch. Its parts stand in the ledger's record that goes with the batch.
    Publish {
        /// For each of the signature's parts whether it is to be published. One is.
        parts: Vec<bool>,
    },
}

/// What the ledger says of a change of the own log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditVerdict {
    /// All of it stands in the ledger.
    Confirmed,
    /// Not yet: it is remembered.
    Pending,
    /// Not yet, but it is on its way there with own transactions.
    OnItsWay,
    /// Not yet, and no more can be remembered: ask again later, with the same change.
    Full,
}

/// Which hosts hold which tokens, in the publishing datacenter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placement {
    /// By keyspace and range; ranges of a keyspace do not overlap.
    pub ranges: Vec<RankedRange>,
}

/// Replicas of a range, in ring order: the first is the preferred owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RankedRange {
    /// The keyspace.
    pub keyspace: Keyspace,
    /// The tokens.
    pub range: TokenRange,
    /// The replicas, by rank. Those without an agent count too, they are passed over.
    pub hosts: Vec<HostId>,
}
