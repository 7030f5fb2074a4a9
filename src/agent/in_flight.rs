//! Batches that were handed to the sending thread and are not known to be published yet.

use std::{collections::VecDeque, time::Instant};

use super::accounting::Accounting;
use crate::{checkpoint::Progress, dedup::BatchNumber};

/// A sealed batch whose outcome is open.
#[derive(Debug)]
pub(super) struct InFlight {
    /// Its number in the dedup index.
    pub(super) number: BatchNumber,
    /// Where the log stands behind it.
    pub(super) progress: Progress,
    /// When it was handed over.
    pub(super) since: Instant,
    /// What its mutations came to.
    pub(super) counted: Accounting,
}

/// The batches in flight, in order.
#[derive(Debug, Default)]
pub(super) struct InFlightBatches(VecDeque<InFlight>);

impl InFlightBatches {
    /// Notes a batch that is handed over.
    pub(super) fn push(&mut self, batch: InFlight) {
        debug_assert!(self.0.back().is_none_or(|last| last.number < batch.number), "batches are in order");
        self.0.push_back(batch);
    }

    /// Takes out the batches up to this number, which are published: the last one, and what all of them came to.
    pub(super) fn committed(&mut self, up_to: BatchNumber) -> Option<InFlight> {
        let mut counted = Accounting::default();
        let mut last = None;
        while self.0.front().is_some_and(|batch| batch.number <= up_to) {
            last = self.0.pop_front();
            counted.add(last.as_ref().map_or(&Accounting::default(), |batch| &batch.counted));
        }
        last.map(|batch| InFlight { counted, ..batch })
    }

    /// Takes out everything after an outcome that was read back: those up to the one with this progress are published
    /// (the number is returned, if any is), the others are not.
    pub(super) fn resolve(&mut self, published: &Progress) -> Option<InFlight> {
        let number = self.0.iter().rev().find(|batch| batch.progress == *published).map(|batch| batch.number);
        let last = number.and_then(|number| self.committed(number));
        self.0.clear();
        last
    }

    /// Returns true if every batch is known to be published.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns since when the oldest one is in flight.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.0.front().map(|batch| batch.since)
    }

    /// Returns how many mutations are in them.
    pub(super) fn mutations(&self) -> u64 {
        self.0.iter().map(|batch| batch.counted.read).sum()
    }

    /// Returns how many batches are in flight.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batches(progress: &[&str]) -> InFlightBatches {
        let mut batches = InFlightBatches::default();
        for (number, text) in progress.iter().enumerate() {
            let counted = Accounting { published: 1, ..Accounting::default() };
            batches.push(InFlight {
                number: BatchNumber::from(number as u64),
                progress: text.parse().unwrap(),
                since: Instant::now(),
                counted,
            });
        }
        batches
    }

    #[test]
    fn batches_are_taken_out_up_to_the_committed_one() {
        let mut in_flight = batches(&["1=10", "1=20", "1,2=5"]);
        let last = in_flight.committed(1.into()).unwrap();
        assert_eq!((last.number, last.counted.published, in_flight.len()), (1.into(), 2, 1));
        assert!(in_flight.committed(1.into()).is_none());
    }

    #[test]
    fn an_outcome_read_back_decides_all_that_is_in_flight() {
        let mut in_flight = batches(&["1=10", "1=20", "1,2=5"]);
        let last = in_flight.resolve(&"1=20".parse().unwrap()).unwrap();
        assert_eq!((last.number, last.counted.published), (1.into(), 2));
        assert!(in_flight.is_empty());
        // What was committed last is older than all that is in flight: none of it was.
        let mut in_flight = batches(&["1=10"]);
        assert!(in_flight.resolve(&"1=5".parse().unwrap()).is_none());
        assert!(in_flight.is_empty());
    }
}
