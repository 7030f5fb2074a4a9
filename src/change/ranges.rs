//! Pairing range tombstone markers into deleted ranges.

use cassandra_commitlog::{
    deletion::DeletionTime,
    mutation::{MarkerKind, RangeTombstoneMarker},
};

use super::{DeletedRange, RangeBound};

/// Gives each range that an update's markers delete, with its write time. A boundary ends one range and starts another.
pub(super) fn pair<'a>(markers: &[RangeTombstoneMarker<'a>], mut give: impl FnMut(i64, DeletedRange<'a>)) {
    let mut open: Option<(Option<RangeBound<'a>>, DeletionTime)> = None;
    for marker in markers {
        if marker.kind.closes()
            && let Some((start, deletion)) = open.take()
        {
            let end = bound(marker, includes_end(marker.kind));
            let local_deletion_time = deletion.local_deletion_time;
            give(deletion.timestamp, DeletedRange { start, end, local_deletion_time });
        }
        if let Some(deletion) = marker.open {
            open = Some((bound(marker, includes_start(marker.kind)), deletion));
        }
    }
}

/// Returns a bound; without values it is open.
fn bound<'a>(marker: &RangeTombstoneMarker<'a>, inclusive: bool) -> Option<RangeBound<'a>> {
    (!marker.clustering.is_empty()).then(|| RangeBound { values: marker.clustering.clone(), inclusive })
}

fn includes_end(kind: MarkerKind) -> bool {
    matches!(kind, MarkerKind::InclEndBound | MarkerKind::InclEndExclStartBoundary)
}

fn includes_start(kind: MarkerKind) -> bool {
    matches!(kind, MarkerKind::InclStartBound | MarkerKind::ExclEndInclStartBoundary)
}
