//! Noting a change: which of its parts are known, and filing those that are not.

use super::{
    Verdict,
    atoms::{Atom, Atoms, keep_new},
    identity::Place,
};
use crate::change::Change;

/// Where the parts of changes are known.
pub(super) trait KnownParts {
    /// Why it could not be asked.
    type Error;

    /// Appends the fingerprints that are filed at a place.
    fn look_up(&mut self, place: Place, found: &mut Vec<Atom>) -> Result<(), Self::Error>;

    /// Files fingerprints, different ones, none of them filed there yet.
    fn file(&mut self, place: Place, atoms: &[Atom]) -> Result<(), Self::Error>;
}

/// Notes changes in any [`KnownParts`]. Holds memory that is used again.
#[derive(Debug, Default)]
pub(super) struct Noter {
    atoms: Atoms,
    /// What is known, for each of the change's places.
    known: Vec<Vec<Atom>>,
    is_new: Vec<bool>,
    fresh: Vec<Atom>,
}

/// Up to this many fingerprints are searched one by one; more are sorted first.
const UNSORTED_MAX: usize = 32;

impl Noter {
    /// Makes one whose identities are hashes of this seed.
    #[cfg(feature = "agent")]
    pub(super) fn with_seed(seed: u64) -> Self {
        Self { atoms: Atoms::with_seed(seed), ..Self::default() }
    }

    /// Notes a change: says what of it is new, and files that.
    pub(super) fn note<'a, K: KnownParts>(
        &mut self,
        parts: &mut K,
        mut change: Change<'a>,
    ) -> Result<Verdict<'a>, K::Error> {
        self.atoms.take(&change);
        let count = self.atoms.places.len();
        while self.known.len() < count {
            self.known.push(Vec::new());
        }
        for (place, known) in self.atoms.places.iter().zip(&mut self.known) {
            known.clear();
            parts.look_up(*place, known)?;
            if known.len() > UNSORTED_MAX {
                known.sort_unstable();
            }
        }
        self.is_new.clear();
        let known = &self.known;
        self.is_new.extend(self.atoms.parts.iter().map(|part| {
            !part.looked_up.iter().any(|(place, atom)| known.get(place).is_some_and(|it| contains(it, atom)))
        }));
        if !self.is_new.contains(&true) {
            return Ok(Verdict::Duplicate);
        }
        self.file(parts)?;
        if self.is_new.contains(&false) {
            keep_new(&mut change, &self.is_new);
            return Ok(Verdict::Partly(change));
        }
        Ok(Verdict::New(change))
    }

    fn file<K: KnownParts>(&mut self, parts: &mut K) -> Result<(), K::Error> {
        for (at, (place, known)) in self.atoms.places.iter().zip(&self.known).enumerate() {
            self.fresh.clear();
            let new_parts = self.atoms.parts.iter().zip(&self.is_new).filter(|(_, is_new)| **is_new);
            for (filed_at, atom) in new_parts.flat_map(|(part, _)| part.filed.iter()) {
                if filed_at == at && !contains(known, atom) {
                    self.fresh.push(atom);
                }
            }
            if self.fresh.len() > 1 {
                self.fresh.sort_unstable();
                self.fresh.dedup();
            }
            if !self.fresh.is_empty() {
                parts.file(*place, &self.fresh)?;
            }
        }
        Ok(())
    }
}

/// Searches what [`Noter::note`] sorted if it is long.
fn contains(known: &[Atom], atom: Atom) -> bool {
    if known.len() > UNSORTED_MAX { known.binary_search(&atom).is_ok() } else { known.contains(&atom) }
}
