//! Which columns an update names (`Columns.Serializer`; format.md §7.5, §8.5).

use std::sync::Arc;

use super::wire::{Wire, WireError};
use crate::{
    mutation::ColumnIndex,
    schema::{Column, ColumnKind, TableSchema},
};

/// Marks a type whose values have a length before them.
const VARIABLE: u32 = u32::MAX;

/// What reading a cell needs to know of its column.
#[derive(Debug, Clone, Copy)]
pub(super) struct ColumnSlot {
    pub(super) index: ColumnIndex,
    pub(super) complex: bool,
    fixed_length: u32,
}

impl ColumnSlot {
    fn new(index: ColumnIndex, column: &Column) -> Self {
        let fixed_length =
            column.ty.fixed_length().and_then(|length| u32::try_from(length).ok()).unwrap_or(VARIABLE);
        Self { index, complex: column.is_complex(), fixed_length }
    }

    /// Returns the length of a simple cell's value, `None` if the bytes say it.
    #[inline]
    pub(super) fn fixed_length(&self) -> Option<usize> {
        (self.fixed_length != VARIABLE).then_some(self.fixed_length as usize)
    }
}

/// A table as the decoder knows it.
#[derive(Debug)]
pub(super) struct ReadTable {
    schema: Arc<TableSchema>,
    /// Fixed lengths of the clustering columns' values, [`VARIABLE`] for the others.
    clustering: Box<[u32]>,
    /// Column lists that updates of this table had, the last used ones first.
    seen: Vec<Arc<ColumnList>>,
}

/// A list of columns, with the bytes that stand for it.
#[derive(Debug)]
pub(super) struct ColumnList {
    encoded: Box<[u8]>,
    kind: ColumnKind,
    pub(super) slots: Box<[ColumnSlot]>,
}

/// Room for lists that are being read.
#[derive(Debug, Default)]
pub(super) struct ColumnsCache {
    slots: Vec<ColumnSlot>,
}

impl ReadTable {
    pub(super) fn new(schema: Arc<TableSchema>) -> Self {
        let fixed = |column: &Column| {
            column.ty.fixed_length().and_then(|length| u32::try_from(length).ok()).unwrap_or(VARIABLE)
        };
        let clustering = schema.clustering().iter().map(fixed).collect();
        Self { schema, clustering, seen: Vec::new() }
    }

    pub(super) fn schema(&self) -> &Arc<TableSchema> {
        &self.schema
    }

    pub(super) fn clustering_count(&self) -> usize {
        self.clustering.len()
    }

    /// Returns the length of a clustering column's values, `None` if the bytes say it.
    #[inline]
    pub(super) fn clustering_length(&self, at: usize) -> Option<usize> {
        self.clustering.get(at).filter(|&&length| length != VARIABLE).map(|&length| length as usize)
    }

    /// Reads a list of columns. Most updates of a table name the same few lists, so the bytes are compared
    /// with those seen before the names are looked up one by one.
    #[inline]
    pub(super) fn read_columns(
        &mut self,
        wire: &mut Wire<'_>,
        kind: ColumnKind,
        cache: &mut ColumnsCache,
    ) -> Result<Arc<ColumnList>, WireError> {
        let known = self.seen.iter().position(|list| list.kind == kind && wire.skip_known(&list.encoded));
        if let Some(at) = known
            && let Some(list) = self.seen.get(at).map(Arc::clone)
        {
            if at > 1 {
                self.seen.swap(at, at / 2);
            }
            return Ok(list);
        }
        self.read_new_columns(wire, kind, cache)
    }

    #[cold]
    fn read_new_columns(
        &mut self,
        wire: &mut Wire<'_>,
        kind: ColumnKind,
        cache: &mut ColumnsCache,
    ) -> Result<Arc<ColumnList>, WireError> {
        /// Lists remembered for a table, and the longest one that is.
        const LISTS_MAX: usize = 16;
        const ENCODED_BYTES_MAX: usize = 64 * 1024;
        let before = wire.rest();
        cache.slots.clear();
        let count = wire.unsigned_vint()?;
        for _ in 0..count {
            let name = wire.vbytes()?;
            let slot = self.find(name, kind).ok_or(WireError::UnknownColumn)?;
            cache.slots.push(slot);
        }
        let length = before.len() - wire.rest().len();
        let encoded = before.get(..length).unwrap_or_default();
        let list =
            Arc::new(ColumnList { encoded: encoded.into(), kind, slots: cache.slots.as_slice().into() });
        if encoded.len() <= ENCODED_BYTES_MAX {
            self.seen.truncate(LISTS_MAX - 1);
            self.seen.insert(0, Arc::clone(&list));
        }
        Ok(list)
    }

    fn find(&self, name: &[u8], kind: ColumnKind) -> Option<ColumnSlot> {
        let values = self.schema.values();
        if let Ok(at) = values.binary_search_by(|column| (*column.name_bytes).cmp(name))
            && let Some(column) = values.get(at)
            && column.kind == kind
        {
            return Some(ColumnSlot::new(ColumnIndex::Current(at as u32), column));
        }
        let dropped = self.schema.dropped();
        let at = dropped.binary_search_by(|dropped| (*dropped.column.name_bytes).cmp(name)).ok()?;
        Some(ColumnSlot::new(ColumnIndex::Dropped(at as u32), &dropped.get(at)?.column))
    }
}

/// Which of an update's columns a row has.
pub(super) enum Subset {
    /// All of them.
    All,
    /// All but those whose bit is set; for lists of fewer than 64.
    Missing(u64),
    /// These indices, ascending; for longer lists.
    Listed { indices: Vec<u32>, present: bool },
}

impl Subset {
    /// Reads the subset of a list of `columns` columns (`Columns.Serializer.deserializeSubset`).
    pub(super) fn read(wire: &mut Wire<'_>, columns: usize) -> Result<Self, WireError> {
        let encoded = wire.unsigned_vint()?;
        if encoded == 0 {
            return Ok(Self::All);
        }
        if columns < 64 {
            return if encoded >> columns == 0 {
                Ok(Self::Missing(encoded))
            } else {
                Err(WireError::BadColumnSubset)
            };
        }
        let missing = usize::try_from(encoded)
            .ok()
            .filter(|&missing| missing <= columns)
            .ok_or(WireError::BadColumnSubset)?;
        let present = columns - missing;
        let lists_present = present < columns / 2;
        let count = if lists_present { present } else { missing };
        // No more than the columns that the update named, byte by byte.
        let mut indices = Vec::with_capacity(count);
        for _ in 0..count {
            let index = wire.unsigned_vint()?;
            let ascends = indices.last().is_none_or(|&last| u64::from(last) < index);
            if index >= columns as u64 || !ascends {
                return Err(WireError::BadColumnSubset);
            }
            indices.push(index as u32);
        }
        Ok(Self::Listed { indices, present: lists_present })
    }

    /// Returns whether the row has the column with this index.
    #[inline]
    pub(super) fn has(&self, index: usize) -> bool {
        match self {
            Self::All => true,
            Self::Missing(missing) => missing >> index & 1 == 0,
            Self::Listed { indices, present } => indices.binary_search(&(index as u32)).is_ok() == *present,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], columns: usize) -> Option<Vec<usize>> {
        let subset = Subset::read(&mut Wire::new(bytes), columns).ok()?;
        Some((0..columns).filter(|&index| subset.has(index)).collect())
    }

    #[test]
    fn a_short_lists_bits_are_the_missing_columns() {
        assert_eq!(read(&[0b0101], 3), Some(vec![1]));
        assert_eq!(read(&[0], 3), Some(vec![0, 1, 2]));
        assert_eq!(read(&[0b1000], 3), None);
    }

    #[test]
    fn a_long_list_names_the_smaller_half() {
        // 70 columns, 68 missing: the two present ones are named.
        assert_eq!(read(&[68, 5, 69], 70), Some(vec![5, 69]));
        // 2 missing: those are named.
        assert_eq!(read(&[2, 0, 69], 70), Some((1..69).collect()));
        assert_eq!(read(&[71], 70), None);
        assert_eq!(read(&[68, 69, 5], 70), None);
        assert_eq!(read(&[68, 5, 70], 70), None);
    }
}
