//! The orders of numbers of any length (`IntegerType`, `DecimalType`).

use std::cmp::Ordering;

use num_bigint::{BigInt, BigUint};

/// `IntegerType`: by number, whatever the number of leading bytes that only carry the sign.
pub(super) fn compare_varints(a: &[u8], b: &[u8]) -> Ordering {
    if a.is_empty() || b.is_empty() {
        return b.is_empty().cmp(&a.is_empty());
    }
    let (is_negative, b_is_negative) = (is_negative(a), is_negative(b));
    if is_negative != b_is_negative {
        return b_is_negative.cmp(&is_negative);
    }
    let (a, b) = (significant(a), significant(b));
    let by_length = a.len().cmp(&b.len());
    let by_length = if is_negative { by_length.reverse() } else { by_length };
    // Of one sign and length, the two's complements are in the order of the numbers.
    by_length.then_with(|| a.cmp(b))
}

fn is_negative(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| first & 0x80 != 0)
}

/// Returns the fewest bytes that are the same number.
fn significant(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && let [second, ..] = rest
        && matches!((first, second & 0x80), (0, 0) | (0xff, 0x80))
    {
        bytes = rest;
    }
    bytes
}

/// A decimal number: scale and unscaled number, which has at least one byte.
struct Decimal<'a> {
    scale: i64,
    unscaled: &'a [u8],
}

impl<'a> Decimal<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (scale, unscaled) = bytes.split_first_chunk::<4>()?;
        let scale = i64::from(i32::from_be_bytes(*scale));
        (!unscaled.is_empty()).then(|| Self { scale, unscaled: significant(unscaled) })
    }

    fn sign(&self) -> Ordering {
        match self.unscaled {
            [0] => Ordering::Equal,
            _ if is_negative(self.unscaled) => Ordering::Less,
            _ => Ordering::Greater,
        }
    }

    /// Returns the unscaled number without its sign if it fits.
    fn small_magnitude(&self) -> Option<u128> {
        let start = if is_negative(self.unscaled) { -1_i128 } else { 0 };
        let number = self.unscaled.iter().fold(start, |value, byte| value << 8 | i128::from(*byte));
        (self.unscaled.len() <= 16).then_some(number.unsigned_abs())
    }

    fn magnitude(&self) -> BigUint {
        BigInt::from_signed_bytes_be(self.unscaled).into_parts().1
    }
}

/// `DecimalType`: by number (`BigDecimal.compareTo`), so that 1.0 and 1.00 are equal.
pub(super) fn compare_decimals(a: &[u8], b: &[u8]) -> Ordering {
    let (a, b) = match (Decimal::parse(a), Decimal::parse(b)) {
        (Some(a), Some(b)) => (a, b),
        (None, None) => return a.cmp(b),
        (Some(_), None) => {
            return if b.is_empty() { Ordering::Greater } else { Ordering::Less };
        }
        (None, Some(_)) => {
            return if a.is_empty() { Ordering::Less } else { Ordering::Greater };
        }
    };
    let sign = a.sign();
    if sign != b.sign() || sign == Ordering::Equal {
        return sign.cmp(&b.sign());
    }
    let by_magnitude = match (a.small_magnitude(), b.small_magnitude()) {
        (Some(left), Some(right)) => compare_small((left, a.scale), (right, b.scale)),
        _ if a.scale <= b.scale => compare_large(&a.magnitude(), b.scale - a.scale, &b.magnitude()),
        _ => compare_large(&b.magnitude(), a.scale - b.scale, &a.magnitude()).reverse(),
    };
    if sign == Ordering::Less { by_magnitude.reverse() } else { by_magnitude }
}

/// Compares magnitudes above 0, each with its scale.
fn compare_small((a, a_scale): (u128, i64), (b, b_scale): (u128, i64)) -> Ordering {
    let (a_digits, b_digits) = (a.ilog10() + 1, b.ilog10() + 1);
    let by_weight = (i64::from(a_digits) - a_scale).cmp(&(i64::from(b_digits) - b_scale));
    by_weight.then_with(|| {
        // Of the same weight: written with the same number of digits they compare as integers. What gets too
        // large for 128 bits is greater than what fits.
        let longest = a_digits.max(b_digits);
        let scaled = |value: u128, digits| {
            10_u128.checked_pow(longest - digits).and_then(|power| value.checked_mul(power))
        };
        match (scaled(a, a_digits), scaled(b, b_digits)) {
            (Some(a), Some(b)) => a.cmp(&b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        }
    })
}

/// Compares `a`·10^`power` with `b`, both above 0. The power is computed only where it has about as many bits as `b`,
/// which bounds it by the values' own bytes.
fn compare_large(a: &BigUint, power: i64, b: &BigUint) -> Ordering {
    let power_bits = power as f64 * std::f64::consts::LOG2_10;
    let (a_bits, b_bits) = (a.bits() as f64, b.bits() as f64);
    if a_bits + power_bits > b_bits + 2.0 {
        return Ordering::Greater;
    }
    if a_bits + power_bits < b_bits - 2.0 {
        return Ordering::Less;
    }
    let Ok(power) = u32::try_from(power) else {
        return Ordering::Greater;
    };
    (a * BigUint::from(10_u32).pow(power)).cmp(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_decimals_with_far_scales_take_no_time() {
        let mut far = i32::MIN.to_be_bytes().to_vec();
        far.extend([1; 40]);
        let mut near = i32::MAX.to_be_bytes().to_vec();
        near.resize(4 + (1 << 16), 1);
        assert_eq!(compare_decimals(&far, &near), Ordering::Greater);
        assert_eq!(compare_decimals(&near, &far), Ordering::Less);
    }
}
