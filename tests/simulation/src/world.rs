//! A schedule: the world's clock, what happens at which time, and who hears of it.

mod answers;
mod broker;
mod convergence;
mod counting;
mod effects;
mod event;
mod faults;
mod life;
mod log;
mod node;
mod reading;
mod setup;
mod wake;

use ringtap::cluster::core::{Core, Event as CoreEvent};

pub use self::event::{Answer, Asked, Event, Fault, Queue, Request};
use crate::{
    agent::Agent,
    cassandra::Cassandra,
    checker::{OwnersMap, Problem, Visible},
    counts::{Kind, Tally},
    faults::{Network, Plan},
    kafka::Kafka,
    random::Random,
    trace::{Step, Trace},
    variant::Variant,
};

/// Everything that a schedule has.
#[derive(Debug)]
pub struct World {
    now: u64,
    random: Random,
    queue: Queue,
    plan: Plan,
    variant: Variant,
    kafka: Kafka,
    cassandra: Cassandra,
    agents: Vec<Agent>,
    visible: Visible,
    owners: OwnersMap,
    tally: Tally,
    trace: Trace,
    /// Since when nothing goes wrong any more.
    calm_since: Option<u64>,
    /// The schedule is over.
    is_over: bool,
    problem: Option<Problem>,
}

/// What a schedule came to.
#[derive(Debug)]
pub struct Ending {
    /// What is wrong, if anything.
    pub problem: Option<Problem>,
    /// What happened how often.
    pub tally: Tally,
    /// What happened.
    pub trace: Trace,
    /// The plan that was followed.
    pub plan: Plan,
}

impl World {
    /// Runs the schedule to its end.
    pub fn run(mut self) -> Ending {
        while self.problem.is_none()
            && !self.is_over
            && let Some((at, event)) = self.queue.take_next()
        {
            self.now = self.now.max(at);
            self.happen(event);
        }
        if self.problem.is_none() {
            self.problem = self.judge_order().err();
        }
        if let Some(problem) = &self.problem {
            self.trace.note(self.now, Step::Told, [0, 0, 0], || problem.to_string());
        }
        Ending { problem: self.problem, tally: self.tally, trace: self.trace, plan: self.plan }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Start(agent) => self.start(agent),
            Event::Wake(agent, life, number) => self.wake(agent, life, number),
            Event::Answer(agent, life, answer) => self.hear(agent, life, answer),
            Event::Land(request) => self.land(request),
            Event::Mark(transaction) => self.mark(transaction),
            Event::TimeOut(transaction) => self.time_out(transaction),
            Event::Durable(agent, life, number) => self.checkpoint_durable(agent, life, number),
            Event::Write => self.client_writes(),
            Event::Log(host, piece) => self.node_logs(host, piece),
            Event::RingSeen(agent) => self.tell_ring(agent),
            Event::Fault(fault) => self.fault(fault),
            Event::Calm => self.calm(),
            Event::Look => self.look(),
        }
    }

    /// Adds an event that happens in so many milliseconds.
    fn after(&mut self, ms: u64, event: Event) {
        self.queue.add(self.now + ms, event);
    }

    fn note(&mut self, step: Step, numbers: [u64; 3], text: impl FnOnce() -> String) {
        self.trace.note(self.now, step, numbers, text);
    }

    fn count(&mut self, kind: Kind) {
        self.tally.count(kind);
    }

    /// Notes what is wrong: the first problem ends the schedule.
    fn judge(&mut self, judgement: Result<(), Problem>) {
        if let Err(problem) = judgement {
            self.problem.get_or_insert(problem);
        }
    }

    fn is_calm(&self) -> bool {
        self.calm_since.is_some()
    }

    /// Returns how requests travel now.
    fn network(&self) -> Network {
        if self.is_calm() {
            Network { usual_ms: 10, marker_ms: 5, ..Network::default() }
        } else {
            self.plan.network
        }
    }

    /// Returns how long a request or an answer takes.
    fn travel_ms(&mut self) -> u64 {
        let network = self.network();
        if self.random.chance(network.slow_per_mille) {
            self.count(Kind::RequestSlow);
            return self.random.between(network.usual_ms, network.slow_ms);
        }
        self.random.between(1, network.usual_ms)
    }

    /// Tells an agent's core the time and something, and does what it wants then.
    fn tell(&mut self, agent: usize, event: CoreEvent) {
        let life = self.agents[agent].life;
        self.tick(agent);
        if self.agents[agent].life != life {
            return;
        }
        if let Some(core) = &mut self.agents[agent].core {
            let Ok(()) = core.handle(event);
            self.drain(agent);
        }
    }

    /// Does what an agent's core wants.
    fn drain(&mut self, agent: usize) {
        let life = self.agents[agent].life;
        while self.agents[agent].life == life
            && let Some(effect) = self.agents[agent].core.as_mut().and_then(Core::next_effect)
        {
            self.perform(agent, effect);
        }
    }
}
