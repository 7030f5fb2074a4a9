//! A table of entries in memory.

use super::write_times::WriteTimes;
use crate::dedup::{atoms::Atom, identity::Place, table::Table};

/// A table of entries, and what is known of them.
#[derive(Debug, Default)]
pub(super) struct Layer {
    pub(super) table: Table,
    pub(super) times: WriteTimes,
    /// The first and the last time that was told while they were filed, in milliseconds since 1970.
    pub(super) since_ms: u64,
    pub(super) until_ms: u64,
}

impl Layer {
    /// Begins one at this time, in the memory of another.
    pub(super) fn begin(mut table: Table, now_ms: u64) -> Self {
        table.clear();
        // No time at all was told yet: it may begin at any.
        let since_ms = if now_ms == 0 { u64::MAX } else { now_ms };
        Self { table, times: WriteTimes::default(), since_ms, until_ms: now_ms }
    }

    pub(super) fn file(&mut self, place: Place, atoms: &[Atom]) -> bool {
        let has_room = self.table.add(place.id, atoms);
        if has_room {
            self.times.add(place.timestamp, self.until_ms);
        }
        has_room
    }

    pub(super) fn note_time(&mut self, now_ms: u64) {
        self.since_ms = self.since_ms.min(now_ms);
        self.until_ms = self.until_ms.max(now_ms);
    }

    /// Returns the memory that is held, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.table.bytes() as u64 + self.times.bytes()
    }
}
