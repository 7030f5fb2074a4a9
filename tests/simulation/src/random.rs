//! Numbers that follow from a seed, the same in every version: that of a library may change with it.

/// The generator `SplitMix64` of Steele, Lea and Flood ("Fast Splittable Pseudorandom Number Generators", 2014).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Begins with a seed. Neighbouring seeds give unlike numbers.
    pub fn new(seed: u64) -> Self {
        let mut random = Self(seed ^ 0x005E_ED0F_0451_4D03);
        let mixed = random.number();
        Self(mixed)
    }

    /// Returns the next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        scramble(self.0)
    }

    /// Returns a number less than `bound`; 0 if that is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.number()) * u128::from(bound)) >> 64) as u64
    }

    /// Returns an index of a list of this length, which is not empty.
    pub fn index(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }

    /// Returns a number of a range, both ends included.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most.saturating_sub(least) + 1)
    }

    /// Returns true so many times in a thousand.
    pub fn chance(&mut self, per_mille: u32) -> bool {
        per_mille > 0 && self.below(1000) < u64::from(per_mille)
    }

    /// Returns one of some.
    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.index(of.len())]
    }

    /// Puts items into any order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.index(at + 1));
        }
    }
}

/// Mixes the bits of a number; different numbers give different ones.
pub fn scramble(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A failing seed that someone wrote down must fail for ever.
    #[test]
    fn the_numbers_of_a_seed_never_change() {
        let mut random = Random::new(1);
        let numbers = [random.number(), random.below(1000), random.between(5, 9)];
        assert_eq!(numbers, FIRST_OF_SEED_1);
        let mut items = [0, 1, 2, 3, 4];
        random.shuffle(&mut items);
        items.sort_unstable();
        assert_eq!(items, [0, 1, 2, 3, 4]);
    }

    const FIRST_OF_SEED_1: [u64; 3] = [11_257_785_816_858_263_040, 82, 8];

    #[test]
    fn all_numbers_of_a_range_come() {
        let mut random = Random::new(2);
        let mut seen = [0; 4];
        for _ in 0..400 {
            seen[random.between(3, 6) as usize - 3] += 1;
        }
        assert!(seen.iter().all(|count| *count > 50), "{seen:?}");
        assert!(!random.chance(0) && random.chance(1000));
    }
}
