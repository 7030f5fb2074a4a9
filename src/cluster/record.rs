//! What the agents of a cluster tell each other in Kafka: the records of the owners, ledger and relay topics.
//!
//! Their bytes are described in `src/cluster/record/FORMAT.md`.

mod error;
mod ledger;
mod owners;
mod relay;
mod wire;

pub use self::{
    error::{RecordError, RecordErrorKind, RecordTopic},
    relay::{RelayDecoder, RelayRecord},
};

use super::names::{Generation, HostId, Keyspace, Session, TokenRange};
use crate::dedup::{Atom, ChangeId};

/// Tokens of one keyspace, and the generation of their owner.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Claim {
    /// The keyspace.
    pub keyspace: Keyspace,
    /// Its tokens.
    pub range: TokenRange,
    /// In `OWN` the new owner's, in `RELEASE` and `WANT` that of the owner who stands in the map.
    pub generation: Generation,
}

/// A record of the owners topic: one partition, plain records, in an order that is the same for all who read it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OwnersRecord {
    /// The topic's first record: what makes it this topic and no other.
    Init {
        /// Random. Another one than before: the topic was deleted and made anew, and all agents stop.
        uuid: u128,
        /// How identities are made; agents that make them otherwise stop.
        identity_version: u16,
        /// Key of the identities' hash: who writes to the tables must not know it.
        hash_key: u64,
    },
    /// An agent is there, and writes to this partition of the ledger. The first claim of a partition wins.
    Host {
        /// Its node.
        host: HostId,
        /// Partition of the ledger and of the relay topic.
        partition: i32,
        /// Digest of the settings that must agree. Who differs from the first host's only audits.
        settings: u128,
        /// Version of the program.
        version: Box<str>,
    },
    /// With how many partitions all agents hash keys for a topic of data. The first one counts, until the operator writes another.
    Topic {
        /// Name of the topic.
        name: Box<str>,
        /// Its partitions.
        partitions: i32,
        /// True: written by the operator, replaces what stood before.
        replaces: bool,
    },
    /// Tokens get an owner: where a claim's generation is one more than that of the map, and not elsewhere.
    Own {
        /// The new owner.
        host: HostId,
        /// Its session.
        session: Session,
        /// Sessions that it fenced: they can publish no more.
        fenced: Vec<(HostId, Session)>,
        /// The tokens.
        claims: Vec<Claim>,
    },
    /// The owner has stopped publishing for tokens: where the map has this host, session and generation, and not elsewhere.
    Release {
        /// The owner.
        host: HostId,
        /// Its session.
        session: Session,
        /// The tokens.
        claims: Vec<Claim>,
    },
    /// An agent asks the owner to release tokens to it.
    Want {
        /// Who asks.
        host: HostId,
        /// The tokens.
        claims: Vec<Claim>,
    },
}

/// Parts of a change that were published, or are to be known as if they were.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Entry {
    /// Identity.
    pub id: ChangeId,
    /// The minute of the write time, since 1970.
    pub minute: i32,
    /// The parts' fingerprints.
    pub atoms: Vec<Atom>,
}

/// A record of the ledger: a partition for each host, written by its transactional producer alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LedgerRecord {
    /// The session that wrote it.
    pub session: Session,
    /// What it says.
    pub kind: LedgerKind,
}

/// What a record of the ledger says.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LedgerKind {
    /// A session begins; all earlier ones of this host can publish no more.
    Hello,
    /// Published in the transaction that this record is of.
    Published(Vec<Entry>),
    /// Not published and never to be, as the settings exclude or drop it.
    Skipped(Vec<Entry>),
    /// The owner is there.
    Beat {
        /// Grows by one within a session; the first is 1.
        number: u64,
        /// All that the owner's log held when it wrote the beat of this number is published. 0: of none.
        done: u64,
    },
}

/// Records are kept below this many bytes where they can be told in several: half of what Kafka's brokers take by default
/// (`message.max.bytes`, 1 MiB).
pub const RECORD_BYTES_MAX: usize = 512 << 10;

#[cfg(test)]
mod tests;
