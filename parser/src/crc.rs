//! CRC-32 as `java.util.zip.CRC32` computes it, fed as Cassandra feeds it.

/// Table of the reflected polynomial, one row for each byte of a 32-bit word ("slicing by four"): the log
/// checks four-byte numbers at every turn, for which a vectorised CRC only costs set-up time.
const TABLE: [[u32; 256]; 4] = table();

#[expect(
    clippy::indexing_slicing,
    reason = "computed by the compiler, which would refuse an index out of range"
)]
const fn table() -> [[u32; 256]; 4] {
    let mut table = [[0_u32; 256]; 4];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
            bit += 1;
        }
        table[0][byte] = crc;
        byte += 1;
    }
    let mut row = 1;
    while row < 4 {
        let mut byte = 0;
        while byte < 256 {
            let before = table[row - 1][byte];
            table[row][byte] = (before >> 8) ^ table[0][(before & 0xff) as usize];
            byte += 1;
        }
        row += 1;
    }
    table
}

/// Feeds a 32-bit number, most significant byte first (`FBUtilities.updateChecksumInt`), to a CRC that
/// stands at `crc` (0 at the start), and returns the new CRC.
#[inline]
#[expect(clippy::indexing_slicing, reason = "a byte indexes 256 places")]
pub(crate) fn with_u32(crc: u32, number: u32) -> u32 {
    let state = !crc ^ number.swap_bytes();
    let [a, b, c, d] = state.to_le_bytes();
    !(TABLE[3][usize::from(a)]
        ^ TABLE[2][usize::from(b)]
        ^ TABLE[1][usize::from(c)]
        ^ TABLE[0][usize::from(d)])
}

/// Returns the byte whose feeding leads to this difference of two CRCs from another one, which is returned as well: zero
/// if the byte is all that the two differ in.
///
/// CRCs of equally long inputs differ by the (linear) remainder of what the inputs differ in; see [`before_zero_byte`].
#[expect(clippy::indexing_slicing, reason = "a byte indexes 256 places")]
pub(crate) fn step_back(difference: u32) -> (u8, u32) {
    let byte = last_index(difference);
    (byte, (difference ^ TABLE[0][usize::from(byte)]) << 8)
}

/// Returns the difference of two CRCs before the same byte was fed to both.
pub(crate) fn before_zero_byte(difference: u32) -> u32 {
    let (byte, before) = step_back(difference);
    before | u32::from(byte)
}

/// Returns the place in the first row of the table that led to this CRC: its highest byte tells, as no two are alike.
#[expect(clippy::indexing_slicing, reason = "a byte indexes 256 places")]
fn last_index(crc: u32) -> u8 {
    const INDEX_OF_HIGHEST: [u8; 256] = {
        let mut index = [0_u8; 256];
        let mut byte = 0;
        while byte < 256 {
            index[(TABLE[0][byte] >> 24) as usize] = byte as u8;
            byte += 1;
        }
        index
    };
    INDEX_OF_HIGHEST[usize::from((crc >> 24) as u8)]
}

/// Feeds bytes to a CRC that stands at `crc`, and returns the new CRC.
#[inline]
pub(crate) fn with_bytes(crc: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(crc);
    hasher.update(bytes);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_different_byte_is_found_by_the_crcs_alone() {
        let bytes = *b"a segment's header, more or less";
        let right = with_bytes(0, &bytes);
        for (at, change) in [(0, 0xff), (7, 1), (30, 0x80), (31, 0x55)] {
            let mut changed = bytes;
            changed[at] ^= change;
            let mut difference = right ^ with_bytes(0, &changed);
            for place in (0..bytes.len()).rev() {
                let found = step_back(difference);
                assert_eq!(found == (change, 0), place == at, "{at} {place}");
                assert!(found.1 != 0 || place == at);
                difference = before_zero_byte(difference);
            }
        }
    }

    #[test]
    fn a_number_and_its_four_bytes_give_the_same_crc() {
        for number in [0, 1, 0xdead_beef, u32::MAX, 64] {
            for start in [0, 0x1234_5678] {
                assert_eq!(with_u32(start, number), with_bytes(start, &number.to_be_bytes()));
            }
        }
        // The size word 64, as Cassandra's CRC32 gives it.
        assert_eq!(with_u32(0, 64), 0x5798_9e8c);
    }
}
