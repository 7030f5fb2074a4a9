//! Texts of single values that JSON and CQL literals share.

use std::{net::IpAddr, str};

use uuid::Uuid;

use super::{
    Dialect, ValueError,
    calendar::{Date, GREGORIAN_START_DAY, gregorian, julian},
    value::{Duration, Varint},
};

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;
/// Nanoseconds of a day.
const DAY_NS: i64 = 86_400_000_000_000;

/// Writes a whole number.
pub(super) fn write_integer(value: impl itoa::Integer, out: &mut String) {
    out.push_str(itoa::Buffer::new().format(value));
}

/// Greatest length of a number that is printed, in bytes: the time grows with its square.
const NUMBER_BYTES_MAX: usize = 64 << 10;

/// Writes a number of up to [`NUMBER_BYTES_MAX`].
pub(super) fn write_varint(value: Varint<'_>, out: &mut String) -> Result<(), ValueError> {
    match value.to_i128() {
        Some(number) => write_integer(number, out),
        None => out.push_str(&long_digits(value)?),
    }
    Ok(())
}

/// Returns the digits of a number of up to [`NUMBER_BYTES_MAX`].
pub(super) fn long_digits(value: Varint<'_>) -> Result<String, ValueError> {
    match value.bytes().len() {
        length if length > NUMBER_BYTES_MAX => Err(ValueError::NumberTooLong(length)),
        _ => Ok(value.to_big_int().to_string()),
    }
}

/// ASCII text, in a place where checking it takes many bytes at a time.
#[repr(align(16))]
struct Block<const LENGTH: usize>([u8; LENGTH]);

impl<const LENGTH: usize> Block<LENGTH> {
    /// Appends the first bytes to `out`.
    fn push_to(&self, length: usize, out: &mut String) {
        out.push_str(str::from_utf8(&self.0).ok().and_then(|text| text.get(..length)).unwrap_or_default());
    }
}

/// Writes bytes as hexadecimal digits.
pub(super) fn write_hex(bytes: &[u8], out: &mut String) {
    // Arithmetic on blocks of one size, not a table: the compiler does many bytes at a time.
    let digit = |value: u8| value + if value > 9 { b'a' - 10 } else { b'0' };
    out.reserve(bytes.len() * 2);
    let (blocks, rest) = bytes.as_chunks::<32>();
    let mut write = |block: &[u8; 32], length: usize| {
        let mut text = Block([0; 64]);
        for (pair, byte) in text.0.as_chunks_mut::<2>().0.iter_mut().zip(block) {
            *pair = [digit(byte >> 4), digit(byte & 15)];
        }
        text.push_to(length * 2, out);
    };
    for block in blocks {
        write(block, block.len());
    }
    if !rest.is_empty() {
        let mut block = [0; 32];
        block.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
        write(&block, rest.len());
    }
}

/// Writes a UUID in its usual form.
pub(super) fn write_uuid(uuid: Uuid, out: &mut String) {
    out.push_str(uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
}

/// Writes `value` with at least `width` digits.
pub(super) fn write_padded(value: u64, width: usize, out: &mut String) {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(value);
    (digits.len()..width).for_each(|_| out.push('0'));
    out.push_str(digits);
}

fn write_date(date: Date, dialect: Dialect, out: &mut String) {
    if date.year < 0 {
        out.push('-');
    } else if date.year > 9_999 && dialect != Dialect::Cassandra3 {
        // `SignStyle.EXCEEDS_PAD` of java.time; Joda and SimpleDateFormat print no sign.
        out.push('+');
    }
    let year = date.year.unsigned_abs();
    let ([y1, y2], [y3, y4]) = (two_digits(year / 100 % 100), two_digits(year % 100));
    if year > 9_999 {
        write_integer(year / 10_000, out);
    }
    let ([m1, m2], [d1, d2]) = (two_digits(date.month.into()), two_digits(date.day.into()));
    Block([y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, 0, 0, 0, 0, 0, 0]).push_to(10, out);
}

/// Returns the digits of a number below 100.
fn two_digits(number: u64) -> [u8; 2] {
    [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]
}

/// Writes a `date` (`SimpleDateSerializer.toString`).
pub(super) fn write_day(days: u32, dialect: Dialect, out: &mut String) {
    write_date(gregorian(i64::from(days) - (1 << 31)), dialect, out);
}

/// Writes a `timestamp` in UTC with `separator` between date and time (`TimestampSerializer`).
///
/// Cassandra prints the year of the era and no era, and 3.11 prints dates before 1582-10-15 by the Julian
/// calendar.
pub(super) fn write_timestamp(ms: i64, separator: char, dialect: Dialect, out: &mut String) {
    let (day, ms_of_day) = (ms.div_euclid(DAY_MS), ms.rem_euclid(DAY_MS) as u64);
    let mut date = if dialect == Dialect::Cassandra3 && day < GREGORIAN_START_DAY {
        julian(day)
    } else {
        gregorian(day)
    };
    if date.year <= 0 {
        date.year = 1 - date.year;
    }
    let (hours, minutes, seconds) = (ms_of_day / 3_600_000, ms_of_day / 60_000 % 60, ms_of_day / 1_000 % 60);
    let ms = ms_of_day % 1_000;
    let ([h1, h2], [m1, m2], [s1, s2]) = (two_digits(hours), two_digits(minutes), two_digits(seconds));
    let ([ms1, ms2], ms3) = (two_digits(ms / 10), b'0' + (ms % 10) as u8);
    write_date(date, dialect, out);
    out.push(separator);
    Block([h1, h2, b':', m1, m2, b':', s1, s2, b'.', ms1, ms2, ms3, b'Z', 0, 0, 0]).push_to(13, out);
}

/// Returns true for timestamps in the years 1 to 9999, which every reader of their text takes for the same.
pub(super) fn is_common_year(ms: i64) -> bool {
    (-62_135_596_800_000..=253_402_300_799_999).contains(&ms)
}

/// Returns true for timestamps of the Gregorian calendar: 3.11 reads earlier texts by the Julian one.
pub(super) fn is_gregorian(ms: i64) -> bool {
    ms >= GREGORIAN_START_DAY * DAY_MS
}

/// Returns true for nanoseconds within a day.
pub(super) fn is_time_of_day(ns: i64) -> bool {
    (0..DAY_NS).contains(&ns)
}

/// Writes a `time` (`TimeSerializer.toString`).
///
/// Cassandra stores any number, prints one of less than a day below zero with a minus in each part, and throws
/// for those that are further out.
pub(super) fn write_time(ns: i64, out: &mut String) -> Result<(), ValueError> {
    if ns <= -DAY_NS || ns >= DAY_NS {
        return Err(ValueError::TimeOutOfRange(ns));
    }
    write_time_part(ns / 3_600_000_000_000, 2, out);
    out.push(':');
    write_time_part(ns / 60_000_000_000 % 60, 2, out);
    out.push(':');
    write_time_part(ns / 1_000_000_000 % 60, 2, out);
    out.push('.');
    write_time_part(ns / 1_000_000 % 1_000, 3, out);
    write_time_part(ns / 1_000 % 1_000, 3, out);
    write_time_part(ns % 1_000, 3, out);
    Ok(())
}

fn write_time_part(value: i64, width: usize, out: &mut String) {
    if let Ok(value) = u64::try_from(value) {
        return write_padded(value, width, out);
    }
    (1..width).for_each(|_| out.push('0'));
    write_integer(value, out);
}

/// Writes a `duration` (`Duration.toString`): nothing at all for a duration of zero.
///
/// As in Java the least `int` and `long` have no absolute value, and so no text.
pub(super) fn write_duration(duration: Duration, out: &mut String) {
    let Duration { months, days, nanoseconds } = duration;
    if months < 0 || days < 0 || nanoseconds < 0 {
        out.push('-');
    }
    let units: [(i64, &[(i64, &str)]); 3] = [
        (months.wrapping_abs().into(), &[(12, "y"), (1, "mo")]),
        (days.wrapping_abs().into(), &[(1, "d")]),
        (
            nanoseconds.wrapping_abs(),
            &[
                (3_600_000_000_000, "h"),
                (60_000_000_000, "m"),
                (1_000_000_000, "s"),
                (1_000_000, "ms"),
                (1_000, "us"),
                (1, "ns"),
            ],
        ),
    ];
    for (mut rest, units) in units {
        for &(size, name) in units {
            if rest >= size {
                write_integer(rest / size, out);
                out.push_str(name);
                rest %= size;
            }
        }
    }
}

/// Writes an `inet` (`InetAddress.getHostAddress`): IPv6 without any shortening, and IPv4 where IPv6 only
/// wraps it.
pub(super) fn write_inet(address: IpAddr, out: &mut String) {
    match address {
        IpAddr::V4(v4) => {
            for (index, octet) in v4.octets().into_iter().enumerate() {
                if index > 0 {
                    out.push('.');
                }
                write_integer(octet, out);
            }
        }
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => write_inet(IpAddr::V4(v4), out),
            None => {
                for (index, segment) in v6.segments().into_iter().enumerate() {
                    if index > 0 {
                        out.push(':');
                    }
                    let bytes = segment.to_be_bytes();
                    let start = out.len();
                    write_hex(&bytes, out);
                    let zeros =
                        out.get(start..).map_or(0, |hex| hex.len() - hex.trim_start_matches('0').len());
                    out.replace_range(start..start + zeros.min(3), "");
                }
            }
        },
    }
}
