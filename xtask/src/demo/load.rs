//! A steady load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use crate::http::Client;

/// Failures that are kept for the message.
const FAILURES_KEPT: usize = 5;

/// Requests at a steady rate, until it is stopped.
pub(super) struct Load {
    is_stopping: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Outcome>>,
}

/// What became of the requests.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) answered: usize,
    pub(super) failed: usize,
    pub(super) failures: Vec<String>,
}

// ===== impl Load =====

impl Load {
    /// Sends `per_second` requests to `url`, from two threads, whatever the answers take.
    pub(super) fn start(url: &str, per_second: u32) -> Self {
        const THREADS: u32 = 2;
        let is_stopping = Arc::new(AtomicBool::new(false));
        let threads = (0..THREADS)
            .map(|_| {
                let (url, is_stopping) = (url.to_owned(), Arc::clone(&is_stopping));
                thread::spawn(move || {
                    send(
                        &url,
                        Duration::from_secs(1) * THREADS / per_second,
                        &is_stopping,
                    )
                })
            })
            .collect();
        Self {
            is_stopping,
            threads,
        }
    }

    pub(super) fn stop(self) -> Result<Outcome> {
        self.is_stopping.store(true, Ordering::Release);
        let mut total = Outcome::default();
        for thread in self.threads {
            let outcome = thread
                .join()
                .map_err(|_| anyhow!("a thread of the load panicked"))?;
            total.answered += outcome.answered;
            total.failed += outcome.failed;
            total.failures.extend(outcome.failures);
        }
        Ok(total)
    }
}

fn send(url: &str, period: Duration, is_stopping: &AtomicBool) -> Outcome {
    let client = Client::new();
    let mut outcome = Outcome::default();
    let mut next = Instant::now();
    while !is_stopping.load(Ordering::Acquire) {
        let failure = match client.get(url) {
            Ok(answer) if answer.status == 200 => None,
            Ok(answer) => Some(format!("{}: {}", answer.status, answer.body.trim())),
            Err(error) => Some(format!("{error:#}")),
        };
        match failure {
            None => outcome.answered += 1,
            Some(failure) => {
                outcome.failed += 1;
                if outcome.failures.len() < FAILURES_KEPT {
                    outcome.failures.push(failure);
                }
            }
        }
        next += period;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    outcome
}
