//! How far each segment was read.

use std::collections::{BTreeMap, BTreeSet};

use crate::checkpoint::{Progress, SegmentProgress};

/// The progress as the live log needs it: found by neighbours, and what is left to do at hand.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The segment in hand stands with how far it had been read when it was begun.
    read: BTreeMap<i64, SegmentProgress>,
    /// Those that were begun and are not finished.
    begun: BTreeSet<i64>,
    /// Segments that can't be read; they were told of.
    unreadable: BTreeSet<i64>,
    /// Segments that are there and neither finished nor unreadable.
    unread: BTreeSet<i64>,
}

impl Known {
    /// Goes to a progress.
    pub(super) fn seek(&mut self, progress: &Progress) {
        self.read = progress.iter().collect();
        self.begun = self.positions().map(|(id, _)| id).collect();
    }

    /// Takes in which segments are there.
    pub(super) fn list(&mut self, ids: impl Iterator<Item = i64>) {
        self.unread = ids.filter(|id| self.is_unread(*id)).collect();
    }

    /// Returns the segments that were begun and are not finished, with their logical offsets.
    pub(super) fn positions(&self) -> impl Iterator<Item = (i64, u64)> {
        self.read.iter().filter_map(|(id, read)| match read {
            SegmentProgress::ReadTo(offset) => Some((*id, *offset)),
            SegmentProgress::Finished => None,
        })
    }

    /// Returns the ids of the segments that were begun and are not finished.
    pub(super) fn begun(&self) -> impl Iterator<Item = i64> {
        self.begun.iter().copied()
    }

    /// Returns true unless a segment is finished or can't be read.
    pub(super) fn is_unread(&self, id: i64) -> bool {
        !self.is_finished(id) && !self.unreadable.contains(&id)
    }

    pub(super) fn is_finished(&self, id: i64) -> bool {
        self.read.get(&id) == Some(&SegmentProgress::Finished)
    }

    /// Returns the lowest unread segment that is there.
    pub(super) fn lowest_unread(&self) -> Option<i64> {
        self.unread.first().copied()
    }

    /// Returns true if a segment was begun or finished.
    pub(super) fn is_known(&self, id: i64) -> bool {
        self.read.contains_key(&id)
    }

    /// Returns the logical offset up to which a segment was read.
    pub(super) fn read_to(&self, id: i64) -> u64 {
        match self.read.get(&id) {
            Some(SegmentProgress::ReadTo(offset)) => *offset,
            _ => 0,
        }
    }

    /// Returns the highest id that was begun or finished.
    pub(super) fn newest(&self) -> Option<i64> {
        self.read.last_key_value().map(|(id, _)| *id)
    }

    /// Returns the lowest id that was begun or finished.
    pub(super) fn oldest(&self) -> Option<i64> {
        self.read.first_key_value().map(|(id, _)| *id)
    }

    /// Returns the highest id below this one that was begun or finished.
    pub(super) fn before(&self, id: i64) -> Option<i64> {
        self.read.range(..id).next_back().map(|(before, _)| *before)
    }

    /// Notes how far a segment was read.
    pub(super) fn note(&mut self, id: i64, read_to: u64) {
        self.read.insert(id, SegmentProgress::ReadTo(read_to));
        self.begun.insert(id);
    }

    /// Notes that a segment was read to its end, or is gone.
    pub(super) fn finish(&mut self, id: i64) {
        self.read.insert(id, SegmentProgress::Finished);
        self.begun.remove(&id);
        self.unread.remove(&id);
    }

    /// Notes that a segment can't be read.
    pub(super) fn give_up(&mut self, id: i64) {
        self.unreadable.insert(id);
        self.unread.remove(&id);
    }

    /// Forgets a finished segment.
    pub(super) fn forget(&mut self, id: i64) {
        self.read.remove(&id);
    }
}
