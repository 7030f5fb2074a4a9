//! Each rule of "Rebuilding the table" about definitions, truncation and compact tables, on records written by hand.

#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod records;

use records::{MARKER, TABLE, after, ddl, defined, record, rows, source, update};

#[test]
fn a_renamed_and_an_added_field_are_found() {
    let mut tables = after(TABLE, &[&update(5, r#""u":{"elements":[{"path":"y","value":"q"}]}"#)]);
    let altered = r#","cql":"CREATE TYPE ks.pt (x int, \"Yy\" text, z int)","renamed":{"y":"Yy"}"#;
    tables.apply_line(&ddl("alter", "type", "pt", 6, "", altered)).unwrap();
    tables.apply_line(&record(20, &update(6, r#""u":{"elements":[{"path":"z","value":1}]}"#))).unwrap();
    tables.apply_line(&record(21, &update(7, r#""u":{"elements":[{"path":"Yy","value":"r"}]}"#))).unwrap();
    assert_eq!(rows(&tables), ["c=00000001 k=00000001 u=ffffffff00000001720000000400000001"]);
    tables.apply_line(&record(22, &update(8, r#""u":{"elements":[{"path":"y","value":"o"}]}"#))).unwrap();
    assert_eq!(rows(&tables), ["c=00000001 k=00000001 u=ffffffff000000016f0000000400000001"]);
    let untold = r#","cql":"CREATE TYPE ks.pt (x2 int, \"Yy\" text, z int)""#;
    assert!(tables.apply_line(&ddl("alter", "type", "pt", 9, "", untold)).is_err());
}

#[test]
fn a_renamed_key_column_changes_no_row() {
    let mut tables = after(TABLE, &[MARKER]);
    let cql = TABLE.replace("c int", "\\\"C C\\\" int").replace("(k, c)", "(k, \\\"C C\\\")");
    let told = format!(r#","cql":"{cql}","renamed":{{"c":"C C"}}"#);
    assert!(
        tables.apply_line(&ddl("alter", "table", "t", 5, "id-t", &format!(r#","cql":"{cql}""#))).is_err()
    );
    tables.apply_line(&ddl("alter", "table", "t", 5, "id-t", &told)).unwrap();
    let new = r#""op":"update","ts":6,"key":{"k":1,"C C":1},"cells":{"v":{"value":1}}"#;
    tables.apply_line(&record(20, new)).unwrap();
    tables.apply_line(&record(21, &update(7, r#""w":{"value":"x"}"#))).unwrap();
    assert_eq!(rows(&tables), ["C C=00000001 k=00000001 v=00000001 w=78"]);
}

#[test]
fn cells_from_before_a_drop_stay_gone_when_the_column_comes_back() {
    let mut tables =
        after(TABLE, &[MARKER, &update(10, r#""v":{"value":1}"#), &update(11, r#""w":{"value":"x"}"#)]);
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
    tables.apply_line(&record(30, &update(15, r#""v":{"value":2}"#))).unwrap();
    assert_eq!(rows(&tables), ["c=00000001 k=00000001 w=78"]);
    tables.apply_line(&record(31, &update(16, r#""v":{"value":3}"#))).unwrap();
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
    tables.apply_line(&record(30, &update(9, r#""v":{"value":2},"w":{"value":"x"}"#))).unwrap();
    assert_eq!(rows(&tables), ["c=00000001 k=00000001 w=78"]);
}

#[test]
fn a_dropped_table_is_gone_and_its_name_is_free() {
    let mut tables = after(TABLE, &[MARKER]);
    tables.apply_line(&ddl("drop", "table", "t", 5, "id-t", "")).unwrap();
    tables.apply_line(&record(20, &update(9, r#""v":{"value":2}"#))).unwrap();
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
    let row =
        format!(r#"{{"op":"insert","ts":7,"key":{{"p":"a"}},"row":{{}},{}}}"#, source("t", "id-2", "h", 30));
    tables.apply_line(&row).unwrap();
    assert_eq!(rows(&tables), ["p=61"]);
    // Another node tells the same story later.
    tables.apply_line(&ddl("create", "table", "t", 3, "id-t", &format!(r#","cql":"{TABLE}""#))).unwrap();
    assert_eq!(rows(&tables), ["p=61"]);
}

#[test]
fn a_dropped_keyspace_takes_its_tables_and_no_later_ones() {
    let mut tables = after(TABLE, &[MARKER]);
    let keyspace = |ts| {
        ddl("create", "keyspace", "ks", ts, "", r#","cql":"CREATE KEYSPACE ks WITH durable_writes = true""#)
    };
    tables.apply_line(&ddl("drop", "keyspace", "ks", 5, "", "")).unwrap();
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
    tables.apply_line(&ddl("drop", "keyspace", "ks", 5, "", "")).unwrap();
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
    let bodies = [insert(1, "1", "1.0"), insert(2, "1", "1.00"), insert(3, "1.0", "1E+0")];
    assert_eq!(rows(&after(cql, &bodies.iter().map(String::as_str).collect::<Vec<_>>())).len(), 2);
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
        r#""op":"update","ts":1,"key":{"k":1,"c":1},"cells":{"v":{"value":1,"at":5,"x":1}}"#,
        r#""op":"insert","ts":1,"key":{"k":1,"c":1},"row":{"at":1}"#,
        r#""op":"delete_range","ts":1,"key":{"k":1,"c":null},"deleted":{"at":1},"range":{"from":{}}"#,
        r#""op":"upsert","ts":1,"key":{"k":1,"c":1},"row":{}"#,
    ] {
        assert!(defined(TABLE).apply_line(&record(10, body)).is_err(), "{body}");
    }
    let unknown = format!("{{{MARKER},{}}}", source("t", "id-unknown", "h", 1));
    assert!(defined(TABLE).apply_line(&unknown).is_err());
}
