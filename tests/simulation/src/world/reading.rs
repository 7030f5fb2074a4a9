//! What an agent reads of Kafka.

use ringtap::cluster::{core::Event as CoreEvent, record::OwnersRecord};

use super::World;
use crate::{
    cassandra::{host_id, host_of},
    faults::Pace,
    kafka::{Item, State},
    trace::Step,
};

impl World {
    /// Reads of the owners topic, or asks for its end where all was read.
    pub(super) fn read_owners(&mut self, agent: usize, pace: Pace) {
        if self.now < self.agents[agent].owners_stalled_until {
            return;
        }
        let life = self.agents[agent].life;
        if self.agents[agent].owners_end.take().is_some_and(|end| end <= self.agents[agent].owners_read) {
            self.note(Step::OwnersAtEnd, [agent as u64, 0, 0], || {
                format!("agent {agent} is at the end of the owners topic")
            });
            self.tell(agent, CoreEvent::OwnersAtEnd);
        }
        let most = self.random.between(1, pace.at_once * 2);
        for _ in 0..most {
            let position = self.agents[agent].owners_read;
            if self.agents[agent].life != life {
                return;
            }
            let Some(record) = self.kafka.owners.get(position).cloned() else { break };
            self.agents[agent].owners_read += 1;
            self.note_host(agent, &record);
            self.note(Step::OwnersRead, [agent as u64, position as u64, 0], || {
                format!("agent {agent} reads at {position}: {record:?}")
            });
            self.tell(agent, CoreEvent::OwnersRead(record));
        }
        if self.agents[agent].life == life {
            // The answer is taken notice of when the agent wakes next; by then it may be old.
            self.agents[agent].owners_end = Some(self.kafka.owners.len());
        }
    }

    /// Notes whose partition of the ledger is which: the first claim wins.
    fn note_host(&mut self, agent: usize, record: &OwnersRecord) {
        let OwnersRecord::Host { host, partition, .. } = record else { return };
        let partitions = &mut self.agents[agent].partitions;
        let claimed = *partition as usize;
        let is_valid = claimed < partitions.len() && !partitions.contains(&Some(claimed));
        if let Some(held) = partitions.get_mut(host_of(*host))
            && held.is_none()
            && is_valid
        {
            *held = Some(claimed);
        }
    }

    /// Reads of the ledger, and asks for its ends.
    pub(super) fn read_ledger(&mut self, agent: usize, pace: Pace) {
        let life = self.agents[agent].life;
        let hosts = self.agents.len();
        let first = self.random.index(hosts);
        for number in 0..hosts {
            let host = (first + number) % hosts;
            if self.now >= self.agents[agent].ledger_stalled_until[host] {
                self.read_partition(agent, host, pace);
            }
            if self.agents[agent].life != life {
                return;
            }
        }
        if self.is_at_ledger_end(agent) {
            self.agents[agent].ledger_ends = None;
            self.agents[agent].is_rebuilding = false;
            self.note(Step::LedgerAtEnd, [agent as u64, 0, 0], || {
                format!("agent {agent} is at the end of the ledger")
            });
            self.tell(agent, CoreEvent::LedgerAtEnd);
        }
        if self.agents[agent].life == life && self.agents[agent].ledger_ends.is_none() {
            let is_high = self.variant.world.high_watermark;
            let ends =
                (0..self.kafka.ledger.len()).map(|partition| self.kafka.ledger_end(partition, is_high));
            self.agents[agent].ledger_ends = Some(ends.collect());
        }
    }

    fn is_at_ledger_end(&self, agent: usize) -> bool {
        let at = &self.agents[agent];
        let read = |partition: usize| {
            let host = at.partitions.iter().position(|held| *held == Some(partition));
            host.map_or(0, |host| at.ledger_read[host])
        };
        at.ledger_ends
            .as_ref()
            .is_some_and(|ends| ends.iter().enumerate().all(|(partition, end)| *end <= read(partition)))
    }

    /// Reads committed records of a host's partition.
    fn read_partition(&mut self, agent: usize, host: usize, pace: Pace) {
        let Some(partition) = self.agents[agent].partitions[host] else { return };
        let life = self.agents[agent].life;
        let most = self.random.between(1, pace.at_once * 2);
        let mut is_behind_record = true;
        for _ in 0..most {
            let position = self.agents[agent].ledger_read[host];
            let Some(item) = self.kafka.ledger[partition].committed(position as usize) else { break };
            self.agents[agent].ledger_read[host] += 1;
            is_behind_record = false;
            let Item::Record(transaction, index) = item else { continue };
            let transaction = &self.kafka.transactions[transaction];
            if transaction.state != State::Committed {
                continue;
            }
            is_behind_record = true;
            let record = transaction.ledger[index].clone();
            self.note(Step::LedgerRead, [agent as u64, host as u64, position], || {
                format!("agent {agent} reads of host {host} at {position}: {record:?}")
            });
            self.tell(agent, CoreEvent::LedgerRead { host: host_id(host), position: position + 1, record });
            if self.agents[agent].life != life {
                return;
            }
        }
        if !is_behind_record {
            let position = self.agents[agent].ledger_read[host];
            self.tell(agent, CoreEvent::LedgerPosition { host: host_id(host), position });
        }
    }
}
