//! New partition keys of the same length.

use cassandra_commitlog::{
    schema::TableSchema,
    types::{CqlType, NativeType},
};

/// The column of a partition key that is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct KeyColumn {
    /// Bytes of the key before its value: of a composite, the length.
    before: usize,
    /// Bytes of the value.
    bytes: usize,
}

impl KeyColumn {
    /// Returns what can be changed in a table's keys: the first column, if any bytes of its length are a value of its type.
    pub(super) fn of(table: &TableSchema) -> Option<Self> {
        let (first, others) = table.partition_key().split_first()?;
        let bytes = match first.ty {
            CqlType::Native(NativeType::Int) => 4,
            CqlType::Native(NativeType::Bigint) => 8,
            CqlType::Native(NativeType::Uuid) => 16,
            _ => return None,
        };
        Some(Self { before: if others.is_empty() { 0 } else { 2 }, bytes })
    }

    /// Changes a key that begins here: its round is mixed into the upper bytes, so that keys which were different stay so.
    /// Round 0 changes nothing.
    pub(super) fn change(self, key: &mut [u8], round: u64) {
        let Some(value) = key.get_mut(self.before..self.before + self.bytes) else { return };
        let round = (round as u16).to_be_bytes();
        for (byte, round) in value.iter_mut().zip(round) {
            *byte ^= round;
        }
    }
}

/// Returns where the key of a mutation's first update begins: behind the number of updates, the table's id and the key's
/// length.
pub(super) fn first_offset(key: &[u8]) -> usize {
    const TABLE_ID_BYTES: usize = 16;
    // A mutation has few updates, so their number takes a byte.
    1 + TABLE_ID_BYTES + vint_bytes(key.len() as u64)
}

/// Returns how many bytes an unsigned vint takes.
fn vint_bytes(value: u64) -> usize {
    let bits = 64 - (value | 1).leading_zeros() as usize;
    bits.div_ceil(7).min(9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_take_the_bytes_that_cassandra_writes() {
        for (value, bytes) in [(0, 1), (127, 1), (128, 2), (16_383, 2), (16_384, 3), (u64::MAX, 9)] {
            assert_eq!(vint_bytes(value), bytes, "{value}");
        }
    }

    #[test]
    fn different_keys_stay_different_in_all_rounds() {
        let column = KeyColumn { before: 2, bytes: 8 };
        let mut seen = std::collections::HashSet::new();
        for key in 0_u64..40 {
            for round in 0..50 {
                let mut bytes = vec![0, 8];
                bytes.extend_from_slice(&key.to_be_bytes());
                column.change(&mut bytes, round);
                assert_eq!((bytes[0], bytes[1]), (0, 8));
                assert!(seen.insert(bytes), "{key} in round {round}");
            }
        }
    }
}
