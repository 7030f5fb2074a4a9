//! The parts of a change, each with a fingerprint.

use cassandra_commitlog::{
    mutation::{Cell, CellContent, Expiration},
    types::{CqlType, NativeType, counter::CounterContext},
};

use super::{
    identity::{ChangeId, Hasher, Place},
    ranges::RangeBounds,
};
use crate::change::{Action, Change, Cleared, ColumnWrite};

/// Fingerprint of a part of a change.
pub type Atom = u32;

/// A part of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// Where its copies may have been filed.
    pub looked_up: Filings,
    /// What is filed of it, at the change's own place.
    pub filed: (Atom, Option<Atom>),
}

/// One or two filings of a part: number of the place in [`Signature::places`], and fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filings {
    first: (u32, Atom),
    second: Option<(u32, Atom)>,
}

/// What a change is known by: its places, and its parts: row marker, then columns, each with its clearing before its elements.
/// There is one of each at least. A deleted range has two: both fingerprints of its bounds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signature {
    /// Where parts are looked up and filed; the change's own place is the first.
    pub places: Vec<Place>,
    /// The parts.
    pub parts: Vec<Part>,
    /// Of a deleted range: its bounds. It is known, too, if known ranges cover it.
    pub range: Option<Box<RangeBounds>>,
}

/// Makes signatures of changes. The memory is used again.
#[derive(Debug, Default)]
pub(super) struct Atoms {
    pub(super) signature: Signature,
    hasher: Hasher,
}

impl Filings {
    /// Returns a part's only filing.
    pub fn one(place: u32, atom: Atom) -> Self {
        Self { first: (place, atom), second: None }
    }

    /// Returns both filings of a part that is known by either.
    pub fn two(first: (u32, Atom), second: (u32, Atom)) -> Self {
        Self { first, second: Some(second) }
    }

    /// Returns the filings.
    pub fn iter(self) -> impl Iterator<Item = (u32, Atom)> {
        std::iter::once(self.first).chain(self.second)
    }
}

/// The place of the change itself in [`Signature::places`].
const OWN: u32 = 0;

impl Atoms {
    /// Makes the parts with hashes of this seed.
    #[cfg(feature = "agent")]
    pub(super) fn with_seed(seed: u64) -> Self {
        Self { hasher: Hasher::with_seed(seed), ..Self::default() }
    }

    /// Replaces what is held by the parts of a change. There is one at least.
    pub(super) fn take(&mut self, change: &Change<'_>) {
        self.signature.places.clear();
        self.signature.parts.clear();
        self.signature.range = None;
        self.place(change, change.timestamp);
        let Action::Write(write) = &change.action else {
            let kind = match &change.action {
                Action::DeleteRange(range) => {
                    return self.signature.push_range(&change.table, range, &mut self.hasher);
                }
                Action::DeletePartition { .. } => b'p',
                Action::DeleteRow { .. } | Action::Write(_) => b'd',
            };
            self.hasher.start(kind);
            return self.push_same(self.hasher.atom());
        };
        if let Some(expiration) = write.marker {
            self.hasher.start(b'm');
            self.hasher.feed(&expiration.map_or(0, |expiration| expiration.ttl).to_le_bytes());
            self.push_same(self.hasher.atom());
        }
        for column in &write.columns {
            self.take_column(change, column);
        }
        if self.signature.parts.is_empty() {
            self.hasher.start(b'e');
            self.push_same(self.hasher.atom());
        }
    }

    /// Returns the number of the change's place at a write time.
    fn place(&mut self, change: &Change<'_>, timestamp: i64) -> u32 {
        if let Some(known) = self.signature.places.iter().position(|place| place.timestamp == timestamp) {
            return known as u32;
        }
        let id = ChangeId::at(change, timestamp, &mut self.hasher);
        self.signature.places.push(Place { id, timestamp });
        (self.signature.places.len() - 1) as u32
    }

    /// Appends a part that is looked up where it is filed.
    fn push_same(&mut self, atom: Atom) {
        self.signature.parts.push(Part { looked_up: Filings::one(OWN, atom), filed: (atom, None) });
    }

    fn take_column(&mut self, change: &Change<'_>, write: &ColumnWrite<'_>) {
        match write {
            ColumnWrite::Simple(index, cell) => {
                let column = change.column(*index);
                let name = column.map_or(&[][..], |column| &column.name_bytes);
                let is_counter =
                    column.is_some_and(|it| matches!(it.ty, CqlType::Native(NativeType::Counter)));
                match cell.content {
                    CellContent::Live(context) if is_counter => self.take_counter(name, context),
                    _ => self.take_cell(name, cell),
                }
            }
            ColumnWrite::Complex { column, cleared, elements } => {
                let name = change.column(*column).map_or(&[][..], |column| &column.name_bytes);
                if let Some(cleared) = cleared {
                    self.take_cleared(change, name, *cleared);
                }
                for cell in elements {
                    self.take_cell(name, cell);
                }
            }
        }
    }

    /// A clearing at T is looked up under T (a deletion's) and T + 1 (an overwrite's), and filed under the time
    /// of the change that it goes with.
    fn take_cleared(&mut self, change: &Change<'_>, column: &[u8], cleared: Cleared) {
        let own = self.place(change, cleared.timestamp);
        let next = self.place(change, cleared.timestamp.wrapping_add(1));
        self.hasher.start(b'c');
        self.hasher.feed_framed(column);
        self.hasher.feed(&cleared.timestamp.to_le_bytes());
        let atom = self.hasher.atom();
        let looked_up = Filings::two((own, atom), (next, atom));
        self.signature.parts.push(Part { looked_up, filed: (atom, None) });
    }

    /// An expired cell comes back as a tombstone of the same time, deleted when it was written (expiry less
    /// TTL): that tombstone's fingerprint is filed with the cell. Otherwise the server's clock does not count: a
    /// client's retry has another one.
    fn take_cell(&mut self, column: &[u8], cell: &Cell<'_>) {
        let mut atom = |kind: u8, value: &[u8], ttl: i32, written_at: i64| {
            self.hasher.start(kind);
            self.hasher.feed_framed(column);
            match cell.path {
                Some(path) => {
                    self.hasher.feed(b"p");
                    self.hasher.feed_framed(path);
                }
                // As an empty path would be fed, at once.
                None => self.hasher.feed(b"-\0\0\0\0\0\0\0\0"),
            }
            self.hasher.feed_framed(value);
            let mut times = [0; 12];
            times[..4].copy_from_slice(&ttl.to_le_bytes());
            times[4..].copy_from_slice(&written_at.to_le_bytes());
            self.hasher.feed(&times);
            self.hasher.atom()
        };
        let part = match cell.content {
            CellContent::Live(value) => {
                let live = atom(b'v', value, 0, 0);
                Part { looked_up: Filings::one(OWN, live), filed: (live, None) }
            }
            CellContent::Expiring(value, Expiration { ttl, expires_at }) => {
                let live = atom(b'v', value, ttl, 0);
                let expired = atom(b'x', &[], 0, expires_at.wrapping_sub(i64::from(ttl)));
                Part { looked_up: Filings::one(OWN, live), filed: (live, Some(expired)) }
            }
            CellContent::Tombstone(deleted_at) => {
                let tombstone = atom(b't', &[], 0, 0);
                let expired = atom(b'x', &[], 0, deleted_at);
                let looked_up = Filings::two((OWN, tombstone), (OWN, expired));
                Part { looked_up, filed: (tombstone, None) }
            }
        };
        self.signature.parts.push(part);
    }

    /// A counter is known by the clocks of its shards.
    fn take_counter(&mut self, column: &[u8], context: &[u8]) {
        self.hasher.start(b'k');
        self.hasher.feed_framed(column);
        match CounterContext::parse(context) {
            Ok(context) => {
                for shard in context.shards() {
                    self.hasher.feed(shard.id.as_bytes());
                    self.hasher.feed(&shard.clock.to_le_bytes());
                }
            }
            Err(_) => self.hasher.feed_framed(context),
        }
        self.push_same(self.hasher.atom());
    }
}

/// Removes the parts that are not new; `is_new` has one for each of [`Atoms::parts`].
pub(super) fn keep_new(change: &mut Change<'_>, is_new: &[bool]) {
    let Action::Write(write) = &mut change.action else { return };
    let mut is_new = is_new.iter().copied();
    let mut next = move || is_new.next().unwrap_or(true);
    if write.marker.is_some() && !next() {
        write.marker = None;
    }
    write.columns.retain_mut(|column| match column {
        ColumnWrite::Simple(..) => next(),
        ColumnWrite::Complex { cleared, elements, .. } => {
            if cleared.is_some() && !next() {
                *cleared = None;
            }
            elements.retain(|_| next());
            cleared.is_some() || !elements.is_empty()
        }
    });
}
