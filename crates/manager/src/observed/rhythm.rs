//! How often a host is heard of.

use std::time::Duration;

use crate::clock::Moment;

/// How many gaps between heartbeats are remembered.
const GAPS: usize = 4;
/// The bounds of what is learnt: a shorter one would give a host up for a hiccup, a longer one hardly ever.
const INTERVAL_MIN: Duration = Duration::from_secs(1);
const INTERVAL_MAX: Duration = Duration::from_secs(300);

/// Learns the interval of heartbeats.
#[derive(Debug)]
pub(super) struct Rhythm {
    expected: Duration,
    last: Option<Moment>,
    /// The last gaps, the oldest first.
    gaps: Vec<Duration>,
}

// ===== impl Rhythm =====

impl Rhythm {
    pub(super) fn new(expected: Duration) -> Self {
        Self {
            expected,
            last: None,
            gaps: Vec::with_capacity(GAPS),
        }
    }

    pub(super) fn beat(&mut self, now: Moment) {
        if let Some(last) = self.last {
            if self.gaps.len() == GAPS {
                self.gaps.remove(0);
            }
            self.gaps.push(now.saturating_sub(last));
        }
        self.last = Some(now);
    }

    /// How long it is from one heartbeat to the next: the longest of the last gaps, once there are enough of them, and
    /// not less than expected before.
    pub(super) fn interval(&self) -> Duration {
        let longest = self.gaps.iter().max().copied().unwrap_or_default();
        let interval = if self.gaps.len() < GAPS {
            longest.max(self.expected)
        } else {
            longest
        };
        interval.clamp(INTERVAL_MIN.min(self.expected), INTERVAL_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_learnt_from_several_gaps() {
        let mut rhythm = Rhythm::new(Duration::from_secs(30));
        for beat in 0..4 {
            rhythm.beat(Duration::from_secs(5 * beat));
            assert_eq!(rhythm.interval(), Duration::from_secs(30));
        }
        rhythm.beat(Duration::from_secs(20));
        assert_eq!(rhythm.interval(), Duration::from_secs(5));
        // A lost heartbeat makes it longer, for a while.
        rhythm.beat(Duration::from_secs(30));
        assert_eq!(rhythm.interval(), Duration::from_secs(10));
        for beat in 7..11 {
            rhythm.beat(Duration::from_secs(5 * beat));
        }
        assert_eq!(rhythm.interval(), Duration::from_secs(5));
    }

    #[test]
    fn a_slow_host_is_believed_at_once() {
        let mut rhythm = Rhythm::new(Duration::from_secs(30));
        rhythm.beat(Duration::ZERO);
        rhythm.beat(Duration::from_secs(120));
        assert_eq!(rhythm.interval(), Duration::from_secs(120));
        let mut rhythm = Rhythm::new(Duration::from_secs(30));
        for beat in 0..9 {
            rhythm.beat(Duration::from_millis(beat));
        }
        assert_eq!(rhythm.interval(), INTERVAL_MIN);
    }
}
