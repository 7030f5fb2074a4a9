//! What an agent hears of its requests.

use ringtap::cluster::{
    core::{Event as CoreEvent, Outcome},
    names::Session,
};

use super::{Answer, Asked, Event, Request, World};
use crate::{cassandra::host_id, counts::Kind, kafka::State, random::scramble, trace::Step};

impl World {
    /// An answer arrives. An agent that is paused or cut off hears it afterwards, one that died never.
    pub(super) fn hear(&mut self, agent: usize, life: u32, answer: Answer) {
        let at = &self.agents[agent];
        if at.life != life || at.core.is_none() {
            return;
        }
        // That nothing was heard is noticed without a network.
        let cut_until = if matches!(answer, Answer::TimedOut(_)) { 0 } else { at.cut_until };
        let until = at.paused_until.max(cut_until);
        if self.now < until {
            let later = until + self.random.below(40);
            self.queue.add(later, Event::Answer(agent, life, answer));
            return;
        }
        self.note(Step::Answer, [agent as u64, answer_number(&answer), 0], || {
            format!("agent {agent}: {answer:?}")
        });
        match answer {
            Answer::Initialised(producer, epoch) => self.initialised(agent, producer, epoch),
            Answer::Fenced(host, attempt) => {
                self.tell(agent, CoreEvent::Fenced { attempt, host: host_id(host) });
            }
            Answer::HighWatermarks(attempt, positions) => {
                self.tell(agent, CoreEvent::HighWatermarks { attempt, positions });
            }
            Answer::Produced(asked, was_taken) if self.is_under_way(asked) => self.produced(asked, was_taken),
            Answer::Ended(asked, commit, was_taken) if self.is_under_way(asked) => {
                let outcome = match (was_taken, commit) {
                    (false, _) => Outcome::Fenced,
                    (true, true) => Outcome::Committed,
                    (true, false) => Outcome::Aborted,
                };
                self.ended(asked, outcome);
            }
            Answer::TimedOut(asked) if self.is_under_way(asked) => self.ended(asked, Outcome::Unknown),
            Answer::Produced(..) | Answer::Ended(..) | Answer::TimedOut(_) => {}
        }
    }

    /// Returns true if this transaction is what the agent's producer waits for.
    fn is_under_way(&self, asked: Asked) -> bool {
        let producer = &self.agents[asked.agent].producer;
        producer.number == asked.producer
            && producer.is_busy
            && producer.queue.front() == Some(&asked.transaction)
    }

    fn initialised(&mut self, agent: usize, producer: u32, epoch: u32) {
        let held = &mut self.agents[agent].producer;
        if held.number != producer || held.alive.is_some() {
            return;
        }
        // Sessions tell nothing by their order.
        let session = scramble(agent as u64 * 1_000_000 + u64::from(epoch));
        held.alive = Some((epoch, session));
        self.count(Kind::Initialised);
        self.tell(agent, CoreEvent::Initialised { session: Session(session) });
    }

    fn produced(&mut self, asked: Asked, was_taken: bool) {
        if !was_taken {
            return self.ended(asked, Outcome::Fenced);
        }
        let aborts = self.random.chance(self.network().abort_per_mille);
        self.send(asked.agent, Request::End(asked, !aborts));
    }

    /// Tells the core how its transaction ended, and begins the next one.
    fn ended(&mut self, asked: Asked, outcome: Outcome) {
        self.count_outcome(asked, outcome);
        let agent = asked.agent;
        let producer = &mut self.agents[agent].producer;
        producer.queue.pop_front();
        producer.is_busy = false;
        // Without its rule, a core goes on with a producer of which it does not know what it did.
        let goes_on = outcome == Outcome::Unknown && !self.variant.rules.new_session_after_unknown;
        if outcome != Outcome::Committed && !goes_on {
            producer.alive = None;
        }
        let number = self.kafka.transactions[asked.transaction].number;
        self.tell(agent, CoreEvent::Ended { number, outcome });
        self.next_transaction(agent);
    }

    fn count_outcome(&mut self, asked: Asked, outcome: Outcome) {
        let transaction = &mut self.kafka.transactions[asked.transaction];
        let kind = match outcome {
            Outcome::Committed => return,
            Outcome::Aborted => Kind::Aborted,
            Outcome::Fenced => Kind::FencedOutcome,
            Outcome::Unknown => {
                transaction.is_unknown = true;
                match transaction.state {
                    State::Committed => Kind::UnknownCommitted,
                    State::Open => Kind::UnknownOpen,
                    State::Sealed | State::Aborted => Kind::UnknownNot,
                }
            }
        };
        self.count(kind);
    }
}

fn answer_number(answer: &Answer) -> u64 {
    match answer {
        Answer::Initialised(_, epoch) => 1000 + u64::from(*epoch),
        Answer::Fenced(host, attempt) => 2000 + attempt * 10 + *host as u64,
        Answer::HighWatermarks(attempt, ends) => {
            3000 + attempt * 10 + ends.iter().map(|end| end.1).sum::<u64>()
        }
        Answer::Produced(asked, taken) => 1_000_000 + asked.transaction as u64 * 2 + u64::from(*taken),
        Answer::Ended(asked, _, taken) => 2_000_000 + asked.transaction as u64 * 2 + u64::from(*taken),
        Answer::TimedOut(asked) => 3_000_000 + asked.transaction as u64,
    }
}
