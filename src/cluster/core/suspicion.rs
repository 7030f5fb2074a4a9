//! When to try to take tokens. None of this carries safety, but for whether somebody must be fenced.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use super::{Core, owners::Ownership, session::Standing, take_over::Prey};
use crate::{
    cluster::{
        names::{HostId, Keyspace, Session, TokenRange},
        record::Claim,
    },
    dedup::KnownParts,
};

/// How often waiting is doubled at most.
const DOUBLINGS_MAX: u32 = 6;
/// After how many times the usual wait a doubling is forgotten.
const FORGIVEN_AFTER: u64 = 20;

/// What is known of the agents' well-being, the own included.
#[derive(Debug, Default)]
pub(super) struct Suspicion {
    attempts: u64,
    /// When the newest own beat that was read back had been sealed.
    own_beat_ms: Option<u64>,
    /// Since when this agent is in a state to judge others: a Kafka outage must fence nobody.
    well_since_ms: Option<u64>,
    looked_ms: u64,
    /// How often tokens were taken from a host, and when last.
    taken: BTreeMap<HostId, (u32, u64)>,
}

impl Suspicion {
    /// Something changed that may give this agent tokens.
    pub(super) fn look_at_once(&mut self) {
        self.looked_ms = 0;
    }

    pub(super) fn next_attempt(&mut self) -> u64 {
        self.attempts += 1;
        self.attempts
    }

    pub(super) fn forget_own_beat(&mut self) {
        (self.own_beat_ms, self.well_since_ms) = (None, None);
    }

    fn note_taken(&mut self, host: HostId, now_ms: u64) {
        let taken = self.taken.entry(host).or_default();
        *taken = (taken.0.saturating_add(1), now_ms);
    }
}

impl<I: KnownParts> Core<I> {
    /// Notices when this agent itself is not in a state to judge others: it stood still, or its own beats don't come back, as
    /// when Kafka is away. How well it reads is judged for each host ([`is_silent`](Self::is_silent)).
    pub(super) fn watch_over_itself(&mut self, now_ms: u64) {
        let limit = self.options.suspect_after_ms;
        let ticked = now_ms.saturating_sub(self.now_ms) < limit / 2;
        let is_well = ticked
            && matches!(self.standing, Standing::Up { .. })
            && self.suspicion.own_beat_ms.is_some_and(|at| now_ms < at + limit);
        if !is_well {
            self.suspicion.well_since_ms = None;
        } else if self.suspicion.well_since_ms.is_none() {
            self.suspicion.well_since_ms = Some(now_ms);
        }
    }

    pub(super) fn own_beat_read(&mut self, session: Session, number: u64) {
        if self.session() == Some(session) && number > 0 {
            // Sealed at that time or before: good enough, as it only says that beats come back.
            self.suspicion.own_beat_ms = Some(self.passes.beat_ms);
        }
    }

    /// Returns true if this agent has been in a state to judge for this long, keeps up with its log, and reads the ledger of
    /// all hosts to its end: what it must read when tokens are given to it is little.
    pub(super) fn has_been_well_for(&self, ms: u64) -> bool {
        let is_late = |at: Option<u64>| at.is_none_or(|at| self.now_ms >= at + self.options.suspect_after_ms);
        self.suspicion.well_since_ms.is_some_and(|since| self.now_ms >= since + ms)
            && !is_late(self.passes.pass_ended_ms)
            && !self.owners.hosts().keys().any(|host| is_late(self.ledger.end_ms(*host)))
    }

    /// Returns true if a host committed nothing for as long as we have patience with it, and this much longer, since a time and
    /// since this agent is in a state to judge.
    ///
    /// Only time of which the host's partition was read counts. So a reader that is slow or stands still finds nobody silent,
    /// whichever partitions it can't read. Up to the last stable offset is enough: who died amid a transaction hides what is
    /// behind it until the broker ends that, and nobody but who takes over could end it sooner.
    pub(super) fn is_silent(&self, host: HostId, since_ms: u64, wait_ms: u64) -> bool {
        let Some(well_since_ms) = self.suspicion.well_since_ms else { return false };
        self.ledger.seen_ms(host) >= since_ms.max(well_since_ms) + self.patience(host) + wait_ms
    }

    /// Returns true if something of this host was read lately.
    pub(super) fn is_alive(&self, host: HostId) -> bool {
        self.ledger
            .partition(host)
            .is_some_and(|it| self.now_ms < it.heard_ms + self.options.suspect_after_ms)
    }

    /// Takes what nobody publishes, where it is this agent's turn.
    pub(super) fn look_for_tokens(&mut self) {
        let Standing::Up { session, since_ms } = self.standing else { return };
        if self.take_over.is_some() || !self.may_own() || self.now_ms < self.suspicion.looked_ms {
            return;
        }
        self.suspicion.looked_ms = self.now_ms + self.options.beat_interval_ms;
        let mut prey = Prey::default();
        for (keyspace, range, replicas) in self.ranks.of(self.options.me) {
            for (part, held) in self.owners.parts(&keyspace, range) {
                if self.is_to_be_taken((&keyspace, part), &held, &replicas, (session, since_ms)) {
                    self.add(&mut prey, &keyspace, part, &held);
                }
            }
        }
        if !prey.claims.is_empty() {
            self.take(prey);
        }
    }

    fn add(&self, prey: &mut Prey, keyspace: &Keyspace, range: TokenRange, held: &Ownership) {
        let keyspace = Keyspace::clone(keyspace);
        prey.claims.push(Claim { keyspace, range, generation: held.generation.next() });
        let Some(owner) = held.owner else { return };
        if !prey.former.contains(&owner.0) {
            prey.former.push(owner.0);
        }
        if self.must_be_fenced(held, owner) && !prey.to_fence.contains(&owner) {
            prey.to_fence.push(owner);
        }
    }

    /// R3 (a): not after a release, if an `OWN` says so, or if the ledger shows that it has had a later session.
    fn must_be_fenced(&self, held: &Ownership, owner: (HostId, Session)) -> bool {
        if owner.0 == self.options.me || held.is_released || self.owners.is_fenced(owner) {
            return false;
        }
        // Its partition was read to a high watermark that was asked for after the `OWN` was read: of two ends since then, the
        // second is such a one. Who writes `OWN` has read its own `HELLO` back, from this partition: so that was read too, and
        // another session's record can only be later. Other hosts' partitions say nothing of it.
        let is_read_since = self.ledger.ends(owner.0) >= held.ledger_ends + 2;
        let has_other =
            self.ledger.partition(owner.0).is_some_and(|it| it.session.is_some_and(|it| it != owner.1));
        !(is_read_since && has_other)
    }

    fn is_to_be_taken(
        &self,
        (keyspace, range): (&Keyspace, TokenRange),
        held: &Ownership,
        replicas: &[HostId],
        (session, up_since_ms): (Session, u64),
    ) -> bool {
        let me = self.options.me;
        let Some(owner) = held.owner else { return self.is_my_turn(replicas, None, up_since_ms) };
        if owner.0 == me {
            // An older session of ours, or given back and nobody else took it.
            return if owner.1 == session && !held.is_released {
                false
            } else {
                owner.1 != session || self.is_my_turn(replicas, None, held.since_ms)
            };
        }
        if held.is_released {
            return match held.wanted_by {
                Some(host) if host == me => true,
                Some(host) if self.is_alive(host) => {
                    self.now_ms >= held.since_ms + 2 * self.patience(owner.0)
                }
                _ => self.is_my_turn(replicas, Some(owner.0), held.since_ms),
            };
        }
        let turn_ms = self.turn(replicas, owner.0) * self.options.suspect_after_ms;
        let heard_ms = self.ledger.of_session(owner).map_or(0, |it| it.heard_ms);
        self.is_silent(owner.0, heard_ms.max(held.since_ms), turn_ms)
            || self.is_stuck(owner, (keyspace, range), turn_ms)
    }

    /// Whether it is our turn to take what nobody owns: those before us come first, if they are there.
    fn is_my_turn(&self, replicas: &[HostId], but: Option<HostId>, since_ms: u64) -> bool {
        let before = replicas.iter().take_while(|host| **host != self.options.me);
        let waits = before.filter(|host| Some(**host) != but && self.owners.agrees(**host)).count() as u64;
        self.now_ms >= since_ms + waits * self.options.suspect_after_ms
    }

    /// Returns how many replicas take over from this owner before us.
    fn turn(&self, replicas: &[HostId], owner: HostId) -> u64 {
        let before = replicas.iter().take_while(|host| **host != self.options.me);
        before.filter(|host| **host != owner && self.owners.agrees(**host)).count() as u64
    }

    /// Returns how long a host may be silent: longer with each time that tokens were taken from it.
    fn patience(&self, host: HostId) -> u64 {
        self.options.suspect_after_ms << self.doublings(host)
    }

    /// Returns how often waiting is doubled for a host: for each take-over from it, less with time.
    pub(super) fn doublings(&self, host: HostId) -> u64 {
        let Some((times, last_ms)) = self.suspicion.taken.get(&host).copied() else { return 0 };
        let forgiven = (self.now_ms - last_ms) / (self.options.suspect_after_ms * FORGIVEN_AFTER).max(1);
        u64::from(times).saturating_sub(forgiven).min(u64::from(DOUBLINGS_MAX))
    }

    /// Counts who was fenced for a take-over.
    pub(super) fn own_read(&mut self, fenced: &[(HostId, Session)]) {
        // What was before our time says nothing of today.
        if self.owners.was_at_end() {
            for (host, _) in fenced {
                self.suspicion.note_taken(*host, self.now_ms);
            }
        }
    }

    /// It beats, but does not get on with its log, while we wait for changes.
    fn is_stuck(
        &self,
        owner: (HostId, Session),
        (keyspace, range): (&Keyspace, TokenRange),
        turn_ms: u64,
    ) -> bool {
        let (Some(partition), Some(well_since_ms)) =
            (self.ledger.of_session(owner), self.suspicion.well_since_ms)
        else {
            return false;
        };
        let limit = self.options.stuck_after_ms + turn_ms;
        // What it did meanwhile may be unread, as in `is_silent`.
        self.ledger.seen_ms(owner.0) >= partition.done_ms.max(well_since_ms) + limit
            && self.pending.iter().any(|(_, change)| {
                change.keyspace == *keyspace
                    && range.contains(change.token)
                    && self.now_ms >= change.since_ms + limit
            })
    }
}
