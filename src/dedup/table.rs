//! A table of what is known, in memory.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use super::{atoms::Atom, identity::ChangeId};

/// Fingerprints by identity. An identity takes 24 bytes and its share of the table's free places, a fingerprint 4.
#[derive(Debug, Default)]
pub(super) struct Table {
    spans: HashMap<ChangeId, Span, BuildHasherDefault<HighHalf>>,
    /// Fingerprints of all identities, one after the other.
    atoms: Vec<Atom>,
}

/// Which of the table's fingerprints are an identity's: the first one's number, then how many, in one word.
#[derive(Debug, Clone, Copy)]
struct Span(u64);

const COUNT_BITS: u32 = 24;
/// How many fingerprints an identity can have. The largest mutation has not as many cells.
const COUNT_MAX: usize = (1 << COUNT_BITS) - 1;
/// How many fingerprints a table can have: 4 TiB of them.
const ATOMS_MAX: usize = 1 << (64 - COUNT_BITS);

impl Span {
    fn new(start: usize, count: usize) -> Self {
        Self((start as u64) << COUNT_BITS | count as u64)
    }

    fn start(self) -> usize {
        (self.0 >> COUNT_BITS) as usize
    }

    fn count(self) -> usize {
        self.0 as usize & COUNT_MAX
    }

    fn end(self) -> usize {
        self.start() + self.count()
    }
}

impl Table {
    /// Returns what is filed under an identity.
    pub(super) fn get(&self, id: ChangeId) -> &[Atom] {
        self.spans.get(&id).map_or(&[], |span| self.slice(*span))
    }

    fn slice(&self, span: Span) -> &[Atom] {
        self.atoms.get(span.start()..span.end()).unwrap_or_default()
    }

    /// Files fingerprints. Returns false if they are more than a table can hold: then they are not known, and
    /// their change would be published again.
    pub(super) fn add(&mut self, id: ChangeId, atoms: &[Atom]) -> bool {
        let end = self.atoms.len();
        let span = self.spans.entry(id).or_insert(Span::new(end, 0));
        let known = *span;
        let count = known.count() + atoms.len();
        if count > COUNT_MAX || end + count > ATOMS_MAX {
            return false;
        }
        let moves = known.end() != end;
        *span = Span::new(if moves { end } else { known.start() }, count);
        self.make_room(count);
        if moves {
            // Others' follow: they move to the end, where there is room.
            self.atoms.extend_from_within(known.start()..known.end());
        }
        self.atoms.extend_from_slice(atoms);
        true
    }

    /// Grows by a quarter: doubling would hold far more memory than is needed.
    fn make_room(&mut self, count: usize) {
        if self.atoms.capacity() - self.atoms.len() < count {
            self.atoms.reserve_exact(count.max(self.atoms.len() / 4).max(1 << 12));
        }
    }
}

/// What an index on disk needs beside.
#[cfg(feature = "agent")]
impl Table {
    /// Returns how many identities there are.
    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    /// Takes fingerprints out again. What is not there is passed over.
    pub(super) fn remove(&mut self, id: ChangeId, atoms: &[Atom]) {
        let Some(span) = self.spans.get_mut(&id) else { return };
        let held = self.atoms.get_mut(span.start()..span.end()).unwrap_or_default();
        let mut left = 0;
        for at in 0..held.len() {
            if !atoms.contains(&held[at]) {
                held.swap(left, at);
                left += 1;
            }
        }
        *span = Span::new(span.start(), left);
        if left == 0 {
            self.spans.remove(&id);
        }
    }

    /// Returns the identities of one of several parts of about the same size, in order, with what is filed. The parts are
    /// in order too.
    pub(super) fn sorted_part(&self, part: u64, parts: u64) -> Vec<(ChangeId, &[Atom])> {
        let is_in = |id: &ChangeId| (u128::from(id.high) * u128::from(parts)) >> 64 == u128::from(part);
        let mut sorted: Vec<(ChangeId, Span)> =
            self.spans.iter().filter(|(id, _)| is_in(id)).map(|(id, span)| (*id, *span)).collect();
        sorted.sort_unstable_by_key(|(id, _)| *id);
        sorted.into_iter().map(|(id, span)| (id, self.slice(span))).collect()
    }

    /// Returns the identities with what is filed, in any order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (ChangeId, &[Atom])> {
        self.spans.iter().map(|(id, span)| (*id, self.slice(*span)))
    }

    /// Returns how many fingerprints take room.
    pub(super) fn atoms_len(&self) -> usize {
        self.atoms.len()
    }

    /// Returns the memory that is held, in bytes.
    pub(super) fn bytes(&self) -> usize {
        /// An identity, its span and the byte that the hash table has for each place.
        const PLACE_BYTES: usize = size_of::<(ChangeId, Span)>() + 1;
        places(self.spans.capacity()) * PLACE_BYTES + self.atoms.capacity() * size_of::<Atom>()
    }

    /// Takes everything out and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.spans.clear();
        self.atoms.clear();
    }
}

/// Returns how many places a hash table of this capacity has: it is filled to seven eighths.
#[cfg(feature = "agent")]
fn places(capacity: usize) -> usize {
    if capacity == 0 { 0 } else { (capacity * 8 / 7).next_power_of_two() }
}

/// Takes the first half of an identity, which is a hash already.
#[derive(Debug, Default)]
struct HighHalf(Option<u64>);

impl Hasher for HighHalf {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0.get_or_insert(number);
    }

    fn finish(&self) -> u64 {
        self.0.unwrap_or_default()
    }
}
