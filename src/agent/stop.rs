//! Asking threads to stop.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How a run is to be ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stop {
    /// Go on.
    No,
    /// Publish what was read, then end.
    Gracefully,
    /// End at once; what is not committed is given up and read again by the next run.
    Now,
}

/// Tells threads when and how to stop, and wakes those that wait. Clones are the same signal.
#[derive(Debug, Clone)]
pub struct StopSignal(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    stop: Mutex<Stop>,
    changed: Condvar,
}

impl Default for StopSignal {
    fn default() -> Self {
        Self(Arc::new(Inner { stop: Mutex::new(Stop::No), changed: Condvar::new() }))
    }
}

impl StopSignal {
    /// Asks for a stop; one that was asked for before is only ever made more urgent.
    pub fn ask(&self, stop: Stop) {
        let mut asked = self.lock();
        *asked = (*asked).max(stop);
        drop(asked);
        self.0.changed.notify_all();
    }

    /// Returns what was asked for.
    pub fn get(&self) -> Stop {
        *self.lock()
    }

    /// Returns true once everything must end at once.
    pub fn is_now(&self) -> bool {
        self.get() == Stop::Now
    }

    /// Waits until something more urgent than `than` is asked for, `at_most` as long, and returns what is asked for.
    pub fn wait(&self, than: Stop, at_most: Duration) -> Stop {
        let until = Instant::now() + at_most;
        let mut asked = self.lock();
        while *asked <= than {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            asked = self.0.changed.wait_timeout(asked, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        *asked
    }

    fn lock(&self) -> MutexGuard<'_, Stop> {
        self.0.stop.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_only_becomes_more_urgent_and_wakes_who_waits() {
        let signal = StopSignal::default();
        assert_eq!(signal.wait(Stop::No, Duration::ZERO), Stop::No);
        let other = signal.clone();
        let waiting = std::thread::spawn(move || other.wait(Stop::Gracefully, Duration::from_secs(60)));
        signal.ask(Stop::Gracefully);
        signal.ask(Stop::Now);
        signal.ask(Stop::Gracefully);
        assert_eq!(waiting.join().unwrap(), Stop::Now);
        assert!(signal.is_now());
    }
}
