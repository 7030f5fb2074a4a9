//! Bytes of the ledger's records.
//!
//! They are what the protocol costs: one entry for each change, 16 bytes of identity and 4 for each part. What else an
//! entry has (its minute, how many parts) is said once for all entries in a row that share it.

use super::{
    Entry, LedgerKind, LedgerRecord,
    error::{RecordError, RecordErrorKind, RecordTopic},
    wire::{Piece, Reader, Writer, read_record},
};
use crate::dedup::ChangeId;

const HELLO: u8 = 0x20;
const PUBLISHED: u8 = 0x21;
const SKIPPED: u8 = 0x22;
const BEAT: u8 = 0x23;

const ID_BYTES: usize = 16;
const ATOM_BYTES: usize = 4;
/// Version, kind, session, number of entries.
const HEAD_BYTES_MAX: usize = 1 + 1 + 8 + 5;
/// Minute, number of parts, number of entries.
const RUN_BYTES_MAX: usize = 5 + 5 + 5;

impl LedgerRecord {
    /// Appends the record's bytes. Entries that follow each other and have the same minute and as many parts cost less: see
    /// [`into_parts`](Self::into_parts).
    pub fn encode(&self, out: &mut Vec<u8>) {
        let kind = match &self.kind {
            LedgerKind::Hello => HELLO,
            LedgerKind::Published(_) => PUBLISHED,
            LedgerKind::Skipped(_) => SKIPPED,
            LedgerKind::Beat { .. } => BEAT,
        };
        let mut writer = Writer::record(RecordTopic::Ledger, kind, out);
        writer.session(self.session);
        match &self.kind {
            LedgerKind::Hello => {}
            LedgerKind::Published(entries) | LedgerKind::Skipped(entries) => {
                write_entries(entries, &mut writer);
            }
            LedgerKind::Beat { number, done } => {
                writer.u64(*number);
                writer.u64(*done);
            }
        }
    }

    /// Reads a record's bytes, all of them.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        read_record(RecordTopic::Ledger, bytes, |kind, reader| {
            // An unknown kind may have no session.
            if !(HELLO..=BEAT).contains(&kind) {
                return Err(RecordErrorKind::UnknownKind(kind));
            }
            let session = reader.session()?;
            let kind = match kind {
                HELLO => LedgerKind::Hello,
                PUBLISHED => LedgerKind::Published(read_entries(reader)?),
                SKIPPED => LedgerKind::Skipped(read_entries(reader)?),
                _ => LedgerKind::Beat { number: reader.u64()?, done: reader.u64()? },
            };
            Ok(Self { session, kind })
        })
    }

    /// Returns the record as one or more that say the same together and have `bytes_max` bytes at most, as long as that is
    /// room for an entry of one part. Entries are put into the order that takes the fewest bytes: it means nothing, as all
    /// of a transaction become visible at once and none takes back another. One that is too large for a record is cut into
    /// several with the same identity.
    pub fn into_parts(self, bytes_max: usize) -> Vec<Self> {
        let session = self.session;
        let (entries, kind): (_, fn(Vec<Entry>) -> LedgerKind) = match self.kind {
            LedgerKind::Published(entries) => (entries, LedgerKind::Published),
            LedgerKind::Skipped(entries) => (entries, LedgerKind::Skipped),
            kind => return vec![Self { session, kind }],
        };
        let parts = split_entries(cut_large(entries, bytes_max), bytes_max).into_iter();
        parts.map(|entries| Self { session, kind: kind(entries) }).collect()
    }
}

/// What entries of a run share.
fn run_of(entry: &Entry) -> (i32, usize) {
    (entry.minute, entry.atoms.len())
}

fn write_entries(entries: &[Entry], writer: &mut Writer<'_>) {
    writer.count(entries.len());
    let mut minute_before = 0;
    for run in entries.chunk_by(|one, next| run_of(one) == run_of(next)) {
        let Some((minute, atoms)) = run.first().map(run_of) else { continue };
        writer.signed_varint(i64::from(minute) - i64::from(minute_before));
        minute_before = minute;
        writer.count(atoms);
        writer.count(run.len());
        for entry in run {
            writer.u64(entry.id.high);
            writer.u64(entry.id.low);
            for atom in &entry.atoms {
                writer.u32(*atom);
            }
        }
    }
}

fn read_entries(reader: &mut Reader<'_>) -> Piece<Vec<Entry>> {
    let count = reader.count(ID_BYTES)?;
    let mut entries = Vec::with_capacity(count);
    let mut minute = 0;
    while entries.len() < count {
        minute = read_minute(minute, reader)?;
        let atoms = reader.count(ATOM_BYTES)?;
        let run = reader.count(ID_BYTES + ATOM_BYTES * atoms)?;
        if run == 0 {
            return Err(RecordErrorKind::EmptyRun);
        }
        if run > count - entries.len() {
            return Err(RecordErrorKind::OutOfRange("a number of entries"));
        }
        for _ in 0..run {
            let id = ChangeId { high: reader.u64()?, low: reader.u64()? };
            let mut parts = Vec::with_capacity(atoms);
            for _ in 0..atoms {
                parts.push(reader.u32()?);
            }
            entries.push(Entry { id, minute, atoms: parts });
        }
    }
    Ok(entries)
}

fn read_minute(before: i32, reader: &mut Reader<'_>) -> Piece<i32> {
    let minute = i64::from(before).checked_add(reader.signed_varint()?);
    minute.and_then(|it| it.try_into().ok()).ok_or(RecordErrorKind::OutOfRange("a minute"))
}

/// Cuts entries that do not fit into a record.
fn cut_large(entries: Vec<Entry>, bytes_max: usize) -> Vec<Entry> {
    let room = bytes_max.saturating_sub(HEAD_BYTES_MAX + RUN_BYTES_MAX + ID_BYTES);
    let atoms_max = (room / ATOM_BYTES).max(1);
    if entries.iter().all(|entry| entry.atoms.len() <= atoms_max) {
        return entries;
    }
    let mut cut = Vec::with_capacity(entries.len() + 1);
    for entry in entries {
        let Entry { id, minute, atoms } = entry;
        if atoms.len() <= atoms_max {
            cut.push(Entry { id, minute, atoms });
            continue;
        }
        cut.extend(atoms.chunks(atoms_max).map(|atoms| Entry { id, minute, atoms: atoms.to_vec() }));
    }
    cut
}

/// Puts the entries in order, and in parts of `bytes_max` bytes at most. There is one part at least.
fn split_entries(mut entries: Vec<Entry>, bytes_max: usize) -> Vec<Vec<Entry>> {
    entries.sort_by_key(run_of);
    let mut parts = Vec::new();
    let mut part: Vec<Entry> = Vec::new();
    let mut bytes = HEAD_BYTES_MAX;
    for entry in entries {
        let entry_bytes = ID_BYTES + ATOM_BYTES * entry.atoms.len();
        let begins_run = part.last().is_none_or(|last| run_of(last) != run_of(&entry));
        let more = entry_bytes + if begins_run { RUN_BYTES_MAX } else { 0 };
        if bytes + more > bytes_max && !part.is_empty() {
            parts.push(std::mem::take(&mut part));
            bytes = HEAD_BYTES_MAX + RUN_BYTES_MAX + entry_bytes;
        } else {
            bytes += more;
        }
        part.push(entry);
    }
    if !part.is_empty() || parts.is_empty() {
        parts.push(part);
    }
    parts
}
