//! Rows (`UnfilteredSerializer`; format.md §8.1, §8.2, §8.6).

use super::{
    VisitRow, Visitor, cell, clustering,
    columns::{ColumnList, ReadTable, Subset},
    encoding_stats::EncodingStats,
    wire::{Wire, WireError},
};
use crate::mutation::RowDeletion;

pub(super) const END_OF_PARTITION: u8 = 0x01;
pub(super) const IS_MARKER: u8 = 0x02;
const HAS_TIMESTAMP: u8 = 0x04;
const HAS_TTL: u8 = 0x08;
const HAS_DELETION: u8 = 0x10;
const HAS_ALL_COLUMNS: u8 = 0x20;
const HAS_COMPLEX_DELETION: u8 = 0x40;
const EXTENSION_FLAG: u8 = 0x80;

const IS_STATIC: u8 = 0x01;
const HAS_SHADOWABLE_DELETION: u8 = 0x02;

/// What the rows of an update are read with.
pub(super) struct RowReader<'t> {
    pub(super) table: &'t ReadTable,
    pub(super) stats: EncodingStats,
    pub(super) columns: &'t ColumnList,
    pub(super) is_static: bool,
}

impl RowReader<'_> {
    /// Reads a row behind its first flags byte.
    #[inline]
    pub(super) fn read<'a, V: Visitor<'a>>(
        &self,
        wire: &mut Wire<'a>,
        flags: u8,
        visitor: &mut V,
    ) -> Result<(), WireError> {
        let extended = if flags & EXTENSION_FLAG != 0 { wire.u8()? } else { 0 };
        if extended & !(IS_STATIC | HAS_SHADOWABLE_DELETION) != 0 {
            return Err(WireError::UnknownFlags);
        }
        if (extended & IS_STATIC != 0) != self.is_static {
            return Err(WireError::MisplacedStaticRow);
        }
        visitor.row_start(self.is_static);
        if !self.is_static {
            clustering::read(wire, self.table, self.table.clustering_count(), |value| {
                visitor.clustering_value(value);
            })?;
        }
        let liveness = if flags & HAS_TIMESTAMP != 0 {
            Some(self.stats.liveness(wire, flags & HAS_TTL != 0)?)
        } else {
            None
        };
        let deletion = if flags & HAS_DELETION != 0 {
            let shadowable = extended & HAS_SHADOWABLE_DELETION != 0;
            self.stats.deletion_time(wire)?.map(|time| RowDeletion { time, shadowable })
        } else {
            None
        };
        let row = VisitRow { liveness, deletion };
        visitor.row_times(&row);
        let has_complex_deletion = flags & HAS_COMPLEX_DELETION != 0;
        if flags & HAS_ALL_COLUMNS != 0 {
            self.read_columns(wire, &row, has_complex_deletion, visitor, |_| true)?;
        } else {
            let subset = Subset::read(wire, self.columns.slots.len())?;
            self.read_columns(wire, &row, has_complex_deletion, visitor, |index| subset.has(index))?;
        }
        visitor.row_end();
        Ok(())
    }

    #[inline]
    fn read_columns<'a, V: Visitor<'a>>(
        &self,
        wire: &mut Wire<'a>,
        row: &VisitRow,
        has_complex_deletion: bool,
        visitor: &mut V,
        is_present: impl Fn(usize) -> bool,
    ) -> Result<(), WireError> {
        // A cursor of its own stays in registers through the loop.
        let mut cursor = Wire::new(wire.rest());
        let read = self.read_cells(&mut cursor, row, has_complex_deletion, visitor, is_present);
        *wire = cursor;
        read
    }

    #[inline(always)]
    fn read_cells<'a, V: Visitor<'a>>(
        &self,
        wire: &mut Wire<'a>,
        row: &VisitRow,
        has_complex_deletion: bool,
        visitor: &mut V,
        is_present: impl Fn(usize) -> bool,
    ) -> Result<(), WireError> {
        for (index, column) in self.columns.slots.iter().enumerate() {
            if !is_present(index) {
                continue;
            }
            if !column.complex {
                let cell = cell::read(wire, *column, &self.stats, row.liveness.as_ref())?;
                visitor.cell(column.index, &cell);
                continue;
            }
            let deletion = if has_complex_deletion { self.stats.deletion_time(wire)? } else { None };
            visitor.complex_start(column.index, deletion);
            for _ in 0..wire.unsigned_vint()? {
                let cell = cell::read(wire, *column, &self.stats, row.liveness.as_ref())?;
                visitor.cell(column.index, &cell);
            }
        }
        Ok(())
    }
}
