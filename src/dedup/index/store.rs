//! The files and the table of an index.

use std::{
    collections::VecDeque,
    fs,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    path::Path,
};

use super::{
    super::{atoms::Atom, identity::Place, noter::KnownParts, table::Table},
    BatchNumber, IndexOptions, IndexStats,
    batch::{Entries, each_entry},
    journal::Journal,
    manifest::{Manifest, has_files_of_an_index, journal_path, run_path},
    run::Run,
    run_writer::write_run,
    time_of,
    write_times::WriteTimes,
};
use crate::checkpoint::{Progress, StateError, StateErrorKind, create_directory};

/// A journal that is longer is replaced, also if nothing but progress is in it.
const JOURNAL_BYTES_MAX: u64 = 256 << 20;

/// See [`DedupIndex`](super::DedupIndex).
#[derive(Debug)]
pub(super) struct Store {
    options: IndexOptions,
    manifest: Manifest,
    /// All that is newer than the runs: committed, sealed and open.
    table: Table,
    /// Entries in the table that are committed, at least.
    table_committed: usize,
    /// Write times of what is in the table.
    times: WriteTimes,
    /// Oldest first.
    runs: Vec<Run>,
    journal: Journal,
    /// The open batch.
    open: Entries,
    /// Batches that are not committed.
    sealed: VecDeque<Sealed>,
    next_batch: u64,
    committed: Progress,
    durable: Progress,
    /// As it was told last.
    now_ms: u64,
    /// After an error that leaves unknown what is on disk.
    failed: bool,
    /// Memory for blocks of runs.
    block: Vec<u8>,
    look_ups: u64,
    disk_look_ups: u64,
    runs_dropped_early: u64,
    journal_bytes_cut: u64,
}

#[derive(Debug)]
struct Sealed {
    number: BatchNumber,
    entries: Entries,
    progress: Progress,
}

impl Store {
    pub(super) fn open(options: IndexOptions, now_ms: u64) -> Result<Self, StateError> {
        let directory = &options.directory;
        create_directory(directory)?;
        let manifest = match Manifest::read(directory)? {
            Some(manifest) => manifest,
            None => create(&options, now_ms)?,
        };
        manifest.remove_others(directory)?;
        let open_run = |number: &u64| Run::open(&run_path(directory, *number));
        let runs: Vec<Run> = manifest.runs.iter().map(open_run).collect::<Result<_, _>>()?;
        let (mut table, mut times) = (Table::default(), WriteTimes::default());
        let path = journal_path(directory, manifest.journal);
        let replayed = Journal::open(&path, manifest.journal, |entries| {
            each_entry(entries, |place, atoms| {
                table.add(place.id, atoms);
                times.add(place.timestamp);
            })
        })?;
        let mut store = Self {
            manifest,
            table_committed: table.len(),
            table,
            times,
            runs,
            journal: replayed.journal,
            open: Entries::default(),
            sealed: VecDeque::new(),
            next_batch: 0,
            committed: replayed.progress.clone(),
            durable: replayed.progress,
            now_ms,
            failed: false,
            block: Vec::new(),
            look_ups: 0,
            disk_look_ups: 0,
            runs_dropped_early: 0,
            journal_bytes_cut: replayed.cut_bytes,
            options,
        };
        store.fit_filters();
        Ok(store)
    }

    pub(super) fn seed(&self) -> u64 {
        self.manifest.seed
    }

    pub(super) fn is_enabled(&self) -> bool {
        self.options.is_enabled
    }

    pub(super) fn committed(&self) -> &Progress {
        &self.committed
    }

    pub(super) fn durable(&self) -> &Progress {
        &self.durable
    }

    pub(super) fn seal(&mut self, progress: Progress) -> BatchNumber {
        let number = BatchNumber(self.next_batch);
        self.next_batch += 1;
        let entries = std::mem::take(&mut self.open);
        self.sealed.push_back(Sealed { number, entries, progress });
        number
    }

    pub(super) fn commit(&mut self, up_to: BatchNumber) -> Result<(), StateError> {
        self.check()?;
        while let Some(batch) = self.sealed.front().filter(|batch| batch.number <= up_to) {
            self.journal.append(&batch.progress, &batch.entries.bytes)?;
            if let Some(batch) = self.sealed.pop_front() {
                self.committed = batch.progress;
                self.table_committed += batch.entries.count;
            }
        }
        if self.is_full() { self.roll() } else { Ok(()) }
    }

    pub(super) fn abort(&mut self) {
        self.take_out_uncommitted();
        self.sealed.clear();
        self.open = Entries::default();
    }

    pub(super) fn sync(&mut self, now_ms: u64) -> Result<(), StateError> {
        self.check()?;
        self.now_ms = now_ms;
        self.journal.sync().map_err(|error| self.noting_failure(error))?;
        self.durable.clone_from(&self.committed);
        let age_ms = now_ms.saturating_sub(self.manifest.journal_since_ms);
        let is_old = self.table.len() > 0 && age_ms >= self.options.journal_age_ms_max();
        if is_old || self.is_full() {
            return self.roll();
        }
        let (expired, early) = self.droppable(self.journal.length());
        if expired + early > 0 {
            let mut manifest = self.manifest.clone();
            self.drop_from(&mut manifest, expired + early);
            self.write_manifest(&manifest)?;
            self.forget_runs(expired, early);
        }
        Ok(())
    }

    /// Returns true if the table has no more room, or the journal is long. If it is full of what is not committed, writing
    /// a run would not help.
    fn is_full(&self) -> bool {
        let entries_max = self.options.table_entries_max();
        let is_table_full =
            self.table.len() >= entries_max || self.table.atoms_len() >= self.options.table_atoms_max();
        (is_table_full && self.table_committed >= entries_max / 8)
            || self.journal.length() >= JOURNAL_BYTES_MAX
    }

    /// Writes what is committed of the table to a run, and begins a new journal.
    fn roll(&mut self) -> Result<(), StateError> {
        self.take_out_uncommitted();
        let rolled = self.roll_committed();
        self.put_back_uncommitted();
        rolled.map_err(|error| self.noting_failure(error))
    }

    fn roll_committed(&mut self) -> Result<(), StateError> {
        let directory = self.options.directory.clone();
        // Numbers are not used again, even if this fails.
        let mut number = || {
            let number = self.manifest.next_number;
            self.manifest.next_number += 1;
            number
        };
        let (run_number, journal_number) = (number(), number());
        let mut manifest = self.manifest.clone();
        let mut made = None;
        if self.table.len() > 0 {
            let path = run_path(&directory, run_number);
            made = Some(write_run(&path, &self.table, &self.times, self.now_ms)?);
            manifest.runs.push(run_number);
        }
        let made_path = made.as_ref().map(|run| run.path().to_path_buf());
        let path = journal_path(&directory, journal_number);
        let journal = match Journal::create(&path, journal_number, &self.committed) {
            Ok(journal) => journal,
            Err(error) => {
                remove_quietly(made_path.as_deref());
                return Err(error);
            }
        };
        manifest.journal = journal_number;
        manifest.journal_since_ms = self.now_ms;
        let has_made_one = made.is_some();
        self.runs.extend(made);
        let (expired, early) = self.droppable(journal.length());
        self.drop_from(&mut manifest, expired + early);
        if let Err(error) = self.write_manifest(&manifest) {
            if has_made_one {
                self.runs.pop();
            }
            if !self.failed {
                remove_quietly(made_path.as_deref());
                remove_quietly(Some(&path));
            }
            return Err(error);
        }
        let old = std::mem::replace(&mut self.journal, journal);
        remove_quietly(Some(old.path()));
        self.durable.clone_from(&self.committed);
        self.table.clear();
        self.table_committed = 0;
        self.times = WriteTimes::default();
        self.forget_runs(expired, early);
        self.fit_filters();
        Ok(())
    }

    /// Returns how many of the oldest runs are older than the window, and how many more are too many for the disk.
    fn droppable(&self, journal_bytes: u64) -> (usize, usize) {
        let window_ms = self.options.window_ms();
        let is_expired =
            |run: &&Run| run.description.published_until_ms.saturating_add(window_ms) < self.now_ms;
        let expired = self.runs.iter().take_while(is_expired).count();
        let mut bytes = journal_bytes;
        let kept = self.runs.iter().skip(expired).rev().take_while(|run| {
            bytes += run.file_bytes;
            bytes <= self.options.disk_bytes_max
        });
        (expired, self.runs.len() - expired - kept.count())
    }

    fn drop_from(&self, manifest: &mut Manifest, count: usize) {
        if let Some(last) = count.checked_sub(1).and_then(|last| self.runs.get(last)) {
            let until = last.description.published_until_ms;
            manifest.known_since_ms = manifest.known_since_ms.max(until);
            manifest.runs.drain(..count);
        }
    }

    /// Forgets the oldest runs, which the manifest does not name any more.
    fn forget_runs(&mut self, expired: usize, early: usize) {
        self.runs_dropped_early += early as u64;
        for run in self.runs.drain(..expired + early) {
            remove_quietly(Some(run.path()));
        }
    }

    fn write_manifest(&mut self, manifest: &Manifest) -> Result<(), StateError> {
        let written = manifest.write(&self.options.directory);
        match written {
            Ok(()) => self.manifest = manifest.clone(),
            // The disk is full before the new one has its name, not after.
            Err(ref error) if error.kind() == StateErrorKind::Full => {}
            Err(_) => self.failed = true,
        }
        written
    }

    /// Drops filters of the oldest runs that do not fit into memory.
    fn fit_filters(&mut self) {
        let mut bytes: u64 = self.runs.iter().map(Run::offsets_bytes).sum();
        for run in self.runs.iter_mut().rev() {
            bytes += run.filter.as_ref().map_or(0, super::filter::Filter::bytes);
            if bytes > self.options.filter_bytes_max() {
                run.filter = None;
            }
        }
    }

    fn take_out_uncommitted(&mut self) {
        let Self { table, sealed, open, .. } = self;
        for entries in sealed.iter().map(|batch| &batch.entries).chain([&*open]) {
            each_entry(&entries.bytes, |place, atoms| table.remove(place.id, atoms));
        }
    }

    fn put_back_uncommitted(&mut self) {
        let Self { table, times, sealed, open, .. } = self;
        for entries in sealed.iter().map(|batch| &batch.entries).chain([&*open]) {
            each_entry(&entries.bytes, |place, atoms| {
                table.add(place.id, atoms);
                times.add(place.timestamp);
            });
        }
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

    pub(super) fn stats(&self) -> IndexStats {
        let sum = |of: fn(&Run) -> u64| self.runs.iter().map(of).sum::<u64>();
        let filters =
            sum(|run| run.offsets_bytes() + run.filter.as_ref().map_or(0, super::filter::Filter::bytes));
        let batches: usize = self.sealed.iter().map(|batch| batch.entries.bytes.capacity()).sum();
        let own = self.table.bytes() + batches + self.open.bytes.capacity() + self.block.capacity();
        IndexStats {
            entries: self.table.len() as u64 + sum(|run| run.description.entries),
            memory_bytes: own as u64 + filters,
            disk_bytes: self.journal.length() + sum(|run| run.file_bytes),
            runs: self.runs.len() as u64,
            runs_without_filter: sum(|run| u64::from(run.filter.is_none())),
            look_ups: self.look_ups,
            disk_look_ups: self.disk_look_ups,
            runs_dropped_early: self.runs_dropped_early,
            journal_bytes_cut: self.journal_bytes_cut,
            known_since: time_of(self.manifest.known_since_ms),
        }
    }
}

impl KnownParts for Store {
    type Error = StateError;

    fn look_up(&mut self, place: Place, found: &mut Vec<Atom>) -> Result<(), StateError> {
        self.look_ups += 1;
        found.extend_from_slice(self.table.get(place.id));
        for run in self.runs.iter().rev() {
            if run.may_contain(place.id, place.timestamp) {
                self.disk_look_ups += 1;
                run.look_up(place.id, &mut self.block, found)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, place: Place, atoms: &[Atom]) -> Result<(), StateError> {
        if self.table.add(place.id, atoms) {
            self.times.add(place.timestamp);
            self.open.push(place, atoms);
        }
        Ok(())
    }
}

/// Makes the files of an empty index.
fn create(options: &IndexOptions, now_ms: u64) -> Result<Manifest, StateError> {
    let directory = &options.directory;
    if has_files_of_an_index(directory)? {
        let what = format!("has files of an index, but no manifest: {}", super::MOVE_AWAY);
        return Err(StateError::corrupt(directory, what));
    }
    let manifest = Manifest {
        // Random: who writes to the tables must not know it.
        seed: RandomState::new().build_hasher().finish(),
        next_number: 1,
        journal: 0,
        journal_since_ms: now_ms,
        known_since_ms: now_ms,
        runs: Vec::new(),
    };
    let journal = journal_path(directory, manifest.journal);
    // A crash may have left one before there was a manifest.
    remove_quietly(Some(&journal));
    Journal::create(&journal, manifest.journal, &Progress::default())?;
    manifest.write(directory)?;
    Ok(manifest)
}

/// Removes a file that no manifest names. If it can't be, it is removed at the next start.
fn remove_quietly(path: Option<&Path>) {
    if let Some(path) = path {
        let _: Result<(), std::io::Error> = fs::remove_file(path);
    }
}
