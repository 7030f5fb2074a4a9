//! Noticing, while a mutation is visited, that it is about the schema or the node itself.

use std::sync::Arc;

use cassandra_commitlog::{
    decode::{VisitRow, Visitor},
    deletion::DeletionTime,
    mutation::{Cell, ColumnIndex, MarkerKind},
    schema::TableSchema,
};

/// Passes everything on to another visitor and watches the tables.
pub(super) struct Watch<'v, V> {
    inner: &'v mut V,
    saw_system_table: bool,
}

impl<'v, V> Watch<'v, V> {
    pub(super) fn new(inner: &'v mut V) -> Self {
        Self { inner, saw_system_table: false }
    }

    /// Returns true if the mutation had an update of `system_schema` or `system.local`.
    pub(super) fn saw_system_table(&self) -> bool {
        self.saw_system_table
    }
}

impl<'a, V: Visitor<'a>> Visitor<'a> for Watch<'_, V> {
    #[inline]
    fn update_start(&mut self, table: &Arc<TableSchema>, partition_key: &'a [u8]) {
        let keyspace = table.keyspace();
        self.saw_system_table |=
            keyspace == "system_schema" || (keyspace == "system" && table.name() == "local");
        self.inner.update_start(table, partition_key);
    }
    #[inline]
    fn partition_deletion(&mut self, deletion: DeletionTime) {
        self.inner.partition_deletion(deletion);
    }
    #[inline]
    fn row_start(&mut self, is_static: bool) {
        self.inner.row_start(is_static);
    }
    #[inline]
    fn clustering_value(&mut self, value: Option<&'a [u8]>) {
        self.inner.clustering_value(value);
    }
    #[inline]
    fn row_times(&mut self, row: &VisitRow) {
        self.inner.row_times(row);
    }
    #[inline]
    fn complex_start(&mut self, column: ColumnIndex, deletion: Option<DeletionTime>) {
        self.inner.complex_start(column, deletion);
    }
    #[inline]
    fn cell(&mut self, column: ColumnIndex, cell: &Cell<'a>) {
        self.inner.cell(column, cell);
    }
    #[inline]
    fn row_end(&mut self) {
        self.inner.row_end();
    }
    #[inline]
    fn marker_start(&mut self, kind: MarkerKind) {
        self.inner.marker_start(kind);
    }
    #[inline]
    fn marker_end(&mut self, close: Option<DeletionTime>, open: Option<DeletionTime>) {
        self.inner.marker_end(close, open);
    }
    #[inline]
    fn update_end(&mut self) {
        self.inner.update_end();
    }
}
