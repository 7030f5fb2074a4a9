//! The decoder of one segment: windows of the file in, entries out.

#![expect(
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    clippy::unused_self,
    reason = "all steps have one shape: they take their state by value, as they replace it, and may ask for more"
)]

mod marker;
mod packed;
mod plain;
mod search;

use std::{ops::Range, sync::Arc};

use super::{
    Damage, DamageKind, Descriptor, Entry, SectionEncoding, SegmentError, SegmentErrorKind, SegmentFileName,
    compression::Decompressor, descriptor::LONGEST_HEADER, encryption::SectionCipher, sync_marker::MarkerCrc,
};
use crate::{keystore::SecretKey, limits::Limits, position::Position};
use packed::Section;
use search::SearchBudget;

/// Where a decoder asks for the key of an encrypted segment.
pub trait KeyProvider: Send + Sync {
    /// Returns the key of this alias, as the segment's header names it.
    fn key(&self, alias: &str) -> Option<SecretKey>;
}

/// How a segment is to be read.
#[derive(Clone, Default)]
pub struct DecoderOptions {
    /// The file's name, if known: with it a damaged header can be mended.
    pub file_name: Option<SegmentFileName>,
    /// Bounds on what the input may declare.
    pub limits: Limits,
    /// Keys for encrypted segments.
    pub keys: Option<Arc<dyn KeyProvider>>,
}

/// Whether somebody still writes the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileState {
    /// The node writes it: what is not there yet may come ([`Poll::Wait`]).
    Growing,
    /// Nobody writes it any more: what is not there, or is odd, is damage.
    Final,
}

/// A part of the file, and how long the file is.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// Length of the whole file now.
    pub file_length: u64,
    /// Whether it still grows.
    pub file_state: FileState,
    /// Where `window` begins in the file.
    pub window_offset: u64,
    /// Bytes of the file. Bytes behind the last sync marker of a growing file may change; they must be read
    /// again after [`Poll::Wait`].
    pub window: &'a [u8],
}

/// What a decoder has to say.
#[derive(Debug)]
pub enum Poll<'a> {
    /// Poll again with a window that covers these bytes of the file (more is welcome). They are within
    /// `file_length`.
    Need(Range<u64>),
    /// The header was read; once for each segment, before anything else but damage to the header itself.
    Header(&'a Descriptor),
    /// An entry.
    Entry(Entry<'a>),
    /// Something was passed over, or would have been by a less careful reader.
    Damage(Damage),
    /// A growing file has nothing more now.
    Wait,
    /// There is nothing more.
    End(SegmentEnd),
}

/// How far a segment could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentEnd {
    /// File offset at which the chain of sync markers ends.
    pub file_offset: u64,
    /// The same logically (format.md §4.1).
    pub logical_offset: u64,
}

/// Decodes one segment. It does no I/O: it says which bytes of the file it needs, and gives entries that
/// borrow from them or from its own buffer of the section's uncompressed bytes.
///
/// Incomplete, corrupt and unsupported are three answers: [`Poll::Need`] and [`Poll::Wait`],
/// [`Poll::Damage`], and [`SegmentError`]. After damage it goes on at the next entry or marker whose CRCs
/// hold.
///
/// Within a section that can't be unpacked as it was packed, an entry comes once: damaged back references copy entries
/// to where others were, CRCs and all, and such a copy would set back what was written in between. It is told as
/// [`DamageKind::EntryCopy`] instead. If the node did write the same bytes twice within the section, nothing is lost by
/// that: both have the same write times. In undamaged sections, and in plain segments, all that was written comes.
///
/// ```
/// use cassandra_commitlog::segment::{DecoderOptions, FileState, Input, Poll, SegmentDecoder};
///
/// fn count_entries(file: &[u8]) -> Result<usize, cassandra_commitlog::segment::SegmentError> {
///     let mut decoder = SegmentDecoder::new(DecoderOptions::default());
///     let input = Input {
///         file_length: file.len() as u64,
///         file_state: FileState::Final,
///         window_offset: 0,
///         window: file,
///     };
///     let mut entries = 0;
///     loop {
///         match decoder.poll(input)? {
///             Poll::Entry(_) => entries += 1,
///             Poll::Damage(damage) => eprintln!("{damage}"),
///             Poll::End(_) => return Ok(entries),
///             Poll::Header(header) => println!("commit log version {}", header.version),
///             Poll::Need(_) | Poll::Wait => unreachable!("the window is the whole, final file"),
///         }
///     }
/// }
/// assert!(count_entries(b"not a segment").is_err());
/// ```
pub struct SegmentDecoder {
    options: DecoderOptions,
    state: State,
    descriptor: Option<Descriptor>,
    marker_crc: MarkerCrc,
    cipher: Option<SectionCipher>,
    /// Logical offset of the marker that is looked at next, for packed segments.
    logical: u64,
    /// Uncompressed bytes of the section in hand, for packed segments.
    buffer: Vec<u8>,
    decompressor: Option<Decompressor>,
    /// What the search for entries behind damage may still spend.
    budget: SearchBudget,
    /// True once a marker of a packed segment, its CRC right, pointed beyond the next one, or to none: from then on a
    /// search for markers goes before each section. Without that, markers that all point to the file's end would have
    /// the rest of it unpacked for each of them.
    distrusts_ends: bool,
    /// Entries given of a damaged packed section.
    given: packed::Given,
}

#[derive(Debug, Clone)]
enum State {
    Header,
    /// The header was read, and the first marker is at this file offset.
    HeaderRead(u64),
    /// A marker is expected at this file offset.
    Marker(u64),
    /// In a plain section.
    Plain(plain::Cursor),
    /// Looking for the next entry or marker of a plain segment.
    Scan(plain::Scan),
    /// A packed section, known from marker to marker.
    Section(Section),
    /// Looking for where a packed section ends.
    FindSectionEnd {
        section: Section,
        /// File offset to look at next.
        at: u64,
        /// Where to stop: the end that the section's marker says, or the file's.
        until: u64,
    },
    /// In the buffer of a packed section.
    Unpacked(packed::Cursor),
    Ended(SegmentEnd),
}

/// What a step of the decoder led to; like [`Poll`] without borrowing.
enum Outcome {
    Again,
    Need(Range<u64>),
    Header,
    EntryInWindow { mutation: Range<u64>, end: u64 },
    EntryInBuffer { mutation: Range<usize>, end: u64 },
    Damage(Damage),
    Wait,
}

impl<'a> Input<'a> {
    /// Returns the bytes of a range of the file, or which ones are missing from the window.
    fn get(&self, range: Range<u64>) -> Result<&'a [u8], Outcome> {
        self.tail(range.start)
            .get(..(range.end.saturating_sub(range.start)) as usize)
            .ok_or(Outcome::Need(range))
    }

    /// Returns what the window has from a file offset on.
    fn tail(&self, offset: u64) -> &'a [u8] {
        let skipped =
            offset.checked_sub(self.window_offset).and_then(|skipped| usize::try_from(skipped).ok());
        skipped.and_then(|skipped| self.window.get(skipped..)).unwrap_or_default()
    }

    fn is_growing(&self) -> bool {
        self.file_state == FileState::Growing
    }
}

impl SegmentDecoder {
    /// Starts at the beginning of a segment.
    pub fn new(options: DecoderOptions) -> Self {
        Self {
            options,
            state: State::Header,
            descriptor: None,
            marker_crc: MarkerCrc::new(0),
            cipher: None,
            logical: 0,
            buffer: Vec::new(),
            decompressor: None,
            budget: SearchBudget::default(),
            distrusts_ends: false,
            given: packed::Given::default(),
        }
    }

    /// Starts over with another segment, keeping the buffer.
    pub fn reset(&mut self, file_name: Option<SegmentFileName>) {
        self.options.file_name = file_name;
        self.state = State::Header;
        self.descriptor = None;
        self.cipher = None;
        self.decompressor = None;
        self.logical = 0;
        self.budget = SearchBudget::default();
        self.distrusts_ends = false;
        self.given = packed::Given::default();
    }

    /// Returns the segment's header, once it was read.
    pub fn descriptor(&self) -> Option<&Descriptor> {
        self.descriptor.as_ref()
    }

    /// Goes on until there is something to say.
    ///
    /// After an error the segment can't be read further; polling again gives the error again.
    pub fn poll<'s>(&'s mut self, input: Input<'s>) -> Result<Poll<'s>, SegmentError> {
        let outcome = loop {
            let step = match &self.state {
                State::Header => self.header(&input)?,
                State::HeaderRead(at) => {
                    self.state = State::Marker(*at);
                    break Outcome::Header;
                }
                State::Plain(cursor) => self.plain(&input, cursor.clone()),
                State::Unpacked(cursor) => self.unpacked(cursor.clone()),
                State::Marker(at) => self.marker(&input, *at),
                State::Section(section) => self.section(&input, section.clone()),
                State::Scan(scan) => self.scan(&input, scan.clone()),
                State::FindSectionEnd { section, at, until } => {
                    self.find_section_end(&input, section.clone(), *at..*until)
                }
                State::Ended(end) => return Ok(Poll::End(*end)),
            };
            match step {
                Ok(Outcome::Again) => {}
                Ok(outcome) | Err(outcome) => break outcome,
            }
        };
        let segment = self.segment();
        Ok(match outcome {
            Outcome::Again | Outcome::Wait => Poll::Wait,
            // A step starts over with the new window: it must hold all that the step looks at, else the
            // caller would be sent to and fro between two places for ever.
            Outcome::Need(range) => {
                Poll::Need(self.anchor().unwrap_or(range.start).min(range.start)..range.end)
            }
            Outcome::Header => match &self.descriptor {
                Some(descriptor) => Poll::Header(descriptor),
                None => Poll::Wait,
            },
            Outcome::Damage(damage) => Poll::Damage(damage),
            Outcome::EntryInWindow { mutation, end } => Poll::Entry(Entry {
                position: Position { segment, offset: end },
                mutation: input.get(mutation).unwrap_or_default(),
            }),
            Outcome::EntryInBuffer { mutation, end } => Poll::Entry(Entry {
                position: Position { segment, offset: end },
                mutation: self.buffer.get(mutation).unwrap_or_default(),
            }),
        })
    }

    /// Returns the first file offset that the step in hand looks at.
    fn anchor(&self) -> Option<u64> {
        match &self.state {
            State::Header | State::HeaderRead(_) => Some(0),
            State::Marker(at) | State::FindSectionEnd { at, .. } => Some(*at),
            State::Plain(cursor) => Some(cursor.at),
            State::Scan(scan) => Some(scan.at),
            State::Section(section) => Some(section.marker),
            State::Unpacked(_) | State::Ended(_) => None,
        }
    }

    fn segment(&self) -> i64 {
        self.descriptor.as_ref().map(|descriptor| descriptor.id).or(self.named_id()).unwrap_or_default()
    }

    fn named_id(&self) -> Option<i64> {
        self.options.file_name.map(|name| name.id)
    }

    /// Returns true if sections hold their entries as they are.
    fn is_plain(&self) -> bool {
        self.descriptor.as_ref().is_none_or(|descriptor| descriptor.encoding == SectionEncoding::Plain)
    }

    /// Reads the header; the outer error ends the segment.
    fn header(&mut self, input: &Input<'_>) -> Result<Result<Outcome, Outcome>, SegmentError> {
        let wanted = 0..LONGEST_HEADER.min(input.file_length);
        let bytes = match input.get(wanted) {
            Ok(bytes) => bytes,
            Err(need) => return Ok(Err(need)),
        };
        let damaged = match Descriptor::parse(bytes) {
            Ok(Some(descriptor)) => {
                self.accept(descriptor)?;
                return Ok(Ok(Outcome::Again));
            }
            // A header is written at once, but a reader can be faster; an unsupported one stays so.
            Ok(None) if input.is_growing() => return Ok(Err(Outcome::Wait)),
            Err(error) if input.is_growing() && *error.kind() == SegmentErrorKind::CorruptHeader => {
                return Ok(Err(Outcome::Wait));
            }
            Err(error) if error.is_unsupported() => return Err(error),
            Ok(None) => SegmentError::new(SegmentErrorKind::TruncatedHeader, self.segment(), 0),
            Err(error) => error,
        };
        let descriptor = Descriptor::parse_mended(bytes, self.named_id()).ok_or(damaged)?;
        let damage = self.damage(DamageKind::Header, 0, 0..0, 0..0);
        self.accept(descriptor)?;
        Ok(Ok(Outcome::Damage(damage)))
    }

    fn accept(&mut self, descriptor: Descriptor) -> Result<(), SegmentError> {
        self.marker_crc = MarkerCrc::new(descriptor.id);
        self.logical = descriptor.header_bytes;
        if let SectionEncoding::Encrypted(parameters) = &descriptor.encoding {
            let error = |kind: fn(Box<str>) -> SegmentErrorKind, name: &str| {
                SegmentError::new(kind(name.into()), descriptor.id, 0)
            };
            let alias = &parameters.key_alias;
            let key = self.options.keys.as_ref().and_then(|keys| keys.key(alias));
            let key = key.ok_or_else(|| error(SegmentErrorKind::KeyMissing, alias))?;
            self.cipher = Some(packed::cipher(parameters, &key, descriptor.id)?);
        }
        if let SectionEncoding::Compressed(compressor) = descriptor.encoding {
            self.decompressor = Some(Decompressor::new(compressor));
        }
        self.state = State::HeaderRead(descriptor.header_bytes);
        self.descriptor = Some(descriptor);
        Ok(())
    }

    fn damage(
        &self,
        kind: DamageKind,
        noticed_at: u64,
        passed_over: Range<u64>,
        lost_logical: Range<u64>,
    ) -> Damage {
        Damage { segment: self.segment(), kind, noticed_at, passed_over, lost_logical }
    }

    /// Ends at a file offset; the next poll says so.
    fn end(&mut self, file_offset: u64) -> Outcome {
        let logical_offset = if self.is_plain() { file_offset } else { self.logical };
        self.state = State::Ended(SegmentEnd { file_offset, logical_offset });
        Outcome::Again
    }
}
