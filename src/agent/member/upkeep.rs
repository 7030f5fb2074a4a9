//! What is done at intervals: the checkpoint, the room in `cdc_raw`, the schema, the agent's own standing.

use std::{
    sync::mpsc::TryRecvError,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use super::{node_watch::NodeTold, reading::MemberReading};
use crate::{
    agent::{
        decoding::Decoding,
        error::AgentError,
        reading::{make_room, newest_position, window_start},
    },
    checkpoint::Progress,
    cluster::{core::Event, ring::Topology},
    schema::live::Check,
    source::Released,
    telemetry::phase::Phase,
};

/// How often what was read of the ledger is made durable while the own log does not move: what was not is read again.
const IDLE_CHECKPOINT_INTERVAL: Duration = Duration::from_secs(10);

impl MemberReading {
    /// Makes durable what is confirmed, then releases the segments behind it: never the other way round.
    pub(super) fn checkpoint(&mut self) -> Result<(), AgentError> {
        self.phase.set(Phase::Checkpoint);
        let durable = self.durable_audit();
        let work = &mut self.work;
        work.standing.has_finished = false;
        let Decoding { quarantine, patience, schema, .. } = &mut work.decoding;
        patience.wait_for_room(|| quarantine.sync())?;
        let audited_ms = work.standing.audited_ms;
        let member = &mut work.member;
        patience.wait_for_room(|| member.sync(durable.clone(), audited_ms))?;
        schema.forget_before(&durable)?;
        let core = &work.member.core;
        if core.pending_count() == 0 {
            work.kept.clear();
        } else {
            work.kept.sweep(work.pending_bytes_max / 2, |positions| core.has_pending(positions));
        }
        self.phase.set(Phase::Release);
        let released = match self.live.release(&durable) {
            Err(error) if error.is_retryable() => Released { failure: Some(error), ..Released::default() },
            other => other?,
        };
        for segment in &released.forget {
            self.work.log.forget(*segment);
            self.work.positions.forget(*segment);
        }
        let stats = self.work.member.core.index().stats();
        self.report.checkpoint(&durable, released, stats);
        self.report.quarantine(&self.work.decoding.quarantine.stats());
        (self.durable, self.checkpointed) = (self.durable_audit(), Instant::now());
        Ok(())
    }

    /// Makes a checkpoint if it is worth a write to the disk: something more can be released, or the last one is long ago.
    pub(super) fn checkpoint_if_due(&mut self) -> Result<(), AgentError> {
        let is_same = self.durable_audit() == self.durable;
        if is_same && self.checkpointed.elapsed() < IDLE_CHECKPOINT_INTERVAL {
            // It was read to its end again: nothing more can be released for that.
            self.work.standing.has_finished = false;
            self.report.heartbeat().beat();
            return Ok(());
        }
        self.checkpoint()
    }

    /// Returns how far all of the log is confirmed by the ledger.
    fn durable_audit(&self) -> Progress {
        let work = &self.work;
        let low = work.member.core.audit_low();
        low.map_or_else(|| work.log.audit.clone(), |low| work.positions.before(low, &work.log.audit))
    }

    /// Looks whether the agent may own tokens, and tells of itself.
    pub(super) fn look_after_itself(&mut self) -> Result<(), AgentError> {
        let limits = &self.settings.limits;
        self.work.window_start = window_start(limits.window);
        self.report.in_flight(&self.in_flight);
        make_room(&mut self.live, &mut self.report, limits.spool_bytes_max);
        self.work.publish_told()?;
        let why_not = self.why_not_able();
        let is_able = why_not.is_none();
        if is_able != self.work.standing.is_able {
            match &why_not {
                None => tracing::info!("this agent can own tokens"),
                Some(reason) => {
                    tracing::warn!(reason, "this agent can't own tokens now; others publish what it owned");
                }
            }
            self.work.member.handle(Event::Able(is_able))?;
        }
        (self.work.standing.is_able, self.work.standing.not_able_because) = (is_able, why_not);
        self.show();
        Ok(())
    }

    fn why_not_able(&mut self) -> Option<String> {
        let standing = &self.work.standing;
        if let Some(error) = &standing.source_error {
            return Some(format!("the log can't be read: {error}"));
        }
        if let Some((since, reason)) = &standing.node_down
            && since.elapsed() >= self.settings.node_down_max
        {
            return Some(format!("the node does not answer: {reason}"));
        }
        match self.work.member.placing.topology() {
            None => return Some("the ring is not known yet".into()),
            Some(topology) if !topology.is_bootstrapped() => {
                return Some(format!("the node has not joined the ring: {}", topology.bootstrap));
            }
            Some(_) => {}
        }
        let whole_since_ms = self.work.member.core.index().whole_since_ms();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let window_begins = now.saturating_sub(self.settings.limits.window);
        (u128::from(whole_since_ms) > window_begins.as_millis())
            .then(|| format!("the index of the ledger is not whole for the window: it lacks what was before {whole_since_ms} ms"))
    }

    /// Takes in what the local node says.
    pub(super) fn hear_of_node(&mut self) -> Result<(), AgentError> {
        loop {
            match self.node_told.try_recv() {
                Ok(NodeTold::Up(topology)) => {
                    self.work.standing.node_down = None;
                    self.place(*topology)?;
                }
                Ok(NodeTold::Down(reason)) => {
                    let down = self.work.standing.node_down.take();
                    let since = down.map_or_else(Instant::now, |(since, _)| since);
                    self.work.standing.node_down = Some((since, reason));
                }
                // It ends when the agent is asked to.
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return Ok(()),
            }
        }
    }

    /// Tells the core of a ring.
    pub(super) fn place(&mut self, topology: Topology) -> Result<(), AgentError> {
        if !topology.is_bootstrapped() {
            self.work.streamed.is_joining();
        }
        match self.work.member.placing.place(topology) {
            Some(placement) => {
                self.work.member.handle(Event::Placement(placement))?;
                self.look_after_itself()
            }
            None => Ok(()),
        }
    }

    /// Compares the schema with the node's.
    pub(super) fn check_schema(&mut self) -> Result<(), AgentError> {
        let checked = self.work.decoding.schema.check(newest_position(&self.work.log.furthest));
        self.report.schema_checked(&checked);
        if let Ok(Check::Mended(changes)) = checked {
            self.work.told_by_node(changes)?;
        }
        Ok(())
    }
}
