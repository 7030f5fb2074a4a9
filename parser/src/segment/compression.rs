//! Decompression of a section's payload (format.md §4.2; Cassandra's `ICompressor`s).
//!
//! A section is one compressed block. Where it is damaged, what could be decompressed before the damage is kept: the
//! entries in it have CRCs of their own, so whole ones can still be found.

mod salvage;

use std::fmt;

use flate2::{Decompress, FlushDecompress, Status};

pub(super) use salvage::lz4_block as salvage_lz4_block;

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

/// A section that did not decompress, and how much of it may be used all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind:?} compressed data, {good_prefix:?} bytes before the damage")]
pub struct DecompressError {
    /// What is wrong.
    pub kind: DecompressErrorKind,
    /// How many bytes at the start of the output came out before the damage showed. Damage can show late: they are
    /// possibly good, and the CRCs of the entries decide. `None` where nothing was tried.
    pub good_prefix: Option<usize>,
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
    /// longer.
    ///
    /// On failure `out` has `uncompressed_length` bytes all the same (except for
    /// [`DecompressErrorKind::OutOfMemory`]): those of [`DecompressError::good_prefix`], then zeros.
    pub fn decompress(
        &mut self,
        input: &[u8],
        uncompressed_length: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), DecompressError> {
        // What a compressor makes of nothing differs, and some dislike it (format.md §2.5).
        if uncompressed_length == 0 {
            out.clear();
            return Ok(());
        }
        if out
            .try_reserve(uncompressed_length.saturating_sub(out.len()))
            .is_err()
        {
            out.clear();
            return Err(DecompressError {
                kind: DecompressErrorKind::OutOfMemory,
                good_prefix: None,
            });
        }
        // Old bytes may stay here: success means that all are written over, failure clears them.
        out.resize(uncompressed_length, 0);
        let Err(kind) = self.decompress_into(input, out) else {
            return Ok(());
        };

        out.clear();
        match self.compressor {
            Compressor::Lz4 => {
                salvage::lz4_block(input.get(4..).unwrap_or_default(), uncompressed_length, out);
            }
            Compressor::Snappy => salvage::snappy(input, uncompressed_length, out),
            Compressor::Deflate => salvage::deflate(input, uncompressed_length, out),
            Compressor::Noop => out.extend(input.iter().take(uncompressed_length)),
            #[cfg(feature = "zstd")]
            Compressor::Zstd => salvage::zstd(input, uncompressed_length, out),
            #[cfg(not(feature = "zstd"))]
            Compressor::Zstd => {}
        }
        let good_prefix = Some(out.len());
        out.resize(uncompressed_length, 0);
        Err(DecompressError { kind, good_prefix })
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
                Ok(Status::StreamEnd) if is_full => return Ok(()),
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
        formatter
            .debug_struct("Decompressor")
            .field("compressor", &self.compressor)
            .finish_non_exhaustive()
    }
}

/// Decompresses what `LZ4Compressor` wrote: the length, then a block that must fill `out`.
pub(super) fn lz4(input: &[u8], out: &mut [u8]) -> Result<(), DecompressErrorKind> {
    let (length, block) = input
        .split_first_chunk::<4>()
        .ok_or(DecompressErrorKind::Corrupt)?;
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
