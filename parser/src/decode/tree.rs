//! Collecting a mutation into a tree.

use std::sync::Arc;

use super::{MutationDecoder, MutationError, VisitRow, Visitor};
use crate::{
    deletion::DeletionTime,
    mutation::{
        Cell, ColumnData, ColumnIndex, ComplexColumn, MarkerKind, Mutation, PartitionUpdate,
        RangeTombstoneMarker, Row, Unfiltered,
    },
    schema::{SchemaLookup, TableSchema},
};

pub(super) fn decode<'a>(
    decoder: &mut MutationDecoder,
    bytes: &'a [u8],
    schema: &dyn SchemaLookup,
) -> Result<Mutation<'a>, MutationError> {
    let mut builder = TreeBuilder { columns: decoder.row_columns, ..TreeBuilder::default() };
    decoder.visit(bytes, schema, &mut builder)?;
    decoder.row_columns = builder.columns.min(COLUMNS_MAX);
    Ok(Mutation { updates: builder.updates })
}

/// For how many columns a row has room at first, at most: it bounds what rows of few columns take behind one of many.
const COLUMNS_MAX: usize = 64;

#[derive(Default)]
struct TreeBuilder<'a> {
    updates: Vec<PartitionUpdate<'a>>,
    clustering: Vec<Option<&'a [u8]>>,
    row: Row<'a>,
    /// How many columns the last row had: the next one is likely to have as many.
    columns: usize,
    is_static: bool,
    /// The complex column that is being filled.
    complex: Option<ColumnIndex>,
    marker_kind: Option<MarkerKind>,
}

impl<'a> Visitor<'a> for TreeBuilder<'a> {
    fn update_start(&mut self, table: &Arc<TableSchema>, partition_key: &'a [u8]) {
        // Nearly all mutations have one update of one row, and a tree takes much memory for each.
        self.updates.reserve_exact(usize::from(self.updates.is_empty()));
        self.updates.push(PartitionUpdate {
            table: Arc::clone(table),
            partition_key,
            deletion: None,
            static_row: None,
            unfiltereds: Vec::with_capacity(1),
        });
    }

    fn partition_deletion(&mut self, deletion: DeletionTime) {
        if let Some(update) = self.updates.last_mut() {
            update.deletion = Some(deletion);
        }
    }

    fn row_start(&mut self, is_static: bool) {
        self.is_static = is_static;
        self.row = Row::default();
    }

    fn clustering_value(&mut self, value: Option<&'a [u8]>) {
        self.clustering.push(value);
    }

    fn row_times(&mut self, row: &VisitRow) {
        self.row.clustering = std::mem::take(&mut self.clustering);
        self.row.liveness = row.liveness;
        self.row.deletion = row.deletion;
        self.row.columns.reserve_exact(self.columns.min(COLUMNS_MAX));
        self.complex = None;
    }

    fn complex_start(&mut self, column: ColumnIndex, deletion: Option<DeletionTime>) {
        self.complex = Some(column);
        self.row.columns.push(ColumnData::Complex(column, ComplexColumn { deletion, cells: Vec::new() }));
    }

    fn cell(&mut self, column: ColumnIndex, cell: &Cell<'a>) {
        match self.row.columns.last_mut() {
            Some(ColumnData::Complex(last, complex)) if self.complex == Some(column) && *last == column => {
                complex.cells.push(*cell);
            }
            _ => self.row.columns.push(ColumnData::Simple(column, *cell)),
        }
    }

    fn row_end(&mut self) {
        let row = std::mem::take(&mut self.row);
        self.columns = row.columns.len();
        let Some(update) = self.updates.last_mut() else {
            return;
        };
        if self.is_static {
            update.static_row = Some(row);
        } else {
            update.unfiltereds.push(Unfiltered::Row(row));
        }
    }

    fn marker_start(&mut self, kind: MarkerKind) {
        self.marker_kind = Some(kind);
    }

    fn marker_end(&mut self, close: Option<DeletionTime>, open: Option<DeletionTime>) {
        let clustering = std::mem::take(&mut self.clustering);
        if let (Some(update), Some(kind)) = (self.updates.last_mut(), self.marker_kind.take()) {
            let marker = RangeTombstoneMarker { kind, clustering, close, open };
            update.unfiltereds.push(Unfiltered::Marker(marker));
        }
    }
}
