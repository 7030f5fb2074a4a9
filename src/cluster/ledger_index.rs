//! What the ledger says, on disk: entries of all hosts' partitions, in one store with the positions up to which they were
//! read and with how far the own log was audited against them. After a crash all three are as of the same moment.
//!
//! The window is one of the *ledger's* time, the time that Kafka has for each of its records: what is forgotten was in the ledger
//! a window before what the audit has come to, whatever clocks say and however far the ledger was read since. So an agent that was away
//! for a day matches its old log with the old ledger.
//!
//! The ledger tells write times to the minute, and changes are looked up with theirs to the microsecond: the store tells
//! minutes apart and nothing finer.
//!
//! Measured with `benches/ledger_index.rs` on two cores shared with other work: changes of 2.84 fingerprints in a window of six
//! hours, checkpoints every 20,000 or as [`wants_sync`](LedgerIndex::wants_sync) says. CPU is of all threads; "old log" is an
//! audit that reads from the window's begin.
//!
//! | changes, limit of memory | filed, with checkpoints | unknown, new | known, new | known, old log | at random | resident | opened |
//! |---|---|---|---|---|---|---|---|
//! | 10 million, 64 MiB | 0.25 µs | 0.07 µs | 0.08 µs | 1.4 µs | 1.8 µs | 42 MiB | 0.02 s |
//! | 10 million, 256 MiB | 0.33 µs | 0.03 µs | 0.06 µs | 1.4 µs | 1.6 µs | 108 MiB | 0.10 s |
//! | 100 million, 64 MiB | 0.44 µs | 1.2 µs | 1.1 µs | 5.1 µs | 5.2 µs | 130 MiB | 0.31 s |
//! | 100 million, 256 MiB | 0.66 µs | 0.12 µs | 0.32 µs | 2.1 µs | 2.9 µs | 245 MiB | 0.37 s |
//!
//! A change takes 30 bytes of disk. With 64 MiB for 100 million most filters do not fit, and the one change in a hundred that
//! has a write time of any minute of a year, for which no file can be passed over, costs 85 µs; it makes up the most of "new"
//! there. With 256 MiB it costs 5 to 7 µs. Of the 130 MiB there, 49 are held; the rest glibc keeps after filters were given
//! back: with `MALLOC_MMAP_THRESHOLD_=262144` in the environment it is 56 MiB.
//!
//! Why not an embedded store: fjall 3.1.13, with minute and identity as key, its defaults but for 64 MiB of cache and buffers, and 10 million of the same changes, takes 2.9 µs
//! for a change filed without looking whether it is there, 2.7 µs for a new one looked up, 1.7 µs in an old log, 80 µs
//! at random, 104 bytes of disk and 136 MiB of resident memory; and what is old would have to be deleted key by key. A window
//! needs neither order nor deletion of single keys.

mod checkpoint;

pub use self::checkpoint::LedgerCheckpoint;
use self::checkpoint::LedgerMark;
use crate::{
    checkpoint::StateError,
    dedup::{Atom, IndexOptions, IndexStats, KnownParts, Place, store::Store},
};

/// The index of the ledger.
///
/// What is filed is found at once, and is durable after the next [`sync`](Self::sync), which also tells up to where the
/// ledger was read for it. After a crash nothing is there that was filed later, and the positions are those of the sync.
#[derive(Debug)]
pub struct LedgerIndex {
    store: Store<LedgerMark>,
    /// The greatest time of a record of the ledger that was told.
    newest_ms: u64,
    /// Up to when the ledger could not be read.
    missed_until_ms: u64,
}

const MINUTE_MICROS: i64 = 60_000_000;
/// Write times that a minute of the ledger can say, in microseconds; others stand under the nearest.
const TIMESTAMP_MIN: i64 = i32::MIN as i64 * MINUTE_MICROS;
const TIMESTAMP_MAX: i64 = i32::MAX as i64 * MINUTE_MICROS;

impl LedgerIndex {
    /// Opens the index, or makes an empty one. Returns as of what it is exactly: the ledger is to be read on from these
    /// positions, of a host that is not named from its partition's begin.
    pub fn open(options: IndexOptions) -> Result<(Self, LedgerCheckpoint), StateError> {
        // An empty one is whole from the begin of the ledger's time: nothing was dropped or missed yet.
        let mut store: Store<LedgerMark> = Store::open(options, 0)?;
        let LedgerMark { checkpoint, newest_ms, missed_until_ms } = store.durable().clone();
        if newest_ms > 0 {
            // What the journal holds was in the ledger then at the latest.
            store.note_time(newest_ms);
        }
        Ok((Self { store, newest_ms, missed_until_ms }, checkpoint))
    }

    /// Tells the time of the ledger's record whose entries are filed next: Kafka's, in milliseconds since 1970. Records of
    /// several partitions need not come in order of it.
    pub fn note_record_time(&mut self, record_ms: u64) {
        self.newest_ms = self.newest_ms.max(record_ms);
        self.store.note_time(record_ms);
    }

    /// Tells that records of the ledger up to this time were gone before they were read: a partition does not begin with
    /// offset 0 where it is read from its begin, or the offset to go on from is not there any more.
    pub fn note_missed_until(&mut self, record_ms: u64) {
        self.missed_until_ms = self.missed_until_ms.max(record_ms);
    }

    /// Makes durable, in one step, all that was filed and as of what it is. Then forgets what was in the ledger a window before
    /// [`audited_ms`](LedgerCheckpoint::audited_ms).
    ///
    /// After [`Full`](crate::checkpoint::StateErrorKind::Full) nothing is lost: make room and call it again.
    pub fn sync(&mut self, checkpoint: LedgerCheckpoint) -> Result<(), StateError> {
        let dead_before_ms = checkpoint.audited_ms.saturating_sub(self.store.options().window_ms());
        let (newest_ms, missed_until_ms) = (self.newest_ms, self.missed_until_ms);
        let batch = self.store.seal(LedgerMark { checkpoint, newest_ms, missed_until_ms });
        self.store.commit(batch)?;
        self.store.sync(dead_before_ms)
    }

    /// Returns true if so much was filed since the last sync that the limit of memory is exceeded unless the next one comes
    /// now.
    pub fn wants_sync(&self) -> bool {
        /// Which part of the memory may be taken by what is not durable.
        const UNSYNCED_SHARE: u64 = 16;
        self.store.is_table_full()
            || self.store.uncommitted_bytes() > self.store.options().memory_bytes_max / UNSYNCED_SHARE
    }

    /// Returns as of what the index would be after a crash now, at least.
    pub fn durable(&self) -> &LedgerCheckpoint {
        &self.store.durable().checkpoint
    }

    /// Returns since when, in milliseconds of the ledger's time, all is there that was read of the ledger: what was in it
    /// later was neither dropped nor missed. 0: nothing ever was. It says nothing of what is still to be read.
    pub fn whole_since_ms(&self) -> u64 {
        self.store.known_since_ms().max(self.missed_until_ms)
    }

    /// Returns what the index holds and did.
    pub fn stats(&self) -> IndexStats {
        self.store.stats()
    }
}

impl KnownParts for LedgerIndex {
    type Error = StateError;

    fn look_up(&mut self, place: Place, found: &mut Vec<Atom>) -> Result<(), StateError> {
        self.store.look_up(told_by_the_ledger(place), found)
    }

    /// Fingerprints that are filed there already do no harm, but take room.
    fn file(&mut self, place: Place, atoms: &[Atom]) -> Result<(), StateError> {
        self.store.file(told_by_the_ledger(place), atoms)
    }
}

/// Returns the place with its write time as an entry of the ledger can say it.
fn told_by_the_ledger(place: Place) -> Place {
    Place { timestamp: place.timestamp.clamp(TIMESTAMP_MIN, TIMESTAMP_MAX), ..place }
}

#[cfg(test)]
mod tests;
