//! Sections of plain segments: entries stand in the file as they are (format.md §2.2).

use super::{DamageKind, Input, Outcome, SegmentDecoder, State};
use crate::segment::{
    entry::{self, Cut, FRAME_BYTES, NotAnEntry},
    sync_marker::MARKER_BYTES,
};

/// A place in a plain section.
#[derive(Debug, Clone)]
pub(super) struct Cursor {
    /// File offset of the next entry.
    pub(super) at: u64,
    /// File offset of the next marker; `None` if no marker says it, so that entries are followed by their
    /// own CRCs until a marker or nothing comes.
    pub(super) end: Option<u64>,
}

/// A search for the next entry or marker.
#[derive(Debug, Clone)]
pub(super) struct Scan {
    /// File offset from which on nothing was usable.
    pub(super) from: u64,
    /// File offset to look at next.
    pub(super) at: u64,
    /// The marker behind this section, if one is known: the search ends there.
    pub(super) end: Option<u64>,
    pub(super) kind: DamageKind,
}

impl SegmentDecoder {
    /// Gives the next entry of a plain section.
    #[inline]
    pub(super) fn plain(&mut self, input: &Input<'_>, cursor: Cursor) -> Result<Outcome, Outcome> {
        let Cursor { at, end } = cursor;
        if end == Some(at) {
            self.state = State::Marker(at);
            return Ok(Outcome::Again);
        }
        let section_end = end.unwrap_or(input.file_length);
        let left = section_end.saturating_sub(at);
        let tail = input.tail(at);
        let available = tail.get(..usize::try_from(left).unwrap_or(usize::MAX)).unwrap_or(tail);
        match entry::cut(available, self.options.limits.mutation_bytes) {
            Cut::Entry(mutation) => {
                let start = at + FRAME_BYTES - 4;
                let mutation = start..start + mutation.len() as u64;
                let entry_end = mutation.end + 4;
                self.state = State::Plain(Cursor { at: entry_end, end });
                Ok(Outcome::EntryInWindow { mutation, end: entry_end })
            }
            Cut::BadCrc { length } => {
                let next = at + length;
                self.state = State::Plain(Cursor { at: next, end });
                Ok(Outcome::Damage(self.damage(DamageKind::EntryCrc, at, at..next, at..next)))
            }
            Cut::Short { needed } if needed <= left => Err(Outcome::Need(at..at + needed)),
            Cut::Short { .. } => self.not_an_entry(input, at, end, DamageKind::EntryCut),
            Cut::NotAnEntry(why) => self.not_an_entry(input, at, end, kind_of(why)),
        }
    }

    /// Where an entry should begin, none does.
    fn not_an_entry(
        &mut self,
        input: &Input<'_>,
        at: u64,
        end: Option<u64>,
        kind: DamageKind,
    ) -> Result<Outcome, Outcome> {
        if self.is_marker(input, at)? {
            // The section is over: its marker pointed too far, or nothing was known of its end.
            self.state = State::Marker(at);
            return Ok(match end {
                Some(_) => Outcome::Damage(self.damage(DamageKind::MarkerEnd, at, at..at, at..at)),
                None => Outcome::Again,
            });
        }
        if end.is_none() && self.nothing_follows(input, at)? {
            let ended = self.end(at);
            let rest = at..input.file_length;
            if at.saturating_add(MARKER_BYTES) <= input.file_length || rest.is_empty() {
                return Ok(ended);
            }
            // Too little for a marker, behind one that pointed beyond it: part of an entry.
            return Ok(Outcome::Damage(self.damage(kind, at, rest.clone(), rest)));
        }
        if end.is_some() && kind == DamageKind::EntryCut && !input.is_growing() && self.is_entry(input, at)? {
            // The entry is whole beyond the section's end, so it is the marker that is wrong.
            self.state = State::Plain(Cursor { at, end: None });
            return Ok(Outcome::Damage(self.damage(DamageKind::MarkerEnd, at, at..at, at..at)));
        }
        self.state = State::Scan(Scan { from: at, at: at + 1, end, kind });
        Ok(Outcome::Again)
    }

    /// Returns true where a chain without known end is over: an unwritten marker, or no room for one.
    fn nothing_follows(&self, input: &Input<'_>, at: u64) -> Result<bool, Outcome> {
        let no_room = at.saturating_add(MARKER_BYTES) > input.file_length;
        Ok(no_room || self.read_marker(input, at)?.is_unwritten())
    }

    /// Returns true if an entry whose CRCs hold stands at a file offset, as far as the search may cost.
    #[inline]
    fn is_entry(&mut self, input: &Input<'_>, at: u64) -> Result<bool, Outcome> {
        let limit = self.options.limits.mutation_bytes;
        let Some(length) = entry::head(input.tail(at), limit) else {
            return Ok(false);
        };
        if length > input.file_length.saturating_sub(at) || !self.budget.allows(length, input.file_length) {
            return Ok(false);
        }
        let bytes = input.get(at..at + length)?;
        let found = matches!(entry::cut(bytes, limit), Cut::Entry(_));
        if !found {
            self.budget.spend(length);
        }
        Ok(found)
    }

    /// Looks byte by byte for the next marker or entry whose CRC holds.
    pub(super) fn scan(&mut self, input: &Input<'_>, scan: Scan) -> Result<Outcome, Outcome> {
        let stop = scan.end.unwrap_or(input.file_length).min(input.file_length);
        for at in scan.at..stop {
            let found = match self.resumes(input, at) {
                Ok(found) => found,
                Err(outcome) => {
                    self.state = State::Scan(Scan { at, ..scan });
                    return Err(outcome);
                }
            };
            if let Some(state) = found {
                self.state = match state {
                    State::Plain(cursor) => State::Plain(Cursor { end: scan.end, ..cursor }),
                    other => other,
                };
                return Ok(Outcome::Damage(self.damage(scan.kind, scan.from, scan.from..at, scan.from..at)));
            }
        }
        let damage = self.damage(scan.kind, scan.from, scan.from..stop, scan.from..stop);
        match scan.end {
            Some(end) if end <= input.file_length => self.state = State::Marker(end),
            _ => {
                self.end(stop);
            }
        }
        Ok(Outcome::Damage(damage))
    }

    /// Returns how reading can go on at a file offset, if it can.
    #[inline]
    fn resumes(&mut self, input: &Input<'_>, at: u64) -> Result<Option<State>, Outcome> {
        let left = input.file_length - at;
        if left < MARKER_BYTES {
            return Ok(None);
        }
        let tail = input.tail(at);
        let Some(&word) = tail.first_chunk::<8>() else {
            return Err(Outcome::Need(at..at + MARKER_BYTES));
        };
        let word = u64::from_be_bytes(word);
        let first = word >> 32;
        if first == 0 {
            return Ok(None);
        }
        // A marker's first word is a file offset behind it: a cheap test before the CRC.
        if first >= at + MARKER_BYTES && first <= input.file_length && word as u32 == self.marker_crc.at(at) {
            return Ok(Some(State::Marker(at)));
        }
        Ok(self.is_entry(input, at)?.then_some(State::Plain(Cursor { at, end: None })))
    }
}

pub(super) fn kind_of(why: NotAnEntry) -> DamageKind {
    match why {
        NotAnEntry::ZeroSize => DamageKind::ZeroSize,
        NotAnEntry::Size => DamageKind::EntrySize,
        NotAnEntry::SizeCrc => DamageKind::EntrySizeCrc,
    }
}
