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
    /// In the order of the list; removed ones stand where they were.
    elements: Vec<Element>,
    /// What was written then or before is gone.
    deleted_up_to: Option<i64>,
}

/// An element of a list.
#[derive(Debug)]
struct Element {
    /// Cell path in the log.
    path: Box<[u8]>,
    written_at: i64,
    removed_at: Option<i64>,
}

/// What is known of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// It is there, at this index.
    At(usize),
    /// It was removed by a deletion of this write time. A copy of its writing may come later, from another
    /// node's log: CQL would add it again.
    Removed(i64),
    /// It was not seen.
    No,
}

impl Lists {
    /// Returns where an element is.
    pub(super) fn find(&mut self, key: &CellKey, path: &[u8]) -> Known {
        let Some(list) = self.lists.get_mut(key) else {
            return Known::No;
        };
        let mut index = 0;
        for element in &list.elements {
            match element.removed_at {
                Some(removed_at) if *element.path == *path => return Known::Removed(removed_at),
                None if *element.path == *path => return Known::At(index),
                Some(_) => {}
                None => index += 1,
            }
        }
        Known::No
    }

    /// Notes that an element was written again where it is.
    pub(super) fn rewritten(&mut self, key: &CellKey, path: &[u8], timestamp: i64) {
        if let Some(element) = self.element(key, path) {
            element.written_at = timestamp.max(element.written_at);
        }
    }

    /// Notes that an element was removed.
    pub(super) fn removed(&mut self, key: &CellKey, path: &[u8], timestamp: i64) {
        if let Some(element) = self.element(key, path)
            && element.written_at <= timestamp
        {
            element.removed_at = Some(timestamp);
        }
    }

    fn element(&mut self, key: &CellKey, path: &[u8]) -> Option<&mut Element> {
        let list = self.lists.get_mut(key)?;
        list.elements.iter_mut().find(|element| element.removed_at.is_none() && *element.path == *path)
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
            // What was removed before and is written again since is there again.
            let before = list.elements.len();
            list.elements.retain(|element| !paths.contains(&&*element.path));
            self.elements -= before - list.elements.len();
            let at = if in_front { 0 } else { list.elements.len() };
            let new = paths.iter().map(|path| Element {
                path: Box::from(*path),
                written_at: timestamp,
                removed_at: None,
            });
            list.elements.splice(at..at, new);
            self.elements += paths.len();
        }
        while self.elements > LIST_ELEMENTS_MAX {
            let Some(list) = self.lists.pop_first() else { break };
            self.elements -= list.elements.len();
        }
    }

    /// Notes a deletion of rows.
    pub(super) fn deleted(
        &mut self,
        table: TableId,
        partition_key: &[u8],
        scope: Scope<'_, '_>,
        timestamp: i64,
    ) {
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
        self.elements.retain(|element| element.written_at > timestamp);
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
