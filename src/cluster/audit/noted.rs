//! Entries of the ledger that are told one by one.

use std::collections::BTreeMap;

use super::super::{names::Session, record::Entry, topics::SeenLedgerRecord};
use crate::{dedup::ChangeId, record::RecordPlace};

/// Places in the ledger that are told of one change.
const PLACES_MAX: usize = 8;

/// An entry of the ledger that is told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotedEntry {
    /// Its identity: a hash that says nothing of the change to who does not have the key.
    pub id: ChangeId,
    /// The minute of its write time, since 1970.
    pub minute: i32,
    /// Where it stands in the ledger, the first eight.
    pub places: Vec<EntryPlace>,
    /// The change, if one of the logs has it.
    pub change: Option<FoundChange>,
}

/// Where an entry stands in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryPlace {
    /// Partition of the ledger.
    pub partition: i32,
    /// Offset of its record there.
    pub offset: u64,
    /// Who wrote it.
    pub session: Session,
    /// When the broker took it, in milliseconds since 1970.
    pub timestamp_ms: u64,
}

/// A change as it is told of: no key, no values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundChange {
    /// Keyspace and name of its table, or what else it is a change of.
    pub table: String,
    /// Token of its partition key; none if it has none.
    pub token: Option<i64>,
    /// Its write time, in microseconds.
    pub written_at: i64,
    /// In whose log it stands.
    pub node: String,
    /// Where in that log.
    pub place: RecordPlace,
}

impl EntryPlace {
    pub(super) fn of(seen: &SeenLedgerRecord) -> Self {
        Self {
            partition: seen.partition,
            offset: seen.offset,
            session: seen.record.session,
            timestamp_ms: seen.timestamp_ms,
        }
    }
}

/// A bounded number of them.
#[derive(Debug)]
pub(super) struct Noted {
    max: usize,
    entries: BTreeMap<ChangeId, NotedEntry>,
}

impl Noted {
    pub(super) fn new(max: usize) -> Self {
        Self { max, entries: BTreeMap::new() }
    }

    /// Notes an entry, if there is room for it.
    pub(super) fn note(&mut self, entry: &Entry, place: Option<EntryPlace>) {
        if !self.entries.contains_key(&entry.id) && self.entries.len() < self.max {
            let new = NotedEntry { id: entry.id, minute: entry.minute, places: Vec::new(), change: None };
            self.entries.insert(entry.id, new);
        }
        if let Some(place) = place {
            self.add_place(entry.id, place);
        }
    }

    /// Adds a place to an entry that is noted.
    pub(super) fn add_place(&mut self, id: ChangeId, place: EntryPlace) {
        if let Some(noted) = self.entries.get_mut(&id)
            && noted.places.len() < PLACES_MAX
        {
            noted.places.push(place);
        }
    }

    /// Returns true if it is noted, and not known of which change.
    pub(super) fn lacks_change(&self, id: ChangeId) -> bool {
        self.entries.get(&id).is_some_and(|noted| noted.change.is_none())
    }

    /// Says which change it is, unless that is known.
    pub(super) fn found(&mut self, id: ChangeId, change: &FoundChange) {
        if let Some(noted) = self.entries.get_mut(&id) {
            noted.change.get_or_insert_with(|| change.clone());
        }
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &NotedEntry> {
        self.entries.values()
    }
}
