use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use cassandra_commitlog::Position;
use tempfile::TempDir;
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_128;

use super::*;
use crate::{
    checkpoint::{Progress, StateErrorKind},
    cluster::names::HostId,
    dedup::ChangeId,
};

mod crash;
mod damage;
mod window;

/// The ledger's time of the first records, in milliseconds.
const START_MS: u64 = 1_700_000_000_000;
const START_MICROS: i64 = START_MS as i64 * 1000;

/// An index in a directory of its own; small, so that it has many files.
struct Bed {
    directory: TempDir,
    options: IndexOptions,
}

/// Numbers that follow from a seed (xorshift64*).
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % bound
    }
}

impl Bed {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut options = IndexOptions::new(directory.path().join("ledger"));
        options.memory_bytes_max = 1 << 17;
        Self { directory, options }
    }

    fn open(&self) -> (LedgerIndex, LedgerCheckpoint) {
        LedgerIndex::open(self.options.clone()).unwrap()
    }

    /// A bed with a copy of the files.
    fn copy(&self) -> Self {
        let mut copy = Self::new();
        let directory = copy.directory.path().join("ledger");
        copy.options = IndexOptions { directory, ..self.options.clone() };
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

    /// Files of a kind, in order of their numbers.
    fn numbered(&self, kind: &str) -> Vec<PathBuf> {
        let number = |path: &PathBuf| {
            path.file_name()?.to_str()?.strip_prefix(kind)?.strip_prefix('-')?.parse::<u64>().ok()
        };
        let mut files = self.files();
        files.retain(|path| number(path).is_some());
        files.sort_by_key(number);
        files
    }

    /// The journal that is appended to.
    fn journal(&self) -> PathBuf {
        self.numbered("journal").pop().unwrap()
    }
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}

/// The place of a number, with a write time near the start.
fn place(number: u64) -> Place {
    Place { id: id(number), timestamp: START_MICROS + number as i64 * 1_000_000 }
}

fn id(number: u64) -> ChangeId {
    ChangeId::from(xxh3_128(&number.to_le_bytes()))
}

/// A place as an entry of the ledger says it.
fn to_the_minute(place: Place) -> Place {
    let minute = place.timestamp.div_euclid(MINUTE_MICROS).clamp(i32::MIN.into(), i32::MAX.into());
    Place { timestamp: minute * MINUTE_MICROS, ..place }
}

fn file(index: &mut LedgerIndex, place: Place, atoms: &[Atom]) {
    index.file(to_the_minute(place), atoms).unwrap();
}

fn found(index: &mut LedgerIndex, place: Place) -> BTreeSet<Atom> {
    let mut found = Vec::new();
    index.look_up(place, &mut found).unwrap();
    found.into_iter().collect()
}

/// The checkpoint after so many entries.
fn checkpoint(entries: u64) -> LedgerCheckpoint {
    let mut audit = Progress::default();
    audit.read_to(Position { segment: 7, offset: entries });
    let positions = BTreeMap::from([
        (HostId(Uuid::from_u128(1)), entries * 2),
        (HostId(Uuid::from_u128(2)), entries * 3),
    ]);
    LedgerCheckpoint { topics: Some(5), positions, audit, audited_ms: START_MS }
}

#[test]
fn after_a_restart_it_is_as_of_the_last_sync() {
    let bed = Bed::new();
    let (mut index, begin) = bed.open();
    assert_eq!(begin, LedgerCheckpoint::default());
    assert_eq!(index.whole_since_ms(), 0);
    index.note_record_time(START_MS);
    file(&mut index, place(1), &[7, 8]);
    assert_eq!(found(&mut index, place(1)), BTreeSet::from([7, 8]), "at once");
    index.note_missed_until(START_MS - 5000);
    index.sync(checkpoint(1)).unwrap();
    file(&mut index, place(2), &[9]);
    drop(index);

    let (mut index, read) = bed.open();
    assert_eq!((&read, index.durable()), (&checkpoint(1), &checkpoint(1)));
    assert_eq!(index.whole_since_ms(), START_MS - 5000);
    assert_eq!(found(&mut index, place(1)), BTreeSet::from([7, 8]));
    assert!(found(&mut index, place(2)).is_empty(), "it will be read again");
}

#[test]
fn a_change_is_found_at_every_microsecond_of_its_minute_and_in_no_other() {
    const BORDERS: [i64; 9] = [
        i64::MIN,
        TIMESTAMP_MIN - 1,
        TIMESTAMP_MIN,
        -MINUTE_MICROS,
        0,
        START_MICROS,
        TIMESTAMP_MAX,
        TIMESTAMP_MAX + MINUTE_MICROS,
        i64::MAX,
    ];
    let bed = Bed::new();
    let (mut index, _) = bed.open();
    index.note_record_time(START_MS);
    let at = |number: usize, timestamp| Place { id: id(number as u64), timestamp };
    for (number, timestamp) in BORDERS.into_iter().enumerate() {
        file(&mut index, at(number, timestamp), &[1]);
    }
    let check = |index: &mut LedgerIndex| {
        for (number, timestamp) in BORDERS.into_iter().enumerate() {
            let first = timestamp.saturating_sub(timestamp.rem_euclid(MINUTE_MICROS));
            for exact in [timestamp, first, first.saturating_add(MINUTE_MICROS - 1)] {
                assert_eq!(found(index, at(number, exact)), BTreeSet::from([1]), "{timestamp} {exact}");
            }
        }
    };
    check(&mut index);
    // In a file.
    index.note_record_time(START_MS + 3_600_000);
    index.sync(checkpoint(1)).unwrap();
    index.store.settle().unwrap();
    assert_eq!(index.stats().runs, 1);
    check(&mut index);
    let read = index.stats().disk_look_ups;
    for other in
        [-MINUTE_MICROS - 1, MINUTE_MICROS, START_MICROS - MINUTE_MICROS, START_MICROS + MINUTE_MICROS]
    {
        assert!(found(&mut index, at(5, other)).is_empty());
    }
    assert_eq!(index.stats().disk_look_ups, read, "a file without the minute is not read");
}

#[test]
fn another_kind_of_index_is_refused() {
    let bed = Bed::new();
    drop(bed.open());
    let now = std::time::UNIX_EPOCH + Duration::from_millis(START_MS);
    let error = crate::dedup::DedupIndex::open(bed.options.clone(), now).unwrap_err();
    assert_eq!(error.kind(), StateErrorKind::Corrupt, "{error}");
}

#[test]
fn it_asks_to_be_synced_before_its_memory_is_exceeded() {
    let mut bed = Bed::new();
    bed.options.memory_bytes_max = 1 << 19;
    let (mut index, _) = bed.open();
    index.note_record_time(START_MS);
    let (mut most, mut syncs) = (0, 0);
    for number in 0..60_000 {
        file(&mut index, place(number), &[1, 2, 3]);
        if index.wants_sync() {
            index.sync(checkpoint(number)).unwrap();
            syncs += 1;
        }
        most = most.max(index.stats().memory_bytes);
    }
    assert!(syncs > 10 && index.stats().runs > 3, "{syncs} {:?}", index.stats());
    assert!(most <= bed.options.memory_bytes_max * 5 / 4, "{most}");
    assert!((0..60_000).step_by(97).all(|number| found(&mut index, place(number)).len() == 3));
}

#[test]
fn small_files_of_about_the_same_time_become_one_and_say_the_same() {
    let bed = Bed::new();
    let (mut index, _) = bed.open();
    let (mut most, mut number) = (0, 0);
    for minute in 0..40 {
        index.note_record_time(START_MS + minute * 60_000);
        for _ in 0..600 {
            file(&mut index, place(number), &[number as Atom, 1]);
            number += 1;
        }
        // The rest of one of the last minute, and the whole of another, once more.
        if number > 900 {
            file(&mut index, place(number - 700), &[2]);
            file(&mut index, place(number - 800), &[(number - 800) as Atom, 1]);
        }
        index.sync(checkpoint(number)).unwrap();
        index.store.settle().unwrap();
        most = most.max(index.stats().runs);
    }
    assert!(most <= 16, "{most} files");
    assert!(index.stats().runs < 16, "{:?}", index.stats());
    let check = |index: &mut LedgerIndex| {
        for it in 0..number {
            let mut expected = BTreeSet::from([it as Atom, 1]);
            if it >= 500 && (it - 500) % 600 == 0 && it + 700 <= number {
                expected.insert(2);
            }
            assert_eq!(found(index, place(it)), expected, "{it}");
        }
    };
    check(&mut index);
    let entries = index.stats().entries;
    assert!(entries < number + 60, "{entries} of {number}: merged files have each identity once");
    drop(index);
    check(&mut bed.open().0);
}
