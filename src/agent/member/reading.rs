//! The reading thread of a cluster's member: the own log and what the others say in, sealed batches with the ledger's records
//! out; makes durable what is confirmed, and releases segments behind it.

use std::{
    collections::VecDeque,
    ops::ControlFlow,
    sync::mpsc::Receiver,
    time::{Duration, Instant},
};

use super::{membership::Relayed, node_watch::NodeTold, work::MemberWork};
use crate::{
    agent::{
        decoding::Decoding,
        error::AgentError,
        in_flight::{InFlight, InFlightBatches},
        reading::{BATCH_RECORDS_MAX, Limits},
        report::Report,
        sending::{Committed, SealedBatch},
        sending_thread::{BatchSource, Offered, ReadingEnd, ToSender},
        spare_batches::SpareBatches,
        stops::Stops,
    },
    checkpoint::{Progress, SegmentProgress},
    cluster::{
        core::{Event, Outcome},
        names::is_of_tables,
        record::LedgerRecord,
    },
    sink::RecordBatch,
    source::{LiveLog, ReadOutcome},
    telemetry::phase::{Phase, PhaseMark},
};

/// Bytes of the log that are read before the other agents are listened to again.
const READ_BUDGET_BYTES: u64 = 1 << 20;
/// How long the log is waited for at most: the other agents are to be listened to, too.
const WAIT_MAX: Duration = Duration::from_millis(25);
/// How long one wait lasts while the sending thread takes nothing.
const FULL_WAIT: Duration = Duration::from_millis(5);
/// How long giving the tokens back may take when the agent ends.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(6);
/// How long after the begin of its session an agent has found out what it can own without waiting for others.
const SETTLE_UP: Duration = Duration::from_millis(1_500);
/// After this time the log is read in any case.
const SETTLE_MAX: Duration = Duration::from_secs(5);

/// What is sent: a batch with what the ledger says of it.
pub(super) type LedgerBatch = SealedBatch<Vec<LedgerRecord>>;

/// Reads one node's log as a member of a cluster. Lives as long as the agent; the sending thread is made anew with each session.
pub(super) struct MemberReading {
    pub(super) live: LiveLog,
    pub(super) work: MemberWork,
    pub(super) in_flight: InFlightBatches,
    pub(super) report: Report,
    pub(super) phase: PhaseMark,
    pub(super) settings: MemberSettings,
    pub(super) node_told: Receiver<NodeTold>,
    outbox: VecDeque<LedgerBatch>,
    spare: SpareBatches,
    stops: Stops,
    next: Next,
    leaving_since: Option<Instant>,
    /// Up to where the audit is durable, and since when.
    pub(super) durable: Progress,
    pub(super) checkpointed: Instant,
    started: Instant,
    /// Since when there has been a session.
    up_since: Option<Instant>,
    /// The log is read.
    settled: bool,
}

/// Limits and intervals.
#[derive(Debug, Clone)]
pub(super) struct MemberSettings {
    pub(super) limits: Limits,
    pub(super) pending_changes_max: usize,
    /// After how long without an answer of the local node its tokens are given back.
    pub(super) node_down_max: Duration,
}

#[derive(Debug)]
struct Next {
    checkpoint: Instant,
    schema: Instant,
}

impl MemberReading {
    pub(super) fn new(
        live: LiveLog,
        work: MemberWork,
        report: Report,
        phase: PhaseMark,
        node_told: Receiver<NodeTold>,
        settings: MemberSettings,
        stops: Stops,
    ) -> Self {
        let now = Instant::now();
        let spare = SpareBatches::new(settings.limits.batch_bytes_max);
        let next = Next {
            checkpoint: now + settings.limits.checkpoint_interval,
            schema: now + settings.limits.schema_interval,
        };
        Self {
            live,
            work,
            in_flight: InFlightBatches::default(),
            report,
            phase,
            settings,
            node_told,
            outbox: VecDeque::new(),
            spare,
            stops,
            next,
            leaving_since: None,
            durable: Progress::default(),
            checkpointed: now,
            started: now,
            up_since: None,
            settled: false,
        }
    }

    /// Reads, until it is asked to stop, the sending thread ends, or a new one is needed. Without a sender nothing is published,
    /// but the log is audited.
    pub(super) fn run(
        &mut self,
        sender: Option<&ToSender<Vec<LedgerRecord>>>,
    ) -> Result<ReadingEnd, AgentError> {
        loop {
            if let Some(sender) = sender
                && !self.take_acks(sender)?
            {
                return Ok(ReadingEnd::SenderEnded);
            }
            self.listen()?;
            if self.work.member.wants.initialise {
                return Ok(ReadingEnd::WantsProducer);
            }
            if self.is_to_end(sender.is_some())? {
                return Ok(ReadingEnd::Stopped);
            }
            self.go_where_wanted()?;
            self.relay_to_owners()?;
            self.keep_up()?;
            let outcome = match () {
                () if !self.outbox.is_empty() => ReadOutcome::Stopped,
                () if self.is_settling() => self.hold_segments(),
                () => self.read_log()?,
            };
            if let Some(to) = self.work.goes_to.take() {
                self.go_to(&to)?;
            }
            if outcome == ReadOutcome::Idle && self.settled && self.work.log.is_at_furthest() {
                self.head_is_at_the_end()?;
            }
            if let Some(to) = self.work.log.turn(self.has_room(), outcome == ReadOutcome::Idle) {
                self.go_to(&to)?;
            }
            self.seal_if_due(outcome)?;
            if let Some(sender) = sender
                && !self.hand_over(sender)
            {
                return Ok(ReadingEnd::SenderEnded);
            }
            self.rest(outcome);
        }
    }

    /// The producer is gone with all that was not committed: the core begins a new session, and asks for another one.
    pub(super) fn producer_lost(&mut self) -> Result<(), AgentError> {
        self.drop_open();
        if self.work.member.wants.initialise {
            return Ok(());
        }
        self.work.member.handle(Event::ProducerLost)
    }

    /// There is a new producer.
    fn producer_made(&mut self) -> Result<(), AgentError> {
        self.drop_open();
        self.work.member.wants.initialise = false;
        self.work.member.tick();
        let is_again = self.work.member.counts.sessions > 0;
        self.work.member.initialised()?;
        if is_again {
            self.report.recovered();
        }
        Ok(())
    }

    fn drop_open(&mut self) {
        self.outbox.clear();
        self.work.records.batch.clear();
        self.in_flight = InFlightBatches::default();
    }

    /// Takes in what the other agents, and the node, say.
    fn listen(&mut self) -> Result<(), AgentError> {
        self.work.member.tick();
        let mut relayed: Vec<Relayed> = Vec::new();
        let has_more = self.work.member.hear(&mut relayed)?;
        for one in &relayed {
            self.work.publish_relayed(one)?;
        }
        if has_more && self.work.member.core.index().wants_sync() {
            self.checkpoint()?;
        }
        self.hear_of_node()
    }

    /// Goes back where the core wants to.
    fn go_where_wanted(&mut self) -> Result<(), AgentError> {
        if let Some(position) = self.work.member.wants.rewind_audit.take() {
            self.work.member.counts.rewinds += 1;
            let to = self.work.positions.before(position, &self.work.log.audit);
            let to = self.work.log.rewind_audit(to);
            self.go_to(&to)?;
        }
        if std::mem::take(&mut self.work.member.wants.rewind_head) {
            self.work.member.counts.rewinds += 1;
            let audit = self.work.log.audit.clone();
            let low = self.work.member.core.audit_low();
            let to = low.map_or_else(|| audit.clone(), |low| self.work.positions.before(low, &audit));
            tracing::debug!(to = %to, "new tokens: what is unconfirmed is read again");
            let to = self.work.log.rewind_head(to);
            self.go_to(&to)?;
            self.work.member.handle(Event::PassBegun)?;
            self.work.publish_told()?;
        }
        Ok(())
    }

    /// Goes to another position of the log, with the schema of there.
    fn go_to(&mut self, to: &Progress) -> Result<(), AgentError> {
        self.work.decoding.schema.seek(to)?;
        self.live.seek(to)?;
        Ok(())
    }

    /// Returns true right after the start, while it is not known yet what this agent owns: what was read before that would
    /// have to be read again.
    fn is_settling(&mut self) -> bool {
        if !self.settled {
            let core = &self.work.member.core;
            let is_up = core.session().is_some();
            self.up_since = self.up_since.filter(|_| is_up).or_else(|| is_up.then(Instant::now));
            let has_looked = self.up_since.is_some_and(|since| since.elapsed() >= SETTLE_UP);
            self.settled = core.own_ranges().any(|(keyspace, _)| is_of_tables(keyspace))
                || has_looked && !core.is_taking_over()
                || self.started.elapsed() >= SETTLE_MAX;
        }
        !self.settled
    }

    /// New segments are opened, so that they can be read though the node removes them.
    fn hold_segments(&mut self) -> ReadOutcome {
        // What can't be listed now is told when it is read.
        let _ = self.live.look();
        ReadOutcome::Idle
    }

    fn read_log(&mut self) -> Result<ReadOutcome, AgentError> {
        self.phase.set(Phase::Reading);
        let Self { live, work, report, settings, .. } = self;
        let read = live.read(READ_BUDGET_BYTES, |event| -> Result<_, AgentError> {
            let goes_on = work.event(event, report)?;
            let is_full = !work.decoding.damages.is_empty()
                || work.records.batch.bytes() >= settings.limits.batch_bytes_max
                || work.records.batch.records().len() >= BATCH_RECORDS_MAX;
            Ok(if is_full { ControlFlow::Break(()) } else { goes_on })
        });
        let MemberWork { decoding, log, .. } = work;
        decoding.put_damages_aside(
            |segment| log.furthest.of(segment) == Some(SegmentProgress::Finished),
            |damage| live.bytes(damage.segment, damage.passed_over.clone()),
        )?;
        match read {
            Err(AgentError::Source(error)) if error.is_retryable() => {
                self.report.source_error(&error);
                self.work.standing.source_error = Some(error.to_string());
                Ok(ReadOutcome::Idle)
            }
            other => {
                self.report.source_is_well();
                self.work.standing.source_error = None;
                other
            }
        }
    }

    /// Everything that is readable was read for publishing.
    fn head_is_at_the_end(&mut self) -> Result<(), AgentError> {
        self.work.member.handle(Event::PassEnded)?;
        self.work.member.handle(Event::PassBegun)?;
        let is_audited = !self.work.log.audit_stands() && !self.work.log.audit_is_behind();
        if is_audited {
            // What is unconfirmed may have copies in the ledger from when it was written, and those are a grace old or so.
            let oldest = self.work.member.core.pending_since_ms().map(|since| self.work.member.age_of(since));
            let age_ms = u64::try_from(oldest.unwrap_or_default().as_millis()).unwrap_or(u64::MAX);
            let audited_ms = self.work.member.ledger_ms.saturating_sub(age_ms);
            self.work.standing.audited_ms = self.work.standing.audited_ms.max(audited_ms);
        }
        self.work.standing.is_caught_up =
            is_audited && self.work.member.core.audit_low().is_none() && self.work.records.batch.is_empty();
        self.report.caught_up(self.work.standing.is_caught_up);
        Ok(())
    }

    /// Returns true if more may be unconfirmed.
    fn has_room(&self) -> bool {
        self.work.member.core.pending_count() <= self.settings.pending_changes_max / 2
            && self.work.kept.bytes() <= self.work.pending_bytes_max / 2
    }

    /// Records leave as soon as nothing more can be read at once.
    fn seal_if_due(&mut self, outcome: ReadOutcome) -> Result<(), AgentError> {
        self.send_greeting();
        if self.work.member.core.session().is_none() || !self.outbox.is_empty() {
            return Ok(());
        }
        let has_records = !self.work.records.batch.is_empty();
        let is_full = outcome == ReadOutcome::Stopped && has_records;
        let is_quiet = outcome == ReadOutcome::Idle && has_records;
        if is_full || is_quiet || self.work.member.core.wants_seal() {
            self.seal()?;
        }
        Ok(())
    }

    /// What the core says without a batch: that there is a new session.
    fn send_greeting(&mut self) {
        while let Some(transaction) = self.work.member.wants.transactions.pop_front() {
            self.outbox.push_back(SealedBatch {
                number: transaction.number.into(),
                records: RecordBatch::default(),
                position: transaction.records,
            });
        }
    }

    fn seal(&mut self) -> Result<(), AgentError> {
        let Decoding { quarantine, patience, .. } = &mut self.work.decoding;
        patience.wait_for_room(|| quarantine.sync())?;
        let Some(transaction) = self.work.member.seal() else { return Ok(()) };
        let records = std::mem::replace(&mut self.work.records.batch, self.spare.take());
        let counted = self.work.records.take_counted(&records);
        let number = transaction.number.into();
        self.in_flight.push(InFlight {
            number,
            progress: self.work.log.head.clone(),
            since: Instant::now(),
            counted,
        });
        self.outbox.push_back(SealedBatch { number, records, position: transaction.records });
        Ok(())
    }

    /// Hands sealed batches to the sending thread as far as it takes them. Returns false if it has ended.
    fn hand_over(&mut self, sender: &ToSender<Vec<LedgerRecord>>) -> bool {
        while let Some(batch) = self.outbox.pop_front() {
            match sender.offer(batch) {
                Offered::Taken => {}
                Offered::SenderEnded => return false,
                Offered::NoRoom(back) => {
                    self.outbox.push_front(back);
                    self.report.waits_for_room();
                    return true;
                }
            }
        }
        true
    }

    /// Ends when it was asked to, and all tokens are given back, or that takes too long.
    fn is_to_end(&mut self, has_sender: bool) -> Result<bool, AgentError> {
        if !self.stops.graceful.is_stopped() {
            return Ok(false);
        }
        if self.stops.now.is_stopped() || !has_sender || self.work.member.core.session().is_none() {
            return Ok(true);
        }
        match self.leaving_since {
            None => {
                self.leaving_since = Some(Instant::now());
                self.work.member.handle(Event::Leave)?;
                Ok(false)
            }
            Some(since) => Ok(self.work.member.wants.left || since.elapsed() >= LEAVE_TIMEOUT),
        }
    }

    fn rest(&mut self, outcome: ReadOutcome) {
        if !self.outbox.is_empty() {
            self.phase.set(Phase::Idle);
            std::thread::sleep(FULL_WAIT);
        } else if outcome == ReadOutcome::Idle {
            self.phase.set(Phase::Idle);
            self.live.wait(WAIT_MAX);
        }
    }

    /// Does what is due at intervals.
    fn keep_up(&mut self) -> Result<(), AgentError> {
        let now = Instant::now();
        let can_release = self.work.standing.has_finished && self.work.standing.is_caught_up;
        if now < self.next.checkpoint && !can_release && !self.work.decoding.schema.is_crowded() {
            return Ok(());
        }
        self.checkpoint_if_due()?;
        self.next.checkpoint = Instant::now() + self.settings.limits.checkpoint_interval;
        self.look_after_itself()?;
        if now >= self.next.schema && self.work.standing.is_caught_up && self.work.log.is_at_furthest() {
            self.next.schema = now + self.settings.limits.schema_interval;
            self.check_schema()?;
        }
        Ok(())
    }
}

impl BatchSource for MemberReading {
    type Position = Vec<LedgerRecord>;

    fn read(&mut self, sender: &ToSender<Vec<LedgerRecord>>) -> Result<ReadingEnd, AgentError> {
        self.producer_made()?;
        self.run(Some(sender))
    }

    fn committed(&mut self, committed: Committed) -> Result<(), AgentError> {
        let number = committed.up_to.into();
        self.work.member.handle(Event::Ended { number, outcome: Outcome::Committed })?;
        if let Some(done) = self.in_flight.committed(committed.up_to) {
            self.report.committed(&done, committed.took);
        }
        self.spare.give_back(committed.buffers);
        Ok(())
    }

    fn finish(&mut self) -> Result<(), AgentError> {
        self.listen()?;
        self.checkpoint()
    }
}
