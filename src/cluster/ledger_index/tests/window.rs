//! What is forgotten, and when.

use super::*;

const HOUR_MS: u64 = 3_600_000;

fn bed(window_ms: u64) -> Bed {
    let mut bed = Bed::new();
    bed.options.window = Duration::from_millis(window_ms);
    bed
}

fn at(audited_ms: u64) -> LedgerCheckpoint {
    LedgerCheckpoint { audited_ms, ..checkpoint(1) }
}

#[test]
fn an_agent_that_was_away_for_a_day_finds_what_its_old_log_needs() {
    let bed = bed(6 * HOUR_MS);
    let (mut index, _) = bed.open();
    // Its audit stands still, and a day of the ledger is read.
    for hour in 0..30 {
        index.note_record_time(START_MS + hour * HOUR_MS);
        file(&mut index, place(hour), &[1]);
        index.sync(at(START_MS + 5 * HOUR_MS)).unwrap();
        index.store.settle().unwrap();
    }
    assert!((0..30).all(|hour| !found(&mut index, place(hour)).is_empty()));
    assert_eq!(index.whole_since_ms(), 0);
    drop(index);
    // Then it catches up: what is a window behind it goes.
    let (mut index, _) = bed.open();
    assert!((0..30).all(|hour| !found(&mut index, place(hour)).is_empty()));
    index.sync(at(START_MS + 15 * HOUR_MS)).unwrap();
    for hour in 0..30 {
        // Files hold about half an hour's; a record is told an hour after the one before here.
        let is_there = !found(&mut index, place(hour)).is_empty();
        assert!(is_there || hour < 9, "{hour} is in the window");
        assert!(!is_there || hour > 6, "{hour} is to be forgotten");
    }
    let whole_since_ms = index.whole_since_ms();
    assert!((START_MS + 7 * HOUR_MS..START_MS + 9 * HOUR_MS).contains(&whole_since_ms), "{whole_since_ms}");
}

#[test]
fn without_an_audit_position_nothing_is_forgotten() {
    let bed = bed(HOUR_MS);
    let (mut index, _) = bed.open();
    for hour in 0..20 {
        index.note_record_time(START_MS + hour * HOUR_MS);
        file(&mut index, place(hour), &[1]);
        index.sync(at(0)).unwrap();
        index.store.settle().unwrap();
    }
    assert!((0..20).all(|hour| !found(&mut index, place(hour)).is_empty()));
}

#[test]
fn what_is_in_the_window_of_the_audit_is_there_whatever_order_the_ledger_is_read_in() {
    for seed in 1..=6 {
        println!("seed {seed}");
        let window_ms = HOUR_MS;
        let bed = bed(window_ms);
        let mut random = Random::new(seed);
        let (mut index, _) = bed.open();
        // Two partitions, each in its order, but one may be far behind the other.
        let mut partitions = [START_MS, START_MS];
        let mut filed: Vec<(u64, u64)> = Vec::new();
        let mut synced = 0;
        let mut audited_ms = START_MS;
        for _ in 0..1500 {
            let partition = &mut partitions[random.below(2) as usize];
            *partition += random.below(60_000);
            let record_ms = *partition;
            index.note_record_time(record_ms);
            for _ in 0..random.below(20) {
                let number = filed.len() as u64;
                file(&mut index, place(number), &[number as Atom]);
                filed.push((number, record_ms));
            }
            match random.below(100) {
                0..=9 => {
                    let behind = partitions[0].min(partitions[1]);
                    audited_ms = audited_ms.max(behind.saturating_sub(random.below(2 * window_ms)));
                    index.sync(at(audited_ms)).unwrap();
                    synced = filed.len();
                }
                10..=11 => {
                    drop(index);
                    index = bed.open().0;
                    filed.truncate(synced);
                }
                12..=14 => index.store.settle().unwrap(),
                _ => {}
            }
        }
        index.sync(at(audited_ms)).unwrap();
        index.store.settle().unwrap();
        index.sync(at(audited_ms)).unwrap();
        let whole_since_ms = index.whole_since_ms();
        assert!(whole_since_ms <= audited_ms - window_ms, "{whole_since_ms} {audited_ms}");
        let mut forgotten = 0;
        for (number, record_ms) in filed {
            let is_there = !found(&mut index, place(number)).is_empty();
            assert!(is_there || record_ms <= whole_since_ms, "{number}: it says that it is whole");
            forgotten += u64::from(!is_there);
        }
        assert!(forgotten > 500, "{forgotten}");
    }
}

#[test]
fn when_the_disk_limit_is_reached_it_says_since_when_it_is_whole() {
    let mut bed = bed(6 * HOUR_MS);
    bed.options.disk_bytes_max = 150_000;
    let (mut index, _) = bed.open();
    for minute in 0..100 {
        index.note_record_time(START_MS + minute * 60_000);
        for it in 0..100 {
            file(&mut index, place(minute * 100 + it), &[1]);
        }
        index.sync(at(START_MS)).unwrap();
        index.store.settle().unwrap();
    }
    index.sync(at(START_MS)).unwrap();
    let (stats, whole_since_ms) = (index.stats(), index.whole_since_ms());
    assert!(stats.runs_dropped_early > 0 && stats.disk_bytes <= bed.options.disk_bytes_max, "{stats:?}");
    assert!(whole_since_ms > START_MS, "{whole_since_ms}");
    for minute in 0..100 {
        let is_there = !found(&mut index, place(minute * 100)).is_empty();
        assert!(is_there || START_MS + minute * 60_000 <= whole_since_ms, "{minute}");
    }
    assert!(!found(&mut index, place(9900)).is_empty());
}
