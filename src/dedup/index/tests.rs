use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use cassandra_commitlog::{
    Position,
    mutation::{Cell, CellContent, ColumnIndex},
    schema::TableSchema,
};
use tempfile::TempDir;

use super::{
    super::{
        Verdict,
        tests::{A, B, table},
    },
    *,
};
use crate::{
    change::{Action, ColumnWrite, DeletedRange, RangeBound, RowWrite},
    checkpoint::StateErrorKind,
};

mod damage;
mod model;

/// Write time of the first changes, in microseconds, and when they are published.
const START_MICROS: i64 = 1_700_000_000_000_000;

fn start() -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(START_MICROS as u64)
}

/// An index in a directory of its own; small, so that it has many runs.
struct Bed {
    directory: TempDir,
    options: IndexOptions,
    table: Arc<TableSchema>,
}

impl Bed {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut options = IndexOptions::new(directory.path().join("index"));
        options.memory_bytes_max = 1 << 17;
        Self { directory, options, table: table() }
    }

    fn open(&self, now: SystemTime) -> (DedupIndex, Progress) {
        DedupIndex::open(self.options.clone(), now).unwrap()
    }

    /// A bed with a copy of the files.
    fn copy(&self) -> Self {
        let mut copy = Self::new();
        copy.options = IndexOptions { directory: copy.options.directory, ..self.options.clone() };
        fs::create_dir(&copy.options.directory).unwrap();
        for file in self.files() {
            fs::copy(&file, copy.options.directory.join(file.file_name().unwrap())).unwrap();
        }
        copy
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.options.directory).unwrap();
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    fn file(&self, kind: &str) -> PathBuf {
        let is_kind = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(kind);
        self.files().into_iter().find(is_kind).unwrap()
    }

    /// The journal that is appended to.
    fn journal(&self) -> PathBuf {
        let number =
            |path: &PathBuf| path.file_name()?.to_str()?.strip_prefix("journal-")?.parse::<u64>().ok();
        self.files().into_iter().max_by_key(number).unwrap()
    }

    /// A write of some columns, each with a value.
    fn write<'a>(&self, key: &'a [u8], timestamp: i64, cells: &[(ColumnIndex, &'a [u8])]) -> Change<'a> {
        let columns = cells.iter().map(|(column, value)| {
            let content = CellContent::Live(value);
            ColumnWrite::Simple(*column, Cell { timestamp, path: None, content })
        });
        let write = RowWrite { clustering: Some(vec![]), marker: None, columns: columns.collect() };
        let table = Arc::clone(&self.table);
        Change { table, partition_key: key, timestamp, action: Action::Write(write) }
    }

    /// The change of a number, one part.
    fn note(&self, index: &mut DedupIndex, number: u64) -> bool {
        let key = number.to_be_bytes();
        let timestamp = START_MICROS + number as i64;
        match index.note(self.write(&key, timestamp, &[(A, b"v")])).unwrap() {
            Verdict::New(_) => true,
            Verdict::Duplicate => false,
            Verdict::Partly(rest) => panic!("one part: {rest:?}"),
        }
    }
}

/// Syncs, and waits until all files are written.
fn sync(index: &mut DedupIndex, now: SystemTime) -> Result<Progress, StateError> {
    let progress = index.sync(now)?;
    index.store.settle()?;
    Ok(progress)
}

/// The progress after so many batches.
fn progress(batches: u64) -> Progress {
    let mut progress = Progress::default();
    if batches > 0 {
        progress.read_to(Position { segment: 7, offset: batches });
    }
    progress
}

#[test]
fn what_was_committed_is_known_after_a_restart_with_its_progress_and_nothing_else() {
    let bed = Bed::new();
    let (mut index, read) = bed.open(start());
    assert!(read.is_empty());
    assert!(bed.note(&mut index, 1));
    assert!(!bed.note(&mut index, 1), "what is staged is known");
    assert!(index.note_event(99, START_MICROS).unwrap());
    let first = index.seal(progress(1));
    assert!(bed.note(&mut index, 2));
    index.seal(progress(2));
    assert!(bed.note(&mut index, 3));
    index.commit(first).unwrap();
    assert_eq!(index.durable(), &progress(0));
    assert_eq!(sync(&mut index, start()).unwrap(), progress(1));
    drop(index);

    let (mut index, read) = bed.open(start());
    assert_eq!(read, progress(1));
    assert!(!bed.note(&mut index, 1) && bed.note(&mut index, 2) && bed.note(&mut index, 3));
    assert!(!index.note_event(99, START_MICROS).unwrap());
}

#[test]
fn aborting_forgets_what_is_not_committed_and_keeps_the_rest() {
    let bed = Bed::new();
    let (mut index, _) = bed.open(start());
    let key = b"key".as_slice();
    index.note(bed.write(key, START_MICROS, &[(A, b"1")])).unwrap();
    let first = index.seal(progress(1));
    // A second part of the same row and time, in a batch that is not published.
    let both = bed.write(key, START_MICROS, &[(A, b"1"), (B, b"2")]);
    let rest = bed.write(key, START_MICROS, &[(B, b"2")]);
    assert_eq!(index.note(both.clone()).unwrap(), Verdict::Partly(rest.clone()));
    index.seal(progress(2));
    assert!(bed.note(&mut index, 5));
    index.commit(first).unwrap();
    index.abort();
    assert_eq!(index.note(both).unwrap(), Verdict::Partly(rest));
    assert!(bed.note(&mut index, 5));
    assert_eq!(index.committed(), &progress(1));
}

#[test]
fn runs_go_when_all_in_them_is_older_than_the_window() {
    let bed = Bed::new();
    let hour = Duration::from_secs(3600);
    let (mut index, _) = bed.open(start());
    for number in 0..20 {
        assert!(bed.note(&mut index, number));
        let batch = index.seal(progress(number + 1));
        index.commit(batch).unwrap();
        sync(&mut index, start() + hour * number as u32).unwrap();
    }
    let now = start() + hour * 19;
    for number in 0..20 {
        let is_new = bed.note(&mut index, number);
        // Published at `number` hours; a run is written half an hour later at the earliest, here with the next batch.
        if number >= 13 {
            assert!(!is_new, "{number} is in the window");
        }
        if number < 11 {
            assert!(is_new, "{number} was published more than the window ago");
        }
    }
    let known_since = index.stats().known_since;
    assert!(known_since <= now - hour * 6 && known_since >= now - hour * 8, "{known_since:?}");
    assert_eq!(index.stats().runs_dropped_early, 0);
}

#[test]
fn when_the_disk_limit_is_reached_the_oldest_go_early_and_are_counted() {
    let mut bed = Bed::new();
    bed.options.disk_bytes_max = 200_000;
    let (mut index, _) = bed.open(start());
    for number in 0..20_000 {
        assert!(bed.note(&mut index, number));
        if number % 100 == 99 {
            let batch = index.seal(progress(number));
            index.commit(batch).unwrap();
            sync(&mut index, start()).unwrap();
        }
    }
    let stats = index.stats();
    assert!(stats.runs_dropped_early > 0 && stats.runs > 2, "{stats:?}");
    assert!(stats.disk_bytes <= bed.options.disk_bytes_max + 100_000, "{stats:?}");
    let on_disk: u64 = bed.files().iter().map(|file| fs::metadata(file).unwrap().len()).sum();
    assert!(on_disk - stats.disk_bytes < 1000, "all but the manifest is counted: {on_disk} {stats:?}");
    assert!(!bed.note(&mut index, 19_000) && bed.note(&mut index, 0));
}

#[test]
fn without_memory_for_filters_runs_are_read_and_nothing_is_forgotten() {
    let mut bed = Bed::new();
    bed.options.memory_bytes_max = 1 << 13;
    let (mut index, _) = bed.open(start());
    for number in 0..8_000 {
        assert!(bed.note(&mut index, number));
        if number % 100 == 99 {
            let batch = index.seal(progress(number));
            index.commit(batch).unwrap();
        }
    }
    assert!(index.stats().runs_without_filter > 3, "{:?}", index.stats());
    assert!((0..8_000).all(|number| !bed.note(&mut index, number)));
}

#[test]
fn with_dedup_off_only_the_progress_is_kept() {
    let mut bed = Bed::new();
    bed.options.is_enabled = false;
    let (mut index, _) = bed.open(start());
    for batch in 1..10 {
        assert!(bed.note(&mut index, 1) && index.note_event(5, START_MICROS).unwrap());
        let batch = index.seal(progress(batch));
        index.commit(batch).unwrap();
    }
    sync(&mut index, start()).unwrap();
    drop(index);
    let (index, read) = bed.open(start());
    assert_eq!((read, index.stats().entries), (progress(9), 0));
}

#[test]
fn a_change_with_very_many_parts_survives_files_and_restarts() {
    let bed = Bed::new();
    let values: Vec<[u8; 8]> = (0..3000_u64).map(u64::to_be_bytes).collect();
    let element = |path| Cell { timestamp: START_MICROS, path: Some(path), content: CellContent::Live(b"") };
    let elements: Vec<_> = values.iter().map(|value| element(&value[..])).collect();
    let column = ColumnWrite::Complex { column: ColumnIndex::Current(2), cleared: None, elements };
    let mut change = bed.write(b"k", START_MICROS, &[]);
    change.action = Action::Write(RowWrite { clustering: None, marker: None, columns: vec![column] });
    let (mut index, _) = bed.open(start());
    assert_eq!(index.note(change.clone()).unwrap(), Verdict::New(change.clone()));
    let batch = index.seal(progress(1));
    index.commit(batch).unwrap();
    sync(&mut index, start() + Duration::from_secs(3600)).unwrap();
    assert_eq!(index.stats().runs, 1);
    assert_eq!(index.note(change.clone()).unwrap(), Verdict::Duplicate);
    drop(index);
    let (mut index, _) = bed.open(start());
    assert_eq!(index.note(change).unwrap(), Verdict::Duplicate);
}

#[test]
fn what_ranges_cover_is_known_from_files_too_and_forgotten_with_them() {
    let bed = Bed::new();
    let range = |from: &'static [u8; 4], to: &'static [u8; 4]| {
        let bound =
            |value: &'static [u8; 4]| Some(RangeBound { values: vec![Some(&value[..])], inclusive: true });
        let range = DeletedRange { start: bound(from), end: bound(to), local_deletion_time: 1 };
        Change { action: Action::DeleteRange(range), ..bed.write(b"k", START_MICROS, &[]) }
    };
    let (whole, cut) = (range(&[0, 0, 0, 1], &[0, 0, 0, 9]), range(&[0, 0, 0, 4], &[0, 0, 0, 9]));
    let (mut index, _) = bed.open(start());
    assert_eq!(index.note(whole.clone()).unwrap(), Verdict::New(whole.clone()));
    assert_eq!(index.note(cut.clone()).unwrap(), Verdict::Duplicate);
    index.abort();
    assert_eq!(index.note(whole.clone()).unwrap(), Verdict::New(whole));
    let batch = index.seal(progress(1));
    index.commit(batch).unwrap();
    sync(&mut index, start() + Duration::from_secs(3600)).unwrap();
    assert_eq!((index.stats().runs, index.stats().entries), (1, 2));
    drop(index);
    let (mut index, _) = bed.open(start());
    assert_eq!(index.note(cut.clone()).unwrap(), Verdict::Duplicate);
    let later = start() + Duration::from_millis(bed.options.window_ms()) + Duration::from_secs(7200);
    sync(&mut index, later).unwrap();
    assert_eq!(index.note(cut.clone()).unwrap(), Verdict::New(cut));
}

fn flip(path: &Path, at: usize, bit: u8) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1 << bit;
    fs::write(path, bytes).unwrap();
}
