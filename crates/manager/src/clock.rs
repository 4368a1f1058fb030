//! Time as the pure parts know it.

use std::time::Duration;

use tokio::time::Instant;

/// A point in time: how long after the manager was started, by a clock that never goes back.
pub(crate) type Moment = Duration;

/// Where moments come from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
}

// ===== impl Clock =====

impl Clock {
    /// A clock that begins now.
    pub(crate) fn start() -> Self {
        Self {
            origin: Instant::now(),
        }
    }

    pub(crate) fn now(self) -> Moment {
        self.origin.elapsed()
    }

    /// The moment as the runtime knows it.
    pub(crate) fn instant(self, moment: Moment) -> Instant {
        self.origin + moment
    }
}
