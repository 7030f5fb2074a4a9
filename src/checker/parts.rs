//! Repetition, part by part: what was published twice although its records differ.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write as _,
};

use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use xxhash_rust::xxh3::xxh3_128;

use super::{ChangeView, ConsumedRecord, Findings};

/// Checks that each part of a change (row marker, cell, element, counter shard, deletion) is in one record only.
///
/// A change is known by its table, key, kind and write time, whatever node logged it and whoever published it; that two
/// copies of it differ in their places hides nothing. Two writes of one row in the same microsecond are one change,
/// so a second record of it is no repetition while it has other parts.
#[derive(Debug, Default)]
pub struct PartCheck {
    seen: HashSet<u128, RandomState>,
    /// Shards that came in a cell of several: repair and reads at several replicas merge them, under the latest write time.
    merged: HashSet<u128, RandomState>,
    changes: HashSet<u128, RandomState>,
    ranges: HashMap<u128, Vec<(i64, i64)>, RandomState>,
    report: PartReport,
}

/// What [`PartCheck`] found.
#[derive(Debug, Default, Clone, Serialize)]
pub struct PartReport {
    /// Records of rows, ranges, partitions and changes of the schema, without Kafka tombstones and truncations.
    pub records: u64,
    /// Different changes among them.
    pub changes: u64,
    /// Different parts.
    pub parts: u64,
    /// Parts that came again.
    pub twice: Findings,
    /// Deleted ranges of one change that cover the same rows.
    pub overlapping: Findings,
    /// Counter shards that came again, alone or merged with others by a repair. They say the same again, so that nothing is
    /// wrong, but they are more than one record.
    pub merged_shards_again: u64,
}

impl PartReport {
    /// Returns true if nothing came twice.
    pub fn is_clean(&self) -> bool {
        self.twice.is_empty() && self.overlapping.is_empty()
    }

    /// Returns how many records a change has on average.
    pub fn records_per_change(&self) -> f64 {
        self.records as f64 / (self.changes.max(1)) as f64
    }
}

impl PartCheck {
    /// Looks at a record; says why if its cells can't be read.
    pub fn observe(
        &mut self,
        record: &ConsumedRecord,
        change: &ChangeView<'_>,
    ) -> Result<(), serde_json::Error> {
        if change.op == "truncate" {
            return Ok(());
        }
        self.report.records += 1;
        let row = row_of(record, change);
        let kind = match &*change.op {
            "insert" | "update" => "write",
            other => other,
        };
        let timestamp = change.timestamp.unwrap_or(i64::MIN);
        let identity = xxh3_128(format!("{row}\0{kind}\0{timestamp}").as_bytes());
        if self.changes.insert(identity) {
            self.report.changes += 1;
        }
        for Part { time, text, is_merged } in parts(change, timestamp)? {
            let part = xxh3_128(format!("{row}\0{time}\0{text}").as_bytes());
            if is_merged {
                self.merged.insert(part);
            }
            if self.seen.insert(part) {
                self.report.parts += 1;
            } else if self.merged.contains(&part) {
                self.report.merged_shards_again += 1;
            } else {
                self.report.twice.add(|| format!("{text} of {time} again at {}", record.place_text()));
            }
        }
        self.check_range(record, change, identity);
        Ok(())
    }

    fn check_range(&mut self, record: &ConsumedRecord, change: &ChangeView<'_>, identity: u128) {
        let Some((first, last)) = change.range.and_then(rows_of_range) else { return };
        let known = self.ranges.entry(identity).or_default();
        if let Some((from, to)) = known.iter().find(|(from, to)| first <= *to && *from <= last) {
            let words = || format!("{first} to {last} and {from} to {to} at {}", record.place_text());
            self.report.overlapping.add(words);
        }
        known.push((first, last));
    }

    /// Returns what was found, given that all records came.
    pub fn report(&self) -> PartReport {
        self.report.clone()
    }
}

/// Returns a text that names the table and the row.
fn row_of(record: &ConsumedRecord, change: &ChangeView<'_>) -> String {
    let key = String::from_utf8_lossy(record.key.as_deref().unwrap_or(change.key.as_bytes())).into_owned();
    format!("{}\0{key}\0{}", record.topic, change.is_static)
}

/// Part of a change.
struct Part {
    /// Its write time: a cleared collection has its own.
    time: i64,
    /// What it says.
    text: String,
    /// True for a counter's shard that stands beside others.
    is_merged: bool,
}

impl Part {
    fn new(time: i64, text: String) -> Self {
        Self { time, text, is_merged: false }
    }
}

/// Returns each part of a change.
fn parts(change: &ChangeView<'_>, timestamp: i64) -> Result<Vec<Part>, serde_json::Error> {
    let whole = match &*change.op {
        "insert" | "update" => None,
        "delete_range" => Some(format!("range {}", change.range.unwrap_or_default())),
        "ddl" => Some(format!("definition {}", change.ddl.unwrap_or_default())),
        other => Some(other.to_owned()),
    };
    let mut parts: Vec<Part> = whole.map(|text| Part::new(timestamp, text)).into_iter().collect();
    if let Some(row) = change.row {
        let marker: Map<String, Value> = serde_json::from_str(row)?;
        parts.push(Part::new(timestamp, format!("row marker{}", ttl_of(&marker))));
    }
    let Some(cells) = change.cells else { return Ok(parts) };
    for (column, cell) in serde_json::from_str::<Map<String, Value>>(cells)? {
        column_parts(&column, &cell, timestamp, &mut parts);
    }
    Ok(parts)
}

fn column_parts(column: &str, cell: &Value, timestamp: i64, parts: &mut Vec<Part>) {
    let list = |name: &str| cell.get(name).and_then(Value::as_array).into_iter().flatten();
    let elements: Vec<&Value> = list("elements").collect();
    let shards: Vec<&Value> = list("shards").collect();
    if let Some(cleared) = cell.get("cleared") {
        let time = cleared.get("ts").and_then(Value::as_i64).unwrap_or(timestamp);
        parts.push(Part::new(time, format!("{column} cleared")));
    }
    for shard in &shards {
        let (text, is_merged) = (format!("{column} shard {shard}"), shards.len() > 1);
        parts.push(Part { time: timestamp, text, is_merged });
    }
    for element in &elements {
        let path = element.get("path").unwrap_or(&Value::Null);
        parts.push(Part::new(timestamp, format!("{column}[{path}] {}", content_of(element))));
    }
    if elements.is_empty() && shards.is_empty() && cell.get("cleared").is_none() {
        parts.push(Part::new(timestamp, format!("{column} {}", content_of(cell))));
    }
}

/// Returns what a cell or element holds. The second of a deletion and that of an expiry are the server's, and differ where a
/// client wrote again what it had written.
fn content_of(cell: &Value) -> String {
    if cell.get("deleted").is_some() {
        return "deleted".to_owned();
    }
    let mut content = cell.get("value").map_or_else(|| "element".to_owned(), Value::to_string);
    if let Some(cell) = cell.as_object() {
        content.push_str(&ttl_of(cell));
    }
    content
}

fn ttl_of(cell: &Map<String, Value>) -> String {
    let mut text = String::new();
    if let Some(ttl) = cell.get("ttl") {
        // Writing to a String cannot fail.
        let _ = write!(text, " for {ttl} s");
    }
    text
}

#[derive(Deserialize)]
struct Range {
    start: Option<Bound>,
    end: Option<Bound>,
}

#[derive(Deserialize)]
struct Bound {
    values: Vec<Value>,
    inclusive: bool,
}

/// Returns the first and the last row of a range, where the rows are numbers and both ends are given.
fn rows_of_range(range: &str) -> Option<(i64, i64)> {
    let Range { start, end } = serde_json::from_str(range).ok()?;
    let number = |bound: &Bound| match &bound.values[..] {
        [value] => value.as_i64(),
        _ => None,
    };
    let (start, end) = (start?, end?);
    let (from, to) = (number(&start)?, number(&end)?);
    // A descending column counts down.
    let (low, low_is_in, high, high_is_in) = if from <= to {
        (from, start.inclusive, to, end.inclusive)
    } else {
        (to, end.inclusive, from, start.inclusive)
    };
    Some((low + i64::from(!low_is_in), high - i64::from(!high_is_in)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record of a node's log: what was written, and by whom and where it was logged.
    fn record(content: &str, host: &str, position: u64) -> ConsumedRecord {
        let source = format!(
            r#""source":{{"host_id":"{host}","keyspace":"k","table":"t","segment":9,"position":{position},"index":0}}"#
        );
        ConsumedRecord {
            topic: "p.k.t".into(),
            partition: 0,
            offset: position as i64,
            timestamp_ms: None,
            key: Some(br#"{"a":1,"b":2}"#.as_slice().into()),
            value: Some(format!("{{{content},{source}}}").as_bytes().into()),
            headers: Vec::new(),
        }
    }

    fn check(contents: &[&str]) -> PartReport {
        let mut check = PartCheck::default();
        for (at, content) in contents.iter().enumerate() {
            let record = record(content, if at % 2 == 0 { "one" } else { "two" }, at as u64);
            check.observe(&record, &ChangeView::of(&record).unwrap().unwrap()).unwrap();
        }
        check.report()
    }

    const KEY: &str = r#""key":{"a":1,"b":2}"#;

    fn change(op: &str, timestamp: i64, rest: &str) -> String {
        format!(r#""op":"{op}","ts":{timestamp},{KEY},{rest}"#)
    }

    #[test]
    fn a_copy_from_another_log_is_found_in_each_of_its_parts() {
        let insert =
            change("insert", 7, r#""row":{},"cells":{"u":{"value":"x"},"s":{"elements":[{"path":"p"}]}}"#);
        let report = check(&[&insert, &insert]);
        assert_eq!((report.records, report.changes, report.parts, report.twice.count), (2, 1, 3, 3));
        assert!(!report.is_clean());
        assert!((report.records_per_change() - 2.0).abs() < 1e-9);
    }

    #[test]
    fn the_rest_of_a_change_is_no_repetition_but_a_part_of_it_that_came_is() {
        let part = change("update", 7, r#""cells":{"u":{"value":"x"}}"#);
        let rest = change("insert", 7, r#""row":{},"cells":{"v":{"value":1}}"#);
        let whole = change("insert", 7, r#""row":{},"cells":{"u":{"value":"x"},"v":{"value":1}}"#);
        assert!(check(&[&part, &rest]).is_clean());
        assert_eq!(check(&[&part, &whole]).twice.count, 1);
        assert_eq!(check(&[&whole, &rest]).twice.count, 2);
    }

    #[test]
    fn another_time_value_ttl_or_row_kind_is_another_part() {
        let cell = |timestamp, cell: &str| change("update", timestamp, &format!(r#""cells":{{"u":{cell}}}"#));
        let different = [
            cell(7, r#"{"value":"x"}"#),
            cell(8, r#"{"value":"x"}"#),
            cell(7, r#"{"value":"y"}"#),
            cell(7, r#"{"value":"x","ttl":60,"expires":99}"#),
            cell(7, r#"{"deleted":true,"at":5}"#),
            change("update", 7, r#""static":true,"cells":{"u":{"value":"x"}}"#),
            change("delete", 7, r#""deleted":{"at":5}"#),
        ];
        let texts: Vec<&str> = different.iter().map(String::as_str).collect();
        let report = check(&texts);
        assert!(report.is_clean(), "{report:?}");
        assert_eq!(report.parts, 7);
        // The server's seconds are nothing by which a copy could be told.
        let later = cell(7, r#"{"value":"x","ttl":60,"expires":101}"#);
        assert_eq!(check(&[&different[3], &later]).twice.count, 1);
        let later = change("delete", 7, r#""deleted":{"at":6}"#);
        assert_eq!(check(&[&different[6], &later]).twice.count, 1);
    }

    #[test]
    fn a_clearing_is_known_by_its_own_time() {
        let with_elements =
            change("update", 8, r#""cells":{"s":{"cleared":{"ts":7,"at":1},"elements":[{"path":"p"}]}}"#);
        let alone = change("update", 7, r#""cells":{"s":{"cleared":{"ts":7,"at":1}}}"#);
        assert_eq!(check(&[&with_elements, &alone]).twice.count, 1);
    }

    #[test]
    fn a_shard_of_a_counter_is_known_by_its_clock() {
        let shard = |clock: u32| {
            change(
                "update",
                7,
                &format!(r#""cells":{{"n":{{"shards":[{{"id":"h","clock":{clock},"count":1}}]}}}}"#),
            )
        };
        assert!(check(&[&shard(1), &shard(2)]).is_clean());
        assert_eq!(check(&[&shard(1), &shard(1)]).twice.count, 1);
    }

    #[test]
    fn shards_that_a_repair_merged_are_counted_apart() {
        let cell = |shards: &str| change("update", 7, &format!(r#""cells":{{"n":{{"shards":[{shards}]}}}}"#));
        let (one, other) = (r#"{"id":"h","clock":1,"count":1}"#, r#"{"id":"i","clock":2,"count":5}"#);
        let (alone, merged) = (cell(one), cell(&format!("{one},{other}")));
        for order in [[&alone, &merged], [&merged, &alone]] {
            let report = check(&order.map(String::as_str));
            assert!(report.is_clean(), "{report:?}");
            assert_eq!((report.parts, report.merged_shards_again), (2, 1));
        }
    }

    #[test]
    fn ranges_that_cover_a_row_twice_are_found_also_where_they_count_down() {
        let range = |start: (i64, bool), end: (i64, bool)| {
            let bound = |(value, inclusive)| format!(r#"{{"values":[{value}],"inclusive":{inclusive}}}"#);
            let range =
                format!(r#""deleted":{{"at":1}},"range":{{"start":{},"end":{}}}"#, bound(start), bound(end));
            change("delete_range", 7, &range)
        };
        let first = range((9, false), (5, true));
        let report = check(&[&first, &range((5, false), (1, true))]);
        assert!(report.is_clean(), "{report:?}");
        assert_eq!(check(&[&first, &range((5, true), (1, true))]).overlapping.count, 1);
        assert_eq!(check(&[&first, &range((8, true), (6, true))]).overlapping.count, 1);
        assert_eq!(check(&[&first, &first]).twice.count, 1);
    }

    #[test]
    fn a_definition_that_comes_again_is_found() {
        let ddl =
            change("ddl", 7, r#""ddl":{"change":"create","cql":"CREATE TABLE k.t (a int PRIMARY KEY)"}"#);
        assert_eq!(check(&[&ddl, &ddl]).twice.count, 1);
    }
}
