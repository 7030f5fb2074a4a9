//! What an index may take, and what it takes.

use std::{
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Where an index lies, and how large it may become.
#[derive(Debug, Clone)]
pub struct IndexOptions {
    /// Its directory; made if it is not there.
    pub directory: PathBuf,
    /// False: only the progress is kept, and every change is new. An index of the ledger is always enabled.
    pub is_enabled: bool,
    /// How long what was published is known.
    pub window: Duration,
    /// Memory, in bytes. With too little of it, look-ups of old write times go to the disk, and more and smaller files are
    /// written; nothing is forgotten for it.
    pub memory_bytes_max: u64,
    /// Bytes of its files, but for those that are being written. If the window needs more, the oldest are dropped before
    /// their time.
    pub disk_bytes_max: u64,
}

/// What an index holds and did since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexStats {
    /// Identities in memory and in files; one that stands in two files counts twice.
    pub entries: u64,
    /// Memory in bytes, but for what is used for a moment.
    pub memory_bytes: u64,
    /// Bytes of its files.
    pub disk_bytes: u64,
    /// Files beside the journal.
    pub runs: u64,
    /// Of these, the ones whose filter does not fit into memory.
    pub runs_without_filter: u64,
    /// Identities that were looked up.
    pub look_ups: u64,
    /// Files that were read for it.
    pub disk_look_ups: u64,
    /// Files dropped before the window was over, as the disk's limit was reached: while this grows, the window is shorter
    /// than configured.
    pub runs_dropped_early: u64,
    /// How often the caller had to wait for a file to be written, as more came than the disk takes.
    pub waits_for_disk: u64,
    /// Bytes of a half-written batch that were cut off when the index was opened.
    pub journal_bytes_cut: u64,
    /// Since when all that was published is known; of an index of the ledger, in the ledger's time.
    pub known_since: SystemTime,
}

/// The most memory that a table takes: a file that is written of it can be addressed with 32 bits.
const TABLE_BYTES_MAX: u64 = 1 << 30;
/// The least that it takes.
const TABLE_PLACES_MIN: u64 = 1 << 10;
/// Identity, span, and a byte of the hash table; fingerprints of a usual change (2.84 were measured) for seven of eight.
const PLACE_BYTES: u64 = 24 + 1 + 11;
/// Into how many files the window is cut at least: the oldest is dropped whole, when all of it is old enough.
const FILES_OF_A_WINDOW: u32 = 12;

impl IndexOptions {
    /// Returns the defaults: six hours (twice the time for which Cassandra keeps hints), 64 MiB, 4 GiB.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            is_enabled: true,
            window: Duration::from_secs(6 * 3600),
            memory_bytes_max: 64 << 20,
            disk_bytes_max: 4 << 30,
        }
    }

    /// Returns how many identities a table in memory holds before it is written to a file. There are two: one is filled while
    /// the other is written.
    pub(super) fn table_entries_max(&self) -> usize {
        let bytes = (self.memory_bytes_max / 4).min(TABLE_BYTES_MAX);
        let places = (bytes / PLACE_BYTES).max(TABLE_PLACES_MIN);
        // A hash table has a power of two of places, and grows when seven eighths are taken.
        let places = 1 << places.ilog2();
        places / 8 * 7
    }

    /// Returns how many fingerprints the table holds before it is written to a file.
    pub(super) fn table_atoms_max(&self) -> usize {
        self.table_entries_max() * 3
    }

    /// Returns the memory for filters.
    pub(super) fn filter_bytes_max(&self) -> u64 {
        self.memory_bytes_max / 2
    }

    /// Returns how many identities a file may have that is merged of smaller ones: its filter is held in memory beside the
    /// others while it is made.
    pub(super) fn merged_entries_max(&self) -> u64 {
        self.memory_bytes_max / 8 * 8 / super::filter::BITS_EACH
    }

    pub(crate) fn window_ms(&self) -> u64 {
        self.window.as_millis().try_into().unwrap_or(u64::MAX)
    }

    /// Returns for how long a journal is written.
    pub(super) fn journal_age_ms_max(&self) -> u64 {
        self.window_ms() / u64::from(FILES_OF_A_WINDOW)
    }
}

/// Milliseconds since 1970 as a time.
pub(crate) fn time_of(milliseconds: u64) -> SystemTime {
    UNIX_EPOCH.checked_add(Duration::from_millis(milliseconds)).unwrap_or(UNIX_EPOCH)
}
