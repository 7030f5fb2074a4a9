//! Positions of changes in the own log as the protocol's core wants them: numbers that grow, and are the same when the log is
//! read again.

use std::collections::BTreeMap;

use cassandra_commitlog::segment::Entry;

use crate::checkpoint::{Progress, SegmentProgress};

/// Numbers the segments in the order in which this run read them first. A position is the segment's number, and the byte of the
/// log at which the change's entry ends less the entry's length, plus the number of the change in the entry: an entry has fewer
/// changes than bytes, so that no two changes have the same.
#[derive(Debug, Default)]
pub(super) struct AuditPositions {
    numbers: BTreeMap<i64, u64>,
    next: u64,
}

/// Bits of a position that hold the byte in the segment: 1 TiB.
const OFFSET_BITS: u32 = 40;
const OFFSET_MASK: u64 = (1 << OFFSET_BITS) - 1;

impl AuditPositions {
    /// Returns the position of an entry's first change.
    pub(super) fn of(&mut self, entry: &Entry<'_>) -> u64 {
        let number = *self.numbers.entry(entry.position.segment).or_insert_with(|| {
            self.next += 1;
            self.next
        });
        let start = entry.position.offset.saturating_sub(entry.mutation.len() as u64);
        number << OFFSET_BITS | start & OFFSET_MASK
    }

    /// Returns what is left of a progress when the change at this position, and all behind it, is not covered.
    pub(super) fn before(&self, position: u64, progress: &Progress) -> Progress {
        let (limit, start) = (position >> OFFSET_BITS, position & OFFSET_MASK);
        let mut before = Progress::default();
        for (segment, read) in progress.iter() {
            // What this run has not begun was done with before it.
            let number = self.numbers.get(&segment).copied().unwrap_or(0);
            match read {
                _ if number > limit => {}
                SegmentProgress::Finished if number < limit => before.finish(segment),
                SegmentProgress::Finished => {
                    before.read_to(cassandra_commitlog::Position { segment, offset: start });
                }
                SegmentProgress::ReadTo(offset) => {
                    let offset = if number < limit { offset } else { offset.min(start) };
                    before.read_to(cassandra_commitlog::Position { segment, offset });
                }
            }
        }
        before
    }

    /// Forgets a segment that cannot come back.
    pub(super) fn forget(&mut self, segment: i64) {
        self.numbers.remove(&segment);
    }
}

#[cfg(test)]
mod tests {
    use cassandra_commitlog::Position;

    use super::*;

    const MUTATION: [u8; 100] = [0; 100];

    fn entry(segment: i64, offset: u64) -> Entry<'static> {
        Entry { position: Position { segment, offset }, mutation: &MUTATION }
    }

    fn progress(text: &str) -> Progress {
        text.parse().unwrap()
    }

    #[test]
    fn positions_grow_with_the_log_and_are_the_same_when_it_is_read_again() {
        let mut positions = AuditPositions::default();
        // Of two segments the second has the lower id: the node's clock was set back.
        let read: Vec<u64> =
            [(9, 200), (9, 320), (7, 150)].iter().map(|(id, end)| positions.of(&entry(*id, *end))).collect();
        assert!(read[0] + 99 < read[1] && read[1] + 99 < read[2], "{read:?}");
        assert_eq!(positions.of(&entry(9, 320)), read[1]);
        assert_eq!(positions.of(&entry(7, 150)), read[2]);
    }

    #[test]
    fn what_is_before_a_position_covers_the_entries_before_and_not_its_own() {
        let mut positions = AuditPositions::default();
        let first = positions.of(&entry(9, 200));
        let second = positions.of(&entry(9, 320));
        let third = positions.of(&entry(7, 150));
        let all = progress("3,7=150,9");
        assert_eq!(positions.before(third, &all), progress("3,7=50,9"));
        let before = positions.before(second + 5, &all);
        assert!(before.covers(Position { segment: 9, offset: 200 }), "{before}");
        assert!(!before.covers(Position { segment: 9, offset: 320 }), "{before}");
        assert_eq!(before.of(7), None, "it is read after segment 9");
        assert!(before.covers(Position { segment: 3, offset: 1 }), "done with before this run");
        assert!(!positions.before(first, &all).covers(Position { segment: 9, offset: 200 }));
        // A progress that is behind stays there.
        assert_eq!(positions.before(second, &progress("9=150")), progress("9=150"));
    }

    #[test]
    fn a_segment_that_is_gone_is_forgotten() {
        let mut positions = AuditPositions::default();
        let old = positions.of(&entry(9, 200));
        positions.forget(9);
        assert!(positions.of(&entry(9, 200)) > old, "one that comes back is a new one");
    }
}
