//! Texts of dates, times and durations, as Cassandra 4.0 and later print them.

use anyhow::{Context, Result, bail, ensure};

/// Returns the days from 1970-01-01 to a date of the proleptic Gregorian calendar.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March here, so that the leap day is the last one of a year.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn number(text: &str) -> Result<i64> {
    ensure!(!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()), "not a number: {text:?}");
    Ok(text.parse()?)
}

/// Returns the days since 1970-01-01 of `[±]year-month-day`.
pub(crate) fn date(text: &str) -> Result<i64> {
    let (negative, unsigned) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let mut parts = unsigned.split('-');
    let mut part = || number(parts.next().context("date too short")?);
    let (year, month, day) = (part()?, part()?, part()?);
    ensure!(parts.next().is_none(), "date too long: {text:?}");
    ensure!((1..=12).contains(&month) && (1..=31).contains(&day), "no such date: {text:?}");
    Ok(days_from_civil(if negative { -year } else { year }, month, day))
}

/// Returns the nanoseconds since midnight of `hh:mm:ss[.fraction]`.
pub(crate) fn time(text: &str) -> Result<i64> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = clock.split(':');
    let mut part = || number(parts.next().context("time too short")?);
    let (hours, minutes, seconds) = (part()?, part()?, part()?);
    ensure!(parts.next().is_none(), "time too long: {text:?}");
    ensure!(hours < 24 && minutes < 60 && seconds < 60 && fraction.len() <= 9, "no such time: {text:?}");
    let nanoseconds = if fraction.is_empty() { 0 } else { number(&format!("{fraction:0<9}"))? };
    Ok(((hours * 60 + minutes) * 60 + seconds) * 1_000_000_000 + nanoseconds)
}

/// Returns the milliseconds since 1970 of `year-month-day hh:mm:ss.mmmZ`.
pub(crate) fn timestamp(text: &str) -> Result<i64> {
    let local = text.strip_suffix('Z').with_context(|| format!("not a UTC timestamp: {text:?}"))?;
    let (day, clock) = local.split_once(' ').with_context(|| format!("not a timestamp: {text:?}"))?;
    Ok(date(day)? * 86_400_000 + time(clock)? / 1_000_000)
}

/// Returns months, days and nanoseconds of a duration's text such as `1y2mo3d4h5m6s7ms8us9ns`.
///
/// The empty text is the zero duration: so Cassandra prints it (`Duration.toString`), and it refuses durations of zero bytes
/// (`DurationSerializer.validate`).
pub(crate) fn duration(text: &str) -> Result<(i64, i64, i64)> {
    let (sign, mut rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let (mut months, mut days, mut nanoseconds) = (0i64, 0i64, 0i64);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).context("duration without unit")?;
        let amount = sign * number(&rest[..digits])?;
        rest = &rest[digits..];
        let unit = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        match &rest[..unit] {
            "y" => months += 12 * amount,
            "mo" => months += amount,
            "w" => days += 7 * amount,
            "d" => days += amount,
            "h" => nanoseconds += amount * 3_600_000_000_000,
            "m" => nanoseconds += amount * 60_000_000_000,
            "s" => nanoseconds += amount * 1_000_000_000,
            "ms" => nanoseconds += amount * 1_000_000,
            "us" => nanoseconds += amount * 1_000,
            "ns" => nanoseconds += amount,
            other => bail!("unknown unit {other:?} in duration {text:?}"),
        }
        rest = &rest[unit..];
    }
    Ok((months, days, nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_follow_the_proleptic_gregorian_calendar() {
        assert_eq!(date("1970-01-01").unwrap(), 0);
        assert_eq!(date("2000-03-01").unwrap(), 11_017);
        assert_eq!(date("1582-10-14").unwrap(), -141_428);
        assert_eq!(date("0000-01-01").unwrap(), -719_528);
        assert_eq!(date("-0001-12-31").unwrap(), -719_529);
        assert_eq!(date("+10000-01-01").unwrap(), 2_932_897);
        assert!(date("2000-13-01").is_err());
    }

    #[test]
    fn times_and_timestamps_are_read() {
        assert_eq!(time("23:59:59.999999999").unwrap(), 86_399_999_999_999);
        assert_eq!(timestamp("1969-12-31 23:59:59.999Z").unwrap(), -1);
        assert!(timestamp("1970-01-01 00:00:00.000").is_err());
    }

    #[test]
    fn durations_are_read() {
        assert_eq!(duration("-1y2mo3d4h5m6s7ms8us9ns").unwrap(), (-14, -3, -14_706_007_008_009));
        assert_eq!(duration("").unwrap(), (0, 0, 0));
        assert_eq!(duration("0ns").unwrap(), (0, 0, 0));
        assert!(duration("5").is_err() && duration("1x").is_err());
    }
}
