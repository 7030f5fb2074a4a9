//! What a core wants done.

use ringtap::cluster::{
    core::{Effect, Transaction as Sealed},
    names::HostId,
    record::{LedgerKind, OwnersRecord},
};

use super::{Answer, Asked, Event, Request, World};
use crate::{
    agent::Producer,
    cassandra::host_of,
    checker::Problem,
    counts::Kind,
    kafka::{Relayed, State, Transaction},
    trace::Step,
};

impl World {
    /// Carries out an effect; the agent may crash before or after.
    pub(super) fn perform(&mut self, agent: usize, effect: Effect) {
        self.note(Step::Effect, effect_numbers(agent, &effect), || format!("agent {agent}: {effect:?}"));
        let crashes = !self.is_calm() && self.random.chance(self.plan.counts.crash_per_mille_effects);
        if crashes {
            self.count(Kind::CrashAtEffect);
            if self.random.chance(500) {
                return self.crash(agent);
            }
        }
        let life = self.agents[agent].life;
        match effect {
            Effect::Initialise => self.new_producer(agent),
            Effect::Commit(sealed) => self.seal(agent, sealed),
            Effect::Fence { attempt, host } => {
                self.count(Kind::FenceSent);
                let request = Request::Fence(agent, life, host_of(host), attempt);
                if self.wakes_sleeper(agent, host_of(host)) {
                    let after = self.random.between(200, 1500);
                    self.after(after, Event::Land(request));
                } else {
                    self.send(agent, request);
                }
            }
            Effect::AskHighWatermarks { attempt, hosts } => {
                self.send(agent, Request::HighWatermarks(agent, life, attempt, hosts));
            }
            Effect::Write(record) => self.send(agent, Request::Owners(Box::new(record))),
            Effect::Relay { to, position } => self.relay(agent, to, position),
            Effect::RewindHead => self.rewind(agent),
            Effect::RewindAudit { position } => {
                let at = &mut self.agents[agent];
                at.audit = at.audit.min(position);
                self.count(Kind::AuditAgain);
            }
            Effect::Left => {
                self.count(Kind::Left);
                self.stop(agent);
            }
        }
        if crashes {
            self.crash(agent);
        }
    }

    /// Who is about to be fenced may wake up just then, while the fence is slow. Returns true if so.
    fn wakes_sleeper(&mut self, taker: usize, sleeper: usize) -> bool {
        let chance = self.plan.counts.wake_per_mille_fences;
        if self.agents[sleeper].paused_until <= self.now || !self.random.chance(chance) {
            return false;
        }
        self.count(Kind::WokenAtFence);
        let after = self.random.between(1, 300);
        self.agents[sleeper].paused_until = self.now + after;
        self.set_waking(sleeper, after);
        if !self.is_calm() && self.random.chance(500) {
            self.agents[taker].ledger_stalled_until[sleeper] = self.now + self.random.between(100, 1500);
        }
        true
    }

    fn new_producer(&mut self, agent: usize) {
        let at = &mut self.agents[agent];
        at.batch.clear();
        at.producer = Producer { number: at.producer.number + 1, ..Producer::default() };
        let (life, number) = (at.life, at.producer.number);
        self.send(agent, Request::Initialise(agent, life, number));
    }

    fn broke_contract(&mut self, what: String) {
        self.judge(Err(Problem::Contract(what)));
    }

    /// Binds the open batch to the transaction that closes it.
    fn seal(&mut self, agent: usize, sealed: Sealed) {
        let Some((epoch, session)) = self.agents[agent].producer.alive else {
            return self
                .broke_contract(format!("agent {agent} commits {} without a producer", sealed.number));
        };
        if sealed.session.0 != session {
            return self.broke_contract(format!(
                "agent {agent} commits for session {} in {session}",
                sealed.session.0
            ));
        }
        let Some(partition) = self.agents[agent].partitions[agent] else {
            return self.broke_contract(format!("agent {agent} commits and has no partition of the ledger"));
        };
        let data = std::mem::take(&mut self.agents[agent].batch);
        self.kafka.transactions.push(Transaction {
            host: agent,
            number: sealed.number,
            epoch,
            session,
            data,
            ledger: sealed.records,
            partition,
            state: State::Sealed,
            is_unknown: false,
        });
        let number = self.kafka.transactions.len() - 1;
        self.agents[agent].producer.queue.push_back(number);
        self.next_transaction(agent);
    }

    /// Begins the next transaction, if none is under way.
    pub(super) fn next_transaction(&mut self, agent: usize) {
        let producer = &mut self.agents[agent].producer;
        let (Some(transaction), false, true) =
            (producer.queue.front().copied(), producer.is_busy, producer.alive.is_some())
        else {
            return;
        };
        producer.is_busy = true;
        let asked = Asked {
            agent,
            life: self.agents[agent].life,
            producer: self.agents[agent].producer.number,
            transaction,
        };
        self.send(agent, Request::Produce(asked));
        let patience = self.plan.times.patience_ms;
        self.after(patience, Event::Answer(agent, asked.life, Answer::TimedOut(asked)));
    }

    fn relay(&mut self, agent: usize, to: HostId, position: u64) {
        self.count(Kind::RelaySent);
        let Some(piece) = self.cassandra.logs[agent].get(position) else {
            if self.variant.rules.release_behind_audit && self.variant.rules.confirm_from_ledger {
                self.broke_contract(format!("agent {agent} relays position {position}, which is released"));
            }
            return;
        };
        self.send(agent, Request::Relay(host_of(to), Relayed { from: agent, piece }));
    }

    fn rewind(&mut self, agent: usize) {
        self.count(Kind::Rewind);
        let at = &mut self.agents[agent];
        at.head = at.head.min(at.done_with());
        at.pass_end = None;
    }
}

/// Returns what of an effect goes into the trace's digest.
fn effect_numbers(agent: usize, effect: &Effect) -> [u64; 3] {
    let host = |id: &HostId| host_of(*id) as u64;
    let (kind, first, second) = match effect {
        Effect::Initialise => (1, 0, 0),
        Effect::Commit(sealed) => {
            (2, sealed.number, sealed.records.iter().map(|record| kind_number(&record.kind)).sum())
        }
        Effect::Fence { attempt, host: whom } => (3, *attempt, host(whom)),
        Effect::AskHighWatermarks { attempt, hosts } => (4, *attempt, hosts.iter().map(host).sum()),
        Effect::Write(record) => match record {
            OwnersRecord::Init { .. } => (5, 0, 0),
            OwnersRecord::Host { partition, .. } => (6, *partition as u64, 0),
            OwnersRecord::Topic { .. } => (7, 0, 0),
            OwnersRecord::Own { session, claims, .. } => (8, session.0, claims.len() as u64),
            OwnersRecord::Release { session, claims, .. } => (9, session.0, claims.len() as u64),
            OwnersRecord::Want { claims, .. } => (10, claims.len() as u64, 0),
        },
        Effect::Relay { to, position } => (11, host(to), *position),
        Effect::RewindHead => (12, 0, 0),
        Effect::Left => (13, 0, 0),
        Effect::RewindAudit { position } => (14, *position, 0),
    };
    [agent as u64 * 100 + kind, first, second]
}

fn kind_number(kind: &LedgerKind) -> u64 {
    match kind {
        LedgerKind::Hello => 1,
        LedgerKind::Published(entries) => 100 + entries.iter().map(|entry| entry.id.low).sum::<u64>(),
        LedgerKind::Skipped(entries) => 10_000 + entries.iter().map(|entry| entry.id.low).sum::<u64>(),
        LedgerKind::Beat { number, done } => 1_000_000 + number * 1000 + done,
    }
}
