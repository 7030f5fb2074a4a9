//! Moving finished segments out of `cdc_raw` before they are read, so that the node keeps taking writes.

use std::fs;

use super::{LiveLog, Place, directory, error::SourceError, event::Spooled, move_file::move_file};

impl LiveLog {
    /// Moves segments that the node does not write to any more from `cdc_raw` to the spool, the oldest first, until
    /// `wanted_bytes` are moved. They are read from there. Does nothing without a spool directory.
    ///
    /// Stops at the first segment that can't be moved.
    pub fn spool(&mut self, wanted_bytes: u64) -> Result<Spooled, SourceError> {
        let mut spooled = Spooled::default();
        if self.options.spool.is_none() {
            return Ok(spooled);
        }
        self.scan()?;
        let ids: Vec<i64> = self
            .inventory
            .segments
            .iter()
            .filter(|(_, segment)| segment.at(Place::CdcRaw).is_some())
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            if spooled.bytes >= wanted_bytes {
                break;
            }
            self.inventory.refresh_index(id)?;
            let is_completed = self.inventory.segments.get(&id).is_some_and(|segment| segment.completed);
            if !is_completed && !self.inventory.is_discarded(id)? {
                continue;
            }
            match self.spool_segment(id) {
                Ok(bytes) => {
                    spooled.segments += 1;
                    spooled.bytes += bytes;
                }
                Err(error) => {
                    spooled.failure = Some(error);
                    break;
                }
            }
        }
        self.scan()?;
        Ok(spooled)
    }

    fn spool_segment(&mut self, id: i64) -> Result<u64, SourceError> {
        let placed = self.inventory.segments.get(&id).and_then(|segment| segment.at(Place::CdcRaw)).cloned();
        let (Some(placed), Some(spool)) = (placed, &self.options.spool) else {
            return Ok(0);
        };
        let cdc_raw = &self.options.cdc_raw;
        let file_name = placed.name.to_string();
        let (from, to) = (cdc_raw.join(&file_name), spool.join(&file_name));
        let failed = |path, source| SourceError::Remove { path, action: "spooled", source };
        match move_file(&from, &to, false) {
            Err(error) if directory::is_missing(&error) => return Ok(0),
            outcome => outcome.map_err(|source| failed(from, source))?,
        }
        let index = placed.name.cdc_index();
        let (from, to) = (cdc_raw.join(&index), spool.join(&index));
        match fs::rename(&from, to) {
            Err(error) if !directory::is_missing(&error) => return Err(failed(from, error)),
            _ => {}
        }
        if let Some(held) = self.inventory.segments.get_mut(&id).and_then(|segment| segment.held.as_mut()) {
            held.segment.path = spool.join(&file_name);
        }
        Ok(placed.bytes)
    }
}
