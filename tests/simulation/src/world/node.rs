//! What happens in Cassandra.

use ringtap::cluster::{core::Event as CoreEvent, names::Token};

use super::{Event, World};
use crate::{
    agent::Agent,
    cassandra::{Piece, Write},
    counts::Kind,
    trace::Step,
};

impl World {
    /// A client writes something, and it goes to the replicas of the day.
    pub(super) fn client_writes(&mut self) {
        let keyspace = self.random.index(self.cassandra.ring.keyspaces.len());
        let token = self.any_token(keyspace);
        let fates = self.plan.fates;
        let write = Write {
            keyspace,
            token,
            parts: (1 << self.random.between(1, 4)) - 1,
            is_excluded: self.random.chance(fates.excluded),
            clears: self.random.chance(fates.clears),
            // Each second one is the first microsecond of a minute: its clearing is of the minute before.
            timestamp: 1_700_000_040_000_000 + (self.now as i64) * 1000 * i64::from(self.random.chance(500)),
            logged: 0,
            copies: 0,
        };
        let (parts, is_excluded) = (write.parts, write.is_excluded);
        let data_partition = self.kafka.data_partition(keyspace, token.0) as u8;
        let piece = Piece { write: self.cassandra.writes.push(write), parts, data_partition };
        self.count(Kind::Write);
        if is_excluded {
            self.count(Kind::WriteExcluded);
        }
        self.note(Step::Write, [piece.write.into(), keyspace as u64, token.0 as u64], || {
            format!(
                "write {} of keyspace {keyspace}, token {}, parts {parts:04b}, excluded {is_excluded}",
                piece.write, token.0
            )
        });
        let cell = self.cassandra.ring.cell(token);
        let mut replicas = self.cassandra.ring.replicas[keyspace][cell].clone();
        if self.random.chance(fates.alone) {
            let only = self.random.pick(&replicas);
            replicas.retain(|host| *host == only);
            self.count(Kind::Alone);
        }
        for host in replicas {
            self.send_copy(host, piece);
        }
    }

    /// Returns one of the few tokens that writes have: the first or the last one of a cell.
    fn any_token(&mut self, keyspace: usize) -> Token {
        let which = self.random.index(self.plan.tokens);
        let cell = self.cassandra.ring.cells[(which + keyspace) % self.cassandra.ring.cells.len()];
        Token(if which.is_multiple_of(2) { cell.up_to } else { cell.after + 1 })
    }

    fn send_copy(&mut self, host: usize, piece: Piece) {
        let fates = self.plan.fates;
        if self.random.chance(fates.dropped) {
            self.count(Kind::Dropped);
            return;
        }
        let mut after = self.random.between(1, fates.spread_ms);
        if self.random.chance(fates.hinted) {
            self.count(Kind::Hinted);
            after += self.random.between(100, 3000);
        }
        self.after(after, Event::Log(host, piece));
        if self.random.chance(fates.twice) {
            let again = after + self.random.between(1, 1500);
            self.after(again, Event::Log(host, piece));
        }
    }

    /// A copy reaches a node's log. A node that is down gets it later.
    pub(super) fn node_logs(&mut self, host: usize, piece: Piece) {
        let down_until = self.cassandra.down_until[host];
        if self.now < down_until {
            let at = down_until + self.random.between(10, 800);
            self.queue.add(at, Event::Log(host, piece));
            return;
        }
        let log = &mut self.cassandra.logs[host];
        let is_again =
            (log.first()..log.end()).any(|at| log.get(at).is_some_and(|it| it.write == piece.write));
        let position = log.push(piece);
        let write = self.cassandra.writes.get_mut(piece.write);
        let is_part = piece.parts != write.parts;
        if self.plan.has_agent(host) {
            write.logged |= piece.parts;
        }
        self.count(Kind::Logged);
        if is_again {
            self.count(Kind::LoggedTwice);
        }
        if is_part {
            self.count(Kind::LoggedPart);
        }
        self.note(Step::Logged, [host as u64, position, piece.write.into()], || {
            format!("host {host} at {position}: write {}, parts {:04b}", piece.write, piece.parts)
        });
    }

    /// Read repair or repair brings what some replica has of a write, whole or in part, to a node.
    pub(super) fn copy_any(&mut self) {
        let count = self.cassandra.writes.all().len();
        if count == 0 {
            return;
        }
        let write = self.random.index(count) as u16;
        let host = self.random.index(self.plan.roles.len());
        self.copy_to(write, host);
    }

    fn copy_to(&mut self, write: u16, host: usize) {
        let logged = self.cassandra.writes.get(write).logged;
        let mut parts = logged;
        if self.random.chance(600) {
            parts &= self.random.number() as u8;
        }
        if parts == 0 {
            return;
        }
        let &Write { keyspace, token, .. } = self.cassandra.writes.get(write);
        let data_partition = self.kafka.data_partition(keyspace, token.0) as u8;
        let after = self.random.between(1, 300);
        self.after(after, Event::Log(host, Piece { write, parts, data_partition }));
    }

    /// Cells get other replicas, or the same in another order. Agents hear of it one by one.
    pub(super) fn change_ring(&mut self) {
        let keyspace = self.random.index(self.cassandra.ring.keyspaces.len());
        let cells = self.cassandra.ring.cells.len();
        let first = self.random.index(cells);
        let last = if self.random.chance(500) {
            first
        } else {
            self.random.between(first as u64, cells as u64 - 1) as usize
        };
        let kind = self.random.below(4);
        let host = self.random.index(self.plan.roles.len());
        for cell in first..=last {
            self.change_cell(keyspace, cell, kind, host);
        }
        self.count(Kind::Topology);
        self.cassandra.ring.version += 1;
        let version = self.cassandra.ring.version;
        self.note(Step::Placement, [version, keyspace as u64, host as u64], || {
            format!("keyspace {keyspace}, cells {first} to {last}, kind {kind}, host {host}")
        });
        for agent in 0..self.agents.len() {
            let most = if self.random.chance(300) { 2500 } else { 300 };
            let after = self.random.between(1, most);
            self.after(after, Event::RingSeen(agent));
        }
    }

    fn change_cell(&mut self, keyspace: usize, cell: usize, kind: u64, host: usize) {
        let mut replicas = self.cassandra.ring.replicas[keyspace][cell].clone();
        let had_it = replicas.contains(&host);
        match kind {
            0 => {
                let at = self.random.index(replicas.len());
                replicas.rotate_left(at);
            }
            1 if !had_it => {
                let at = self.random.index(replicas.len());
                replicas[at] = host;
            }
            2 if !had_it => {
                let at = self.random.index(replicas.len() + 1);
                replicas.insert(at, host);
            }
            _ => replicas.retain(|replica| *replica != host),
        }
        if !replicas.iter().any(|host| self.can_own(*host)) {
            return;
        }
        let is_new = !had_it && replicas.contains(&host);
        self.cassandra.ring.replicas[keyspace][cell] = replicas;
        if is_new && self.random.chance(500) {
            self.stream(keyspace, cell, host);
        }
    }

    /// What a cell has is copied to its new replica.
    fn stream(&mut self, keyspace: usize, cell: usize, host: usize) {
        for number in 0..self.cassandra.writes.all().len() as u16 {
            let &Write { keyspace: of, token, .. } = self.cassandra.writes.get(number);
            if of == keyspace && self.cassandra.ring.cell(token) == cell && self.random.chance(400) {
                self.copy_to(number, host);
            }
        }
    }

    /// An agent hears who replicates what.
    pub(super) fn tell_ring(&mut self, agent: usize) {
        if self.agents[agent].core.is_none() {
            return;
        }
        let until = self.agents[agent].paused_until;
        if self.now < until {
            self.queue.add(until, Event::RingSeen(agent));
            return;
        }
        let version = self.cassandra.ring.version;
        self.note(Step::Placement, [version, agent as u64, 1], || {
            format!("agent {agent} hears of version {version}")
        });
        let placement = self.cassandra.ring.placement();
        self.tell(agent, CoreEvent::Placement(placement));
    }

    /// Returns what is required of a write and not visible.
    pub(super) fn missing(&self, number: u16) -> u8 {
        let write = self.cassandra.writes.get(number);
        if write.is_excluded {
            return 0;
        }
        let is_any_gone = self.agents.iter().any(Agent::is_gone);
        let required = if is_any_gone { self.logged_by_the_living(number) } else { write.logged };
        required & !self.visible.of(number)
    }

    /// Returns the parts of a write that stand in logs beside which there is an agent: what only a dead one had is not required.
    fn logged_by_the_living(&self, number: u16) -> u8 {
        let has_agent = |host: &usize| self.plan.has_agent(*host) && !self.agents[*host].is_gone();
        let logs = (0..self.agents.len()).filter(has_agent).map(|host| &self.cassandra.logs[host]);
        let pieces = logs.flat_map(|log| (log.first()..log.end()).filter_map(|at| log.get(at)));
        pieces.filter(|piece| piece.write == number).fold(0, |parts, piece| parts | piece.parts)
    }
}
