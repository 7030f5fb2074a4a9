//! The own producer's lives (R4), and the own record among the agents.

use super::{Core, Effect, Outcome, Transaction, in_flight::InFlight};
use crate::{
    cluster::{
        names::{HostId, Session},
        record::{LedgerKind, LedgerRecord, OwnersRecord},
    },
    dedup::KnownParts,
};

/// What the own producer is good for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Standing {
    /// The other agents do not know of this one yet.
    #[default]
    Unknown,
    /// The own `HOST` record was written, at this time.
    Announced { at_ms: u64 },
    /// A producer is being made.
    Initialising,
    /// `HELLO` was handed over.
    Greeting { session: Session },
    /// `HELLO` was read back: so was all that earlier sessions committed.
    Up { session: Session, since_ms: u64 },
}

impl Standing {
    pub(super) fn session(self) -> Option<Session> {
        match self {
            Self::Up { session, .. } => Some(session),
            _ => None,
        }
    }

    pub(super) fn newest_session(self) -> Option<Session> {
        match self {
            Self::Greeting { session } | Self::Up { session, .. } => Some(session),
            _ => None,
        }
    }
}

impl<I: KnownParts> Core<I> {
    /// Makes itself known before anything else, and makes a producer when that was read back.
    pub(super) fn go_on_with_session(&mut self) {
        if !self.owners.was_at_end() {
            return;
        }
        let written = match self.standing {
            Standing::Unknown => None,
            Standing::Announced { at_ms } => Some(at_ms),
            _ => return,
        };
        let known = self.owners.hosts().get(&self.options.me).copied();
        if known.is_some_and(|agent| agent.settings == self.options.settings) {
            return self.begin_session();
        }
        if written.is_none_or(|at| self.now_ms >= at + self.options.repeat_interval_ms) {
            let partition = known.map_or_else(|| self.owners.free_partition(), |agent| agent.partition);
            self.effects.push_back(Effect::Write(OwnersRecord::Host {
                host: self.options.me,
                partition,
                settings: self.options.settings,
                version: self.options.version.clone(),
            }));
            self.standing = Standing::Announced { at_ms: self.now_ms };
        }
    }

    /// After anything that leaves an outcome unknown: a new producer, a new session, and nothing is owned or in flight. What is
    /// owned by an older session is by that no longer ours: ownership names its session.
    pub(super) fn begin_session(&mut self) {
        if self.standing == Standing::Initialising {
            return;
        }
        self.standing = Standing::Initialising;
        self.in_flight = InFlight::default();
        self.passes = self.passes.of_new_session();
        self.take_over = None;
        self.releasing.forget();
        self.suspicion.forget_own_beat();
        self.effects.push_back(Effect::Initialise);
        if let Some(position) = self.own_way.begin_session(self.rules.audit_again) {
            self.effects.push_back(Effect::RewindAudit { position });
        }
    }

    pub(super) fn initialised(&mut self, session: Session) {
        if self.standing != Standing::Initialising {
            return;
        }
        self.standing = if self.rules.hello_before_own {
            Standing::Greeting { session }
        } else {
            Standing::Up { session, since_ms: self.now_ms }
        };
        let number = self.passes.next_transaction();
        let records = vec![LedgerRecord { session, kind: LedgerKind::Hello }];
        self.passes.sealed(number, None);
        self.effects.push_back(Effect::Commit(Transaction { number, session, records }));
    }

    /// The own partition is read in order: with `HELLO`, all before it was read.
    pub(super) fn hello_read(&mut self, host: HostId, session: Session) {
        if host == self.options.me && self.standing == (Standing::Greeting { session }) {
            self.standing = Standing::Up { session, since_ms: self.now_ms };
            self.suspicion.look_at_once();
        }
    }

    pub(super) fn ended(&mut self, number: u64, outcome: Outcome) {
        if self.standing.newest_session().is_none() || !self.passes.is_outstanding(number) {
            return;
        }
        if outcome == Outcome::Committed {
            return self.passes.committed(number);
        }
        if outcome == Outcome::Unknown && !self.rules.new_session_after_unknown {
            return self.passes.committed(number);
        }
        self.begin_session();
    }
}
