//! How a schedule ends: faults stop, and all must come right.

use std::fmt::Write as _;

use ringtap::cluster::names::{HostId, Session};

use super::{Event, World};
use crate::{
    cassandra::{host_id, host_of},
    checker::{Problem, Seen, order},
    counts::Kind,
    kafka::State,
    trace::Step,
};

/// How long it may take after faults have stopped until all is right, in milliseconds. Agents that were taken over from, or
/// have lost what they wanted back, wait longer each time.
const CONVERGENCE_MS: u64 = 120_000;
/// How often it is looked at.
const LOOK_MS: u64 = 250;

impl World {
    /// Faults stop: nodes and agents come up, networks and brokers work, all hear of the ring. If nothing is asked of the
    /// time after, the schedule is over.
    pub(super) fn calm(&mut self) {
        if !self.plan.converges {
            self.is_over = true;
            return;
        }
        self.calm_since = Some(self.now);
        self.note(Step::Calm, [0, 0, 0], || "faults stop".to_owned());
        self.kafka.down_until = self.now;
        for host in 0..self.agents.len() {
            self.cassandra.down_until[host] = self.now;
            let at = &mut self.agents[host];
            at.cut_until = self.now;
            at.unable_until = self.now;
            at.owners_stalled_until = self.now;
            at.ledger_stalled_until.fill(self.now);
            // What was put off until the end of a longer pause still comes then.
            at.paused_until = self.now;
            self.after(50, Event::RingSeen(host));
        }
        self.after(LOOK_MS, Event::Look);
    }

    /// Looks whether all is right.
    pub(super) fn look(&mut self) {
        let Some(since) = self.calm_since else { return };
        let is_right = self.is_published() && self.is_released() && self.is_owned();
        if is_right {
            self.count(Kind::Converged);
            self.is_over = true;
        } else if self.now - since > CONVERGENCE_MS {
            let what = self.what_is_wrong();
            self.judge(Err(Problem::Standstill(what)));
        } else {
            self.after(LOOK_MS, Event::Look);
        }
    }

    fn is_published(&self) -> bool {
        (0..self.cassandra.writes.all().len()).all(|number| self.missing(number as u16) == 0)
    }

    fn is_released(&self) -> bool {
        (0..self.agents.len()).all(|host| self.is_log_released(host))
    }

    fn is_log_released(&self, host: usize) -> bool {
        let log = &self.cassandra.logs[host];
        !self.plan.has_agent(host) || self.agents[host].is_gone() || log.first() == log.end()
    }

    fn is_owned(&self) -> bool {
        (0..self.cassandra.ring.keyspaces.len()).all(|keyspace| {
            (0..self.cassandra.ring.cells.len()).all(|cell| self.is_cell_owned(keyspace, cell))
        })
    }

    fn is_cell_owned(&self, keyspace: usize, cell: usize) -> bool {
        let owner = self.owners.get(keyspace, cell);
        let is_theirs = |host: usize| owner.owner.is_some() && owner.owner == self.session_of(host);
        !owner.is_released && self.preferred_owners(keyspace, cell).any(is_theirs)
    }

    /// Returns who should own a cell: the first of its replicas that can. Any of the living will do where that one has died, as
    /// nobody else wants it back, and while a dead one's transaction hides an end of the ledger: nobody wants anything then.
    fn preferred_owners(&self, keyspace: usize, cell: usize) -> impl Iterator<Item = usize> {
        let is_gone = |host: usize| self.agents[host].is_gone();
        let is_open = |host: usize| self.kafka.coordinators[host].open.is_some();
        let is_hidden = (0..self.agents.len()).any(|host| is_gone(host) && is_open(host));
        let replicas = self.cassandra.ring.replicas[keyspace][cell].iter().copied();
        let mut able = replicas.filter(|host| self.plan.can_own(*host)).peekable();
        let may_be_any = is_hidden || able.peek().is_some_and(|first| is_gone(*first));
        able.take(if may_be_any { usize::MAX } else { 1 }).filter(move |host| !is_gone(*host))
    }

    fn session_of(&self, host: usize) -> Option<(HostId, Session)> {
        let (_, session) = self.agents[host].producer.alive?;
        Some((host_id(host), Session(session)))
    }

    fn what_is_wrong(&self) -> String {
        // Writing to a string does not fail.
        let mut text = String::new();
        for number in 0..self.cassandra.writes.all().len() {
            let missing = self.missing(number as u16);
            if missing != 0 {
                let _ = write!(text, "write {number} misses parts {missing:04b}; ");
            }
        }
        for host in 0..self.agents.len() {
            if !self.is_log_released(host) {
                let (log, at) = (&self.cassandra.logs[host], &self.agents[host]);
                let _ = write!(
                    text,
                    "log of host {host} is released up to {} of {}, audited up to {}, head at {}; ",
                    log.first(),
                    log.end(),
                    at.done_with(),
                    at.head
                );
            }
        }
        for keyspace in 0..self.cassandra.ring.keyspaces.len() {
            for cell in 0..self.cassandra.ring.cells.len() {
                if !self.is_cell_owned(keyspace, cell) {
                    let owner = self.owners.get(keyspace, cell);
                    let host = owner.owner.map(|(host, session)| (host_of(host), session.0));
                    let _ = write!(
                        text,
                        "keyspace {keyspace}, cell {cell}: owner {host:?}, generation {}, released {}, replicas {:?}; ",
                        owner.generation, owner.is_released, self.cassandra.ring.replicas[keyspace][cell]
                    );
                }
            }
        }
        text
    }

    /// Judges the order of all that is visible.
    pub(super) fn judge_order(&self) -> Result<(), Problem> {
        let records = self.kafka.data.iter().enumerate().flat_map(|(partition, records)| {
            records.iter().filter_map(move |(number, index)| {
                let transaction = &self.kafka.transactions[*number];
                let record = transaction.data.get(*index)?;
                if transaction.state != State::Committed {
                    return None;
                }
                let write = self.cassandra.writes.get(record.piece.write);
                Some(Seen {
                    partition,
                    token: (write.keyspace, write.token.0),
                    publisher: (transaction.host, transaction.session),
                    position: record.position,
                })
            })
        });
        order(records)
    }
}
