use super::*;

fn counter_table() -> Arc<TableSchema> {
    let flags = TableFlags { counter: true, ..TableFlags::CQL };
    table(flags, vec![("n", ColumnKind::Regular, CqlType::Native(NativeType::Counter))])
}

/// A context of one shard.
fn context(id: u8, clock: i64, count: i64) -> &'static [u8] {
    let mut bytes = vec![0, 1, 0x80, 0];
    bytes.extend([id; 16]);
    bytes.extend(clock.to_be_bytes());
    bytes.extend(count.to_be_bytes());
    bytes.leak()
}

fn count(context: &'static [u8]) -> Action<'static> {
    row(None, vec![simple(0, live(context))])
}

fn plus(increment: &str) -> Vec<String> {
    vec![format!("UPDATE ks.t SET n = n + {increment} {WHERE_ROW}")]
}

#[test]
fn a_counter_is_said_by_what_its_shards_have_grown() {
    let mut written = Written::to(counter_table());
    assert_eq!(written.write(count(context(1, 1, 10))), plus("10"));
    assert_eq!(written.write(count(context(1, 2, 7))), plus("-3"));
    assert_eq!(written.write(count(context(2, 1, 100))), plus("100"));
    assert_eq!(written.write(count(context(1, 3, 7))), plus("0"));
    assert_eq!(written.count(Approximation::Counter), 4);
}

#[test]
fn a_shard_that_is_not_newer_adds_nothing() {
    let mut written = Written::to(counter_table());
    written.write(count(context(1, 5, 10)));
    assert_eq!(written.write(count(context(1, 5, 10))), [""; 0]);
    assert_eq!(written.write(count(context(1, 4, 9))), [""; 0]);
}

#[test]
fn a_deleted_counter_counts_anew() {
    let mut written = Written::to(counter_table());
    written.write(count(context(1, 1, 10)));
    assert_eq!(
        written.write(row(None, vec![simple(0, CellContent::Tombstone(NOW))])),
        [format!("DELETE n FROM ks.t {WHERE_ROW}")],
    );
    assert_eq!(written.write(count(context(1, 2, 3))), plus("3"));
    let deletion = Action::DeleteRow { clustering: ROW.to_vec(), local_deletion_time: NOW };
    assert_eq!(written.write(deletion), [format!("DELETE FROM ks.t {WHERE_ROW}")]);
    assert_eq!(written.write(count(context(1, 3, 4))), plus("4"));
    assert_eq!(written.count(Approximation::CounterDeletion), 2);
}

#[test]
fn counters_beyond_what_is_remembered_are_left_out_and_counted() {
    let mut written = Written::to(counter_table());
    written.records.counters = super::super::counters::Counters::with_capacity(0);
    assert_eq!(written.write(count(context(1, 1, 10))), [""; 0]);
    assert_eq!(written.count(Approximation::UnknownCounter), 1);
}
