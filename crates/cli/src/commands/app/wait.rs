//! Waiting for what became of an application.

use std::time::{Duration, Instant};

use futures::future::pending;
use weft_lattice::application::ApplicationError;
use weft_lattice::protocol::application::{ScalerStatus, Status, StatusType};
use weft_lattice::protocol::subject::status_subject;
use weft_lattice::{Lattice, RequestError, Subscription};
use weft_model::id::ApplicationName;
use weft_model::problem::Problem;

use super::AppError;
use super::judge::{Judge, Verdict};
use super::pulling::Pulls;
use super::status::{problems_of, word};
use crate::console::Console;
use crate::ui::{count, render_elapsed};

/// How long a deployment is waited for unless the arguments say otherwise.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);
/// The pauses between questions when nothing tells that the status changed: they grow from the first to the last.
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_millis(500);

/// Follows the status of an application. What is published only says when to ask again.
pub(crate) struct Follower {
    lattice: Lattice,
    name: ApplicationName,
    /// `None` once the connection is closed.
    changes: Option<Subscription>,
    pause: Duration,
}

// ===== impl Follower =====

impl Follower {
    /// Follows the status of `name` from now on.
    pub(crate) async fn begin(
        lattice: &Lattice,
        name: &ApplicationName,
    ) -> Result<Self, RequestError> {
        let subject = status_subject(lattice.name(), name);
        let changes = lattice.subscribe(&subject, None).await?;
        Ok(Self {
            lattice: lattice.clone(),
            name: name.clone(),
            changes: Some(changes),
            pause: PAUSE_MIN,
        })
    }

    /// The status now; `None` when there is no such application.
    pub(crate) async fn ask(&self) -> Result<Option<Status>, ApplicationError> {
        self.lattice.applications().status(&self.name).await
    }

    /// Waits until the status may have changed. Cancel safe.
    pub(crate) async fn changed(&mut self) {
        let change = async {
            match &mut self.changes {
                Some(changes) => changes.next().await.is_some(),
                None => pending().await,
            }
        };
        tokio::select! {
            is_open = change => {
                self.pause = PAUSE_MIN;
                if !is_open {
                    self.changes = None;
                }
            }
            () = tokio::time::sleep(self.pause) => {
                self.pause = (self.pause * 2).min(PAUSE_MAX);
            }
        }
    }

    /// Waits until `version` is deployed, for `timeout` since `begun`, and tells `console` how it goes.
    ///
    /// # Errors
    ///
    /// [`AppError::Failed`], [`AppError::Deadline`], [`AppError::Interrupted`]; a manager that does not answer meanwhile is
    /// waited for.
    pub(crate) async fn until_deployed(
        &mut self,
        version: Option<&str>,
        begun: Instant,
        timeout: Duration,
        pulls: &mut Pulls,
        console: &mut Console,
    ) -> Result<Status, AppError> {
        let mut judge = Judge::new(version.map(str::to_owned));
        let mut seen: Option<Status> = None;
        let deadline = begun + timeout;
        // One future for all rounds: an interrupt during a request is not lost.
        let interrupted = tokio::signal::ctrl_c();
        tokio::pin!(interrupted);
        loop {
            match self.ask().await {
                Ok(Some(status)) => {
                    let verdict = judge.see(Instant::now(), &status);
                    let state = describe(&self.name, &status, begun.elapsed());
                    let pulled = pulls.describe();
                    let pulled = pulled.map_or_else(String::new, |text| format!("; {text}"));
                    console.progress(&format!("{state}{pulled}"));
                    match verdict {
                        Verdict::Pending => seen = Some(status),
                        Verdict::Deployed => return Ok(status),
                        Verdict::Failed => {
                            return Err(AppError::Failed {
                                name: self.name.clone(),
                                version: version.map(str::to_owned),
                                problems: problems_of(&status),
                            });
                        }
                    }
                }
                Ok(None) => {}
                Err(ApplicationError::Request { .. }) => {
                    console.progress("waiting for the manager to answer");
                }
                Err(error) => return Err(AppError::of(error, self.lattice.name())),
            }
            let rest = deadline.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                let mut problems = seen.as_ref().map(pending_parts).unwrap_or_default();
                problems.extend(pulls.problems());
                return Err(AppError::Deadline {
                    name: self.name.clone(),
                    goal: "deployed",
                    timeout,
                    problems,
                });
            }
            tokio::select! {
                () = self.changed() => {}
                () = pulls.changed() => {}
                () = tokio::time::sleep(rest) => {}
                _ = &mut interrupted => {
                    return Err(AppError::Interrupted { name: self.name.clone() });
                }
            }
        }
    }
}

/// How it goes, in one line.
fn describe(name: &ApplicationName, status: &Status, elapsed: Duration) -> String {
    let is_done = |part: &&ScalerStatus| part.info.kind == StatusType::Deployed;
    let done = status.scalers.iter().filter(is_done).count();
    let parts = match status.scalers.len() {
        0 => String::new(),
        parts => format!(", {done} of {}", count(parts, "part")),
    };
    let first = match status.scalers.iter().find(|part| !is_done(part)) {
        None => String::new(),
        Some(part) => format!(
            "; {} {}: {}",
            part.name,
            word(part.info.kind),
            part.info.message
        ),
    };
    format!(
        "{name}: {} after {}{parts}{first}",
        word(status.info.kind),
        render_elapsed(elapsed)
    )
}

/// What is not done, as problems: those that the manager tells, and parts that are not deployed.
fn pending_parts(status: &Status) -> Vec<Problem> {
    let told = problems_of(status);
    if !told.is_empty() {
        return told;
    }
    let parts = status
        .scalers
        .iter()
        .filter(|part| part.info.kind != StatusType::Deployed);
    parts
        .map(|part| Problem {
            code: word(part.info.kind).into(),
            subject: part.name.clone(),
            message: part.info.message.clone(),
            hints: Vec::new(),
        })
        .collect()
}
