//! Which write times a set of changes has.

use serde::{Deserialize, Serialize};

/// Length of what is not told apart, in microseconds.
const MINUTE_MICROS: i64 = 60_000_000;

/// How many spans there are at most; then the nearest are joined.
const SPANS_MAX: usize = 64;

/// Write times, to the minute, as spans: more than there were, never fewer. A few late copies with far older times
/// do not make one long span of all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct WriteTimes {
    /// First and last minute of each span, in order, with at least a minute between them.
    spans: Vec<(i64, i64)>,
}

impl WriteTimes {
    /// Returns true if this write time may be among them.
    pub(super) fn may_contain(&self, timestamp: i64) -> bool {
        let minute = minute_of(timestamp);
        let at = self.spans.partition_point(|(_, last)| *last < minute);
        self.spans.get(at).is_some_and(|(first, _)| *first <= minute)
    }

    /// Adds a write time.
    pub(super) fn add(&mut self, timestamp: i64) {
        let minute = minute_of(timestamp);
        let at = self.spans.partition_point(|(_, last)| *last < minute);
        if self.spans.get(at).is_some_and(|(first, _)| *first <= minute) {
            return;
        }
        self.spans.insert(at, (minute, minute));
        self.join_touching(at);
        if self.spans.len() > SPANS_MAX {
            self.join_nearest();
        }
    }

    /// Joins the span at `at` with its neighbours if no minute lies between.
    fn join_touching(&mut self, at: usize) {
        if self.gap_after(at).is_some_and(|gap| gap == 1) {
            self.join_with_next(at);
        }
        if at > 0 && self.gap_after(at - 1).is_some_and(|gap| gap == 1) {
            self.join_with_next(at - 1);
        }
    }

    fn join_nearest(&mut self) {
        let gaps = (0..self.spans.len()).filter_map(|at| self.gap_after(at).map(|gap| (gap, at)));
        if let Some((_, at)) = gaps.min() {
            self.join_with_next(at);
        }
    }

    /// Returns how many minutes lie from the end of a span to the start of the next one.
    fn gap_after(&self, at: usize) -> Option<i64> {
        let (_, last) = self.spans.get(at)?;
        let (next, _) = self.spans.get(at + 1)?;
        Some(next - last)
    }

    fn join_with_next(&mut self, at: usize) {
        if at + 1 < self.spans.len() {
            let (_, last) = self.spans.remove(at + 1);
            if let Some(span) = self.spans.get_mut(at) {
                span.1 = last;
            }
        }
    }
}

fn minute_of(timestamp: i64) -> i64 {
    timestamp.div_euclid(MINUTE_MICROS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_is_there_and_a_stray_does_not_join_all() {
        let mut times = WriteTimes::default();
        let now = 1_700_000_000_000_000;
        for minute in [0, 1, 5, 3, 4, 2] {
            times.add(now + minute * MINUTE_MICROS);
        }
        times.add(0);
        times.add(i64::MIN);
        times.add(i64::MAX);
        assert_eq!(times.spans.len(), 4);
        for there in [now, now + 5 * MINUTE_MICROS, 1, i64::MIN, i64::MAX] {
            assert!(times.may_contain(there), "{there}");
        }
        assert!(!times.may_contain(now / 2) && !times.may_contain(now + 7 * MINUTE_MICROS));
    }

    #[test]
    fn the_number_of_spans_is_bounded_and_nothing_is_forgotten() {
        let mut times = WriteTimes::default();
        let added: Vec<i64> = (0..1000_i64).map(|it| it * it * it % 7919 * 10 * MINUTE_MICROS).collect();
        for timestamp in &added {
            times.add(*timestamp);
            assert!(times.spans.len() <= SPANS_MAX);
        }
        assert!(added.iter().all(|timestamp| times.may_contain(*timestamp)));
    }
}
