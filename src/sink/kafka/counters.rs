//! What the sink counts, for metrics and status.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use super::error::{SinkError, SinkErrorKind};

/// Upper bounds of the buckets of commit latency, in milliseconds; the last bucket has none.
pub const COMMIT_LATENCY_BOUNDS_MS: [u64; 11] = [2, 5, 10, 25, 50, 100, 250, 500, 1_000, 5_000, 30_000];

/// Numbers that outlive the connections to Kafka: make it once, read it at any time from any thread.
#[derive(Debug, Default)]
pub struct SinkCounters {
    /// Records handed to librdkafka; a truncation counts once for each partition.
    pub records: AtomicU64,
    /// Bytes of their keys and values.
    pub bytes: AtomicU64,
    /// Transactions committed; with at-least-once, positions written.
    pub commits: AtomicU64,
    /// Transactions that were given up.
    pub aborts: AtomicU64,
    /// Connections made.
    pub connections: AtomicU64,
    /// Records put aside or cut down because they were too large.
    pub too_large: AtomicU64,
    /// Topics made.
    pub topics_created: AtomicU64,
    /// Topics whose number of partitions changed while they were in use: the order of keys broke there.
    pub partition_changes: AtomicU64,
    /// Times that a record waited for room in the queue.
    pub queue_full: AtomicU64,
    /// Records in librdkafka's queue or on their way when last looked at.
    pub in_flight: AtomicU64,
    /// Lines of librdkafka's that were left out of the log.
    pub log_lines_suppressed: AtomicU64,
    /// Microseconds that the last commit took, from its call to its outcome.
    pub commit_latency_last_us: AtomicU64,
    /// Microseconds of all commits.
    pub commit_latency_sum_us: AtomicU64,
    commit_latency: [AtomicU64; COMMIT_LATENCY_BOUNDS_MS.len() + 1],
    errors: [AtomicU64; SinkErrorKind::ALL.len()],
    state: Mutex<(SinkState, Option<String>)>,
}

/// How the sink stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SinkState {
    /// Kafka is not reached yet, or no more.
    #[default]
    Connecting,
    /// Records can be sent; nothing has been committed since.
    Connected,
    /// The last commit succeeded.
    Publishing,
    /// Kafka refuses our credentials or rights.
    Blocked,
    /// Stopped.
    Stopped,
}

impl SinkState {
    /// Returns the word for it in status and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Publishing => "publishing",
            Self::Blocked => "blocked",
            Self::Stopped => "stopped",
        }
    }
}

impl SinkCounters {
    /// Returns how many errors of this kind there were.
    pub fn errors(&self, kind: SinkErrorKind) -> u64 {
        self.errors.get(kind as usize).map_or(0, |count| count.load(Relaxed))
    }

    /// Returns how many commits fell into each bucket of [`COMMIT_LATENCY_BOUNDS_MS`], the last one unbounded.
    pub fn commit_latency(&self) -> [u64; COMMIT_LATENCY_BOUNDS_MS.len() + 1] {
        std::array::from_fn(|at| self.commit_latency.get(at).map_or(0, |count| count.load(Relaxed)))
    }

    /// Returns how the sink stands, and in words what the last error was while it is not well.
    pub fn state(&self) -> (SinkState, Option<String>) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_state(&self, state: SinkState, why: Option<String>) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = (state, why);
    }

    /// Counts an error, and says in the state what it means.
    pub(super) fn note_error(&self, error: &SinkError) {
        let kind = error.kind();
        if let Some(count) = self.errors.get(kind as usize) {
            count.fetch_add(1, Relaxed);
        }
        let state = match kind {
            SinkErrorKind::Denied => SinkState::Blocked,
            SinkErrorKind::Stopped => SinkState::Stopped,
            _ => SinkState::Connecting,
        };
        self.set_state(state, Some(error.to_string()));
    }

    pub(super) fn note_commit(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.commits.fetch_add(1, Relaxed);
        self.commit_latency_last_us.store(us, Relaxed);
        self.commit_latency_sum_us.fetch_add(us, Relaxed);
        let bucket = COMMIT_LATENCY_BOUNDS_MS.partition_point(|bound| bound * 1_000 < us);
        if let Some(count) = self.commit_latency.get(bucket) {
            count.fetch_add(1, Relaxed);
        }
        self.set_state(SinkState::Publishing, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_fall_into_the_bucket_of_their_latency() {
        let counters = SinkCounters::default();
        for us in [1, 2_000, 2_001, 29_999_999, 31_000_000] {
            counters.note_commit(Duration::from_micros(us));
        }
        assert_eq!(counters.commit_latency(), [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
    }

    #[test]
    fn refused_access_shows_until_something_is_committed() {
        let counters = SinkCounters::default();
        counters.note_error(&SinkError::Denied { doing: "sending", reason: "no".into() });
        assert_eq!(counters.state().0, SinkState::Blocked);
        assert_eq!(counters.errors(SinkErrorKind::Denied), 1);
        counters.note_commit(Duration::ZERO);
        assert_eq!(counters.state(), (SinkState::Publishing, None));
    }
}
