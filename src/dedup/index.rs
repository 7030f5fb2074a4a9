//! Which changes this agent has published within a window of time, and how far its log has been published: both in one
//! [store](super::store), so that they cannot disagree.
//!
//! "Perhaps known" is always looked up exactly, as a wrong "known" would lose the change.

use std::time::{SystemTime, UNIX_EPOCH};

use super::{
    BatchNumber, IndexOptions, IndexStats, Verdict,
    identity::{ChangeId, Place},
    noter::{KnownParts as _, Noter},
    store::{Mark, Store},
};
use crate::{
    change::Change,
    checkpoint::{Progress, StateError},
};

impl Mark for Progress {
    const KIND: &'static str = "dedup-index";
}

/// The index of an agent.
///
/// Changes are noted into an open batch, which is sealed with the progress that it brings, committed when its records
/// have been published, and durable after the next [`sync`](Self::sync). What is noted counts as known at once;
/// [`abort`](Self::abort) forgets what is not committed.
#[derive(Debug)]
pub struct DedupIndex {
    noter: Noter,
    store: Store<Progress>,
}

/// The fingerprint under which an event without a row is filed.
const EVENT_ATOM: u32 = 0;

impl DedupIndex {
    /// Opens the index, or makes an empty one. Returns the progress as of which it is exactly.
    pub fn open(options: IndexOptions, now: SystemTime) -> Result<(Self, Progress), StateError> {
        let now_ms = milliseconds(now);
        let mut store: Store<Progress> = Store::open(options, now_ms)?;
        store.note_time(now_ms);
        let noter = Noter::with_seed(store.seed());
        let progress = store.committed().clone();
        Ok((Self { noter, store }, progress))
    }

    /// Notes a change in the open batch, and says what of it is new. After an error nothing of it is noted.
    pub fn note<'a>(&mut self, change: Change<'a>) -> Result<Verdict<'a>, StateError> {
        if self.store.options().is_enabled {
            self.noter.note(&mut self.store, change)
        } else {
            Ok(Verdict::New(change))
        }
    }

    /// Notes an event without a row in the open batch: a [change of the schema](super::schema_change_id) or a
    /// [truncation](super::truncation_id), with its write time in microseconds. Returns true if it is new.
    pub fn note_event(&mut self, id: u128, written_at: i64) -> Result<bool, StateError> {
        if !self.store.options().is_enabled {
            return Ok(true);
        }
        let place = Place { id: ChangeId::from(id), timestamp: written_at };
        let mut found = Vec::new();
        self.store.look_up(place, &mut found)?;
        if found.is_empty() {
            self.store.file(place, &[EVENT_ATOM])?;
        }
        Ok(found.is_empty())
    }

    /// Ends the open batch: with it, the log is published as far as `progress` says.
    pub fn seal(&mut self, progress: Progress) -> BatchNumber {
        self.store.seal(progress)
    }

    /// Notes that the batches up to this one have been published. They are not durable yet. After
    /// [`Full`](crate::checkpoint::StateErrorKind::Full) those that were not written are still sealed: make room and
    /// commit again.
    pub fn commit(&mut self, up_to: BatchNumber) -> Result<(), StateError> {
        self.store.commit(up_to)
    }

    /// Forgets all that is not committed: the open batch, and the sealed ones behind the last committed one.
    pub fn abort(&mut self) {
        self.store.abort();
    }

    /// Makes durable what is committed, and returns the progress that is durable now. Drops what is older than the
    /// window.
    pub fn sync(&mut self, now: SystemTime) -> Result<Progress, StateError> {
        let now_ms = milliseconds(now);
        self.store.note_time(now_ms);
        let window_ms = self.store.options().window_ms();
        self.store.sync(now_ms.saturating_sub(window_ms))?;
        Ok(self.store.durable().clone())
    }

    /// Returns the progress of the last committed batch.
    pub fn committed(&self) -> &Progress {
        self.store.committed()
    }

    /// Returns the progress that is durable.
    pub fn durable(&self) -> &Progress {
        self.store.durable()
    }

    /// Returns what the index holds and did.
    pub fn stats(&self) -> IndexStats {
        self.store.stats()
    }
}

/// Milliseconds since 1970.
fn milliseconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis().try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
