//! Sections of compressed and encrypted segments: one packed block from marker to marker (format.md §4, §5).

use std::{collections::HashMap, ops::Range};

use super::{DamageKind, Input, Outcome, SegmentDecoder, State, plain::kind_of, search::SearchBudget};
use crate::{
    keystore::SecretKey,
    segment::{
        EncryptionParameters, SegmentError, SegmentErrorKind,
        compression::DecompressErrorKind,
        encryption::{CipherError, LostBlockKind, SectionCipher},
        entry::{self, Cut, FRAME_BYTES},
        sync_marker::MARKER_BYTES,
    },
};

/// Bytes before a section's packed data: the marker and the length of the unpacked data.
const HEAD_BYTES: u64 = MARKER_BYTES + 4;
/// How many bytes packed data may be longer than the limit for unpacked ones: incompressible data grows.
const SLACK_BYTES: u64 = 1 << 20;

/// A packed section.
#[derive(Debug, Clone)]
pub(super) struct Section {
    /// File offset of its marker.
    pub(super) marker: u64,
    /// File offset of the next marker.
    pub(super) end: u64,
    /// How its end is known.
    pub(super) end_source: EndSource,
    /// True if no marker that holds lies between this one and `end`.
    pub(super) is_searched: bool,
    /// What was wrong with its marker, to be said before its entries come.
    pub(super) damage: Option<DamageKind>,
}

/// How the end of a packed section is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EndSource {
    /// Its marker says so, which nothing protects.
    Marker,
    /// Its marker says so, whose CRC does not hold or that points to nowhere; that was told.
    BadMarker,
    /// The next marker that holds stands there; other sections may lie between.
    Search,
}

/// A place in the buffer of an unpacked section.
#[derive(Debug, Clone)]
pub(super) struct Cursor {
    /// Offset in the buffer of the next entry.
    at: usize,
    /// Logical offset of the buffer's start.
    logical: u64,
    /// Length of the unpacked section; the buffer may have less of it.
    length: usize,
    /// The section in the file.
    file: Range<u64>,
    /// Why the buffer may not be whole; said with the first loss, or at the end.
    doubt: Option<DamageKind>,
    /// True if the section could not be unpacked as it was packed.
    is_salvaged: bool,
    /// True where more than the buffer has may lie between this section's marker and the next that holds: it is lost.
    may_hide_more: bool,
}

/// Why a section could not be unpacked as its length says.
struct Unpacking {
    kind: DamageKind,
    /// The length that the packed data says of itself.
    own_length: Option<usize>,
    /// True where there is, or may be, more of it than the section's length says.
    is_longer: bool,
}

/// Where the entries are that a damaged section gave, by their lengths and CRCs.
pub(super) type Given = HashMap<(usize, u32), usize>;

/// Makes the cipher of an encrypted segment.
pub(super) fn cipher(
    parameters: &EncryptionParameters,
    key: &SecretKey,
    segment: i64,
) -> Result<SectionCipher, SegmentError> {
    SectionCipher::new(&parameters.cipher, key, &parameters.initialization_vector).map_err(|error| {
        let kind = match error {
            CipherError::KeyLength { .. } => SegmentErrorKind::KeyUnfit(parameters.key_alias.clone()),
            _ => SegmentErrorKind::UnsupportedCipher(parameters.cipher.clone()),
        };
        SegmentError::new(kind, segment, 0)
    })
}

impl SegmentDecoder {
    /// Unpacks a section into the buffer.
    pub(super) fn section(&mut self, input: &Input<'_>, section: Section) -> Result<Outcome, Outcome> {
        let Section { marker, end, .. } = section;
        if let Some(kind) = section.damage {
            self.state = State::Section(Section { damage: None, ..section });
            return Ok(Outcome::Damage(self.damage(kind, marker, marker..marker, 0..0)));
        }
        if self.distrusts_ends && !section.is_searched {
            return Ok(self.search_within(section));
        }
        let is_unconfirmed = match section.end_source {
            EndSource::Marker => !input.is_growing(),
            EndSource::BadMarker => true,
            EndSource::Search => false,
        };
        if is_unconfirmed && !self.is_confirmed(input, &section)? {
            self.distrusts_ends = true;
            // The search is of the same section, so it is this damage that is to be said if there is none yet.
            self.state = State::FindSectionEnd {
                at: if section.is_searched { end } else { marker + MARKER_BYTES },
                until: input.file_length,
                section,
            };
            return Ok(Outcome::Again);
        }
        if end < marker + HEAD_BYTES {
            return Ok(self.section_lost(DamageKind::MarkerEnd, marker..end, 0));
        }
        let limit = u64::from(self.options.limits.section_bytes);
        if end - marker > limit + SLACK_BYTES {
            return Ok(if section.is_searched {
                self.section_lost(DamageKind::SectionTooLarge, marker..end, 0)
            } else {
                self.search_within(section)
            });
        }
        let bytes = input.get(marker + MARKER_BYTES..end)?;
        let Some((length, packed)) = bytes.split_first_chunk::<4>() else {
            return Ok(Outcome::Again);
        };
        Ok(self.unpack_section(packed, u32::from_be_bytes(*length), section))
    }

    /// Looks for a marker before the end that the section's own says.
    fn search_within(&mut self, section: Section) -> Outcome {
        self.state = State::FindSectionEnd { at: section.marker + MARKER_BYTES, until: section.end, section };
        Outcome::Again
    }

    /// Unpacks a section whose bytes are there, and begins to read it.
    fn unpack_section(&mut self, packed: &[u8], declared: u32, section: Section) -> Outcome {
        let file = section.marker..section.end;
        let limit = self.options.limits.section_bytes;
        self.budget = SearchBudget::default();
        // Of one that is too large there is still what the packed data says of itself.
        let is_too_large = declared > limit;
        let mut length = if is_too_large { 0 } else { declared as usize };
        let mut doubt = None;
        let mut may_hide_more = false;
        let is_whole = section.end_source != EndSource::Search;
        if let Err(damage) = self.unpack(packed, length) {
            if !section.is_searched {
                return self.search_within(section);
            }
            doubt = Some(damage.kind);
            may_hide_more = !is_whole || damage.is_longer;
            // The packed data says its length as well. If that leads to whole data, the section's own word is wrong,
            // and positions behind it are right by the other.
            let other = damage.own_length.filter(|&other| is_whole && other <= limit as usize);
            if let Some(other) = other {
                if self.unpack(packed, other).is_ok() {
                    length = other;
                    may_hide_more = false;
                } else {
                    let _ = self.unpack(packed, length);
                }
            }
            if length == 0 {
                let both_too_large = is_too_large && other.is_none();
                let kind = if both_too_large { DamageKind::SectionTooLarge } else { damage.kind };
                return self.section_lost(kind, file, 0);
            }
            self.given.clear();
        }
        if length == 0 && !is_whole {
            // Damaged or cut at its very beginning; not the empty section of a segment's end, whose marker holds.
            return self.section_lost(DamageKind::MarkerEnd, file, 0);
        }
        let logical = self.logical + MARKER_BYTES;
        self.logical = logical + length as u64;
        self.state = State::Unpacked(Cursor {
            at: 0,
            logical,
            length,
            is_salvaged: doubt.is_some(),
            may_hide_more,
            file,
            doubt,
        });
        Outcome::Again
    }

    /// Returns true if a section ends where its marker says: another marker stands there, or the chain ends, or all that
    /// lies before it unpacks to entries whose CRCs hold.
    pub(super) fn is_confirmed(&mut self, input: &Input<'_>, section: &Section) -> Result<bool, Outcome> {
        let Section { marker, end, .. } = *section;
        // Zeros confirm nothing: they stand inside of sections as well.
        if end == input.file_length || self.is_marker(input, end)? {
            return Ok(true);
        }
        let limit = self.options.limits;
        if end < marker + HEAD_BYTES || end - marker > u64::from(limit.section_bytes) + SLACK_BYTES {
            return Ok(false);
        }
        let bytes = input.get(marker + MARKER_BYTES..end)?;
        let Some((length, packed)) = bytes.split_first_chunk::<4>() else {
            return Ok(false);
        };
        let length = u32::from_be_bytes(*length);
        if length == 0 || length > limit.section_bytes || self.unpack(packed, length as usize).is_err() {
            return Ok(false);
        }
        let mut rest = &self.buffer[..];
        while let Cut::Entry(mutation) = entry::cut(rest, limit.mutation_bytes) {
            rest = rest.get(mutation.len() + FRAME_BYTES as usize..).unwrap_or_default();
        }
        Ok(rest.is_empty())
    }

    /// Fills the buffer. After an error it holds what could be unpacked, and zeros between that: the CRCs of the
    /// entries tell what of it is good.
    fn unpack(&mut self, packed: &[u8], length: usize) -> Result<(), Unpacking> {
        if let Some(cipher) = &mut self.cipher {
            let bytes_max = self.options.limits.section_bytes as usize;
            let Err(error) = cipher.decrypt_section(packed, length, bytes_max, &mut self.buffer) else {
                return Ok(());
            };
            return Err(Unpacking {
                kind: DamageKind::Encryption,
                own_length: error.plain_length,
                is_longer: error.lost.iter().any(|block| block.kind == LostBlockKind::Excess),
            });
        }
        let Some(decompressor) = &mut self.decompressor else {
            self.buffer.clear();
            return Err(Unpacking { kind: DamageKind::Compression, own_length: None, is_longer: false });
        };
        decompressor.decompress(packed, length, &mut self.buffer).map_err(|error| Unpacking {
            kind: DamageKind::Compression,
            own_length: error.own_length,
            is_longer: error.kind == DecompressErrorKind::LengthMismatch,
        })
    }

    /// Gives a section up and goes on behind it. Positions behind it are too low if its unpacked length is
    /// not known.
    fn section_lost(&mut self, kind: DamageKind, file: Range<u64>, length: u64) -> Outcome {
        let logical = self.logical + MARKER_BYTES;
        let packed = file.end - file.start;
        self.logical = logical + length;
        self.state = State::Marker(file.end);
        Outcome::Damage(self.damage(kind, file.start, file, logical..logical + length.max(packed)))
    }

    /// Looks for the next marker that holds: there the section ends.
    pub(super) fn find_section_end(
        &mut self,
        input: &Input<'_>,
        section: Section,
        range: Range<u64>,
    ) -> Result<Outcome, Outcome> {
        let until = range.end;
        for at in range.start..until.min(input.file_length.saturating_sub(MARKER_BYTES - 1)) {
            let found = match self.begins_section(input, at) {
                Ok(found) => found,
                Err(outcome) => {
                    self.state = State::FindSectionEnd { section, at, until };
                    return Err(outcome);
                }
            };
            if found {
                return Ok(self.section_found(section, at));
            }
        }
        if until == section.end {
            self.state = State::Section(Section { is_searched: true, ..section });
            return Ok(Outcome::Again);
        }
        // No marker behind: the section goes to the file's end, as the last one does.
        Ok(self.section_found(section, until))
    }

    /// Goes on with a section whose end was searched for.
    fn section_found(&mut self, section: Section, end: u64) -> Outcome {
        self.distrusts_ends = true;
        let marker = section.marker;
        let is_news = section.end_source == EndSource::Marker;
        self.state =
            State::Section(Section { end, end_source: EndSource::Search, is_searched: true, ..section });
        if is_news {
            Outcome::Damage(self.damage(DamageKind::MarkerEnd, marker, marker..marker, 0..0))
        } else {
            Outcome::Again
        }
    }

    /// Returns true if an entry of a damaged section is one that it gave before, and remembers it otherwise.
    fn was_given(&mut self, mutation: &Range<usize>) -> bool {
        let bytes = |start: usize, length: usize| self.buffer.get(start..start.saturating_add(length));
        let crc = bytes(mutation.end, 4).and_then(<[u8]>::first_chunk::<4>);
        let key = (mutation.len(), crc.map_or(0, |crc| u32::from_be_bytes(*crc)));
        let before = self.given.get(&key);
        if before.is_some_and(|&start| bytes(start, mutation.len()) == self.buffer.get(mutation.clone())) {
            return true;
        }
        self.given.insert(key, mutation.start);
        false
    }

    #[inline]
    fn begins_section(&self, input: &Input<'_>, at: u64) -> Result<bool, Outcome> {
        let marker = self.read_marker(input, at)?;
        let end = u64::from(marker.end);
        Ok(end >= at + MARKER_BYTES && end <= input.file_length && marker.crc == self.marker_crc.at(at))
    }

    /// Gives the next entry of the buffer.
    pub(super) fn unpacked(&mut self, cursor: Cursor) -> Result<Outcome, Outcome> {
        let rest = self.buffer.get(cursor.at..).unwrap_or_default();
        let left = cursor.length.saturating_sub(cursor.at);
        if left == 0 {
            self.state = State::Marker(cursor.file.end);
            let start = cursor.file.start;
            if cursor.may_hide_more {
                // How long it is unpacked is not known.
                let logical = cursor.logical + cursor.length as u64;
                let lost = logical..logical + (cursor.file.end - start);
                let kind = cursor.doubt.unwrap_or(DamageKind::MarkerCrc);
                return Ok(Outcome::Damage(self.damage(kind, start, cursor.file, lost)));
            }
            return Ok(match cursor.doubt {
                Some(kind) => Outcome::Damage(self.damage(kind, start, start..start, 0..0)),
                None => Outcome::Again,
            });
        }
        let limit = self.options.limits.mutation_bytes;
        let (kind, length) = match entry::cut(rest, limit) {
            Cut::Entry(mutation) => {
                let start = cursor.at + FRAME_BYTES as usize - 4;
                let mutation = start..start + mutation.len();
                let at = mutation.end + 4;
                let end = cursor.logical + at as u64;
                if cursor.is_salvaged && self.was_given(&mutation) {
                    let lost = cursor.logical + cursor.at as u64..end;
                    let damage =
                        self.damage(DamageKind::EntryCopy, cursor.file.start, cursor.file.clone(), lost);
                    self.state = State::Unpacked(Cursor { at, ..cursor });
                    return Ok(Outcome::Damage(damage));
                }
                self.state = State::Unpacked(Cursor { at, ..cursor });
                return Ok(Outcome::EntryInBuffer { mutation, end });
            }
            Cut::BadCrc { length } if cursor.doubt.is_none() => (DamageKind::EntryCrc, length as usize),
            other => {
                let kind = match other {
                    Cut::NotAnEntry(why) => kind_of(why),
                    Cut::Short { .. } => DamageKind::EntryCut,
                    _ => DamageKind::EntryCrc,
                };
                let searched = self.buffer.len();
                let distance = self.budget.distance_to_entry(rest, limit, searched);
                // Behind what could be unpacked is nothing to find.
                (kind, if distance == rest.len() { left } else { distance })
            }
        };
        let lost = cursor.logical + cursor.at as u64..cursor.logical + (cursor.at + length) as u64;
        let damage = self.damage(cursor.doubt.unwrap_or(kind), cursor.file.start, cursor.file.clone(), lost);
        self.state = State::Unpacked(Cursor { at: cursor.at + length, doubt: None, ..cursor });
        Ok(Outcome::Damage(damage))
    }
}
