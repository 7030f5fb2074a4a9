//! What an agent does in turn.

use ringtap::cluster::core::{Core, Event as CoreEvent};

use super::{Event, World};
use crate::{counts::Kind, faults::Pace};

impl World {
    /// An agent wakes and does some of what there is to do.
    pub(super) fn wake(&mut self, agent: usize, life: u32, number: u32) {
        let at = &self.agents[agent];
        if at.life != life || at.wakings != number || at.core.is_none() {
            return;
        }
        if self.now < at.paused_until {
            let later = at.paused_until + self.random.below(20);
            self.queue.add(later, Event::Wake(agent, life, number));
            return;
        }
        let pace = self.pace(agent);
        self.tick(agent);
        self.tell_ability(agent);
        // Any order: what is read first decides what is known when a change is judged.
        let first = self.random.below(6);
        for number in 0..6 {
            if self.agents[agent].life != life {
                return;
            }
            self.take_turn(agent, (first + number) % 6, pace);
        }
        if self.agents[agent].life == life {
            self.end_turn(agent, pace);
        }
    }

    fn pace(&self, agent: usize) -> Pace {
        if self.is_calm() {
            Pace { clock_rate: self.plan.paces[agent].clock_rate, ..Pace::CALM }
        } else {
            self.plan.paces[agent]
        }
    }

    /// Tells an agent's core the time.
    pub(super) fn tick(&mut self, agent: usize) {
        let now = self.agents[agent].clock(self.now, self.plan.paces[agent].clock_rate);
        if let Some(core) = &mut self.agents[agent].core {
            core.tick(now);
            self.drain(agent);
        }
    }

    fn tell_ability(&mut self, agent: usize) {
        let at = &self.agents[agent];
        let is_able =
            self.now >= at.unable_until && self.now >= self.cassandra.down_until[agent] && !at.is_rebuilding;
        if is_able != at.is_able {
            self.agents[agent].is_able = is_able;
            self.tell(agent, CoreEvent::Able(is_able));
        }
    }

    fn take_turn(&mut self, agent: usize, turn: u64, pace: Pace) {
        let is_reachable = self.now >= self.kafka.down_until && self.now >= self.agents[agent].cut_until;
        match turn {
            0 if is_reachable && self.random.chance(pace.owners) => self.read_owners(agent, pace),
            1 if is_reachable && self.random.chance(pace.ledger) => self.read_ledger(agent, pace),
            2 if is_reachable && self.random.chance(pace.relay) => self.read_relay(agent, pace),
            3 if self.random.chance(pace.head) => self.read_head(agent, pace),
            4 if self.random.chance(pace.audit) => self.audit(agent, pace),
            5 => self.close_batch(agent, pace),
            _ => {}
        }
    }

    fn close_batch(&mut self, agent: usize, pace: Pace) {
        let at = &self.agents[agent];
        let is_due = at.core.as_ref().is_some_and(Core::wants_seal);
        let is_full = at.batch.len() as u64 >= pace.at_once;
        if is_due || is_full || self.random.chance(pace.seal) {
            self.seal_batch(agent);
        }
    }

    fn seal_batch(&mut self, agent: usize) {
        if let Some(core) = &mut self.agents[agent].core {
            core.seal();
            self.drain(agent);
        }
    }

    fn end_turn(&mut self, agent: usize, pace: Pace) {
        if self.random.chance(pace.checkpoint) {
            self.checkpoint(agent);
        }
        let at = &self.agents[agent];
        let life = at.life;
        let is_stale =
            at.producer.alive.is_some_and(|(epoch, _)| epoch != self.kafka.coordinators[agent].epoch);
        if is_stale && self.random.chance(100) {
            self.producer_lost(agent);
        }
        if self.agents[agent].leaving_until.is_some_and(|until| until <= self.now)
            && self.agents[agent].life == life
        {
            self.count(Kind::LeaveTimedOut);
            return self.crash(agent);
        }
        let most = pace.wake_ms * 16 / pace.clock_rate;
        let after = self.random.between(most / 3, most);
        self.set_waking(agent, after);
    }

    /// Sets when an agent wakes next.
    pub(super) fn set_waking(&mut self, agent: usize, after_ms: u64) {
        let at = &mut self.agents[agent];
        at.wakings = at.wakings.wrapping_add(1);
        let waking = Event::Wake(agent, at.life, at.wakings);
        self.after(after_ms, waking);
    }
}
