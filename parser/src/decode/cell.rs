//! Cells (`Cell.Serializer`; format.md §9.1).

use super::{
    columns::ColumnSlot,
    encoding_stats::EncodingStats,
    wire::{Wire, WireError},
};
use crate::mutation::{Cell, CellContent, Expiration, Liveness};

const IS_DELETED: u8 = 0x01;
const IS_EXPIRING: u8 = 0x02;
const HAS_EMPTY_VALUE: u8 = 0x04;
const USE_ROW_TIMESTAMP: u8 = 0x08;
const USE_ROW_TTL: u8 = 0x10;
const KNOWN_FLAGS: u8 = 0x1f;

/// Reads a cell of a column in a row with this row marker.
#[inline(always)]
pub(super) fn read<'a>(
    wire: &mut Wire<'a>,
    column: ColumnSlot,
    stats: &EncodingStats,
    row: Option<&Liveness>,
) -> Result<Cell<'a>, WireError> {
    let flags = wire.u8()?;
    // What INSERT leaves in a simple column, and so most cells: a lasting value of the row's own time.
    if flags == USE_ROW_TIMESTAMP && !column.complex {
        let timestamp = row.ok_or(WireError::NoRowMarker)?.timestamp;
        let value = match column.fixed_length() {
            Some(length) => wire.bytes(length)?,
            None => wire.vbytes()?,
        };
        return Ok(Cell { timestamp, path: None, content: CellContent::Live(value) });
    }
    if flags & !KNOWN_FLAGS != 0 || flags & (IS_DELETED | IS_EXPIRING) == IS_DELETED | IS_EXPIRING {
        return Err(WireError::UnknownFlags);
    }
    let timestamp = if flags & USE_ROW_TIMESTAMP != 0 {
        row.ok_or(WireError::NoRowMarker)?.timestamp
    } else {
        stats.timestamp(wire)?
    };
    let mut expiration = None;
    let mut deleted_at = 0;
    if flags & USE_ROW_TTL != 0 {
        expiration = Some(row.and_then(|row| row.expiration).ok_or(WireError::NoRowMarker)?);
    } else if flags & IS_EXPIRING != 0 {
        let expires_at = stats.local_deletion_time(wire)?;
        expiration = Some(Expiration { ttl: stats.ttl(wire)?, expires_at });
    } else if flags & IS_DELETED != 0 {
        deleted_at = stats.local_deletion_time(wire)?;
    }
    let path = if column.complex { Some(wire.vbytes()?) } else { None };
    let value = if flags & HAS_EMPTY_VALUE != 0 {
        &[]
    } else {
        // The type asked for a length is the column's own, so elements of a collection always have one.
        match column.fixed_length() {
            Some(length) if !column.complex => wire.bytes(length)?,
            _ => wire.vbytes()?,
        }
    };
    let content = match expiration {
        _ if flags & IS_DELETED != 0 => {
            CellContent::Tombstone(expiration.map_or(deleted_at, |it| it.expires_at))
        }
        Some(expiration) => CellContent::Expiring(value, expiration),
        None => CellContent::Live(value),
    };
    Ok(Cell { timestamp, path, content })
}
