//! Records written by hand, and the rows that they give.

#![allow(
    clippy::unwrap_used,
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "a part of several tests, none of which uses all of it"
)]

use std::collections::BTreeMap;

use table_model::{Row, Tables};

/// The definition that most tests use.
pub const TABLE: &str = "CREATE TABLE ks.t (k int, c int, v int, w text, s int static, l list<int>, st set<text>, \
                     m map<int, text>, u pt, PRIMARY KEY (k, c))";

/// Returns a source; positions grow with `at`.
pub fn source(table: &str, id: &str, host: &str, at: i64) -> String {
    format!(
        r#""source":{{"cluster":"c","host_id":"{host}","keyspace":"ks","table":"{table}","table_id":"{id}","schema":"f","segment":7,"position":{at},"index":0}}"#
    )
}

/// Returns a record of table `t`, logged by node h at that position.
pub fn record(at: i64, body: &str) -> String {
    format!("{{{body},{}}}", source("t", "id-t", "h", at))
}

pub fn ddl(change: &str, object: &str, name: &str, ts: i64, id: &str, rest: &str) -> String {
    format!(
        r#"{{"op":"ddl","ts":{ts},"ddl":{{"change":"{change}","object":"{object}","name":"{name}"{rest}}},{}}}"#,
        source(if object == "table" { name } else { "" }, id, "h", 1)
    )
}

pub fn defined(table_cql: &str) -> Tables {
    let mut tables = Tables::new();
    for line in [
        ddl("create", "keyspace", "ks", 1, "", r#","cql":"CREATE KEYSPACE ks WITH durable_writes = true""#),
        ddl("create", "type", "pt", 2, "", r#","cql":"CREATE TYPE ks.pt (x int, y text)""#),
        ddl("create", "table", "t", 3, "id-t", &format!(r#","cql":"{table_cql}""#)),
    ] {
        tables.apply_line(&line).unwrap();
    }
    tables
}

/// Returns table `t` after those records.
pub fn after(table_cql: &str, bodies: &[&str]) -> Tables {
    let mut tables = defined(table_cql);
    for (at, body) in bodies.iter().enumerate() {
        tables.apply_line(&record(10 + at as i64, body)).unwrap();
    }
    tables
}

pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").unwrap();
        out
    })
}

/// Returns the rows of the only live table of that name: `column=hex` of what is not null.
pub fn rows_at(tables: &Tables, now: i64) -> Vec<String> {
    let all = tables.snapshot_at(now);
    let rows = all.into_iter().find(|table| table.table == "t").map(|table| table.rows).unwrap_or_default();
    let show = |row: &Row| {
        let values = row
            .values
            .iter()
            .filter_map(|(name, value)| value.as_ref().map(|v| format!("{name}={}", hex(v))));
        values.collect::<Vec<_>>().join(" ")
    };
    rows.iter().map(show).collect()
}

pub fn rows(tables: &Tables) -> Vec<String> {
    rows_at(tables, 0)
}

pub fn one_row(table_cql: &str, bodies: &[&str]) -> BTreeMap<String, Option<Vec<u8>>> {
    let tables = after(table_cql, bodies);
    let all = tables.snapshot_at(0);
    assert_eq!(all[0].rows.len(), 1, "{:?}", all[0].rows);
    all[0].rows[0].values.clone()
}

/// Returns that column's bytes in hex after the records, which must leave one row, in any order.
pub fn column(name: &str, bodies: &[&str]) -> String {
    let straight = one_row(TABLE, bodies)[name].clone();
    let turned: Vec<&str> = bodies.iter().rev().copied().collect();
    assert_eq!(straight, one_row(TABLE, &turned)[name], "the order of the records matters");
    straight.map_or_else(|| "null".to_owned(), |bytes| hex(&bytes))
}

pub const MARKER: &str = r#""op":"insert","ts":1,"key":{"k":1,"c":1},"row":{}"#;

pub fn update(ts: i64, cells: &str) -> String {
    format!(r#""op":"update","ts":{ts},"key":{{"k":1,"c":1}},"cells":{{{cells}}}"#)
}
