use std::sync::Arc;

use cassandra_commitlog::schema::{SchemaLookup as _, TableId, TableSchema};

use super::*;
use crate::{
    change::{Action, DeletedRange, RangeBound},
    cluster::{names::Session, record::LedgerRecord},
    record::RecordPlace,
    schema::{Catalogue, Seed, cql},
};

const MINUTE: i64 = 60_000_000;
const KEY: u64 = 0x00c0_ffee;

fn table(key: &str) -> Arc<TableSchema> {
    let id = "00000000-0000-0000-0000-0000000000aa";
    let script = format!(
        "CREATE KEYSPACE k WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}};\
         CREATE TABLE k.t (a int, v int, {key}) WITH ID = {id} AND cdc = true;"
    );
    let mut keyspaces = cql::Keyspaces::new();
    cql::Script::parse(&script).unwrap().execute(&mut keyspaces).unwrap();
    let mut catalogue = Catalogue::new();
    catalogue.seed(&Seed::new(keyspaces));
    Arc::clone(catalogue.table(TableId(id.parse().unwrap())).unwrap())
}

fn change<'a>(table: &Arc<TableSchema>, key: &'a [u8], timestamp: i64) -> Change<'a> {
    let action = Action::DeletePartition { local_deletion_time: 5 };
    Change { table: Arc::clone(table), partition_key: key, timestamp, action }
}

fn found() -> FoundChange {
    let position = cassandra_commitlog::Position { segment: 1, offset: 2 };
    let place = RecordPlace { position, index: 0 };
    FoundChange { table: "k.t".into(), token: Some(3), written_at: 4, node: "n".into(), place }
}

/// The entry that an agent files of a change.
fn entry(change: &Change<'_>) -> Entry {
    let mut signatures = Signatures::with_seed(KEY);
    let signature = signatures.of(change);
    let atoms = signature.parts.iter().map(|part| part.filed.0).collect();
    Entry { id: signature.places[0].id, minute: (change.timestamp.div_euclid(MINUTE)) as i32, atoms }
}

fn seen(offset: u64, timestamp_ms: u64, kind: LedgerKind) -> SeenLedgerRecord {
    SeenLedgerRecord {
        partition: 0,
        offset,
        timestamp_ms,
        record: LedgerRecord { session: Session(9), kind },
    }
}

fn audit(directory: &std::path::Path, since: i64, until: i64) -> LedgerAudit {
    let options = AuditOptions {
        span: WriteSpan { since, until },
        late_after: Duration::from_secs(10),
        directory: directory.to_owned(),
        memory_bytes_max: 1 << 20,
        noted_max: 2,
    };
    LedgerAudit::new(options, KEY).unwrap()
}

#[test]
fn what_is_missing_is_counted_by_copies_and_by_changes() {
    let directory = tempfile::tempdir().unwrap();
    let mut audit = audit(directory.path(), 0, 10 * MINUTE);
    let table = table("PRIMARY KEY (a)");
    let there = change(&table, b"\0\0\0\x01", MINUTE + 1);
    let skipped = change(&table, b"\0\0\0\x02", MINUTE + 2);
    let missing = change(&table, b"\0\0\0\x03", MINUTE + 3);
    audit.file(&seen(0, 60_001, LedgerKind::Published(vec![entry(&there)]))).unwrap();
    audit.file(&seen(1, 60_002, LedgerKind::Skipped(vec![entry(&skipped)]))).unwrap();
    let mut judged = |change: &Change<'_>| audit.judge(change, found).unwrap();
    assert_eq!(judged(&there), Judgement::Confirmed);
    assert_eq!(judged(&skipped), Judgement::Confirmed);
    assert_eq!(judged(&missing), Judgement::Missing { parts: 1, of: 1, is_first: true });
    assert_eq!(judged(&missing), Judgement::Missing { parts: 1, of: 1, is_first: false });
    assert_eq!(judged(&change(&table, b"\0\0\0\x04", -1)), Judgement::Outside);
    assert_eq!(judged(&change(&table, b"\0\0\0\x04", 10 * MINUTE)), Judgement::Outside);
    let expected = Totals {
        published: 1,
        skipped: 1,
        judged: 4,
        missing_copies: 2,
        missing_changes: 1,
        before: 1,
        after: 1,
        ..Totals::default()
    };
    assert_eq!(audit.totals(), expected);
}

#[test]
fn a_range_is_judged_by_what_covers_it_and_missing_ones_are_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let mut audit = audit(directory.path(), 0, 10 * MINUTE);
    let table = table("PRIMARY KEY (a, v)");
    let range = |from: &'static [u8; 4], to: &'static [u8; 4]| {
        let bound =
            |value: &'static [u8; 4]| Some(RangeBound { values: vec![Some(&value[..])], inclusive: true });
        let range = DeletedRange { start: bound(from), end: bound(to), local_deletion_time: 5 };
        Change { action: Action::DeleteRange(range), ..change(&table, b"\0\0\0\x01", MINUTE) }
    };
    let whole = range(&[0, 0, 0, 1], &[0, 0, 0, 5]);
    let mut signatures = Signatures::with_seed(KEY);
    let (bounds, chunks) = signatures.of(&whole).bounds_to_file(&entry(&whole).atoms).unwrap();
    let bounds = Entry { id: bounds.id, atoms: chunks, ..entry(&whole) };
    // Both are late.
    audit.file(&seen(0, 500_000, LedgerKind::Published(vec![entry(&whole), bounds]))).unwrap();
    assert_eq!(audit.judge(&range(&[0, 0, 0, 2], &[0, 0, 0, 3]), found).unwrap(), Judgement::Confirmed);
    audit.judge(&whole, found).unwrap();
    assert_eq!(audit.late().filter(|noted| noted.change.is_some()).count(), 2);
    for end in [&[0, 0, 0, 7], &[0, 0, 0, 8]] {
        let missing = range(&[0, 0, 0, 4], end);
        for is_first in [true, false] {
            let judgement = audit.judge(&missing, found).unwrap();
            assert_eq!(judgement, Judgement::Missing { parts: 2, of: 2, is_first });
        }
    }
    assert_eq!(audit.totals().missing_changes, 2);
}

#[test]
fn another_key_makes_other_identities() {
    let directory = tempfile::tempdir().unwrap();
    let mut audit = audit(directory.path(), 0, 10 * MINUTE);
    let there = change(&table("PRIMARY KEY (a)"), b"\0\0\0\x01", MINUTE);
    let mut of_other_key = entry(&there);
    let mut signatures = Signatures::with_seed(KEY + 1);
    of_other_key.id = signatures.of(&there).places[0].id;
    audit.file(&seen(0, 60_001, LedgerKind::Published(vec![of_other_key]))).unwrap();
    assert!(matches!(audit.judge(&there, found).unwrap(), Judgement::Missing { .. }));
}

#[test]
fn the_same_fingerprint_in_two_entries_is_twice_and_is_found_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut audit = audit(directory.path(), 0, 10 * MINUTE);
    let there = change(&table("PRIMARY KEY (a)"), b"\0\0\0\x01", MINUTE);
    let first = entry(&there);
    // More of the same change is no repetition; neither is one that is never published.
    let more = Entry { atoms: vec![first.atoms[0].wrapping_add(1)], ..first.clone() };
    let records = [
        seen(0, 60_001, LedgerKind::Skipped(vec![first.clone()])),
        seen(1, 60_002, LedgerKind::Published(vec![first.clone()])),
        seen(2, 60_003, LedgerKind::Published(vec![more])),
    ];
    for record in &records {
        audit.file(record).unwrap();
    }
    assert!(!audit.has_repeated());
    let again = seen(5, 60_009, LedgerKind::Published(vec![first.clone()]));
    audit.file(&again).unwrap();
    assert!(audit.has_repeated());
    for record in records.iter().chain([&again]) {
        audit.find_repeated(record);
    }
    audit.judge(&there, found).unwrap();
    let repeated: Vec<_> = audit.repeated().collect();
    assert_eq!((repeated.len(), repeated[0].id), (1, first.id));
    let offsets: Vec<u64> = repeated[0].places.iter().map(|place| place.offset).collect();
    assert_eq!(offsets, [1, 2, 5]);
    assert_eq!(repeated[0].change, Some(found()));
    assert_eq!((audit.totals().twice, audit.totals().published), (1, 3));
}

#[test]
fn late_counts_from_the_end_of_the_minute_and_more_are_counted_than_noted() {
    let directory = tempfile::tempdir().unwrap();
    let mut audit = audit(directory.path(), 0, 10 * MINUTE);
    let table = table("PRIMARY KEY (a)");
    let keys: Vec<[u8; 4]> = (0..5_u32).map(u32::to_be_bytes).collect();
    let entries: Vec<Entry> = keys.iter().map(|key| entry(&change(&table, key, 1))).collect();
    audit.file(&seen(0, 70_000, LedgerKind::Published(entries[..1].to_vec()))).unwrap();
    assert_eq!(audit.totals().late, 0);
    audit.file(&seen(1, 70_001, LedgerKind::Published(entries[1..].to_vec()))).unwrap();
    assert_eq!((audit.totals().late, audit.late().count()), (4, 2));
}

#[test]
fn a_span_takes_the_minutes_that_it_touches() {
    let span = WriteSpan { since: MINUTE + 5, until: 3 * MINUTE };
    let overlapping: Vec<i32> = (0..5).filter(|minute| span.overlaps(*minute)).collect();
    assert_eq!(overlapping, [1, 2]);
    let near: Vec<i32> = (0..5).filter(|minute| span.is_near(*minute)).collect();
    assert_eq!(near, [1, 2, 3]);
}
