//! Entries (identity, write time, fingerprints) on disk, and a mark that says as of when they are all there: both in one
//! place, so that they cannot disagree, also after a crash. What the entries mean, and which clock counts, is told by those
//! who use it: [`DedupIndex`](super::DedupIndex) and [`LedgerIndex`](crate::cluster::LedgerIndex).
//!
//! What is newest is a table in memory, and stands in a journal, batch by batch, each with its mark. When the table is full
//! or old it is frozen: a new table and a new journal begin, and the frozen one is written as a *run* by a thread of its own: a
//! file in order of the identities that never changes again, with a filter in memory. Eight small runs of about the same time
//! are merged to one by another thread. An entry is looked up in the tables and, if its write time may be in them and their
//! filter does not deny it, in runs. Filters only ever say "surely not there": "perhaps there" is looked up exactly. A run is
//! dropped whole when all in it is too old.
//!
//! A manifest names the files; it is replaced as a whole. A crash leaves at most a half-written tail of the last journal, of
//! batches that were not reported as durable, which is cut off.

mod batch;
mod filter;
mod job;
mod journal;
mod layer;
mod manifest;
mod merge;
mod options;
mod roll;
mod run;
mod run_writer;
mod runs;
mod write_times;

use std::{
    collections::VecDeque,
    fmt, fs,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    path::Path,
    str::FromStr,
    sync::Arc,
};

pub(crate) use self::options::time_of;
pub use self::options::{IndexOptions, IndexStats};
use self::{
    batch::{Entries, each_entry},
    filter::Filter,
    job::Job,
    journal::Journal,
    layer::Layer,
    manifest::{Manifest, has_files_of_an_index, journal_path},
    run::Run,
    runs::Runs,
};
use super::{atoms::Atom, identity::Place, noter::KnownParts, table::Table};
use crate::checkpoint::{StateError, StateErrorKind, create_directory};

/// What to do about a damaged file.
const MOVE_AWAY: &str = "move the index's directory away and start again: an index of the ledger is then read from the \
                         ledger anew; an index of the node's own log begins empty, and late copies of what was published \
                         before can be published once more";

/// A journal that is longer is replaced, also if nothing but marks is in it.
const JOURNAL_BYTES_MAX: u64 = 256 << 20;

/// Number of a batch. Later ones have greater numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchNumber(u64);

impl From<u64> for BatchNumber {
    fn from(number: u64) -> Self {
        Self(number)
    }
}

impl From<BatchNumber> for u64 {
    fn from(number: BatchNumber) -> Self {
        number.0
    }
}

/// What stands in the journal with each batch: as of what the entries up to it are all there.
pub(crate) trait Mark: Clone + Default + PartialEq + fmt::Debug + fmt::Display + FromStr {
    /// Name of the kind of index, in its manifest: one kind is not taken for another.
    const KIND: &'static str;
}

/// Entries and marks.
///
/// Entries are filed into an open batch, which is sealed with its mark, committed when it is to be kept, and durable after
/// the next [`sync`](Self::sync). What is filed is found at once; [`abort`](Self::abort) takes out what is not committed.
#[derive(Debug)]
pub(crate) struct Store<M> {
    options: IndexOptions,
    manifest: Manifest,
    /// What is newer than the frozen layer: committed, sealed and open.
    newest: Layer,
    /// Entries in it that are committed, at least.
    newest_committed: usize,
    /// What is being written, or is to be.
    frozen: Option<Arc<Layer>>,
    /// Memory of the last frozen layer, to be used again.
    spare: Table,
    runs: Runs,
    /// The last of the manifest's journals; the others hold what is frozen.
    journal: Journal,
    /// Bytes of the others.
    old_journals_bytes: u64,
    /// The frozen layer's run, and its number.
    writing: Option<(u64, Job<(Run, Filter)>)>,
    merging: Option<Merging>,
    /// There was no room for a merged run.
    merges_wait: bool,
    /// The open batch.
    open: Entries,
    /// Batches that are not committed.
    sealed: VecDeque<Sealed<M>>,
    next_batch: u64,
    committed: M,
    durable: M,
    /// The time that was told last.
    now_ms: u64,
    /// After an error that leaves unknown what is on disk.
    failed: bool,
    /// Memory for blocks of runs.
    block: Vec<u8>,
    look_ups: u64,
    disk_look_ups: u64,
    runs_dropped_early: u64,
    waits_for_disk: u64,
    journal_bytes_cut: u64,
}

#[derive(Debug)]
struct Sealed<M> {
    number: BatchNumber,
    entries: Entries,
    mark: M,
}

/// Runs that are being merged, by their numbers.
#[derive(Debug)]
struct Merging {
    sources: Vec<u64>,
    number: u64,
    job: Job<(Run, Filter)>,
}

impl<M: Mark> Store<M> {
    /// Opens the files of a directory, or makes them. A new store knows all since `now_ms`. The time is to be told next.
    pub(crate) fn open(options: IndexOptions, now_ms: u64) -> Result<Self, StateError> {
        let directory = &options.directory;
        create_directory(directory)?;
        let manifest = match Manifest::read(directory, M::KIND)? {
            Some(manifest) => manifest,
            None => create::<M>(&options, now_ms)?,
        };
        manifest.remove_others(directory)?;
        let runs = Runs::open(&options, &manifest.runs)?;
        let mut newest = Layer::begin(Table::default(), manifest.journal_since_ms);
        let read = journal::open_all::<M>(directory, &manifest.journals, |entries| {
            each_entry(entries, |place, atoms| {
                newest.file(place, atoms);
            })
        })?;
        let journal_since_ms = manifest.journal_since_ms;
        Ok(Self {
            manifest,
            newest_committed: newest.table.len(),
            newest,
            frozen: None,
            spare: Table::default(),
            runs,
            journal: read.journal,
            old_journals_bytes: read.old_bytes,
            writing: None,
            merging: None,
            merges_wait: false,
            open: Entries::default(),
            sealed: VecDeque::new(),
            next_batch: 0,
            committed: read.mark.clone(),
            durable: read.mark,
            now_ms: journal_since_ms,
            failed: false,
            block: Vec::new(),
            look_ups: 0,
            disk_look_ups: 0,
            runs_dropped_early: 0,
            waits_for_disk: 0,
            journal_bytes_cut: read.cut_bytes,
            options,
        })
    }

    /// Returns a random number that stays the same as long as the files are there.
    pub(crate) fn seed(&self) -> u64 {
        self.manifest.seed
    }

    pub(crate) fn options(&self) -> &IndexOptions {
        &self.options
    }

    /// Returns the mark of the last committed batch.
    pub(crate) fn committed(&self) -> &M {
        &self.committed
    }

    /// Returns the mark that is durable.
    pub(crate) fn durable(&self) -> &M {
        &self.durable
    }

    /// Returns since when nothing was dropped, in milliseconds since 1970.
    pub(crate) fn known_since_ms(&self) -> u64 {
        self.manifest.known_since_ms
    }

    /// Returns the memory that the open and the sealed batches take, in bytes.
    pub(crate) fn uncommitted_bytes(&self) -> u64 {
        let sealed: usize = self.sealed.iter().map(|batch| batch.entries.bytes.capacity()).sum();
        (sealed + self.open.bytes.capacity()) as u64
    }

    /// Returns true if the newest table is full, or would be if what is filed were committed.
    pub(crate) fn is_table_full(&self) -> bool {
        self.newest.table.len() >= self.options.table_entries_max()
            || self.newest.table.atoms_len() >= self.options.table_atoms_max()
    }

    /// Tells the time, in milliseconds since 1970: what is filed from now on is of it. It may go back.
    pub(crate) fn note_time(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
        self.newest.note_time(now_ms);
    }

    /// Ends the open batch.
    pub(crate) fn seal(&mut self, mark: M) -> BatchNumber {
        let number = BatchNumber(self.next_batch);
        self.next_batch += 1;
        let entries = std::mem::take(&mut self.open);
        self.sealed.push_back(Sealed { number, entries, mark });
        number
    }

    /// Keeps the batches up to this one. After [`Full`](StateErrorKind::Full) those that were not written are still sealed.
    pub(crate) fn commit(&mut self, up_to: BatchNumber) -> Result<(), StateError> {
        self.append(up_to)?;
        if self.is_full() { self.roll() } else { Ok(()) }
    }

    fn append(&mut self, up_to: BatchNumber) -> Result<(), StateError> {
        self.check()?;
        while let Some(batch) = self.sealed.front().filter(|batch| batch.number <= up_to) {
            self.journal.append(&batch.mark, &batch.entries.bytes)?;
            if let Some(batch) = self.sealed.pop_front() {
                self.committed = batch.mark;
                self.newest_committed += batch.entries.count;
                self.keep_memory(batch.entries);
            }
        }
        Ok(())
    }

    /// Keeps a batch's memory for the next one.
    fn keep_memory(&mut self, mut entries: Entries) {
        /// Of a larger batch it is given back.
        const KEPT_BYTES_MAX: usize = 1 << 20;
        if self.open.bytes.capacity() == 0 && entries.bytes.capacity() <= KEPT_BYTES_MAX {
            entries.clear();
            self.open = entries;
        }
    }

    /// Takes out what is not committed.
    pub(crate) fn abort(&mut self) {
        self.take_out_uncommitted();
        self.sealed.clear();
        self.open = Entries::default();
    }

    /// Makes durable what is committed, then drops runs of which all was filed before `dead_before_ms`. An error of a run that
    /// is written or merged is told here too, or by [`commit`](Self::commit).
    pub(crate) fn sync(&mut self, dead_before_ms: u64) -> Result<(), StateError> {
        self.check()?;
        self.sync_journal()?;
        self.poll_jobs()?;
        let age_ms = self.newest.until_ms.saturating_sub(self.newest.since_ms);
        let is_old = self.newest.table.len() > 0 && age_ms >= self.options.journal_age_ms_max();
        if self.is_full() || (is_old && self.frozen.is_none()) {
            self.roll()?;
        }
        self.drop_runs(dead_before_ms)
    }

    fn sync_journal(&mut self) -> Result<(), StateError> {
        self.journal.sync().map_err(|error| self.noting_failure(error))?;
        self.durable.clone_from(&self.committed);
        Ok(())
    }

    /// Returns true if the table has no more room, or the journal is long. If it is full of what is not committed, a new one
    /// would not help.
    fn is_full(&self) -> bool {
        (self.is_table_full() && self.newest_committed >= self.options.table_entries_max() / 8)
            || self.journal.length() >= JOURNAL_BYTES_MAX
    }

    fn check(&self) -> Result<(), StateError> {
        if self.failed {
            let what = "the index is not used any more after an error before";
            return Err(StateError::new(StateErrorKind::SyncFailed, &self.options.directory, what));
        }
        Ok(())
    }

    fn noting_failure(&mut self, error: StateError) -> StateError {
        self.failed |= error.kind() == StateErrorKind::SyncFailed;
        error
    }

    /// Waits until what is to be written and merged is.
    #[cfg(test)]
    pub(crate) fn settle(&mut self) -> Result<(), StateError> {
        self.poll_jobs()?;
        while self.frozen.is_some() || self.merging.is_some() {
            std::thread::yield_now();
            self.poll_jobs()?;
        }
        Ok(())
    }

    pub(crate) fn stats(&self) -> IndexStats {
        let frozen = self.frozen.as_deref();
        let tables = self.newest.bytes() + frozen.map_or(0, Layer::bytes) + self.spare.bytes() as u64;
        let entries = self.newest.table.len() + frozen.map_or(0, |layer| layer.table.len());
        IndexStats {
            entries: entries as u64 + self.runs.sum(|run| run.description.entries),
            memory_bytes: tables
                + self.uncommitted_bytes()
                + self.block.capacity() as u64
                + self.runs.memory_bytes(),
            disk_bytes: self.disk_bytes(),
            runs: self.runs.len() as u64,
            runs_without_filter: self.runs.without_filter(),
            look_ups: self.look_ups,
            disk_look_ups: self.disk_look_ups,
            runs_dropped_early: self.runs_dropped_early,
            waits_for_disk: self.waits_for_disk,
            journal_bytes_cut: self.journal_bytes_cut,
            known_since: time_of(self.manifest.known_since_ms),
        }
    }

    fn disk_bytes(&self) -> u64 {
        self.journal.length() + self.old_journals_bytes + self.runs.sum(|run| run.file_bytes)
    }
}

impl<M: Mark> KnownParts for Store<M> {
    type Error = StateError;

    fn look_up(&mut self, place: Place, found: &mut Vec<Atom>) -> Result<(), StateError> {
        self.look_ups += 1;
        found.extend_from_slice(self.newest.table.get(place.id));
        if let Some(frozen) = &self.frozen {
            found.extend_from_slice(frozen.table.get(place.id));
        }
        self.disk_look_ups += self.runs.look_up(place, &mut self.block, found)?;
        Ok(())
    }

    fn file(&mut self, place: Place, atoms: &[Atom]) -> Result<(), StateError> {
        if self.newest.file(place, atoms) {
            self.open.push(place, atoms);
        }
        Ok(())
    }
}

/// Makes the files of an empty store.
fn create<M: Mark>(options: &IndexOptions, now_ms: u64) -> Result<Manifest, StateError> {
    let directory = &options.directory;
    if has_files_of_an_index(directory)? {
        let what = format!("has files of an index, but no manifest: {MOVE_AWAY}");
        return Err(StateError::corrupt(directory, what));
    }
    let manifest = Manifest {
        // Random: who writes to the tables must not know it.
        seed: RandomState::new().build_hasher().finish(),
        next_number: 1,
        journals: vec![0],
        journal_since_ms: now_ms,
        known_since_ms: now_ms,
        runs: Vec::new(),
    };
    let journal = journal_path(directory, 0);
    // A crash may have left one before there was a manifest.
    remove_quietly(&journal);
    Journal::create(&journal, 0, &M::default())?;
    manifest.write(directory, M::KIND)?;
    Ok(manifest)
}

/// Removes a file that no manifest names. If it can't be, it is removed at the next start.
fn remove_quietly(path: &Path) {
    let _: Result<(), std::io::Error> = fs::remove_file(path);
}
