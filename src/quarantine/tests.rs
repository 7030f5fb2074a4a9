use std::{
    fs,
    ops::Range,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use cassandra_commitlog::{
    Position,
    segment::{DamageKind, DecoderOptions},
};

use super::*;
use crate::{
    checkpoint::StateErrorKind,
    record::RecordPlace,
    source::{Event, ReadError, SegmentReader, find_segments},
};

use cassandra_commitlog::segment::{Damage, Entry, SegmentFileName};

const SEGMENT: SegmentFileName = SegmentFileName { id: 1_795_344_415_217, version: 7 };

fn open(directory: &Path) -> Quarantine {
    Quarantine::open(QuarantineOptions { directory: directory.into(), bytes_max: 1 << 20 }).unwrap()
}

fn subject(reason: &str) -> Subject<'_> {
    Subject { segment: SEGMENT, table: None, schema: Some("f00d"), reason, now: SystemTime::UNIX_EPOCH }
}

fn entry(offset: u64, mutation: &[u8]) -> Entry<'_> {
    Entry { position: Position { segment: SEGMENT.id, offset }, mutation }
}

fn damage(range: Range<u64>) -> Damage {
    let kind = DamageKind::EntryCrc;
    Damage {
        segment: SEGMENT.id,
        kind,
        noticed_at: range.start,
        passed_over: range.clone(),
        lost_logical: range,
    }
}

/// Entries of the quarantined segment as its readers see them: where they stand in it, and where they stood.
fn entries(directory: &Path) -> Vec<(Vec<u8>, Option<u64>)> {
    let mut found = Vec::new();
    for file in find_segments([directory]).unwrap() {
        let origins = Origins::beside(&file.path, file.name).unwrap().unwrap();
        let mut reader = SegmentReader::new(DecoderOptions::default());
        let told = |event: Event<'_>| {
            match event {
                Event::Entry(entry) => {
                    let origin = origins.of(entry.position).map(|position| position.offset);
                    found.push((entry.mutation.to_vec(), origin));
                }
                Event::Damage(damage) => panic!("{damage}"),
                Event::Header(header) => assert_eq!((header.id, header.header_bytes), (SEGMENT.id, 20)),
            }
            Ok::<_, ReadError>(())
        };
        reader.read(&file.path, Some(file.name), told).unwrap();
    }
    found
}

#[test]
fn entries_are_a_segment_again_with_their_old_positions() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("quarantine");
    let mut quarantine = open(&path);
    let mutations = [vec![1; 30], vec![2; 4000], vec![3; 19]];
    // Not in order: after a restart an earlier one can come later.
    for (mutation, offset) in mutations.iter().zip([500, 90_000, 77]) {
        assert!(quarantine.entry(&subject("unknown table"), &entry(offset, mutation)).unwrap());
    }
    quarantine.sync().unwrap();
    let expected: Vec<_> = mutations.iter().cloned().zip([Some(500), Some(90_000), Some(77)]).collect();
    assert_eq!(entries(&path), expected);
    assert!(!quarantine.entry(&subject("again"), &entry(500, &mutations[0])).unwrap());
    drop(quarantine);

    let mut quarantine = open(&path);
    assert!(!quarantine.entry(&subject("again"), &entry(77, &mutations[2])).unwrap());
    assert!(quarantine.entry(&subject("unknown table"), &entry(99_000, &mutations[1])).unwrap());
    assert_eq!(entries(&path).len(), 4);
    let stats = quarantine.stats();
    assert_eq!((stats.entries, stats.repeated), (1, 1));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    let files: Vec<PathBuf> = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() == 2 && files.iter().all(|file| mode(file) == 0o600));
    let bytes: u64 = files.iter().map(|file| fs::metadata(file).unwrap().len()).sum();
    assert_eq!(stats.bytes, bytes);
}

#[test]
fn damage_and_records_are_kept_with_their_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let mut quarantine = open(directory.path());
    let place = RecordPlace { position: Position { segment: SEGMENT.id, offset: 900 }, index: 3 };
    assert!(quarantine.damage(&subject("a CRC does not hold"), &damage(100..105), b"bytes").unwrap());
    assert!(quarantine.record(&subject("larger than max.message.bytes"), place, b"key", b"value").unwrap());
    assert!(!quarantine.record(&subject("again"), place, b"key", b"value").unwrap());
    quarantine.sync().unwrap();
    let kept = items(directory.path()).unwrap();
    let [(_, damaged), (segment, record)] = &kept[..] else { panic!("{kept:?}") };
    assert_eq!((damaged.kind, damaged.position, damaged.file_offset), (ItemKind::Damage, 100, Some(100)));
    assert_eq!((record.kind, record.position, record.index), (ItemKind::Record, 900, Some(3)));
    let bytes = fs::read(directory.path().join(record.file_name(*segment))).unwrap();
    let (key, value) =
        bytes[record.start as usize..record.end as usize].split_at(record.key_bytes.unwrap() as usize);
    assert_eq!((key, value), (&b"key"[..], &b"value"[..]));
    assert_eq!(&bytes[damaged.start as usize..damaged.end as usize], b"bytes");
    let line = fs::read_to_string(directory.path().join(item::lines_name(SEGMENT))).unwrap();
    assert!(!line.contains("value"), "no values in the lines: {line}");
}

#[test]
fn a_full_quarantine_refuses_and_keeps_what_it_has() {
    let directory = tempfile::tempdir().unwrap();
    let options = QuarantineOptions { directory: directory.path().into(), bytes_max: 10_000 };
    let mut quarantine = Quarantine::open(options).unwrap();
    assert!(quarantine.entry(&subject("why"), &entry(100, &[1; 5000])).unwrap());
    let error = quarantine.entry(&subject("why"), &entry(6000, &[1; 5000])).unwrap_err();
    assert_eq!(error.kind(), StateErrorKind::Full);
    assert!(error.to_string().contains("of 10000 bytes"), "{error}");
    quarantine.sync().unwrap();
    assert_eq!(entries(directory.path()).len(), 1);
}

#[test]
fn whatever_a_crash_leaves_of_the_files_the_whole_items_stay_and_the_others_come_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut quarantine = open(directory.path());
    let mutations: Vec<Vec<u8>> = (0..3).map(|number| vec![number; 25]).collect();
    quarantine.entry(&subject("why"), &entry(100, &mutations[0])).unwrap();
    quarantine.sync().unwrap();
    let lines = directory.path().join(item::lines_name(SEGMENT));
    let log = directory.path().join(SEGMENT.to_string());
    let durable = [&log, &lines].map(|path| fs::metadata(path).unwrap().len() as usize);
    quarantine.entry(&subject("why"), &entry(200, &mutations[1])).unwrap();
    quarantine.entry(&subject("why"), &entry(300, &mutations[2])).unwrap();
    drop(quarantine);
    let whole = [&log, &lines].map(|path| fs::read(path).unwrap());
    for log_length in (durable[0]..=whole[0].len()).step_by(5) {
        for lines_length in (durable[1]..=whole[1].len()).step_by(29).chain([whole[1].len()]) {
            fs::write(&log, &whole[0][..log_length]).unwrap();
            fs::write(&lines, &whole[1][..lines_length]).unwrap();
            let mut quarantine = open(directory.path());
            for (mutation, offset) in mutations.iter().zip([100, 200, 300]) {
                quarantine.entry(&subject("why"), &entry(offset, mutation)).unwrap();
            }
            assert!(quarantine.stats().repeated >= 1);
            quarantine.sync().unwrap();
            let expected: Vec<_> = mutations.iter().cloned().zip([Some(100), Some(200), Some(300)]).collect();
            assert_eq!(entries(directory.path()), expected, "{log_length} {lines_length}");
        }
    }
}
