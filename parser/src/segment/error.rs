//! What can be wrong with a segment.

use std::{fmt, ops::Range};

/// Why a whole segment can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentError(Box<Inner>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Inner {
    kind: SegmentErrorKind,
    segment: i64,
    offset: u64,
}

/// Kinds of [`SegmentError`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SegmentErrorKind {
    /// The header is damaged beyond mending.
    CorruptHeader,
    /// The file ends inside its header and nobody writes it any more.
    TruncatedHeader,
    /// A commit log version that this crate does not read.
    UnsupportedVersion(i32),
    /// A compressor that is not Cassandra's own.
    UnsupportedCompressor(Box<str>),
    /// A cipher that this crate does not know.
    UnsupportedCipher(Box<str>),
    /// The key of this alias is needed and was not given.
    KeyMissing(Box<str>),
    /// The key of this alias does not fit the cipher.
    KeyUnfit(Box<str>),
}

impl SegmentError {
    pub(crate) fn new(kind: SegmentErrorKind, segment: i64, offset: u64) -> Self {
        Self(Box::new(Inner { kind, segment, offset }))
    }

    /// Returns what is wrong.
    pub fn kind(&self) -> &SegmentErrorKind {
        &self.0.kind
    }

    /// Returns the segment's id as far as it is known.
    pub fn segment(&self) -> i64 {
        self.0.segment
    }

    /// Returns the file offset at which it was found.
    pub fn offset(&self) -> u64 {
        self.0.offset
    }

    /// Returns true if the file is good, but this crate (as configured) can't read it.
    pub fn is_unsupported(&self) -> bool {
        !matches!(self.kind(), SegmentErrorKind::CorruptHeader | SegmentErrorKind::TruncatedHeader)
    }
}

impl fmt::Display for SegmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "segment {} at offset {}: ", self.segment(), self.offset())?;
        match self.kind() {
            SegmentErrorKind::CorruptHeader => write!(
                f,
                "the header is damaged (its CRC does not hold, and no single wrong byte explains it)"
            ),
            SegmentErrorKind::TruncatedHeader => write!(f, "the file ends inside its header"),
            SegmentErrorKind::UnsupportedVersion(number) => write!(
                f,
                "commit log version {number} is not supported (6 to 9 are, Cassandra 3.0 to 6.0); \
                 newer ones need a newer ringtap"
            ),
            SegmentErrorKind::UnsupportedCompressor(class) => {
                write!(
                    f,
                    "compressor {class} is not one of Cassandra's own: LZ4, Snappy, Deflate, Zstd, Noop"
                )
            }
            SegmentErrorKind::UnsupportedCipher(cipher) => {
                write!(f, "cipher {cipher} is not supported, AES/CBC/PKCS5Padding is")
            }
            SegmentErrorKind::KeyMissing(alias) => {
                write!(f, "the segment is encrypted with key '{alias}', give the key store that has it")
            }
            SegmentErrorKind::KeyUnfit(alias) => {
                write!(f, "key '{alias}' has a length that the cipher does not take: is it the right one?")
            }
        }
    }
}

impl std::error::Error for SegmentError {}

/// Something that had to be passed over. Reading went on behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Segment id.
    pub segment: i64,
    /// What is wrong.
    pub kind: DamageKind,
    /// Where it was noticed, as a file offset.
    pub noticed_at: u64,
    /// Bytes of the file that were passed over; empty if nothing is lost. What is lost inside a compressed
    /// or encrypted section is given as the whole section here, and exactly in `lost_logical`.
    pub passed_over: Range<u64>,
    /// The same as logical offsets.
    pub lost_logical: Range<u64>,
}

impl Damage {
    /// Returns true if entries may have been lost.
    pub fn is_loss(&self) -> bool {
        !self.lost_logical.is_empty()
    }
}

/// Kinds of [`Damage`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DamageKind {
    /// The header's CRC does not hold; one wrong byte explained it, or the file's name did.
    Header,
    /// A marker's CRC does not hold.
    MarkerCrc,
    /// A marker whose CRC does hold points to where no marker stands.
    MarkerEnd,
    /// An entry's size is one that no mutation has.
    EntrySize,
    /// The CRC of an entry's size does not hold.
    EntrySizeCrc,
    /// The CRC of an entry does not hold.
    EntryCrc,
    /// In a section that could not be unpacked whole, an entry has the same bytes as one before it: a copy that a damaged
    /// back reference made where another entry was, or written twice. It does not come again.
    EntryCopy,
    /// A section ends inside an entry.
    EntryCut,
    /// Zeros where an entry should be: an append that failed half-way.
    ZeroSize,
    /// A section could not be decompressed.
    Compression,
    /// A section could not be decrypted.
    Encryption,
    /// The file ends inside a section: a crash or a copy of a file that was being written.
    TruncatedSection,
    /// A section that is larger than the limit.
    SectionTooLarge,
}

impl fmt::Display for DamageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "the header is damaged and was mended",
            Self::MarkerCrc => "the CRC of a sync marker does not hold",
            Self::MarkerEnd => "a sync marker points to a wrong place",
            Self::EntrySize => "an entry has an impossible size",
            Self::EntrySizeCrc => "the CRC of an entry's size does not hold",
            Self::EntryCrc => "the CRC of an entry does not hold",
            Self::EntryCopy => "an entry of a damaged section repeats one before it",
            Self::EntryCut => "a section ends inside an entry",
            Self::ZeroSize => "zeros stand where an entry should be",
            Self::Compression => "a section could not be decompressed whole",
            Self::Encryption => "a section could not be decrypted whole",
            Self::TruncatedSection => "the file ends inside a section",
            Self::SectionTooLarge => "a section is larger than the limit",
        })
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "segment {} at offset {}: {}", self.segment, self.noticed_at, self.kind)?;
        if self.is_loss() {
            let Range { start, end } = self.passed_over;
            write!(
                f,
                "; passed over bytes {start} to {end}, logical {} to {}",
                self.lost_logical.start, self.lost_logical.end
            )
        } else {
            write!(f, "; nothing is lost")
        }
    }
}
