//! A filter that says "surely not there" or "perhaps there".

use crate::dedup::identity::ChangeId;

/// Bits of a block: one line of the processor's cache, so that a look-up waits for memory once.
const BLOCK_BITS: u64 = 512;
/// Bits for each identity, and bits that are set for it. They give about one "perhaps" in 170 for what is not there.
pub(super) const BITS_EACH: u64 = 12;
const PROBES: u32 = 6;

#[derive(Debug, Clone, Default)]
#[repr(align(64))]
struct Block([u64; 8]);

/// A Bloom filter in blocks.
#[derive(Debug, Default)]
pub(super) struct Filter {
    blocks: Vec<Block>,
}

impl Filter {
    /// Returns the memory of a filter for so many identities, in bytes.
    pub(super) fn bytes_for(count: u64) -> u64 {
        (count * BITS_EACH).div_ceil(BLOCK_BITS).max(1) * (BLOCK_BITS / 8)
    }

    /// Makes an empty one for so many identities.
    pub(super) fn with_room_for(count: u64) -> Self {
        Self { blocks: vec![Block::default(); (Self::bytes_for(count) / size_of::<Block>() as u64) as usize] }
    }

    /// Adds an identity.
    pub(super) fn add(&mut self, id: ChangeId) {
        let at = self.block_of(id);
        if let Some(block) = self.blocks.get_mut(at) {
            for (word, bit) in bits_of(id) {
                block.0[word] |= bit;
            }
        }
    }

    /// Returns false if an identity was not added.
    #[inline]
    pub(super) fn may_contain(&self, id: ChangeId) -> bool {
        self.blocks
            .get(self.block_of(id))
            .is_none_or(|block| bits_of(id).all(|(word, bit)| block.0[word] & bit != 0))
    }

    /// Blocks go by the half of the identity that also gives the bits: its upper part here, its lower parts there.
    fn block_of(&self, id: ChangeId) -> usize {
        // The first half decides where an identity stands in a run; bits of both keep the two apart.
        let mixed = (id.low ^ id.high).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((u128::from(mixed) * self.blocks.len() as u128) >> 64) as usize
    }

    /// Returns the filter as bytes, block by block.
    pub(super) fn encoded(&self) -> impl Iterator<Item = [u8; 64]> {
        self.blocks.iter().map(|block| {
            let mut bytes = [0; 64];
            for (bytes, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(block.0) {
                *bytes = word.to_le_bytes();
            }
            bytes
        })
    }

    /// Reads what [`encoded`](Self::encoded) gave; `None` if it has no such length.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (blocks, rest) = bytes.as_chunks::<64>();
        if blocks.is_empty() || !rest.is_empty() {
            return None;
        }
        let block = |bytes: &[u8; 64]| {
            let mut block = Block::default();
            for (word, bytes) in block.0.iter_mut().zip(bytes.as_chunks::<8>().0) {
                *word = u64::from_le_bytes(*bytes);
            }
            block
        };
        Some(Self { blocks: blocks.iter().map(block).collect() })
    }

    /// Returns the memory that is held, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        (self.blocks.len() * size_of::<Block>()) as u64
    }
}

/// Returns the word and the bit of each probe: nine bits of the second half for each.
#[inline]
fn bits_of(id: ChangeId) -> impl Iterator<Item = (usize, u64)> {
    (0..PROBES).map(move |probe| {
        let place = id.low >> (probe * 9) & (BLOCK_BITS - 1);
        ((place / 64) as usize, 1 << (place % 64))
    })
}

#[cfg(test)]
mod tests {
    use xxhash_rust::xxh3::xxh3_128;

    use super::*;

    fn id(number: u64) -> ChangeId {
        ChangeId::from(xxh3_128(&number.to_le_bytes()))
    }

    #[test]
    fn what_was_added_is_never_denied_and_little_else_is_not() {
        const COUNT: u64 = 100_000;
        let mut filter = Filter::with_room_for(COUNT);
        (0..COUNT).for_each(|number| filter.add(id(number)));
        let filter = Filter::from_bytes(&filter.encoded().flatten().collect::<Vec<u8>>()).unwrap();
        assert!((0..COUNT).all(|number| filter.may_contain(id(number))));
        let wrong = (COUNT..2 * COUNT).filter(|number| filter.may_contain(id(*number))).count();
        assert!(wrong < 1000, "{wrong} of {COUNT}");
        assert!(Filter::from_bytes(&[0; 63]).is_none());
    }
}
