//! The fraction `B/S` of digit generation in numbers of up to 1,280 bits, enough for every `double`.

use std::cmp::Ordering;

use super::java_number::Step;

/// Words of a [`Big`]: 5^324 · 2^1075 has less than 19 · 64 bits after common factors are gone, and the
/// largest shift adds less than one word.
const WORDS: usize = 20;
/// Greatest power of five in one word.
const FIVES_PER_WORD: u32 = 27;

/// A number without sign, the lowest word first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Big([u64; WORDS]);

impl Big {
    /// Returns `factor` · 5^`fives` · 2^`twos`.
    fn new(factor: u64, fives: u32, twos: u32) -> Self {
        let mut words = [0; WORDS];
        if let Some(lowest) = words.first_mut() {
            *lowest = factor;
        }
        let mut big = Self(words);
        for _ in 0..fives / FIVES_PER_WORD {
            big.multiply(5_u64.pow(FIVES_PER_WORD));
        }
        big.multiply(5_u64.pow(fives % FIVES_PER_WORD));
        big.shift_left(twos);
        big
    }

    fn multiply(&mut self, factor: u64) {
        let mut carry = 0;
        for word in &mut self.0 {
            let product = u128::from(*word) * u128::from(factor) + carry;
            *word = product as u64;
            carry = product >> 64;
        }
    }

    fn shift_left(&mut self, bits: u32) {
        self.0.rotate_right((bits / 64) as usize % WORDS);
        let bits = bits % 64;
        if bits == 0 {
            return;
        }
        let mut carry = 0;
        for word in &mut self.0 {
            let next = *word >> (64 - bits);
            *word = *word << bits | carry;
            carry = next;
        }
    }

    /// Subtracts `other` · `factor`, which is not greater.
    fn subtract(&mut self, other: &Self, factor: u64) {
        let mut borrow = 0_u128;
        for (word, other) in self.0.iter_mut().zip(&other.0) {
            let take = u128::from(*other) * u128::from(factor) + borrow;
            let (rest, under) = word.overflowing_sub(take as u64);
            *word = rest;
            borrow = (take >> 64) + u128::from(under);
        }
    }

    fn cmp(&self, other: &Self) -> Ordering {
        self.0.iter().rev().cmp(other.0.iter().rev())
    }

    /// Compares the sum of this and `other` with `limit`.
    fn cmp_sum(&self, other: &Self, limit: &Self) -> Ordering {
        let mut sum = *self;
        let mut carry = false;
        for (word, other) in sum.0.iter_mut().zip(&other.0) {
            let (first, over) = word.overflowing_add(*other);
            let (second, over_again) = first.overflowing_add(u64::from(carry));
            *word = second;
            carry = over || over_again;
        }
        sum.cmp(limit)
    }

    /// Returns the two words that begin at the highest one that `other` uses, for an estimate.
    fn top(&self, highest: usize) -> u128 {
        let word = |index: Option<usize>| index.and_then(|index| self.0.get(index)).copied().unwrap_or(0);
        u128::from(word(highest.checked_add(1))) << 64 | u128::from(word(Some(highest)))
    }

    fn highest_word(&self) -> usize {
        self.0.iter().rposition(|word| *word != 0).unwrap_or(0)
    }
}

/// `B/S`, the distance `M` to the neighbours, and 10 · `S`.
#[derive(Debug)]
pub(super) struct BigFraction {
    b: Big,
    s: Big,
    m: Big,
    ten_s: Big,
    highest_s: usize,
}

impl BigFraction {
    /// Returns (`fraction` · 5^b₅ · 2^b₂) / (5^s₅ · 2^s₂) with M = 5^b₅ · 2^`twos_m`; the pairs are (fives, twos).
    pub(super) fn new(fraction: u64, b: (u32, u32), s: (u32, u32), twos_m: u32) -> Self {
        // The highest word of S is filled, so that an estimate by highest words is off by one at most.
        let unshifted = Big::new(1, s.0, s.1);
        let highest = unshifted.highest_word();
        let bias = unshifted.0.get(highest).map_or(0, |word| word.leading_zeros());
        // Ten times S needs four bits more than S itself: they go to the next word.
        let (b, s_bits, twos_m) = ((b.0, b.1 + bias, b.0), s.1 + bias, twos_m + bias);
        let s_big = Big::new(1, s.0, s_bits);
        let mut ten_s = s_big;
        ten_s.multiply(10);
        Self {
            b: Big::new(fraction, b.0, b.1),
            s: s_big,
            m: Big::new(1, b.2, twos_m),
            ten_s,
            highest_s: highest,
        }
    }

    /// Takes one digit off: B becomes 10 · (B mod S), M ten times as much.
    pub(super) fn step(&mut self) -> Step {
        let divisor = self.s.top(self.highest_s);
        // B is less than 10 · S, so B's two words are enough; the estimate is never too high.
        let mut digit = (self.b.top(self.highest_s) / (divisor + 1)) as u64;
        self.b.subtract(&self.s, digit);
        while self.b.cmp(&self.s) != Ordering::Less {
            self.b.subtract(&self.s, 1);
            digit += 1;
        }
        self.b.multiply(10);
        self.m.multiply(10);
        Step {
            digit: digit as u32,
            low: self.b.cmp(&self.m) == Ordering::Less,
            high: self.b.cmp_sum(&self.m, &self.ten_s) != Ordering::Less,
        }
    }

    /// Compares what is left with half of a digit's worth.
    pub(super) fn compare_rest_with_half(&self) -> Ordering {
        self.b.cmp_sum(&self.b, &self.ten_s)
    }
}
