//! What was asked, and when asking again makes sense.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use cassandra_commitlog::schema::TableId;

/// Tables remembered that asking did not help. Beyond it the oldest is forgotten and may be asked for again.
const ASKED_MAX: usize = 1024;

/// How long an answer is remembered. A table that the node does not know will not come back under the same id, but for
/// a column the schema may have been on its way.
const ASKED_FOR: Duration = Duration::from_secs(600);

const DELAY_MIN: Duration = Duration::from_secs(1);
const DELAY_MAX: Duration = Duration::from_secs(60);

/// The tables that the node was asked for.
#[derive(Debug, Default)]
pub(super) struct Asked {
    tables: HashMap<TableId, Instant>,
}

impl Asked {
    pub(super) fn recently(&self, id: TableId) -> bool {
        self.tables.get(&id).is_some_and(|at| at.elapsed() < ASKED_FOR)
    }

    pub(super) fn note(&mut self, id: TableId) {
        if self.tables.len() >= ASKED_MAX
            && let Some(oldest) = self.tables.iter().min_by_key(|(_, at)| **at).map(|(id, _)| *id)
        {
            self.tables.remove(&oldest);
        }
        self.tables.insert(id, Instant::now());
    }

    /// Forgets all answers, as the schema changed.
    pub(super) fn forget(&mut self) {
        self.tables.clear();
    }
}

/// Waits between questions to a node that does not answer: doubled each time, up to a minute.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
    failed_at: Option<Instant>,
}

impl Backoff {
    pub(super) fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
        self.failed_at = Some(Instant::now());
    }

    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// Returns the wait after the last failure.
    pub(super) fn delay(&self) -> Duration {
        let doubled = DELAY_MIN.saturating_mul(1 << self.failures.saturating_sub(1).min(6));
        doubled.min(DELAY_MAX)
    }

    /// Returns how much of the wait is left.
    pub(super) fn wait(&self) -> Option<Duration> {
        let left = self.delay().checked_sub(self.failed_at?.elapsed())?;
        (!left.is_zero()).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_an_answer_ends_them() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.wait(), None);
        let mut seconds = Vec::new();
        for _ in 0..9 {
            backoff.failed();
            seconds.push(backoff.delay().as_secs());
        }
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert!(backoff.wait().is_some());
        backoff.succeeded();
        assert_eq!(backoff.wait(), None);
    }

    #[test]
    fn the_memory_of_what_was_asked_is_bounded() {
        let mut asked = Asked::default();
        let id = |number: u128| TableId(Uuid::from_u128(number));
        for number in 0..2 * ASKED_MAX as u128 {
            asked.note(id(number));
        }
        assert_eq!(asked.tables.len(), ASKED_MAX);
        assert!(asked.recently(id(2 * ASKED_MAX as u128 - 1)) && !asked.recently(id(0)));
        asked.forget();
        assert!(!asked.recently(id(2 * ASKED_MAX as u128 - 1)));
    }
}
