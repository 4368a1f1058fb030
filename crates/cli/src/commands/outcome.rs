//! Waiting for what becomes of a request: hosts acknowledge that they take it, and tell the outcome in events.

mod error;

pub(crate) use error::{OutcomeError, accepted};

use std::time::{Duration, Instant};

use clap::Args;
use clap::builder::BoolishValueParser;
use weft_lattice::Lattice;
use weft_lattice::control::{Client, Expected, Heard, Outcome, Outcomes};
use weft_lattice::protocol::event::Event;

use crate::console::Console;
use crate::ui::render_elapsed;

/// How long what loads an image is waited for unless the arguments say otherwise.
pub(crate) const START_TIMEOUT: Duration = Duration::from_secs(60);
/// How long what lets go of something that runs is waited for: it may finish what it has under way.
pub(crate) const STOP_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a change of state is waited for.
pub(crate) const CHANGE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a host may take to say that it takes a request.
const ACKNOWLEDGE_TIMEOUT: Duration = Duration::from_secs(5);
/// How often it is told on a terminal that the waiting goes on.
const PROGRESS_PERIOD: Duration = Duration::from_secs(1);

/// Whether the outcome is waited for.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct WaitArgs {
    /// Return as soon as a host takes the request, without waiting for the outcome
    #[arg(long, alias = "skip-wait", env = "WEFT_NO_WAIT", value_parser = BoolishValueParser::new(), hide_env_values = true)]
    pub(crate) no_wait: bool,
}

/// What is to come about, in words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Goal {
    /// What it is about, such as ``component `web` on host `red-hill` ``.
    pub(crate) what: String,
    /// What it is then, such as `started`.
    pub(crate) done: &'static str,
}

/// How the waiting ended where it did not fail.
#[derive(Debug)]
pub(crate) enum Ended {
    /// It was not waited for.
    Unawaited,
    /// An event told it.
    Told(Box<Event>),
    /// No event told it, but it is so.
    Seen,
}

/// Waits for outcomes. It is made before the request is sent, so that no outcome is missed.
pub(crate) struct Waiter {
    /// `None` where nothing is to be waited for.
    outcomes: Option<Outcomes>,
    begun: Instant,
    timeout: Duration,
}

// ===== impl Waiter =====

impl Waiter {
    /// Follows what happens from now on, unless `args` say not to wait. `timeout` counts from `begun`.
    ///
    /// # Errors
    ///
    /// [`OutcomeError::Follow`].
    pub(crate) async fn begin(
        lattice: &Lattice,
        args: WaitArgs,
        begun: Instant,
        timeout: Duration,
    ) -> Result<Self, OutcomeError> {
        let outcomes = if args.no_wait {
            None
        } else {
            let outcomes = Outcomes::follow(lattice).await;
            Some(outcomes.map_err(OutcomeError::Follow)?)
        };
        Ok(Self {
            outcomes,
            begun,
            timeout,
        })
    }

    /// What asks hosts that acknowledge at once.
    pub(crate) fn control(&self, lattice: &Lattice) -> Client {
        let timeout = self.timeout.min(ACKNOWLEDGE_TIMEOUT);
        lattice.control().with_timeout(timeout)
    }

    /// What asks hosts that answer when they are done, where that is waited for.
    pub(crate) fn patient_control(&self, lattice: &Lattice) -> Client {
        match self.outcomes {
            Some(_) => lattice.control().with_timeout(self.rest()),
            None => self.control(lattice),
        }
    }

    /// Whether outcomes are waited for.
    pub(crate) fn is_waiting(&self) -> bool {
        self.outcomes.is_some()
    }

    /// Since when it is waited.
    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    fn rest(&self) -> Duration {
        let rest = self.timeout.saturating_sub(self.begun.elapsed());
        rest.max(Duration::from_millis(1))
    }

    /// Waits for the outcome of a request that was taken. Where events were lost, and when the deadline passes, `look`
    /// says whether it is so all the same.
    ///
    /// # Errors
    ///
    /// [`OutcomeError::Failed`], [`OutcomeError::Deadline`], [`OutcomeError::Interrupted`].
    pub(crate) async fn until(
        &mut self,
        expected: &Expected,
        goal: &Goal,
        look: impl AsyncFn() -> bool,
        console: &mut Console,
    ) -> Result<Ended, OutcomeError> {
        let (begun, timeout) = (self.begun, self.timeout);
        let rest = self.rest();
        let Some(outcomes) = &mut self.outcomes else {
            return Ok(Ended::Unawaited);
        };
        let deadline = tokio::time::sleep(rest);
        let interrupted = tokio::signal::ctrl_c();
        tokio::pin!(deadline, interrupted);
        loop {
            tokio::select! {
                heard = outcomes.next(expected) => match heard {
                    Some(Heard::Outcome(Outcome::Done, event)) => return Ok(Ended::Told(event)),
                    Some(Heard::Outcome(Outcome::Failed(problem), _)) => {
                        return Err(OutcomeError::failed(goal, problem));
                    }
                    Some(_) => {
                        if look().await {
                            return Ok(Ended::Seen);
                        }
                    }
                    None => return Err(OutcomeError::Closed { goal: goal.clone() }),
                },
                () = tokio::time::sleep(PROGRESS_PERIOD) => {
                    let elapsed = render_elapsed(begun.elapsed());
                    console.progress(&format!("{}: not {} after {elapsed}", goal.what, goal.done));
                }
                () = &mut deadline => {
                    if look().await {
                        return Ok(Ended::Seen);
                    }
                    return Err(OutcomeError::Deadline {
                        goal: goal.clone(),
                        timeout,
                        problems: Vec::new(),
                    });
                }
                _ = &mut interrupted => return Err(OutcomeError::Interrupted { goal: goal.clone() }),
            }
        }
    }
}

// ===== impl Goal =====

impl Goal {
    pub(crate) fn new(what: impl Into<String>, done: &'static str) -> Self {
        Self {
            what: what.into(),
            done,
        }
    }
}
