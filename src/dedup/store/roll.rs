//! Freezing the table, writing and merging runs, dropping old ones.

use std::sync::Arc;

use super::{
    Job, Journal, Mark, Merging, Store,
    batch::each_entry,
    filter::Filter,
    layer::Layer,
    manifest::{Manifest, journal_path, run_path},
    merge::merge_runs,
    remove_quietly,
    run::Run,
    run_writer::write_run,
};
use crate::checkpoint::{StateError, StateErrorKind};

/// How many runs are merged to one.
const MERGED_RUNS: usize = 8;

impl<M: Mark> Store<M> {
    /// Freezes the table, with what is committed, and lets it be written. If another one is frozen, waits until that is
    /// written.
    pub(super) fn roll(&mut self) -> Result<(), StateError> {
        if self.frozen.is_some() {
            self.waits_for_disk += 1;
            self.poll_writing(true)?;
        }
        // The new journal begins as of what is committed, so the old one must hold all of that whatever happens.
        self.sync_journal()?;
        self.take_out_uncommitted();
        let frozen = self.freeze_committed();
        self.put_back_uncommitted();
        frozen?;
        self.poll_jobs()
    }

    fn freeze_committed(&mut self) -> Result<(), StateError> {
        let number = self.next_number();
        let path = journal_path(&self.options.directory, number);
        let journal = Journal::create(&path, number, &self.committed)?;
        let mut manifest = self.manifest.clone();
        if self.newest.table.len() == 0 {
            manifest.journals.clear();
        }
        manifest.journals.push(number);
        manifest.journal_since_ms = self.now_ms;
        if let Err(error) = self.write_manifest(manifest) {
            if !self.failed {
                remove_quietly(&path);
            }
            return Err(error);
        }
        let old = std::mem::replace(&mut self.journal, journal);
        let layer =
            std::mem::replace(&mut self.newest, Layer::begin(std::mem::take(&mut self.spare), self.now_ms));
        self.newest_committed = 0;
        if layer.table.len() == 0 {
            self.spare = layer.table;
            self.old_journals_bytes = 0;
            remove_quietly(old.path());
        } else {
            self.old_journals_bytes += old.length();
            self.frozen = Some(Arc::new(layer));
        }
        Ok(())
    }

    /// Returns a number for a file. None is used twice, even if its file is not made.
    fn next_number(&mut self) -> u64 {
        let number = self.manifest.next_number;
        self.manifest.next_number += 1;
        number
    }

    /// Takes in what was written and merged, and starts what is to be.
    pub(super) fn poll_jobs(&mut self) -> Result<(), StateError> {
        self.poll_writing(false)?;
        self.poll_merging()
    }

    /// Takes in the run of the frozen layer if it is written, or waits for it. After an error the next call tries again.
    fn poll_writing(&mut self, waits: bool) -> Result<(), StateError> {
        let Some(frozen) = &self.frozen else { return Ok(()) };
        if self.writing.is_none() {
            let number = self.manifest.next_number;
            let (path, layer) = (run_path(&self.options.directory, number), Arc::clone(frozen));
            let job = Job::start("index-run", &path.clone(), move |cancel| write_run(&path, &layer, cancel))?;
            self.writing = Some((self.next_number(), job));
        }
        let is_done = |(_, job): &mut (u64, Job<(Run, Filter)>)| waits || job.is_finished();
        if let Some((number, job)) = self.writing.take_if(is_done) {
            let written = job.wait(&self.options.directory);
            let (run, filter) = written.map_err(|error| self.noting_failure(error))?;
            self.take_in_written(number, run, filter)?;
        }
        Ok(())
    }

    fn take_in_written(&mut self, number: u64, run: Run, filter: Filter) -> Result<(), StateError> {
        let mut manifest = self.manifest.clone();
        manifest.runs.push(number);
        let newest = manifest.journals.pop();
        let old = std::mem::replace(&mut manifest.journals, newest.into_iter().collect());
        if let Err(error) = self.write_manifest(manifest) {
            // The frozen layer is written again.
            self.discard(&run);
            return Err(error);
        }
        self.runs.insert(number, run, filter);
        self.merges_wait = false;
        for number in old {
            remove_quietly(&journal_path(&self.options.directory, number));
        }
        self.old_journals_bytes = 0;
        if let Some(layer) = self.frozen.take().and_then(Arc::into_inner) {
            self.spare = layer.table;
            self.spare.clear();
        }
        Ok(())
    }

    fn poll_merging(&mut self) -> Result<(), StateError> {
        if let Some(Merging { sources, number, job }) = self.merging.take_if(|it| it.job.is_finished()) {
            let merged = job.wait(&self.options.directory);
            let taken_in =
                merged.and_then(|(run, filter)| self.take_in_merged(&sources, number, run, filter));
            match taken_in {
                Ok(()) => {}
                // It can do without: the next run that can be written tells that there is room again.
                Err(error) if error.kind() == StateErrorKind::Full => self.merges_wait = true,
                Err(error) => return Err(self.noting_failure(error)),
            }
        }
        if self.merging.is_none()
            && !self.merges_wait
            && let Some(runs) = self.runs.mergeable(&self.options, MERGED_RUNS)
        {
            let number = self.next_number();
            let (sources, runs): (Vec<u64>, Vec<Arc<Run>>) = runs.into_iter().unzip();
            let path = run_path(&self.options.directory, number);
            let job =
                Job::start("index-merge", &path.clone(), move |cancel| merge_runs(&path, &runs, cancel))?;
            self.merging = Some(Merging { sources, number, job });
        }
        Ok(())
    }

    fn take_in_merged(
        &mut self,
        sources: &[u64],
        number: u64,
        run: Run,
        filter: Filter,
    ) -> Result<(), StateError> {
        let mut manifest = self.manifest.clone();
        manifest.runs.retain(|number| !sources.contains(number));
        if manifest.runs.len() + sources.len() != self.manifest.runs.len() {
            // Some were dropped meanwhile; the others are merged again, with others.
            self.discard(&run);
            return Ok(());
        }
        manifest.runs.push(number);
        if let Err(error) = self.write_manifest(manifest) {
            self.discard(&run);
            return Err(error);
        }
        for path in self.runs.remove(sources) {
            remove_quietly(&path);
        }
        self.runs.insert(number, run, filter);
        Ok(())
    }

    /// Removes a run that is not used, unless the manifest on disk may name it.
    fn discard(&self, run: &Run) {
        if !self.failed {
            remove_quietly(run.path());
        }
    }

    /// Drops the runs of which all was filed before this time, and those that are too many for the disk.
    pub(super) fn drop_runs(&mut self, dead_before_ms: u64) -> Result<(), StateError> {
        let journals = self.journal.length() + self.old_journals_bytes;
        let bytes_max = self.options.disk_bytes_max.saturating_sub(journals);
        let droppable = self.runs.droppable(dead_before_ms, bytes_max);
        if droppable.numbers.is_empty() {
            return Ok(());
        }
        let mut manifest = self.manifest.clone();
        manifest.runs.retain(|number| !droppable.numbers.contains(number));
        manifest.known_since_ms = manifest.known_since_ms.max(droppable.known_since_ms);
        self.write_manifest(manifest)?;
        self.runs_dropped_early += droppable.early;
        for path in self.runs.remove(&droppable.numbers) {
            remove_quietly(&path);
        }
        Ok(())
    }

    fn write_manifest(&mut self, manifest: Manifest) -> Result<(), StateError> {
        match manifest.write(&self.options.directory, M::KIND) {
            Ok(()) => {
                self.manifest = manifest;
                Ok(())
            }
            // The disk is full before the new one has its name, not after.
            Err(error) if error.kind() == StateErrorKind::Full => Err(error),
            Err(error) => {
                self.failed = true;
                Err(error)
            }
        }
    }

    pub(super) fn take_out_uncommitted(&mut self) {
        let Self { newest, sealed, open, .. } = self;
        for entries in sealed.iter().map(|batch| &batch.entries).chain([&*open]) {
            each_entry(&entries.bytes, |place, atoms| newest.table.remove(place.id, atoms));
        }
    }

    fn put_back_uncommitted(&mut self) {
        let Self { newest, sealed, open, .. } = self;
        for entries in sealed.iter().map(|batch| &batch.entries).chain([&*open]) {
            each_entry(&entries.bytes, |place, atoms| {
                newest.file(place, atoms);
            });
        }
    }
}
