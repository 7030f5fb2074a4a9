//! Each rule of "Rebuilding the table" about cells, rows and deletions, on records written by hand.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod records;

use records::{MARKER, TABLE, after, column, hex, one_row, rows, rows_at, update};
use table_model::Row;

#[test]
fn the_greatest_time_wins_whatever_the_order() {
    let older = update(5, r#""v":{"value":9}"#);
    let newer = update(6, r#""v":{"value":1}"#);
    assert_eq!(column("v", &[&older, &newer]), "00000001");
}

#[test]
fn at_equal_times_tombstones_beat_expiring_values_beat_lasting_ones() {
    let lasting = update(5, r#""v":{"value":9}"#);
    let expiring = update(5, r#""v":{"value":1,"ttl":10,"expires":100}"#);
    let later = update(5, r#""v":{"value":0,"ttl":10,"expires":101}"#);
    let tombstone = update(5, r#""v":{"deleted":true,"at":7}"#);
    assert_eq!(column("v", &[MARKER, &lasting, &expiring]), "00000001");
    assert_eq!(column("v", &[MARKER, &lasting, &expiring, &later]), "00000000");
    assert_eq!(column("v", &[MARKER, &lasting, &expiring, &later, &tombstone]), "null");
}

#[test]
fn at_equal_times_the_greater_bytes_win() {
    let minus = update(5, r#""v":{"value":-1}"#);
    let plus = update(5, r#""v":{"value":1}"#);
    assert_eq!(column("v", &[&minus, &plus]), "ffffffff");
}

#[test]
fn what_expires_in_this_second_is_gone_and_hides_what_it_overwrote() {
    let old = update(5, r#""v":{"value":9}"#);
    let new = update(6, r#""v":{"value":1,"ttl":10,"expires":100}"#);
    let tables = after(TABLE, &[MARKER, &old, &new]);
    assert_eq!(rows_at(&tables, 99), ["c=00000001 k=00000001 v=00000001"]);
    assert_eq!(rows_at(&tables, 100), ["c=00000001 k=00000001"]);
}

#[test]
fn a_row_lives_by_its_marker_or_a_cell() {
    let expiring = r#""op":"insert","ts":2,"key":{"k":1,"c":1},"row":{"ttl":10,"expires":100},"cells":{"v":{"value":1,"ttl":10,"expires":100}}"#;
    let tables = after(TABLE, &[expiring]);
    assert_eq!(rows_at(&tables, 99).len(), 1);
    assert_eq!(rows_at(&tables, 100).len(), 0);
    let cell = update(3, r#""w":{"value":""}"#);
    assert_eq!(rows_at(&after(TABLE, &[expiring, &cell]), 100), ["c=00000001 k=00000001 w="]);
    let tombstone = update(4, r#""w":{"deleted":true,"at":1}"#);
    assert_eq!(rows_at(&after(TABLE, &[expiring, &cell, &tombstone]), 100).len(), 0);
}

#[test]
fn at_equal_times_an_expiring_marker_beats_a_lasting_one() {
    let expiring = r#""op":"insert","ts":1,"key":{"k":1,"c":1},"row":{"ttl":10,"expires":100}"#;
    assert_eq!(rows_at(&after(TABLE, &[expiring, MARKER]), 100).len(), 0);
    assert_eq!(rows_at(&after(TABLE, &[MARKER, expiring]), 100).len(), 0);
}

#[test]
fn a_row_deletion_removes_its_time_and_less() {
    let delete = r#""op":"delete","ts":5,"key":{"k":1,"c":1},"deleted":{"at":1}"#;
    let at = update(5, r#""v":{"value":1}"#);
    let after_it = update(6, r#""w":{"value":"x"}"#);
    assert_eq!(rows(&after(TABLE, &[MARKER, &at, delete])).len(), 0);
    assert_eq!(rows(&after(TABLE, &[delete, &at, &after_it, MARKER])), ["c=00000001 k=00000001 w=78"]);
}

#[test]
fn a_partition_deletion_includes_the_static_row_and_a_range_does_not() {
    let fixed = r#""op":"update","ts":4,"key":{"k":1,"c":null},"static":true,"cells":{"s":{"value":7}}"#;
    let range = r#""op":"delete_range","ts":9,"key":{"k":1,"c":null},"deleted":{"at":1},"range":{}"#;
    let partition = r#""op":"delete_partition","ts":4,"key":{"k":1,"c":null},"deleted":{"at":1}"#;
    assert_eq!(rows(&after(TABLE, &[MARKER, fixed, range])), ["k=00000001 s=00000007"]);
    assert_eq!(rows(&after(TABLE, &[MARKER, fixed, partition])).len(), 0);
}

#[test]
fn a_static_value_stands_on_every_row_or_alone() {
    let fixed = r#""op":"update","ts":4,"key":{"k":1,"c":null},"static":true,"cells":{"s":{"value":7}}"#;
    assert_eq!(rows(&after(TABLE, &[fixed])), ["k=00000001 s=00000007"]);
    assert_eq!(rows(&after(TABLE, &[fixed, MARKER])), ["c=00000001 k=00000001 s=00000007"]);
}

/// Returns which of the rows (1,0) (1,1) (1,2) (2,0) outlive a deletion of that range.
fn outlive(order: &str, range: &str) -> Vec<String> {
    let cql = format!(
        "CREATE TABLE ks.t (k int, a int, b int, PRIMARY KEY (k, a, b)) WITH CLUSTERING ORDER BY ({order})"
    );
    let mut bodies = Vec::new();
    for (a, b) in [(1, 0), (1, 1), (1, 2), (2, 0)] {
        bodies.push(format!(r#""op":"insert","ts":1,"key":{{"k":1,"a":{a},"b":{b}}},"row":{{}}"#));
    }
    bodies.push(format!(
        r#""op":"delete_range","ts":1,"key":{{"k":1,"a":null,"b":null}},"deleted":{{"at":1}},"range":{{{range}}}"#
    ));
    let tables = after(&cql, &bodies.iter().map(String::as_str).collect::<Vec<_>>());
    let rows = &tables.snapshot_at(0)[0].rows;
    let last = |row: &Row, name: &str| row.values[name].as_ref().unwrap()[3];
    let mut names: Vec<_> = rows.iter().map(|row| format!("{}{}", last(row, "a"), last(row, "b"))).collect();
    names.sort();
    names
}

#[test]
fn ranges_have_prefixes_and_open_and_exclusive_ends() {
    let order = "a ASC, b ASC";
    assert_eq!(outlive(order, r#""start":{"values":[1,1],"inclusive":true}"#), ["10"]);
    assert_eq!(outlive(order, r#""start":{"values":[1,1],"inclusive":false}"#), ["10", "11"]);
    assert_eq!(outlive(order, r#""start":{"values":[1],"inclusive":false}"#), ["10", "11", "12"]);
    assert_eq!(outlive(order, r#""end":{"values":[1],"inclusive":false}"#), ["10", "11", "12", "20"]);
    let one = r#""start":{"values":[1],"inclusive":true},"end":{"values":[1],"inclusive":true}"#;
    assert_eq!(outlive(order, one), ["20"]);
    let middle = r#""start":{"values":[1,0],"inclusive":false},"end":{"values":[1,2],"inclusive":false}"#;
    assert_eq!(outlive(order, middle), ["10", "12", "20"]);
}

#[test]
fn a_descending_column_counts_down_in_ranges() {
    let order = "a ASC, b DESC";
    assert_eq!(outlive(order, r#""start":{"values":[1,1],"inclusive":true}"#), ["12"]);
    let upper = r#""start":{"values":[1],"inclusive":true},"end":{"values":[1,1],"inclusive":false}"#;
    assert_eq!(outlive(order, upper), ["10", "11", "20"]);
}

#[test]
fn an_overwritten_collection_loses_what_it_had_the_microsecond_before() {
    let before = update(4, r#""st":{"elements":[{"path":"a"}]}"#);
    let overwrite = update(5, r#""st":{"cleared":{"ts":4,"at":1},"elements":[{"path":"b"}]}"#);
    let beside = update(5, r#""st":{"elements":[{"path":"c"}]}"#);
    assert_eq!(
        column("st", &[&before, &overwrite, &beside]),
        "00000002000000016200000001 63".replace(' ', "")
    );
    let cleared = update(5, r#""st":{"cleared":{"ts":5,"at":1}}"#);
    assert_eq!(column("st", &[MARKER, &before, &overwrite, &cleared]), "null");
}

#[test]
fn elements_win_by_their_own_times_and_stand_in_cassandras_order() {
    let map = update(
        5,
        r#""m":{"elements":[{"path":1,"value":"p"},{"path":"-1","value":"n"},{"path":0,"value":"z"}]}"#,
    );
    let removed = update(6, r#""m":{"elements":[{"path":0,"deleted":true,"at":1}]}"#);
    let stale = update(4, r#""m":{"elements":[{"path":1,"value":"old"}]}"#);
    let expected = "00000002 00000004ffffffff 000000016e 0000000400000001 0000000170".replace(' ', "");
    assert_eq!(column("m", &[&map, &removed, &stale]), expected);
}

#[test]
fn a_list_stands_in_the_order_of_its_paths_times() {
    let list = update(
        5,
        r#""l":{"elements":[{"path":"00000001-0001-1000-8000-000000000000","value":2},{"path":"ffffffff-0000-1000-8000-000000000000","value":1}]}"#,
    );
    assert_eq!(column("l", &[&list]), "00000002 0000000400000001 0000000400000002".replace(' ', ""));
}

#[test]
fn a_user_type_shows_every_field() {
    let fields = update(5, r#""u":{"elements":[{"path":"y","value":"q"}]}"#);
    assert_eq!(column("u", &[&fields]), "ffffffff0000000171");
}

#[test]
fn counters_sum_the_greatest_clock_of_each_shard() {
    let cql = "CREATE TABLE ks.t (k int PRIMARY KEY, n counter)";
    let shards = |ts: i64, shards: &str| {
        format!(r#""op":"update","ts":{ts},"key":{{"k":1}},"cells":{{"n":{{"shards":[{shards}]}}}}"#)
    };
    let bodies = [
        shards(2, r#"{"id":"a","clock":2,"count":5}"#),
        shards(1, r#"{"id":"a","clock":1,"count":100}"#),
        shards(3, r#"{"id":"b","clock":1,"count":-1},{"id":"a","clock":2,"count":5}"#),
    ];
    let mut bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
    assert_eq!(hex(one_row(cql, &bodies)["n"].as_ref().unwrap()), "0000000000000004");
    bodies.push(r#""op":"delete","ts":2,"key":{"k":1},"deleted":{"at":1}"#);
    assert_eq!(hex(one_row(cql, &bodies)["n"].as_ref().unwrap()), "0000000000000004");
    bodies.push(r#""op":"update","ts":3,"key":{"k":1},"cells":{"n":{"deleted":true,"at":1}}"#);
    assert_eq!(rows(&after(cql, &bodies)).len(), 0);
}
