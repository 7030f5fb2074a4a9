//! TRUNCATE: not a mutation of the table, but an entry of a map in `system.local`.

use cassandra_commitlog::{
    Position,
    mutation::{CellContent, ColumnData, PartitionUpdate, Unfiltered},
    schema::TableId,
};

/// A table was truncated on this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Truncation {
    /// Which table.
    pub table: TableId,
    /// What the node logged of the table up to here is gone.
    pub up_to: Position,
    /// When the node noted it, as a write time in microseconds.
    pub timestamp: i64,
}

/// Returns the truncations that an update notes: puts into `system.local`'s map `truncated_at`.
pub fn truncations(update: &PartitionUpdate<'_>) -> Vec<Truncation> {
    if update.table.keyspace() != "system" || update.table.name() != "local" {
        return Vec::new();
    }
    let mut found = Vec::new();
    for unfiltered in &update.unfiltereds {
        let Unfiltered::Row(row) = unfiltered else {
            continue;
        };
        for column in &row.columns {
            let ColumnData::Complex(index, complex) = column else {
                continue;
            };
            if update.column(*index).is_none_or(|column| &*column.name != "truncated_at") {
                continue;
            }
            found.extend(complex.cells.iter().filter_map(|cell| {
                let CellContent::Live(value) = cell.content else {
                    return None;
                };
                let table = TableId(uuid::Uuid::from_slice(cell.path?).ok()?);
                Some(Truncation { table, up_to: position(value)?, timestamp: cell.timestamp })
            }));
        }
    }
    found
}

/// Reads `i64 segment, i32 position, i64 milliseconds` (`SystemKeyspace.truncationAsMapEntry`).
fn position(value: &[u8]) -> Option<Position> {
    let (segment, rest) = value.split_first_chunk::<8>()?;
    let (offset, _milliseconds) = rest.split_first_chunk::<4>()?;
    let offset = u64::try_from(i32::from_be_bytes(*offset)).ok()?;
    Some(Position { segment: i64::from_be_bytes(*segment), offset })
}
