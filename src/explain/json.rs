//! An explanation as JSON lines: one for each event, then one for each row that stands.

use cassandra_commitlog::{
    mutation::Expiration,
    schema::{Column, TableSchema},
    types::partition_key::components,
};
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use super::{
    CellState, Content, Deletion, Explanation, Fate, LoggedAction, LoggedBound, LoggedChange, Part,
    PartitionState, Seen, Slot, What,
    text::{field_name, reason_text, value_text, value_type},
};

#[derive(Debug, Serialize)]
struct EventLine {
    event: &'static str,
    position: String,
    index: u32,
    ts: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    table_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Object>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seen_before: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<Object>,
    #[serde(skip_serializing_if = "Option::is_none")]
    truncated_up_to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cql: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<PartLine>,
    /// How many cells and row markers it took away.
    taken: usize,
}

#[derive(Debug, Serialize)]
struct PartLine {
    what: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<Raw>,
    ts: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Raw>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clock: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<i64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    deleted: bool,
    fate: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct RowLine {
    event: &'static str,
    table_id: String,
    key: Object,
    #[serde(rename = "static", skip_serializing_if = "std::ops::Not::not")]
    is_static: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    marker: Option<StandingLine>,
    cells: Vec<StandingLine>,
}

#[derive(Debug, Serialize)]
struct StandingLine {
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Raw>,
    ts: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<i64>,
}

impl Explanation {
    /// Writes the explanation as JSON lines, with no more than `rows_max` rows of those that stand.
    pub fn write_json_lines(&self, rows_max: usize, out: &mut String) -> Result<(), serde_json::Error> {
        for number in self.shown() {
            if let Some(line) = self.event_line(number) {
                out.push_str(&serde_json::to_string(&line)?);
                out.push('\n');
            }
        }
        for state in &self.judgement.partitions {
            for line in row_lines(state, rows_max) {
                out.push_str(&serde_json::to_string(&line)?);
                out.push('\n');
            }
        }
        Ok(())
    }

    fn event_line(&self, number: usize) -> Option<EventLine> {
        let event = self.events.get(number)?;
        let mut line = EventLine {
            event: "truncate",
            position: event.position.to_string(),
            index: event.index,
            ts: 0,
            table_id: event.table_id().map(|id| id.to_string()),
            key: None,
            seen_before: None,
            range: None,
            truncated_up_to: None,
            cql: None,
            parts: Vec::new(),
            taken: self.judgement.taken.get(number).copied().unwrap_or_default(),
        };
        match &event.what {
            What::Change(change) => self.put_change(number, change, &mut line),
            What::Truncation(truncation) => {
                line.ts = truncation.timestamp;
                line.truncated_up_to = Some(truncation.up_to.to_string());
            }
            What::Schema(change) => {
                line.event = change.change.as_str();
                line.ts = change.written_at;
                line.cql = Some(change.cql.clone());
            }
        }
        Some(line)
    }

    fn put_change(&self, number: usize, change: &LoggedChange, line: &mut EventLine) {
        let mut key = partition_key(&change.table, &change.partition_key);
        line.event = match &change.action {
            LoggedAction::Write { clustering, parts } => {
                put_clustering(&change.table, clustering.as_deref().unwrap_or_default(), &mut key);
                let is_insert = parts.iter().any(|part| part.slot == Slot::Marker);
                match clustering {
                    None => "update_static",
                    Some(_) if is_insert => "insert",
                    Some(_) => "update",
                }
            }
            LoggedAction::DeleteRow { clustering } => {
                put_clustering(&change.table, clustering, &mut key);
                "delete"
            }
            LoggedAction::DeleteRange { start, end } => {
                line.range = Some(range(&change.table, start.as_ref(), end.as_ref()));
                "delete_range"
            }
            LoggedAction::DeletePartition => "delete_partition",
        };
        line.key = Some(key);
        line.ts = change.timestamp;
        line.seen_before = match change.seen {
            Seen::New => None,
            Seen::Partly => Some("partly"),
            Seen::Again => Some("wholly"),
        };
        let fates = self.judgement.fates.get(number).map_or(&[][..], Vec::as_slice);
        line.parts = change
            .parts()
            .iter()
            .zip(fates)
            .map(|(part, fate)| self.part_line(change, part, *fate))
            .collect();
    }

    fn part_line(&self, change: &LoggedChange, part: &Part, fate: Fate) -> PartLine {
        let column = part.slot.column().and_then(|index| change.column(index));
        let (value, clock, count) = match &part.content {
            Content::Value(bytes, _) => {
                let ty = column.and_then(|column| value_type(&column.ty, &part.slot));
                (ty.map(|ty| parsed(&value_text(ty, bytes))), None, None)
            }
            Content::Tombstone => (None, None, None),
            Content::Count { clock, count } => (None, Some(*clock), Some(*count)),
        };
        PartLine {
            what: match part.slot {
                Slot::Marker => "row_marker",
                Slot::Cell(_) => "cell",
                Slot::Element(..) => "element",
                Slot::Cleared(_) => "cleared",
                Slot::Shard(..) => "shard",
            },
            column: column.map(|column| column.name.to_string()),
            path: column.and_then(|column| path(column, &part.slot)),
            ts: part.timestamp,
            value,
            clock,
            count,
            ttl: part.expiration().map(|it| it.ttl),
            expires: part.expiration().map(|it| it.expires_at),
            deleted: part.content == Content::Tombstone,
            fate: fate_name(fate),
            by: fate.event().and_then(|event| self.events.get(event)).map(|event| event.position.to_string()),
            reason: match fate {
                Fate::Overwritten(_, reason) => Some(reason_text(reason)),
                Fate::Deleted(_, deletion) => Some(deletion_name(deletion)),
                _ => None,
            },
        }
    }
}

fn fate_name(fate: Fate) -> &'static str {
    match fate {
        Fate::Stands => "stands",
        Fate::Expired => "expired",
        Fate::Overwritten(..) => "overwritten",
        Fate::Deleted(..) => "deleted",
        Fate::ColumnDropped(_) => "column_dropped",
        Fate::Truncated(_) => "truncated",
        Fate::TableDropped(_) => "table_dropped",
    }
}

fn deletion_name(deletion: Deletion) -> &'static str {
    match deletion {
        Deletion::Partition => "partition",
        Deletion::Range => "range",
        Deletion::Row => "row",
        Deletion::Cleared => "cleared",
        Deletion::Counter => "counter",
    }
}

fn path(column: &Column, slot: &Slot) -> Option<Raw> {
    match slot {
        Slot::Element(_, path) => Some(match field_name(&column.ty, path) {
            Some(field) => raw(field),
            None => match super::judge::path_type(&column.ty) {
                Some(ty) => parsed(&value_text(ty, path)),
                None => RawValue::NULL.to_owned(),
            },
        }),
        Slot::Shard(_, id) => Some(raw(&id.to_string())),
        Slot::Marker | Slot::Cell(_) | Slot::Cleared(_) => None,
    }
}

/// A value's own JSON, as it is: the digits of numbers and the order of maps are kept.
type Raw = Box<RawValue>;

/// A JSON object in the order in which its members were put.
#[derive(Debug, Clone, Default)]
struct Object(Vec<(String, Raw)>);

impl Object {
    fn put(&mut self, name: &str, value: Raw) {
        self.0.push((name.into(), value));
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// Text that is no JSON, of bytes that are no value, is given as a string.
fn parsed(text: &str) -> Raw {
    RawValue::from_string(text.into()).unwrap_or_else(|_| raw(text))
}

fn raw<V: Serialize + ?Sized>(value: &V) -> Raw {
    to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// A bound of a range.
#[derive(Debug, Serialize)]
struct BoundLine {
    values: Vec<Raw>,
    inclusive: bool,
}

fn partition_key(table: &TableSchema, key: &[u8]) -> Object {
    let columns = table.partition_key();
    let mut object = Object::default();
    for (component, column) in components(key, columns.len()).zip(columns) {
        if let Ok(component) = component {
            object.put(&column.name, parsed(&value_text(&column.ty, component)));
        }
    }
    object
}

fn put_clustering(table: &TableSchema, values: &[Option<Box<[u8]>>], key: &mut Object) {
    if table.flags().is_static_compact() {
        return;
    }
    for (column, value) in table.clustering().iter().zip(values) {
        key.put(&column.name, nullable(column, value.as_deref()));
    }
}

fn nullable(column: &Column, value: Option<&[u8]>) -> Raw {
    value.map_or_else(|| RawValue::NULL.to_owned(), |value| parsed(&value_text(&column.ty, value)))
}

fn range(table: &TableSchema, start: Option<&LoggedBound>, end: Option<&LoggedBound>) -> Object {
    let mut range = Object::default();
    for (name, bound) in [("start", start), ("end", end)] {
        let Some(bound) = bound else { continue };
        let values = bound.values.iter().zip(table.clustering());
        let values = values.map(|(value, column)| nullable(column, value.as_deref())).collect();
        range.put(name, raw(&BoundLine { values, inclusive: bound.inclusive }));
    }
    range
}

fn row_lines(state: &PartitionState, rows_max: usize) -> Vec<RowLine> {
    let key = partition_key(&state.table, &state.partition_key);
    let line = |key, is_static, marker: Option<(i64, Option<Expiration>)>, cells: &[CellState]| RowLine {
        event: "row",
        table_id: state.table.id().to_string(),
        key,
        is_static,
        marker: marker.map(|(ts, expiration)| standing(None, ts, expiration)),
        cells: cells.iter().map(|cell| standing(Some(cell), cell.timestamp, cell.expiration)).collect(),
    };
    let mut lines = Vec::new();
    if !state.static_cells.is_empty() {
        lines.push(line(key.clone(), true, None, &state.static_cells));
    }
    for row in state.rows.iter().take(rows_max) {
        let mut row_key = key.clone();
        put_clustering(&state.table, &row.clustering, &mut row_key);
        lines.push(line(row_key, false, row.marker, &row.cells));
    }
    lines
}

fn standing(cell: Option<&CellState>, ts: i64, expiration: Option<Expiration>) -> StandingLine {
    StandingLine {
        column: cell.map(|cell| cell.column.name.to_string()),
        value: cell.map(|cell| parsed(&value_text(&cell.column.ty, &cell.value))),
        ts,
        ttl: expiration.map(|it| it.ttl),
        expires: expiration.map(|it| it.expires_at),
    }
}
