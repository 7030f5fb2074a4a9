//! Has this change been seen already? The identity of changes, and an index of those seen.
//!
//! Identity does not depend on a mutation's bytes: copies that come by hint, batchlog, read repair or repair
//! are recognised whole or in part.

mod atoms;
mod identity;

use std::collections::HashMap;

use self::{
    atoms::{Atom, Atoms},
    identity::ChangeId,
};
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

/// The changes seen so far, in memory, for offline work over several logs. It grows with the number of
/// distinct changes: about 60 bytes for each and 4 for each of its cells.
#[derive(Debug, Default)]
pub struct SeenChanges {
    seen: HashMap<ChangeId, Vec<Atom>>,
}

impl SeenChanges {
    /// Makes an empty index.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns how many changes were seen.
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Returns true if nothing was seen.
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    /// Notes a change, and says what of it is new.
    pub fn note<'a>(&mut self, mut change: Change<'a>) -> Verdict<'a> {
        let atoms = Atoms::of(&change);
        let mut is_new = Vec::with_capacity(atoms.parts.len());
        for part in &atoms.parts {
            let known = part
                .looked_up
                .iter()
                .any(|(id, atom)| self.seen.get(id).is_some_and(|seen| seen.contains(atom)));
            is_new.push(!known);
        }
        for part in atoms.parts.iter().zip(&is_new).filter(|(_, new)| **new).map(|(part, _)| part) {
            for (id, atom) in &part.filed {
                let seen = self.seen.entry(*id).or_default();
                if !seen.contains(atom) {
                    seen.push(*atom);
                }
            }
        }
        if is_new.iter().all(|new| *new) {
            Verdict::New(change)
        } else if is_new.iter().any(|new| *new) {
            atoms::keep_new(&mut change, &is_new);
            Verdict::Partly(change)
        } else {
            Verdict::Duplicate
        }
    }
}

#[cfg(test)]
mod tests;
