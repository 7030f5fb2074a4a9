//! Entries of the own log that hold unconfirmed changes: an auditor that must send one to its owner need not find it again.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use cassandra_commitlog::{
    Position, Version,
    decode::MutationDecoder,
    schema::{SchemaLookup, TableId, TableSchema},
    segment::Entry,
};

use crate::{
    change::{self, Change},
    record::RecordPlace,
};

/// An entry with what it takes to decode it as it was decoded when it was read.
#[derive(Debug)]
struct KeptEntry {
    position: Position,
    version: Version,
    mutation: Box<[u8]>,
    tables: Tables,
    /// Number of the first change of a row among all that the entry tells.
    first_change: u32,
}

/// The definitions of an entry's tables; mostly one.
#[derive(Debug)]
struct Tables(Vec<Arc<TableSchema>>);

impl SchemaLookup for Tables {
    fn table(&self, id: TableId) -> Option<&Arc<TableSchema>> {
        self.0.iter().find(|table| table.id() == id)
    }
}

/// Entries by the audit position of their first change.
#[derive(Debug, Default)]
pub(super) struct KeptEntries {
    entries: BTreeMap<u64, KeptEntry>,
    bytes: u64,
    /// How many were kept when it was last looked which are still needed.
    swept: usize,
}

/// What an entry takes besides its bytes, about.
const ENTRY_BYTES: u64 = 160;
/// Fewer entries are not looked through.
const SWEPT_MIN: usize = 1_000;

impl KeptEntries {
    /// Keeps an entry, if it is not kept yet.
    pub(super) fn keep(
        &mut self,
        position: u64,
        entry: &Entry<'_>,
        version: Version,
        tables: impl FnOnce() -> Vec<Arc<TableSchema>>,
        first_change: u32,
    ) {
        let bytes = &mut self.bytes;
        self.entries.entry(position).or_insert_with(|| {
            *bytes += ENTRY_BYTES + entry.mutation.len() as u64;
            KeptEntry {
                position: entry.position,
                version,
                mutation: entry.mutation.into(),
                tables: Tables(tables()),
                first_change,
            }
        });
    }

    /// Gives the change at an audit position to `take`, with where it stands in the log. `None` if it is not kept.
    pub(super) fn with_change<R>(
        &self,
        position: u64,
        take: impl FnOnce(RecordPlace, Change<'_>) -> R,
    ) -> Option<R> {
        let (first, kept) = self.entries.range(..=position).next_back()?;
        if position - first >= kept.mutation.len() as u64 {
            return None;
        }
        let index = u32::try_from(position - first).ok()?;
        let mut decoder = MutationDecoder::new(kept.version);
        let mutation = decoder.decode(&kept.mutation, &kept.tables).ok()?;
        let changes = change::into_changes(mutation);
        let change = changes.into_iter().nth(index.checked_sub(kept.first_change)? as usize)?;
        Some(take(RecordPlace { position: kept.position, index }, change))
    }

    /// Gives the entry of a change to `take`: for the quarantine.
    pub(super) fn with_entry<R>(&self, position: u64, take: impl FnOnce(&Entry<'_>) -> R) -> Option<R> {
        let (first, kept) = self.entries.range(..=position).next_back()?;
        (position - first < kept.mutation.len() as u64)
            .then(|| take(&Entry { position: kept.position, mutation: &kept.mutation }))
    }

    /// Drops what is not needed any more, if so much is kept that it is worth looking: twice as much as was needed last time, or
    /// this many bytes.
    pub(super) fn sweep(&mut self, bytes_worth: u64, is_needed: impl Fn(Range<u64>) -> bool) {
        if self.entries.len() < (2 * self.swept).max(SWEPT_MIN) && self.bytes < bytes_worth {
            return;
        }
        let bytes = &mut self.bytes;
        self.entries.retain(|first, kept| {
            let length = kept.mutation.len() as u64;
            let is_needed = is_needed(*first..*first + length);
            if !is_needed {
                *bytes -= ENTRY_BYTES + length;
            }
            is_needed
        });
        self.swept = self.entries.len();
    }

    /// Drops all of them.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Returns about how much memory they take.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }
}
