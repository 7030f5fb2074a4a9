//! The bounds of a range as bytes, and these as a set of fingerprints.

use cassandra_commitlog::schema::Column;

use super::{super::atoms::Atom, cover::Cut};
use crate::change::{DeletedRange, RangeBound};

/// Bytes in a chunk; above them stands the chunk's number.
const CHUNK_BYTES: usize = 3;
const NUMBER_SHIFT: u32 = 8 * CHUNK_BYTES as u32;
/// Longer bounds are not filed. A chunk's number has eight bits.
pub(super) const FILED_BYTES_MAX: usize = CHUNK_BYTES << 8;

/// Kinds of bound.
const OPEN: u8 = 0;
const EXCLUSIVE: u8 = 1;
const INCLUSIVE: u8 = 2;

/// What a range covers, between two cuts in the order of rows.
#[derive(Debug)]
pub(super) struct Interval<'b> {
    pub(super) start: Cut<'b>,
    pub(super) end: Cut<'b>,
}

/// Returns both bounds, start first, each as: its kind; unless it is open, how many values there are, and for each one 0 for null or
/// its length plus 1, and its bytes.
pub(super) fn to_bytes(range: &DeletedRange<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for bound in [&range.start, &range.end] {
        match bound {
            Some(RangeBound { values, inclusive }) if !values.is_empty() => {
                bytes.push(if *inclusive { INCLUSIVE } else { EXCLUSIVE });
                write_varint(values.len(), &mut bytes);
                for value in values {
                    write_varint(value.map_or(0, |value| value.len() + 1), &mut bytes);
                    bytes.extend_from_slice(value.unwrap_or_default());
                }
            }
            // Without values it is before or after everything, whatever it includes.
            _ => bytes.push(OPEN),
        }
    }
    bytes
}

/// Returns bytes as chunks, in order. The last one is filled with zeros.
pub(super) fn to_chunks(bytes: &[u8]) -> Vec<Atom> {
    let chunk = |(number, bytes): (usize, &[u8])| {
        let byte = |at: usize| Atom::from(bytes.get(at).copied().unwrap_or(0));
        (number as Atom) << NUMBER_SHIFT | byte(0) << 16 | byte(1) << 8 | byte(2)
    };
    bytes.chunks(CHUNK_BYTES).enumerate().map(chunk).collect()
}

/// Returns the bytes of chunks in any order. `None` if there are none, some are missing, or two are different.
pub(super) fn of_chunks(chunks: &mut Vec<Atom>) -> Option<Vec<u8>> {
    chunks.sort_unstable();
    chunks.dedup();
    let are_all = chunks.iter().enumerate().all(|(number, chunk)| chunk >> NUMBER_SHIFT == number as Atom);
    let bytes = || chunks.iter().flat_map(|chunk| chunk.to_be_bytes().into_iter().skip(1)).collect();
    (are_all && !chunks.is_empty()).then(bytes)
}

impl<'b> Interval<'b> {
    /// Reads bounds; `None` if these are none of a table with these clustering columns.
    pub(super) fn read(bytes: &'b [u8], columns: &[Column]) -> Option<Self> {
        let (interval, used) = Self::read_padded(bytes, columns)?;
        (used == bytes.len()).then_some(interval)
    }

    /// Reads bounds behind which zeros may stand, fewer than a chunk has. Returns how many bytes are theirs, too.
    pub(super) fn read_padded(bytes: &'b [u8], columns: &[Column]) -> Option<(Self, usize)> {
        let mut rest = bytes;
        let start = read_bound(&mut rest, columns.len(), true)?;
        let end = read_bound(&mut rest, columns.len(), false)?;
        let is_padding = rest.len() < CHUNK_BYTES && rest.iter().all(|byte| *byte == 0);
        is_padding.then_some((Self { start, end }, bytes.len() - rest.len()))
    }
}

fn read_bound<'b>(rest: &mut &'b [u8], columns: usize, is_start: bool) -> Option<Cut<'b>> {
    let (kind, behind) = rest.split_first()?;
    *rest = behind;
    let inclusive = match *kind {
        OPEN => return Some(if is_start { Cut::First } else { Cut::Last }),
        EXCLUSIVE => false,
        INCLUSIVE => true,
        _ => return None,
    };
    let count = read_varint(rest)?;
    if count == 0 || count > columns {
        return None;
    }
    let mut values = Vec::with_capacity(count);
    for _ in 0..count {
        values.push(match read_varint(rest)?.checked_sub(1) {
            Some(length) => {
                let (value, behind) = rest.split_at_checked(length)?;
                *rest = behind;
                Some(value)
            }
            None => None,
        });
    }
    Some(Cut::At { values, is_behind: inclusive != is_start })
}

/// Writes seven bits in each byte, the lowest first; all but the last byte have the bit 0x80.
fn write_varint(mut number: usize, bytes: &mut Vec<u8>) {
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn read_varint(rest: &mut &[u8]) -> Option<usize> {
    let mut number = 0;
    for shift in (0..usize::BITS).step_by(7) {
        let (byte, behind) = rest.split_first()?;
        *rest = behind;
        let bits = usize::from(byte & 0x7f);
        number |= bits.checked_shl(shift).filter(|it| it >> shift == bits)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}
