//! Range tombstone markers (`ClusteringBoundOrBoundary.Serializer`; format.md §8.4).

use super::{
    Visitor, clustering,
    columns::ReadTable,
    encoding_stats::EncodingStats,
    wire::{Wire, WireError},
};
use crate::{deletion::DeletionTime, mutation::MarkerKind};

impl MarkerKind {
    fn from_wire(kind: u8) -> Option<Self> {
        Some(match kind {
            0 => Self::ExclEndBound,
            1 => Self::InclStartBound,
            2 => Self::ExclEndInclStartBoundary,
            5 => Self::InclEndExclStartBoundary,
            6 => Self::InclEndBound,
            7 => Self::ExclStartBound,
            _ => return None,
        })
    }

    /// Returns true if a range ends here.
    pub fn closes(self) -> bool {
        !matches!(self, Self::InclStartBound | Self::ExclStartBound)
    }

    /// Returns true if a range starts here.
    pub fn opens(self) -> bool {
        !matches!(self, Self::ExclEndBound | Self::InclEndBound)
    }

    /// Returns true for boundaries, where one range ends and another starts.
    pub fn is_boundary(self) -> bool {
        self.closes() && self.opens()
    }

    /// Returns the name that Cassandra prints.
    pub fn name(self) -> &'static str {
        match self {
            Self::ExclEndBound => "EXCL_END_BOUND",
            Self::InclStartBound => "INCL_START_BOUND",
            Self::ExclEndInclStartBoundary => "EXCL_END_INCL_START_BOUNDARY",
            Self::InclEndExclStartBoundary => "INCL_END_EXCL_START_BOUNDARY",
            Self::InclEndBound => "INCL_END_BOUND",
            Self::ExclStartBound => "EXCL_START_BOUND",
        }
    }
}

/// Reads a marker behind its flags byte.
pub(super) fn read<'a, V: Visitor<'a>>(
    wire: &mut Wire<'a>,
    table: &ReadTable,
    stats: &EncodingStats,
    visitor: &mut V,
) -> Result<(), WireError> {
    let kind = wire.u8()?;
    let kind = MarkerKind::from_wire(kind).ok_or(WireError::UnknownMarkerKind)?;
    let count = usize::from(wire.u16()?);
    if count > table.clustering_count() {
        return Err(WireError::TooManyClusteringValues);
    }
    visitor.marker_start(kind);
    clustering::read(wire, table, count, |value| visitor.clustering_value(value))?;
    let mut time = || -> Result<DeletionTime, WireError> {
        let live = DeletionTime { timestamp: i64::MIN, local_deletion_time: i64::MAX };
        Ok(stats.deletion_time(wire)?.unwrap_or(live))
    };
    let first = time()?;
    let (close, open) = if kind.is_boundary() {
        (Some(first), Some(time()?))
    } else if kind.closes() {
        (Some(first), None)
    } else {
        (None, Some(first))
    };
    visitor.marker_end(close, open);
    Ok(())
}
