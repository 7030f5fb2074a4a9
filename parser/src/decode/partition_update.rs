//! Partition updates (`UnfilteredRowIteratorSerializer`; format.md §7.3).

use super::{
    Visitor,
    columns::{ColumnsCache, ReadTable},
    encoding_stats::EncodingStats,
    marker,
    row::{END_OF_PARTITION, IS_MARKER, RowReader},
    wire::{Wire, WireError},
};
use crate::{schema::ColumnKind, version::Features};

const IS_EMPTY: u8 = 0x01;
const IS_REVERSED: u8 = 0x02;
const HAS_PARTITION_DELETION: u8 = 0x04;
const HAS_STATIC_ROW: u8 = 0x08;
const HAS_ROW_ESTIMATE: u8 = 0x10;
const KNOWN_FLAGS: u8 = IS_EMPTY | HAS_PARTITION_DELETION | HAS_STATIC_ROW | HAS_ROW_ESTIMATE;

/// Reads an update behind its table id.
#[inline]
pub(super) fn read<'a, V: Visitor<'a>>(
    wire: &mut Wire<'a>,
    features: &Features,
    table: &mut ReadTable,
    cache: &mut ColumnsCache,
    visitor: &mut V,
) -> Result<(), WireError> {
    let key = wire.vbytes()?;
    let flags = wire.u8()?;
    // IS_REVERSED is of reads; a mutation never has it.
    if flags & (!KNOWN_FLAGS | IS_REVERSED) != 0 {
        return Err(WireError::UnknownFlags);
    }
    visitor.update_start(table.schema(), key);
    if flags & IS_EMPTY != 0 {
        visitor.update_end();
        return Ok(());
    }
    let stats = EncodingStats::read(wire, features)?;
    let has_static_row = flags & HAS_STATIC_ROW != 0;
    // Both lists of columns stand before the partition deletion and the static row.
    let statics =
        if has_static_row { Some(table.read_columns(wire, ColumnKind::Static, cache)?) } else { None };
    let regulars = table.read_columns(wire, ColumnKind::Regular, cache)?;
    if flags & HAS_PARTITION_DELETION != 0
        && let Some(deletion) = stats.deletion_time(wire)?
    {
        visitor.partition_deletion(deletion);
    }
    if let Some(columns) = &statics {
        let first = wire.u8()?;
        RowReader { table, stats, columns, is_static: true }.read(wire, first, visitor)?;
    }
    if flags & HAS_ROW_ESTIMATE != 0 {
        wire.unsigned_vint()?;
    }
    let rows = RowReader { table, stats, columns: &regulars, is_static: false };
    loop {
        let first = wire.u8()?;
        if first == END_OF_PARTITION {
            visitor.update_end();
            return Ok(());
        }
        if first & END_OF_PARTITION != 0 {
            return Err(WireError::UnknownFlags);
        }
        if first == IS_MARKER {
            marker::read(wire, table, &stats, visitor)?;
        } else if first & IS_MARKER != 0 {
            return Err(WireError::UnknownFlags);
        } else {
            rows.read(wire, first, visitor)?;
        }
    }
}
