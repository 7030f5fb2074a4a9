//! Which write times a set of changes has.

use serde::{Deserialize, Serialize};

/// Length of what is not told apart, in microseconds.
const MINUTE_MICROS: i64 = 60_000_000;
const MINUTE_MILLIS: u64 = 60_000;

/// How many spans there are at most; then two neighbours are joined.
const SPANS_MAX: usize = 256;

/// Write times, to the minute, as spans: more than there were, never fewer.
///
/// Joined are the neighbours whose gap is the smallest for its distance from when they were filed: of what is new minutes are
/// told apart, of what is a year old days. So late copies and backfills, whose write times may be anything, share coarse spans
/// among themselves and do not stretch the span of what is new over hours.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct WriteTimes {
    /// First and last minute of each span, in order, with at least a minute between them.
    spans: Vec<(i64, i64)>,
}

impl WriteTimes {
    /// Returns true if a write time of this minute may be among them.
    pub(super) fn may_contain(&self, minute: i64) -> bool {
        let at = self.spans.partition_point(|(_, last)| *last < minute);
        self.spans.get(at).is_some_and(|(first, _)| *first <= minute)
    }

    /// Returns the first and the last minute; the last is before the first if there is none.
    pub(super) fn bounds(&self) -> (i64, i64) {
        match (self.spans.first(), self.spans.last()) {
            (Some((first, _)), Some((_, last))) => (*first, *last),
            _ => (i64::MAX, i64::MIN),
        }
    }

    /// Adds a write time that is filed at `now_ms`, in milliseconds since 1970.
    pub(super) fn add(&mut self, timestamp: i64, now_ms: u64) {
        let minute = minute_of(timestamp);
        let at = self.spans.partition_point(|(_, last)| *last < minute);
        if self.spans.get(at).is_some_and(|(first, _)| *first <= minute) {
            return;
        }
        self.spans.insert(at, (minute, minute));
        self.join_touching(at);
        if self.spans.len() > SPANS_MAX {
            self.join_one(now_ms);
        }
    }

    /// Adds all of another.
    pub(super) fn add_all(&mut self, other: &Self, now_ms: u64) {
        self.spans.extend_from_slice(&other.spans);
        self.spans.sort_unstable();
        let mut joined: Vec<(i64, i64)> = Vec::with_capacity(self.spans.len());
        for (first, last) in self.spans.drain(..) {
            match joined.last_mut() {
                Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
                _ => joined.push((first, last)),
            }
        }
        self.spans = joined;
        while self.spans.len() > SPANS_MAX {
            self.join_one(now_ms);
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

    /// Joins the neighbours whose gap is the smallest part of its distance from now.
    fn join_one(&mut self, now_ms: u64) {
        let now = (now_ms / MINUTE_MILLIS) as i64;
        let share = |at: usize| {
            let (_, last) = self.spans.get(at)?;
            let (next, _) = self.spans.get(at + 1)?;
            // The nearer end, so that the minutes just before now stay what they are.
            let distance = (now - last).abs().min((now - next).abs());
            Some((next - last) as f64 / (distance + 1) as f64)
        };
        let shares = (0..self.spans.len()).filter_map(|at| share(at).map(|share| (share, at)));
        if let Some((_, at)) = shares.min_by(|(one, _), (other, _)| one.total_cmp(other)) {
            self.join_with_next(at);
        }
    }

    /// Returns how many minutes lie from the end of a span to the start of the next one.
    fn gap_after(&self, at: usize) -> Option<i64> {
        let (_, last) = self.spans.get(at)?;
        let (next, _) = self.spans.get(at + 1)?;
        Some(next - last)
    }

    /// Returns the memory that is held, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        (self.spans.capacity() * size_of::<(i64, i64)>()) as u64
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

/// Returns the minute of a write time in microseconds, since 1970.
pub(super) fn minute_of(timestamp: i64) -> i64 {
    timestamp.div_euclid(MINUTE_MICROS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000_000_000;
    const NOW_MS: u64 = NOW as u64 / 1000;

    fn has(times: &WriteTimes, timestamp: i64) -> bool {
        times.may_contain(minute_of(timestamp))
    }

    #[test]
    fn what_was_added_is_there_and_a_stray_does_not_join_all() {
        let mut times = WriteTimes::default();
        for minute in [0, 1, 5, 3, 4, 2] {
            times.add(NOW + minute * MINUTE_MICROS, NOW_MS);
        }
        times.add(0, NOW_MS);
        times.add(i64::MIN, NOW_MS);
        times.add(i64::MAX, NOW_MS);
        assert_eq!(times.spans.len(), 4);
        for there in [NOW, NOW + 5 * MINUTE_MICROS, 1, i64::MIN, i64::MAX] {
            assert!(has(&times, there), "{there}");
        }
        assert!(!has(&times, NOW / 2) && !has(&times, NOW + 7 * MINUTE_MICROS));
        assert_eq!(times.bounds(), (minute_of(i64::MIN), minute_of(i64::MAX)));
    }

    #[test]
    fn the_minute_before_1970_is_not_the_one_after() {
        let mut times = WriteTimes::default();
        times.add(-1, NOW_MS);
        for (there, is_there) in
            [(-60_000_001, false), (-60_000_000, true), (-1, true), (0, false), (59_999_999, false)]
        {
            assert_eq!(has(&times, there), is_there, "{there}");
        }
    }

    #[test]
    fn the_number_of_spans_is_bounded_and_nothing_is_forgotten() {
        let mut times = WriteTimes::default();
        let added: Vec<i64> = (0..2000_i64).map(|it| it * it * it % 7919 * 10 * MINUTE_MICROS).collect();
        for timestamp in &added {
            times.add(*timestamp, NOW_MS);
            assert!(times.spans.len() <= SPANS_MAX);
        }
        assert!(added.iter().all(|timestamp| has(&times, *timestamp)));
    }

    /// Ten minutes of new changes, each hundredth of another minute of the last year.
    fn with_late_ones(end: i64, seed: i64) -> WriteTimes {
        const YEAR: i64 = 365 * 24 * 60;
        let mut times = WriteTimes::default();
        for it in 0..3000_i64 {
            let late = (it + seed) * 7_919_033 % YEAR;
            times.add(end - late * MINUTE_MICROS, end as u64 / 1000);
            times.add(end - it % 10 * MINUTE_MICROS, end as u64 / 1000);
        }
        times
    }

    #[test]
    fn late_ones_of_any_age_do_not_stretch_what_is_new_over_the_window() {
        let mut all = WriteTimes::default();
        for seed in 0..8 {
            let times = with_late_ones(NOW, seed * 3000);
            let window = (20..360).filter(|minute| has(&times, NOW - minute * MINUTE_MICROS)).count();
            assert!(window < 40, "{window} of the window's minutes are covered: {seed}");
            all.add_all(&times, NOW_MS);
            assert!(all.spans.len() <= SPANS_MAX);
            let late = (0..3000_i64).map(|it| (it + seed * 3000) * 7_919_033 % (365 * 24 * 60));
            for minute in late.chain(0..10) {
                let timestamp = NOW - minute * MINUTE_MICROS;
                assert!(has(&times, timestamp) && has(&all, timestamp), "{minute}");
            }
        }
    }
}
