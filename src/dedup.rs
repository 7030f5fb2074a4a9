//! Has this change been seen already? The identity of changes, and indexes of those seen.
//!
//! Identity does not depend on a mutation's bytes: copies that come by hint, batchlog, read repair or repair
//! are recognised whole or in part, deleted ranges also where they were cut anew. [`SeenChanges`] keeps what it saw in memory, for offline work; the agent's
//! [`DedupIndex`] keeps a window of it on disk.

mod atoms;
mod events;
mod identity;
#[cfg(feature = "agent")]
mod index;
mod noter;
mod ranges;
#[cfg(feature = "agent")]
pub(crate) mod store;
mod table;

use std::convert::Infallible;

pub use self::events::{schema_change_id, truncation_id};
pub use self::{
    atoms::{Atom, Filings, Part, Signature},
    identity::{ChangeId, IDENTITY_VERSION, Place},
    noter::KnownParts,
    ranges::RangeBounds,
};
#[cfg(feature = "agent")]
pub use self::{
    index::DedupIndex,
    store::{BatchNumber, IndexOptions, IndexStats},
};
use self::{noter::Noter, table::Table};
use crate::change::Change;

/// What an index says of a change.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict<'a> {
    /// Nothing of it was seen before.
    New(Change<'a>),
    /// A part was seen before; this is the rest.
    Partly(Change<'a>),
    /// All of it was seen before.
    Duplicate,
}

/// Makes [signatures](Signature) of changes, with hashes of one seed. The memory is used again.
#[derive(Debug, Default)]
pub struct Signatures(atoms::Atoms);

impl Signatures {
    /// Makes one whose identities are hashes of this seed: who does not know it cannot prepare two keys with one identity.
    #[cfg(feature = "agent")]
    pub fn with_seed(seed: u64) -> Self {
        Self(atoms::Atoms::with_seed(seed))
    }

    /// Returns what a change is known by.
    pub fn of(&mut self, change: &Change<'_>) -> &Signature {
        self.0.take(change);
        &self.0.signature
    }

    /// Returns the one that was made last.
    pub fn last(&self) -> &Signature {
        &self.0.signature
    }
}

impl Signature {
    /// Returns the signature of what is no change of a row: one part, under this identity.
    pub fn of_event(id: u128, timestamp: i64) -> Self {
        /// There is one part, and it is always the same.
        const EVENT: Atom = 1;
        Self {
            places: vec![Place { id: id.into(), timestamp }],
            parts: vec![Part { looked_up: Filings::one(0, EVENT), filed: (EVENT, None) }],
            range: None,
        }
    }
}

/// Removes from a change the parts that are not new; `is_new` has one for each part of its [`Signature`].
pub fn keep_new_parts(change: &mut Change<'_>, is_new: &[bool]) {
    atoms::keep_new(change, is_new);
}

/// The changes seen so far, in memory, for offline work over several logs. It grows with the number of
/// distinct changes: about 40 bytes for each and 4 for each of its cells.
#[derive(Debug, Default)]
pub struct SeenChanges {
    seen: Table,
    noter: Noter,
}

impl SeenChanges {
    /// Makes an empty index.
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a change, and says what of it is new.
    pub fn note<'a>(&mut self, change: Change<'a>) -> Verdict<'a> {
        let Ok(verdict) = self.noter.note(&mut self.seen, change);
        verdict
    }
}

impl KnownParts for Table {
    type Error = Infallible;

    fn look_up(&mut self, place: Place, found: &mut Vec<Atom>) -> Result<(), Infallible> {
        found.extend_from_slice(self.get(place.id));
        Ok(())
    }

    fn file(&mut self, place: Place, atoms: &[Atom]) -> Result<(), Infallible> {
        self.add(place.id, atoms);
        Ok(())
    }
}

/// Returns what a change is known by.
#[cfg(test)]
pub(crate) fn signature(change: &Change<'_>) -> Signature {
    let mut atoms = atoms::Atoms::default();
    atoms.take(change);
    atoms.signature
}

#[cfg(test)]
mod tests;
