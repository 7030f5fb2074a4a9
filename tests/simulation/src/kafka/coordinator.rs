//! The coordinator of a transactional id: epochs, and how transactions end.

use super::{Kafka, State, TransactionNumber};

/// Of one transactional id.
#[derive(Debug, Default)]
pub struct Coordinator {
    /// What is of another is refused.
    pub epoch: u32,
    /// The transaction whose records stand in the log.
    pub open: Option<TransactionNumber>,
    /// The transaction that is decided, while its end does not stand in the log.
    pub ending: Option<TransactionNumber>,
}

/// What the coordinator says to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landed {
    /// Done.
    Done,
    /// Kafka's error `CONCURRENT_TRANSACTIONS`: the client asks again.
    Busy,
    /// Another producer has the id.
    Refused,
}

impl Kafka {
    /// A transaction's records arrive.
    pub fn produce(&mut self, number: TransactionNumber) -> Landed {
        let transaction = &mut self.transactions[number];
        let coordinator = &mut self.coordinators[transaction.host];
        if transaction.epoch != coordinator.epoch || transaction.state != State::Sealed {
            return Landed::Refused;
        }
        if coordinator.ending.is_some() || coordinator.open.is_some() {
            return Landed::Busy;
        }
        coordinator.open = Some(number);
        transaction.state = State::Open;
        self.ledger[transaction.partition].append(number, transaction.ledger.len());
        for (index, record) in self.transactions[number].data.iter().enumerate() {
            let partition = record.piece.data_partition as usize;
            self.data[partition].push((number, index));
        }
        Landed::Done
    }

    /// The request to end a transaction arrives. One that comes again says the same again.
    pub fn end(&mut self, number: TransactionNumber, commit: bool) -> Landed {
        let transaction = &self.transactions[number];
        match transaction.state {
            State::Committed if commit => Landed::Done,
            State::Aborted if !commit => Landed::Done,
            State::Open if self.coordinators[transaction.host].epoch == transaction.epoch => {
                self.decide(number, if commit { State::Committed } else { State::Aborted });
                Landed::Done
            }
            _ => Landed::Refused,
        }
    }

    /// A producer asks for the transactional id of a host: what is open is aborted, and older producers are refused.
    /// Returns the epoch, or `None` while a transaction is ending: the client asks again.
    pub fn initialise(&mut self, host: usize) -> Option<u32> {
        if self.coordinators[host].ending.is_some() {
            return None;
        }
        self.coordinators[host].epoch += 1;
        if let Some(open) = self.coordinators[host].open {
            self.decide(open, State::Aborted);
            return None;
        }
        Some(self.coordinators[host].epoch)
    }

    /// A transaction has been open for too long: it is aborted, its producer refused from now on. Returns false if it has ended.
    pub fn time_out(&mut self, number: TransactionNumber) -> bool {
        let host = self.transactions[number].host;
        let is_open = self.coordinators[host].open == Some(number);
        if is_open {
            self.coordinators[host].epoch += 1;
            self.decide(number, State::Aborted);
        }
        is_open
    }

    /// The end of a decided transaction reaches the log.
    pub fn mark(&mut self, number: TransactionNumber) {
        let transaction = &self.transactions[number];
        self.ledger[transaction.partition].end(number);
        let coordinator = &mut self.coordinators[transaction.host];
        if coordinator.ending == Some(number) {
            coordinator.ending = None;
        }
    }

    fn decide(&mut self, number: TransactionNumber, state: State) {
        let transaction = &mut self.transactions[number];
        transaction.state = state;
        let coordinator = &mut self.coordinators[transaction.host];
        coordinator.open = None;
        coordinator.ending = Some(number);
        self.decided.push(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::Transaction;

    fn sealed(kafka: &mut Kafka, epoch: u32) -> TransactionNumber {
        let state = State::Sealed;
        let (data, ledger) = (Vec::new(), Vec::new());
        let is_unknown = false;
        kafka.transactions.push(Transaction {
            host: 0,
            number: 1,
            epoch,
            session: 1,
            data,
            ledger,
            partition: 0,
            state,
            is_unknown,
        });
        kafka.transactions.len() - 1
    }

    #[test]
    fn a_new_producer_aborts_what_is_open_and_the_old_one_is_refused() {
        let mut kafka = Kafka::new(1, 1);
        assert_eq!(kafka.initialise(0), Some(1));
        let first = sealed(&mut kafka, 1);
        assert_eq!(kafka.produce(first), Landed::Done);
        assert_eq!(kafka.initialise(0), None, "it is aborted first");
        assert_eq!(kafka.end(first, true), Landed::Refused);
        assert_eq!(kafka.initialise(0), None, "its end does not stand in the log");
        kafka.mark(first);
        assert_eq!(kafka.initialise(0), Some(3));
        let late = sealed(&mut kafka, 1);
        assert_eq!(kafka.produce(late), Landed::Refused);
        assert_eq!(kafka.transactions[first].state, State::Aborted);
    }

    #[test]
    fn an_end_lands_once_and_a_repeated_one_says_the_same() {
        let mut kafka = Kafka::new(1, 1);
        assert_eq!(kafka.initialise(0), Some(1));
        let first = sealed(&mut kafka, 1);
        assert_eq!(kafka.end(first, true), Landed::Refused, "nothing of it has arrived");
        assert_eq!(kafka.produce(first), Landed::Done);
        assert_eq!((kafka.end(first, true), kafka.end(first, true)), (Landed::Done, Landed::Done));
        assert_eq!(kafka.end(first, false), Landed::Refused);
        let second = sealed(&mut kafka, 1);
        assert_eq!(kafka.produce(second), Landed::Busy);
        kafka.mark(first);
        assert_eq!(kafka.produce(second), Landed::Done);
        assert!(kafka.time_out(second) && !kafka.time_out(second));
        assert_eq!(kafka.decided, [first, second]);
    }
}
