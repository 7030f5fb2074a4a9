//! Writes `CREATE` statements, each on one line and with its `;`.

use std::{collections::BTreeMap, fmt::Write as _};

use cassandra_commitlog::schema::ColumnKind;

use super::names::{quote_name, quote_text};
use crate::schema::{
    definition::{
        ColumnDefinition, IndexDefinition, KeyspaceDefinition, OptionValue, TableDefinition, TypeDefinition,
        ViewDefinition,
    },
    value::hex,
};

/// How much of a table its text tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableText {
    /// What a node takes to make such a table.
    Plain,
    /// Also `ID` and `DROPPED COLUMN RECORD`, as `DESCRIBE … WITH INTERNALS` of 4.0 and later.
    Internals,
}

/// Returns `CREATE KEYSPACE`.
pub fn create_keyspace(keyspace: &KeyspaceDefinition) -> String {
    format!("CREATE KEYSPACE {} WITH {};", quote_name(&keyspace.name), keyspace_options(keyspace))
}

pub(super) fn keyspace_options(keyspace: &KeyspaceDefinition) -> String {
    format!(
        "replication = {} AND durable_writes = {}",
        map_literal(&keyspace.replication),
        keyspace.durable_writes
    )
}

/// Returns `CREATE TYPE`.
pub fn create_type(keyspace: &str, definition: &TypeDefinition) -> String {
    let fields =
        definition.fields.iter().map(|field| format!("{} {}", quote_name(&field.name), field.type_text));
    format!("CREATE TYPE {}.{} ({});", quote_name(keyspace), quote_name(&definition.name), join(fields, ", "))
}

/// Returns `CREATE INDEX` or `CREATE CUSTOM INDEX`.
pub fn create_index(keyspace: &str, table: &str, index: &IndexDefinition) -> String {
    let target = index.options.get("target").map_or("", String::as_str);
    let mut text = format!(
        "CREATE {}INDEX {} ON {}.{} ({target})",
        if &*index.kind == "CUSTOM" { "CUSTOM " } else { "" },
        quote_name(&index.name),
        quote_name(keyspace),
        quote_name(table),
    );
    if let Some(class) = index.options.get("class_name") {
        let _ = write!(text, " USING {}", quote_text(class));
    }
    let rest: BTreeMap<String, String> = index
        .options
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "target" | "class_name"))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    if !rest.is_empty() {
        let _ = write!(text, " WITH OPTIONS = {}", map_literal(&rest));
    }
    text + ";"
}

/// Returns `CREATE TABLE` or `CREATE MATERIALIZED VIEW`.
///
/// A super column family has no CQL; its text is that of a table with `COMPACT STORAGE` and its inner layout.
pub fn create_table(keyspace: &str, table: &TableDefinition, detail: TableText) -> String {
    let mut text = if let Some(view) = &table.view {
        view_head(keyspace, table, view)
    } else {
        let columns = table
            .columns
            .iter()
            .filter(|column| !is_hidden(table, column))
            .map(|column| column_text(table, column));
        format!(
            "CREATE TABLE {}.{} ({}, PRIMARY KEY {})",
            quote_name(keyspace),
            quote_name(&table.name),
            join(columns, ", "),
            primary_key(table),
        )
    };
    for (at, property) in properties(table, detail).into_iter().enumerate() {
        text.push_str(if at == 0 { " WITH " } else { " AND " });
        text.push_str(&property);
    }
    text + ";"
}

/// Returns `CREATE MATERIALIZED VIEW` up to its `PRIMARY KEY`.
fn view_head(keyspace: &str, table: &TableDefinition, view: &ViewDefinition) -> String {
    let selected = if view.include_all_columns {
        "*".to_owned()
    } else {
        join(table.columns.iter().map(|column| quote_name(&column.name)), ", ")
    };
    format!(
        "CREATE MATERIALIZED VIEW {}.{} AS SELECT {selected} FROM {}.{} WHERE {} PRIMARY KEY {}",
        quote_name(keyspace),
        quote_name(&table.name),
        quote_name(keyspace),
        quote_name(&view.base_table),
        view.where_clause,
        primary_key(table),
    )
}

/// Returns whether a column is one of those that Cassandra adds to compact tables.
pub(super) fn is_hidden(table: &TableDefinition, column: &ColumnDefinition) -> bool {
    if table.flags.is_static_compact() {
        return matches!(column.kind, ColumnKind::Clustering | ColumnKind::Regular);
    }
    table.flags.dense && column.kind == ColumnKind::Regular && &*column.type_text == "empty"
}

fn column_text(table: &TableDefinition, column: &ColumnDefinition) -> String {
    let mut text = column_type_text(column);
    if column.kind == ColumnKind::Static && !table.flags.is_static_compact() {
        text.push_str(" static");
    }
    if let Some(mask) = &column.mask {
        let _ = write!(text, " MASKED WITH {mask}");
    }
    text
}

pub(super) fn column_type_text(column: &ColumnDefinition) -> String {
    format!("{} {}", quote_name(&column.name), column.type_text)
}

fn primary_key(table: &TableDefinition) -> String {
    let names = |kind| {
        let columns = table.columns_of(kind).filter(|column| !is_hidden(table, column));
        columns.map(|column| quote_name(&column.name)).collect::<Vec<_>>()
    };
    let (partition, clustering) = (names(ColumnKind::PartitionKey), names(ColumnKind::Clustering));
    let partition =
        if partition.len() > 1 { format!("({})", partition.join(", ")) } else { partition.join(", ") };
    if clustering.is_empty() {
        return format!("({partition})");
    }
    format!("({partition}, {})", clustering.join(", "))
}

fn properties(table: &TableDefinition, detail: TableText) -> Vec<String> {
    let mut properties = Vec::new();
    if detail == TableText::Internals {
        if let Some(id) = table.id {
            properties.push(format!("ID = {id}"));
        }
        for dropped in &table.dropped {
            properties.push(format!(
                "DROPPED COLUMN RECORD {} {}{} USING TIMESTAMP {}",
                quote_name(&dropped.name),
                dropped.type_text,
                if dropped.kind == ColumnKind::Static { " static" } else { "" },
                dropped.dropped_at
            ));
        }
    }
    if table.flags.is_compact() {
        properties.push("COMPACT STORAGE".to_owned());
    }
    let clustering = table.columns_of(ColumnKind::Clustering).filter(|column| !is_hidden(table, column));
    let clustering: Vec<_> = clustering.collect();
    if clustering.iter().any(|column| column.reversed) {
        let order = clustering.iter().map(|column| {
            let order = if column.reversed { "DESC" } else { "ASC" };
            format!("{} {order}", quote_name(&column.name))
        });
        properties.push(format!("CLUSTERING ORDER BY ({})", join(order, ", ")));
    }
    for (name, value) in &table.options {
        if is_printed(table, name, value) {
            properties.push(option_text(name, value));
        }
    }
    properties
}

/// Returns whether an option is part of a `CREATE` text: those that all of 3.11 to 5.0 take always, others
/// only with another value than the default, as the nodes that have them save them for every table.
fn is_printed(table: &TableDefinition, name: &str, value: &OptionValue) -> bool {
    /// Saved by 4.0 and later; without it the table is from 3.x.
    const SINCE_4_0: &str = "read_repair";
    match name {
        "cdc" => table.view.is_none() && *value == OptionValue::Boolean(true),
        "read_repair_chance" | "dclocal_read_repair_chance" => !table.options.contains_key(SINCE_4_0),
        "additional_write_policy" => *value != OptionValue::Text("99p".to_owned()),
        "read_repair" => *value != OptionValue::Text("BLOCKING".to_owned()),
        "allow_auto_snapshot" | "incremental_backups" => *value != OptionValue::Boolean(true),
        "memtable" => *value != OptionValue::Text("default".to_owned()),
        "default_time_to_live" if table.view.is_some() => *value != OptionValue::Integer(0),
        _ => {
            !matches!(value, OptionValue::Map(map) if map.is_empty())
                && !matches!(value, OptionValue::BlobMap(map) if map.is_empty())
        }
    }
}

pub(super) fn option_text(name: &str, value: &OptionValue) -> String {
    let value = match value {
        OptionValue::Text(text) => quote_text(text),
        OptionValue::Integer(number) => number.to_string(),
        OptionValue::Float(number) => format!("{number:?}"),
        OptionValue::Boolean(value) => value.to_string(),
        OptionValue::Map(map) => map_literal(map),
        OptionValue::BlobMap(map) => {
            let entries = map.iter().map(|(key, value)| format!("{}: {}", quote_text(key), hex(value)));
            format!("{{{}}}", join(entries, ", "))
        }
    };
    format!("{} = {value}", quote_name(name))
}

fn map_literal(map: &BTreeMap<String, String>) -> String {
    // `class` first, as everybody writes it.
    let (class, rest): (Vec<_>, Vec<_>) = map.iter().partition(|(key, _)| *key == "class");
    let entries = class
        .into_iter()
        .chain(rest)
        .map(|(key, value)| format!("{}: {}", quote_text(key), quote_text(value)));
    format!("{{{}}}", join(entries, ", "))
}

pub(super) fn join(parts: impl IntoIterator<Item = impl AsRef<str>>, separator: &str) -> String {
    let mut text = String::new();
    for (at, part) in parts.into_iter().enumerate() {
        if at > 0 {
            text.push_str(separator);
        }
        text.push_str(part.as_ref());
    }
    text
}
