//! The index of the ledger at full size: `cargo bench --bench ledger_index`.
//!
//! Files `RINGTAP_BENCH_CHANGES` (10 million) changes of 2.84 fingerprints, as they would come in a window of six hours of
//! the ledger's time, with `RINGTAP_BENCH_MEMORY` (64) MiB, and looks changes up that are not there, as every new one is, and
//! that are, as the audit does. One change in a hundred has a write time of any minute of the last year. Its files lie in
//! `RINGTAP_BENCH_DIRECTORY` (a new one in `/var/tmp`) and are removed at the end: 100 million take 3.5 GB.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and stops at the first surprise"
)]

use std::{
    env, fs,
    path::PathBuf,
    str::FromStr,
    time::{Duration, Instant},
};

use cassandra_commitlog::Position;
use ringtap::{
    checkpoint::Progress,
    cluster::{LedgerCheckpoint, LedgerIndex, names::HostId},
    dedup::{Atom, ChangeId, IndexOptions, KnownParts as _, Place},
};
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_128;

const START_MS: u64 = 1_700_000_000_000;
const WINDOW_MS: u64 = 6 * 3600 * 1000;
const MINUTE_MICROS: i64 = 60_000_000;
const YEAR_MINUTES: u64 = 365 * 24 * 60;
/// 71 fingerprints for 25 changes: 2.84.
const ATOMS: [usize; 25] = [1, 2, 3, 3, 4, 2, 3, 3, 4, 4, 2, 3, 1, 3, 4, 3, 2, 4, 3, 3, 2, 4, 3, 3, 2];
/// Changes between two checkpoints: 4 s at 5,000 changes a second.
const SYNC_CHANGES: u64 = 20_000;
const RECORD_CHANGES: u64 = 500;
const LOOK_UPS: u64 = 1_000_000;

/// Work with its wall time, and the CPU time of this thread and of all.
struct Meter {
    begun: Instant,
    own_ns: u64,
    all_ns: u64,
}

impl Meter {
    fn begin() -> Self {
        Self { begun: Instant::now(), own_ns: own_cpu_ns(), all_ns: all_cpu_ns() }
    }

    fn tell(&self, what: &str, count: u64) {
        let seconds = self.begun.elapsed().as_secs_f64();
        let each = |ns: u64| ns / count.max(1);
        println!(
            "{what}: {:.0}/s, {} ns of CPU each ({} of this thread), {seconds:.1} s",
            count as f64 / seconds,
            each(all_cpu_ns() - self.all_ns),
            each(own_cpu_ns() - self.own_ns),
        );
    }
}

/// CPU time of this thread.
fn own_cpu_ns() -> u64 {
    let told = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    told.split(' ').next().unwrap().parse().unwrap()
}

/// CPU time of all threads, also those that have ended, to 10 ms.
fn all_cpu_ns() -> u64 {
    let told = fs::read_to_string("/proc/self/stat").unwrap();
    let (_, words) = told.rsplit_once(") ").unwrap();
    let ticks: u64 = words.split(' ').skip(11).take(2).map(|word| word.parse::<u64>().unwrap()).sum();
    ticks * 10_000_000
}

fn memory_mib(name: &str) -> u64 {
    let told = fs::read_to_string("/proc/self/status").unwrap();
    let line = told.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

fn setting<T: FromStr>(name: &str, default: T) -> T {
    env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The changes, by their number.
struct Changes {
    count: u64,
}

impl Changes {
    fn record_ms(&self, number: u64) -> u64 {
        START_MS + (u128::from(number) * u128::from(WINDOW_MS) / u128::from(self.count)) as u64
    }

    fn place(&self, number: u64) -> Place {
        let hash = xxh3_128(&number.to_le_bytes());
        let late_minutes = if number % 100 == 99 { hash as u64 % YEAR_MINUTES } else { 0 };
        let written_ms = self.record_ms(number).saturating_sub(late_minutes * 60_000);
        Place { id: ChangeId::from(hash), timestamp: written_ms as i64 * 1000 }
    }

    fn atoms(number: u64) -> [Atom; 4] {
        let hash = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) as Atom;
        [hash, hash.wrapping_add(1), hash.wrapping_add(2), hash.wrapping_add(3)]
    }

    fn checkpoint(&self, number: u64) -> LedgerCheckpoint {
        let mut audit = Progress::default();
        audit.read_to(Position { segment: 1_700_000_000_000, offset: number });
        let positions = (0..12).map(|host| (HostId(Uuid::from_u128(host)), number));
        LedgerCheckpoint {
            topics: Some(1),
            positions: positions.collect(),
            audit,
            audited_ms: self.record_ms(number),
        }
    }

    /// Looks places up, and tells how many were known.
    fn look_up(index: &mut LedgerIndex, what: &str, count: u64, place: impl Fn(u64) -> Place) {
        let read = index.stats().disk_look_ups;
        let (mut found, mut known) = (Vec::new(), 0_u64);
        let meter = Meter::begin();
        for it in 0..count {
            found.clear();
            index.look_up(place(it), &mut found).unwrap();
            known += u64::from(!found.is_empty());
        }
        meter.tell(&format!("look-up, {what}"), count);
        let read = index.stats().disk_look_ups - read;
        println!("    {known} of {count} known, {:.3} files read each", read as f64 / count as f64);
    }
}

/// Files all changes, and tells of the longest pauses.
fn fill(index: &mut LedgerIndex, changes: &Changes) {
    let mut pauses: Vec<Duration> = Vec::new();
    let mut filed_longest = Duration::ZERO;
    let meter = Meter::begin();
    let mut record_begun = Instant::now();
    for number in 0..changes.count {
        if number % RECORD_CHANGES == 0 {
            filed_longest = filed_longest.max(record_begun.elapsed());
            index.note_record_time(changes.record_ms(number));
            record_begun = Instant::now();
        }
        let mut place = changes.place(number);
        place.timestamp = place.timestamp.div_euclid(MINUTE_MICROS) * MINUTE_MICROS;
        let count = ATOMS[(number % 25) as usize];
        index.file(place, &Changes::atoms(number)[..count]).unwrap();
        if (number + 1) % SYNC_CHANGES == 0 || index.wants_sync() {
            let begun = Instant::now();
            index.sync(changes.checkpoint(number + 1)).unwrap();
            pauses.push(begun.elapsed());
            record_begun = Instant::now();
        }
    }
    meter.tell("file and sync", changes.count);
    pauses.sort_unstable();
    let at = |share: f64| pauses[((pauses.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    println!(
        "    {} syncs: median {:.1} ms, p99 {:.1} ms, longest {:.1} ms; longest for {RECORD_CHANGES} changes {:.1} ms",
        pauses.len(),
        at(0.5),
        at(0.99),
        at(1.0),
        filed_longest.as_secs_f64() * 1000.0
    );
}

fn look_up_all(index: &mut LedgerIndex, changes: &Changes) {
    let count = changes.count;
    let look_ups = LOOK_UPS.min(count);
    let newest = |it: u64| changes.place(count - 1 - (it % 46_000).min(count - 1));
    let unknown = |it: u64, like: Place| Place { id: changes.place(count + it).id, ..like };
    let at_random = |it: u64| it.wrapping_mul(0x9e37_79b9_7f4a_7c15) % count;
    let late = |it: u64| changes.place(at_random(it) / 100 * 100 + 99);
    Changes::look_up(index, "unknown, of the last 10 s", look_ups, |it| unknown(it, newest(it)));
    Changes::look_up(index, "known, of the last 10 s", look_ups, newest);
    Changes::look_up(index, "known, an old log in order", look_ups, |it| changes.place(it));
    Changes::look_up(index, "known, of the window at random", look_ups / 4, |it| {
        changes.place(at_random(it))
    });
    Changes::look_up(index, "known, of any minute of a year", look_ups / 50, late);
    Changes::look_up(index, "unknown, of any minute of a year", look_ups / 50, |it| unknown(it, late(it)));
}

fn main() {
    let changes = Changes { count: setting("RINGTAP_BENCH_CHANGES", 10_000_000) };
    let memory_mib_max: u64 = setting("RINGTAP_BENCH_MEMORY", 64);
    let name = format!("/var/tmp/ringtap-bench-{}", std::process::id());
    let directory: PathBuf = setting("RINGTAP_BENCH_DIRECTORY", name.into());
    let options = IndexOptions {
        memory_bytes_max: memory_mib_max << 20,
        disk_bytes_max: 64 << 30,
        ..IndexOptions::new(directory.join("ledger"))
    };
    println!("{} changes, {memory_mib_max} MiB", changes.count);
    let before_mib = memory_mib("VmRSS");
    let (mut index, _) = LedgerIndex::open(options.clone()).unwrap();
    fill(&mut index, &changes);
    let stats = index.stats();
    println!(
        "    memory: {} MiB resident, {} MiB at most, {before_mib} MiB before; {} MiB by its own account",
        memory_mib("VmRSS"),
        memory_mib("VmHWM"),
        stats.memory_bytes >> 20
    );
    println!("    disk: {:.1} bytes a change", stats.disk_bytes as f64 / changes.count as f64);
    println!("    {stats:?}");

    look_up_all(&mut index, &changes);

    // As after a crash: nothing is written on leaving.
    drop(index);
    let begun = Instant::now();
    let (index, read) = LedgerIndex::open(options).unwrap();
    println!("open after a crash: {:.3} s", begun.elapsed().as_secs_f64());
    println!("    memory: {} MiB resident, {} MiB at most", memory_mib("VmRSS"), memory_mib("VmHWM"));
    assert!(changes.count - read.positions.values().next().unwrap() < SYNC_CHANGES);
    drop(index);
    fs::remove_dir_all(directory).unwrap();
}
