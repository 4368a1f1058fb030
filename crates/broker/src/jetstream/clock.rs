//! The time, as state machines are told it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What Go prints for a time that was never set.
const ZERO_TIME: &str = "0001-01-01T00:00:00Z";

/// Both clocks at one moment.
///
/// Message times and ages follow the wall clock; waiting times follow the monotonic one, so that setting the
/// wall clock expires nothing that was just delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Now {
    pub(crate) wall: WallTime,
    pub(crate) tick: Tick,
}

/// Nanoseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WallTime(pub(crate) i64);

/// Nanoseconds since this process' clock began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tick(pub(crate) i64);

/// A length of time as the API has it: whole nanoseconds, possibly negative.
pub(crate) type Nanos = i64;

/// How far the time of streams is ahead of the clocks of the machine, for tests: messages age, and waits end,
/// without anyone waiting.
///
/// Copies move together. Streams notice with the next message that reaches any of them.
#[derive(Debug, Clone, Default)]
pub struct TimeShift(Arc<AtomicI64>);

/// Where [`Now`] comes from.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    began: Instant,
    shift: TimeShift,
    /// What it shows instead, where something else drives it.
    #[cfg(any(test, fuzzing))]
    pub(crate) driven: Option<Now>,
}

// ---------------------------------------------------------------------------------------------------------

impl TimeShift {
    /// Lets `by` pass at once.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(nanos(by), Ordering::Relaxed);
    }
}

impl Clock {
    pub(crate) fn new(shift: TimeShift) -> Self {
        Self {
            began: Instant::now(),
            shift,
            #[cfg(any(test, fuzzing))]
            driven: None,
        }
    }

    pub(crate) fn now(&self) -> Now {
        #[cfg(any(test, fuzzing))]
        if let Some(now) = self.driven {
            return now;
        }
        let shift = self.shift.0.load(Ordering::Relaxed);
        let wall = SystemTime::now().duration_since(UNIX_EPOCH);
        Now {
            wall: WallTime(nanos(wall.unwrap_or_default())).plus(shift),
            tick: Tick(nanos(self.began.elapsed())).plus(shift),
        }
    }
}

impl WallTime {
    pub(crate) fn plus(self, nanos: Nanos) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// The time as RFC 3339 in UTC with as many fractional digits as needed.
    pub(crate) fn render(self) -> String {
        if self == Self::default() {
            return ZERO_TIME.to_owned();
        }
        jiff::Timestamp::from_nanosecond(i128::from(self.0))
            .map_or_else(|_| ZERO_TIME.to_owned(), |time| time.to_string())
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text == ZERO_TIME {
            return Some(Self::default());
        }
        let time: jiff::Timestamp = text.parse().ok()?;
        i64::try_from(time.as_nanosecond()).ok().map(Self)
    }
}

impl Tick {
    pub(crate) fn plus(self, nanos: Nanos) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// Time from `self` until `later`; zero if that is past.
    pub(crate) fn until(self, later: Self) -> Duration {
        Duration::from_nanos(later.0.saturating_sub(self.0).max(0).unsigned_abs())
    }
}

impl Now {
    /// When the monotonic clock will show what the wall clock shows at `wall`.
    pub(crate) fn tick_at(&self, wall: WallTime) -> Tick {
        self.tick.plus(wall.0.saturating_sub(self.wall.0))
    }
}

/// A duration in words, as the reference server writes it: `250ms`, `1.5s`, `1h0m5s`.
pub(crate) fn render_duration(nanos: Nanos) -> String {
    const SECOND: u64 = 1_000_000_000;
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    // A whole number of a unit, and what is left of it without trailing zeros.
    let in_units = |nanos: u64, unit: u64, name: &str| {
        let digits = unit.ilog10() as usize;
        let rest = format!("{:0digits$}", nanos % unit);
        let rest = rest.trim_end_matches('0');
        let point = if rest.is_empty() { "" } else { "." };
        format!("{}{point}{rest}{name}", nanos / unit)
    };
    let text = match nanos {
        0 => "0s".to_owned(),
        1..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => in_units(nanos, 1_000, "\u{b5}s"),
        1_000_000..SECOND => in_units(nanos, 1_000_000, "ms"),
        _ => {
            let minutes = nanos / (60 * SECOND);
            let seconds = in_units(nanos % (60 * SECOND), SECOND, "s");
            match (minutes / 60, minutes % 60) {
                (0, 0) => seconds,
                (0, minutes) => format!("{minutes}m{seconds}"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}"),
            }
        }
    };
    format!("{sign}{text}")
}

/// A duration as whole nanoseconds; about 292 years at most.
pub(crate) fn nanos(duration: Duration) -> Nanos {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_print_as_go_prints_them() {
        for (nanos, text) in [
            (0, "0s"),
            (7, "7ns"),
            (1_500, "1.5\u{b5}s"),
            (250_000_000, "250ms"),
            (1_000_000_000, "1s"),
            (90_050_000_000, "1m30.05s"),
            (3_605_000_000_000, "1h0m5s"),
            (-2_000_000_000, "-2s"),
        ] {
            assert_eq!(render_duration(nanos), text);
        }
    }

    #[test]
    fn times_print_as_go_prints_them() {
        let check = |nanos: i64, text: &str| {
            assert_eq!(WallTime(nanos).render(), text);
            assert_eq!(WallTime::parse(text), Some(WallTime(nanos)));
        };
        check(0, "0001-01-01T00:00:00Z");
        check(1_795_205_495_951_716_894, "2026-11-20T20:11:35.951716894Z");
        check(1_795_205_495_950_000_000, "2026-11-20T20:11:35.95Z");
        check(1_795_205_495_000_000_000, "2026-11-20T20:11:35Z");
        assert_eq!(
            WallTime::parse("2026-11-20T21:11:35+01:00"),
            Some(WallTime(1_795_205_495_000_000_000))
        );
        assert_eq!(WallTime::parse("yesterday"), None);
    }
}
