//! Reading what is there, in order.

use std::{ops::ControlFlow, time::Instant};

use cassandra_commitlog::segment::SegmentEnd;

use super::{
    LiveLog, ReadAhead,
    error::SourceError,
    event::{LiveEvent, ReadOutcome, UnreadableReason},
    tail::Run,
};

/// What became of the attempt to have a segment in hand.
pub(super) enum Begun {
    /// One is.
    Yes,
    /// There is none to read.
    Nothing,
    /// `tell` broke off.
    Stopped,
}

impl LiveLog {
    /// Tells what is readable now, up to about `budget_bytes` of entries, in the log's order.
    ///
    /// Never blocks but for reading files. An event counts as told even if `tell` breaks off or fails with it. After an
    /// error of the log itself calling again goes on where it was; see [`SourceError::is_retryable`].
    pub fn read<E: From<SourceError>>(
        &mut self,
        budget_bytes: u64,
        mut tell: impl FnMut(LiveEvent<'_>) -> Result<ControlFlow<()>, E>,
    ) -> Result<ReadOutcome, E> {
        self.scan_if_due()?;
        let mut budget = budget_bytes;
        loop {
            if self.tail.segment().is_none() {
                match self.begin_next(&mut tell)? {
                    Begun::Yes => {}
                    Begun::Nothing => return Ok(ReadOutcome::Idle),
                    Begun::Stopped => return Ok(ReadOutcome::Stopped),
                }
            }
            let before = budget;
            let run = self.run(&mut budget, &mut tell);
            if budget < before {
                self.last_entry = Some(Instant::now());
            }
            match run? {
                Run::GoesOn => {}
                Run::Waits => return Ok(ReadOutcome::Idle),
                Run::BudgetSpent => return Ok(ReadOutcome::BudgetSpent),
                Run::Stopped => return Ok(ReadOutcome::Stopped),
                Run::Ended(end) => {
                    if self.finish(end, &mut tell)?.is_break() {
                        return Ok(ReadOutcome::Stopped);
                    }
                }
                Run::Unreadable(reason) => {
                    if self.give_up(reason, &mut tell)?.is_break() {
                        return Ok(ReadOutcome::Stopped);
                    }
                }
            }
        }
    }

    /// Reads on in the segment in hand.
    fn run<E: From<SourceError>>(
        &mut self,
        budget: &mut u64,
        tell: &mut impl FnMut(LiveEvent<'_>) -> Result<ControlFlow<()>, E>,
    ) -> Result<Run, E> {
        if self.tail.is_final() {
            return self.tail.run(budget, u64::MAX, tell);
        }
        let synced = self.synced()?;
        let bound = if self.options.read_ahead == ReadAhead::Synced { synced } else { u64::MAX };
        if let Err(reason) = self.tail.extend(bound)? {
            return Ok(Run::Unreadable(reason));
        }
        match self.tail.run(budget, synced, tell)? {
            Run::Waits if self.goes_on()? => Ok(Run::GoesOn),
            // Only here: what no marker reaches of a segment that is over, the node has lost.
            Run::Waits if self.options.read_ahead == ReadAhead::Written => {
                self.tail.run_ahead(budget, synced, tell)
            }
            run => Ok(run),
        }
    }

    /// Returns the logical offset up to which the segment in hand is on disk.
    fn synced(&mut self) -> Result<u64, SourceError> {
        let Some(id) = self.tail.segment() else {
            return Ok(0);
        };
        self.inventory.refresh_index(id)?;
        let segment = self.inventory.segments.get(&id);
        Ok(segment.map_or(0, |segment| if segment.completed { u64::MAX } else { segment.synced }))
    }

    /// Where the segment in hand has nothing more now: returns true if there is more to do all the same.
    ///
    /// Whether the segment is over is asked first, and its last bytes are read after that.
    fn goes_on(&mut self) -> Result<bool, SourceError> {
        let Some(id) = self.tail.segment().filter(|_| !self.tail.is_final()) else {
            return Ok(false);
        };
        if self.inventory.is_over(id)? {
            self.tail.finalize()?;
            return Ok(true);
        }
        if self.earlier_run_waits(id)?.is_some() {
            self.put_aside();
            return Ok(true);
        }
        Ok(false)
    }

    /// Leaves the segment in hand, to come back to it.
    pub(super) fn put_aside(&mut self) {
        if let Some((id, read_to)) = self.tail.leave()
            && read_to > 0
        {
            self.known.note(id, read_to);
        }
    }

    fn finish<E: From<SourceError>>(
        &mut self,
        end: SegmentEnd,
        tell: &mut impl FnMut(LiveEvent<'_>) -> Result<ControlFlow<()>, E>,
    ) -> Result<ControlFlow<()>, E> {
        self.check_end(end)?;
        let Some((segment, _)) = self.tail.leave() else {
            return Ok(ControlFlow::Continue(()));
        };
        self.known.finish(segment);
        tell(LiveEvent::SegmentFinished { segment, end })
    }

    fn give_up<E: From<SourceError>>(
        &mut self,
        reason: UnreadableReason,
        tell: &mut impl FnMut(LiveEvent<'_>) -> Result<ControlFlow<()>, E>,
    ) -> Result<ControlFlow<()>, E> {
        let file = self.tail.file().cloned();
        let (Some(file), Some((segment, _))) = (file, self.tail.leave()) else {
            return Ok(ControlFlow::Continue(()));
        };
        self.known.give_up(segment);
        self.inventory.close(segment);
        tell(LiveEvent::SegmentUnreadable { file: &file, reason })
    }
}
