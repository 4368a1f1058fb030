//! What a client does, for those who watch.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::stats::Counter;

/// Characters that are kept of each text.
const TEXT_MAX: usize = 128;

/// What a client says of itself in `CONNECT`. Texts are shortened.
#[derive(Debug)]
pub(crate) struct Profile {
    pub(crate) name: String,
    pub(crate) lang: String,
    pub(crate) version: String,
}

/// What a client sent, and when. Written by its reader alone.
#[derive(Debug)]
pub(crate) struct Traffic {
    pub(crate) started: Instant,
    pub(crate) messages_in: Counter,
    pub(crate) bytes_in: Counter,
    /// Microseconds after the start.
    active: AtomicU64,
    /// Microseconds; zero while it is not known.
    round_trip: AtomicU64,
}

// ---------------------------------------------------------------------------------------------------------

impl Profile {
    pub(crate) fn new(texts: [Option<String>; 3]) -> Self {
        let [name, lang, version] = texts.map(|text| {
            let text = text.unwrap_or_default();
            text.chars().take(TEXT_MAX).collect()
        });
        Self {
            name,
            lang,
            version,
        }
    }
}

impl Traffic {
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            messages_in: Counter::default(),
            bytes_in: Counter::default(),
            active: AtomicU64::new(0),
            round_trip: AtomicU64::new(0),
        }
    }

    /// The client has sent something.
    pub(crate) fn note_active(&self) {
        self.active
            .store(micros(self.started.elapsed()), Ordering::Relaxed);
    }

    /// It took the client so long to answer a ping.
    pub(crate) fn note_round_trip(&self, duration: Duration) {
        self.round_trip
            .store(micros(duration).max(1), Ordering::Relaxed);
    }

    /// When the client last sent something.
    pub(crate) fn last_active(&self) -> Instant {
        self.started + Duration::from_micros(self.active.load(Ordering::Relaxed))
    }

    pub(crate) fn round_trip(&self) -> Option<Duration> {
        match self.round_trip.load(Ordering::Relaxed) {
            0 => None,
            micros => Some(Duration::from_micros(micros)),
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
