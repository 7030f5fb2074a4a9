//! What the checks need of a record's value.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

use super::ConsumedRecord;

/// Which part of a node's log a record is of: it names the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Id of the segment.
    pub segment: u64,
    /// Logical end of the entry.
    pub position: u64,
    /// Number of the record in its entry.
    pub index: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.segment, self.position, self.index)
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = || {
            let mut parts = text.split(':');
            let segment = parts.next()?.parse().ok()?;
            let position = parts.next()?.parse().ok()?;
            let index = parts.next()?.parse().ok()?;
            parts.next().is_none().then_some(Self { segment, position, index })
        };
        parsed().ok_or_else(|| format!("{text:?} is not <segment>:<position>:<index>"))
    }
}

/// Why a record could not be looked at.
#[derive(Debug, Error)]
#[error("record {place}: {reason}")]
pub struct ViewError {
    place: String,
    reason: String,
}

/// A record's value, as far as the checks need it.
#[derive(Debug)]
pub struct ChangeView<'v> {
    /// Kind of change.
    pub op: Cow<'v, str>,
    /// Write time in microseconds; none where a truncation has none.
    pub timestamp: Option<i64>,
    /// The values of the primary key.
    pub key: &'v str,
    /// The row marker, if there is one.
    pub row: Option<&'v str>,
    /// The cells, if there are any.
    pub cells: Option<&'v str>,
    /// The bounds of a deleted range.
    pub range: Option<&'v str>,
    /// The definition of a change of the schema.
    pub ddl: Option<&'v str>,
    /// True for the static row.
    pub is_static: bool,
    /// The node, if the log told it.
    pub host_id: Option<Cow<'v, str>>,
    /// Keyspace.
    pub keyspace: Cow<'v, str>,
    /// Table; empty for what concerns a keyspace.
    pub table: Cow<'v, str>,
    /// Fingerprint of the table's definition.
    pub schema: Option<Cow<'v, str>>,
    /// Which part of the log it is of.
    pub place: Place,
}

#[derive(Deserialize)]
struct Value<'v> {
    #[serde(borrow)]
    op: Cow<'v, str>,
    ts: Option<i64>,
    #[serde(borrow)]
    key: &'v RawValue,
    #[serde(borrow)]
    row: Option<&'v RawValue>,
    #[serde(borrow)]
    cells: Option<&'v RawValue>,
    #[serde(borrow)]
    range: Option<&'v RawValue>,
    #[serde(borrow)]
    ddl: Option<&'v RawValue>,
    #[serde(rename = "static", default)]
    is_static: bool,
    #[serde(borrow)]
    source: Source<'v>,
}

#[derive(Deserialize)]
struct Source<'v> {
    #[serde(borrow)]
    host_id: Option<Cow<'v, str>>,
    #[serde(borrow)]
    keyspace: Option<Cow<'v, str>>,
    #[serde(borrow)]
    table: Option<Cow<'v, str>>,
    #[serde(borrow)]
    schema: Option<Cow<'v, str>>,
    segment: u64,
    position: u64,
    index: u32,
}

impl<'v> ChangeView<'v> {
    /// Reads a record's value; `None` for a Kafka tombstone.
    pub fn of(record: &'v ConsumedRecord) -> Result<Option<Self>, ViewError> {
        let Some(bytes) = &record.value else { return Ok(None) };
        let place = || record.place_text();
        Self::parse(bytes).map(Some).map_err(|reason| ViewError { place: place(), reason })
    }

    /// Reads a value's bytes.
    pub fn parse(bytes: &'v [u8]) -> Result<Self, String> {
        let value: Value<'v> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let Source { host_id, keyspace, table, schema, segment, position, index } = value.source;
        Ok(Self {
            op: value.op,
            timestamp: value.ts,
            key: value.key.get(),
            row: value.row.map(RawValue::get),
            cells: value.cells.map(RawValue::get),
            range: value.range.map(RawValue::get),
            ddl: value.ddl.map(RawValue::get),
            is_static: value.is_static,
            host_id,
            keyspace: keyspace.unwrap_or_default(),
            table: table.unwrap_or_default(),
            schema,
            place: Place { segment, position, index },
        })
    }
}

/// Returns the unique values of a change, which a load wrote to recognise its writes by: every text in its cells, be it a
/// value or the path of an element, that begins with `prefix`; without one there, those of its key; for a change without
/// any, such as a deletion, `@` and its write time. A counter has no value of its own, and its write time is the
/// server's, so one that is not known by its key gives nothing.
pub fn unique_values(change: &ChangeView<'_>, prefix: &str) -> Result<Vec<String>, serde_json::Error> {
    let mut found = Vec::new();
    // Most columns hold none: the text is only taken apart when it has one.
    if let Some(cells) = change.cells.filter(|cells| cells.contains(prefix)) {
        collect_texts(&serde_json::from_str(cells)?, prefix, &mut found);
    }
    if found.is_empty() && change.key.contains(prefix) {
        collect_texts(&serde_json::from_str(change.key)?, prefix, &mut found);
    }
    if found.is_empty()
        && !change.cells.is_some_and(|cells| cells.contains(SHARDS))
        && let Some(timestamp) = change.timestamp
    {
        found.push(format!("@{timestamp}"));
    }
    Ok(found)
}

/// What a counter's cell begins with; within a text, its quotes would be escaped.
const SHARDS: &str = "{\"shards\":";

fn collect_texts(json: &serde_json::Value, prefix: &str, found: &mut Vec<String>) {
    match json {
        serde_json::Value::String(text) if text.starts_with(prefix) => found.push(text.clone()),
        serde_json::Value::Array(items) => {
            for item in items {
                collect_texts(item, prefix, found);
            }
        }
        serde_json::Value::Object(fields) => {
            for field in fields.values() {
                collect_texts(field, prefix, found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INSERT: &str = r#"{"op":"insert","ts":5,"key":{"k":1},"row":{},"cells":{"u":{"value":"w-7"},"s":{"elements":[{"path":"w-8"},{"path":"x"}]}},
        "source":{"cluster":"c","host_id":"h","keyspace":"k","table":"t","table_id":"i","schema":"f","segment":1,"position":2,"index":3}}"#;

    #[test]
    fn a_value_is_read_as_far_as_needed() {
        let change = ChangeView::parse(INSERT.as_bytes()).unwrap();
        assert_eq!((&*change.op, change.timestamp, change.key), ("insert", Some(5), "{\"k\":1}"));
        assert_eq!(change.place, "1:2:3".parse().unwrap());
        assert_eq!(change.schema.as_deref(), Some("f"));
        assert!(!change.is_static);
    }

    #[test]
    fn unique_values_are_found_in_values_and_paths() {
        let change = ChangeView::parse(INSERT.as_bytes()).unwrap();
        assert_eq!(unique_values(&change, "w-").unwrap(), ["w-8", "w-7"].map(String::from));
        assert_eq!(unique_values(&change, "y-").unwrap(), ["@5".to_owned()]);
    }

    #[test]
    fn a_counter_is_known_by_its_key_or_not_at_all() {
        let counter = |key: &str| {
            format!(
                r#"{{"op":"update","ts":5,"key":{{"k":1,"u":"{key}"}},"cells":{{"n":{{"shards":[]}}}},"source":{{"segment":1,"position":2,"index":3}}}}"#
            )
        };
        for (key, expected) in [("w-7", vec!["w-7".to_owned()]), ("all", Vec::new())] {
            let value = counter(key);
            assert_eq!(unique_values(&ChangeView::parse(value.as_bytes()).unwrap(), "w-").unwrap(), expected);
        }
    }

    #[test]
    fn a_place_is_read_as_it_is_written() {
        let place = Place { segment: 1_700_000_000_000, position: 33, index: 2 };
        assert_eq!(place.to_string().parse(), Ok(place));
        for wrong in ["", "1:2", "1:2:3:4", "1:2:x"] {
            assert!(wrong.parse::<Place>().is_err(), "{wrong}");
        }
    }
}
