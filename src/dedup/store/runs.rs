//! The runs of a store, and which of their filters fit into memory.

use std::{path::PathBuf, sync::Arc};

use super::{IndexOptions, filter::Filter, manifest::run_path, run::Run, write_times::minute_of};
use crate::{
    checkpoint::StateError,
    dedup::{atoms::Atom, identity::Place},
};

/// A run in use. What most look-ups need of it to pass it over comes first.
#[derive(Debug)]
struct Held {
    first_minute: i64,
    last_minute: i64,
    /// Not there if memory does not suffice: then look-ups go to the file.
    filter: Option<Filter>,
    number: u64,
    run: Arc<Run>,
}

/// Runs, in order of the time until which what is in them was filed.
#[derive(Debug)]
pub(super) struct Runs {
    held: Vec<Held>,
    filter_bytes_max: u64,
}

/// Runs that are dropped.
#[derive(Debug, Default)]
pub(super) struct Droppable {
    pub(super) numbers: Vec<u64>,
    /// How many of them are too many for the disk, and not too old.
    pub(super) early: u64,
    /// All that was filed later is still there.
    pub(super) known_since_ms: u64,
}

impl Held {
    fn new(number: u64, run: Run, filter: Filter) -> Self {
        let (first_minute, last_minute) = run.description.times.bounds();
        Self { first_minute, last_minute, filter: Some(filter), number, run: Arc::new(run) }
    }

    fn until_ms(&self) -> u64 {
        self.run.description.published_until_ms
    }

    /// Returns false if nothing is filed in it at this place, as far as is known without reading.
    #[inline]
    fn may_contain(&self, place: Place, minute: i64) -> bool {
        self.first_minute <= minute
            && minute <= self.last_minute
            && self.run.description.times.may_contain(minute)
            && self.filter.as_ref().is_none_or(|filter| filter.may_contain(place.id))
    }
}

impl Runs {
    /// Opens runs by their numbers.
    pub(super) fn open(options: &IndexOptions, numbers: &[u64]) -> Result<Self, StateError> {
        let mut runs = Self { held: Vec::new(), filter_bytes_max: options.filter_bytes_max() };
        // Later ones have greater numbers, but for merged ones: their filters are fitted into memory first.
        let mut numbers = numbers.to_vec();
        numbers.sort_unstable();
        for number in numbers.into_iter().rev() {
            let (run, filter) = Run::open(&run_path(&options.directory, number))?;
            runs.insert(number, run, filter);
        }
        Ok(runs)
    }

    /// Adds a run. Filters of the oldest that do not fit into memory are dropped.
    pub(super) fn insert(&mut self, number: u64, run: Run, filter: Filter) {
        let held = Held::new(number, run, filter);
        let at = self.held.partition_point(|it| it.until_ms() <= held.until_ms());
        self.held.insert(at, held);
        let mut bytes: u64 = self.sum(Run::memory_bytes);
        for held in self.held.iter_mut().rev() {
            bytes += held.filter.as_ref().map_or(0, Filter::bytes);
            if bytes > self.filter_bytes_max {
                held.filter = None;
            }
        }
    }

    /// Takes runs out, and returns their files.
    pub(super) fn remove(&mut self, numbers: &[u64]) -> Vec<PathBuf> {
        let removed = self.held.extract_if(.., |held| numbers.contains(&held.number));
        removed.map(|held| held.run.path().to_path_buf()).collect()
    }

    /// Appends what is filed at a place, and returns how many files were read for it.
    pub(super) fn look_up(
        &self,
        place: Place,
        block: &mut Vec<u8>,
        found: &mut Vec<Atom>,
    ) -> Result<u64, StateError> {
        let minute = minute_of(place.timestamp);
        let mut read = 0;
        for held in self.held.iter().rev() {
            if held.may_contain(place, minute) {
                read += 1;
                held.run.look_up(place.id, block, found)?;
            }
        }
        Ok(read)
    }

    /// Returns which runs are too old, and which of the oldest others are too many for this many bytes.
    pub(super) fn droppable(&self, dead_before_ms: u64, bytes_max: u64) -> Droppable {
        let mut droppable = Droppable::default();
        let mut bytes = self.sum(|run| run.file_bytes);
        for held in &self.held {
            let is_dead = held.until_ms() < dead_before_ms;
            if !is_dead && bytes <= bytes_max {
                break;
            }
            bytes -= held.run.file_bytes;
            droppable.numbers.push(held.number);
            droppable.early += u64::from(!is_dead);
            droppable.known_since_ms = held.until_ms();
        }
        droppable
    }

    /// Returns so many runs of one level and about the same time that may become one, with their numbers.
    pub(super) fn mergeable(&self, options: &IndexOptions, count: usize) -> Option<Vec<(u64, Arc<Run>)>> {
        let level_max = self.held.iter().map(|held| held.run.description.level).max()?;
        for level in 0..=level_max {
            let of_level: Vec<&Held> =
                self.held.iter().filter(|held| held.run.description.level == level).collect();
            for runs in of_level.windows(count) {
                let entries: u64 = runs.iter().map(|held| held.run.description.entries).sum();
                let (Some(first), Some(last)) = (runs.first(), runs.last()) else { continue };
                let span_ms = last.until_ms() - first.until_ms();
                if entries <= options.merged_entries_max() && span_ms <= options.journal_age_ms_max() {
                    return Some(runs.iter().map(|held| (held.number, Arc::clone(&held.run))).collect());
                }
            }
        }
        None
    }

    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    pub(super) fn sum(&self, of: impl Fn(&Run) -> u64) -> u64 {
        self.held.iter().map(|held| of(&held.run)).sum()
    }

    pub(super) fn without_filter(&self) -> u64 {
        self.held.iter().filter(|held| held.filter.is_none()).count() as u64
    }

    /// Returns the memory that is held, in bytes.
    pub(super) fn memory_bytes(&self) -> u64 {
        let filters =
            self.held.iter().filter_map(|held| held.filter.as_ref()).map(Filter::bytes).sum::<u64>();
        filters + self.sum(Run::memory_bytes) + (self.held.capacity() * size_of::<Held>()) as u64
    }
}
