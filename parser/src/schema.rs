//! What the parser must know of a table to read its rows.

use std::{collections::HashMap, fmt, hash::BuildHasher, sync::Arc};

use uuid::Uuid;

use crate::types::CqlType;

/// Identity of a table: Cassandra's `TableId` (3.x: `cfId`). A re-created table has another one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableId(pub Uuid);

impl fmt::Display for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TableId({})", self.0)
    }
}

/// Where a column stands in its table (`ColumnMetadata.Kind`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ColumnKind {
    /// Part of the partition key.
    PartitionKey,
    /// Part of the clustering.
    Clustering,
    /// A value of the partition, shared by its rows.
    Static,
    /// A value of a row.
    Regular,
}

/// One column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Column {
    /// Name, without CQL quotes. Empty for the map of a super column family.
    pub name: Box<str>,
    /// The name's bytes as the log has them; they differ from `name` only in tables made through Thrift.
    pub name_bytes: Box<[u8]>,
    /// Kind of column.
    pub kind: ColumnKind,
    /// Place among the columns of its kind, from 0, for key columns; 0 for the others.
    pub position: u16,
    /// Type as declared.
    pub ty: CqlType,
    /// True for clustering columns with `DESC` order.
    pub reversed: bool,
}

impl Column {
    /// True if the column is stored cell by cell: a non-frozen collection or user-defined type.
    pub fn is_complex(&self) -> bool {
        self.ty.is_multi_cell()
    }
}

/// A column that was dropped, but that older mutations may still name (`DroppedColumn`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DroppedColumn {
    /// The column as it was; user-defined types in it are expanded to tuples.
    pub column: Column,
    /// Time of the drop, in microseconds: cells written at this time or before are gone.
    pub dropped_at: i64,
}

/// How a table lays out its rows (`TableMetadata.Flag`). A normal CQL table is
/// `compound` and nothing else, or, with counters, `compound` and `counter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "four independent flags of Cassandra's own")]
pub struct TableFlags {
    /// The table's comparator is a composite.
    pub compound: bool,
    /// The table has counter columns.
    pub counter: bool,
    /// One value for each clustering (`COMPACT STORAGE`).
    pub dense: bool,
    /// A super column family.
    pub super_column_family: bool,
}

impl TableFlags {
    /// The flags of a table made by `CREATE TABLE` without `COMPACT STORAGE`.
    pub const CQL: Self = Self { compound: true, counter: false, dense: false, super_column_family: false };

    /// True for tables made `WITH COMPACT STORAGE` (or through Thrift) and not changed since.
    pub fn is_compact(self) -> bool {
        self.dense || self.super_column_family || !self.compound
    }

    /// True for compact tables whose declared columns are static ones internally.
    pub fn is_static_compact(self) -> bool {
        !self.dense && !self.super_column_family && !self.compound
    }
}

/// What a [`TableSchema`] is made of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TableDefinition {
    /// Identity.
    pub id: TableId,
    /// Keyspace, without quotes.
    pub keyspace: Box<str>,
    /// Name, without quotes.
    pub name: Box<str>,
    /// Whether the table has `cdc = true`. A view never has.
    pub cdc: bool,
    /// Whether this is a materialized view.
    pub is_view: bool,
    /// Layout.
    pub flags: TableFlags,
    /// All columns of all kinds, in any order.
    pub columns: Vec<Column>,
    /// Columns dropped so far.
    pub dropped: Vec<DroppedColumn>,
}

/// The schema of one table at one moment, in the form that reading needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSchema {
    id: TableId,
    keyspace: Box<str>,
    name: Box<str>,
    cdc: bool,
    is_view: bool,
    flags: TableFlags,
    partition_key: Box<[Column]>,
    clustering: Box<[Column]>,
    /// Static and regular columns, sorted by the bytes of their names.
    values: Box<[Column]>,
    /// Sorted by the bytes of their names.
    dropped: Box<[DroppedColumn]>,
}

impl TableSchema {
    /// Makes a schema from its parts. Key columns are put in order of their positions, the others in
    /// order of their names' bytes.
    pub fn new(definition: TableDefinition) -> Self {
        let TableDefinition { id, keyspace, name, cdc, is_view, flags, columns, mut dropped } = definition;
        let (mut partition_key, mut clustering, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for column in columns {
            match column.kind {
                ColumnKind::PartitionKey => partition_key.push(column),
                ColumnKind::Clustering => clustering.push(column),
                ColumnKind::Static | ColumnKind::Regular => values.push(column),
            }
        }
        partition_key.sort_by_key(|column| column.position);
        clustering.sort_by_key(|column| column.position);
        values.sort_by(|a, b| a.name_bytes.cmp(&b.name_bytes));
        dropped.sort_by(|a, b| a.column.name_bytes.cmp(&b.column.name_bytes));
        Self {
            id,
            keyspace,
            name,
            cdc,
            is_view,
            flags,
            partition_key: partition_key.into(),
            clustering: clustering.into(),
            values: values.into(),
            dropped: dropped.into(),
        }
    }

    /// Returns the table's identity.
    pub fn id(&self) -> TableId {
        self.id
    }

    /// Returns the keyspace's name.
    pub fn keyspace(&self) -> &str {
        &self.keyspace
    }

    /// Returns the table's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns whether the table has `cdc = true`.
    pub fn cdc(&self) -> bool {
        self.cdc
    }

    /// Returns whether this is a materialized view.
    pub fn is_view(&self) -> bool {
        self.is_view
    }

    /// Returns the table's layout.
    pub fn flags(&self) -> TableFlags {
        self.flags
    }

    /// Returns the partition key columns in order.
    pub fn partition_key(&self) -> &[Column] {
        &self.partition_key
    }

    /// Returns the clustering columns in order.
    pub fn clustering(&self) -> &[Column] {
        &self.clustering
    }

    /// Returns the static and regular columns, in order of their names' bytes.
    pub fn values(&self) -> &[Column] {
        &self.values
    }

    /// Returns the dropped columns, in order of their names' bytes.
    pub fn dropped(&self) -> &[DroppedColumn] {
        &self.dropped
    }

    /// Finds a static or regular column by the bytes of its name.
    pub fn value_column(&self, name: &[u8]) -> Option<&Column> {
        let found = self.values.binary_search_by(|column| (*column.name_bytes).cmp(name)).ok()?;
        self.values.get(found)
    }

    /// Finds a dropped column by the bytes of its name.
    pub fn dropped_column(&self, name: &[u8]) -> Option<&DroppedColumn> {
        let found = self.dropped.binary_search_by(|dropped| (*dropped.column.name_bytes).cmp(name)).ok()?;
        self.dropped.get(found)
    }
}

/// Where the parser asks for a table's schema.
pub trait SchemaLookup {
    /// Returns the table's schema as it stands now, or `None` if the table is not known.
    fn table(&self, id: TableId) -> Option<&Arc<TableSchema>>;
}

impl<S: BuildHasher> SchemaLookup for HashMap<TableId, Arc<TableSchema>, S> {
    fn table(&self, id: TableId) -> Option<&Arc<TableSchema>> {
        self.get(&id)
    }
}
