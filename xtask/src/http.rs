//! A plain HTTP client that waits for answers.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// How often that is unless somebody says otherwise.
const PERIOD: Duration = Duration::from_millis(2);
/// How long one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Sends requests; keeps connections open.
#[derive(Clone)]
pub(crate) struct Client {
    agent: ureq::Agent,
    /// How often an answer that is waited for is asked for.
    period: Duration,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

// ===== impl Client =====

impl Client {
    pub(crate) fn new() -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(REQUEST_TIMEOUT))
            .build();
        Self {
            agent: config.into(),
            period: PERIOD,
        }
    }

    /// The same client, which asks so often for an answer that it waits for.
    pub(crate) fn asking_every(self, period: Duration) -> Self {
        Self { period, ..self }
    }

    /// One request; fails where there is no whole answer.
    pub(crate) fn get(&self, url: &str) -> Result<Answer> {
        let mut response = self.agent.get(url).call()?;
        Ok(Answer {
            status: response.status().as_u16(),
            body: response.body_mut().read_to_string()?,
        })
    }

    /// Asks until the answer is as `is_wanted` says, and returns it.
    pub(crate) fn wait_for(
        &self,
        url: &str,
        timeout: Duration,
        is_wanted: impl Fn(&Answer) -> bool,
    ) -> Result<Answer> {
        let deadline = Instant::now() + timeout;
        loop {
            let last = self.get(url);
            match last {
                Ok(answer) if is_wanted(&answer) => return Ok(answer),
                Ok(answer) if Instant::now() > deadline => {
                    bail!(
                        "{url} answers {} after {timeout:?}: {}",
                        answer.status,
                        answer.body.trim()
                    )
                }
                Err(error) if Instant::now() > deadline => {
                    return Err(error)
                        .with_context(|| format!("{url} does not answer within {timeout:?}"));
                }
                _ => thread::sleep(self.period),
            }
        }
    }

    /// Asks until nobody answers or the server says that there is nothing.
    pub(crate) fn wait_until_gone(&self, url: &str, timeout: Duration) -> Result<()> {
        let deadline = Instant::now() + timeout;
        loop {
            match self.get(url) {
                Err(_) => return Ok(()),
                Ok(answer) if matches!(answer.status, 404 | 503) => return Ok(()),
                Ok(answer) if Instant::now() > deadline => {
                    bail!("{url} still answers {}", answer.status)
                }
                Ok(_) => thread::sleep(self.period),
            }
        }
    }
}
