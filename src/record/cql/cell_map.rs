//! What is remembered of single columns of single rows.

use std::{collections::BTreeMap, ops::Bound};

use cassandra_commitlog::schema::{Column, TableId};

use super::compare::is_in_range;
use crate::change::DeletedRange;

/// One column of one row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CellKey {
    pub(super) table: TableId,
    pub(super) partition_key: Box<[u8]>,
    /// `None` for the static row.
    pub(super) clustering: Option<Vec<Option<Box<[u8]>>>>,
    pub(super) column: Box<str>,
}

/// Which rows are deleted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scope<'s, 'a> {
    Partition,
    Row(&'s [Option<&'a [u8]>]),
    Range(&'s [Column], &'s DeletedRange<'a>),
}

/// Values by column and row, in an order in which those of a partition and of a table stand together.
#[derive(Debug)]
pub(super) struct CellMap<V> {
    cells: BTreeMap<CellKey, V>,
}

impl<V> Default for CellMap<V> {
    fn default() -> Self {
        Self { cells: BTreeMap::new() }
    }
}

impl<V> CellMap<V> {
    pub(super) fn get_mut(&mut self, key: &CellKey) -> Option<&mut V> {
        self.cells.get_mut(key)
    }

    pub(super) fn insert(&mut self, key: CellKey, value: V) {
        self.cells.insert(key, value);
    }

    /// Removes the first one: which one that is means nothing, but is always the same.
    pub(super) fn pop_first(&mut self) -> Option<V> {
        self.cells.pop_first().map(|(_, value)| value)
    }

    /// Tells `change` of all that a deletion meets, and of what it may meet but the order of its type is not
    /// known. Forgets those for which `change` returns false.
    pub(super) fn delete(
        &mut self,
        table: TableId,
        partition_key: &[u8],
        scope: Scope<'_, '_>,
        mut change: impl FnMut(&mut V, IsMet) -> bool,
    ) {
        let start =
            CellKey { table, partition_key: partition_key.into(), clustering: None, column: "".into() };
        let mut forgotten = Vec::new();
        for (key, value) in self.cells.range_mut((Bound::Included(start), Bound::Unbounded)) {
            if key.table != table || *key.partition_key != *partition_key {
                break;
            }
            let is_met = is_met(key, scope);
            if is_met != IsMet::No && !change(value, is_met) {
                forgotten.push(key.clone());
            }
        }
        for key in forgotten {
            self.cells.remove(&key);
        }
    }

    /// Forgets a table, or one column of it.
    pub(super) fn forget(&mut self, table: TableId, column: Option<&str>, mut forget: impl FnMut(V)) {
        let start = CellKey { table, partition_key: [].into(), clustering: None, column: "".into() };
        let keys: Vec<CellKey> = self
            .cells
            .range((Bound::Included(start), Bound::Unbounded))
            .map(|(key, _)| key)
            .take_while(|key| key.table == table)
            .filter(|key| column.is_none_or(|column| *key.column == *column))
            .cloned()
            .collect();
        for key in keys {
            if let Some(value) = self.cells.remove(&key) {
                forget(value);
            }
        }
    }
}

/// Whether a deletion meets a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IsMet {
    No,
    Yes,
    Unknown,
}

fn is_met(key: &CellKey, scope: Scope<'_, '_>) -> IsMet {
    let is_met = match (scope, &key.clustering) {
        (Scope::Partition, _) => true,
        (Scope::Row(_) | Scope::Range(..), None) => false,
        (Scope::Row(row), Some(clustering)) => {
            clustering.iter().map(Option::as_deref).eq(row.iter().copied())
        }
        (Scope::Range(columns, range), Some(clustering)) => match is_in_range(columns, clustering, range) {
            Some(is_met) => is_met,
            None => return IsMet::Unknown,
        },
    };
    if is_met { IsMet::Yes } else { IsMet::No }
}
