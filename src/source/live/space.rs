//! How full `cdc_raw` is, and how much is left to read.

use std::time::SystemTime;

use super::{LiveLog, Place, event::CdcSpace};

/// What an index file is counted with: a number and `COMPLETED`.
const INDEX_BYTES: u64 = 18;

impl LiveLog {
    /// Returns how full `cdc_raw` is and how much is left to read, as of the last listing. Looks at no file.
    pub fn space(&self) -> CdcSpace {
        let mut space = CdcSpace {
            ignored: self.inventory.ignored,
            open_files: self.inventory.open_files(),
            ..CdcSpace::default()
        };
        let in_hand = self.tail.segment();
        // A node writes to one segment and has one more ready: only these two can have less in them than they are long.
        let newest_two = self.inventory.segments.keys().rev().nth(1).copied();
        for (id, segment) in &self.inventory.segments {
            if let Some(placed) = segment.at(Place::CdcRaw) {
                space.segments += 1;
                space.bytes += placed.bytes;
                if space.oldest_age.is_none() {
                    let modified =
                        placed.modified.and_then(|then| SystemTime::now().duration_since(then).ok());
                    space.oldest_age = modified;
                }
            }
            if let Some(placed) = segment.at(Place::Spool) {
                space.spooled_segments += 1;
                space.spooled_bytes += placed.bytes;
            }
            if !self.known.is_unread(*id) {
                continue;
            }
            space.unread_segments += 1;
            if in_hand == Some(*id) {
                space.unread_bytes += self.tail.unread_bytes();
            } else if segment.completed
                || !self.inventory.is_alive(*id)
                || newest_two.is_some_and(|two| *id < two)
            {
                space.unread_bytes += segment.bytes();
            }
        }
        let indexes = self.inventory.indexes.values().flatten();
        space.bytes += INDEX_BYTES * indexes.filter(|(place, _)| *place == Place::CdcRaw).count() as u64;
        space
    }
}
