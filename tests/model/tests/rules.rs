//! Each rule of "Rebuilding the table", on records written by hand.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use table_model::{Row, Tables};

/// The definition that most tests use.
const TABLE: &str = "CREATE TABLE ks.t (k int, c int, v int, w text, s int static, l list<int>, st set<text>, \
                     m map<int, text>, u pt, PRIMARY KEY (k, c))";

/// Returns a source; positions grow with `at`.
fn source(table: &str, id: &str, host: &str, at: i64) -> String {
    format!(
        r#""source":{{"cluster":"c","host_id":"{host}","keyspace":"ks","table":"{table}","table_id":"{id}","schema":"f","segment":7,"position":{at},"index":0}}"#
    )
}

/// Returns a record of table `t`, logged by node h at that position.
fn record(at: i64, body: &str) -> String {
    format!("{{{body},{}}}", source("t", "id-t", "h", at))
}

fn ddl(change: &str, object: &str, name: &str, ts: i64, id: &str, rest: &str) -> String {
    format!(
        r#"{{"op":"ddl","ts":{ts},"ddl":{{"change":"{change}","object":"{object}","name":"{name}"{rest}}},{}}}"#,
        source(if object == "table" { name } else { "" }, id, "h", 1)
    )
}

fn defined(table_cql: &str) -> Tables {
    let mut tables = Tables::new();
    for line in [
        ddl(
            "create",
            "keyspace",
            "ks",
            1,
            "",
            r#","cql":"CREATE KEYSPACE ks WITH durable_writes = true""#,
        ),
        ddl(
            "create",
            "type",
            "pt",
            2,
            "",
            r#","cql":"CREATE TYPE ks.pt (x int, y text)""#,
        ),
        ddl(
            "create",
            "table",
            "t",
            3,
            "id-t",
            &format!(r#","cql":"{table_cql}""#),
        ),
    ] {
        tables.apply_line(&line).unwrap();
    }
    tables
}

/// Returns table `t` after those records.
fn after(table_cql: &str, bodies: &[&str]) -> Tables {
    let mut tables = defined(table_cql);
    for (at, body) in bodies.iter().enumerate() {
        tables.apply_line(&record(10 + at as i64, body)).unwrap();
    }
    tables
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").unwrap();
        out
    })
}

/// Returns the rows of the only live table of that name: `column=hex` of what is not null.
fn rows_at(tables: &Tables, now: i64) -> Vec<String> {
    let all = tables.snapshot_at(now);
    let rows = all
        .into_iter()
        .find(|table| table.table == "t")
        .map(|table| table.rows)
        .unwrap_or_default();
    let show = |row: &Row| {
        let values = row
            .values
            .iter()
            .filter_map(|(name, value)| value.as_ref().map(|v| format!("{name}={}", hex(v))));
        values.collect::<Vec<_>>().join(" ")
    };
    rows.iter().map(show).collect()
}

fn rows(tables: &Tables) -> Vec<String> {
    rows_at(tables, 0)
}

fn one_row(table_cql: &str, bodies: &[&str]) -> BTreeMap<String, Option<Vec<u8>>> {
    let tables = after(table_cql, bodies);
    let all = tables.snapshot_at(0);
    assert_eq!(all[0].rows.len(), 1, "{:?}", all[0].rows);
    all[0].rows[0].values.clone()
}

/// Returns that column's bytes in hex after the records, which must leave one row, in any order.
fn column(name: &str, bodies: &[&str]) -> String {
    let straight = one_row(TABLE, bodies)[name].clone();
    let turned: Vec<&str> = bodies.iter().rev().copied().collect();
    assert_eq!(
        straight,
        one_row(TABLE, &turned)[name],
        "the order of the records matters"
    );
    straight.map_or_else(|| "null".to_owned(), |bytes| hex(&bytes))
}

const MARKER: &str = r#""op":"insert","ts":1,"key":{"k":1,"c":1},"row":{}"#;

fn update(ts: i64, cells: &str) -> String {
    format!(r#""op":"update","ts":{ts},"key":{{"k":1,"c":1}},"cells":{{{cells}}}"#)
}

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
    assert_eq!(
        column("v", &[MARKER, &lasting, &expiring, &later, &tombstone]),
        "null"
    );
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
    assert_eq!(
        rows_at(&after(TABLE, &[expiring, &cell]), 100),
        ["c=00000001 k=00000001 w="]
    );
    let tombstone = update(4, r#""w":{"deleted":true,"at":1}"#);
    assert_eq!(
        rows_at(&after(TABLE, &[expiring, &cell, &tombstone]), 100).len(),
        0
    );
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
    assert_eq!(
        rows(&after(TABLE, &[delete, &at, &after_it, MARKER])),
        ["c=00000001 k=00000001 w=78"]
    );
}

#[test]
fn a_partition_deletion_includes_the_static_row_and_a_range_does_not() {
    let fixed = r#""op":"update","ts":4,"key":{"k":1,"c":null},"static":true,"cells":{"s":{"value":7}}"#;
    let range = r#""op":"delete_range","ts":9,"key":{"k":1,"c":null},"deleted":{"at":1},"range":{}"#;
    let partition = r#""op":"delete_partition","ts":4,"key":{"k":1,"c":null},"deleted":{"at":1}"#;
    assert_eq!(
        rows(&after(TABLE, &[MARKER, fixed, range])),
        ["k=00000001 s=00000007"]
    );
    assert_eq!(rows(&after(TABLE, &[MARKER, fixed, partition])).len(), 0);
}

#[test]
fn a_static_value_stands_on_every_row_or_alone() {
    let fixed = r#""op":"update","ts":4,"key":{"k":1,"c":null},"static":true,"cells":{"s":{"value":7}}"#;
    assert_eq!(rows(&after(TABLE, &[fixed])), ["k=00000001 s=00000007"]);
    assert_eq!(
        rows(&after(TABLE, &[fixed, MARKER])),
        ["c=00000001 k=00000001 s=00000007"]
    );
}

/// Returns which of the rows (1,0) (1,1) (1,2) (2,0) outlive a deletion of that range.
fn outlive(order: &str, range: &str) -> Vec<String> {
    let cql = format!(
        "CREATE TABLE ks.t (k int, a int, b int, PRIMARY KEY (k, a, b)) WITH CLUSTERING ORDER BY ({order})"
    );
    let mut bodies = Vec::new();
    for (a, b) in [(1, 0), (1, 1), (1, 2), (2, 0)] {
        bodies.push(format!(
            r#""op":"insert","ts":1,"key":{{"k":1,"a":{a},"b":{b}}},"row":{{}}"#
        ));
    }
    bodies.push(format!(
        r#""op":"delete_range","ts":1,"key":{{"k":1,"a":null,"b":null}},"deleted":{{"at":1}},"range":{{{range}}}"#
    ));
    let tables = after(&cql, &bodies.iter().map(String::as_str).collect::<Vec<_>>());
    let rows = &tables.snapshot_at(0)[0].rows;
    let last = |row: &Row, name: &str| row.values[name].as_ref().unwrap()[3];
    let mut names: Vec<_> = rows
        .iter()
        .map(|row| format!("{}{}", last(row, "a"), last(row, "b")))
        .collect();
    names.sort();
    names
}

#[test]
fn ranges_have_prefixes_and_open_and_exclusive_ends() {
    let order = "a ASC, b ASC";
    assert_eq!(
        outlive(order, r#""start":{"values":[1,1],"inclusive":true}"#),
        ["10"]
    );
    assert_eq!(
        outlive(order, r#""start":{"values":[1,1],"inclusive":false}"#),
        ["10", "11"]
    );
    assert_eq!(
        outlive(order, r#""start":{"values":[1],"inclusive":false}"#),
        ["10", "11", "12"]
    );
    assert_eq!(
        outlive(order, r#""end":{"values":[1],"inclusive":false}"#),
        ["10", "11", "12", "20"]
    );
    let one = r#""start":{"values":[1],"inclusive":true},"end":{"values":[1],"inclusive":true}"#;
    assert_eq!(outlive(order, one), ["20"]);
    let middle = r#""start":{"values":[1,0],"inclusive":false},"end":{"values":[1,2],"inclusive":false}"#;
    assert_eq!(outlive(order, middle), ["10", "12", "20"]);
}

#[test]
fn a_descending_column_counts_down_in_ranges() {
    let order = "a ASC, b DESC";
    assert_eq!(
        outlive(order, r#""start":{"values":[1,1],"inclusive":true}"#),
        ["12"]
    );
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
    assert_eq!(
        column("l", &[&list]),
        "00000002 0000000400000001 0000000400000002".replace(' ', "")
    );
}

#[test]
fn a_user_type_shows_every_field() {
    let fields = update(5, r#""u":{"elements":[{"path":"y","value":"q"}]}"#);
    assert_eq!(column("u", &[&fields]), "ffffffff0000000171");
}

#[test]
fn a_renamed_and_an_added_field_are_found() {
    let mut tables = after(
        TABLE,
        &[&update(5, r#""u":{"elements":[{"path":"y","value":"q"}]}"#)],
    );
    let altered = r#","cql":"CREATE TYPE ks.pt (x int, \"Yy\" text, z int)","renamed":{"y":"Yy"}"#;
    tables
        .apply_line(&ddl("alter", "type", "pt", 6, "", altered))
        .unwrap();
    tables
        .apply_line(&record(
            20,
            &update(6, r#""u":{"elements":[{"path":"z","value":1}]}"#),
        ))
        .unwrap();
    tables
        .apply_line(&record(
            21,
            &update(7, r#""u":{"elements":[{"path":"Yy","value":"r"}]}"#),
        ))
        .unwrap();
    assert_eq!(
        rows(&tables),
        ["c=00000001 k=00000001 u=ffffffff00000001720000000400000001"]
    );
    tables
        .apply_line(&record(
            22,
            &update(8, r#""u":{"elements":[{"path":"y","value":"o"}]}"#),
        ))
        .unwrap();
    assert_eq!(
        rows(&tables),
        ["c=00000001 k=00000001 u=ffffffff000000016f0000000400000001"]
    );
    let untold = r#","cql":"CREATE TYPE ks.pt (x2 int, \"Yy\" text, z int)""#;
    assert!(
        tables
            .apply_line(&ddl("alter", "type", "pt", 9, "", untold))
            .is_err()
    );
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
        shards(
            3,
            r#"{"id":"b","clock":1,"count":-1},{"id":"a","clock":2,"count":5}"#,
        ),
    ];
    let mut bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
    assert_eq!(
        hex(one_row(cql, &bodies)["n"].as_ref().unwrap()),
        "0000000000000004"
    );
    bodies.push(r#""op":"delete","ts":2,"key":{"k":1},"deleted":{"at":1}"#);
    assert_eq!(
        hex(one_row(cql, &bodies)["n"].as_ref().unwrap()),
        "0000000000000004"
    );
    bodies.push(r#""op":"update","ts":3,"key":{"k":1},"cells":{"n":{"deleted":true,"at":1}}"#);
    assert_eq!(rows(&after(cql, &bodies)).len(), 0);
}

#[test]
fn a_renamed_key_column_changes_no_row() {
    let mut tables = after(TABLE, &[MARKER]);
    let cql = TABLE
        .replace("c int", "\\\"C C\\\" int")
        .replace("(k, c)", "(k, \\\"C C\\\")");
    let told = format!(r#","cql":"{cql}","renamed":{{"c":"C C"}}"#);
    assert!(
        tables
            .apply_line(&ddl(
                "alter",
                "table",
                "t",
                5,
                "id-t",
                &format!(r#","cql":"{cql}""#)
            ))
            .is_err()
    );
    tables
        .apply_line(&ddl("alter", "table", "t", 5, "id-t", &told))
        .unwrap();
    let new = r#""op":"update","ts":6,"key":{"k":1,"C C":1},"cells":{"v":{"value":1}}"#;
    tables.apply_line(&record(20, new)).unwrap();
    tables
        .apply_line(&record(21, &update(7, r#""w":{"value":"x"}"#)))
        .unwrap();
    assert_eq!(rows(&tables), ["C C=00000001 k=00000001 v=00000001 w=78"]);
}

#[test]
fn cells_from_before_a_drop_stay_gone_when_the_column_comes_back() {
    let mut tables = after(
        TABLE,
        &[
            MARKER,
            &update(10, r#""v":{"value":1}"#),
            &update(11, r#""w":{"value":"x"}"#),
        ],
    );
    let without = TABLE.replace("v int, ", "");
    tables
        .apply_line(&ddl(
            "alter",
            "table",
            "t",
            20,
            "id-t",
            &format!(r#","cql":"{without}","dropped":{{"v":15}}"#),
        ))
        .unwrap();
    assert_eq!(rows(&tables), ["c=00000001 k=00000001 w=78"]);
    tables
        .apply_line(&ddl(
            "alter",
            "table",
            "t",
            30,
            "id-t",
            &format!(r#","cql":"{TABLE}","dropped":{{"v":15}}"#),
        ))
        .unwrap();
    assert_eq!(rows(&tables), ["c=00000001 k=00000001 w=78"]);
    tables
        .apply_line(&record(30, &update(15, r#""v":{"value":2}"#)))
        .unwrap();
    assert_eq!(rows(&tables), ["c=00000001 k=00000001 w=78"]);
    tables
        .apply_line(&record(31, &update(16, r#""v":{"value":3}"#)))
        .unwrap();
    assert_eq!(rows(&tables), ["c=00000001 k=00000001 v=00000003 w=78"]);
}

#[test]
fn a_late_record_of_a_dropped_column_is_read() {
    let mut tables = defined(TABLE);
    let without = TABLE.replace("v int, ", "");
    tables
        .apply_line(&ddl(
            "alter",
            "table",
            "t",
            20,
            "id-t",
            &format!(r#","cql":"{without}","dropped":{{"v":15}}"#),
        ))
        .unwrap();
    tables
        .apply_line(&record(30, &update(9, r#""v":{"value":2},"w":{"value":"x"}"#)))
        .unwrap();
    assert_eq!(rows(&tables), ["c=00000001 k=00000001 w=78"]);
}

#[test]
fn a_dropped_table_is_gone_and_its_name_is_free() {
    let mut tables = after(TABLE, &[MARKER]);
    tables
        .apply_line(&ddl("drop", "table", "t", 5, "id-t", ""))
        .unwrap();
    tables
        .apply_line(&record(20, &update(9, r#""v":{"value":2}"#)))
        .unwrap();
    assert!(tables.snapshot_at(0).is_empty());
    tables
        .apply_line(&ddl(
            "create",
            "table",
            "t",
            6,
            "id-2",
            r#","cql":"CREATE TABLE ks.t (p text PRIMARY KEY)""#,
        ))
        .unwrap();
    let row = format!(
        r#"{{"op":"insert","ts":7,"key":{{"p":"a"}},"row":{{}},{}}}"#,
        source("t", "id-2", "h", 30)
    );
    tables.apply_line(&row).unwrap();
    assert_eq!(rows(&tables), ["p=61"]);
    // Another node tells the same story later.
    tables
        .apply_line(&ddl(
            "create",
            "table",
            "t",
            3,
            "id-t",
            &format!(r#","cql":"{TABLE}""#),
        ))
        .unwrap();
    assert_eq!(rows(&tables), ["p=61"]);
}

#[test]
fn a_dropped_keyspace_takes_its_tables_and_no_later_ones() {
    let mut tables = after(TABLE, &[MARKER]);
    let keyspace = |ts| {
        ddl(
            "create",
            "keyspace",
            "ks",
            ts,
            "",
            r#","cql":"CREATE KEYSPACE ks WITH durable_writes = true""#,
        )
    };
    tables
        .apply_line(&ddl("drop", "keyspace", "ks", 5, "", ""))
        .unwrap();
    assert!(tables.snapshot_at(0).is_empty());
    tables.apply_line(&keyspace(6)).unwrap();
    tables
        .apply_line(&ddl(
            "create",
            "table",
            "t",
            7,
            "id-2",
            r#","cql":"CREATE TABLE ks.t (p text PRIMARY KEY)""#,
        ))
        .unwrap();
    // The drop, told by another node.
    tables
        .apply_line(&ddl("drop", "keyspace", "ks", 5, "", ""))
        .unwrap();
    assert_eq!(tables.snapshot_at(0).len(), 1);
}

#[test]
fn a_truncation_goes_by_the_nodes_own_position() {
    let other = |at, ts: i64, v: i64| {
        let body = update(ts, &format!(r#""v":{{"value":{v}}}"#));
        format!("{{{body},{}}}", source("t", "id-t", "other", at))
    };
    let truncate = |host: &str, position: i64| {
        let source = source("t", "id-t", host, 1000);
        format!(
            r#"{{"op":"truncate","key":{{"k":null,"c":null}},"truncated":{{"segment":7,"position":{position}}},{source}}}"#
        )
    };
    let newest = update(100, r#""v":{"value":1}"#);
    let behind = update(50, r#""v":{"value":2}"#);
    let mut tables = defined(TABLE);
    tables.apply_line(&record(10, &newest)).unwrap();
    tables.apply_line(&record(11, &behind)).unwrap();
    tables.apply_line(&other(10, 40, 3)).unwrap();
    assert_eq!(rows(&tables), ["c=00000001 k=00000001 v=00000001"]);
    tables.apply_line(&truncate("h", 10)).unwrap();
    assert_eq!(rows(&tables), ["c=00000001 k=00000001 v=00000002"]);
    tables.apply_line(&truncate("h", 11)).unwrap();
    assert_eq!(rows(&tables), ["c=00000001 k=00000001 v=00000003"]);
    tables.apply_line(&truncate("other", 10)).unwrap();
    assert!(rows(&tables).is_empty());
    // A record that comes after the truncation but was logged before it.
    tables.apply_line(&record(5, &newest)).unwrap();
    assert!(rows(&tables).is_empty());
    tables.apply_line(&record(12, &behind)).unwrap();
    assert_eq!(rows(&tables).len(), 1);
}

#[test]
fn a_truncation_in_an_older_segment_leaves_a_newer_one() {
    let mut tables = after(TABLE, &[MARKER]);
    let source = source("t", "id-t", "h", 1000);
    let truncate = format!(r#"{{"op":"truncate","truncated":{{"segment":6,"position":9999}},{source}}}"#);
    tables.apply_line(&truncate).unwrap();
    assert_eq!(rows(&tables).len(), 1);
}

#[test]
fn decimals_of_one_value_are_one_row_but_two_partitions() {
    let cql = "CREATE TABLE ks.t (k decimal, c decimal, v set<decimal>, PRIMARY KEY (k, c))";
    let insert = |ts: i64, k: &str, c: &str| {
        format!(r#""op":"insert","ts":{ts},"key":{{"k":{k},"c":{c}}},"row":{{}}"#)
    };
    let bodies = [
        insert(1, "1", "1.0"),
        insert(2, "1", "1.00"),
        insert(3, "1.0", "1E+0"),
    ];
    assert_eq!(
        rows(&after(
            cql,
            &bodies.iter().map(String::as_str).collect::<Vec<_>>()
        ))
        .len(),
        2
    );
    let put = r#""op":"update","ts":4,"key":{"k":1,"c":1},"cells":{"v":{"elements":[{"path":2.0}]}}"#;
    let remove = r#""op":"update","ts":5,"key":{"k":1,"c":1.0},"cells":{"v":{"elements":[{"path":2.00,"deleted":true,"at":1}]}}"#;
    assert!(rows(&after(cql, &[put, remove])).is_empty());
}

#[test]
fn a_static_compact_table_comes_as_static_rows() {
    let cql = "CREATE TABLE ks.t (k int PRIMARY KEY, a int) WITH COMPACT STORAGE";
    let write = r#""op":"update","ts":4,"key":{"k":1},"static":true,"cells":{"a":{"value":7}}"#;
    assert_eq!(rows(&after(cql, &[write])), ["a=00000007 k=00000001"]);
    let delete = r#""op":"update","ts":5,"key":{"k":1},"static":true,"cells":{"a":{"deleted":true,"at":1}}"#;
    assert!(rows(&after(cql, &[write, delete])).is_empty());
}

#[test]
fn a_dense_row_lives_by_its_hidden_cell() {
    let cql = "CREATE TABLE ks.t (k int, c int, PRIMARY KEY (k, c)) WITH COMPACT STORAGE";
    let write = r#""op":"update","ts":4,"key":{"k":1,"c":2},"cells":{"value":{"value":""}}"#;
    assert_eq!(rows(&after(cql, &[write])), ["c=00000002 k=00000001"]);
    let delete = r#""op":"delete","ts":4,"key":{"k":1,"c":2},"deleted":{"at":1}"#;
    assert!(rows(&after(cql, &[write, delete])).is_empty());
}

#[test]
fn a_snapshot_record_counts_as_a_write() {
    let row = r#""op":"snapshot","ts":4,"key":{"k":1,"c":1},"row":{},"cells":{"v":{"value":1}}"#;
    assert_eq!(rows(&after(TABLE, &[row])), ["c=00000001 k=00000001 v=00000001"]);
}

#[test]
fn records_that_break_the_format_are_refused() {
    for body in [
        r#""op":"insert","ts":1,"key":{"k":1,"c":1}"#,
        r#""op":"update","ts":1,"key":{"k":1,"c":1},"row":{},"cells":{"v":{"value":1}}"#,
        r#""op":"update","ts":1,"key":{"k":1,"c":1},"cells":{}"#,
        r#""op":"update","ts":1,"key":{"k":1,"c":1},"cells":{"v":{"value":null}}"#,
        r#""op":"update","ts":1,"key":{"k":1,"c":1},"cells":{"v":{"value":1,"ttl":5}}"#,
        r#""op":"update","ts":1,"key":{"k":1,"c":1},"cells":{"nosuch":{"value":1}}"#,
        r#""op":"update","ts":1,"key":{"k":1,"c":1},"cells":{"s":{"value":1}}"#,
        r#""op":"update","ts":1,"key":{"k":1,"c":1},"cells":{"st":{"cleared":{"ts":-5,"at":1}}}"#,
        r#""op":"update","ts":1,"key":{"k":1,"c":null},"cells":{"v":{"value":1}}"#,
        r#""op":"update","ts":1,"key":{"c":1,"k":1},"cells":{"v":{"value":1}}"#,
        r#""op":"update","ts":1,"key":{"k":1},"cells":{"v":{"value":1}}"#,
        r#""op":"delete","ts":1,"key":{"k":1,"c":1}"#,
        r#""op":"delete","ts":1,"key":{"k":1,"c":1},"deleted":{}"#,
        r#""op":"delete_partition","ts":1,"key":{"k":1,"c":1},"deleted":{"at":1}"#,
        r#""op":"insert","key":{"k":1,"c":1},"row":{}"#,
        r#""op":"insert","ts":1,"key":{"k":1,"c":1},"row":{},"extra":1"#,
        r#""op":"upsert","ts":1,"key":{"k":1,"c":1},"row":{}"#,
    ] {
        assert!(defined(TABLE).apply_line(&record(10, body)).is_err(), "{body}");
    }
    let unknown = format!("{{{MARKER},{}}}", source("t", "id-unknown", "h", 1));
    assert!(defined(TABLE).apply_line(&unknown).is_err());
}
