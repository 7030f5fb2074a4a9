//! The chain of sync markers (format.md §2.1, §2.7).

use super::{
    DamageKind, Input, Outcome, SegmentDecoder, State,
    packed::{EndSource, Section},
    plain::{Cursor, Scan},
};
use crate::segment::{
    entry::{self, Cut},
    sync_marker::{MARKER_BYTES, SyncMarker},
};

impl SegmentDecoder {
    /// Reads the marker at a file offset, or judges what stands there instead.
    pub(super) fn marker(&mut self, input: &Input<'_>, at: u64) -> Result<Outcome, Outcome> {
        if at.saturating_add(MARKER_BYTES) > input.file_length {
            // Closed and full; a file that grows in blocks may still get longer.
            if input.is_growing() {
                return Err(Outcome::Wait);
            }
            let rest = at.min(input.file_length)..input.file_length;
            // Only plain segments are longer than what was written, by zeros.
            let is_zero = input.get(rest.clone())?.iter().all(|byte| *byte == 0);
            let is_end = rest.is_empty() || is_zero && self.is_plain();
            let ended = self.end(at);
            return Ok(if is_end {
                ended
            } else {
                // A part of a marker: what it pointed to is not there.
                Outcome::Damage(self.damage(DamageKind::TruncatedSection, at, rest.clone(), rest))
            });
        }
        let marker = self.read_marker(input, at)?;
        let end = u64::from(marker.end);
        let within = end >= at + MARKER_BYTES && end <= input.file_length;
        if marker.crc == self.marker_crc.at(at) && within {
            self.state = if self.is_plain() {
                State::Plain(Cursor { at: at + MARKER_BYTES, end: Some(end) })
            } else {
                State::Section(Section {
                    marker: at,
                    end,
                    end_source: EndSource::Marker,
                    is_searched: false,
                    damage: None,
                })
            };
            return Ok(Outcome::Again);
        }
        if input.is_growing() {
            // Unwritten, torn, or a section of which a part is there: all may be whole a moment later.
            return Err(Outcome::Wait);
        }
        if marker.is_unwritten() {
            return Ok(self.end(at));
        }
        let kind = if marker.crc != self.marker_crc.at(at) {
            DamageKind::MarkerCrc
        } else if end > input.file_length {
            DamageKind::TruncatedSection
        } else {
            DamageKind::MarkerEnd
        };
        if self.is_plain() {
            self.bad_marker_of_plain(input, at, kind)
        } else {
            Ok(self.bad_marker_of_packed(input, at, end, kind, within))
        }
    }

    pub(super) fn read_marker(&self, input: &Input<'_>, at: u64) -> Result<SyncMarker, Outcome> {
        let bytes = input.get(at..at + MARKER_BYTES)?;
        Ok(SyncMarker::parse(bytes).map_or(SyncMarker { end: 0, crc: 0 }, |(_, marker)| marker))
    }

    /// Returns true if a marker whose CRC holds stands at a file offset.
    pub(super) fn is_marker(&self, input: &Input<'_>, at: u64) -> Result<bool, Outcome> {
        if at.saturating_add(MARKER_BYTES) > input.file_length {
            return Ok(false);
        }
        Ok(self.read_marker(input, at)?.crc == self.marker_crc.at(at))
    }

    /// The entries of a plain segment follow each other whatever the markers say: go on by their own CRCs.
    fn bad_marker_of_plain(
        &mut self,
        input: &Input<'_>,
        at: u64,
        kind: DamageKind,
    ) -> Result<Outcome, Outcome> {
        // The marker itself is bad, or the one before it pointed here wrongly.
        for (start, kind) in [(at + MARKER_BYTES, kind), (at, DamageKind::MarkerEnd)] {
            if self.begins_entry(input, start)? {
                self.state = State::Plain(Cursor { at: start, end: None });
                return Ok(Outcome::Damage(self.damage(kind, at, start..start, start..start)));
            }
        }
        if kind != DamageKind::MarkerCrc && self.is_marker(input, at + MARKER_BYTES)? {
            // An empty section.
            self.state = State::Marker(at + MARKER_BYTES);
            return Ok(Outcome::Damage(self.damage(kind, at, at..at, at..at)));
        }
        self.state = State::Scan(Scan { from: at, at: at + 1, end: None, kind });
        Ok(Outcome::Again)
    }

    fn begins_entry(&self, input: &Input<'_>, at: u64) -> Result<bool, Outcome> {
        if at >= input.file_length {
            return Ok(false);
        }
        match entry::cut(input.tail(at), self.options.limits.mutation_bytes) {
            Cut::Entry(_) | Cut::BadCrc { .. } => Ok(true),
            Cut::Short { needed } if at.saturating_add(needed) <= input.file_length => {
                Err(Outcome::Need(at..at + needed))
            }
            Cut::NotAnEntry(_) | Cut::Short { .. } => Ok(false),
        }
    }

    /// The sections of a packed segment are whole from marker to marker: find the next one that holds.
    fn bad_marker_of_packed(
        &mut self,
        input: &Input<'_>,
        at: u64,
        end: u64,
        kind: DamageKind,
        within: bool,
    ) -> Outcome {
        let section = Section {
            marker: at,
            end,
            end_source: EndSource::BadMarker,
            is_searched: false,
            damage: Some(kind),
        };
        // Its end may be right all the same, but first come the markers before it: it can point to a later one by chance.
        let until = if within { end } else { input.file_length };
        self.state = State::FindSectionEnd { section, at: at + MARKER_BYTES, until };
        Outcome::Again
    }
}
