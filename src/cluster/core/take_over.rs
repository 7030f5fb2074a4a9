//! How tokens are taken (R3).

use std::collections::BTreeMap;

use super::{Core, Effect, owners::Owners};
use crate::{
    cluster::{
        names::{HostId, Keyspace, Session, Token},
        record::{Claim, OwnersRecord},
    },
    dedup::KnownParts,
};

/// One attempt.
#[derive(Debug)]
pub(super) struct TakeOver {
    attempt: u64,
    /// With the generations that the tokens get.
    claims: Vec<Claim>,
    /// Whom the tokens are taken from, and the sessions that are fenced for it.
    fenced: Vec<(HostId, Session)>,
    former: Vec<HostId>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// These are to be fenced still.
    Fencing(Vec<HostId>),
    /// The high watermarks are asked for.
    Asking,
    /// The ledger is to be read up to them, since this time. Who hid its end, and was fenced for that.
    Reading { positions: BTreeMap<HostId, u64>, since_ms: u64, hid: Vec<HostId> },
    /// The claim was written, last at this time.
    Claiming { written_ms: u64, is_assumed: bool },
}

/// Tokens that may be taken.
#[derive(Debug, Default)]
pub(super) struct Prey {
    pub(super) claims: Vec<Claim>,
    /// Sessions that must be fenced before.
    pub(super) to_fence: Vec<(HostId, Session)>,
    /// Who owned them last.
    pub(super) former: Vec<HostId>,
}

impl TakeOver {
    /// Returns true if this is claimed, and taken for granted: what a variant does that lacks R1.
    pub(super) fn is_assumed(&self, keyspace: &Keyspace, token: Token) -> bool {
        matches!(self.stage, Stage::Claiming { is_assumed: true, .. })
            && self.claims.iter().any(|claim| claim.keyspace == *keyspace && claim.range.contains(token))
    }

    /// Takes out the claims that are decided, for us or for others.
    pub(super) fn drop_decided(&mut self, owners: &Owners) {
        if matches!(self.stage, Stage::Claiming { .. }) {
            self.claims.retain(|claim| {
                let parts = owners.parts(&claim.keyspace, claim.range);
                parts.iter().any(|(_, held)| held.generation < claim.generation)
            });
        }
    }
}

impl<I: KnownParts> Core<I> {
    /// Begins an attempt.
    pub(super) fn take(&mut self, prey: Prey) {
        let Prey { claims, to_fence, former } = prey;
        let attempt = self.suspicion.next_attempt();
        let hosts: Vec<HostId> = to_fence.iter().map(|(host, _)| *host).collect();
        let take_over =
            TakeOver { attempt, claims, fenced: to_fence, former, stage: Stage::Fencing(hosts.clone()) };
        self.take_over = Some(take_over);
        if !self.rules.fence_before_high_watermark {
            self.ask_high_watermarks();
        }
        if self.rules.fence {
            for host in hosts {
                self.effects.push_back(Effect::Fence { attempt, host });
            }
        } else if let Some(TakeOver { stage: Stage::Fencing(hosts), .. }) = &mut self.take_over {
            hosts.clear();
        }
        self.all_are_fenced();
    }

    pub(super) fn fenced(&mut self, attempt: u64, host: HostId) {
        let Some(take_over) = self.take_over.as_mut().filter(|it| it.attempt == attempt) else { return };
        if let Stage::Fencing(hosts) = &mut take_over.stage {
            hosts.retain(|other| *other != host);
            self.all_are_fenced();
        }
    }

    /// (b) comes after (a): what a fenced owner had committed stands before a high watermark that is asked for now.
    fn all_are_fenced(&mut self) {
        let Some(take_over) = &mut self.take_over else { return };
        if matches!(&take_over.stage, Stage::Fencing(hosts) if hosts.is_empty())
            && self.rules.fence_before_high_watermark
        {
            take_over.stage = Stage::Asking;
            self.ask_high_watermarks();
        }
    }

    fn ask_high_watermarks(&mut self) {
        let Some(take_over) = &self.take_over else { return };
        let hosts = if self.rules.all_former_owners {
            self.owners.hosts().keys().copied().collect()
        } else {
            take_over.former.clone()
        };
        self.effects.push_back(Effect::AskHighWatermarks { attempt: take_over.attempt, hosts });
    }

    pub(super) fn high_watermarks(&mut self, attempt: u64, positions: Vec<(HostId, u64)>) {
        let Some(take_over) = self.take_over.as_mut().filter(|it| it.attempt == attempt) else { return };
        if matches!(take_over.stage, Stage::Asking | Stage::Fencing(_)) {
            let positions = positions.into_iter().collect();
            take_over.stage = Stage::Reading { positions, since_ms: self.now_ms, hid: Vec::new() };
            self.go_on_with_take_over();
        }
    }

    /// Claims when all is read, and claims again until the claim is decided.
    pub(super) fn go_on_with_take_over(&mut self) {
        let Some(take_over) = &self.take_over else { return };
        if self.session().is_none() || !self.may_own() {
            self.take_over = None;
            return;
        }
        match &take_over.stage {
            Stage::Fencing(_) | Stage::Asking => {}
            Stage::Reading { positions, .. } => {
                let is_read = |(host, high): (&HostId, &u64)| self.ledger.position(*host) >= *high;
                if !self.rules.read_to_high_watermark || positions.iter().all(is_read) {
                    self.claim();
                } else if self.rules.fence && self.rules.fence_who_hides {
                    self.fence_who_hides();
                }
            }
            Stage::Claiming { .. } if take_over.claims.is_empty() => self.take_over = None,
            Stage::Claiming { written_ms, .. } => {
                if self.now_ms >= written_ms + self.options.repeat_interval_ms {
                    self.claim();
                }
            }
        }
    }

    /// The ledger of all hosts is to be read, also of those who own nothing here: where such a one died amid a transaction, the
    /// end can't be read until that is ended. Fencing it ends it, and harms no one: it is silent.
    fn fence_who_hides(&mut self) {
        let Some(TakeOver { attempt, stage: Stage::Reading { positions, since_ms, hid }, .. }) =
            &self.take_over
        else {
            return;
        };
        let attempt = *attempt;
        let hides = |(host, high): &(&HostId, &u64)| {
            let heard_ms = self.ledger.partition(**host).map_or(0, |it| it.heard_ms);
            **host != self.options.me
                && !hid.contains(host)
                && self.ledger.position(**host) < **high
                && self.is_silent(**host, heard_ms.max(*since_ms), 0)
        };
        let hosts: Vec<HostId> = positions.iter().filter(hides).map(|(host, _)| *host).collect();
        for host in &hosts {
            self.effects.push_back(Effect::Fence { attempt, host: *host });
        }
        if let Some(TakeOver { stage: Stage::Reading { hid, .. }, .. }) = &mut self.take_over {
            hid.extend(hosts);
        }
    }

    fn claim(&mut self) {
        let Some(session) = self.session() else { return };
        let Some(take_over) = &mut self.take_over else { return };
        let is_assumed = !self.rules.read_back;
        let is_first = !matches!(take_over.stage, Stage::Claiming { .. });
        take_over.stage = Stage::Claiming { written_ms: self.now_ms, is_assumed };
        let record = OwnersRecord::Own {
            host: self.options.me,
            session,
            fenced: take_over.fenced.clone(),
            claims: take_over.claims.clone(),
        };
        self.effects.push_back(Effect::Write(record));
        if is_assumed && is_first {
            self.begin_with_new_tokens();
        }
    }
}
