//! Which segment comes next, and what is missing before it.

use std::{ops::ControlFlow, time::UNIX_EPOCH};

use super::{
    LiveLog,
    error::SourceError,
    event::{Gap, LiveEvent},
    inventory::Place,
    reading::Begun,
};

/// Most ids between two segments that are taken to be of one run of Cassandra without other evidence. A run's first id
/// is the time of its start in milliseconds, and a node takes longer to start than this.
const RUN_IDS_MAX: i64 = 5_000;

/// Most listings in one call because files were gone when they were to be opened.
const VANISHED_MAX: u32 = 16;

impl LiveLog {
    /// Takes the next segment in hand, and tells what is missing before it.
    pub(super) fn begin_next<E: From<SourceError>>(
        &mut self,
        tell: &mut impl FnMut(LiveEvent<'_>) -> Result<ControlFlow<()>, E>,
    ) -> Result<Begun, E> {
        let mut vanished = 0;
        loop {
            if let Some(gap) = self.take_vanished() {
                if tell(LiveEvent::Gap(gap))?.is_break() {
                    return Ok(Begun::Stopped);
                }
                continue;
            }
            let Some(id) = self.next_id()? else {
                return Ok(Begun::Nothing);
            };
            let Some(held) = self.inventory.open(id)? else {
                // Gone between listing and opening.
                vanished += 1;
                if vanished > VANISHED_MAX {
                    return Ok(Begun::Nothing);
                }
                self.scan()?;
                continue;
            };
            if let Some(news) = self.take_news_before(id) {
                if tell(news)?.is_break() {
                    return Ok(Begun::Stopped);
                }
                continue;
            }
            let read_to = self.known.read_to(id);
            // From here on it counts as known: what was told of it is not told again.
            self.known.note(id, read_to);
            if let Some(segment) = self.inventory.segments.get_mut(&id) {
                segment.read_as = Some(held.identity);
            }
            self.tail.begin(&held, read_to);
            self.inventory.keep_bound();
            if self.inventory.is_over(id)? {
                self.tail.finalize()?;
            }
            return Ok(Begun::Yes);
        }
    }

    /// Returns the segment to read next: the lowest id that is not finished, but what an earlier run left first.
    fn next_id(&mut self) -> Result<Option<i64>, SourceError> {
        let Some(lowest) = self.known.lowest_unread() else {
            return Ok(None);
        };
        Ok(Some(match self.earlier_run_waits(lowest)? {
            Some(earlier) => earlier,
            None => lowest,
        }))
    }

    /// Returns the lowest unread segment with a higher id than a growing one, of which it is certain that an earlier
    /// run of Cassandra wrote it: the clock was set back in between.
    ///
    /// A segment that the node has let go of can have a higher id than one in its hands in one run as well, but then a
    /// still higher one is in its hands too: that which it writes to.
    pub(super) fn earlier_run_waits(&mut self, growing: i64) -> Result<Option<i64>, SourceError> {
        if !self.inventory.is_alive(growing) {
            return Ok(None);
        }
        let mut earlier = None;
        for id in self.inventory.segments.range(growing + 1..).map(|(id, _)| *id).rev() {
            if self.inventory.is_alive(id) {
                break;
            }
            if self.known.is_unread(id) {
                earlier = Some(id);
            }
        }
        // The listing of one directory may be a moment older than that of the other.
        let Some(id) = earlier else {
            return Ok(None);
        };
        let is_earlier = self.inventory.is_discarded(id)? && self.inventory.has_entries(id)?;
        Ok((is_earlier && !self.inventory.is_over(growing)?).then_some(id))
    }

    /// Returns a segment that was begun and is gone, once.
    fn take_vanished(&mut self) -> Option<Gap> {
        let segment = self.known.begun().find(|id| !self.inventory.segments.contains_key(id))?;
        let read_to = self.known.read_to(segment);
        self.known.finish(segment);
        Some(Gap::Definite { segment, read_to })
    }

    /// Returns what is to be told before a segment is begun for the first time, once for each.
    fn take_news_before(&mut self, id: i64) -> Option<LiveEvent<'static>> {
        if self.known.is_known(id) {
            return None;
        }
        if let Some(newest) = self.known.newest().filter(|newest| *newest > id) {
            self.known.note(id, 0);
            return Some(LiveEvent::OutOfOrder { segment: id, newest });
        }
        let read = self.known.before(id);
        let listed = self.inventory.segments.range(..id).next_back().map(|(before, _)| *before);
        let before = read.max(listed)?;
        let missing = id - before - 1;
        if missing == 0 || !self.is_one_run(before, id) || !self.gaps_told.insert(before + 1) {
            return None;
        }
        Some(LiveEvent::Gap(Gap::Possible { first: before + 1, last: id - 1 }))
    }

    /// Returns true if two segments are of one run of Cassandra, in which ids are consecutive.
    fn is_one_run(&self, before: i64, id: i64) -> bool {
        if id - before <= RUN_IDS_MAX {
            return true;
        }
        // A run's ids begin with the time of its start: what was written to after that is not of an earlier run.
        let segment = self.inventory.segments.get(&before);
        let modified = segment
            .and_then(|segment| Place::ALL.into_iter().find_map(|place| segment.at(place)?.modified))
            .and_then(|modified| modified.duration_since(UNIX_EPOCH).ok());
        modified.is_some_and(|modified| i64::try_from(modified.as_millis()).is_ok_and(|written| written > id))
    }
}
