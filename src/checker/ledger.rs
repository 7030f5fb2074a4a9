//! Loss and repetition: what was written against what arrived.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use serde::Serialize;

use super::Findings;

/// What a writer knows of one of its writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Outcome {
    /// The database confirmed it: it must arrive exactly once.
    Acknowledged,
    /// Timed out, refused, or the writer ended before the answer came: it may arrive, at most once.
    Unknown,
}

#[derive(Debug)]
struct Write {
    outcome: Outcome,
    seen: u32,
}

/// Holds every write's unique value and outcome, and how often it arrived.
#[derive(Debug, Default)]
pub struct Ledger {
    writes: HashMap<Box<str>, Write, RandomState>,
    repeated: Findings,
    unexpected: Findings,
}

/// What the [`Ledger`] found.
#[derive(Debug, Clone, Serialize)]
pub struct LedgerReport {
    /// Writes that the database confirmed.
    pub acknowledged: u64,
    /// Other writes.
    pub unknown: u64,
    /// Of them, those that arrived.
    pub unknown_arrived: u64,
    /// Acknowledged writes that did not arrive.
    pub lost: Findings,
    /// Arrivals beyond the first of a value.
    pub repeated: Findings,
    /// Arrivals of values that nobody wrote.
    pub unexpected: Findings,
}

impl LedgerReport {
    /// Returns true if nothing is lost, nothing came twice, and nothing else came.
    pub fn is_clean(&self) -> bool {
        self.lost.is_empty() && self.repeated.is_empty() && self.unexpected.is_empty()
    }
}

impl Ledger {
    /// Notes a write. Of several outcomes of one value the acknowledgement counts.
    pub fn written(&mut self, value: &str, outcome: Outcome) {
        if let Some(write) = self.writes.get_mut(value) {
            if outcome == Outcome::Acknowledged {
                write.outcome = outcome;
            }
            return;
        }
        self.writes.insert(value.into(), Write { outcome, seen: 0 });
    }

    /// Notes that a value arrived; `place` says where.
    pub fn arrived(&mut self, value: &str, place: impl FnOnce() -> String) {
        let Some(write) = self.writes.get_mut(value) else {
            self.unexpected.add(|| format!("{value} at {}", place()));
            return;
        };
        write.seen += 1;
        let seen = write.seen;
        if seen > 1 {
            self.repeated.add(|| format!("{value} for the {seen}. time at {}", place()));
        }
    }

    /// Returns what is wrong, given that everything that will arrive did.
    pub fn report(&self) -> LedgerReport {
        let mut report = LedgerReport {
            acknowledged: 0,
            unknown: 0,
            unknown_arrived: 0,
            lost: Findings::default(),
            repeated: self.repeated.clone(),
            unexpected: self.unexpected.clone(),
        };
        let mut lost = Vec::new();
        for (value, write) in &self.writes {
            match write.outcome {
                Outcome::Acknowledged => {
                    report.acknowledged += 1;
                    if write.seen == 0 {
                        lost.push(value);
                    }
                }
                Outcome::Unknown => {
                    report.unknown += 1;
                    report.unknown_arrived += u64::from(write.seen > 0);
                }
            }
        }
        lost.sort_unstable();
        for value in lost {
            report.lost.add(|| value.to_string());
        }
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(writes: &[(&str, Outcome)], arrivals: &[&str]) -> LedgerReport {
        let mut ledger = Ledger::default();
        for (value, outcome) in writes {
            ledger.written(value, *outcome);
        }
        for (at, value) in arrivals.iter().enumerate() {
            ledger.arrived(value, || format!("t/0@{at}"));
        }
        ledger.report()
    }

    #[test]
    fn each_acknowledged_once_and_unknown_at_most_once_is_clean() {
        let writes = [("a", Outcome::Acknowledged), ("b", Outcome::Unknown), ("c", Outcome::Unknown)];
        let report = ledger(&writes, &["b", "a"]);
        assert!(report.is_clean(), "{report:?}");
        assert_eq!((report.acknowledged, report.unknown, report.unknown_arrived), (1, 2, 1));
    }

    #[test]
    fn an_acknowledged_write_that_is_not_there_is_lost() {
        let report = ledger(&[("a", Outcome::Acknowledged), ("b", Outcome::Acknowledged)], &["a"]);
        assert_eq!((report.lost.count, &*report.lost.first[0]), (1, "b"));
        assert!(!report.is_clean());
    }

    #[test]
    fn a_second_arrival_is_a_repetition_whatever_the_outcome() {
        for outcome in [Outcome::Acknowledged, Outcome::Unknown] {
            let report = ledger(&[("a", outcome)], &["a", "a", "a"]);
            assert_eq!(
                (report.repeated.count, &*report.repeated.first[0]),
                (2, "a for the 2. time at t/0@1")
            );
            assert!(!report.is_clean());
        }
    }

    #[test]
    fn a_value_that_nobody_wrote_is_unexpected() {
        let report = ledger(&[("a", Outcome::Acknowledged)], &["a", "z"]);
        assert_eq!((report.unexpected.count, &*report.unexpected.first[0]), (1, "z at t/0@1"));
        assert!(!report.is_clean());
    }

    #[test]
    fn a_retry_that_was_acknowledged_must_arrive() {
        let report =
            ledger(&[("a", Outcome::Unknown), ("a", Outcome::Acknowledged), ("a", Outcome::Unknown)], &[]);
        assert_eq!(report.lost.count, 1);
    }
}
