//! How tokens are given back (R6), and asked for.

use super::{Core, Effect, owners::Ownership};
use crate::{
    cluster::{
        names::{HostId, Keyspace, Session, Token, TokenRange},
        record::{Claim, OwnersRecord},
    },
    dedup::KnownParts,
};

/// Tokens for which nothing more is published.
#[derive(Debug, Default)]
pub(super) struct Releasing {
    tokens: Vec<Released>,
    has_left: bool,
    wanted_ms: Option<u64>,
}

#[derive(Debug)]
struct Released {
    session: Session,
    claim: Claim,
    /// The last transaction that may hold changes of these tokens.
    behind: u64,
    written_ms: Option<u64>,
}

impl Releasing {
    /// Returns true if a token, as it is held now, is to be given back. A part of what is given back may be ours again, in
    /// another generation, while the rest is not.
    pub(super) fn has(&self, keyspace: &Keyspace, token: Token, held: &Ownership) -> bool {
        self.tokens.iter().any(|it| {
            it.claim.generation == held.generation
                && it.claim.keyspace == *keyspace
                && it.claim.range.contains(token)
        })
    }

    /// Returns true if an outcome is waited for.
    pub(super) fn waits(&self) -> bool {
        self.tokens.iter().any(|it| it.written_ms.is_none())
    }

    /// Ends with the session.
    pub(super) fn forget(&mut self) {
        self.tokens.clear();
    }

    fn is_named(&self, keyspace: &Keyspace, range: TokenRange) -> bool {
        self.tokens
            .iter()
            .any(|it| it.claim.keyspace == *keyspace && it.claim.range.intersection(range) == Some(range))
    }
}

impl<I: KnownParts> Core<I> {
    /// Returns true if this agent may take tokens, and keep them.
    pub(super) fn may_own(&self) -> bool {
        self.is_able && !self.is_leaving && self.owners.agrees(self.options.me)
    }

    /// Stops publishing for what is to be given back, and says so when the outcome of all that was published for it is known;
    /// again and again until that is read.
    pub(super) fn go_on_with_releases(&mut self) {
        if self.session().is_none() {
            return;
        }
        self.forget_what_was_read();
        self.stop_publishing();
        self.write_releases();
        if self.is_leaving
            && !self.releasing.has_left
            && self.owners.of(self.options.me).all(|it| it.2.is_released)
        {
            self.releasing.has_left = true;
            self.effects.push_back(Effect::Left);
        }
    }

    /// A release is over when the map says so, or the tokens have another owner or generation.
    fn forget_what_was_read(&mut self) {
        let (owners, me) = (&self.owners, self.options.me);
        self.releasing.tokens.retain(|it| {
            let is_open = |held: &Ownership| {
                held.owner == Some((me, it.session))
                    && held.generation == it.claim.generation
                    && !held.is_released
            };
            owners.parts(&it.claim.keyspace, it.claim.range).iter().any(|(_, held)| is_open(held))
        });
    }

    fn stop_publishing(&mut self) {
        let mut stopped = Vec::new();
        for (keyspace, range, held) in self.owners.of(self.options.me) {
            let Some((_, session)) = held.owner else { continue };
            if held.is_released || self.releasing.is_named(keyspace, range) {
                continue;
            }
            for (part, replicas) in self.ranks.parts(keyspace, range) {
                if self.is_to_be_released(held, &replicas) {
                    let (keyspace, generation) = (Keyspace::clone(keyspace), held.generation);
                    stopped.push((session, Claim { keyspace, range: part, generation }));
                }
            }
        }
        // What the open batch holds of them goes with the next transaction.
        let behind = self.passes.last_transaction() + u64::from(!self.in_flight.is_batch_empty());
        for (session, claim) in stopped {
            if !self.releasing.is_named(&claim.keyspace, claim.range) {
                self.releasing.tokens.push(Released { session, claim, behind, written_ms: None });
            }
        }
    }

    fn is_to_be_released(&self, held: &Ownership, replicas: &[HostId]) -> bool {
        if !self.may_own() || !replicas.contains(&self.options.me) {
            return true;
        }
        // To one who stands before us, and is there.
        let rank = |host: HostId| replicas.iter().position(|other| *other == host);
        held.wanted_by.is_some_and(|host| {
            rank(host) < rank(self.options.me) && rank(host).is_some() && self.is_alive(host)
        }) && self.is_ours(held)
    }

    fn write_releases(&mut self) {
        let (now_ms, repeat_ms) = (self.now_ms, self.options.repeat_interval_ms);
        let is_known = !self.rules.release_after_outcome;
        let mut by_session: Vec<(Session, Vec<Claim>)> = Vec::new();
        for it in &mut self.releasing.tokens {
            let is_due = it.written_ms.is_none_or(|at| now_ms >= at + repeat_ms);
            if !is_due || !(is_known || self.passes.has_ended(it.behind)) {
                continue;
            }
            it.written_ms = Some(now_ms);
            match by_session.iter_mut().find(|(session, _)| *session == it.session) {
                Some((_, claims)) => claims.push(it.claim.clone()),
                None => by_session.push((it.session, vec![it.claim.clone()])),
            }
        }
        for (session, claims) in by_session {
            let host = self.options.me;
            self.effects.push_back(Effect::Write(OwnersRecord::Release { host, session, claims }));
        }
    }

    /// Asks for the tokens of which this agent stands first, once it has kept up with its log for a while.
    pub(super) fn want_back(&mut self) {
        let wait_ms = self.options.repeat_interval_ms;
        if !self.may_own()
            || !self.has_been_well_for(self.options.hand_back_after_ms << self.doublings(self.options.me))
            || self.take_over.is_some()
            || self.releasing.wanted_ms.is_some_and(|at| self.now_ms < at + wait_ms)
        {
            return;
        }
        let mut claims = Vec::new();
        for (keyspace, range, replicas) in self.ranks.of(self.options.me) {
            if self.first_agent(&replicas) != Some(self.options.me) {
                continue;
            }
            for (part, held) in self.owners.parts(&keyspace, range) {
                let is_others = held.owner.is_some_and(|(host, _)| host != self.options.me);
                if is_others && !held.is_released {
                    let (keyspace, generation) = (Keyspace::clone(&keyspace), held.generation);
                    claims.push(Claim { keyspace, range: part, generation });
                }
            }
        }
        if !claims.is_empty() {
            self.releasing.wanted_ms = Some(self.now_ms);
            self.effects.push_back(Effect::Write(OwnersRecord::Want { host: self.options.me, claims }));
        }
    }

    /// Returns the first replica beside which there is an agent that may own.
    pub(super) fn first_agent(&self, replicas: &[HostId]) -> Option<HostId> {
        replicas.iter().copied().find(|host| self.owners.agrees(*host))
    }
}
