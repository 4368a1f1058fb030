//! A plan and a report that are being made.

use std::collections::BTreeMap;

use weft_model::id::{ApplicationName, EntityId, HostId};
use weft_model::problem::{Coded, Problem};

use crate::facts::Facts;
use crate::plan::{Action, Phase, Plan, Step};
use crate::report::{ApplicationReport, Leftovers, Part, PartName, Report, State};

/// Collects steps and states.
pub(crate) struct Draft<'a> {
    facts: &'a Facts<'a>,
    steps: Vec<Step>,
    applications: BTreeMap<ApplicationName, ApplicationReport>,
}

/// The component or provider that is planned, and for which revision.
pub(crate) struct Subject<'s> {
    pub(crate) application: &'s ApplicationName,
    pub(crate) version: &'s str,
    pub(crate) id: &'s str,
}

/// Collects what there is to say about one part while it is planned.
#[derive(Default)]
pub(crate) struct Progress {
    problem: Option<Problem>,
    waiting: Option<String>,
    /// Why it is not as desired yet, if nothing is wrong.
    reconciling: Vec<String>,
    unhealthy: Option<String>,
}

// ===== impl Draft =====

impl<'a> Draft<'a> {
    pub(crate) fn new(facts: &'a Facts<'a>) -> Self {
        let applications = facts
            .applications
            .iter()
            .map(|(&name, application)| {
                let report = ApplicationReport {
                    version: application
                        .deployed
                        .as_ref()
                        .map(|deployed| deployed.version.clone()),
                    ..ApplicationReport::default()
                };
                (name.clone(), report)
            })
            .collect();
        Self {
            facts,
            steps: Vec::new(),
            applications,
        }
    }

    /// Plans an action, unless it is under way.
    pub(crate) fn propose(
        &mut self,
        application: &ApplicationName,
        phase: Phase,
        action: Action,
        reason: String,
    ) {
        if self.facts.pending(&action.object()) != Some(&action) {
            self.steps.push(Step {
                application: application.clone(),
                phase,
                action,
                reason,
            });
        }
    }

    /// Plans an action that makes a host start or change something, unless the host has failed at it and it is not yet
    /// time to try again; `progress` hears of the failure.
    pub(crate) fn propose_on_host(
        &mut self,
        subject: &Subject<'_>,
        host: &HostId,
        phase: Phase,
        actions: Vec<Action>,
        reason: &str,
        progress: &mut Progress,
    ) {
        if let Some(failure) = self.facts.failure(subject, host) {
            progress.fails_with(failure.problem.clone());
            if !failure.is_retry_due {
                return;
            }
        }
        // What ends in something that is under way is under way as a whole.
        let is_pending = actions
            .last()
            .is_some_and(|last| self.facts.pending(&last.object()) == Some(last));
        for action in actions.into_iter().filter(|_| !is_pending) {
            self.propose(subject.application, phase, action, reason.to_owned());
        }
    }

    /// Whether `action` is a step.
    pub(crate) fn plans(&self, action: &Action) -> bool {
        self.steps.iter().any(|step| &step.action == action)
    }

    /// Whether a step changes the links of `source`.
    pub(crate) fn changes_record(&self, source: &EntityId) -> bool {
        self.steps.iter().any(
            |step| matches!(&step.action, Action::SetLinks { source: changed, .. } if changed == source),
        )
    }

    /// Records how far a part is.
    pub(crate) fn record(&mut self, application: &ApplicationName, name: PartName, state: State) {
        self.report(application).parts.push(Part { name, state });
    }

    /// Records what is left of an application.
    pub(crate) fn record_leftovers(&mut self, application: &ApplicationName, leftovers: Leftovers) {
        self.report(application).leftovers = leftovers;
    }

    /// Whether the component or provider `id` of an application is as desired.
    pub(crate) fn is_part_up(&self, application: &ApplicationName, id: &EntityId) -> bool {
        let parts = self
            .applications
            .get(application)
            .map(|report| &report.parts);
        parts.into_iter().flatten().any(|part| {
            let part_id = match &part.name {
                PartName::Component { id, .. } => id.as_str(),
                PartName::Provider { id, .. } => id.as_str(),
                PartName::Config(_) | PartName::Link(_) => return false,
            };
            part_id == id.as_str() && part.state.is_up()
        })
    }

    /// Whether all parts of an application are as desired.
    pub(crate) fn is_up(&self, application: &ApplicationName) -> bool {
        self.applications
            .get(application)
            .is_some_and(|report| report.parts.iter().all(|part| part.state.is_up()))
    }

    /// The steps in the order of their phases, and the report.
    pub(crate) fn finish(mut self) -> (Plan, Report) {
        self.steps.sort_by_key(|step| step.phase);
        (
            Plan { steps: self.steps },
            Report {
                applications: self.applications,
            },
        )
    }

    fn report(&mut self, application: &ApplicationName) -> &mut ApplicationReport {
        self.applications.entry(application.clone()).or_default()
    }
}

// ===== impl Progress =====

impl Progress {
    /// The part cannot become as desired; the first problem is the one that is told.
    pub(crate) fn fails(&mut self, error: &dyn Coded) {
        self.fails_with(Problem::new(error));
    }

    /// See [`fails`](Self::fails).
    pub(crate) fn fails_with(&mut self, problem: Problem) {
        self.problem.get_or_insert(problem);
    }

    /// Something has to happen first.
    pub(crate) fn waits(&mut self, message: String) {
        self.waiting.get_or_insert(message);
    }

    /// The part is not as desired yet.
    pub(crate) fn is_reconciling(&mut self, message: String) {
        self.reconciling.push(message);
    }

    /// The part is as desired, but not well.
    pub(crate) fn is_unhealthy(&mut self, message: String) {
        self.unhealthy.get_or_insert(message);
    }

    /// Whether a problem was told.
    pub(crate) fn has_failed(&self) -> bool {
        self.problem.is_some()
    }

    /// The state that follows: the worst that was told.
    pub(crate) fn into_state(self) -> State {
        if let Some(problem) = self.problem {
            State::Failed(problem)
        } else if let Some(message) = self.waiting {
            State::Waiting { message }
        } else if let Some(first) = self.reconciling.first() {
            let message = match self.reconciling.len() {
                1 => first.clone(),
                count => format!("{first}, and {} more", count - 1),
            };
            State::Reconciling { message }
        } else if let Some(message) = self.unhealthy {
            State::Unhealthy { message }
        } else {
            State::Deployed
        }
    }
}
