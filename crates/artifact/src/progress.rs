//! What is told while an artifact is fetched or pushed, for whoever shows it.

use std::sync::Arc;
use std::time::Duration;

/// Is told how fetching goes on. Called from the task that fetches, so it returns at once.
pub trait Progress: Send + Sync {
    /// One step on the way to `reference`.
    fn report(&self, reference: &str, step: Step);
}

/// A step of fetching or pushing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Step {
    /// The registry is asked what the reference means.
    Resolving,
    /// Another task or process fetches the same.
    Waiting,
    /// Bytes arrive.
    Downloading {
        /// Those that are there, with what an interrupted download had left.
        bytes: u64,
        /// All of them.
        total: u64,
    },
    /// Bytes are sent.
    Uploading {
        /// Those that were sent.
        bytes: u64,
        /// All of them.
        total: u64,
    },
    /// It failed, and is tried again.
    Retrying {
        /// How often it was tried.
        attempt: u32,
        /// The pause before it is tried again.
        pause: Duration,
    },
    /// It was in the cache.
    Cached,
    /// It is there.
    Done,
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

/// Who is told, and about which reference.
#[derive(Clone)]
pub(crate) struct Teller {
    pub(crate) reference: Arc<str>,
    pub(crate) progress: Arc<dyn Progress>,
}

impl Progress for Silent {
    fn report(&self, _: &str, _: Step) {}
}

impl Teller {
    pub(crate) fn tell(&self, step: Step) {
        self.progress.report(&self.reference, step);
    }
}
