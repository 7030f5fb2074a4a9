//! The identity of a change: table, partition key, coordinate and write time.

use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128, xxh3_128_with_seed};

use super::atoms::Atom;
use crate::change::{Action, Change};

/// Version of the way in which identities and fingerprints are made. With any change of it, agents that differ must not work
/// together.
///
/// Version 2: all ranges of a partition at one write time share an identity.
pub const IDENTITY_VERSION: u16 = 2;

/// 128-bit hash of a change's identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChangeId {
    /// Its first half.
    pub high: u64,
    /// Its second half.
    pub low: u64,
}

/// Where parts of a change are filed: an identity, and its write time, which all copies share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The identity.
    pub id: ChangeId,
    /// Microseconds.
    pub timestamp: i64,
}

/// Values longer than this are fed as their hash.
const LONG_BYTES: usize = 512;

/// Hashes what is fed to it, all at once: for the few bytes of an identity a hasher that takes them piece by piece
/// spends most of its time on its own set-up. The buffer is used again.
#[derive(Debug, Default)]
pub(super) struct Hasher {
    seed: u64,
    bytes: Vec<u8>,
}

impl ChangeId {
    /// Returns the identity of a change, as if it were written at `timestamp`.
    pub(super) fn at(change: &Change<'_>, timestamp: i64, hasher: &mut Hasher) -> Self {
        hasher.start(b'#');
        hasher.feed(change.table.id().0.as_bytes());
        hasher.feed(&timestamp.to_le_bytes());
        hasher.feed_framed(change.partition_key);
        match &change.action {
            Action::Write(write) => match &write.clustering {
                Some(clustering) => hasher.feed_row(clustering),
                None => hasher.feed(b"s"),
            },
            Action::DeleteRow { clustering, .. } => hasher.feed_row(clustering),
            Action::DeleteRange(_) => hasher.feed(b"d"),
            Action::DeletePartition { .. } => hasher.feed(b"p"),
        }
        hasher.id()
    }
}

impl From<u128> for ChangeId {
    fn from(number: u128) -> Self {
        Self { high: (number >> 64) as u64, low: number as u64 }
    }
}

impl Hasher {
    /// Makes a hasher whose hashes differ from those of another seed: who does not know it cannot prepare two keys
    /// with one identity.
    pub(super) fn with_seed(seed: u64) -> Self {
        Self { seed, bytes: Vec::new() }
    }

    /// Returns the seed.
    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// Forgets what was fed, and begins with the kind of what is hashed.
    pub(super) fn start(&mut self, kind: u8) {
        self.bytes.clear();
        self.bytes.push(kind);
    }

    /// Feeds bytes of a fixed length.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Feeds bytes with their length, so that neighbours can't be confused.
    pub(super) fn feed_framed(&mut self, bytes: &[u8]) {
        self.feed(&(bytes.len() as u64).to_le_bytes());
        if bytes.len() <= LONG_BYTES {
            self.feed(bytes);
        } else {
            self.feed(&xxh3_128(bytes).to_le_bytes());
        }
    }

    /// Feeds the values of a row's clustering, null told from empty.
    fn feed_row(&mut self, clustering: &[Option<&[u8]>]) {
        self.feed(b"r");
        self.feed(&(clustering.len() as u64).to_le_bytes());
        for value in clustering {
            match value {
                Some(value) => {
                    self.feed(b"v");
                    self.feed_framed(value);
                }
                None => self.feed(b"n"),
            }
        }
    }

    /// Returns the identity of what was fed.
    pub(super) fn id(&self) -> ChangeId {
        ChangeId::from(xxh3_128_with_seed(&self.bytes, self.seed))
    }

    /// Returns the fingerprint of what was fed.
    pub(super) fn atom(&self) -> Atom {
        xxh3_64_with_seed(&self.bytes, self.seed) as Atom
    }
}
