//! What own transactions hold that were not yet read back (R2).

use std::collections::{HashMap, VecDeque};

use foldhash::fast::FixedState;

use crate::{
    cluster::record::Entry,
    dedup::{Atom, ChangeId, Place, Signature},
};

/// How many microseconds a minute has.
const MINUTE_US: i64 = 60_000_000;

/// Fingerprints by identity, and what the open batch holds of them.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    known: HashMap<ChangeId, Vec<Atom>, FixedState>,
    published: Vec<Entry>,
    skipped: Vec<Entry>,
}

/// A transaction that has not ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sealed {
    pub(super) number: u64,
    /// With it, all is published that the log held at this beat.
    pub(super) done: Option<u64>,
}

/// The transactions that have not ended, in order.
pub(super) type SealedTransactions = VecDeque<Sealed>;

impl InFlight {
    /// Returns what of an identity is on its way.
    pub(super) fn get(&self, place: Place) -> &[Atom] {
        self.known.get(&place.id).map_or(&[], Vec::as_slice)
    }

    /// Files the new parts of a change, in the open batch, and a range's bounds. Returns how many fingerprints that are.
    pub(super) fn file(
        &mut self,
        signature: &Signature,
        is_new: &[bool],
        known: &[Atom],
        is_skipped: bool,
    ) -> usize {
        let Some(place) = signature.places.first() else { return 0 };
        let mut atoms: Vec<Atom> = Vec::with_capacity(signature.parts.len());
        for (part, _) in signature.parts.iter().zip(is_new).filter(|(_, is_new)| **is_new) {
            atoms.push(part.filed.0);
            atoms.extend(part.filed.1);
        }
        atoms.retain(|atom| !known.contains(atom));
        atoms.sort_unstable();
        atoms.dedup();
        if atoms.is_empty() {
            return 0;
        }
        let bounds = signature.bounds_to_file(&atoms);
        let bounds = bounds.map_or(0, |(place, chunks)| self.push(place, chunks, is_skipped));
        bounds + self.push(*place, atoms, is_skipped)
    }

    fn push(&mut self, place: Place, atoms: Vec<Atom>, is_skipped: bool) -> usize {
        let count = atoms.len();
        self.known.entry(place.id).or_default().extend_from_slice(&atoms);
        let entry = Entry { id: place.id, minute: minute_of(place.timestamp), atoms };
        if is_skipped {
            self.skipped.push(entry);
        } else {
            self.published.push(entry);
        }
        count
    }

    /// Takes out what stands in the ledger now.
    pub(super) fn read_back(&mut self, entry: &Entry) {
        if let Some(known) = self.known.get_mut(&entry.id) {
            known.retain(|atom| !entry.atoms.contains(atom));
            if known.is_empty() {
                self.known.remove(&entry.id);
            }
        }
    }

    /// Takes what the open batch holds: published, and skipped.
    pub(super) fn take_batch(&mut self) -> (Vec<Entry>, Vec<Entry>) {
        (std::mem::take(&mut self.published), std::mem::take(&mut self.skipped))
    }

    /// Returns true if the open batch holds nothing.
    pub(super) fn is_batch_empty(&self) -> bool {
        self.published.is_empty() && self.skipped.is_empty()
    }
}

/// Returns the minute of a write time in microseconds.
pub(super) fn minute_of(timestamp: i64) -> i32 {
    let minute = timestamp.div_euclid(MINUTE_US);
    minute.clamp(i32::MIN.into(), i32::MAX.into()) as i32
}

/// Returns the place of an entry of the ledger: its write time to the minute.
pub(crate) fn place_of(entry: &Entry) -> Place {
    Place { id: entry.id, timestamp: i64::from(entry.minute) * MINUTE_US }
}
