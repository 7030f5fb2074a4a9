//! What an agent does with its log, and with what it is sent of others'.

use ringtap::cluster::{
    core::{AuditVerdict, Event as CoreEvent, HeadVerdict},
    names::{Keyspace, Token},
};

use super::World;
use crate::{
    cassandra::{Piece, bits, is_lone_clearing},
    counts::Kind,
    faults::Pace,
    kafka::DataRecord,
    trace::Step,
};

impl World {
    /// Reads on at the head.
    pub(super) fn read_head(&mut self, agent: usize, pace: Pace) {
        let life = self.agents[agent].life;
        let most = self.random.between(1, pace.at_once);
        if self.agents[agent].pass_end.is_none() {
            self.agents[agent].pass_end = Some(self.cassandra.logs[agent].end());
            self.tell(agent, CoreEvent::PassBegun);
        }
        for _ in 0..most {
            let at = &mut self.agents[agent];
            if at.life != life || at.pass_end.is_none_or(|end| at.head >= end) {
                break;
            }
            let position = at.head;
            at.head += 1;
            if let Some(piece) = self.cassandra.logs[agent].get(position) {
                self.judge_head(agent, position, piece);
            }
        }
        let at = &mut self.agents[agent];
        if at.life == life && at.pass_end.is_some_and(|end| at.head >= end) {
            at.pass_end = None;
            self.tell(agent, CoreEvent::PassEnded);
        }
    }

    fn judge_head(&mut self, agent: usize, position: u64, piece: Piece) {
        let verdict = self.ask(agent, piece);
        let kind = match &verdict {
            None => Kind::HeadSkipped,
            Some(HeadVerdict::NotOwned) => Kind::HeadNotOwned,
            Some(HeadVerdict::Known) if self.is_filed(agent, piece) => Kind::HeadKnown,
            Some(HeadVerdict::Known) => Kind::HeadInFlight,
            Some(HeadVerdict::Publish { parts }) if parts.contains(&false) => Kind::HeadPartly,
            Some(HeadVerdict::Publish { .. }) => Kind::HeadPublished,
        };
        self.count(kind);
        self.note(Step::Head, [agent as u64, position, kind as u64], || {
            format!(
                "agent {agent} at {position}, write {}, parts {:04b}: {verdict:?}",
                piece.write, piece.parts
            )
        });
        self.take_verdict(agent, piece, verdict, Some(position));
    }

    /// Reads of what auditors sent.
    pub(super) fn read_relay(&mut self, agent: usize, pace: Pace) {
        let life = self.agents[agent].life;
        let most = self.random.between(1, pace.at_once);
        for _ in 0..most {
            let position = self.agents[agent].relay_read;
            if self.agents[agent].life != life {
                return;
            }
            let Some(relayed) = self.kafka.relay[agent].get(position).copied() else { return };
            self.agents[agent].relay_read += 1;
            let piece = relayed.piece;
            let verdict = self.ask(agent, piece);
            let kind = match &verdict {
                None => Kind::RelaySkipped,
                Some(HeadVerdict::NotOwned) => Kind::RelayNotOwned,
                Some(HeadVerdict::Known) => Kind::RelayKnown,
                Some(HeadVerdict::Publish { parts }) if parts.contains(&false) => Kind::RelayPartly,
                Some(HeadVerdict::Publish { .. }) => Kind::RelayPublished,
            };
            self.count(kind);
            self.note(Step::Relayed, [agent as u64, piece.write.into(), kind as u64], || {
                format!(
                    "agent {agent} from {}, write {}, parts {:04b}: {verdict:?}",
                    relayed.from, piece.write, piece.parts
                )
            });
            self.take_verdict(agent, piece, verdict, None);
        }
    }

    /// Asks the core about a change. `None`: it is one that the settings exclude.
    fn ask(&mut self, agent: usize, piece: Piece) -> Option<HeadVerdict> {
        let (keyspace, token, is_excluded) = self.coordinates(piece);
        let Self { agents, cassandra, .. } = self;
        let signature = cassandra.writes.signature(piece);
        let core = agents[agent].core.as_mut()?;
        if is_excluded {
            let Ok(()) = core.skip(&keyspace, token, signature);
            return None;
        }
        let Ok(verdict) = core.head(&keyspace, token, signature);
        Some(verdict)
    }

    fn coordinates(&self, piece: Piece) -> (Keyspace, Token, bool) {
        let write = self.cassandra.writes.get(piece.write);
        (Keyspace::clone(&self.cassandra.ring.keyspaces[write.keyspace]), write.token, write.is_excluded)
    }

    fn is_filed(&mut self, agent: usize, piece: Piece) -> bool {
        let Self { agents, cassandra, .. } = self;
        let signature = cassandra.writes.signature(piece);
        agents[agent].core.as_mut().is_some_and(|core| core.index().has_all(signature))
    }

    fn take_verdict(
        &mut self,
        agent: usize,
        piece: Piece,
        verdict: Option<HeadVerdict>,
        position: Option<u64>,
    ) {
        if let Some(HeadVerdict::Publish { parts }) = verdict {
            let wanted = bits(piece.parts).zip(parts).filter(|(_, is_new)| *is_new);
            let parts = wanted.fold(0, |mask, (part, _)| mask | 1 << part);
            let is_lone_clearing = is_lone_clearing(self.cassandra.writes.get(piece.write), piece);
            self.agents[agent].batch.push(DataRecord {
                piece: Piece { parts, ..piece },
                is_lone_clearing,
                position,
            });
        }
        self.drain(agent);
    }

    /// Reads on at the audit, which is never ahead of the head.
    pub(super) fn audit(&mut self, agent: usize, pace: Pace) {
        let life = self.agents[agent].life;
        let most = self.random.between(1, pace.at_once * 2);
        for _ in 0..most {
            let at = &self.agents[agent];
            if at.life != life || at.audit >= at.head {
                return;
            }
            let position = at.audit;
            let Some(piece) = self.cassandra.logs[agent].get(position) else { return };
            let Some(verdict) = self.ask_audit(agent, position, piece) else { return };
            let kind = match verdict {
                AuditVerdict::Confirmed => Kind::AuditConfirmed,
                AuditVerdict::Pending => Kind::AuditPending,
                AuditVerdict::OnItsWay => Kind::AuditOnItsWay,
                AuditVerdict::Full => Kind::AuditFull,
            };
            self.count(kind);
            self.note(Step::Audit, [agent as u64, position, kind as u64], || {
                format!(
                    "agent {agent} at {position}, write {}, parts {:04b}: {verdict:?}",
                    piece.write, piece.parts
                )
            });
            if verdict != AuditVerdict::Full {
                self.agents[agent].audit += 1;
            }
            self.drain(agent);
            if verdict == AuditVerdict::Full {
                return;
            }
        }
    }

    fn ask_audit(&mut self, agent: usize, position: u64, piece: Piece) -> Option<AuditVerdict> {
        let (keyspace, token, _) = self.coordinates(piece);
        let Self { agents, cassandra, .. } = self;
        let signature = cassandra.writes.signature(piece);
        let core = agents[agent].core.as_mut()?;
        let Ok(verdict) = core.audit(position, &keyspace, token, signature);
        Some(verdict)
    }
}
