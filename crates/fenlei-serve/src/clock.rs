//! Times as people and logs write them, in UTC.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds since 1970; 0 for a clock that stands before it.
pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
}

/// `2026-11-26T17:25:02.123Z` (RFC 3339).
pub(crate) fn now() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let (days, rest) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = date_of(days);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", since.subsec_millis())
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar.
fn date_of(days: u64) -> (u64, u64, u64) {
    // Years that begin in March end with the leap day, and 400 of them have always the same number of days.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day_of_month)
}

/// The second since 1970 at which a day `YYYY-MM-DD` begins, in UTC; `None` for anything else.
pub fn day_begins(date: &str) -> Option<u64> {
    let mut parts = date.split('-').map(|part| part.parse::<u64>().ok());
    let written = (parts.next()??, parts.next()??, parts.next()??);
    let (year, month, day) = written;
    if parts.next().is_some()
        || !(1970..=9999).contains(&year)
        || !(1..=12).contains(&month)
        || !(1..=31).contains(&day)
    {
        return None;
    }
    // The inverse of `date_of`.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = days.checked_sub(719_468)?;
    (date_of(days) == written).then_some(days * 86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        let cases = [(0, (1970, 1, 1)), (59, (1970, 3, 1)), (11_016, (2000, 2, 29)), (20_783, (2026, 11, 26))];
        for (days, date) in cases {
            assert_eq!(date_of(days), date);
        }
    }

    #[test]
    fn a_date_is_read_and_nonsense_is_not() {
        assert_eq!(day_begins("1970-01-02"), Some(86_400));
        assert_eq!(day_begins("2000-02-29"), Some(11_016 * 86_400));
        assert_eq!(day_begins("9999-12-31").map(|second| date_of(second / 86_400)), Some((9999, 12, 31)));
        for wrong in ["", "2001-02-29", "2026-13-01", "2026-11-00", "2026-11", "1969-12-31", "2026-11-26-1", "x-y-z"] {
            assert_eq!(day_begins(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn now_is_written_as_the_standard_says() {
        let now = now();
        assert!(now.len() == 24 && now.ends_with('Z') && now.starts_with("20") && now.as_bytes()[10] == b'T', "{now}");
    }
}
