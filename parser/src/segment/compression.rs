//! Decompression of a section's payload (Cassandra's `ICompressor`s).
//!
//! A section is one compressed block. Where it is damaged, what could be decompressed before the damage is kept: the
//! entries in it have CRCs of their own, so whole ones can still be found.

mod salvage;

use std::fmt;

use flate2::{Decompress, FlushDecompress, Status};

pub(super) use salvage::lz4_block as salvage_lz4_block;

/// The most plain bytes for a byte of an LZ4 block: each byte of a long length stands for 255.
pub(super) const LZ4_RATIO_MAX: usize = 255;

/// How many times longer than its input the output may be for being allocated at once. What real logs have is below;
/// beyond it the output grows as it comes.
const USUAL_RATIO: usize = 64;

/// The most bytes that a compressor makes of nothing.
const EMPTY_BYTES_MAX: usize = 32;

/// The compressor of a segment, named by `compressionClass` in its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compressor {
    /// `LZ4Compressor`: a little-endian `i32` of the plain length, then one LZ4 block.
    Lz4,
    /// `SnappyCompressor`: one raw Snappy block.
    Snappy,
    /// `DeflateCompressor`: one zlib stream.
    Deflate,
    /// `ZstdCompressor` (4.0+), and `ZstdDictionaryCompressor` (6.0) without a dictionary: one Zstandard frame.
    Zstd,
    /// `NoopCompressor` (4.0+): the bytes as they are.
    Noop,
}

impl Compressor {
    /// Returns the compressor of that class name, bare or with its package, or `None` for a class that is not
    /// Cassandra's own.
    pub fn from_class(name: &str) -> Option<Self> {
        let bare = name.rsplit('.').next().unwrap_or(name);
        Some(match bare {
            "LZ4Compressor" => Self::Lz4,
            "SnappyCompressor" => Self::Snappy,
            "DeflateCompressor" => Self::Deflate,
            "ZstdCompressor" | "ZstdDictionaryCompressor" => Self::Zstd,
            "NoopCompressor" => Self::Noop,
            _ => return None,
        })
    }

    /// Returns the most bytes that so many compressed ones can stand for.
    fn output_bytes_max(self, input_bytes: usize) -> usize {
        /// Both for elements without a whole input byte of their own and for constant parts.
        const SLACK_BYTES: usize = 64;
        // What the longest copies give for each byte of input; Zstandard's have no such bound.
        let ratio = match self {
            Self::Lz4 => LZ4_RATIO_MAX,
            Self::Snappy => 22,
            Self::Deflate => 1032,
            Self::Zstd => usize::MAX,
            Self::Noop => 1,
        };
        input_bytes.saturating_mul(ratio).saturating_add(SLACK_BYTES)
    }

    /// Fills `out` with the `uncompressed_length` bytes that `input` decompresses to: [`Decompressor::decompress`]
    /// with a state made for this one call.
    pub fn decompress(
        self,
        input: &[u8],
        uncompressed_length: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), DecompressError> {
        Decompressor::new(self).decompress(input, uncompressed_length, out)
    }
}

/// Why a section did not decompress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DecompressErrorKind {
    /// The compressed data is broken or cut off.
    Corrupt,
    /// The data is whole, but has another length than the section declares, or says so of itself.
    LengthMismatch,
    /// The crate was built without this compressor (feature `zstd`).
    Unsupported,
    /// There is no memory for the declared length.
    OutOfMemory,
}

/// A section that did not decompress. What came out before the damage showed may be used all the same: damage can show
/// late, and the CRCs of the entries decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind:?} compressed data")]
pub struct DecompressError {
    /// What is wrong.
    pub kind: DecompressErrorKind,
    /// The length that the compressed data says of itself, if it does and can be that long. Where it differs from the
    /// section's, one of them is damaged.
    pub own_length: Option<usize>,
}

/// A compressor's state, kept from section to section.
pub struct Decompressor {
    compressor: Compressor,
    deflate: Option<Decompress>,
    #[cfg(feature = "zstd")]
    zstd: Option<zstd::bulk::Decompressor<'static>>,
}

impl Decompressor {
    /// Returns the state for sections of this compressor. It allocates nothing before it is needed.
    pub fn new(compressor: Compressor) -> Self {
        Self {
            compressor,
            deflate: None,
            #[cfg(feature = "zstd")]
            zstd: None,
        }
    }

    /// Fills `out` with the `uncompressed_length` bytes that `input` decompresses to. Its old content is dropped, its
    /// memory is used again. The caller has checked the length against its limit; nothing in `input` makes `out` any
    /// longer. Memory is taken in proportion to `input` or to what really comes out of it, never for a declared length.
    ///
    /// On failure `out` has what came out before the damage showed.
    pub fn decompress(
        &mut self,
        input: &[u8],
        uncompressed_length: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), DecompressError> {
        // What a compressor makes of nothing differs, and some dislike it.
        let own_length = self.own_length(input);
        if uncompressed_length == 0 && input.len() <= EMPTY_BYTES_MAX {
            out.clear();
            return Ok(());
        }
        let result = if own_length.is_some_and(|own| own != uncompressed_length) {
            Err(DecompressErrorKind::LengthMismatch)
        } else if uncompressed_length > self.compressor.output_bytes_max(input.len()) {
            Err(DecompressErrorKind::Corrupt)
        } else {
            self.decompress_plausible(input, uncompressed_length, out)
        };
        let Err(kind) = result else {
            return Ok(());
        };

        out.clear();
        if kind == DecompressErrorKind::LengthMismatch && self.compressor == Compressor::Deflate {
            return Err(self.deflate_of_other_length(input, uncompressed_length, out));
        }
        let own_length = own_length.filter(|own| *own <= self.compressor.output_bytes_max(input.len()));
        if kind != DecompressErrorKind::OutOfMemory {
            self.salvage(input, uncompressed_length, out);
        }
        Err(DecompressError { kind, own_length })
    }

    /// Fills `out` as far as declared, and counts how long a stream of another length is.
    fn deflate_of_other_length(&self, input: &[u8], declared: usize, out: &mut Vec<u8>) -> DecompressError {
        self.salvage(input, declared, out);
        let limit = input.len().saturating_mul(USUAL_RATIO).max(declared);
        DecompressError {
            kind: DecompressErrorKind::LengthMismatch,
            own_length: salvage::deflate_length(input, limit),
        }
    }

    fn decompress_plausible(
        &mut self,
        input: &[u8],
        length: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), DecompressErrorKind> {
        if length > input.len().saturating_mul(USUAL_RATIO)
            && matches!(self.compressor, Compressor::Deflate | Compressor::Zstd)
        {
            out.clear();
            let is_whole = self.salvage(input, length, out);
            return if is_whole && out.len() == length { Ok(()) } else { Err(DecompressErrorKind::Corrupt) };
        }
        if out.try_reserve(length.saturating_sub(out.len())).is_err() {
            return Err(DecompressErrorKind::OutOfMemory);
        }
        // Old bytes may stay here: success means that all are written over, failure clears them.
        out.resize(length, 0);
        self.decompress_into(input, out)
    }

    /// Appends what comes out of `input` before the damage shows, up to `limit` bytes. Returns true if it is a
    /// stream that ends where the input does; false for compressors without an end.
    fn salvage(&self, input: &[u8], limit: usize, out: &mut Vec<u8>) -> bool {
        match self.compressor {
            Compressor::Lz4 => salvage::lz4_block(input.get(4..).unwrap_or_default(), limit, out),
            Compressor::Snappy => salvage::snappy(input, limit, out),
            Compressor::Noop => out.extend(input.iter().take(limit)),
            Compressor::Deflate => return salvage::deflate(input, limit, out),
            #[cfg(feature = "zstd")]
            Compressor::Zstd => return salvage::zstd(input, limit, out),
            #[cfg(not(feature = "zstd"))]
            Compressor::Zstd => {}
        }
        false
    }

    /// Returns the length that the compressed data says of itself, if it does.
    fn own_length(&self, input: &[u8]) -> Option<usize> {
        match self.compressor {
            Compressor::Lz4 => {
                let length = input.first_chunk::<4>()?;
                usize::try_from(i32::from_le_bytes(*length)).ok()
            }
            Compressor::Snappy => snap::raw::decompress_len(input).ok(),
            Compressor::Deflate => None,
            #[cfg(feature = "zstd")]
            Compressor::Zstd => {
                let length = zstd::zstd_safe::get_frame_content_size(input).ok()??;
                usize::try_from(length).ok()
            }
            #[cfg(not(feature = "zstd"))]
            Compressor::Zstd => None,
            Compressor::Noop => Some(input.len()),
        }
    }

    /// Writes over all of `out`, or fails.
    fn decompress_into(&mut self, input: &[u8], out: &mut [u8]) -> Result<(), DecompressErrorKind> {
        match self.compressor {
            Compressor::Lz4 => lz4(input, out),
            Compressor::Snappy => snappy(input, out),
            Compressor::Deflate => self.deflate(input, out),
            Compressor::Zstd => self.zstd(input, out),
            Compressor::Noop if input.len() == out.len() => {
                out.copy_from_slice(input);
                Ok(())
            }
            Compressor::Noop => Err(DecompressErrorKind::LengthMismatch),
        }
    }

    fn deflate(&mut self, input: &[u8], out: &mut [u8]) -> Result<(), DecompressErrorKind> {
        let state = self.deflate.get_or_insert_with(|| Decompress::new(true));
        state.reset(true);
        let mut rest = input;
        loop {
            let written = state.total_out() as usize;
            let room = out.get_mut(written..).unwrap_or_default();
            let consumed = state.total_in();
            let status = state.decompress(rest, room, FlushDecompress::Finish);
            let progress = state.total_in() - consumed;
            rest = rest.get(progress as usize..).unwrap_or_default();
            let is_full = state.total_out() as usize == out.len();
            match status {
                Ok(Status::StreamEnd) if is_full && rest.is_empty() => return Ok(()),
                Ok(Status::StreamEnd) => return Err(DecompressErrorKind::LengthMismatch),
                Ok(_) if progress > 0 || state.total_out() as usize > written => {}
                // There is more input, but no more room.
                Ok(_) if is_full && !rest.is_empty() => return Err(DecompressErrorKind::LengthMismatch),
                Ok(_) | Err(_) => return Err(DecompressErrorKind::Corrupt),
            }
        }
    }

    #[cfg(feature = "zstd")]
    fn zstd(&mut self, input: &[u8], out: &mut [u8]) -> Result<(), DecompressErrorKind> {
        if self.zstd.is_none() {
            self.zstd = Some(zstd::bulk::Decompressor::new().map_err(|_| DecompressErrorKind::OutOfMemory)?);
        }
        let state = self.zstd.as_mut().ok_or(DecompressErrorKind::Unsupported)?;
        // The library reads frames one after the other; a section has one.
        if !zstd::zstd_safe::find_frame_compressed_size(input).is_ok_and(|length| length == input.len()) {
            return Err(DecompressErrorKind::Corrupt);
        }
        match state.decompress_to_buffer(input, out) {
            Ok(written) if written == out.len() => Ok(()),
            Ok(_) => Err(DecompressErrorKind::LengthMismatch),
            Err(_) => Err(DecompressErrorKind::Corrupt),
        }
    }

    #[cfg(not(feature = "zstd"))]
    #[expect(clippy::unused_self, reason = "the same signature as with the feature")]
    fn zstd(&mut self, _input: &[u8], _out: &mut [u8]) -> Result<(), DecompressErrorKind> {
        Err(DecompressErrorKind::Unsupported)
    }
}

impl fmt::Debug for Decompressor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Decompressor").field("compressor", &self.compressor).finish_non_exhaustive()
    }
}

/// Decompresses what `LZ4Compressor` wrote: the length, then a block that must fill `out`.
pub(super) fn lz4(input: &[u8], out: &mut [u8]) -> Result<(), DecompressErrorKind> {
    let (length, block) = input.split_first_chunk::<4>().ok_or(DecompressErrorKind::Corrupt)?;
    if usize::try_from(i32::from_le_bytes(*length)) != Ok(out.len()) {
        return Err(DecompressErrorKind::LengthMismatch);
    }
    match lz4_flex::block::decompress_into(block, out) {
        Ok(written) if written == out.len() => Ok(()),
        Ok(_) => Err(DecompressErrorKind::LengthMismatch),
        Err(_) => Err(DecompressErrorKind::Corrupt),
    }
}

fn snappy(input: &[u8], out: &mut [u8]) -> Result<(), DecompressErrorKind> {
    match snap::raw::decompress_len(input) {
        Ok(length) if length == out.len() => {}
        Ok(_) => return Err(DecompressErrorKind::LengthMismatch),
        Err(_) => return Err(DecompressErrorKind::Corrupt),
    }
    match snap::raw::Decoder::new().decompress(input, out) {
        Ok(written) if written == out.len() => Ok(()),
        Ok(_) => Err(DecompressErrorKind::LengthMismatch),
        Err(_) => Err(DecompressErrorKind::Corrupt),
    }
}
