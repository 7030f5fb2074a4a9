//! The orders of UUIDs (`UUIDType`, `TimeUUIDType`, `LexicalUUIDType`).

use std::cmp::Ordering;

/// Splits a UUID into its halves, most significant first.
fn halves(uuid: &[u8; 16]) -> (u64, u64) {
    let all = u128::from_be_bytes(*uuid);
    ((all >> 64) as u64, all as u64)
}

/// Returns the upper half of a time UUID with the digits of its time in order of their weight
/// (`TimeUUIDType.reorderTimestampBytes`).
fn by_time(upper: u64) -> u64 {
    upper << 48 | (upper << 16 & 0xffff_0000_0000) | upper >> 32
}

/// `UUIDType`: by version, then time UUIDs by their time and others by the upper half, then by the lower one.
pub(super) fn compare_uuids(a: &[u8; 16], b: &[u8; 16]) -> Ordering {
    let ((a_upper, a_lower), (b_upper, b_lower)) = (halves(a), halves(b));
    let version = |upper: u64| upper >> 12 & 0xf;
    let weight = |upper: u64| {
        if version(upper) == 1 { by_time(upper) } else { upper }
    };
    let by_version = version(a_upper).cmp(&version(b_upper));
    by_version.then_with(|| weight(a_upper).cmp(&weight(b_upper))).then_with(|| a_lower.cmp(&b_lower))
}

/// `TimeUUIDType`: by time, then by the bytes of the lower half as signed ones.
pub(super) fn compare_time_uuids(a: &[u8; 16], b: &[u8; 16]) -> Ordering {
    let ((a_upper, a_lower), (b_upper, b_lower)) = (halves(a), halves(b));
    let signed_bytes = |lower: u64| lower ^ 0x8080_8080_8080_8080;
    let by_time = (by_time(a_upper) as i64).cmp(&(by_time(b_upper) as i64));
    by_time.then_with(|| signed_bytes(a_lower).cmp(&signed_bytes(b_lower)))
}

/// `LexicalUUIDType`: Java's own order of UUIDs, whose halves are signed.
pub(super) fn compare_lexical(a: &[u8; 16], b: &[u8; 16]) -> Ordering {
    let ((a_upper, a_lower), (b_upper, b_lower)) = (halves(a), halves(b));
    (a_upper as i64, a_lower as i64).cmp(&(b_upper as i64, b_lower as i64))
}
