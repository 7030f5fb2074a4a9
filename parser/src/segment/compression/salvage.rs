//! Decompresses as much as damaged data gives, step by step. Slow and only for data that failed before: the fast
//! decoders do not tell how far they came.
//!
//! Each function appends to an empty `out`, never beyond `limit` bytes, and stops at the first thing that cannot be.

use flate2::{Decompress, FlushDecompress, Status};

/// How much the salvage of a stream asks for at once.
const STEP_BYTES: usize = 4096;

/// The most plain data of a Zstandard block (RFC 8878, 3.1.1.2.3).
#[cfg(feature = "zstd")]
const ZSTD_BLOCK_BYTES: usize = 128 * 1024;
/// The binary logarithm of the window that every decoder should support: 8 MiB (RFC 8878, 3.1.1.1.2).
#[cfg(feature = "zstd")]
const ZSTD_WINDOW_LOG_ALWAYS: u32 = 23;

/// Salvages an LZ4 block (without a length before it).
pub(in crate::segment) fn lz4_block(input: &[u8], limit: usize, out: &mut Vec<u8>) {
    let mut input = input.iter();
    // An LZ4 sequence: a token, literals, and a match with what came before; the last one has no match.
    while let Some(&token) = input.next() {
        let Some(literals) = lz4_length(usize::from(token >> 4), &mut input) else {
            return;
        };
        let taken = append(out, input.as_slice(), literals, limit);
        if taken < literals {
            return;
        }
        input = input.as_slice().get(literals..).unwrap_or_default().iter();
        let (Some(&low), Some(&high)) = (input.next(), input.next()) else {
            return;
        };
        let offset = usize::from(u16::from_le_bytes([low, high]));
        let Some(extra) = lz4_length(usize::from(token & 0x0F), &mut input) else {
            return;
        };
        // A match has at least four bytes.
        if !repeat(out, offset, extra.saturating_add(4), limit) {
            return;
        }
    }
}

/// Reads the rest of a length whose first four bits are given: bytes of 255 and one below.
fn lz4_length(nibble: usize, input: &mut std::slice::Iter<'_, u8>) -> Option<usize> {
    let mut length = nibble;
    if nibble == 15 {
        loop {
            let byte = *input.next()?;
            length = length.checked_add(usize::from(byte))?;
            if byte != 255 {
                break;
            }
        }
    }
    Some(length)
}

/// Salvages a raw Snappy block, whatever its own length field says.
pub(super) fn snappy(input: &[u8], limit: usize, out: &mut Vec<u8>) {
    // The length: a base-128 varint of at most five bytes.
    let length_bytes = 1 + input.iter().take(4).take_while(|byte| **byte >= 0x80).count();
    let mut rest = input.get(length_bytes..).unwrap_or_default();
    while let Some((&tag, after)) = rest.split_first() {
        let (mut length, wide) = (usize::from(tag >> 2) + 1, usize::from(tag & 3));
        if wide == 0 {
            // A literal: its length, or how many bytes the length has.
            let length_bytes = length.saturating_sub(60);
            let Some((field, literal)) = after.split_at_checked(length_bytes) else {
                return;
            };
            if length_bytes > 0 {
                length = little_endian(field).saturating_add(1);
            }
            let taken = append(out, literal, length, limit);
            if taken < length {
                return;
            }
            rest = literal.get(length..).unwrap_or_default();
            continue;
        }
        // A copy: one, two or four bytes of offset; the short one has three more bits of it in the tag.
        let Some((field, after)) = after.split_at_checked(if wide == 3 { 4 } else { wide }) else {
            return;
        };
        let mut offset = little_endian(field);
        if wide == 1 {
            offset |= usize::from(tag >> 5) << 8;
            length = usize::from(tag >> 2 & 7) + 4;
        }
        if !repeat(out, offset, length, limit) {
            return;
        }
        rest = after;
    }
}

fn little_endian(bytes: &[u8]) -> usize {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | usize::from(*byte))
}

/// Salvages a zlib stream. Returns true if it ends, and where the input does.
pub(super) fn deflate(input: &[u8], limit: usize, out: &mut Vec<u8>) -> bool {
    each_of_deflate(input, |piece| append(out, piece, piece.len(), limit) == piece.len())
}

/// Returns how many bytes a whole zlib stream gives, unless that are more than `limit`. It keeps none of them.
pub(super) fn deflate_length(input: &[u8], limit: usize) -> Option<usize> {
    let mut length = 0_usize;
    let is_whole = each_of_deflate(input, |piece| {
        length = length.saturating_add(piece.len());
        length <= limit
    });
    is_whole.then_some(length)
}

/// Gives what comes out of a zlib stream to `take`, until that returns false. Returns true if the stream ends, and where
/// the input does.
fn each_of_deflate(input: &[u8], mut take: impl FnMut(&[u8]) -> bool) -> bool {
    let mut state = Decompress::new(true);
    let mut step = [0; STEP_BYTES];
    let mut rest = input;
    loop {
        let (consumed, written) = (state.total_in(), state.total_out());
        let status = state.decompress(rest, &mut step, FlushDecompress::None);
        let produced = (state.total_out() - written) as usize;
        let progress = (state.total_in() - consumed) as usize;
        rest = rest.get(progress..).unwrap_or_default();
        if !take(step.get(..produced).unwrap_or_default()) {
            return false;
        }
        let goes_on = matches!(status, Ok(Status::Ok)) && (produced > 0 || progress > 0);
        if !goes_on {
            return matches!(status, Ok(Status::StreamEnd)) && rest.is_empty();
        }
    }
}

/// Salvages a Zstandard frame, block by block (they have up to 128 KiB of plain data each). Returns true if it ends,
/// and where the input does.
#[cfg(feature = "zstd")]
pub(super) fn zstd(input: &[u8], limit: usize, out: &mut Vec<u8>) -> bool {
    use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

    let Ok(mut state) = Decoder::new() else {
        return false;
    };
    // The window is memory that the frame asks for: no more than the output needs, or than every reader should allow.
    let window_log = usize::BITS - limit.saturating_sub(1).leading_zeros();
    if state.set_parameter(DParameter::WindowLogMax(window_log.clamp(ZSTD_WINDOW_LOG_ALWAYS, 31))).is_err() {
        return false;
    }
    let mut step = vec![0; ZSTD_BLOCK_BYTES];
    let mut rest = input;
    // Zstandard does not count what a failing call has written: give it no more input at once than its next step
    // (a block or a header) needs, which is what it returns, and room for all that a step gives.
    let mut wanted = 1;
    loop {
        let piece = rest.get(..wanted.min(rest.len())).unwrap_or_default();
        let mut source = InBuffer::around(piece);
        let mut target = OutBuffer::around(&mut step[..]);
        let result = state.run(&mut source, &mut target);
        let (consumed, produced) = (source.pos(), target.pos());
        let appended = append(out, &step, produced, limit);
        rest = rest.get(consumed..).unwrap_or_default();
        match result {
            _ if appended < produced => return false,
            Ok(0) => return rest.is_empty(),
            Ok(hint) if consumed > 0 || produced > 0 => wanted = hint,
            _ => return false,
        }
    }
}

/// Appends `length` bytes of `source` as far as there are so many and `limit` allows. Returns how many.
fn append(out: &mut Vec<u8>, source: &[u8], length: usize, limit: usize) -> usize {
    let room = limit.saturating_sub(out.len());
    let piece = source.get(..length.min(room).min(source.len())).unwrap_or_default();
    reserve(out, piece.len(), limit);
    out.extend_from_slice(piece);
    piece.len()
}

/// Makes room for `more` bytes, growing twofold but not beyond `limit`.
fn reserve(out: &mut Vec<u8>, more: usize, limit: usize) {
    let needed = out.len().saturating_add(more);
    if needed > out.capacity() {
        let capacity = out.capacity().saturating_mul(2).min(limit).max(needed);
        out.reserve_exact(capacity - out.len());
    }
}

/// Appends `length` bytes that begin `offset` before the end of `out`; they may overlap what they make. Returns
/// `false`, having appended what it could, where that cannot be.
fn repeat(out: &mut Vec<u8>, offset: usize, length: usize, limit: usize) -> bool {
    let Some(start) = out.len().checked_sub(offset).filter(|start| *start < out.len()) else {
        return false;
    };
    let copied = length.min(limit.saturating_sub(out.len()));
    let mut missing = copied;
    reserve(out, copied, limit);
    while missing > 0 {
        // All from `start` on repeats with the period `offset`, so each round may copy twice as much.
        let piece = missing.min(out.len() - start);
        out.extend_from_within(start..start + piece);
        missing -= piece;
    }
    copied == length
}
