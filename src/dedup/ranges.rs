//! Deleted ranges: known by what they cover, as repair cuts them anew.
//!
//! All ranges of a partition at one write time share an identity. Two fingerprints of each are filed there: together 62 bits,
//! which tell a copy with the same bounds. The bounds in full are filed at a place of their own, which the first
//! fingerprint leads to: as *chunks*, fingerprints of three bytes each behind their number, so that a set of them can be put in
//! order again. A range that the union of the known ones covers is known like one that is filed itself.
//!
//! What cannot be read (bounds that are not there any more, chunks of two ranges in one place, more ranges than
//! [`RANGES_MAX`]) only ever makes less known.

mod bounds;
mod cover;

use std::sync::Arc;

use cassandra_commitlog::{
    schema::TableSchema,
    types::{CqlType, compare::has_known_order},
};

use self::{bounds::Interval, cover::covers};
use super::{
    atoms::{Atom, Filings, Part, Signature},
    identity::{ChangeId, Hasher, Place},
};
use crate::change::DeletedRange;

/// Of this many ranges of one partition and write time the bounds are read; where there are more, ranges are known by
/// their exact bounds alone. It bounds the time that a batch of many ranges takes, which grows with the square.
const RANGES_MAX: usize = 256;

/// The bounds of a deleted range, in full.
#[derive(Debug, Clone)]
pub struct RangeBounds {
    table: Arc<TableSchema>,
    seed: u64,
    /// The bounds, serialized.
    bytes: Vec<u8>,
    fingerprints: Fingerprints,
    /// Where they are filed.
    place: Place,
}

/// Both fingerprints of a range. Their lowest bits tell which is which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fingerprints {
    /// Even; the bounds' place is made of it.
    first: Atom,
    /// Odd.
    second: Atom,
}

impl Fingerprints {
    fn of(bytes: &[u8], hasher: &mut Hasher) -> Self {
        let mut atom = |kind| {
            hasher.start(kind);
            hasher.feed_framed(bytes);
            hasher.atom()
        };
        Self { first: atom(b'r') & !1, second: atom(b'R') | 1 }
    }

    fn is_first(atom: Atom) -> bool {
        atom & 1 == 0
    }

    fn are_in(self, known: &[Atom]) -> bool {
        known.contains(&self.first) && known.contains(&self.second)
    }
}

/// Returns where the bounds are filed of the range with this first fingerprint, under the identity of its ranges.
fn place_of_bounds(ranges: Place, first: Atom, hasher: &mut Hasher) -> Place {
    hasher.start(b'b');
    hasher.feed(&ranges.id.high.to_le_bytes());
    hasher.feed(&ranges.id.low.to_le_bytes());
    hasher.feed(&first.to_le_bytes());
    Place { id: hasher.id(), timestamp: ranges.timestamp }
}

impl Signature {
    /// Appends the parts of a range whose place is the first: its fingerprints, and its bounds if they can be filed and compared.
    pub(super) fn push_range(
        &mut self,
        table: &Arc<TableSchema>,
        range: &DeletedRange<'_>,
        hasher: &mut Hasher,
    ) {
        let bytes = bounds::to_bytes(range);
        let fingerprints = Fingerprints::of(&bytes, hasher);
        for atom in [fingerprints.first, fingerprints.second] {
            self.parts.push(Part { looked_up: Filings::one(0, atom), filed: (atom, None) });
        }
        let Some(ranges) = self.places.first() else { return };
        let columns = table.clustering();
        let is_comparable = bytes.len() <= bounds::FILED_BYTES_MAX
            && columns.iter().all(|column| has_known_order(&column.ty))
            && Interval::read(&bytes, columns).is_some();
        if is_comparable {
            let place = place_of_bounds(*ranges, fingerprints.first, hasher);
            let (table, seed) = (Arc::clone(table), hasher.seed());
            self.range = Some(Box::new(RangeBounds { table, seed, bytes, fingerprints, place }));
        }
    }

    /// Replaces `known` by what is known at each of the places; behind their number it may have more vectors, which mean nothing.
    /// `look_up` appends what is filed at a place.
    ///
    /// The fingerprints of a range that known ones cover are added. Returns the identities under which bounds of known ranges
    /// were looked for and not found: when something is filed there, more may be known.
    pub(crate) fn look_up<E>(
        &self,
        known: &mut Vec<Vec<Atom>>,
        mut look_up: impl FnMut(Place, &mut Vec<Atom>) -> Result<(), E>,
    ) -> Result<Vec<ChangeId>, E> {
        while known.len() < self.places.len() {
            known.push(Vec::new());
        }
        for (place, known) in self.places.iter().zip(known.iter_mut()) {
            known.clear();
            look_up(*place, known)?;
        }
        match (&self.range, self.places.first(), known.first_mut()) {
            (Some(range), Some(ranges), Some(known)) if !known.is_empty() => {
                range.look_up(*ranges, known, look_up)
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Returns what is to be filed beside the parts, and where: a range's bounds, if its first fingerprint is among what is new.
    /// Else what is filed there is another range's.
    pub(crate) fn bounds_to_file(&self, fresh: &[Atom]) -> Option<(Place, Vec<Atom>)> {
        let range = self.range.as_ref()?;
        fresh.contains(&range.fingerprints.first).then(|| (range.place, bounds::to_chunks(&range.bytes)))
    }

    /// Returns the identities under which something of the change is filed: its own, and that of a range's bounds.
    #[cfg(feature = "agent")]
    pub(crate) fn filed_ids(&self) -> impl Iterator<Item = ChangeId> {
        let bounds = self.range.as_ref().map(|range| range.place.id);
        self.places.first().map(|place| place.id).into_iter().chain(bounds)
    }
}

impl RangeBounds {
    /// Adds the own fingerprints to `known`, what is filed of ranges, if these cover the range.
    fn look_up<E>(
        &self,
        ranges: Place,
        known: &mut Vec<Atom>,
        mut look_up: impl FnMut(Place, &mut Vec<Atom>) -> Result<(), E>,
    ) -> Result<Vec<ChangeId>, E> {
        let mut firsts: Vec<Atom> = known.iter().copied().filter(|it| Fingerprints::is_first(*it)).collect();
        firsts.sort_unstable();
        firsts.dedup();
        if self.fingerprints.are_in(known) || firsts.len() > RANGES_MAX {
            return Ok(Vec::new());
        }
        let mut hasher = Hasher::with_seed(self.seed);
        let (mut all, mut not_found, mut chunks) = (Vec::new(), Vec::new(), Vec::new());
        for first in firsts {
            let place = place_of_bounds(ranges, first, &mut hasher);
            chunks.clear();
            look_up(place, &mut chunks)?;
            match self.read(&mut chunks, first, known, &mut hasher) {
                Some(bytes) => all.push(bytes),
                None => not_found.push(place.id),
            }
        }
        let columns = self.table.clustering();
        let intervals: Vec<Interval<'_>> =
            all.iter().filter_map(|bytes| Interval::read(bytes, columns)).collect();
        if Interval::read(&self.bytes, columns).is_some_and(|own| covers(columns, &intervals, &own)) {
            known.extend([self.fingerprints.first, self.fingerprints.second]);
        }
        Ok(not_found)
    }

    /// Reads the bounds of a known range: only what has the fingerprints that are filed.
    fn read(
        &self,
        chunks: &mut Vec<Atom>,
        first: Atom,
        known: &[Atom],
        hasher: &mut Hasher,
    ) -> Option<Vec<u8>> {
        let mut bytes = bounds::of_chunks(chunks)?;
        let used = Interval::read_padded(&bytes, self.table.clustering())?.1;
        bytes.truncate(used);
        let fingerprints = Fingerprints::of(&bytes, hasher);
        (fingerprints.first == first && fingerprints.are_in(known)).then_some(bytes)
    }

    fn order(&self) -> impl Iterator<Item = (&CqlType, bool)> {
        self.table.clustering().iter().map(|column| (&column.ty, column.reversed))
    }
}

/// Equal if they are the same bounds in the same order of rows, whatever else the tables have.
impl PartialEq for RangeBounds {
    fn eq(&self, other: &Self) -> bool {
        let key = |it: &Self| (it.seed, it.fingerprints, it.place);
        key(self) == key(other) && self.bytes == other.bytes && self.order().eq(other.order())
    }
}

impl Eq for RangeBounds {}

#[cfg(test)]
mod tests;
