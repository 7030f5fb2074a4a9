//! Noting a change: which of its parts are known, and filing those that are not.

use super::{
    Verdict,
    atoms::{Atom, Atoms, keep_new},
    identity::Place,
};
use crate::change::Change;

/// Where the parts of changes are known.
pub trait KnownParts {
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
        self.atoms.signature.look_up(&mut self.known, |place, found| parts.look_up(place, found))?;
        let count = self.atoms.signature.places.len();
        let known = self.known.get_mut(..count).unwrap_or_default();
        for known in known.iter_mut().filter(|known| known.len() > UNSORTED_MAX) {
            known.sort_unstable();
        }
        self.is_new.clear();
        if known.iter().all(Vec::is_empty) {
            // Most changes are new.
            self.is_new.resize(self.atoms.signature.parts.len(), true);
        } else {
            let is_known =
                |(place, atom): (u32, Atom)| known.get(place as usize).is_some_and(|it| contains(it, atom));
            self.is_new
                .extend(self.atoms.signature.parts.iter().map(|part| !part.looked_up.iter().any(is_known)));
        }
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

    /// Files what is new at the change's own place, and a range's bounds at theirs.
    fn file<K: KnownParts>(&mut self, parts: &mut K) -> Result<(), K::Error> {
        let (Some(place), Some(known)) = (self.atoms.signature.places.first(), self.known.first()) else {
            return Ok(());
        };
        self.fresh.clear();
        for (part, is_new) in self.atoms.signature.parts.iter().zip(&self.is_new) {
            if *is_new {
                self.fresh.push(part.filed.0);
                self.fresh.extend(part.filed.1);
            }
        }
        if !known.is_empty() {
            self.fresh.retain(|atom| !contains(known, *atom));
        }
        self.fresh.sort_unstable();
        self.fresh.dedup();
        if self.fresh.is_empty() {
            return Ok(());
        }
        if let Some((place, chunks)) = self.atoms.signature.bounds_to_file(&self.fresh) {
            parts.file(place, &chunks)?;
        }
        parts.file(*place, &self.fresh)
    }
}

/// Searches what [`Noter::note`] sorted if it is long.
fn contains(known: &[Atom], atom: Atom) -> bool {
    if known.len() > UNSORTED_MAX { known.binary_search(&atom).is_ok() } else { known.contains(&atom) }
}
