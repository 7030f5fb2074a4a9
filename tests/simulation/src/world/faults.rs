//! What goes wrong with agents, brokers and nodes.

use ringtap::cluster::core::Event as CoreEvent;

use super::{Event, Fault, Request, World};
use crate::{agent::Doom, counts::Kind, trace::Step};

impl World {
    /// Something goes wrong, unless faults have stopped.
    pub(super) fn fault(&mut self, fault: Fault) {
        if self.is_calm() {
            return;
        }
        self.note(Step::Fault, fault_numbers(fault), || format!("{fault:?}"));
        match fault {
            Fault::Crash(agent) => self.crash(agent),
            Fault::Pause(agent) => {
                self.count(Kind::Pause);
                self.agents[agent].paused_until = self.any_time(3500);
            }
            Fault::Cut(agent) => {
                self.count(Kind::Cut);
                self.agents[agent].cut_until = self.any_time(3000);
            }
            Fault::Outage => {
                self.count(Kind::Outage);
                self.kafka.down_until = self.any_time(2500);
            }
            Fault::Stall(agent) => self.stall(agent),
            Fault::Leave(agent) => self.leave(agent),
            Fault::Unable(agent) => {
                self.count(Kind::Unable);
                self.agents[agent].unable_until = self.any_time(2000);
            }
            Fault::Topology => self.change_ring(),
            Fault::NodeDown(host) => {
                self.count(Kind::NodeDown);
                self.cassandra.down_until[host] = self.any_time(2500);
                if self.random.chance(400) {
                    self.crash(host);
                }
            }
            Fault::Copy => self.copy_any(),
            Fault::StaleProducer(agent) => {
                // For a producer that is gone: it fences the agent's own, and nobody hears of it.
                let after = self.random.between(1, 500);
                self.after(after, Event::Land(Request::Initialise(agent, 0, 0)));
            }
            Fault::FalseAlarm(agent) => {
                if self.agents[agent].producer.alive.is_some() {
                    self.producer_lost(agent);
                }
            }
            Fault::Doom(agent) => self.doom(agent),
            Fault::Forget => self.forget_owners(),
        }
    }

    fn doom(&mut self, agent: usize) {
        if !self.agents[agent].is_gone() {
            self.agents[agent].doom = Doom::Near;
        }
    }

    /// Returns a time until when something lasts.
    fn any_time(&mut self, most_ms: u64) -> u64 {
        self.now + self.random.between(50, most_ms)
    }

    /// An agent's readers fall behind: of the owners topic, or of some partitions of the ledger.
    fn stall(&mut self, agent: usize) {
        self.count(Kind::Stall);
        let until = self.any_time(5000);
        if self.random.chance(400) {
            self.agents[agent].owners_stalled_until = until;
        }
        for host in 0..self.agents.len() {
            if self.random.chance(500) {
                self.agents[agent].ledger_stalled_until[host] = until;
            }
        }
    }

    fn leave(&mut self, agent: usize) {
        if self.agents[agent].core.is_some() && self.agents[agent].leaving_until.is_none() {
            self.agents[agent].leaving_until = Some(self.now + 1500);
            self.tell(agent, CoreEvent::Leave);
        }
    }

    /// An agent notices that its producer is gone.
    pub(super) fn producer_lost(&mut self, agent: usize) {
        self.count(Kind::ProducerLost);
        self.agents[agent].producer.alive = None;
        self.tell(agent, CoreEvent::ProducerLost);
    }

    /// Of a weakened world: what claimed tokens first is gone, for those who start later.
    fn forget_owners(&mut self) {
        use ringtap::cluster::record::OwnersRecord;
        let is_own = |record: &OwnersRecord| matches!(record, OwnersRecord::Own { .. });
        for record in &mut self.kafka.owners {
            if is_own(record) {
                // Offsets stay: what stood there is passed over.
                *record = OwnersRecord::Init { uuid: 1, identity_version: 1, hash_key: 1 };
            }
        }
    }
}

fn fault_numbers(fault: Fault) -> [u64; 3] {
    let (kind, of) = match fault {
        Fault::Crash(agent) => (1, agent),
        Fault::Pause(agent) => (2, agent),
        Fault::Cut(agent) => (3, agent),
        Fault::Outage => (4, 0),
        Fault::Stall(agent) => (5, agent),
        Fault::Leave(agent) => (6, agent),
        Fault::Unable(agent) => (7, agent),
        Fault::Topology => (8, 0),
        Fault::NodeDown(host) => (9, host),
        Fault::Copy => (10, 0),
        Fault::StaleProducer(agent) => (11, agent),
        Fault::FalseAlarm(agent) => (12, agent),
        Fault::Forget => (13, 0),
        Fault::Doom(agent) => (14, agent),
    };
    [kind, of as u64, 0]
}
