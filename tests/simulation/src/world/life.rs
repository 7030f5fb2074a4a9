//! How agents start and stop.

use ringtap::cluster::{
    core::{Core, CoreOptions},
    names::HostId,
};

use super::{Event, World, setup::SETTINGS};
use crate::{
    agent::{Checkpoint, Doom, Producer},
    cassandra::{host_id, host_of},
    counts::Kind,
    faults::Role,
    trace::Step,
};

impl World {
    /// An agent starts from its checkpoint.
    pub(super) fn start(&mut self, agent: usize) {
        if self.agents[agent].core.is_some() || self.agents[agent].is_gone() || !self.plan.has_agent(agent) {
            return;
        }
        let Checkpoint { position, ledger, index, is_lost } = self.agents[agent].durable.clone();
        let options = self.core_options(agent);
        let shown = self.random.below(1_000_000);
        let relay_end = self.kafka.relay[agent].len();
        let relay_read = relay_end - self.random.below(relay_end as u64 + 1).min(4) as usize;
        let hosts = self.agents.len();
        let at = &mut self.agents[agent];
        at.life += 1;
        at.paused_until = 0;
        at.clock_from = (self.now, shown);
        at.is_able = false;
        at.is_rebuilding = is_lost;
        at.leaving_until = None;
        at.partitions = vec![None; hosts];
        at.owners_read = 0;
        at.owners_end = None;
        at.ledger_read = vec![0; hosts];
        for (host, position) in &ledger {
            at.ledger_read[host_of(*host)] = *position;
        }
        at.ledger_ends = vec![None; hosts];
        at.ledger_stable_ends = vec![None; hosts];
        at.relay_read = relay_read;
        at.head = position.max(self.cassandra.logs[agent].first());
        at.audit = at.head;
        at.pass_end = None;
        at.batch.clear();
        at.producer = Producer { number: at.producer.number + 1, ..Producer::default() };
        at.writing = None;
        at.core = Some(Core::new(options, self.variant.rules, index, ledger));
        let life = at.life;
        self.note(Step::Start, [agent as u64, life.into(), position], || {
            format!("agent {agent}, life {life}, from position {position}, index lost: {is_lost}")
        });
        let until_ring = self.random.between(1, 80);
        self.after(until_ring, Event::RingSeen(agent));
        let until_wake = self.random.between(1, 20);
        self.set_waking(agent, until_wake);
    }

    fn core_options(&self, agent: usize) -> CoreOptions {
        let times = self.plan.times;
        let me: HostId = host_id(agent);
        CoreOptions {
            me,
            settings: if self.plan.roles[agent] == Role::OtherSettings { SETTINGS + 1 } else { SETTINGS },
            version: "1".into(),
            suspect_after_ms: times.suspect_after_ms,
            stuck_after_ms: times.stuck_after_ms,
            grace_ms: times.grace_ms,
            beat_interval_ms: times.beat_interval_ms,
            repeat_interval_ms: times.repeat_interval_ms,
            hand_back_after_ms: times.hand_back_after_ms,
            pending_max: times.pending_max,
        }
    }

    /// An agent dies, and starts again later.
    pub(super) fn crash(&mut self, agent: usize) {
        if self.agents[agent].core.is_none() {
            return;
        }
        self.count(Kind::Crash);
        if let Some((_, writing)) = self.agents[agent].writing.take() {
            if self.random.chance(500) {
                self.agents[agent].durable = writing;
            } else {
                self.count(Kind::OldCheckpoint);
            }
        }
        if !self.is_calm() && self.random.chance(self.plan.counts.lost_index_per_mille) {
            self.count(Kind::LostIndex);
            self.agents[agent].durable.lose_index();
        }
        self.stop(agent);
    }

    /// An agent ends, and starts again later. Its requests are on their way.
    pub(super) fn stop(&mut self, agent: usize) {
        let at = &mut self.agents[agent];
        at.core = None;
        at.life += 1;
        at.batch.clear();
        let life = at.life;
        self.note(Step::Stop, [agent as u64, life.into(), 0], || format!("agent {agent} is down"));
        let most = if self.random.chance(300) { 2500 } else { 300 };
        let after = self.random.between(5, most);
        self.after(after, Event::Start(agent));
    }

    /// A doomed agent dies amid a transaction, and does not come back. Others must be able to take all that it owns.
    pub(super) fn die(&mut self, agent: usize) {
        let others_can =
            |replicas: &Vec<usize>| replicas.iter().any(|host| *host != agent && self.can_own(*host));
        if self.is_calm() || !self.cassandra.ring.replicas.iter().flatten().all(others_can) {
            return;
        }
        self.count(Kind::Died);
        let at = &mut self.agents[agent];
        at.doom = Doom::Done;
        at.core = None;
        at.life += 1;
        let life = at.life;
        self.note(Step::Stop, [agent as u64, life.into(), 1], || format!("agent {agent} is gone for good"));
    }

    /// Returns true if this host's agent may own tokens.
    pub(super) fn can_own(&self, host: usize) -> bool {
        self.plan.can_own(host) && !self.agents[host].is_gone()
    }

    /// Begins to write a checkpoint.
    pub(super) fn checkpoint(&mut self, agent: usize) {
        let at = &mut self.agents[agent];
        if at.writing.is_some() {
            return;
        }
        let position = at.done_with();
        let Some(core) = &mut at.core else { return };
        let ledger = core.ledger_positions().clone();
        if position == at.durable.position && ledger == at.durable.ledger {
            return;
        }
        let checkpoint =
            Checkpoint { position, ledger, index: core.index().clone(), is_lost: at.is_rebuilding };
        at.checkpoints += 1;
        at.writing = Some((at.checkpoints, checkpoint));
        let (life, number) = (at.life, at.checkpoints);
        self.count(Kind::Checkpoint);
        self.note(Step::Checkpoint, [agent as u64, number, position], || {
            format!("agent {agent}: number {number}, position {position}")
        });
        let after = self.random.between(1, 120);
        self.after(after, Event::Durable(agent, life, number));
    }

    /// A checkpoint is on the disk: the log behind it is released.
    pub(super) fn checkpoint_durable(&mut self, agent: usize, life: u32, number: u64) {
        let tears = !self.variant.world.whole_checkpoint && self.random.chance(300);
        let at = &mut self.agents[agent];
        if at.life != life || at.writing.as_ref().is_none_or(|(writing, _)| *writing != number) {
            return;
        }
        let Some((_, mut checkpoint)) = at.writing.take() else { return };
        if tears {
            checkpoint.index = std::mem::take(&mut at.durable.index);
        }
        let position = checkpoint.position;
        at.durable = checkpoint;
        while let Some((position, piece)) = self.cassandra.logs[agent].release_one(position) {
            self.count(Kind::Released);
            self.note(Step::Released, [agent as u64, position, piece.write.into()], || {
                format!("host {agent} releases {position}: write {}, parts {:04b}", piece.write, piece.parts)
            });
            if !self.cassandra.writes.get(piece.write).is_excluded {
                let judgement = self.visible.release(agent, position, piece.write, piece.parts);
                self.judge(judgement);
            }
        }
    }
}
