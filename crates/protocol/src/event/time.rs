//! Points in time as events write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const NANOS_PER_SECOND: u64 = 1_000_000_000;
const SECONDS_PER_DAY: u64 = 86_400;
/// Days from 1 March of the year 0 to 1 January 1970 in the Gregorian calendar.
const EPOCH_DAYS: u64 = 719_468;
/// Days of 400 years.
const ERA_DAYS: u64 = 146_097;

/// A point in time: nanoseconds since 1970 in UTC, until the year 2554.
///
/// Written in RFC 3339 with nine digits of a second and `Z`; read in any RFC 3339 form, digits beyond the ninth cut.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct EventTime(u64);

/// A text is no time, or none between the years 1970 and 2554.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a time is written as in RFC 3339 and lies between the years 1970 and 2554")]
pub struct ParseTimeError;

// ===== impl EventTime =====

impl EventTime {
    /// The last time that can be told.
    pub const MAX: Self = Self(u64::MAX);

    /// The time `elapsed` after the beginning of 1970 in UTC; `None` after the year 2554.
    pub fn since_epoch(elapsed: Duration) -> Option<Self> {
        u64::try_from(elapsed.as_nanos()).ok().map(Self)
    }

    /// How long after the beginning of 1970 in UTC.
    pub fn as_since_epoch(self) -> Duration {
        Duration::from_nanos(self.0)
    }
}

impl fmt::Display for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / NANOS_PER_SECOND;
        let (year, month, day) = date_of_days(seconds / SECONDS_PER_DAY);
        let of_day = seconds % SECONDS_PER_DAY;
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:09}Z",
            of_day / 3600,
            of_day / 60 % 60,
            of_day % 60,
            self.0 % NANOS_PER_SECOND
        )
    }
}

impl FromStr for EventTime {
    type Err = ParseTimeError;

    fn from_str(text: &str) -> Result<Self, ParseTimeError> {
        parse(text.as_bytes()).map(Self).ok_or(ParseTimeError)
    }
}

impl Serialize for EventTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EventTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

/// The nanoseconds of `text`: `YYYY-MM-DDThh:mm:ss[.fraction](Z|±hh:mm)`.
fn parse(text: &[u8]) -> Option<u64> {
    let (date, rest) = text.split_at_checked(19)?;
    for (index, separators) in [(4, "-"), (7, "-"), (10, "Tt "), (13, ":"), (16, ":")] {
        if !separators.as_bytes().contains(&date[index]) {
            return None;
        }
    }
    let (year, month, day) = (
        number(&date[..4])?,
        number(&date[5..7])?,
        number(&date[8..10])?,
    );
    let (hour, minute, second) = (
        number(&date[11..13])?,
        number(&date[14..16])?,
        number(&date[17..])?,
    );
    // A leap second is read as the first second after it.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let seconds =
        days_of_date(year, month, day)? * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
    let (nanos, zone) = fraction(rest)?;
    let seconds = match zone {
        b"Z" | b"z" => seconds,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let offset = hours * 3600 + minutes * 60;
            if *sign == b'+' {
                seconds.checked_sub(offset)?
            } else {
                seconds + offset
            }
        }
        _ => return None,
    };
    seconds.checked_mul(NANOS_PER_SECOND)?.checked_add(nanos)
}

/// Nanoseconds of the fraction at the start of `text`, and what follows it.
fn fraction(text: &[u8]) -> Option<(u64, &[u8])> {
    let Some((b'.', digits)) = text.split_first().map(|(first, rest)| (*first, rest)) else {
        return Some((0, text));
    };
    let length = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if length == 0 {
        return None;
    }
    let (digits, rest) = digits.split_at(length);
    let nanos = (0..9).fold(0, |nanos, index| {
        let digit = digits.get(index).map_or(0, |byte| byte - b'0');
        nanos * 10 + u64::from(digit)
    });
    Some((nanos, rest))
}

/// The value of a few decimal digits.
fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |value, byte| {
        byte.is_ascii_digit()
            .then(|| value * 10 + u64::from(byte - b'0'))
    })
}

/// Days from 1 January 1970 to a date of the Gregorian calendar.
///
/// Years are counted from March here, so that the leap day is the last of a year.
fn days_of_date(year: u64, month: u64, day: u64) -> Option<u64> {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let month_days = match month {
        2 => 28 + u64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=month_days).contains(&day) {
        return None;
    }
    let march_year = if month > 2 {
        year
    } else {
        year.checked_sub(1)?
    };
    let march_month = (month + 9) % 12;
    let day_of_year = (153 * march_month + 2) / 5 + day - 1;
    let days =
        march_year * 365 + march_year / 4 - march_year / 100 + march_year / 400 + day_of_year;
    days.checked_sub(EPOCH_DAYS)
}

/// The date that lies so many days after 1 January 1970: the inverse of [`days_of_date`].
fn date_of_days(days: u64) -> (u64, u64, u64) {
    let days = days + EPOCH_DAYS;
    let (era, day_of_era) = (days / ERA_DAYS, days % ERA_DAYS);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = (march_month + 2) % 12 + 1;
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, nanos: u64, rendered: &str) {
        let time: EventTime = text.parse().unwrap();
        assert_eq!(time.as_since_epoch(), Duration::from_nanos(nanos), "{text}");
        assert_eq!(time.to_string(), rendered);
    }

    #[test]
    fn times_are_read_in_any_form_and_written_in_one() {
        let recorded = "2026-11-20T20:10:08.385995629Z";
        check(recorded, 1_795_205_408_385_995_629, recorded);
        check("1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00.000000000Z");
        check(
            "2024-02-29T23:59:60.5+01:00",
            1_709_247_600_500_000_000,
            "2024-02-29T23:00:00.500000000Z",
        );
        check(
            "1999-12-31 19:00:00.1234567891-05:00",
            946_684_800_123_456_789,
            "2000-01-01T00:00:00.123456789Z",
        );
        check(
            "2554-07-21T23:34:33.709551615Z",
            u64::MAX,
            "2554-07-21T23:34:33.709551615Z",
        );
    }

    #[test]
    fn other_texts_are_no_times() {
        for text in [
            "",
            "2024-01-01",
            "2024-01-01T00:00:00",
            "2024-01-01T00:00:00.Z",
            "2024-13-01T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "2024-01-00T00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:00:00+1:00",
            "1969-12-31T23:59:59Z",
            "0000-01-01T00:00:00Z",
            "2600-01-01T00:00:00Z",
            "2024-01-01T00:00:00Zzz",
            "é024-01-01T00:00:00Z",
        ] {
            assert_eq!(text.parse::<EventTime>(), Err(ParseTimeError), "{text:?}");
        }
    }

    #[test]
    fn every_day_reads_back() {
        for day in 0..200_000 {
            let (year, month, date) = date_of_days(day);
            assert_eq!(days_of_date(year, month, date), Some(day));
        }
    }
}
