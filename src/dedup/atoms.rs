//! The parts of a change, each with a fingerprint.

use cassandra_commitlog::{
    mutation::{Cell, CellContent, ColumnIndex, Expiration},
    types::{CqlType, NativeType, counter::CounterContext},
};
use xxhash_rust::xxh3::Xxh3;

use super::identity::{ChangeId, update_framed, update_values};
use crate::change::{Action, Change, Cleared, ColumnWrite, DeletedRange, RangeBound};

/// Fingerprint of a part of a change.
pub(super) type Atom = u32;

/// A part of a change.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// Where its copies may have been filed.
    pub(super) looked_up: Vec<(ChangeId, Atom)>,
    /// Where it is filed itself.
    pub(super) filed: Vec<(ChangeId, Atom)>,
}

/// The parts of a change, in the order in which [`keep_new`] takes them.
#[derive(Debug)]
pub(super) struct Atoms {
    pub(super) parts: Vec<Part>,
}

impl Atoms {
    pub(super) fn of(change: &Change<'_>) -> Self {
        let id = ChangeId::at(change, change.timestamp);
        let mut parts = Vec::new();
        match &change.action {
            Action::Write(write) => {
                if let Some(expiration) = write.marker {
                    parts.push(Part::single(id, fingerprint(b"m", |hasher| update_ttl(hasher, expiration))));
                }
                for column in &write.columns {
                    parts_of_column(change, id, column, &mut parts);
                }
                if parts.is_empty() {
                    parts.push(Part::single(id, fingerprint(b"e", |_| ())));
                }
            }
            Action::DeleteRow { .. } => parts.push(Part::single(id, fingerprint(b"d", |_| ()))),
            Action::DeletePartition { .. } => parts.push(Part::single(id, fingerprint(b"p", |_| ()))),
            Action::DeleteRange(range) => parts.push(Part::single(id, range_atom(range))),
        }
        Self { parts }
    }
}

impl Part {
    fn single(id: ChangeId, atom: Atom) -> Self {
        Self { looked_up: vec![(id, atom)], filed: vec![(id, atom)] }
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

fn parts_of_column(change: &Change<'_>, id: ChangeId, write: &ColumnWrite<'_>, parts: &mut Vec<Part>) {
    let name = |index: ColumnIndex| change.column(index).map_or(&[][..], |column| &column.name_bytes);
    match write {
        ColumnWrite::Simple(index, cell) => {
            let is_counter =
                change.column(*index).is_some_and(|it| it.ty == CqlType::Native(NativeType::Counter));
            match cell.content {
                CellContent::Live(context) if is_counter => {
                    parts.push(counter_part(id, name(*index), context));
                }
                _ => parts.push(cell_part(id, name(*index), cell)),
            }
        }
        ColumnWrite::Complex { column, cleared, elements } => {
            if let Some(cleared) = cleared {
                parts.push(cleared_part(change, name(*column), *cleared));
            }
            parts.extend(elements.iter().map(|cell| cell_part(id, name(*column), cell)));
        }
    }
}

/// A clearing at T is looked up under T (a deletion's) and T + 1 (an overwrite's), and filed under the time
/// of the change that it goes with.
fn cleared_part(change: &Change<'_>, column: &[u8], cleared: Cleared) -> Part {
    let atom = fingerprint(b"c", |hasher| {
        update_framed(hasher, column);
        hasher.update(&cleared.timestamp.to_be_bytes());
    });
    let own = ChangeId::at(change, cleared.timestamp);
    let next = ChangeId::at(change, cleared.timestamp.wrapping_add(1));
    let filed = ChangeId::at(change, change.timestamp);
    Part { looked_up: vec![(own, atom), (next, atom)], filed: vec![(filed, atom)] }
}

/// An expired cell comes back as a tombstone of the same time, deleted when it was written (expiry less
/// TTL): that tombstone's fingerprint is filed with the cell. Otherwise the server's clock does not count: a
/// client's retry has another one.
fn cell_part(id: ChangeId, column: &[u8], cell: &Cell<'_>) -> Part {
    let of = |kind: &[u8], value: &[u8], ttl: Option<i32>, written_at: Option<i64>| {
        let atom = fingerprint(kind, |hasher| {
            update_framed(hasher, column);
            update_framed(hasher, cell.path.unwrap_or_default());
            hasher.update(if cell.path.is_some() { b"p" } else { b"-" });
            update_framed(hasher, value);
            hasher.update(&ttl.unwrap_or(0).to_be_bytes());
            hasher.update(&written_at.unwrap_or(0).to_be_bytes());
        });
        (id, atom)
    };
    match cell.content {
        CellContent::Live(value) => {
            let atom = of(b"v", value, None, None);
            Part { looked_up: vec![atom], filed: vec![atom] }
        }
        CellContent::Expiring(value, Expiration { ttl, expires_at }) => {
            let atom = of(b"v", value, Some(ttl), None);
            let expired = of(b"x", &[], None, Some(expires_at - i64::from(ttl)));
            Part { looked_up: vec![atom], filed: vec![atom, expired] }
        }
        CellContent::Tombstone(deleted_at) => {
            let atom = of(b"t", &[], None, None);
            let expired = of(b"x", &[], None, Some(deleted_at));
            Part { looked_up: vec![atom, expired], filed: vec![atom] }
        }
    }
}

/// A counter is known by the clocks of its shards.
fn counter_part(id: ChangeId, column: &[u8], context: &[u8]) -> Part {
    let atom = fingerprint(b"k", |hasher| {
        update_framed(hasher, column);
        match CounterContext::parse(context) {
            Ok(context) => {
                for shard in context.shards() {
                    hasher.update(shard.id.as_bytes());
                    hasher.update(&shard.clock.to_be_bytes());
                }
            }
            Err(_) => update_framed(hasher, context),
        }
    });
    Part::single(id, atom)
}

fn range_atom(range: &DeletedRange<'_>) -> Atom {
    fingerprint(b"r", |hasher| {
        for bound in [&range.start, &range.end] {
            match bound {
                Some(RangeBound { values, inclusive }) => {
                    hasher.update(if *inclusive { b"i" } else { b"x" });
                    update_values(hasher, values);
                }
                None => hasher.update(b"o"),
            }
        }
    })
}

fn update_ttl(hasher: &mut Xxh3, expiration: Option<Expiration>) {
    hasher.update(&expiration.map_or(0, |expiration| expiration.ttl).to_be_bytes());
}

fn fingerprint(kind: &[u8], feed: impl FnOnce(&mut Xxh3)) -> Atom {
    let mut hasher = Xxh3::new();
    hasher.update(kind);
    feed(&mut hasher);
    hasher.digest() as Atom
}
