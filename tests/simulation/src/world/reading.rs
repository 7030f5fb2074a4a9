//! What an agent reads of Kafka.

use ringtap::cluster::{
    core::{Core, Event as CoreEvent},
    record::OwnersRecord,
};

use super::World;
use crate::{
    cassandra::{host_id, host_of},
    counts::Kind,
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
        for host in 0..hosts {
            self.tell_ledger_end(agent, host);
            if self.agents[agent].life != life {
                return;
            }
        }
        let at = &mut self.agents[agent];
        at.is_rebuilding = at.is_rebuilding && !at.core.as_ref().is_some_and(Core::has_read_ledger);
    }

    /// Tells of a partition that it was read to where it ended, or, while it does not come to that, to where it could be read.
    /// Then asks anew.
    fn tell_ledger_end(&mut self, agent: usize, host: usize) {
        let Some(partition) = self.agents[agent].partitions[host] else { return };
        let at = &mut self.agents[agent];
        let (life, read) = (at.life, at.ledger_read[host]);
        let is_read = |end: &mut u64| *end <= read;
        let numbers = [agent as u64, host as u64, 0];
        if at.ledger_ends[host].take_if(is_read).is_some() {
            at.ledger_stable_ends[host] = None;
            self.note(Step::LedgerAtEnd, numbers, || {
                format!("agent {agent} is at the end of the ledger of host {host}")
            });
            self.tell(agent, CoreEvent::LedgerAtEnd { host: host_id(host) });
        } else if at.ledger_stable_ends[host].take_if(is_read).is_some() {
            self.count(Kind::LedgerAtStableEnd);
            self.note(Step::LedgerAtStableEnd, numbers, || {
                format!("agent {agent} is at the last stable offset of the ledger of host {host}")
            });
            self.tell(agent, CoreEvent::LedgerAtStableEnd { host: host_id(host) });
        }
        if self.agents[agent].life != life {
            return;
        }
        let end = self.kafka.ledger_end(partition, self.variant.world.high_watermark);
        let stable_end = self.kafka.ledger_end(partition, false);
        let at = &mut self.agents[agent];
        if at.ledger_ends[host].is_none() {
            at.ledger_ends[host] = Some(end);
        } else if self.variant.world.stable_ends {
            at.ledger_stable_ends[host].get_or_insert(stable_end);
        }
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
