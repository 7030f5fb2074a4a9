//! Entries of one batch, as they stand in the journal.

use crate::dedup::{
    atoms::Atom,
    identity::{ChangeId, Place},
};

/// Identity, write time and number of fingerprints.
const HEAD_BYTES: usize = 16 + 8 + 4;

/// Entries, one after the other: identity, write time, number of fingerprints, fingerprints.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub(super) bytes: Vec<u8>,
    /// How many they are.
    pub(super) count: usize,
}

impl Entries {
    /// Takes everything out and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
    }

    /// Appends what is filed at a place.
    pub(super) fn push(&mut self, place: Place, atoms: &[Atom]) {
        self.count += 1;
        self.bytes.extend_from_slice(&place.id.high.to_le_bytes());
        self.bytes.extend_from_slice(&place.id.low.to_le_bytes());
        self.bytes.extend_from_slice(&place.timestamp.to_le_bytes());
        self.bytes.extend_from_slice(&(atoms.len() as u32).to_le_bytes());
        for atom in atoms {
            self.bytes.extend_from_slice(&atom.to_le_bytes());
        }
    }
}

/// Tells of each entry. Returns false if the bytes are not whole entries.
pub(super) fn each_entry(mut bytes: &[u8], mut tell: impl FnMut(Place, &[Atom])) -> bool {
    let mut atoms = Vec::new();
    while !bytes.is_empty() {
        let Some((head, rest)) = bytes.split_first_chunk::<HEAD_BYTES>() else { return false };
        let word = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&head[at..at + 8]);
            u64::from_le_bytes(word)
        };
        let place = Place { id: ChangeId { high: word(0), low: word(8) }, timestamp: word(16).cast_signed() };
        let count = u32::from_le_bytes([head[24], head[25], head[26], head[27]]) as usize;
        let Some((filed, rest)) = count.checked_mul(4).and_then(|length| rest.split_at_checked(length))
        else {
            return false;
        };
        atoms.clear();
        atoms.extend(filed.as_chunks::<4>().0.iter().map(|atom| Atom::from_le_bytes(*atom)));
        tell(place, &atoms);
        bytes = rest;
    }
    true
}
