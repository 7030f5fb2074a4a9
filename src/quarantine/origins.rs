//! Where the entries of a quarantined segment stood.

use std::{collections::HashMap, path::Path};

use cassandra_commitlog::{Position, segment::SegmentFileName};

use super::{
    QuarantineError,
    item::{ItemKind, lines_name, read_lines},
};

/// Positions that the entries of a quarantined segment had in the log.
#[derive(Debug)]
pub(crate) struct Origins {
    /// Logical offset in the log, by the one in the quarantined segment.
    offsets: HashMap<u64, u64>,
}

impl Origins {
    /// Reads what is noted beside a segment's file; `None` if it is no quarantined one.
    pub(crate) fn beside(path: &Path, segment: SegmentFileName) -> Result<Option<Self>, QuarantineError> {
        let lines = path.with_file_name(lines_name(segment));
        if !lines.exists() {
            return Ok(None);
        }
        let items = read_lines(&lines)?.into_iter().filter(|item| item.kind == ItemKind::Entry);
        Ok(Some(Self { offsets: items.map(|item| (item.end, item.position)).collect() }))
    }

    /// Returns where an entry stood. `None`: it was being put here when the agent died, and comes again from the log.
    pub(crate) fn of(&self, position: Position) -> Option<Position> {
        self.offsets.get(&position.offset).map(|offset| Position { offset: *offset, ..position })
    }
}
