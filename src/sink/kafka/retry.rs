//! When to try again, and when not to.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Waiting times that double from 100 ms to 10 s.
#[derive(Debug, Clone, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(100);
    const LONGEST: Duration = Duration::from_secs(10);

    /// Returns how long to wait after one more failure.
    pub fn next_wait(&mut self) -> Duration {
        let wait = Self::FIRST.saturating_mul(1 << self.failures.min(10)).min(Self::LONGEST);
        self.failures += 1;
        wait
    }

    /// Begins anew after a success.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

/// Counts fencings: two agents with one transactional id throw each other out for ever, unless one gives up.
#[derive(Debug, Clone)]
pub struct Fences {
    most: usize,
    within: Duration,
    at: VecDeque<Instant>,
}

impl Fences {
    /// Allows this many fencings within this time.
    pub fn new(most: usize, within: Duration) -> Self {
        Self { most, within, at: VecDeque::new() }
    }

    /// Notes a fencing; returns true if it was one too many.
    pub fn note(&mut self, now: Instant) -> bool {
        self.at.push_back(now);
        while self.at.front().is_some_and(|at| now.duration_since(*at) > self.within) {
            self.at.pop_front();
        }
        self.at.len() > self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_grows_to_a_limit_and_begins_anew_after_a_success() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..9).map(|_| backoff.next_wait().as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
        backoff.reset();
        assert_eq!(backoff.next_wait(), Backoff::FIRST);
    }

    #[test]
    fn fencing_again_and_again_is_one_too_many_but_rare_ones_are_not() {
        let start = Instant::now();
        let mut fences = Fences::new(2, Duration::from_secs(60));
        assert!(!fences.note(start) && !fences.note(start));
        assert!(fences.note(start));
        let mut fences = Fences::new(2, Duration::from_secs(60));
        assert!((0..100).all(|at| !fences.note(start + Duration::from_secs(at * 31))));
    }
}
