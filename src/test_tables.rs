//! Tables of unit tests.

use std::sync::Arc;

use cassandra_commitlog::{
    schema::{Column, ColumnKind, TableDefinition, TableFlags, TableId, TableSchema},
    types::CqlType,
};

/// Returns a column; among several of the key it is the first one, in ascending order.
pub(crate) fn column(name: &str, kind: ColumnKind, ty: CqlType) -> Column {
    let name_bytes = name.as_bytes().into();
    Column { name: name.into(), name_bytes, kind, position: 0, ty, reversed: false }
}

/// Returns what the table `ks.t` with these columns is made of.
pub(crate) fn definition(columns: Vec<Column>) -> TableDefinition {
    TableDefinition {
        id: TableId(uuid::Uuid::from_u128(7)),
        keyspace: "ks".into(),
        name: "t".into(),
        cdc: true,
        is_view: false,
        flags: TableFlags::CQL,
        columns,
        dropped: Vec::new(),
    }
}

/// Returns the table `ks.t` with these columns.
pub(crate) fn table(columns: Vec<Column>) -> Arc<TableSchema> {
    Arc::new(TableSchema::new(definition(columns)))
}
