//! What becomes of plans and their steps.

use weft_model::id::ApplicationName;
use weft_planner::{Action, Object, Step};

use super::{Controller, Skip, StepOutcome};
use crate::clock::Moment;
use crate::metrics::Counter;
use crate::observed::Sign;
use crate::pending::Purpose;

// ===== impl Controller =====

impl Controller {
    /// What a step of `application` is for.
    pub(super) fn purpose(&self, application: &ApplicationName) -> Purpose {
        let version = self
            .catalog
            .application(application)
            .and_then(|stored| stored.record.deployed.as_ref())
            .map(|deployed| deployed.version.clone())
            .unwrap_or_default();
        Purpose {
            application: application.clone(),
            version,
        }
    }

    /// Something became of a step.
    pub(super) fn take_outcome(&mut self, now: Moment, step: &Step, outcome: StepOutcome) {
        let action = &step.action;
        if let StepOutcome::Done { revision } = outcome {
            self.counters.add(Counter::StepsDone);
            self.pending.sent(now, action, revision);
            self.observe_state(action);
            return;
        }
        self.pending.drop(action);
        self.is_replan_due = true;
        match outcome {
            StepOutcome::Done { .. } => {}
            StepOutcome::Conflict => {
                self.counters.add(Counter::LinkConflicts);
                if let Action::SetLinks {
                    source, expected, ..
                } = action
                {
                    self.stale.insert(source.clone(), *expected);
                }
            }
            StepOutcome::Failed(problem) => {
                self.counters.add(Counter::StepsFailed);
                let purpose = self.purpose(&step.application);
                self.setbacks.fail(now, action.object(), purpose, problem);
                if let Some(host) = host(action) {
                    self.hear(now, Sign::Changed(host));
                }
            }
            StepOutcome::HostGone => {
                self.counters.add(Counter::StepsFailed);
                if let Some(host) = host(action) {
                    self.hear(now, Sign::Lost(host));
                }
            }
            StepOutcome::Skipped(Skip::Blocked | Skip::Ended) => {
                self.counters.add(Counter::StepsSkipped);
            }
        }
    }

    /// A plan came to its end.
    pub(super) fn end_plan(&mut self) {
        self.is_executing = false;
        self.pending.drop_queued();
        self.is_nudged |= std::mem::take(&mut self.is_replan_due);
    }

    /// What was written may have been told by its watch already.
    fn observe_state(&mut self, action: &Action) {
        match action {
            Action::SetLinks { source, .. } => {
                if let Some(revision) = self.records.revision(source) {
                    self.pending.observe_record(source, revision);
                }
            }
            Action::PutConfig { name, .. } | Action::DeleteConfig { name } => {
                let present = self.configs.all().get(name);
                self.pending.observe_config(name, present);
            }
            _ => {}
        }
    }
}

/// The host that an action is about.
fn host(action: &Action) -> Option<weft_model::id::HostId> {
    match action.object() {
        Object::Component(host, _) | Object::Provider(host, _) => Some(host),
        Object::Config(_) | Object::Record(_) => None,
    }
}
