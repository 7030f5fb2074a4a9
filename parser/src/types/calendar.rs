//! Dates from day numbers, in the Gregorian calendar and in the one that Java's `GregorianCalendar` uses.

/// A year (0 is 1 BC), month and day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Date {
    pub(super) year: i64,
    pub(super) month: u8,
    pub(super) day: u8,
}

/// Day number of 1582-10-15, since 1970: Java's older calendar counts by the Julian one before it.
pub(super) const GREGORIAN_START_DAY: i64 = -141_427;

/// Returns the Gregorian date of a day since 1970, for all years (`java.time`).
pub(super) fn gregorian(day: i64) -> Date {
    // The year begins in March here, so that the leap day is its last; 0000-03-01 is day -719468.
    let day = day + 719_468;
    let (era, day_of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let leap_days = day_of_era / 1_460 - day_of_era / 36_524 + day_of_era / 146_096;
    let year_of_era = (day_of_era - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    date(era * 400 + year_of_era, day_of_year)
}

/// Returns the Julian date of a day since 1970.
pub(super) fn julian(day: i64) -> Date {
    // 0000-03-01 of this calendar is two days before that of the other.
    let day = day + 719_470;
    let (era, day_of_era) = (day.div_euclid(1_461), day.rem_euclid(1_461));
    let year_of_era = (day_of_era - day_of_era / 1_460) / 365;
    date(era * 4 + year_of_era, day_of_era - 365 * year_of_era)
}

/// Turns a year that begins in March and a day in it into a date.
fn date(march_year: i64, day_of_year: i64) -> Date {
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    Date { year: march_year + i64::from(month <= 2), month: month as u8, day: day as u8 }
}
