//! What an agent does for the cluster's protocol: events in, effects out. No I/O, no clock, no randomness.
//!
//! The runtime tells of everything that it reads and hears ([`Event`]), asks for each change of its log what to do with
//! it ([`Core::head`], [`Core::audit`]), and carries out what the core wants ([`Effect`]). All times are
//! milliseconds of a local monotonic clock, which [`Core::tick`] tells.
//!
//! One log is read at two positions. The *head* reads as early as allowed and publishes what this agent owns. The *audit*
//! reads behind it and looks for each change in the ledger: only what the ledger confirms is done with.

mod auditing;
mod event;
mod in_flight;
mod ledger;
mod options;
mod own_way;
mod owners;
mod owners_map;
mod pending;
mod publishing;
mod range_map;
mod ranks;
mod releasing;
mod session;
mod suspicion;
mod take_over;
mod view;

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
};

pub(crate) use self::in_flight::place_of;
#[cfg(feature = "agent")]
pub(crate) use self::publishing::new_parts;
pub use self::{
    event::{AuditVerdict, Effect, Event, HeadVerdict, Outcome, Placement, RankedRange, Transaction},
    options::{CoreOptions, Rules},
    owners_map::{KnownAgent, OwnedRange, OwnersMap},
    view::AgentStanding,
};
use self::{
    in_flight::InFlight,
    ledger::Ledger,
    own_way::OwnWay,
    owners::{Owners, Reading},
    pending::Pending,
    publishing::Passes,
    ranks::Ranks,
    releasing::Releasing,
    session::Standing,
    suspicion::Suspicion,
    take_over::TakeOver,
};
use super::{
    names::{Generation, HostId, Keyspace, Session, Token},
    record::{LedgerKind, LedgerRecord, OwnersRecord},
};
use crate::dedup::{Atom, KnownParts};

/// The protocol's state in one agent. `I` is what the ledger said, as far as it was read: it is looked up and filed by the
/// core alone, and made durable by the runtime together with [`ledger_positions`](Self::ledger_positions).
#[derive(Debug)]
pub struct Core<I> {
    options: CoreOptions,
    rules: Rules,
    now_ms: u64,
    index: I,
    ledger: Ledger,
    owners: Owners,
    ranks: Ranks,
    standing: Standing,
    is_able: bool,
    is_leaving: bool,
    in_flight: InFlight,
    passes: Passes,
    suspicion: Suspicion,
    take_over: Option<TakeOver>,
    releasing: Releasing,
    pending: Pending,
    own_way: OwnWay,
    /// What was looked up last: memory that is used again.
    looked_up: Vec<Vec<Atom>>,
    effects: VecDeque<Effect>,
}

impl<I: KnownParts> Core<I> {
    /// Begins, with the index as of these positions of the ledger's partitions (a host that is not named: 0).
    pub fn new(options: CoreOptions, rules: Rules, index: I, ledger: BTreeMap<HostId, u64>) -> Self {
        Self {
            options,
            rules,
            now_ms: 0,
            index,
            ledger: Ledger::at(ledger),
            owners: Owners::default(),
            ranks: Ranks::default(),
            standing: Standing::default(),
            is_able: false,
            is_leaving: false,
            in_flight: InFlight::default(),
            passes: Passes::default(),
            suspicion: Suspicion::default(),
            take_over: None,
            releasing: Releasing::default(),
            pending: Pending::default(),
            own_way: OwnWay::default(),
            looked_up: Vec::new(),
            effects: VecDeque::new(),
        }
    }

    /// Takes in what happened.
    pub fn handle(&mut self, event: Event) -> Result<(), I::Error> {
        match event {
            Event::OwnersRead(record) => self.owners_read(&record),
            Event::OwnersAtEnd => self.owners_at_end(),
            Event::LedgerRead { host, position, record } => return self.ledger_read(host, position, &record),
            Event::LedgerPosition { host, position } => self.ledger_position(host, position),
            Event::LedgerAtEnd { host } => self.ledger.at_end(host, self.now_ms),
            Event::LedgerAtStableEnd { host } => self.ledger.at_stable_end(host, self.now_ms),
            Event::Initialised { session } => self.initialised(session),
            Event::Ended { number, outcome } => self.ended(number, outcome),
            Event::ProducerLost => self.begin_session(),
            Event::Fenced { attempt, host } => self.fenced(attempt, host),
            Event::HighWatermarks { attempt, positions } => self.high_watermarks(attempt, positions),
            Event::Placement(placement) => {
                self.ranks.set(placement);
                self.suspicion.look_at_once();
            }
            Event::Able(is_able) => {
                self.is_able = is_able;
                self.suspicion.look_at_once();
            }
            Event::Leave => self.is_leaving = true,
            Event::PassBegun => self.pass_begun(),
            Event::PassEnded => self.pass_ended(),
        }
        Ok(())
    }

    /// Tells the time, in milliseconds of a monotonic clock, and does what is due. To be called before other events at that
    /// time, and at least every 100 ms.
    pub fn tick(&mut self, now_ms: u64) {
        self.watch_over_itself(now_ms);
        self.now_ms = now_ms;
        self.go_on_with_session();
        self.go_on_with_take_over();
        self.go_on_with_releases();
        self.look_for_tokens();
        self.want_back();
        self.relay_due();
    }

    /// Returns the next effect.
    pub fn next_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Returns up to where each partition of the ledger has been read and filed in the index.
    pub fn ledger_positions(&self) -> &BTreeMap<HostId, u64> {
        self.ledger.positions()
    }

    /// Returns true if, since the start, all that can be read of the ledger of each host that the owners topic names was read:
    /// what the index holds is whole then (R8).
    pub fn has_read_ledger(&self) -> bool {
        self.owners.was_at_end() && self.owners.hosts().keys().all(|host| self.ledger.was_at_any_end(*host))
    }

    /// Returns the index, to make it durable.
    pub fn index(&mut self) -> &mut I {
        &mut self.index
    }

    /// Returns how many changes of the own log are unconfirmed.
    pub fn pending_count(&self) -> usize {
        self.pending.len()
    }

    /// Returns since when the oldest of them is remembered.
    pub fn pending_since_ms(&self) -> Option<u64> {
        self.pending.iter().map(|(_, change)| change.since_ms).min()
    }

    /// Returns true if a change at one of these positions is remembered as unconfirmed.
    pub fn has_pending(&self, positions: Range<u64>) -> bool {
        self.pending.any_in(positions)
    }

    /// Gives a change up that can neither be published nor relayed: it does not hold up the audit any more. Its bytes must
    /// be kept elsewhere.
    pub fn give_up(&mut self, position: u64) {
        self.pending.remove(position);
    }

    /// A change that was to be relayed was not sent, as it cannot be yet: it waits for a grace, and no longer the next time.
    pub fn postpone(&mut self, position: u64) {
        self.pending.postpone(position, self.now_ms + self.options.grace_ms);
    }

    /// Returns who owns a token, with the generation: whom a change of it is relayed to.
    pub fn owner_of(&self, keyspace: &Keyspace, token: Token) -> Option<(HostId, Session, Generation)> {
        let held = self.owners.get(keyspace, token);
        held.owner.map(|(host, session)| (host, session, held.generation))
    }

    /// Returns the partition of the ledger and of the relay topic that a host claimed.
    pub fn partition_of(&self, host: HostId) -> Option<i32> {
        self.owners.hosts().get(&host).map(|agent| agent.partition)
    }

    /// Returns true if somebody waits for the ends of the topics.
    pub fn is_taking_over(&self) -> bool {
        self.take_over.is_some()
    }

    fn owners_read(&mut self, record: &OwnersRecord) {
        let mut reading = Reading { now_ms: self.now_ms, ledger_ends: 0 };
        if let OwnersRecord::Own { host, fenced, .. } = record {
            reading.ledger_ends = self.ledger.ends(*host);
            self.own_read(fenced);
        }
        self.owners.read(record, self.rules, reading);
    }

    fn owners_at_end(&mut self) {
        self.owners.at_end();
        self.tokens_may_be_ours();
    }

    fn ledger_read(&mut self, host: HostId, position: u64, record: &LedgerRecord) -> Result<(), I::Error> {
        if position <= self.ledger.position(host) {
            return Ok(());
        }
        self.ledger.heard(host, record.session, &record.kind, self.now_ms);
        match &record.kind {
            LedgerKind::Published(entries) | LedgerKind::Skipped(entries) => {
                for entry in entries {
                    self.index.file(place_of(entry), &entry.atoms)?;
                }
                if host == self.options.me && self.standing.newest_session() == Some(record.session) {
                    self.own_way.read_back(entries);
                }
                for entry in entries {
                    if host == self.options.me {
                        self.in_flight.read_back(entry);
                    }
                    self.confirm(entry.id)?;
                }
            }
            LedgerKind::Hello => self.hello_read(host, record.session),
            LedgerKind::Beat { number, .. } => self.beat_read(host, record.session, *number),
        }
        self.ledger_position(host, position);
        Ok(())
    }

    fn ledger_position(&mut self, host: HostId, position: u64) {
        self.ledger.read_to(host, position);
        self.go_on_with_take_over();
    }

    /// Returns the session in which this agent may own tokens.
    pub fn session(&self) -> Option<Session> {
        self.standing.session()
    }
}
