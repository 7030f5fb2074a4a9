//! What happens when a request reaches a broker.

use ringtap::cluster::{names::HostId, record::OwnersRecord};

use super::{Answer, Asked, Event, Request, World};
use crate::{
    agent::Doom,
    cassandra::{atom, bits, host_of, identity},
    checker::{Published, agreement},
    counts::Kind,
    faults::Trouble,
    kafka::{Landed, State, TransactionNumber},
    trace::Step,
};

impl World {
    /// Sends a request on its way: it may be slow, lost, or come again.
    pub(super) fn send(&mut self, from: usize, request: Request) {
        let network = self.network();
        let cut = self.agents[from].cut_until.saturating_sub(self.now);
        let mut after = cut + self.travel_ms();
        if self.random.chance(network.lost_per_mille) {
            self.count(Kind::RequestLost);
            match &request {
                Request::Owners(_) | Request::Relay(..) | Request::Produce(_) | Request::End(..) => return,
                // The client asks again.
                Request::Initialise(..) | Request::Fence(..) | Request::HighWatermarks(..) => {
                    after += self.plan.times.patience_ms;
                }
            }
        }
        let has_trouble = network.trouble == Some(kind_of(&request));
        if has_trouble && self.random.chance(330) {
            self.count(Kind::RequestSlow);
            after += self.random.between(100, 2200);
        }
        let can_repeat = !matches!(request, Request::Produce(_) | Request::HighWatermarks(..));
        let is_release =
            matches!(&request, Request::Owners(record) if matches!(**record, OwnersRecord::Release { .. }));
        let repeated = network.repeated_per_mille
            + if has_trouble { 150 } else { 0 }
            + if is_release { network.late_release_per_mille } else { 0 };
        if can_repeat && self.random.chance(repeated) {
            self.count(Kind::RequestRepeated);
            let again = after + self.random.between(1, if is_release { 3000 } else { 1500 });
            self.after(again, Event::Land(request.clone()));
        }
        self.after(after, Event::Land(request));
    }

    /// Sends an answer back.
    pub(super) fn answer(&mut self, agent: usize, life: u32, answer: Answer) {
        let after = self.travel_ms();
        self.after(after, Event::Answer(agent, life, answer));
    }

    fn land_later(&mut self, ms: u64, request: Request) {
        let after = ms + self.random.between(5, 40);
        self.after(after, Event::Land(request));
    }

    /// A request reaches a broker.
    pub(super) fn land(&mut self, request: Request) {
        if self.now < self.kafka.down_until {
            let wait = self.kafka.down_until - self.now;
            return self.land_later(wait, request);
        }
        self.note(Step::Landed, [request_number(&request), 0, 0], || format!("{request:?}"));
        match request {
            Request::Owners(record) => {
                self.count_owners(&record);
                self.kafka.owners.push(*record);
            }
            Request::Relay(to, relayed) => self.kafka.relay[to].push(relayed),
            Request::Initialise(agent, life, producer) => match self.initialise(agent) {
                Some(epoch) => self.answer(agent, life, Answer::Initialised(producer, epoch)),
                None => self.land_later(0, Request::Initialise(agent, life, producer)),
            },
            Request::Fence(agent, life, host, attempt) => self.land_fence(agent, life, host, attempt),
            Request::HighWatermarks(agent, life, attempt, hosts) => {
                let ends = self.high_watermarks(agent, &hosts);
                self.answer(agent, life, Answer::HighWatermarks(attempt, ends));
            }
            Request::Produce(asked) => self.land_produce(asked),
            Request::End(asked, commit) => self.land_end(asked, commit),
        }
    }

    fn land_fence(&mut self, agent: usize, life: u32, host: usize, attempt: u64) {
        let is_hidden = self.agents[host].is_gone() && self.kafka.coordinators[host].open.is_some();
        if self.initialise(host).is_some() {
            return self.answer(agent, life, Answer::Fenced(host, attempt));
        }
        if is_hidden {
            self.count(Kind::FenceAbortedGone);
        }
        self.land_later(0, Request::Fence(agent, life, host, attempt));
    }

    fn initialise(&mut self, host: usize) -> Option<u32> {
        let had_open = self.kafka.coordinators[host].open.is_some();
        let epoch = self.kafka.initialise(host);
        if had_open && epoch.is_none() {
            self.count(Kind::FenceAborted);
        }
        self.decided();
        epoch
    }

    fn high_watermarks(&mut self, agent: usize, hosts: &[HostId]) -> Vec<(HostId, u64)> {
        let is_high = self.variant.world.high_watermark;
        let end = |host: &HostId| {
            let partition = self.agents[agent].partitions.get(host_of(*host)).copied().flatten();
            (*host, partition.map_or(0, |partition| self.kafka.ledger_end(partition, is_high)))
        };
        hosts.iter().map(end).collect()
    }

    fn land_produce(&mut self, asked: Asked) {
        let landed = self.kafka.produce(asked.transaction);
        match landed {
            Landed::Busy => return self.land_later(0, Request::Produce(asked)),
            Landed::Done => {
                let timeout = self.plan.times.transaction_timeout_ms;
                self.after(timeout, Event::TimeOut(asked.transaction));
                if !self.variant.world.one_transaction {
                    self.publish(asked.transaction);
                }
                if self.agents[asked.agent].doom == Doom::Near && self.agents[asked.agent].life == asked.life
                {
                    self.die(asked.agent);
                }
            }
            Landed::Refused => {}
        }
        self.answer(asked.agent, asked.life, Answer::Produced(asked, landed == Landed::Done));
    }

    fn land_end(&mut self, asked: Asked, commit: bool) {
        let landed = self.kafka.end(asked.transaction, commit);
        self.decided();
        self.answer(asked.agent, asked.life, Answer::Ended(asked, commit, landed == Landed::Done));
    }

    /// A transaction was open for long.
    pub(super) fn time_out(&mut self, transaction: TransactionNumber) {
        if self.kafka.time_out(transaction) {
            self.count(Kind::TransactionTimedOut);
            self.decided();
        }
    }

    /// The end of a transaction reaches the log.
    pub(super) fn mark(&mut self, transaction: TransactionNumber) {
        self.note(Step::Marked, [transaction as u64, 0, 0], || format!("end of transaction {transaction}"));
        self.kafka.mark(transaction);
    }

    /// Takes notice of transactions that were decided.
    fn decided(&mut self) {
        while let Some(number) = self.kafka.decided.pop() {
            let is_committed = self.kafka.transactions[number].state == State::Committed;
            self.note(Step::Decided, [number as u64, is_committed.into(), 0], || {
                format!("transaction {number} {}", if is_committed { "committed" } else { "aborted" })
            });
            if is_committed {
                self.count_committed(number);
                self.judge_agreement(number);
                if self.variant.world.one_transaction {
                    self.publish(number);
                }
            }
            let most = self.network().marker_ms;
            let after = self.random.between(1, most);
            self.after(after, Event::Mark(number));
        }
    }

    /// A transaction's records are visible.
    fn publish(&mut self, number: TransactionNumber) {
        for at in 0..self.kafka.transactions[number].data.len() {
            let piece = self.kafka.transactions[number].data[at].piece;
            let logged =
                self.cassandra.writes.all().get(usize::from(piece.write)).map_or(0, |write| write.logged);
            let judgement = self.visible.publish(piece.write, piece.parts, logged);
            self.judge(judgement);
        }
    }

    fn judge_agreement(&mut self, number: TransactionNumber) {
        let transaction = &self.kafka.transactions[number];
        let mut published = Vec::new();
        for record in &transaction.data {
            let write = self.cassandra.writes.get(record.piece.write);
            let is_lone = record.is_lone_clearing;
            let timestamp = write.timestamp - i64::from(is_lone);
            let minute = timestamp.div_euclid(60_000_000) as i32;
            let id = identity(record.piece.write, is_lone);
            published.extend(bits(record.piece.parts).map(|part| Published { id, minute, atom: atom(part) }));
        }
        let judgement = agreement(number, transaction.session, &published, &transaction.ledger);
        self.judge(judgement);
    }
}

fn kind_of(request: &Request) -> Trouble {
    match request {
        Request::Owners(_) => Trouble::Owners,
        Request::Relay(..) => Trouble::Relay,
        Request::Initialise(..) => Trouble::Initialise,
        Request::Fence(..) => Trouble::Fence,
        Request::HighWatermarks(..) => Trouble::HighWatermarks,
        Request::Produce(_) => Trouble::Produce,
        Request::End(..) => Trouble::End,
    }
}

fn request_number(request: &Request) -> u64 {
    match request {
        Request::Owners(_) => 0,
        Request::Relay(to, _) => 10 + *to as u64,
        Request::Initialise(agent, ..) => 20 + *agent as u64,
        Request::Fence(agent, ..) => 30 + *agent as u64,
        Request::HighWatermarks(agent, ..) => 40 + *agent as u64,
        Request::Produce(asked) => 1000 + asked.transaction as u64,
        Request::End(asked, commit) => 1_000_000 + asked.transaction as u64 * 2 + u64::from(*commit),
    }
}
