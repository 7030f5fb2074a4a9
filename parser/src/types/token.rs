//! Tokens of partition keys.

/// Returns the token of a serialized partition key (`Murmur3Partitioner.getToken`).
///
/// It is the first half of Cassandra's own `MurmurHash3` (x64, 128 bits, seed 0), in which the bytes of the last
/// block are taken as signed; `i64::MIN` belongs to the empty key alone, so a hash of that becomes `i64::MAX`.
pub fn murmur3_token(partition_key: &[u8]) -> i64 {
    if partition_key.is_empty() {
        return i64::MIN;
    }
    match murmur3_hash(partition_key) {
        i64::MIN => i64::MAX,
        hash => hash,
    }
}

const C1: u64 = 0x87c3_7b91_1142_53d5;
const C2: u64 = 0x4cf5_ad43_2745_937f;

fn murmur3_hash(key: &[u8]) -> i64 {
    let (mut h1, mut h2) = (0_u64, 0_u64);
    let (blocks, tail) = key.as_chunks::<16>();
    for block in blocks {
        let block = u128::from_le_bytes(*block);
        h1 ^= mix_first(block as u64);
        h1 = h1.rotate_left(27).wrapping_add(h2).wrapping_mul(5).wrapping_add(0x52dc_e729);
        h2 ^= mix_second((block >> 64) as u64);
        h2 = h2.rotate_left(31).wrapping_add(h1).wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    let (first, second) = tail.split_at(tail.len().min(8));
    h2 ^= mix_second(signed_bytes(second));
    h1 ^= mix_first(signed_bytes(first));
    h1 ^= key.len() as u64;
    h2 ^= key.len() as u64;
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    final_mix(h1).wrapping_add(final_mix(h2)) as i64
}

/// Joins up to eight bytes, the lowest first, each with its sign in all higher bits: Cassandra's deviation.
fn signed_bytes(bytes: &[u8]) -> u64 {
    bytes.iter().rev().enumerate().fold(0, |joined, (index, byte)| {
        let position = bytes.len() - 1 - index;
        joined ^ (i64::from(*byte as i8) as u64) << (8 * position)
    })
}

fn mix_first(block: u64) -> u64 {
    block.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2)
}

fn mix_second(block: u64) -> u64 {
    block.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1)
}

fn final_mix(mut hash: u64) -> u64 {
    hash = (hash ^ hash >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ hash >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ hash >> 33
}
