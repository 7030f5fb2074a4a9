//! The hash by which Java's Kafka clients choose partitions.

/// Seed and multiplier of `org.apache.kafka.common.utils.Utils.murmur2`.
const SEED: u32 = 0x9747_b28c;
const MULTIPLIER: u32 = 0x5bd1_e995;

/// Returns the hash of a key as Java's default partitioner computes it (`Utils.murmur2`, there as a signed number).
pub fn murmur2(key: &[u8]) -> u32 {
    let mut hash = SEED ^ key.len() as u32;
    let (words, rest) = key.as_chunks::<4>();
    for word in words {
        let mut word = u32::from_le_bytes(*word).wrapping_mul(MULTIPLIER);
        word ^= word >> 24;
        hash = hash.wrapping_mul(MULTIPLIER) ^ word.wrapping_mul(MULTIPLIER);
    }
    if !rest.is_empty() {
        for (at, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * at);
        }
        hash = hash.wrapping_mul(MULTIPLIER);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MULTIPLIER);
    hash ^ (hash >> 15)
}

/// Returns a hash without its sign bit (`Utils.toPositive`): what is taken modulo the number of partitions.
pub fn to_positive(hash: u32) -> u32 {
    hash & 0x7fff_ffff
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of `<key as hex> <Utils.murmur2, signed> <partition of 12>`, printed by the Java client
    /// (`tests/data/murmur2/Murmur2.java`).
    const VECTORS: &str = include_str!("../../tests/data/murmur2/vectors.txt");

    #[test]
    fn hashes_and_partitions_are_those_of_the_java_client() {
        let mut checked = 0;
        for line in VECTORS.lines().filter(|line| !line.starts_with('#')) {
            let mut words = line.split(' ');
            let (hex, hash, partition) =
                (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
            let key: Vec<u8> = (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
                .collect();
            assert_eq!(murmur2(&key).cast_signed(), hash.parse::<i32>().unwrap(), "{line}");
            assert_eq!(to_positive(murmur2(&key)) % 12, partition.parse::<u32>().unwrap(), "{line}");
            checked += 1;
        }
        assert!(checked > 200, "{checked}");
    }
}
