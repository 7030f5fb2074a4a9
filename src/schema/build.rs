//! Definitions from rows of `system_schema`.

use std::collections::BTreeMap;

use cassandra_commitlog::schema::{ColumnKind, TableFlags, TableId};

use super::{
    definition::{
        ColumnDefinition, DroppedColumnDefinition, FieldDefinition, IndexDefinition, KeyspaceDefinition,
        OpaqueDefinition, OptionValue, TableDefinition, TypeDefinition, ViewDefinition,
    },
    rows::{KeyspaceRows, RawRow, SchemaTable},
    type_text::TypeText,
    value::Value,
};

/// Returns the keyspace that the rows define, or `None` if it does not exist. Tables of which not all columns
/// are known are left out.
pub(super) fn build_keyspace(name: &str, rows: &KeyspaceRows) -> Option<KeyspaceDefinition> {
    let row = rows.row(SchemaTable::Keyspaces, &[])?;
    let mut keyspace = KeyspaceDefinition::new(name);
    if let Some(durable) = row.get("durable_writes").and_then(Value::as_boolean) {
        keyspace.durable_writes = durable;
    }
    keyspace.replication = row.get("replication").and_then(Value::as_text_map).unwrap_or_default();
    let mut spellings = Spellings::default();
    keyspace.types = build_types(rows, &mut spellings);
    let mut columns = build_columns(rows, &mut spellings);
    let mut dropped = build_dropped(rows, &mut spellings);
    let mut indexes = build_indexes(rows);
    for schema_table in [SchemaTable::Tables, SchemaTable::Views] {
        for (key, row) in rows.live(schema_table) {
            let Some(name) = key.first() else { continue };
            let columns = columns.remove(name.as_str()).unwrap_or_default();
            let has_key = columns.iter().any(|column| column.kind == ColumnKind::PartitionKey);
            if !row.complete || !has_key {
                continue;
            }
            let mut table = TableDefinition::new(name);
            table.columns = columns;
            table.dropped = dropped.remove(name.as_str()).unwrap_or_default();
            table.indexes = indexes.remove(name.as_str()).unwrap_or_default();
            set_from_row(&mut table, row, schema_table == SchemaTable::Views);
            table.sort_columns();
            let tables =
                if schema_table == SchemaTable::Views { &mut keyspace.views } else { &mut keyspace.tables };
            tables.insert(name.as_str().into(), table);
        }
    }
    keyspace.opaque = build_opaque(rows);
    Some(keyspace)
}

/// Returns the tables and views of which the rows do not tell all columns.
pub(super) fn incomplete_tables(rows: &KeyspaceRows) -> Vec<Box<str>> {
    let tables = rows.live(SchemaTable::Tables).chain(rows.live(SchemaTable::Views));
    let incomplete = tables.filter(|(_, row)| !row.complete);
    incomplete.filter_map(|(key, _)| Some(key.first()?.as_str().into())).collect()
}

/// The canonical spellings of types seen so far: a keyspace has few types and many columns.
#[derive(Default)]
struct Spellings(BTreeMap<Box<str>, Box<str>>);

impl Spellings {
    /// Returns the canonical spelling; a text that is no type stays as it is.
    fn of(&mut self, type_text: &str) -> Box<str> {
        if let Some(known) = self.0.get(type_text) {
            return known.clone();
        }
        let spelling: Box<str> = match TypeText::parse(type_text) {
            Ok(ty) => ty.to_string().into(),
            Err(_) => type_text.into(),
        };
        self.0.insert(type_text.into(), spelling.clone());
        spelling
    }
}

fn text<'a>(row: &'a RawRow, column: &str) -> Option<&'a str> {
    row.get(column).and_then(Value::as_text)
}

fn build_types(rows: &KeyspaceRows, spellings: &mut Spellings) -> BTreeMap<Box<str>, TypeDefinition> {
    let mut types = BTreeMap::new();
    for (key, row) in rows.live(SchemaTable::Types) {
        let Some(name) = key.first() else { continue };
        let names = row.get("field_names").and_then(Value::as_texts).unwrap_or_default();
        let field_types = row.get("field_types").and_then(Value::as_texts).unwrap_or_default();
        let fields = names.iter().zip(field_types).map(|(name, type_text)| FieldDefinition {
            name: (*name).into(),
            type_text: spellings.of(type_text),
        });
        let definition = TypeDefinition { name: name.as_str().into(), fields: fields.collect() };
        types.insert(definition.name.clone(), definition);
    }
    types
}

fn kind(text: &str) -> Option<ColumnKind> {
    Some(match text {
        "partition_key" => ColumnKind::PartitionKey,
        "clustering" => ColumnKind::Clustering,
        "static" => ColumnKind::Static,
        // `compact_value` stands in tables that 2.x made.
        "regular" | "compact_value" => ColumnKind::Regular,
        _ => return None,
    })
}

/// Returns the columns of each table.
fn build_columns<'a>(
    rows: &'a KeyspaceRows,
    spellings: &mut Spellings,
) -> BTreeMap<&'a str, Vec<ColumnDefinition>> {
    let mut tables: BTreeMap<&'a str, Vec<(ColumnDefinition, i64)>> = BTreeMap::new();
    for (key, row) in rows.live(SchemaTable::Columns) {
        let [table, name] = key.as_slice() else { continue };
        let (Some(kind), Some(type_text)) = (text(row, "kind").and_then(kind), text(row, "type")) else {
            continue;
        };
        let position = row.get("position").and_then(Value::as_int).unwrap_or(0);
        let position = u16::try_from(position).unwrap_or(0);
        let mut column = ColumnDefinition::new(name, kind, position, &spellings.of(type_text));
        if let Some(bytes) = row.get("column_name_bytes").and_then(Value::as_blob) {
            column.name_bytes = bytes.into();
        }
        column.reversed = text(row, "clustering_order") == Some("desc");
        let written_at = row.written_at().unwrap_or(i64::MIN);
        let columns = tables.entry(table.as_str()).or_default();
        // Two key columns at one place: one has been renamed, and the log did not have its deletion.
        let is_key = matches!(kind, ColumnKind::PartitionKey | ColumnKind::Clustering);
        let rival =
            columns.iter_mut().find(|(other, _)| is_key && other.kind == kind && other.position == position);
        match rival {
            Some(rival) if rival.1 < written_at => *rival = (column, written_at),
            Some(_) => {}
            None => columns.push((column, written_at)),
        }
    }
    tables
        .into_iter()
        .map(|(table, columns)| (table, columns.into_iter().map(|(column, _)| column).collect()))
        .collect()
}

fn build_dropped<'a>(
    rows: &'a KeyspaceRows,
    spellings: &mut Spellings,
) -> BTreeMap<&'a str, Vec<DroppedColumnDefinition>> {
    let mut tables: BTreeMap<&'a str, Vec<_>> = BTreeMap::new();
    for (key, row) in rows.live(SchemaTable::DroppedColumns) {
        let [table, name] = key.as_slice() else { continue };
        let Some(type_text) = text(row, "type") else {
            continue;
        };
        let dropped_ms = row.get("dropped_time").and_then(Value::as_int).unwrap_or(0);
        tables.entry(table.as_str()).or_default().push(DroppedColumnDefinition {
            name: name.as_str().into(),
            kind: text(row, "kind").and_then(kind).unwrap_or(ColumnKind::Regular),
            type_text: spellings.of(type_text),
            dropped_at: dropped_ms.saturating_mul(1000),
        });
    }
    tables
}

fn build_indexes(rows: &KeyspaceRows) -> BTreeMap<&str, BTreeMap<Box<str>, IndexDefinition>> {
    let mut tables: BTreeMap<&str, BTreeMap<_, _>> = BTreeMap::new();
    for (key, row) in rows.live(SchemaTable::Indexes) {
        let [table, name] = key.as_slice() else { continue };
        let index = IndexDefinition {
            name: name.as_str().into(),
            kind: text(row, "kind").unwrap_or("COMPOSITES").into(),
            options: row.get("options").and_then(Value::as_text_map).unwrap_or_default(),
        };
        let indexes = tables.entry(table.as_str()).or_default();
        indexes.insert(index.name.clone(), index);
    }
    tables
}

/// Takes id, flags, options and what makes a view from a row of `tables` or `views`.
fn set_from_row(table: &mut TableDefinition, row: &RawRow, is_view: bool) {
    table.id = row.get("id").and_then(Value::as_uuid).map(TableId);
    if let Some(flags) = row.get("flags").and_then(Value::as_texts) {
        table.flags = TableFlags {
            compound: flags.contains(&"compound"),
            counter: flags.contains(&"counter"),
            dense: flags.contains(&"dense"),
            super_column_family: flags.contains(&"super"),
        };
    }
    if is_view {
        table.view = Some(ViewDefinition {
            base_table_id: row.get("base_table_id").and_then(Value::as_uuid).map(TableId),
            base_table: text(row, "base_table_name").unwrap_or("").into(),
            where_clause: text(row, "where_clause").unwrap_or("").into(),
            include_all_columns: row.get("include_all_columns").and_then(Value::as_boolean).unwrap_or(false),
        });
    }
    for (name, value) in row.values() {
        let is_option = !matches!(
            name,
            "id" | "flags" | "base_table_id" | "base_table_name" | "where_clause" | "include_all_columns"
        );
        if is_option && let Some(value) = option_value(name, value) {
            table.options.insert(name.into(), value);
        }
    }
}

fn option_value(name: &str, value: &Value) -> Option<OptionValue> {
    Some(match value {
        Value::Text(text) => OptionValue::Text(text.clone()),
        Value::Int(number) => OptionValue::Integer(*number),
        Value::Double(number) => OptionValue::Float(*number),
        Value::Boolean(value) => OptionValue::Boolean(*value),
        Value::Map(_) if name == "extensions" => OptionValue::BlobMap(value.as_blob_map()?),
        Value::Map(_) => OptionValue::Map(value.as_text_map()?),
        Value::Uuid(_) | Value::Blob(_) | Value::List(_) => OptionValue::Text(value.to_plain_text()),
    })
}

fn build_opaque(rows: &KeyspaceRows) -> Vec<OpaqueDefinition> {
    let mut opaque = Vec::new();
    for table in SchemaTable::OPAQUE {
        for (key, row) in rows.live(table) {
            opaque.push(OpaqueDefinition {
                schema_table: table.name().into(),
                name: key.clone(),
                cells: row.values().map(|(name, value)| (name.into(), value.to_plain_text())).collect(),
            });
        }
    }
    opaque
}
