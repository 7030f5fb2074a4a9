//! `Double.toString`, `Float.toString` and `BigDecimal.toString` of Java 8 to 18.
//!
//! Up to Java 18 the first two do not always give the shortest digits that read back as the same number: 2^-44 is
//! `5.6843418860808015E-14` where 16 digits are enough, 10^23 is `9.999999999999999E22`. All of Cassandra 3.11 to
//! 5.0 runs on Java 8 to 17, so its JSON has these texts. The method is that of Steele and White: the digits of a
//! fraction `B/S` are taken off until what is left is less than half the distance `M` to the next number, with
//! Java's own limits for when to stop (`FloatingDecimal`).

use std::num::FpCategory;

use super::{ValueError, big_fraction::BigFraction, native_text::long_digits, value::Decimal};

/// Bits of a `double`'s fraction, without the hidden one.
const FRACTION_BITS: i32 = 52;
/// Digits of a number: 0.d₁d₂d₃… · 10^`exponent`.
#[derive(Debug)]
struct Digits {
    places: [u8; 20],
    length: usize,
    exponent: i32,
}

impl Digits {
    fn new() -> Self {
        Self { places: [b'0'; 20], length: 0, exponent: 0 }
    }

    fn push(&mut self, digit: u32) {
        if let Some(place) = self.places.get_mut(self.length) {
            *place = b'0' + digit as u8;
            self.length += 1;
        }
    }

    fn as_slice(&self) -> &[u8] {
        self.places.get(..self.length).unwrap_or_default()
    }

    fn last(&self) -> u8 {
        self.as_slice().last().copied().unwrap_or(b'0')
    }

    /// Adds one to the last digit.
    fn round_up(&mut self) {
        for place in self.places.iter_mut().take(self.length).rev() {
            if *place < b'9' {
                *place += 1;
                return;
            }
            *place = b'0';
        }
        // All digits were nines.
        if let Some(first) = self.places.first_mut() {
            *first = b'1';
        }
        self.exponent += 1;
    }
}

/// A number, split: `fraction` · 2^(`exponent` - 52), with the highest of its 53 bits set.
#[derive(Debug, Clone, Copy)]
struct Binary {
    fraction: u64,
    exponent: i32,
    /// How many bits of the fraction the number's format has: fewer for subnormal numbers.
    significant_bits: i32,
}

/// Writes what `Double.toString` gives.
pub(super) fn write_double(value: f64, out: &mut String) {
    let bits = value.to_bits();
    let (biased, fraction) = ((bits >> FRACTION_BITS & 0x7ff) as i32, bits & ((1 << FRACTION_BITS) - 1));
    if write_special(value.classify(), value.is_sign_negative(), out) {
        return;
    }
    let binary = if biased == 0 {
        let zeros = fraction.leading_zeros() as i32;
        let shift = zeros - (63 - FRACTION_BITS);
        Binary { fraction: fraction << shift, exponent: 1 - shift - 1023, significant_bits: 64 - zeros }
    } else {
        let fraction = fraction | 1 << FRACTION_BITS;
        Binary { fraction, exponent: biased - 1023, significant_bits: FRACTION_BITS + 1 }
    };
    write_digits(&digits_of(binary), out);
}

/// Writes what `Float.toString` gives.
pub(super) fn write_float(value: f32, out: &mut String) {
    let bits = value.to_bits();
    let (biased, fraction) = ((bits >> 23 & 0xff) as i32, bits & ((1 << 23) - 1));
    if write_special(value.classify(), value.is_sign_negative(), out) {
        return;
    }
    let (fraction, exponent, significant_bits) = if biased == 0 {
        let zeros = fraction.leading_zeros() as i32;
        let shift = zeros - (31 - 23);
        (fraction << shift, 1 - shift - 127, 32 - zeros)
    } else {
        (fraction | 1 << 23, biased - 127, 24)
    };
    let fraction = u64::from(fraction) << (FRACTION_BITS - 23);
    write_digits(&digits_of(Binary { fraction, exponent, significant_bits }), out);
}

/// Writes the sign, and the number if it has no digits; returns true in that case.
fn write_special(category: FpCategory, negative: bool, out: &mut String) -> bool {
    if negative && category != FpCategory::Nan {
        out.push('-');
    }
    match category {
        FpCategory::Nan => out.push_str("NaN"),
        FpCategory::Infinite => out.push_str("Infinity"),
        FpCategory::Zero => out.push_str("0.0"),
        FpCategory::Normal | FpCategory::Subnormal => return false,
    }
    true
}

/// Writes digits with Java's rule for exponents: none from 10^-3 to below 10^7.
fn write_digits(found: &Digits, out: &mut String) {
    let text = |digits: &[u8], out: &mut String| digits.iter().for_each(|digit| out.push(char::from(*digit)));
    let digits = found.as_slice();
    match found.exponent {
        before_point @ 1..=7 => {
            let before_point = before_point as usize;
            let (whole, rest) = digits.split_at(before_point.min(digits.len()));
            text(whole, out);
            (whole.len()..before_point).for_each(|_| out.push('0'));
            out.push('.');
            text(if rest.is_empty() { b"0" } else { rest }, out);
        }
        zeros @ -2..=0 => {
            out.push_str("0.");
            (zeros..0).for_each(|_| out.push('0'));
            text(digits, out);
        }
        exponent => {
            let (first, rest) = digits.split_at(digits.len().min(1));
            text(first, out);
            out.push('.');
            text(if rest.is_empty() { b"0" } else { rest }, out);
            out.push('E');
            out.push_str(itoa::Buffer::new().format(exponent - 1));
        }
    }
}

/// Number of bits of 5^`power`, or a bound of it; 0 for the zeroth, as Java's table has it.
fn bits_of_power(power: i32) -> i32 {
    match power {
        0 => 0,
        1..=26 => 5_u64.pow(power as u32).ilog2() as i32 + 1,
        _ => power * 3,
    }
}

/// Returns the decimal digits of a number (`FloatingDecimal.BinaryToASCIIBuffer.dtoa`).
fn digits_of(binary: Binary) -> Digits {
    let Binary { fraction, exponent, significant_bits } = binary;
    let trailing_zeros = fraction.trailing_zeros() as i32;
    let fraction_bits = FRACTION_BITS + 1 - trailing_zeros;
    // How many bits stand behind the binary point.
    let tiny_bits = (fraction_bits - exponent - 1).max(0);
    if tiny_bits == 0 && (-21..=62).contains(&exponent) {
        return digits_of_whole(binary);
    }
    let decimal_exponent = estimate_decimal_exponent(fraction, exponent);
    let mut scale = Scale {
        fives_b: (-decimal_exponent).max(0),
        fives_s: decimal_exponent.max(0),
        twos_b: 0,
        twos_s: 0,
        twos_m: 0,
    };
    scale.twos_b = scale.fives_b + tiny_bits + exponent;
    scale.twos_s = scale.fives_s + tiny_bits;
    scale.twos_m = scale.twos_b - significant_bits;
    scale.twos_b -= fraction_bits - 1;
    let common = scale.twos_b.min(scale.twos_s);
    scale.twos_b -= common;
    scale.twos_s -= common;
    scale.twos_m -= common;
    if fraction_bits == 1 {
        // Below a power of two the numbers are twice as dense.
        scale.twos_m -= 1;
    }
    if scale.twos_m < 0 {
        scale.twos_b -= scale.twos_m;
        scale.twos_s -= scale.twos_m;
        scale.twos_m = 0;
    }
    let fraction = fraction >> trailing_zeros;
    let bits_b = fraction_bits + scale.twos_b + bits_of_power(scale.fives_b);
    let bits_ten_s = scale.twos_s + 1 + bits_of_power(scale.fives_s + 1);
    let mut machine = if bits_b < 64 && bits_ten_s < 64 {
        Machine::small(fraction, scale, bits_b < 32 && bits_ten_s < 32)
    } else {
        Machine::Big(BigFraction::new(
            fraction,
            (scale.fives_b as u32, scale.twos_b as u32),
            (scale.fives_s as u32, scale.twos_s as u32),
            scale.twos_m as u32,
        ))
    };
    generate(&mut machine, decimal_exponent)
}

/// Takes off digits until the number is told from its neighbours.
fn generate(machine: &mut Machine, mut decimal_exponent: i32) -> Digits {
    let mut found = Digits::new();
    let first = machine.step();
    let (mut low, mut high) = (first.low, first.high);
    if first.digit == 0 && !high {
        // The estimate was one too high.
        decimal_exponent -= 1;
    } else {
        found.push(first.digit);
    }
    if !(-3..8).contains(&decimal_exponent) {
        // The form with an exponent has two digits at least.
        (low, high) = (false, false);
    }
    while !low && !high {
        let step = machine.step();
        (low, high) = (step.low, step.high);
        found.push(step.digit);
    }
    found.exponent = decimal_exponent + 1;
    if high {
        let tie_is_odd = (found.last() - b'0') & 1 == 1;
        let up = !low
            || match machine.compare_rest_with_half() {
                std::cmp::Ordering::Less => false,
                std::cmp::Ordering::Equal => tie_is_odd,
                std::cmp::Ordering::Greater => true,
            };
        if up {
            found.round_up();
        }
    }
    found
}

/// Returns the digits of a whole number below 2^63 (`developLongDigits`).
fn digits_of_whole(binary: Binary) -> Digits {
    let Binary { fraction, exponent, significant_bits } = binary;
    let mut whole = if exponent >= FRACTION_BITS {
        fraction << (exponent - FRACTION_BITS)
    } else {
        fraction >> (FRACTION_BITS - exponent)
    };
    let mut dropped = 0;
    if exponent > significant_bits {
        // Digits that the format cannot tell apart: as many as 2^n has, less one.
        let power = (exponent - significant_bits - 1) as u32;
        dropped = (1_u64 << power).checked_ilog10().unwrap_or(0);
        let unit = 10_u64.pow(dropped);
        let half_up = u64::from(dropped > 0 && whole % unit >= unit / 2);
        whole = whole / unit + half_up;
    }
    let mut buffer = itoa::Buffer::new();
    let text = buffer.format(whole);
    let mut found = Digits::new();
    text.trim_end_matches('0').bytes().for_each(|digit| found.push(u32::from(digit - b'0')));
    found.exponent = text.len() as i32 + dropped as i32;
    found
}

/// Returns the decimal exponent of a number, or one more (`estimateDecExp`).
fn estimate_decimal_exponent(fraction: u64, exponent: i32) -> i32 {
    // The fraction as a number from 1 to 2, then a tangent to its logarithm.
    let between_1_and_2 = f64::from_bits(1023 << FRACTION_BITS | fraction & ((1 << FRACTION_BITS) - 1));
    #[expect(clippy::approx_constant, reason = "the logarithm of 2 with Java's number of digits")]
    let estimate =
        (between_1_and_2 - 1.5) * 0.289_529_654 + 0.176_091_259 + f64::from(exponent) * 0.301_029_995_663_981;
    estimate.floor() as i32
}

/// Powers of five and two that the parts of `B/S` and `M` are multiplied with. `M` has the fives of `B`.
#[derive(Debug, Clone, Copy)]
struct Scale {
    fives_b: i32,
    fives_s: i32,
    twos_b: i32,
    twos_s: i32,
    twos_m: i32,
}

/// One digit, and whether the number may stop there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) digit: u32,
    /// The rest is less than the distance to the next lower number.
    pub(super) low: bool,
    /// The rest is so large that the next higher digit is as good.
    pub(super) high: bool,
}

/// `B/S` and `M`, in the arithmetic that Java takes for their size: it decides how a tie ends.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a number must not cost an allocation")]
enum Machine {
    Small { b: i64, s: i64, m: i64, narrow: bool },
    Big(BigFraction),
}

impl Machine {
    fn small(fraction: u64, scale: Scale, narrow: bool) -> Self {
        let scaled = |factor: u64, fives: i32, twos: i32| {
            let five = 5_u64.checked_pow(fives as u32).unwrap_or(0);
            factor.wrapping_mul(five).wrapping_shl(twos as u32) as i64
        };
        Self::Small {
            b: scaled(fraction, scale.fives_b, scale.twos_b),
            s: scaled(1, scale.fives_s, scale.twos_s),
            m: scaled(1, scale.fives_b, scale.twos_m),
            narrow,
        }
    }

    fn step(&mut self) -> Step {
        match self {
            Self::Small { b, s, m, narrow } => {
                let tens = s.wrapping_mul(10);
                let digit = b.checked_div(*s).unwrap_or(0);
                *b = b.checked_rem(*s).unwrap_or(0).wrapping_mul(10);
                *m = if *narrow { i64::from((*m as i32).wrapping_mul(10)) } else { m.wrapping_mul(10) };
                // Java takes an overflow of `M` for a sign to stop.
                let overflow = *m <= 0;
                let sum = b.wrapping_add(*m);
                let sum = if *narrow { i64::from(sum as i32) } else { sum };
                Step { digit: digit as u32, low: overflow || *b < *m, high: overflow || sum > tens }
            }
            Self::Big(fraction) => fraction.step(),
        }
    }

    fn compare_rest_with_half(&self) -> std::cmp::Ordering {
        match self {
            // The difference overflows in Java, too, and its sign is what counts.
            Self::Small { b, s, narrow: true, .. } => {
                (*b as i32).wrapping_shl(1).wrapping_sub((*s as i32).wrapping_mul(10)).cmp(&0)
            }
            Self::Small { b, s, narrow: false, .. } => {
                b.wrapping_shl(1).wrapping_sub(s.wrapping_mul(10)).cmp(&0)
            }
            Self::Big(fraction) => fraction.compare_rest_with_half(),
        }
    }
}

/// Writes what `BigDecimal.toString` gives; with `canonical`, what `stripTrailingZeros().toString()` does.
pub(super) fn write_decimal(value: Decimal<'_>, canonical: bool, out: &mut String) -> Result<(), ValueError> {
    let mut buffer = itoa::Buffer::new();
    let long;
    let text = if let Some(unscaled) = value.unscaled.to_i128() {
        buffer.format(unscaled)
    } else {
        long = long_digits(value.unscaled)?;
        &long
    };
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let mut scale = i64::from(value.scale);
    let mut digits = digits;
    if canonical {
        let stripped = digits.trim_end_matches('0');
        if stripped.is_empty() {
            (digits, scale) = ("0", 0);
        } else {
            scale -= (digits.len() - stripped.len()) as i64;
            digits = stripped;
        }
    }
    out.push_str(sign);
    let exponent = digits.len() as i64 - 1 - scale;
    if scale == 0 {
        out.push_str(digits);
    } else if scale > 0 && exponent >= -6 {
        let before_point = digits.len().saturating_sub(scale as usize);
        let (whole, rest) = digits.split_at(before_point);
        out.push_str(if whole.is_empty() { "0" } else { whole });
        out.push('.');
        (exponent..-1).for_each(|_| out.push('0'));
        out.push_str(rest);
    } else {
        let (first, rest) = digits.split_at(1);
        out.push_str(first);
        if !rest.is_empty() {
            out.push('.');
            out.push_str(rest);
        }
        if exponent != 0 {
            out.push_str(if exponent > 0 { "E+" } else { "E" });
            out.push_str(itoa::Buffer::new().format(exponent));
        }
    }
    Ok(())
}
