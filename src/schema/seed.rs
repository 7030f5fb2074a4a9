//! What is known of the schema from elsewhere than the log.

use std::collections::{BTreeMap, BTreeSet};

use cassandra_commitlog::{
    Position,
    schema::{ColumnKind, TableFlags, TableId},
};

use super::{
    Catalogue,
    definition::{ColumnDefinition, KeyspaceDefinition, OptionValue, TableDefinition},
    rows::{KeyspaceRows, RawRow, RowKey, SchemaRows, SchemaTable},
    value::Value,
};

/// Write time of a seed's row of which none is known: older than everything in a log.
pub(super) const UNKNOWN_TIME: i64 = i64::MIN;

/// Definitions from CQL text, from an exported file or from a node.
///
/// A seed is the schema at *its* time, which may be later than the log's beginning. So, up to
/// [`Seed::up_to`]:
/// - what the log says of an object at a time before the seed's write time wins, and takes with it what the
///   seed knows of that table's columns from after that time: the history goes on from there. Rows are still
///   read with the seed's other columns beside the log's, as a column's own row may have been written again;
/// - a `CREATE TABLE` in the log replaces all that seeds know of its columns.
///
/// After [`Seed::up_to`] rows are merged by write time alone: an older repeat changes nothing.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Seed {
    /// The definitions.
    pub keyspaces: BTreeMap<Box<str>, KeyspaceDefinition>,
    /// Write times of the rows, where they are known.
    pub(super) times: BTreeMap<(SchemaTable, Box<str>, RowKey), i64>,
    /// The log up to this position was in effect when the seed was taken. `None`: not known, so every entry
    /// may be older than the seed.
    pub up_to: Option<Position>,
}

impl Seed {
    /// Returns a seed without write times, as from CQL text.
    pub fn new(keyspaces: BTreeMap<Box<str>, KeyspaceDefinition>) -> Self {
        Self { keyspaces, ..Self::default() }
    }

    /// Sets the write time of a row of `system_schema`, in µs. `schema_table` is its table there
    /// (`keyspaces`, `tables`, `columns` …), `key` its clustering. An unknown table's is ignored.
    pub fn set_write_time(&mut self, schema_table: &str, keyspace: &str, key: &[&str], written_at: i64) {
        if let Some(table) = SchemaTable::from_name(schema_table) {
            let key = key.iter().map(|part| (*part).to_owned()).collect();
            self.times.insert((table, keyspace.into(), key), written_at);
        }
    }

    /// Returns the position from which on the log is newer than the seed.
    pub(super) fn end(&self) -> Position {
        self.up_to.unwrap_or(Position { segment: i64::MAX, offset: u64::MAX })
    }

    /// Returns the newest write time in a keyspace, or one older than everything.
    pub(super) fn newest_time(&self, keyspace: &str) -> i64 {
        let times = self.times.iter().filter(|((_, name, _), _)| &**name == keyspace);
        times.map(|(_, time)| *time).max().unwrap_or(UNKNOWN_TIME)
    }

    /// Takes over the write times of a keyspace's rows.
    pub(super) fn take_times(&mut self, keyspace: &str, rows: &KeyspaceRows) {
        for table in SchemaTable::ALL {
            for (key, row) in rows.live(table) {
                if let Some(time) = row.written_at().filter(|time| *time != UNKNOWN_TIME) {
                    self.times.insert((table, keyspace.into(), key.clone()), time);
                }
            }
        }
    }

    /// Returns a seed of one table alone, with the user-defined types that a catalogue does not know yet: all else
    /// of this seed may be newer than where the catalogue stands.
    #[must_use]
    pub fn only_table(&self, id: TableId, known: &Catalogue) -> Self {
        let mut only = Self { up_to: self.up_to, times: self.times.clone(), ..Self::default() };
        for keyspace in self.keyspaces.values() {
            let is_it = |table: &TableDefinition| table.id == Some(id);
            let tables: BTreeMap<_, _> =
                keyspace.tables.clone().into_iter().filter(|(_, table)| is_it(table)).collect();
            let views: BTreeMap<_, _> =
                keyspace.views.clone().into_iter().filter(|(_, table)| is_it(table)).collect();
            if tables.is_empty() && views.is_empty() {
                continue;
            }
            let known_types = known.keyspace(&keyspace.name).map(|keyspace| &keyspace.types);
            let types = keyspace.types.clone().into_iter();
            let types = types.filter(|(name, _)| known_types.is_none_or(|known| !known.contains_key(name)));
            let keyspace = KeyspaceDefinition {
                types: types.collect(),
                tables,
                views,
                opaque: Vec::new(),
                ..keyspace.clone()
            };
            only.keyspaces.insert(keyspace.name.clone(), keyspace);
        }
        only
    }

    /// Puts the definitions in as rows: as a seed's, or `restored` as what the log said. Returns the keyspaces'
    /// names.
    pub(super) fn put_into(&self, rows: &mut SchemaRows, restored: bool) -> BTreeSet<Box<str>> {
        for keyspace in self.keyspaces.values() {
            let rows = rows.keyspaces.entry(keyspace.name.clone()).or_default();
            for (table, key, cells) in keyspace_rows(keyspace) {
                let time = self.times.get(&(table, keyspace.name.clone(), key.clone()));
                let row = RawRow::seed(*time.unwrap_or(&UNKNOWN_TIME), cells);
                if restored {
                    rows.restore(table, key, row);
                } else {
                    rows.seed(table, key, row);
                }
            }
        }
        self.keyspaces.keys().cloned().collect()
    }
}

type Cells = Vec<(Box<str>, Value)>;
type SeedRow = (SchemaTable, RowKey, Cells);

fn cell(name: &str, value: Value) -> (Box<str>, Value) {
    (name.into(), value)
}

fn key(parts: &[&str]) -> RowKey {
    parts.iter().map(|part| (*part).to_owned()).collect()
}

/// Returns a keyspace as rows of `system_schema`.
fn keyspace_rows(keyspace: &KeyspaceDefinition) -> Vec<SeedRow> {
    let mut rows = vec![(
        SchemaTable::Keyspaces,
        RowKey::new(),
        vec![
            cell("durable_writes", Value::Boolean(keyspace.durable_writes)),
            cell("replication", Value::text_map(&keyspace.replication)),
        ],
    )];
    for definition in keyspace.types.values() {
        let names = definition.fields.iter().map(|field| &*field.name);
        let types = definition.fields.iter().map(|field| &*field.type_text);
        let cells = vec![cell("field_names", Value::texts(names)), cell("field_types", Value::texts(types))];
        rows.push((SchemaTable::Types, key(&[&definition.name]), cells));
    }
    for table in keyspace.tables.values().chain(keyspace.views.values()) {
        table_rows(table, &mut rows);
    }
    for opaque in &keyspace.opaque {
        if let Some(table) = SchemaTable::from_name(&opaque.schema_table) {
            let cells = opaque.cells.iter().map(|(name, value)| cell(name, Value::text(value)));
            rows.push((table, opaque.name.clone(), cells.collect()));
        }
    }
    rows
}

fn table_rows(table: &TableDefinition, rows: &mut Vec<SeedRow>) {
    let mut cells = Cells::new();
    if let Some(id) = table.id {
        cells.push(cell("id", Value::Uuid(id.0)));
    }
    for (name, value) in &table.options {
        cells.push(cell(name, option_value(value)));
    }
    let schema_table = if let Some(view) = &table.view {
        if let Some(id) = view.base_table_id {
            cells.push(cell("base_table_id", Value::Uuid(id.0)));
        }
        let all_columns = Value::Boolean(view.include_all_columns);
        cells.push(cell("base_table_name", Value::text(&view.base_table)));
        cells.push(cell("where_clause", Value::text(&view.where_clause)));
        cells.push(cell("include_all_columns", all_columns));
        SchemaTable::Views
    } else {
        cells.push(cell("flags", Value::texts(flag_names(table.flags))));
        SchemaTable::Tables
    };
    rows.push((schema_table, key(&[&table.name]), cells));
    for column in &table.columns {
        rows.push((SchemaTable::Columns, key(&[&table.name, &column.name]), column_cells(column)));
    }
    for dropped in &table.dropped {
        let cells = vec![
            cell("dropped_time", Value::Int(dropped.dropped_at.div_euclid(1000))),
            cell("kind", Value::text(kind_name(dropped.kind))),
            cell("type", Value::text(&dropped.type_text)),
        ];
        rows.push((SchemaTable::DroppedColumns, key(&[&table.name, &dropped.name]), cells));
    }
    for index in table.indexes.values() {
        let cells =
            vec![cell("kind", Value::text(&index.kind)), cell("options", Value::text_map(&index.options))];
        rows.push((SchemaTable::Indexes, key(&[&table.name, &index.name]), cells));
    }
}

/// Returns the flags by their names in `system_schema.tables`.
pub(super) fn flag_names(flags: TableFlags) -> Vec<&'static str> {
    let mut names = Vec::new();
    for (set, name) in [
        (flags.compound, "compound"),
        (flags.counter, "counter"),
        (flags.dense, "dense"),
        (flags.super_column_family, "super"),
    ] {
        if set {
            names.push(name);
        }
    }
    names
}

/// Returns a kind by its name in `system_schema.columns`.
pub(super) fn kind_name(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::PartitionKey => "partition_key",
        ColumnKind::Clustering => "clustering",
        ColumnKind::Static => "static",
        ColumnKind::Regular => "regular",
    }
}

fn column_cells(column: &ColumnDefinition) -> Cells {
    let order = match (column.kind, column.reversed) {
        (ColumnKind::Clustering, true) => "desc",
        (ColumnKind::Clustering, false) => "asc",
        _ => "none",
    };
    let position = match column.kind {
        ColumnKind::PartitionKey | ColumnKind::Clustering => i64::from(column.position),
        ColumnKind::Static | ColumnKind::Regular => -1,
    };
    vec![
        cell("clustering_order", Value::text(order)),
        cell("column_name_bytes", Value::Blob(column.name_bytes.to_vec())),
        cell("kind", Value::text(kind_name(column.kind))),
        cell("position", Value::Int(position)),
        cell("type", Value::text(&column.type_text)),
    ]
}

fn option_value(value: &OptionValue) -> Value {
    match value {
        OptionValue::Text(text) => Value::text(text),
        OptionValue::Integer(number) => Value::Int(*number),
        OptionValue::Float(number) => Value::Double(*number),
        OptionValue::Boolean(value) => Value::Boolean(*value),
        OptionValue::Map(map) => Value::text_map(map),
        OptionValue::BlobMap(map) => Value::Map(
            map.iter().map(|(key, value)| (Value::text(key), Value::Blob(value.clone()))).collect(),
        ),
    }
}
