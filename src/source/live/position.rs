//! Progress against files: what can be read now, and whether a stored position can be true.

use cassandra_commitlog::{Position, segment::SegmentEnd};

use super::{
    LiveLog, ReadAhead,
    chain::{Chain, Head, read_head},
    error::SourceError,
    inventory::Held,
};
use crate::{
    checkpoint::Progress,
    source::{ReadError, SegmentFile, SegmentReader},
};

impl LiveLog {
    /// Returns all that can be read now as progress.
    pub(super) fn readable_now(&mut self) -> Result<Progress, SourceError> {
        let mut progress = Progress::default();
        let ids: Vec<i64> = self.inventory.segments.keys().copied().collect();
        for segment in ids {
            if self.inventory.is_over(segment)? {
                progress.finish(segment);
                continue;
            }
            let Some(held) = self.inventory.open(segment)? else {
                continue;
            };
            let state = self.inventory.segments.get(&segment);
            let synced = state.map_or(0, |segment| segment.synced);
            let bound = if self.options.read_ahead == ReadAhead::Synced { synced } else { u64::MAX };
            if let Some(chain) = follow(&held, bound)?.filter(Chain::has_entries) {
                progress.read_to(Position { segment, offset: chain.logical_end });
            }
        }
        // What was opened beyond the bound is closed again.
        self.scan()?;
        Ok(progress)
    }

    /// Checks where a stored progress is in a segment against its file, as far as that can be told now.
    pub(super) fn check_position(&mut self, segment: i64, position: u64) -> Result<(), SourceError> {
        let Some(held) = self.inventory.open(segment)? else {
            return Ok(());
        };
        let unreadable = |source| SourceError::Read { path: held.segment.path.clone(), offset: 0, source };
        if let Head::Whole(header) = read_head(&held.file).map_err(unreadable)?
            && header.id != segment
        {
            let path = held.segment.path.clone();
            return Err(SourceError::HeaderId { path, segment, header: header.id });
        }
        if !self.inventory.is_over(segment)? {
            return Ok(());
        }
        let reaches = follow(&held, u64::MAX)?.is_some_and(|chain| chain.logical_end >= position);
        if reaches {
            return Ok(());
        }
        // Damage may have ended the chain early: only reading it tells.
        let name = Some(held.segment.name);
        let mut reader = SegmentReader::new(self.options.decoder.clone());
        match reader.read(&held.segment.path, name, |_| Ok::<(), ReadError>(())) {
            Ok(end) => self.judge_end(&held.segment, position, end),
            // Gone, or unreadable: reading it will tell.
            Err(_) => Ok(()),
        }
    }

    /// Checks at the end of the segment in hand that the position at which reading began lies in it.
    pub(super) fn check_end(&self, end: SegmentEnd) -> Result<(), SourceError> {
        let file = self.tail.file();
        file.map_or(Ok(()), |file| self.judge_end(file, self.tail.begun_at(), end))
    }

    fn judge_end(&self, file: &SegmentFile, position: u64, end: SegmentEnd) -> Result<(), SourceError> {
        if position <= end.logical_offset {
            return Ok(());
        }
        let (segment, end) = (file.name.id, end.logical_offset);
        let path = file.path.clone();
        if self.options.read_ahead == ReadAhead::Synced {
            return Err(SourceError::BeyondEnd { path, segment, position, end });
        }
        tracing::warn!(
            segment, position, end, path = %path.display(),
            "the stored position is beyond the segment's end: it was read ahead of what was on disk, and the node has lost it"
        );
        Ok(())
    }
}

/// Follows a segment's markers from the first one on.
fn follow(held: &Held, logical_bound: u64) -> Result<Option<Chain>, SourceError> {
    let error = |source| SourceError::Read { path: held.segment.path.clone(), offset: 0, source };
    let Head::Whole(header) = read_head(&held.file).map_err(error)? else {
        return Ok(None);
    };
    let mut chain = Chain::new(&header);
    chain.advance(&held.file, logical_bound).map_err(error)?;
    Ok(Some(chain))
}
