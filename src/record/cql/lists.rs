//! Where the elements of lists stand.
//!
//! The log names a list's element by its timeuuid, CQL by its index. So the lists are followed as they are in
//! the table that the statements make.

use cassandra_commitlog::schema::TableId;

use super::cell_map::{CellKey, CellMap, IsMet, Scope};

/// How many elements are remembered in all. Beyond it lists are forgotten, and changes of their elements by
/// timeuuid are said only nearly ([`super::Approximation::UnknownListElement`]).
pub(super) const LIST_ELEMENTS_MAX: usize = 1 << 20;

/// Timeuuids below this time (100 ns since 1582) are those of elements that were put in front:
/// Cassandra mirrors the clock at 2010-01-01 for them (`Lists.Prepender`, `PrecisionTime.REFERENCE_TIME`).
const REFERENCE_TIME: u64 = 0x01b2_1dd2_1381_4000 + 1_262_304_000_000 * 10_000;

/// The elements of the lists that were seen.
#[derive(Debug, Default)]
pub(super) struct Lists {
    lists: CellMap<List>,
    elements: usize,
}

/// A list as it is in the table that the statements make.
#[derive(Debug, Default)]
struct List {
    /// Cell path in the log and write time, in the order of the list.
    elements: Vec<(Box<[u8]>, i64)>,
    /// What was written then or before is gone.
    deleted_up_to: Option<i64>,
}

impl Lists {
    /// Returns the index of an element.
    pub(super) fn index(&mut self, key: &CellKey, path: &[u8]) -> Option<usize> {
        self.lists.get_mut(key)?.elements.iter().position(|(known, _)| **known == *path)
    }

    /// Notes that an element was written again where it is.
    pub(super) fn rewritten(&mut self, key: &CellKey, index: usize, timestamp: i64) {
        if let Some((_, known)) = self.lists.get_mut(key).and_then(|list| list.elements.get_mut(index)) {
            *known = timestamp.max(*known);
        }
    }

    /// Notes that an element was removed.
    pub(super) fn removed(&mut self, key: &CellKey, index: usize, timestamp: i64) {
        if let Some(list) = self.lists.get_mut(key)
            && list.elements.get(index).is_some_and(|(_, written)| *written <= timestamp)
        {
            list.elements.remove(index);
            self.elements -= 1;
        }
    }

    /// Notes that a list was cleared.
    pub(super) fn cleared(&mut self, key: &CellKey, timestamp: i64) {
        if self.lists.get_mut(key).is_none() {
            self.lists.insert(key.clone(), List::default());
        }
        if let Some(list) = self.lists.get_mut(key) {
            self.elements -= list.delete(timestamp);
        }
    }

    /// Notes that elements were added, in the order they have in the list.
    pub(super) fn added(&mut self, key: &CellKey, paths: &[&[u8]], timestamp: i64, in_front: bool) {
        if self.lists.get_mut(key).is_none() {
            self.lists.insert(key.clone(), List::default());
        }
        if let Some(list) = self.lists.get_mut(key)
            && list.deleted_up_to.is_none_or(|deleted| deleted < timestamp)
        {
            let at = if in_front { 0 } else { list.elements.len() };
            let new = paths.iter().map(|path| (Box::from(*path), timestamp));
            list.elements.splice(at..at, new);
            self.elements += paths.len();
        }
        while self.elements > LIST_ELEMENTS_MAX {
            let Some(list) = self.lists.pop_first() else { break };
            self.elements -= list.elements.len();
        }
    }

    /// Notes a deletion of rows.
    pub(super) fn deleted(&mut self, table: TableId, partition_key: &[u8], scope: Scope<'_, '_>, timestamp: i64) {
        let elements = &mut self.elements;
        self.lists.delete(table, partition_key, scope, |list, is_met| {
            if is_met == IsMet::Yes {
                *elements -= list.delete(timestamp);
                return true;
            }
            *elements -= list.elements.len();
            false
        });
    }

    /// Forgets a table, or one column of it.
    pub(super) fn forget(&mut self, table: TableId, column: Option<&str>) {
        let elements = &mut self.elements;
        self.lists.forget(table, column, |list| *elements -= list.elements.len());
    }
}

impl List {
    /// Deletes what was written then or before, and returns how many elements that were.
    fn delete(&mut self, timestamp: i64) -> usize {
        let before = self.elements.len();
        self.deleted_up_to = self.deleted_up_to.max(Some(timestamp));
        self.elements.retain(|(_, written)| *written > timestamp);
        before - self.elements.len()
    }
}

/// Returns true if an element of this path was put in front of its list.
pub(super) fn is_prepended(path: &[u8]) -> bool {
    time(path).is_some_and(|time| time < REFERENCE_TIME)
}

/// Returns the key by which timeuuids are ordered: time, then the other bytes as signed ones (`TimeUUIDType`).
pub(super) fn timeuuid_order(path: &[u8]) -> (Option<u64>, Vec<u8>) {
    (time(path), path.iter().skip(8).map(|byte| byte ^ 0x80).collect())
}

/// Returns a timeuuid's time, in 100 ns since 1582.
fn time(path: &[u8]) -> Option<u64> {
    let bits = u64::from_be_bytes(*path.first_chunk()?);
    Some((bits & 0xfff) << 48 | (bits >> 16 & 0xffff) << 32 | bits >> 32)
}
