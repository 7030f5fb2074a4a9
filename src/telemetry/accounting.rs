//! Every mutation that was read has one outcome.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// What became of a mutation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// At least one record of it was published.
    Published,
    /// It is of tables that are not wanted, or without CDC.
    Filtered,
    /// It is not this agent's to publish: of system tables, or of token ranges of others.
    Foreign,
    /// All of it has been published before.
    Duplicate,
    /// It was put aside.
    Quarantined,
}

impl Outcome {
    /// All outcomes.
    pub const ALL: [Self; 5] =
        [Self::Published, Self::Filtered, Self::Foreign, Self::Duplicate, Self::Quarantined];

    /// Returns its name in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Filtered => "filtered",
            Self::Foreign => "foreign",
            Self::Duplicate => "duplicate",
            Self::Quarantined => "quarantined",
        }
    }
}

/// Mutations by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Accounting {
    /// All that were read.
    pub read: u64,
    /// [`Outcome::Published`].
    pub published: u64,
    /// [`Outcome::Filtered`].
    pub filtered: u64,
    /// [`Outcome::Foreign`].
    pub foreign: u64,
    /// [`Outcome::Duplicate`].
    pub duplicate: u64,
    /// [`Outcome::Quarantined`].
    pub quarantined: u64,
}

impl Accounting {
    /// Returns how many have an outcome.
    pub fn settled(&self) -> u64 {
        self.published + self.filtered + self.foreign + self.duplicate + self.quarantined
    }

    /// Returns how many have none yet; none if more have an outcome than were read, which is an error of ours.
    pub fn in_flight(&self) -> Option<u64> {
        self.read.checked_sub(self.settled())
    }

    /// Returns the mutations with an outcome.
    pub fn of(&self, outcome: Outcome) -> u64 {
        match outcome {
            Outcome::Published => self.published,
            Outcome::Filtered => self.filtered,
            Outcome::Foreign => self.foreign,
            Outcome::Duplicate => self.duplicate,
            Outcome::Quarantined => self.quarantined,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Outcomes {
    published: AtomicU64,
    filtered: AtomicU64,
    foreign: AtomicU64,
    duplicate: AtomicU64,
    quarantined: AtomicU64,
}

impl Outcomes {
    pub(super) fn add(&self, outcome: Outcome, count: u64) {
        let counter = match outcome {
            Outcome::Published => &self.published,
            Outcome::Filtered => &self.filtered,
            Outcome::Foreign => &self.foreign,
            Outcome::Duplicate => &self.duplicate,
            Outcome::Quarantined => &self.quarantined,
        };
        counter.fetch_add(count, Ordering::Release);
    }

    /// Returns all of them. What was read is loaded last, so it is never less than what has an outcome.
    pub(super) fn with_read(&self, read: impl FnOnce() -> u64) -> Accounting {
        let load = |counter: &AtomicU64| counter.load(Ordering::Acquire);
        let accounting = Accounting {
            read: 0,
            published: load(&self.published),
            filtered: load(&self.filtered),
            foreign: load(&self.foreign),
            duplicate: load(&self.duplicate),
            quarantined: load(&self.quarantined),
        };
        Accounting { read: read(), ..accounting }
    }
}
