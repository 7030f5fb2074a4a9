//! Being told of a mutation's parts as they are read.

use std::sync::Arc;

use crate::{
    deletion::DeletionTime,
    mutation::{Cell, ColumnIndex, Liveness, MarkerKind, RowDeletion},
    schema::TableSchema,
};

/// Is told of a mutation's parts in the log's order; see [`MutationDecoder::visit`](super::MutationDecoder::visit).
/// Each method does nothing by default.
///
/// An update is `update_start`, perhaps `partition_deletion`, perhaps a static row, rows and markers in
/// clustering order, `update_end`. A row is `row_start`, a `clustering_value` for each clustering column,
/// `row_times`, cells (those of a complex column behind its `complex_start`), `row_end`. A marker is
/// `marker_start`, a `clustering_value` for each value of the bound, `marker_end`.
pub trait Visitor<'a> {
    /// An update of this table begins, with this serialized partition key.
    fn update_start(&mut self, table: &Arc<TableSchema>, partition_key: &'a [u8]) {
        let _ = (table, partition_key);
    }
    /// The whole partition is deleted.
    fn partition_deletion(&mut self, deletion: DeletionTime) {
        let _ = deletion;
    }
    /// A row begins.
    fn row_start(&mut self, is_static: bool) {
        let _ = is_static;
    }
    /// The next clustering value of the row or marker; `None` for null.
    fn clustering_value(&mut self, value: Option<&'a [u8]>) {
        let _ = value;
    }
    /// The row marker and deletion of the row.
    fn row_times(&mut self, row: &VisitRow) {
        let _ = row;
    }
    /// A complex column of the row begins, with the deletion of its older cells.
    fn complex_start(&mut self, column: ColumnIndex, deletion: Option<DeletionTime>) {
        let _ = (column, deletion);
    }
    /// A cell of a simple column, or of the complex column that began last.
    fn cell(&mut self, column: ColumnIndex, cell: &Cell<'a>) {
        let _ = (column, cell);
    }
    /// The row ends.
    fn row_end(&mut self) {}
    /// A range tombstone marker begins.
    fn marker_start(&mut self, kind: MarkerKind) {
        let _ = kind;
    }
    /// The marker ends: the deletion of the range that ends and of the one that starts here.
    fn marker_end(&mut self, close: Option<DeletionTime>, open: Option<DeletionTime>) {
        let _ = (close, open);
    }
    /// The update ends.
    fn update_end(&mut self) {}
}

/// The times of a row as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VisitRow {
    /// The row marker that INSERT leaves.
    pub liveness: Option<Liveness>,
    /// Deletion of the row.
    pub deletion: Option<RowDeletion>,
}
