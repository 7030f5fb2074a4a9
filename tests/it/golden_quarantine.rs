//! What was put into quarantine gives the same records later as it would have given at once.

use std::{path::Path, time::SystemTime};

use cassandra_commitlog::segment::DecoderOptions;
use ringtap::{
    quarantine::{Quarantine, QuarantineOptions, Subject},
    source::{Event, ReadError, SegmentFile, SegmentReader, find_segments},
};

use crate::golden::{self, GoldenSet, arguments, ringtap};

/// One of each version, and of plain and compressed segments: there, an entry's place in the log is not one in a file.
const SETS: [&str; 6] = ["3.11/ops", "4.0/ddl", "4.1/types", "4.1/var-lz4", "5.0/ops", "5.0/var-compat-none"];

#[test]
fn quarantined_entries_give_the_same_records_and_dump_as_the_log_itself() {
    let sets: Vec<&GoldenSet> = golden::sets().iter().filter(|set| SETS.contains(&&*set.name)).collect();
    assert_eq!(sets.len(), SETS.len());
    golden::for_each(&sets, |set| {
        let paths = [set.path("cdc_raw"), set.path("commitlog")];
        let directory = tempfile::tempdir().unwrap();
        let kept = directory.path().join("quarantine");
        let entries = quarantine(&find_segments(&paths).unwrap(), &kept);
        assert!(entries > 100, "{}: {entries} entries", set.name);
        for command in [
            &["replay", "--all-tables"][..],
            &["replay", "--format", "cql", "--at", "1700000000000000"],
            &["dump"],
        ] {
            let from_log = ringtap(&arguments(command, &paths), None);
            let from_quarantine = ringtap(&arguments(command, std::slice::from_ref(&kept)), None);
            assert!(!from_log.is_empty());
            assert!(from_log == from_quarantine, "{}: {command:?} differs", set.name);
        }
        let listed = ringtap(&arguments(&["quarantine", "list", "--json"], &[kept]), None);
        assert_eq!(listed.lines().count(), entries);
    });
}

/// Puts all entries of a log into quarantine, and returns how many there were.
fn quarantine(segments: &[SegmentFile], directory: &Path) -> usize {
    let options = QuarantineOptions { directory: directory.into(), bytes_max: 1 << 30 };
    let mut quarantine = Quarantine::open(options).unwrap();
    let mut reader = SegmentReader::new(DecoderOptions::default());
    for segment in segments {
        let subject = Subject {
            segment: segment.name,
            table: None,
            schema: None,
            reason: "everything is, in this test",
            now: SystemTime::UNIX_EPOCH,
        };
        let keep = |event: Event<'_>| {
            if let Event::Entry(entry) = event {
                assert!(quarantine.entry(&subject, entry).unwrap(), "{}", entry.position);
            }
            Ok::<_, ReadError>(())
        };
        reader.read(&segment.path, Some(segment.name), keep).unwrap();
    }
    quarantine.sync().unwrap();
    quarantine.stats().entries as usize
}
