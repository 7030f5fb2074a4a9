//! The own log against the ledger, and what is sent to the owner (R5 and the relay).

use super::{
    AuditVerdict, Core, Effect,
    pending::{PendingChange, Stage},
    publishing::Known,
};
use crate::{
    cluster::names::{HostId, Keyspace, Session, Token},
    dedup::{ChangeId, KnownParts, Signature},
};

/// How often the wait between two sendings of one change is doubled at most.
const DOUBLINGS_MAX: u32 = 5;

impl<I: KnownParts> Core<I> {
    /// Looks for a change of the own log in the ledger. Positions grow from call to call, but after a restart and after
    /// [`AuditVerdict::Full`].
    pub fn audit(
        &mut self,
        position: u64,
        keyspace: &Keyspace,
        token: Token,
        signature: &Signature,
    ) -> Result<AuditVerdict, I::Error> {
        self.own_way.audits(position);
        let Known::NotAll { awaited } = self.known(signature, false)? else {
            self.pending.remove(position);
            return Ok(AuditVerdict::Confirmed);
        };
        if self.is_on_its_way(signature)? {
            self.pending.remove(position);
            self.own_way.audited(position);
            return Ok(AuditVerdict::OnItsWay);
        }
        if self.pending.contains(position) {
            return Ok(AuditVerdict::Pending);
        }
        if self.pending.len() >= self.options.pending_max {
            return Ok(AuditVerdict::Full);
        }
        let due_ms = self.now_ms + self.grace(keyspace, token);
        self.pending.insert(position, (keyspace, token, signature), self.now_ms, due_ms);
        self.pending.watch(position, awaited);
        Ok(AuditVerdict::Pending)
    }

    /// As [`audit`](Self::audit), for a change that [`head`](Self::head) said just now is to be published: it is on its way.
    pub fn audit_published(&mut self, position: u64) {
        self.own_way.audits(position);
        self.pending.remove(position);
        self.own_way.audited(position);
    }

    /// Returns the lowest position that was audited and is unconfirmed. `None`: all that was audited is confirmed.
    pub fn audit_low(&self) -> Option<u64> {
        if !self.rules.release_behind_audit {
            return None;
        }
        self.pending.lowest().into_iter().chain(self.own_way.lowest()).min()
    }

    /// Returns true if all of it is in the ledger or in own transactions: that is most of what the owner audits.
    fn is_on_its_way(&mut self, signature: &Signature) -> Result<bool, I::Error> {
        if !signature.places.iter().any(|place| !self.in_flight.get(*place).is_empty()) {
            return Ok(false);
        }
        Ok(self.known(signature, true)? == Known::All)
    }

    /// Looks again at what waits for something of this identity.
    pub(super) fn confirm(&mut self, id: ChangeId) -> Result<(), I::Error> {
        for position in self.pending.with_id(id) {
            let Some(signature) = self.pending.get(position).map(|change| change.signature.clone()) else {
                continue;
            };
            match self.known(&signature, false)? {
                Known::All => self.pending.remove(position),
                // The bounds of a range may stand in another record than its fingerprints.
                Known::NotAll { awaited } => self.pending.watch(position, awaited),
            }
        }
        Ok(())
    }

    /// How long a change is waited for: once more for each rank, so that one replica relays before others do.
    fn grace(&self, keyspace: &Keyspace, token: Token) -> u64 {
        let replicas = self.ranks.replicas(keyspace, token);
        let rank = replicas.iter().position(|host| *host == self.options.me).unwrap_or(replicas.len());
        self.options.grace_ms * (1 + rank as u64)
    }

    /// Sees to all changes whose time has come.
    pub(super) fn relay_due(&mut self) {
        while let Some(position) = self.pending.next_due(self.now_ms) {
            let Some(change) = self.pending.get(position) else { break };
            let owner = self.other_owner(change);
            let again_ms = self.now_ms + self.grace(&change.keyspace, change.token);
            let stage = match (change.stage, owner) {
                // Nobody to send it to, or ourselves: it comes by the head.
                (_, None) => Stage::Grace,
                (Stage::Beat { owner: waited_for, after }, Some(owner)) if waited_for == owner => {
                    Stage::Beat { owner, after }
                }
                (_, Some(owner)) => {
                    Stage::Beat { owner, after: self.ledger.of_session(owner).map_or(0, |it| it.beat) }
                }
            };
            self.pending.wait(position, stage, again_ms);
        }
    }

    /// Returns who owns a pending change's token, if it is another agent.
    fn other_owner(&self, change: &PendingChange) -> Option<(HostId, Session)> {
        let held = self.owners.get(&change.keyspace, change.token);
        held.owner.filter(|(host, _)| *host != self.options.me && !held.is_released)
    }

    /// What an owner does not have though it has published all of its log up to a later beat, it gets.
    pub(super) fn beat_read(&mut self, host: HostId, session: Session, number: u64) {
        if host == self.options.me {
            return self.own_beat_read(session, number);
        }
        let owner = (host, session);
        let done = self.ledger.of_session(owner).map_or(0, |partition| partition.done);
        let is_missing = |change: &PendingChange| matches!(change.stage, Stage::Beat { owner: waited_for, after } if waited_for == owner && done > after);
        let missing: Vec<u64> =
            self.pending.iter().filter(|(_, it)| is_missing(it)).map(|(position, _)| position).collect();
        for position in missing {
            self.relay(position, owner);
        }
    }

    fn relay(&mut self, position: u64, owner: (HostId, Session)) {
        let Some(change) = self.pending.get(position) else { return };
        if self.other_owner(change) != Some(owner) {
            return;
        }
        let wait = self.grace(&change.keyspace, change.token) << change.sent.min(DOUBLINGS_MAX);
        self.effects.push_back(Effect::Relay { to: owner.0, position });
        self.pending.count_sent(position);
        self.pending.wait(position, Stage::Grace, self.now_ms + wait);
        if !self.rules.confirm_from_ledger {
            self.pending.remove(position);
        }
    }
}

#[cfg(test)]
mod tests;
