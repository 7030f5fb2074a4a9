//! The reading thread: the live log in, sealed batches out; takes what is committed into the local state, and releases
//! segments behind it.

use std::time::{Duration, Instant, SystemTime};

use cassandra_commitlog::Position;

use super::{
    accounting::Accounting,
    decoding::Decoding,
    error::AgentError,
    in_flight::{InFlight, InFlightBatches},
    report::Report,
    sending::{Committed, SealedBatch},
    sending_thread::{BatchSource, Offered, ReadingEnd, ToSender},
    spare_batches::SpareBatches,
    starting_point::includes,
    work::Work,
};
use crate::{
    checkpoint::{Progress, SegmentProgress},
    schema::live::Check,
    sink::{RecordBatch, StopSignal, kafka::StoredPosition},
    source::{Gap, LiveEvent, LiveLog, ReadOutcome, Released},
    telemetry::phase::{Phase, PhaseMark},
};

/// Limits and intervals of the reading thread.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// A batch of this many bytes is complete.
    pub(super) batch_bytes_max: usize,
    /// How often what is committed is made durable locally, and segments are released.
    pub(super) checkpoint_interval: Duration,
    /// How often a position is committed that moved without records.
    pub(super) position_interval: Duration,
    /// How often the node's schema is compared with ours.
    pub(super) schema_interval: Duration,
    /// How many bytes of segments may lie in the spool, if there is one.
    pub(super) spool_bytes_max: Option<u64>,
    /// How long what was published is known.
    pub(super) window: Duration,
}

/// A batch of this many records is complete.
pub(super) const BATCH_RECORDS_MAX: usize = 10_000;
/// Bytes of the log that are read before acks are looked at again.
const READ_BUDGET_BYTES: u64 = 4 << 20;
/// How long one wait for acks lasts while the queue is full.
const QUEUE_WAIT: Duration = Duration::from_millis(20);
/// Bytes that are moved to the spool at a time.
const SPOOL_STEP_BYTES: u64 = 256 << 20;

/// Reads one node's log. Lives as long as the agent; the sending thread is made anew after each failure.
pub(super) struct Reading {
    pub(super) live: LiveLog,
    pub(super) work: Work,
    pub(super) in_flight: InFlightBatches,
    pub(super) limits: Limits,
    pub(super) report: Report,
    pub(super) phase: PhaseMark,
    /// Template of positions: who we are.
    pub(super) position: StoredPosition,
    spare: SpareBatches,
    stop: StopSignal,
    /// What was sealed last.
    sealed: Progress,
    next: Next,
}

/// When what is done at intervals is due.
#[derive(Debug)]
struct Next {
    checkpoint: Instant,
    position: Instant,
    schema: Instant,
}

impl Reading {
    pub(super) fn new(
        live: LiveLog,
        work: Work,
        limits: Limits,
        report: Report,
        phase: PhaseMark,
        position: StoredPosition,
        stop: StopSignal,
    ) -> Self {
        let now = Instant::now();
        let next = Next {
            checkpoint: now + limits.checkpoint_interval,
            position: now + limits.position_interval,
            schema: now + limits.schema_interval,
        };
        let sealed = work.progress.clone();
        Self {
            live,
            work,
            in_flight: InFlightBatches::default(),
            limits,
            report,
            phase,
            position,
            spare: SpareBatches::new(limits.batch_bytes_max),
            stop,
            sealed,
            next,
        }
    }

    fn read_log(&mut self) -> Result<ReadOutcome, AgentError> {
        let Self { live, work, report, limits, .. } = self;
        let read = live.read(READ_BUDGET_BYTES, |event| -> Result<_, AgentError> {
            handle(work, report, event)?;
            let is_full = !work.decoding.damages.is_empty()
                || work.batch.bytes() >= limits.batch_bytes_max
                || work.batch.records().len() >= BATCH_RECORDS_MAX;
            Ok(if is_full { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) })
        });
        let Work { decoding, published, .. } = work;
        decoding.put_damages_aside(
            |segment| published.of(segment) == Some(SegmentProgress::Finished),
            |damage| live.bytes(damage.segment, damage.passed_over.clone()),
        )?;
        match read {
            Err(AgentError::Source(error)) if error.is_retryable() => {
                // A permission that is lost may be given back; nothing was skipped.
                report.source_error(&error);
                Ok(ReadOutcome::Idle)
            }
            other => {
                report.source_is_well();
                other
            }
        }
    }

    /// Records leave as soon as nothing more can be read at once; a position alone can wait.
    fn is_batch_due(&self, outcome: ReadOutcome) -> bool {
        let is_full = outcome == ReadOutcome::Stopped;
        let is_quiet = outcome == ReadOutcome::Idle && !self.work.batch.is_empty();
        let position_moved = self.work.progress != self.sealed && Instant::now() >= self.next.position;
        is_full || is_quiet || position_moved
    }

    /// Seals what was read since the last batch and hands it to the sending thread, which may take a while: acks are taken
    /// meanwhile, and the local state is kept. Returns false if the sending thread has ended.
    fn hand_over(&mut self, sender: &ToSender<StoredPosition>) -> Result<bool, AgentError> {
        self.work.keep_learnt()?;
        if self.work.progress == self.sealed && self.work.batch.is_empty() {
            return Ok(true);
        }
        if self.work.published.includes(&self.work.progress) && self.work.batch.is_empty() {
            // Still in what is published already: the index has kept it.
            self.sealed = self.work.progress.clone();
            return Ok(true);
        }
        let mut sealed = self.seal()?;
        loop {
            match sender.offer(sealed) {
                Offered::Taken => return Ok(true),
                Offered::SenderEnded => return Ok(false),
                Offered::NoRoom(back) => sealed = back,
            }
            self.phase.set(Phase::Idle);
            self.report.waits_for_room();
            match sender.wait_for_ack(QUEUE_WAIT) {
                Ok(Some(committed)) => self.committed(committed)?,
                Ok(None) => {}
                Err(_) => return Ok(false),
            }
            self.keep_up(Instant::now())?;
        }
    }

    /// Everything that a restart from here needs is durable before the batch leaves: the schema, and what was put aside.
    fn seal(&mut self) -> Result<SealedBatch<StoredPosition>, AgentError> {
        let work = &mut self.work;
        let Decoding { schema, quarantine, patience, .. } = &mut work.decoding;
        let read_to = newest_position(&work.progress);
        patience.wait_for_room(|| schema.save(read_to))?;
        patience.wait_for_room(|| quarantine.sync())?;
        let number = work.index.seal(work.progress.clone());
        let records = std::mem::replace(&mut work.batch, self.spare.take());
        let mut counted = std::mem::take(&mut work.counted);
        count_records(&records, &mut counted);
        self.in_flight.push(InFlight {
            number,
            progress: work.progress.clone(),
            since: Instant::now(),
            counted,
        });
        self.sealed = work.progress.clone();
        self.next.position = Instant::now() + self.limits.position_interval;
        let position = StoredPosition { progress: work.progress.clone(), ..self.position.clone() };
        Ok(SealedBatch { number, records, position })
    }

    /// Does what is due at intervals.
    fn keep_up(&mut self, now: Instant) -> Result<(), AgentError> {
        // With nothing under way, a segment that is done with need not take up room until the next second.
        let can_release = self.work.has_finished && self.in_flight.is_empty() && self.work.batch.is_empty();
        if now < self.next.checkpoint && !can_release && !self.work.decoding.schema.is_crowded() {
            return Ok(());
        }
        self.checkpoint()?;
        self.next.checkpoint = Instant::now() + self.limits.checkpoint_interval;
        self.work.window_start = window_start(self.limits.window);
        self.report.in_flight(&self.in_flight);
        make_room(&mut self.live, &mut self.report, self.limits.spool_bytes_max);
        if now >= self.next.schema && self.in_flight.is_empty() {
            self.next.schema = now + self.limits.schema_interval;
            let checked = self.work.decoding.schema.check(newest_position(&self.work.progress));
            self.report.schema_checked(&checked);
            if let Ok(Check::Mended(changes)) = checked {
                self.work.told_by_node(&changes)?;
            }
        }
        Ok(())
    }

    /// Makes durable what is committed, then releases the segments behind it: never the other way round.
    fn checkpoint(&mut self) -> Result<(), AgentError> {
        self.phase.set(Phase::Checkpoint);
        self.work.has_finished = false;
        let Work { index, decoding, .. } = &mut self.work;
        let durable = decoding.patience.wait_for_room(|| index.sync(SystemTime::now()))?;
        self.work.decoding.schema.forget_before(&durable)?;
        self.phase.set(Phase::Release);
        let released = match self.live.release(&durable) {
            Err(error) if error.is_retryable() => Released { failure: Some(error), ..Released::default() },
            other => other?,
        };
        for segment in &released.forget {
            self.work.progress.forget(*segment);
        }
        self.report.checkpoint(&durable, released, self.work.index.stats());
        self.report.quarantine(&self.work.decoding.quarantine.stats());
        Ok(())
    }

    /// Nothing was published for this node before: the tables that are there are told first, and the position is
    /// committed as soon as the log was looked at, so that a crash passes over no more than `start` says.
    pub(super) fn begin_first(&mut self) -> Result<(), AgentError> {
        let creations = self.work.decoding.schema.creations();
        self.work.told_by_node(&creations)?;
        self.sealed = Progress::default();
        self.next.position = Instant::now();
        Ok(())
    }

    /// Goes on from what Kafka says is published, after a transaction whose outcome was not known or that was given up:
    /// what of the batches in flight is published is kept, the rest is read again.
    pub(super) fn recover(&mut self, published: &Progress) -> Result<(), AgentError> {
        let known = self.work.index.committed().clone();
        match self.in_flight.resolve(published) {
            Some(done) => {
                let Work { index, decoding, .. } = &mut self.work;
                decoding.patience.wait_for_room(|| index.commit(done.number))?;
                self.report.committed(&done, Duration::ZERO);
            }
            None if known == *published => {}
            // Still learning what was published before this run began.
            None if self.work.published == *published
                && includes(published, &known, |segment| self.live.has(segment)) => {}
            None => {
                return Err(AgentError::Position(format!(
                    "the position in Kafka is `{published}`, which this agent did not write last (that was `{known}`): does \
                     another agent run for this node?"
                )));
            }
        }
        self.work.index.abort();
        let known = self.work.index.committed().clone();
        self.work.batch.clear();
        self.work.counted = Accounting::default();
        self.work.learnt = 0;
        self.work.published = published.clone();
        self.work.decoding.schema.rewind(&known)?;
        self.live.seek(&known)?;
        self.sealed = known.clone();
        self.work.progress = known;
        self.report.recovered();
        Ok(())
    }
}

impl BatchSource for Reading {
    type Position = StoredPosition;

    fn read(&mut self, sender: &ToSender<StoredPosition>) -> Result<ReadingEnd, AgentError> {
        loop {
            if !self.take_acks(sender)? {
                return Ok(ReadingEnd::SenderEnded);
            }
            self.keep_up(Instant::now())?;
            if self.stop.is_stopped() {
                let handed_over = self.hand_over(sender)?;
                return Ok(if handed_over { ReadingEnd::Stopped } else { ReadingEnd::SenderEnded });
            }
            self.phase.set(Phase::Reading);
            let outcome = self.read_log()?;
            let is_due = self.is_batch_due(outcome);
            if is_due && !self.hand_over(sender)? {
                return Ok(ReadingEnd::SenderEnded);
            }
            if outcome == ReadOutcome::Idle {
                self.phase.set(Phase::Idle);
                self.report.caught_up(self.in_flight.is_empty());
                self.live.wait(self.limits.checkpoint_interval);
            }
        }
    }

    fn committed(&mut self, committed: Committed) -> Result<(), AgentError> {
        let Work { index, decoding, .. } = &mut self.work;
        decoding.patience.wait_for_room(|| index.commit(committed.up_to))?;
        if let Some(done) = self.in_flight.committed(committed.up_to) {
            self.report.committed(&done, committed.took);
        }
        self.spare.give_back(committed.buffers);
        Ok(())
    }

    fn finish(&mut self) -> Result<(), AgentError> {
        self.checkpoint()
    }
}

/// Notes how full `cdc_raw` is, and moves segments to the spool when it is almost full and there is a spool with room.
pub(super) fn make_room(live: &mut LiveLog, report: &mut Report, spool_bytes_max: Option<u64>) {
    let space = live.space();
    report.space(&space);
    let Some(bytes_max) = spool_bytes_max else { return };
    let room = bytes_max.saturating_sub(space.spooled_bytes).min(SPOOL_STEP_BYTES);
    if room > 0 && report.is_space_critical() {
        report.spooled(live.spool(room));
    }
}

/// Returns the write time, in microseconds, at which the dedup window begins.
pub(super) fn window_start(window: Duration) -> i64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.saturating_sub(window).as_micros()).unwrap_or(i64::MAX)
}

/// Does what an event of the log asks for.
fn handle(work: &mut Work, report: &mut Report, event: LiveEvent<'_>) -> Result<(), AgentError> {
    match event {
        LiveEvent::SegmentStarted { file, header } => {
            work.decoding.begin_segment(file.name, header.version);
            report.segment_started(file);
        }
        LiveEvent::Entry { entry, early } => work.entry(entry, early)?,
        LiveEvent::Damage(damage) => {
            report.damage(damage);
            work.decoding.damages.push(damage.clone());
        }
        LiveEvent::SegmentFinished { segment, end } => {
            work.progress.finish(segment);
            work.has_finished = true;
            report.segment_finished(segment, end);
        }
        LiveEvent::SegmentUnreadable { file, reason } => report.unreadable(file, &reason),
        LiveEvent::Gap(gap) => gap_met(work, report, gap)?,
        LiveEvent::OutOfOrder { segment, newest } => Report::out_of_order(segment, newest),
    }
    Ok(())
}

/// What is missing may have held changes of the schema: the node is asked for it.
fn gap_met(work: &mut Work, report: &mut Report, gap: Gap) -> Result<(), AgentError> {
    if let Gap::Definite { segment, .. } = gap {
        work.progress.finish(segment);
        if work.published.of(segment) == Some(SegmentProgress::Finished) {
            return Ok(());
        }
    }
    report.gap(gap);
    match work.decoding.schema.gap(newest_position(&work.progress)) {
        Ok(changes) => work.told_by_node(&changes),
        Err(error) => {
            tracing::warn!(%error, "the node's schema could not be asked for after a gap; it is asked for again when a table is not known");
            Ok(())
        }
    }
}

/// Returns the position that stands for a progress in the schema's history.
pub(super) fn newest_position(progress: &Progress) -> Position {
    match progress.newest() {
        None => Position::START,
        Some((segment, SegmentProgress::ReadTo(offset))) => Position { segment, offset },
        Some((segment, SegmentProgress::Finished)) => Position { segment, offset: u64::MAX },
    }
}

/// Counts a batch's records by topic and `op`.
pub(super) fn count_records(batch: &RecordBatch, counted: &mut Accounting) {
    for record in batch.records() {
        if let Some(topic) = batch.topic(record) {
            let op = if batch.value(record).is_some() { record.headers.op } else { "tombstone" };
            counted.count_records(topic, op, 1);
        }
    }
}
