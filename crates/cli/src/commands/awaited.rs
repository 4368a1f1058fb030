//! Waiting for so many things, which come one by one.

use std::time::Duration;

use tokio::time::Instant;
use weft_model::problem::Coded;

use crate::failure::Failure;
use crate::status::Status;
use crate::ui::{count, render_elapsed};

/// How many things are waited for, and until when.
pub(super) struct Awaited {
    /// What one of them is called.
    noun: &'static str,
    /// How many are to come; `None` where it is not waited for any number.
    number: Option<u64>,
    came: u64,
    /// How long is waited, and until when.
    limit: Option<(Duration, Instant)>,
}

/// Fewer came than were waited for.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
#[error("{came} of {wanted} came within {waited}")]
pub(super) struct TooFew {
    came: u64,
    /// How many were to come, with what they are called.
    wanted: String,
    /// How long was waited, in words.
    waited: String,
}

// ===== impl Awaited =====

impl Awaited {
    /// Waits from now on for so many of what `noun` is, for `timeout` where both are given.
    pub(super) fn new(noun: &'static str, number: Option<u64>, timeout: Option<Duration>) -> Self {
        let timeout = number.and(timeout);
        Self {
            noun,
            number,
            came: 0,
            limit: timeout.map(|timeout| (timeout, Instant::now() + timeout)),
        }
    }

    /// Whether all have come.
    pub(super) fn is_over(&self) -> bool {
        self.number.is_some_and(|number| self.came >= number)
    }

    /// Takes note of one that came.
    pub(super) fn note(&mut self) {
        self.came += 1;
    }

    /// Waits until it is too late, if it ever is. Cancel safe.
    pub(super) async fn late(&self) -> TooFew {
        let (Some((timeout, deadline)), Some(number)) = (self.limit, self.number) else {
            return std::future::pending().await;
        };
        tokio::time::sleep_until(deadline).await;
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        TooFew {
            came: self.came,
            wanted: count(number, self.noun),
            waited: render_elapsed(timeout),
        }
    }
}

// ===== impl TooFew =====

impl Coded for TooFew {
    fn code(&self) -> &'static str {
        "CLI009"
    }

    fn subject(&self) -> String {
        self.wanted.clone()
    }

    fn hints(&self) -> Vec<String> {
        vec!["wait longer with `--timeout`".to_owned()]
    }
}

impl From<TooFew> for Failure {
    fn from(error: TooFew) -> Self {
        Self::new(Status::Deadline, &error)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(5);

    #[tokio::test(start_paused = true)]
    async fn a_number_is_waited_for_until_the_deadline() {
        let mut awaited = Awaited::new("event", Some(2), Some(TIMEOUT));
        awaited.note();
        assert!(!awaited.is_over());
        assert_eq!(awaited.late().now_or_never(), None);
        let late = awaited.late().await;
        assert_eq!(late.to_string(), "1 of 2 events came within 5.0 s");
        awaited.note();
        assert!(awaited.is_over());
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_number_or_a_timeout_it_is_never_late() {
        for (number, timeout) in [(None, Some(TIMEOUT)), (Some(1), None)] {
            let awaited = Awaited::new("event", number, timeout);
            let late = tokio::time::timeout(TIMEOUT * 2, awaited.late()).await;
            assert!(late.is_err(), "{number:?} {timeout:?}");
        }
    }
}
