//! Cutting entries: size, CRC, mutation, CRC (`CommitLog.add`).

use crate::{crc, position::Position};

/// Bytes of an entry beside its mutation: size, CRC of the size, CRC of both.
pub const FRAME_BYTES: u64 = 12;
/// Bytes before the mutation.
const HEAD_BYTES: usize = 8;
/// The smallest mutation: count, table id, empty key and flags.
const SMALLEST_MUTATION: u32 = 19;

/// One entry of the log, whose CRCs hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Where it ends, logically: how Cassandra names an entry.
    pub position: Position,
    /// The serialized mutation.
    pub mutation: &'a [u8],
}

/// What stands at a place where an entry may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut<'a> {
    /// An entry whose CRCs hold; it takes `mutation.len() + FRAME_BYTES`.
    Entry(&'a [u8]),
    /// The size's CRC holds, the entry's does not.
    BadCrc {
        /// Bytes of the whole entry.
        length: u64,
    },
    /// Not the beginning of an entry.
    NotAnEntry(NotAnEntry),
    /// An entry can begin here, but the input ends before its end.
    Short {
        /// Bytes that must be there to decide.
        needed: u64,
    },
}

/// Why no entry begins at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotAnEntry {
    /// The size is zero.
    ZeroSize,
    /// The size is outside of what a mutation can have.
    Size,
    /// The size's CRC does not hold.
    SizeCrc,
}

/// Looks for an entry at the start of `input`, with a mutation of at most `mutation_bytes_max`.
#[inline]
pub(crate) fn cut(input: &[u8], mutation_bytes_max: u32) -> Cut<'_> {
    let Some((head, rest)) = input.split_first_chunk::<HEAD_BYTES>() else {
        return Cut::Short { needed: HEAD_BYTES as u64 };
    };
    let word = u64::from_be_bytes(*head);
    let (size, size_crc) = ((word >> 32) as u32, word as u32);
    if size < SMALLEST_MUTATION || size > mutation_bytes_max {
        return Cut::NotAnEntry(if size == 0 { NotAnEntry::ZeroSize } else { NotAnEntry::Size });
    }
    let crc_of_size = crc::with_u32(0, size);
    if size_crc != crc_of_size {
        return Cut::NotAnEntry(NotAnEntry::SizeCrc);
    }
    let length = u64::from(size) + FRAME_BYTES;
    let Some((mutation, rest)) = rest.split_at_checked(size as usize) else {
        return Cut::Short { needed: length };
    };
    let Some(entry_crc) = rest.first_chunk() else {
        return Cut::Short { needed: length };
    };
    // The second CRC runs on from the first: it covers the size word and the mutation.
    if u32::from_be_bytes(*entry_crc) == crc::with_bytes(crc_of_size, mutation) {
        Cut::Entry(mutation)
    } else {
        Cut::BadCrc { length }
    }
}

/// Returns the length of the entry whose head stands at the start of `input`, if its size's CRC holds; whether the
/// entry's does costs as much as the entry is long.
#[inline]
pub fn head(input: &[u8], mutation_bytes_max: u32) -> Option<u64> {
    let word = u64::from_be_bytes(*input.first_chunk::<HEAD_BYTES>()?);
    let (size, size_crc) = ((word >> 32) as u32, word as u32);
    let is_head =
        (SMALLEST_MUTATION..=mutation_bytes_max).contains(&size) && size_crc == crc::with_u32(0, size);
    is_head.then_some(u64::from(size) + FRAME_BYTES)
}

/// Returns the mutation of the entry that stands at the start of `input`, if all of it is there and its CRCs hold.
/// For entries that no sync marker reaches yet; [`SegmentDecoder`](super::SegmentDecoder) gives the others.
pub fn whole(input: &[u8], mutation_bytes_max: u32) -> Option<&[u8]> {
    match cut(input, mutation_bytes_max) {
        Cut::Entry(mutation) => Some(mutation),
        _ => None,
    }
}

/// Makes the bytes of an entry around a mutation, for tests and for tools that write segments.
pub fn frame(mutation: &[u8]) -> Vec<u8> {
    let size = mutation.len() as u32;
    let crc_of_size = crc::with_u32(0, size);
    let mut bytes = Vec::with_capacity(mutation.len() + FRAME_BYTES as usize);
    bytes.extend(size.to_be_bytes());
    bytes.extend(crc_of_size.to_be_bytes());
    bytes.extend(mutation);
    bytes.extend(crc::with_bytes(crc_of_size, mutation).to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: u32 = 1000;

    #[test]
    fn a_framed_mutation_is_cut_and_every_shorter_input_asks_for_more() {
        let mutation = [7_u8; 64];
        let framed = frame(&mutation);
        // The size word 64 and its CRC, as Cassandra writes them.
        assert_eq!(framed[..8], [0, 0, 0, 0x40, 0x57, 0x98, 0x9e, 0x8c]);
        assert_eq!(cut(&framed, MAX), Cut::Entry(&mutation));
        for length in 0..framed.len() {
            let needed = if length < 8 { 8 } else { framed.len() as u64 };
            assert_eq!(cut(&framed[..length], MAX), Cut::Short { needed });
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let framed = frame(&[7_u8; 64]);
        for bit in 0..framed.len() * 8 {
            let mut damaged = framed.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            match cut(&damaged, MAX) {
                Cut::NotAnEntry(_) => assert!(bit < 64),
                Cut::BadCrc { length } => assert!(bit >= 64 && length == framed.len() as u64),
                other => panic!("bit {bit}: {other:?}"),
            }
        }
    }
}
