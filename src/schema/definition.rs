//! The model of a schema: everything that `CREATE` statements say.
//!
//! Types stand as canonical CQL text ([`TypeText`](super::type_text::TypeText)); what reading rows needs is
//! resolved from it into a [`TableSchema`](cassandra_commitlog::schema::TableSchema).

use std::collections::BTreeMap;

use cassandra_commitlog::schema::{ColumnKind, TableFlags, TableId};

/// A keyspace with all that is in it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct KeyspaceDefinition {
    /// Name without quotes.
    pub name: Box<str>,
    /// `replication` as it stands in `system_schema.keyspaces`, `class` included.
    pub replication: BTreeMap<String, String>,
    /// `durable_writes`.
    pub durable_writes: bool,
    /// User-defined types by name.
    pub types: BTreeMap<Box<str>, TypeDefinition>,
    /// Tables by name, views not included.
    pub tables: BTreeMap<Box<str>, TableDefinition>,
    /// Materialized views by name; [`TableDefinition::view`] is set in each.
    pub views: BTreeMap<Box<str>, TableDefinition>,
    /// Functions, aggregates, triggers and column masks: kept, but not interpreted.
    pub opaque: Vec<OpaqueDefinition>,
}

impl KeyspaceDefinition {
    /// Returns an empty keyspace with `durable_writes` and without replication options.
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), durable_writes: true, ..Self::default() }
    }

    /// Returns the table or view of that name.
    pub fn table_or_view(&self, name: &str) -> Option<&TableDefinition> {
        self.tables.get(name).or_else(|| self.views.get(name))
    }

    /// Finds the table that has an index, with the index.
    pub fn index(&self, name: &str) -> Option<(&TableDefinition, &IndexDefinition)> {
        self.tables.values().find_map(|table| Some((table, table.indexes.get(name)?)))
    }
}

/// A user-defined type.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TypeDefinition {
    /// Name without quotes.
    pub name: Box<str>,
    /// Fields in order.
    pub fields: Vec<FieldDefinition>,
}

/// A field of a user-defined type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDefinition {
    /// Name without quotes.
    pub name: Box<str>,
    /// Canonical CQL text of its type.
    pub type_text: Box<str>,
}

/// A table or a materialized view.
#[derive(Debug, Clone, PartialEq)]
pub struct TableDefinition {
    /// Identity; `None` for tables from CQL text that does not tell it.
    pub id: Option<TableId>,
    /// Name without quotes.
    pub name: Box<str>,
    /// Layout.
    pub flags: TableFlags,
    /// Partition key, clustering, then static and regular columns by the bytes of their names.
    pub columns: Vec<ColumnDefinition>,
    /// Columns dropped so far, by the bytes of their names.
    pub dropped: Vec<DroppedColumnDefinition>,
    /// Everything after `WITH`, by the name that CQL and `system_schema.tables` share.
    pub options: BTreeMap<Box<str>, OptionValue>,
    /// Secondary indexes by name.
    pub indexes: BTreeMap<Box<str>, IndexDefinition>,
    /// Set for a materialized view.
    pub view: Option<ViewDefinition>,
}

impl TableDefinition {
    /// Returns a table without columns, in the layout of a normal CQL table.
    pub fn new(name: &str) -> Self {
        Self {
            id: None,
            name: name.into(),
            flags: TableFlags::CQL,
            columns: Vec::new(),
            dropped: Vec::new(),
            options: BTreeMap::new(),
            indexes: BTreeMap::new(),
            view: None,
        }
    }

    /// Returns whether changes of this table are captured: `cdc = true`, and no view. A node without
    /// `cdc_enabled` leaves the option out, which is false.
    pub fn cdc(&self) -> bool {
        self.view.is_none() && self.options.get("cdc") == Some(&OptionValue::Boolean(true))
    }

    /// Finds a column by name.
    pub fn column(&self, name: &str) -> Option<&ColumnDefinition> {
        self.columns.iter().find(|column| &*column.name == name)
    }

    /// Iterates over the columns of one kind, in order.
    pub fn columns_of(&self, kind: ColumnKind) -> impl Iterator<Item = &ColumnDefinition> {
        self.columns.iter().filter(move |column| column.kind == kind)
    }

    /// Puts the columns in the order that [`TableDefinition::columns`] promises.
    pub fn sort_columns(&mut self) {
        self.columns.sort_by(|a, b| {
            let place = |column: &ColumnDefinition| match column.kind {
                ColumnKind::PartitionKey => (0, column.position),
                ColumnKind::Clustering => (1, column.position),
                ColumnKind::Static | ColumnKind::Regular => (2, 0),
            };
            place(a).cmp(&place(b)).then_with(|| a.name_bytes.cmp(&b.name_bytes))
        });
        self.dropped.sort_by(|a, b| a.name.cmp(&b.name));
    }
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnDefinition {
    /// Name without quotes.
    pub name: Box<str>,
    /// The name as the log has it (`column_name_bytes`).
    pub name_bytes: Box<[u8]>,
    /// Kind.
    pub kind: ColumnKind,
    /// Place among the key columns of its kind; 0 for others.
    pub position: u16,
    /// Canonical CQL text of its type.
    pub type_text: Box<str>,
    /// `DESC` clustering order.
    pub reversed: bool,
    /// The text after `MASKED WITH`, if CQL text gave one (5.0+).
    pub mask: Option<Box<str>>,
}

impl ColumnDefinition {
    /// Returns a column whose name's bytes are its name in UTF-8.
    pub fn new(name: &str, kind: ColumnKind, position: u16, type_text: &str) -> Self {
        Self {
            name: name.into(),
            name_bytes: name.as_bytes().into(),
            kind,
            position,
            type_text: type_text.into(),
            reversed: false,
            mask: None,
        }
    }
}

/// A column that was dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DroppedColumnDefinition {
    /// Name without quotes.
    pub name: Box<str>,
    /// Regular or static.
    pub kind: ColumnKind,
    /// Canonical CQL text of its type, user-defined types expanded to tuples.
    pub type_text: Box<str>,
    /// When, in µs. `system_schema.dropped_columns` has it in ms.
    pub dropped_at: i64,
}

/// A table option's value.
#[derive(Debug, Clone, PartialEq)]
pub enum OptionValue {
    /// Text, printed in single quotes.
    Text(String),
    /// An integer.
    Integer(i64),
    /// A floating-point number.
    Float(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// A map of texts, such as `compaction`.
    Map(BTreeMap<String, String>),
    /// A map of texts to bytes: `extensions`.
    BlobMap(BTreeMap<String, Vec<u8>>),
}

/// A secondary index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexDefinition {
    /// Name without quotes.
    pub name: Box<str>,
    /// `COMPOSITES`, `KEYS` or `CUSTOM`.
    pub kind: Box<str>,
    /// Options, `target` and `class_name` included.
    pub options: BTreeMap<String, String>,
}

/// What makes a table a materialized view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewDefinition {
    /// Identity of the base table, if known.
    pub base_table_id: Option<TableId>,
    /// Name of the base table, in the same keyspace.
    pub base_table: Box<str>,
    /// The text after `WHERE`.
    pub where_clause: Box<str>,
    /// `SELECT *`.
    pub include_all_columns: bool,
}

/// A row of a schema table that is kept but not interpreted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpaqueDefinition {
    /// Which table of `system_schema`.
    pub schema_table: Box<str>,
    /// The row's clustering, as text.
    pub name: Vec<String>,
    /// The row's cells, as text.
    pub cells: BTreeMap<Box<str>, String>,
}
