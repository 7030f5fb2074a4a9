//! Variable-length integers (`VIntCoding`).

use nom::{IResult, error::ParseError};

/// Reads an unsigned variable-length integer: as many further bytes as the first one has leading ones.
///
/// Gives `Err(nom::Err::Error)` of kind `Eof` if the input ends inside.
#[inline]
pub(crate) fn unsigned<'a, E: ParseError<&'a [u8]>>(input: &'a [u8]) -> IResult<&'a [u8], u64, E> {
    let Some((&first, rest)) = input.split_first() else {
        return Err(end(input));
    };
    if first < 0x80 {
        return Ok((rest, u64::from(first)));
    }
    let further = first.leading_ones() as usize;
    // 0xff >> 8 would overflow the shift; with eight further bytes the first one carries no bits.
    let high = u64::from(first) & (0xff_u64 >> further);
    if let Some(word) = rest.first_chunk::<8>() {
        // The common case, without a loop: eight bytes are there, and the surplus is shifted out.
        let low = u64::from_be_bytes(*word) >> (64 - 8 * further);
        let value = if further == 8 { low } else { (high << (8 * further)) | low };
        return match rest.get(further..) {
            Some(rest) => Ok((rest, value)),
            None => Err(end(input)),
        };
    }
    let Some((bytes, rest)) = rest.split_at_checked(further) else {
        return Err(end(input));
    };
    let value = bytes.iter().fold(high, |value, &byte| (value << 8) | u64::from(byte));
    Ok((rest, value))
}

#[cold]
fn end<'a, E: ParseError<&'a [u8]>>(input: &'a [u8]) -> nom::Err<E> {
    nom::Err::Error(E::from_error_kind(input, nom::error::ErrorKind::Eof))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by Cassandra's own encoder.
    const UNSIGNED: [(u64, &[u8]); 14] = [
        (0, &[0x00]),
        (1, &[0x01]),
        (127, &[0x7f]),
        (128, &[0x80, 0x80]),
        (16_383, &[0xbf, 0xff]),
        (16_384, &[0xc0, 0x40, 0x00]),
        (268_435_456, &[0xf0, 0x10, 0, 0, 0]),
        ((1 << 35) - 1, &[0xf7, 0xff, 0xff, 0xff, 0xff]),
        ((1 << 49) - 1, &[0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        ((1 << 56) - 1, &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        (1 << 56, &[0xff, 0x01, 0, 0, 0, 0, 0, 0, 0]),
        (1 << 63, &[0xff, 0x80, 0, 0, 0, 0, 0, 0, 0]),
        (u64::MAX, &[0xff; 9]),
        (-1_442_880_000_000_000_i64 as u64, &[0xff, 0xff, 0xfa, 0xdf, 0xb5, 0x52, 0x25, 0x80, 0x00]),
    ];

    type Plain<'a> = nom::error::Error<&'a [u8]>;

    #[test]
    fn unsigned_reads_cassandras_own_encoding_with_and_without_bytes_behind() {
        for (value, bytes) in UNSIGNED {
            assert_eq!(unsigned::<Plain<'_>>(bytes), Ok((&[][..], value)));
            let mut longer = bytes.to_vec();
            longer.extend([0xab; 9]);
            assert_eq!(unsigned::<Plain<'_>>(&longer), Ok((&[0xab; 9][..], value)));
            for cut in 0..bytes.len() {
                assert!(unsigned::<Plain<'_>>(&bytes[..cut]).is_err(), "{value} cut to {cut}");
            }
        }
    }
}
