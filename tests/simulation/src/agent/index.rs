//! What the ledger said, in memory: filed under an identity and the minute of a write time, as the ledger names them.

use std::convert::Infallible;

use ringtap::dedup::{Atom, ChangeId, KnownParts, Place, Signature};

/// The index. A schedule has few writes: a list does.
#[derive(Debug, Clone, Default)]
pub struct Index {
    filed: Vec<(ChangeId, i64, Atom)>,
}

fn minute(place: Place) -> i64 {
    place.timestamp.div_euclid(60_000_000)
}

impl Index {
    fn has(&self, place: Place, atom: Atom) -> bool {
        self.filed.contains(&(place.id, minute(place), atom))
    }

    /// Returns true if all parts are filed.
    pub fn has_all(&self, signature: &Signature) -> bool {
        signature.parts.iter().all(|part| {
            part.looked_up.iter().any(|(place, atom)| self.has(signature.places[place as usize], atom))
        })
    }
}

impl KnownParts for Index {
    type Error = Infallible;

    fn look_up(&mut self, place: Place, found: &mut Vec<Atom>) -> Result<(), Infallible> {
        let minute = minute(place);
        let here = self.filed.iter().filter(|(id, at, _)| *id == place.id && *at == minute);
        found.extend(here.map(|(_, _, atom)| *atom));
        Ok(())
    }

    fn file(&mut self, place: Place, atoms: &[Atom]) -> Result<(), Infallible> {
        self.filed.extend(atoms.iter().map(|atom| (place.id, minute(place), *atom)));
        Ok(())
    }
}
