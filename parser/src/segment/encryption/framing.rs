//! The chain of encrypted blocks, and the way to the next one where a length is damaged.

use nom::{IResult, Parser, number::complete::be_i32};

use super::CIPHER_BLOCK_BYTES;

/// Both lengths of a block.
const HEADER_BYTES: usize = 8;
/// What a block has at least: its plain length twice and one byte of LZ4.
const COMPRESSED_BYTES_MIN: usize = 9;

/// One block, cut out.
pub(super) struct Frame<'a> {
    pub(super) cipher_text: &'a [u8],
    /// How much of the decrypted data is no padding. `None` where this length is damaged: the padding itself tells.
    pub(super) compressed_length: Option<usize>,
    /// Where the next block begins.
    pub(super) end: usize,
}

/// The lengths that a header has, each if it can be at all.
struct Header {
    cipher_length: Option<usize>,
    compressed_length: Option<usize>,
}

impl Header {
    /// PKCS#5 padding fills up the last cipher block, or adds a whole one: one length follows from the other.
    fn is_consistent(&self) -> bool {
        self.cipher_length.is_some() && self.cipher_length == self.padded_length()
    }

    fn padded_length(&self) -> Option<usize> {
        Some((self.compressed_length? / CIPHER_BLOCK_BYTES + 1) * CIPHER_BLOCK_BYTES)
    }
}

/// Returns the block at `at`, or `None` where its lengths do not lead to another block or to the end.
pub(super) fn next_frame(blocks: &[u8], at: usize, block_bytes_max: usize) -> Option<Frame<'_>> {
    let header = read_header(blocks, at, block_bytes_max)?;
    if header.is_consistent() {
        return frame(blocks, at, header.cipher_length?, header.compressed_length);
    }
    // One of the lengths is damaged. The other is believed if what it leads to looks like a block, or is the end.
    let leads_on = |frame: &Frame<'_>| {
        frame.end == blocks.len()
            || read_header(blocks, frame.end, block_bytes_max).is_some_and(|next| next.is_consistent())
    };
    let by_cipher_length = header.cipher_length.and_then(|length| frame(blocks, at, length, None));
    let by_compressed_length =
        || header.padded_length().and_then(|length| frame(blocks, at, length, header.compressed_length));
    by_cipher_length.filter(leads_on).or_else(|| by_compressed_length().filter(leads_on))
}

fn frame(
    blocks: &[u8],
    at: usize,
    cipher_length: usize,
    compressed_length: Option<usize>,
) -> Option<Frame<'_>> {
    let start = at.checked_add(HEADER_BYTES)?;
    let end = start.checked_add(cipher_length)?;
    Some(Frame { cipher_text: blocks.get(start..end)?, compressed_length, end })
}

fn read_header(blocks: &[u8], at: usize, block_bytes_max: usize) -> Option<Header> {
    let lengths: IResult<_, _> = (be_i32, be_i32).parse(blocks.get(at..)?);
    let (_, (cipher_length, compressed_length)) = lengths.ok()?;
    // LZ4 adds at most one byte in 255 and sixteen more; with the two lengths before it.
    let compressed_max = (block_bytes_max / 255).saturating_add(block_bytes_max).saturating_add(16 + 8);
    let within = |length: i32, min: usize, max: usize| {
        usize::try_from(length).ok().filter(|length| (min..=max).contains(length))
    };
    Some(Header {
        cipher_length: within(
            cipher_length,
            CIPHER_BLOCK_BYTES,
            compressed_max.saturating_add(CIPHER_BLOCK_BYTES),
        )
        .filter(|length| length % CIPHER_BLOCK_BYTES == 0),
        compressed_length: within(compressed_length, COMPRESSED_BYTES_MIN, compressed_max),
    })
}
