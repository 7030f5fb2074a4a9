//! Write times as people write and read them.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// Reads a write time: microseconds since 1970, or an ISO 8601 time, taken as UTC if it names no zone.
pub fn parse_micros(text: &str) -> Result<i64, String> {
    if let Ok(micros) = text.parse() {
        return Ok(micros);
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time.as_microsecond());
    }
    let time = text.parse::<DateTime>().or_else(|_| text.parse::<jiff::civil::Date>().map(DateTime::from));
    let zoned = time.and_then(|time| time.to_zoned(TimeZone::UTC));
    zoned.map(|zoned| zoned.timestamp().as_microsecond()).map_err(|_| {
        format!("'{text}' is not a time: expected microseconds since 1970 or ISO 8601, such as 2023-11-14T22:13:20Z")
    })
}

/// Returns a write time as ISO 8601 with microseconds, or the number itself where the calendar ends.
pub fn iso_micros(micros: i64) -> String {
    match Timestamp::from_microsecond(micros) {
        Ok(time) => time.to_string(),
        Err(_) => format!("{micros} µs"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_numbers_and_as_iso() {
        let micros = 1_700_000_000_000_000;
        for text in [
            "1700000000000000",
            "2023-11-14T22:13:20Z",
            "2023-11-14T23:13:20+01:00",
            "2023-11-14T22:13:20",
            "2023-11-14 22:13:20",
        ] {
            assert_eq!(parse_micros(text), Ok(micros), "{text}");
        }
        assert_eq!(parse_micros("2023-11-14"), Ok(1_699_920_000_000_000));
        assert!(parse_micros("yesterday").is_err());
        assert_eq!(iso_micros(micros + 1), "2023-11-14T22:13:20.000001Z");
        assert_eq!(iso_micros(i64::MIN), "-9223372036854775808 µs");
    }
}
