//! The ledger against what the nodes have logged: what is missing, late, or there twice.
//!
//! The ledger of a span of write times is filed in an index on disk, as agents file it, and then each change of the nodes' logs
//! is looked for there. Memory is that of the index ([`AuditOptions::memory_bytes_max`]), and of what is noted one by one: bounded,
//! too, while the totals stay exact but for [`Totals::missing_changes`], which says so.

mod noted;
#[cfg(test)]
mod tests;

use std::{collections::HashSet, path::PathBuf, time::Duration};

use self::noted::Noted;
pub use self::noted::{EntryPlace, FoundChange, NotedEntry};
use super::{
    core::{new_parts, place_of},
    ledger_index::{LedgerCheckpoint, LedgerIndex},
    record::{Entry, LedgerKind},
    topics::SeenLedgerRecord,
};
use crate::{
    change::Change,
    checkpoint::StateError,
    dedup::{Atom, ChangeId, IndexOptions, KnownParts, Signatures},
};

const MINUTE_MICROS: i64 = 60_000_000;
const MINUTE_MS: i64 = 60_000;

/// Identities of missing changes that are told apart; a million take 36 MB.
const MISSING_MAX: usize = 1_000_000;

/// Write times in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteSpan {
    /// The first.
    pub since: i64,
    /// Behind the last.
    pub until: i64,
}

/// What is looked at, and what it may take.
#[derive(Debug, Clone)]
pub struct AuditOptions {
    /// Changes of which write times.
    pub span: WriteSpan,
    /// A change that came into the ledger this long after the minute of its write time was late.
    pub late_after: Duration,
    /// An empty directory for the index. It takes about 30 bytes for a change.
    pub directory: PathBuf,
    /// Memory of the index, in bytes.
    pub memory_bytes_max: u64,
    /// Of how many late and repeated changes is noted which they are, each.
    pub noted_max: usize,
}

/// What was found so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Entries of the ledger of this span: published. A deleted range has two.
    pub published: u64,
    /// Never to be published.
    pub skipped: u64,
    /// Entries with fingerprints that an earlier one of the same change has: the same was published twice.
    pub twice: u64,
    /// Entries that came long after their write time.
    pub late: u64,
    /// Changes of the logs that were judged, each copy once.
    pub judged: u64,
    /// Of these, copies of which something is not in the ledger.
    pub missing_copies: u64,
    /// How many changes these are: the copies of a change are one. From a million on, no more are counted.
    pub missing_changes: u64,
    /// Copies of changes written before the span.
    pub before: u64,
    /// Copies of changes written after it.
    pub after: u64,
}

/// What the ledger says of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// Its write time is not in the span.
    Outside,
    /// The ledger has all of it.
    Confirmed,
    /// The ledger has not.
    Missing {
        /// How many of its parts it does not have.
        parts: usize,
        /// How many there are.
        of: usize,
        /// Whether this is the first copy of the change.
        is_first: bool,
    },
}

/// Compares a ledger with logs: first [`file`](Self::file) all records of the ledger, then [`judge`](Self::judge) the changes.
pub struct LedgerAudit {
    options: AuditOptions,
    signatures: Signatures,
    published: LedgerIndex,
    skipped: LedgerIndex,
    known: Vec<Vec<Atom>>,
    twice: Noted,
    late: Noted,
    missing: HashSet<ChangeId, foldhash::fast::RandomState>,
    totals: Totals,
}

impl LedgerAudit {
    /// Prepares an audit. The key is that of the owners topic's `INIT`.
    pub fn new(options: AuditOptions, hash_key: u64) -> Result<Self, StateError> {
        /// Few changes are skipped.
        const SKIPPED_SHARE: u64 = 8;
        let open = |name: &str, memory_bytes_max| {
            let index = IndexOptions {
                memory_bytes_max,
                // Nothing is forgotten: there is no second look at the ledger.
                disk_bytes_max: u64::MAX,
                ..IndexOptions::new(options.directory.join(name))
            };
            LedgerIndex::open(index).map(|(index, _)| index)
        };
        let skipped_bytes = options.memory_bytes_max / SKIPPED_SHARE;
        Ok(Self {
            published: open("published", options.memory_bytes_max - skipped_bytes)?,
            skipped: open("skipped", skipped_bytes)?,
            signatures: Signatures::with_seed(hash_key),
            known: Vec::new(),
            twice: Noted::new(options.noted_max),
            late: Noted::new(options.noted_max),
            missing: HashSet::default(),
            totals: Totals::default(),
            options,
        })
    }

    /// Takes in a record of the ledger. Those of one partition come in their order.
    pub fn file(&mut self, seen: &SeenLedgerRecord) -> Result<(), StateError> {
        let span = self.options.span;
        match &seen.record.kind {
            LedgerKind::Published(entries) => {
                for entry in entries.iter().filter(|entry| span.is_near(entry.minute)) {
                    self.note_published(seen, entry)?;
                    self.published.note_record_time(seen.timestamp_ms);
                    self.published.file(place_of(entry), &entry.atoms)?;
                }
                sync(&mut self.published)
            }
            LedgerKind::Skipped(entries) => {
                for entry in entries.iter().filter(|entry| span.is_near(entry.minute)) {
                    self.totals.skipped += u64::from(span.overlaps(entry.minute));
                    self.skipped.note_record_time(seen.timestamp_ms);
                    self.skipped.file(place_of(entry), &entry.atoms)?;
                }
                sync(&mut self.skipped)
            }
            LedgerKind::Hello | LedgerKind::Beat { .. } => Ok(()),
        }
    }

    fn note_published(&mut self, seen: &SeenLedgerRecord, entry: &Entry) -> Result<(), StateError> {
        if !self.options.span.overlaps(entry.minute) {
            return Ok(());
        }
        self.totals.published += 1;
        let mut known = Vec::new();
        self.published.look_up(place_of(entry), &mut known)?;
        if entry.atoms.iter().any(|atom| known.contains(atom)) {
            self.totals.twice += 1;
            self.twice.note(entry, None);
        }
        let minute_ends_ms = (i64::from(entry.minute) + 1) * MINUTE_MS;
        let late_ms = i128::from(seen.timestamp_ms) - i128::from(minute_ends_ms);
        if late_ms > self.options.late_after.as_millis().cast_signed() {
            self.totals.late += 1;
            self.late.note(entry, Some(EntryPlace::of(seen)));
        }
        Ok(())
    }

    /// Returns true if something was published twice, and the ledger is to be read once more to say where: with
    /// [`find_repeated`](Self::find_repeated).
    pub fn has_repeated(&self) -> bool {
        self.totals.twice > 0
    }

    /// Notes where in the ledger the changes stand that were published twice.
    pub fn find_repeated(&mut self, seen: &SeenLedgerRecord) {
        if let LedgerKind::Published(entries) = &seen.record.kind {
            for entry in entries {
                self.twice.add_place(entry.id, EntryPlace::of(seen));
            }
        }
    }

    /// Looks for a change of a log in the ledger. `found` says where it was found, if that is needed.
    pub fn judge(
        &mut self,
        change: &Change<'_>,
        found: impl FnOnce() -> FoundChange,
    ) -> Result<Judgement, StateError> {
        let span = self.options.span;
        if change.timestamp < span.since || change.timestamp >= span.until {
            let outside =
                if change.timestamp < span.since { &mut self.totals.before } else { &mut self.totals.after };
            *outside += 1;
            return Ok(Judgement::Outside);
        }
        self.totals.judged += 1;
        let signature = self.signatures.of(change);
        let (published, skipped) = (&mut self.published, &mut self.skipped);
        signature.look_up(&mut self.known, |place, known| {
            published.look_up(place, known)?;
            skipped.look_up(place, known)
        })?;
        let is_new = new_parts(signature, &self.known);
        let parts = is_new.iter().filter(|is_new| **is_new).count();
        if signature.filed_ids().any(|id| self.twice.lacks_change(id) || self.late.lacks_change(id)) {
            let found = found();
            for id in signature.filed_ids() {
                self.twice.found(id, &found);
                self.late.found(id, &found);
            }
        }
        // Ranges of one write time share their identity, but not that of their bounds.
        if parts > 0
            && let Some(id) = signature.filed_ids().last()
        {
            self.totals.missing_copies += 1;
            let is_first = self.missing.len() < MISSING_MAX && self.missing.insert(id);
            self.totals.missing_changes = self.missing.len() as u64;
            return Ok(Judgement::Missing { parts, of: is_new.len(), is_first });
        }
        Ok(Judgement::Confirmed)
    }

    /// Says which change of the schema or truncation this identity is of, if it is told of. The ledger is not searched for those.
    pub fn name_event(&mut self, id: u128, found: impl FnOnce() -> FoundChange) {
        let id = id.into();
        if self.twice.lacks_change(id) || self.late.lacks_change(id) {
            let found = found();
            self.twice.found(id, &found);
            self.late.found(id, &found);
        }
    }

    /// Returns what was found so far.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Returns the changes that were published twice, as far as they were noted.
    pub fn repeated(&self) -> impl Iterator<Item = &NotedEntry> {
        self.twice.entries()
    }

    /// Returns the changes that came late, as far as they were noted.
    pub fn late(&self) -> impl Iterator<Item = &NotedEntry> {
        self.late.entries()
    }
}

/// Makes room in memory.
fn sync(index: &mut LedgerIndex) -> Result<(), StateError> {
    if index.wants_sync() { index.sync(LedgerCheckpoint::default()) } else { Ok(()) }
}

impl WriteSpan {
    /// Returns true if a write time of this minute may be in the span.
    fn overlaps(self, minute: i32) -> bool {
        let begins = i64::from(minute) * MINUTE_MICROS;
        begins < self.until && begins.saturating_add(MINUTE_MICROS) > self.since
    }

    /// Returns true if a part of a change of the span may be filed under this minute: a clearing is under the microsecond after.
    fn is_near(self, minute: i32) -> bool {
        let begins = i64::from(minute) * MINUTE_MICROS;
        begins <= self.until && begins.saturating_add(MINUTE_MICROS) > self.since
    }
}
