//! Values of format `json`, ringtap's own.

use std::{collections::HashMap, sync::Arc};

use cassandra_commitlog::{
    schema::{Column, TableId, TableSchema},
    types::{Dialect, ValueError, write_json},
};

use super::{
    Node, RecordPlace,
    cells::{write_cells, write_expiration},
    json_text::{push_integer, push_optional, push_string},
    key::{Decimals, KeyClustering, write_empty_key, write_key},
    table_text::{TableText, node_text},
};
use crate::{
    change::{Action, Change, DeletedRange, RangeBound, RowWrite, Truncation},
    schema::{Fingerprint, SchemaChange},
};

/// Why no record can be made of a change: a value that is none of its type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{keyspace}.{table}: a value is not of its column's type")]
pub struct RecordError {
    keyspace: Box<str>,
    table: Box<str>,
    source: ValueError,
}

/// What was written besides key and value, for headers and the choice of a Kafka partition.
#[derive(Debug)]
pub(super) struct Written<'w> {
    /// `op`.
    pub(super) op: &'static str,
    /// Fingerprint of the table's definition.
    pub(super) schema: &'w Arc<str>,
    /// Length of the key's partition-key part without a closing brace.
    pub(super) partition_part: usize,
    /// True for the deletion of the one row that the key names.
    pub(super) deletes_row_of_key: bool,
    /// True if the change concerns rows of other keys as well.
    pub(super) is_wider_than_key: bool,
}

/// Writes the records of one node's changes as JSON.
#[derive(Debug)]
pub struct JsonRecords {
    node: Node,
    tables: HashMap<TableId, TableText, foldhash::fast::RandomState>,
}

impl RecordError {
    /// Makes the error of a value in this table.
    pub(super) fn new(table: &TableSchema, source: ValueError) -> Self {
        Self { keyspace: table.keyspace().into(), table: table.name().into(), source }
    }
}

impl JsonRecords {
    /// Makes a writer for the changes of this node.
    pub fn new(node: Node) -> Self {
        Self { node, tables: HashMap::default() }
    }

    /// Says that the node is another one, or that more is known of it.
    pub fn set_node(&mut self, node: Node) {
        if self.node != node {
            self.node = node;
            self.tables.clear();
        }
    }

    /// Appends a change's key to `key` and its value to `value`.
    ///
    /// After an error both are as they were.
    pub fn write(
        &mut self,
        change: &Change<'_>,
        place: RecordPlace,
        key: &mut String,
        value: &mut String,
    ) -> Result<(), RecordError> {
        self.write_change(change, place, key, value).map(drop)
    }

    /// Like [`write`](Self::write), and tells what was written.
    pub(super) fn write_change(
        &mut self,
        change: &Change<'_>,
        place: RecordPlace,
        key: &mut String,
        value: &mut String,
    ) -> Result<Written<'_>, RecordError> {
        let (key_start, value_start) = (key.len(), value.len());
        let table = self.table(&change.table);
        let written = write_change_key(table, change, Decimals::Canonical, key).and_then(|part| {
            let key = key.get(key_start..).unwrap_or_default();
            write_value(table, change, place, key, value).map(|()| part)
        });
        match written {
            Ok(partition_part) => Ok(Written::new(table, change, partition_part)),
            Err(source) => {
                key.truncate(key_start);
                value.truncate(value_start);
                Err(RecordError::new(&change.table, source))
            }
        }
    }

    /// Appends the key and value of a truncation of this table.
    pub fn write_truncation(
        &mut self,
        table: &Arc<TableSchema>,
        truncation: &Truncation,
        place: RecordPlace,
        key: &mut String,
        value: &mut String,
    ) {
        let table = self.table(table);
        write_empty_key(table, key);
        value.push_str(r#"{"op":"truncate","ts":"#);
        push_integer(truncation.timestamp, value);
        value.push_str(r#","key":"#);
        write_empty_key(table, value);
        value.push_str(r#","truncated":{"segment":"#);
        push_integer(truncation.up_to.segment, value);
        value.push_str(r#","position":"#);
        push_integer(truncation.up_to.offset, value);
        value.push('}');
        write_source(table, place, value);
    }

    /// Appends the key and value of a change of the schema.
    pub fn write_schema_change(
        &mut self,
        change: &SchemaChange,
        place: RecordPlace,
        key: &mut String,
        value: &mut String,
    ) {
        write_schema_key(change, key);
        value.push_str(r#"{"op":"ddl","ts":"#);
        push_integer(change.written_at, value);
        value.push_str(r#","key":"#);
        write_schema_key(change, value);
        write_ddl(change, value);
        value.push_str(&node_text(&self.node));
        value.push_str(r#","keyspace":"#);
        push_string(&change.keyspace, value);
        value.push_str(r#","table":"#);
        push_optional(change.table.as_deref(), value);
        value.push_str(r#","table_id":"#);
        push_optional(change.table_id.map(|id| id.to_string()).as_deref(), value);
        value.push_str(r#","schema":null,"segment":"#);
        write_place(place, value);
    }

    /// Returns the fingerprint of a table's definition.
    pub(super) fn fingerprint(&mut self, schema: &Arc<TableSchema>) -> &Arc<str> {
        self.table(schema).fingerprint()
    }

    fn table(&mut self, schema: &Arc<TableSchema>) -> &TableText {
        let node = &self.node;
        let make = || TableText::new(Arc::clone(schema), &Fingerprint::of(schema).to_string(), node);
        let text = self.tables.entry(schema.id()).or_insert_with(make);
        if !Arc::ptr_eq(text.schema(), schema) {
            *text = make();
        }
        text
    }
}

impl<'w> Written<'w> {
    fn new(table: &'w TableText, change: &Change<'_>, partition_part: usize) -> Self {
        let is_static_compact = table.schema().flags().is_static_compact();
        let deletes_row_of_key = match change.action {
            Action::DeleteRow { .. } => !is_static_compact,
            Action::DeletePartition { .. } => !table.has_clustering_in_keys(),
            Action::Write(_) | Action::DeleteRange(_) => false,
        };
        let is_wider = matches!(change.action, Action::DeletePartition { .. } | Action::DeleteRange(_));
        Self {
            op: operation(change),
            schema: table.fingerprint(),
            partition_part,
            deletes_row_of_key,
            is_wider_than_key: is_wider && table.has_clustering_in_keys(),
        }
    }
}

/// Appends the key, and returns the length of its partition-key part.
fn write_change_key(
    table: &TableText,
    change: &Change<'_>,
    decimals: Decimals,
    out: &mut String,
) -> Result<usize, ValueError> {
    let clustering = match &change.action {
        Action::Write(RowWrite { clustering: Some(values), .. })
        | Action::DeleteRow { clustering: values, .. } => KeyClustering::Row(values),
        Action::Write(_) | Action::DeleteRange(_) | Action::DeletePartition { .. } => KeyClustering::Wider,
    };
    write_key(table, change.partition_key, clustering, decimals, out)
}

/// Appends the value; `key` is the record's key.
fn write_value(
    table: &TableText,
    change: &Change<'_>,
    place: RecordPlace,
    key: &str,
    out: &mut String,
) -> Result<(), ValueError> {
    out.push_str(r#"{"op":""#);
    out.push_str(operation(change));
    out.push_str(r#"","ts":"#);
    push_integer(change.timestamp, out);
    out.push_str(r#","key":"#);
    if table.keys_are_as_logged() {
        out.push_str(key);
    } else {
        write_change_key(table, change, Decimals::AsLogged, out)?;
    }
    match &change.action {
        Action::Write(write) => {
            if write.clustering.is_none() {
                out.push_str(r#","static":true"#);
            }
            match write.marker {
                Some(Some(expiration)) => {
                    out.push_str(r#","row":{"#);
                    write_expiration(expiration, out);
                    out.push('}');
                }
                Some(None) => out.push_str(r#","row":{}"#),
                None => {}
            }
            write_cells(table, &write.columns, out)?;
        }
        Action::DeleteRow { local_deletion_time, .. } | Action::DeletePartition { local_deletion_time } => {
            write_deleted(*local_deletion_time, out);
        }
        Action::DeleteRange(range) => {
            write_deleted(range.local_deletion_time, out);
            write_range(table.schema().clustering(), range, out)?;
        }
    }
    write_source(table, place, out);
    Ok(())
}

/// Returns the word for what a change does.
fn operation(change: &Change<'_>) -> &'static str {
    match &change.action {
        Action::Write(RowWrite { marker: Some(_), .. }) => "insert",
        Action::Write(_) => "update",
        Action::DeleteRow { .. } => "delete",
        Action::DeleteRange(_) => "delete_range",
        Action::DeletePartition { .. } => "delete_partition",
    }
}

fn write_deleted(local_deletion_time: i64, out: &mut String) {
    out.push_str(r#","deleted":{"at":"#);
    push_integer(local_deletion_time, out);
    out.push('}');
}

fn write_range(clustering: &[Column], range: &DeletedRange<'_>, out: &mut String) -> Result<(), ValueError> {
    out.push_str(r#","range":{"#);
    if let Some(start) = &range.start {
        out.push_str(r#""start":"#);
        write_bound(clustering, start, out)?;
    }
    if let Some(end) = &range.end {
        out.push_str(if range.start.is_some() { r#","end":"# } else { r#""end":"# });
        write_bound(clustering, end, out)?;
    }
    out.push('}');
    Ok(())
}

fn write_bound(clustering: &[Column], bound: &RangeBound<'_>, out: &mut String) -> Result<(), ValueError> {
    out.push_str(r#"{"values":["#);
    for (at, (value, column)) in bound.values.iter().zip(clustering).enumerate() {
        if at > 0 {
            out.push(',');
        }
        match value {
            Some(value) => write_json(&column.ty, value, Dialect::Ringtap, out)?,
            None => out.push_str("null"),
        }
    }
    out.push_str(r#"],"inclusive":"#);
    out.push_str(if bound.inclusive { "true}" } else { "false}" });
    Ok(())
}

fn write_schema_key(change: &SchemaChange, out: &mut String) {
    out.push_str(r#"{"keyspace":"#);
    push_string(&change.keyspace, out);
    out.push_str(r#","table":"#);
    push_optional(change.table.as_deref(), out);
    out.push('}');
}

fn write_ddl(change: &SchemaChange, out: &mut String) {
    out.push_str(r#","ddl":{"change":""#);
    out.push_str(change.change.as_str());
    out.push_str(r#"","object":""#);
    out.push_str(change.object.as_str());
    out.push_str(r#"","name":"#);
    push_string(&change.name, out);
    out.push_str(r#","cql":"#);
    push_string(&change.cql, out);
    for (at, (column, dropped_at)) in change.dropped.iter().enumerate() {
        out.push_str(if at == 0 { r#","dropped":{"# } else { "," });
        push_string(column, out);
        out.push(':');
        push_integer(*dropped_at, out);
    }
    if !change.dropped.is_empty() {
        out.push('}');
    }
    for (at, (old, new)) in change.renamed.iter().enumerate() {
        out.push_str(if at == 0 { r#","renamed":{"# } else { "," });
        push_string(old, out);
        out.push(':');
        push_string(new, out);
    }
    if !change.renamed.is_empty() {
        out.push('}');
    }
    out.push('}');
}

fn write_source(table: &TableText, place: RecordPlace, out: &mut String) {
    out.push_str(table.source());
    write_place(place, out);
}

fn write_place(place: RecordPlace, out: &mut String) {
    push_integer(place.position.segment, out);
    out.push_str(r#","position":"#);
    push_integer(place.position.offset, out);
    out.push_str(r#","index":"#);
    push_integer(place.index, out);
    out.push_str("}}");
}
