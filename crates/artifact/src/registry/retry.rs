//! Pauses between attempts.

use std::time::Duration;

use super::error::RegistryError;
use super::options::Options;
use crate::progress::{Step, Teller};

/// Counts attempts, and says how long to pause before the next.
pub(super) struct Backoff<'a> {
    options: &'a Options,
    attempts_max: u32,
    attempt: u32,
}

// ===== impl Backoff =====

impl<'a> Backoff<'a> {
    pub(super) fn new(options: &'a Options, attempts_max: u32) -> Self {
        Self {
            options,
            attempts_max,
            attempt: 0,
        }
    }

    /// Counts from the beginning: something was achieved.
    pub(super) fn reset(&mut self) {
        self.attempt = 0;
    }

    /// Pauses before the next attempt, or gives the error back when it will not go away or it was tried often enough.
    pub(super) async fn pause(
        &mut self,
        error: RegistryError,
        teller: &Teller,
    ) -> Result<(), RegistryError> {
        self.attempt += 1;
        if !error.is_transient() || self.attempt >= self.attempts_max {
            return Err(error);
        }
        let pause = self.next(error.retry_after(), random());
        tracing::debug!(
            reference = &*teller.reference,
            attempt = self.attempt,
            error = %error,
            "Trying again after a pause"
        );
        teller.tell(Step::Retrying {
            attempt: self.attempt,
            pause,
        });
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// Between half and all of the pause, so that many who failed together do not come back together; never less than
    /// what was asked for, up to the bound.
    fn next(&self, asked: Option<Duration>, random: u32) -> Duration {
        let longest = self.options.retry_pause_max;
        let doublings = self.attempt.saturating_sub(1).min(16);
        let whole = self
            .options
            .retry_pause
            .saturating_mul(1 << doublings)
            .min(longest);
        let jittered = whole / 2 + (whole / 2).mul_f64(f64::from(random) / f64::from(u32::MAX));
        jittered.max(asked.unwrap_or_default()).min(longest)
    }
}

fn random() -> u32 {
    // Without randomness pauses are only alike.
    getrandom::u32().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound_and_heed_what_is_asked() {
        let options = Options {
            retry_pause: Duration::from_secs(1),
            retry_pause_max: Duration::from_secs(10),
            ..Options::default()
        };
        let pause = |attempt, asked: Option<u64>, random| {
            let backoff = Backoff {
                options: &options,
                attempts_max: 1,
                attempt,
            };
            backoff
                .next(asked.map(Duration::from_secs), random)
                .as_millis()
        };
        assert_eq!(pause(1, None, u32::MAX), 1_000);
        assert_eq!(pause(1, None, 0), 500);
        assert_eq!(pause(3, None, u32::MAX), 4_000);
        assert_eq!(pause(40, None, u32::MAX), 10_000);
        assert_eq!(pause(1, Some(7), 0), 7_000);
        assert_eq!(pause(1, Some(3_600), 0), 10_000);
    }
}
