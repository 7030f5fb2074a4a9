//! The protocol's core, with everything that it hears and what it wants done.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use super::placing::Placing;
use crate::{
    agent::error::AgentError,
    checkpoint::Progress,
    cluster::{
        LedgerCheckpoint, LedgerIndex,
        core::{Core, CoreOptions, Effect, Event, Rules, Transaction},
        names::{HostId, Keyspace},
        record::RelayDecoder,
        topics::{ClusterTopics, Followed, Heard, Init, new_session},
    },
    dedup::Signatures,
};

/// One agent among those of its cluster.
pub(super) struct Membership {
    pub(super) core: Core<LedgerIndex>,
    pub(super) topics: ClusterTopics,
    heard: Heard,
    pub(super) init: Init,
    pub(super) me: HostId,
    pub(super) signatures: Signatures,
    pub(super) relays: RelayDecoder,
    pub(super) placing: Placing,
    pub(super) wants: Wants,
    pub(super) counts: Counts,
    /// The greatest time of a record of the ledger, in milliseconds since 1970.
    pub(super) ledger_ms: u64,
    /// Hosts of whose ledger something was read, now or before the start.
    heard_of: BTreeSet<HostId>,
    clock: Instant,
    keyspace: Keyspace,
}

/// What the core wants of the reader of the log and of the sender.
#[derive(Debug, Default)]
pub(super) struct Wants {
    pub(super) initialise: bool,
    pub(super) transactions: VecDeque<Transaction>,
    pub(super) rewind_head: bool,
    /// The lowest position of those from which the log is to be audited again.
    pub(super) rewind_audit: Option<u64>,
    /// To whom, and which change of the own log.
    pub(super) relays: Vec<(HostId, u64)>,
    pub(super) left: bool,
}

/// What happened since the start.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) relays_sent: u64,
    pub(super) relays_received: u64,
    /// Of those, how many were published.
    pub(super) relays_answered: u64,
    /// Of those, how many were for another owner, or known already.
    pub(super) relays_unwanted: u64,
    pub(super) take_overs: u64,
    pub(super) sessions: u64,
    pub(super) rewinds: u64,
    pub(super) streamed_copies: u64,
    pub(super) given_up: u64,
    pub(super) late_changes: u64,
}

/// A change that another agent sent.
#[derive(Debug)]
pub(super) struct Relayed {
    pub(super) bytes: Vec<u8>,
}

/// Items that are taken from the queue at a time: the log is to be read, too.
const HEARD_MAX: usize = 2_000;

impl Membership {
    /// Begins with what was durable.
    pub(super) fn new(
        options: CoreOptions,
        index: LedgerIndex,
        checkpoint: &LedgerCheckpoint,
        (topics, heard, init): (ClusterTopics, Heard, Init),
        placing: Placing,
    ) -> Self {
        let me = options.me;
        let positions = checkpoint.positions.clone();
        let heard_of = positions.keys().copied().collect();
        Self {
            core: Core::new(options, Rules::ALL, index, positions),
            topics,
            heard,
            init,
            me,
            signatures: Signatures::with_seed(init.hash_key),
            relays: RelayDecoder::new(),
            placing,
            wants: Wants::default(),
            counts: Counts::default(),
            ledger_ms: 0,
            heard_of,
            clock: Instant::now(),
            keyspace: Arc::from(""),
        }
    }

    /// Returns a keyspace's name as the core takes it.
    pub(super) fn keyspace(&mut self, name: &str) -> Keyspace {
        if &*self.keyspace != name {
            self.keyspace = Arc::from(name);
        }
        Arc::clone(&self.keyspace)
    }

    /// Tells the core the time, and takes in what it wants.
    pub(super) fn tick(&mut self) {
        let now_ms = u64::try_from(self.clock.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.core.tick(now_ms);
        self.take_effects();
        self.topics.hurry(self.core.is_taking_over());
    }

    /// Returns how long ago a time of the core's clock was.
    pub(super) fn age_of(&self, at_ms: u64) -> Duration {
        self.clock.elapsed().saturating_sub(Duration::from_millis(at_ms))
    }

    /// Tells the core of something, and takes in what it wants.
    pub(super) fn handle(&mut self, event: Event) -> Result<(), AgentError> {
        self.core.handle(event)?;
        self.take_effects();
        Ok(())
    }

    /// Takes in what was heard of the other agents, up to a limit. Returns what they sent to be published. `true`: there was more.
    pub(super) fn hear(&mut self, relayed: &mut Vec<Relayed>) -> Result<bool, AgentError> {
        for _ in 0..HEARD_MAX {
            if self.core.index().wants_sync() {
                return Ok(true);
            }
            match self.heard.next(Duration::ZERO) {
                None => return Ok(false),
                Some(Followed::Event(event)) => self.handle(event)?,
                Some(Followed::LedgerRead { host, position, record, timestamp_ms }) => {
                    let at_ms = u64::try_from(timestamp_ms).unwrap_or(0);
                    self.note_ledger_time(host, position, at_ms);
                    self.handle(Event::LedgerRead { host, position, record })?;
                }
                Some(Followed::Relay { bytes, .. }) => {
                    self.counts.relays_received += 1;
                    relayed.push(Relayed { bytes });
                }
                Some(Followed::Failed(error)) => return Err(error.into()),
            }
        }
        Ok(true)
    }

    /// The ledger's own time decides what is forgotten. A partition that does not begin with its first record has lost some.
    fn note_ledger_time(&mut self, host: HostId, position: u64, at_ms: u64) {
        self.ledger_ms = self.ledger_ms.max(at_ms);
        let is_first = self.heard_of.insert(host);
        let index = self.core.index();
        index.note_record_time(at_ms);
        if is_first && position > 1 {
            index.note_missed_until(at_ms);
        }
    }

    /// A new producer is there.
    pub(super) fn initialised(&mut self) -> Result<(), AgentError> {
        self.counts.sessions += 1;
        let session = new_session()?;
        self.handle(Event::Initialised { session })?;
        self.handle(Event::PassBegun)
    }

    /// Closes the open batch. Returns the transaction that it is to be sent with, if there is anything to say.
    pub(super) fn seal(&mut self) -> Option<Transaction> {
        self.core.seal();
        self.take_effects();
        self.wants.transactions.pop_back()
    }

    /// Makes durable what was read of the ledger, and how far the own log is audited.
    pub(super) fn sync(
        &mut self,
        audit: Progress,
        audited_ms: u64,
    ) -> Result<(), crate::checkpoint::StateError> {
        let positions = self.core.ledger_positions().clone();
        let checkpoint = LedgerCheckpoint { topics: Some(self.init.uuid), positions, audit, audited_ms };
        self.core.index().sync(checkpoint)
    }

    fn take_effects(&mut self) {
        while let Some(effect) = self.core.next_effect() {
            match effect {
                Effect::Initialise => {
                    self.wants.initialise = true;
                    self.wants.transactions.clear();
                    self.topics.forget_fences();
                }
                Effect::Commit(transaction) => self.wants.transactions.push_back(transaction),
                Effect::Fence { attempt, host } => {
                    tracing::warn!(%host, "the agent of another node is silent: fencing it, to take its tokens over");
                    self.counts.take_overs += 1;
                    self.topics.fence(attempt, host);
                }
                Effect::AskHighWatermarks { attempt, hosts } => {
                    self.topics.ask_high_watermarks(attempt, hosts);
                }
                Effect::Write(record) => {
                    tracing::debug!(?record, "writing to the owners topic");
                    self.topics.write(record);
                }
                Effect::Relay { to, position } => self.wants.relays.push((to, position)),
                Effect::RewindHead => self.wants.rewind_head = true,
                Effect::RewindAudit { position } => {
                    let lowest = self.wants.rewind_audit.map_or(position, |other| other.min(position));
                    self.wants.rewind_audit = Some(lowest);
                }
                Effect::Left => self.wants.left = true,
            }
        }
    }
}
