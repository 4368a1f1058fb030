//! Executing a plan: phases in order, the steps of a phase side by side.

mod command;
mod links;

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};
use tokio::sync::{mpsc, watch};
use tracing::{debug, info, warn};
use weft_lattice::bucket::Bucket;
use weft_lattice::{Lattice, control};
use weft_model::id::ApplicationName;
use weft_planner::{Object, Step};
use weft_protocol::control::Lease;
use weft_runtime::{Shutdown, field};

use crate::clock::Clock;
use crate::controller::{Input, Job, Skip, StepOutcome};
use crate::lease::Held;

/// What plans are executed with. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Executor {
    pub(crate) lattice: Lattice,
    /// The bucket of component records.
    pub(crate) records: Bucket,
    pub(crate) clock: Clock,
    /// Whether the lease is held.
    pub(crate) held: watch::Receiver<Option<Held>>,
    /// How many steps are under way at once.
    pub(crate) concurrent_max: usize,
    /// Once it is requested, no step is begun any more.
    pub(crate) stop: Shutdown,
    /// Where the outcome of each step is told, and then that the plan ended: in this order.
    pub(crate) outcomes: mpsc::Sender<Input>,
}

/// The applications of which something was not done.
type Blocked = BTreeSet<ApplicationName>;

// ===== impl Executor =====

impl Executor {
    /// Executes a plan. A step is begun only while the lease is held under which the plan was made; what an application
    /// needs done after something that was not done waits for the next plan.
    pub(crate) async fn execute(self, job: Job) {
        info!({ field::PLAN_ID } = job.id, steps = job.steps.len(), lease = %job.lease, "Plan begun");
        let client = self.lattice.control().with_lease(job.lease.clone());
        let mut blocked = Blocked::new();
        for phase in job.steps.chunk_by(|a, b| a.phase == b.phase) {
            let groups = stream::iter(by_object(phase))
                .map(|group| self.run_group(group, &job, &client, &blocked))
                .buffer_unordered(self.concurrent_max);
            let failed: Vec<Option<ApplicationName>> = groups.collect().await;
            blocked.extend(failed.into_iter().flatten());
        }
        debug!({ field::PLAN_ID } = job.id, "Plan ended");
        self.report(Input::PlanEnded).await;
    }

    /// Takes the steps about one object, one after the other. Gives the application if something was not done.
    async fn run_group(
        &self,
        group: Vec<Step>,
        job: &Job,
        client: &control::Client,
        blocked: &Blocked,
    ) -> Option<ApplicationName> {
        let mut failed = None;
        for step in group {
            let outcome = if failed.is_some() || blocked.contains(&step.application) {
                StepOutcome::Skipped(Skip::Blocked)
            } else if self.may_begin(&job.lease) {
                command::perform(client, &self.records, &step, job).await
            } else {
                StepOutcome::Skipped(Skip::Ended)
            };
            tell(job.id, &step, &outcome);
            if !matches!(outcome, StepOutcome::Done { .. }) {
                failed = Some(step.application.clone());
            }
            self.report(Input::StepEnded(Box::new(step), outcome)).await;
        }
        failed
    }

    async fn report(&self, input: Input) {
        // Nobody listens any more when the manager was stopped by force.
        let _ = self.outcomes.send(input).await;
    }

    fn may_begin(&self, lease: &Lease) -> bool {
        let is_held = self
            .held
            .borrow()
            .as_ref()
            .is_some_and(|held| held.lease == *lease && self.clock.now() < held.until);
        is_held && !self.stop.is_requested()
    }
}

/// The steps by what they are about, in order.
fn by_object(steps: &[Step]) -> Vec<Vec<Step>> {
    let mut places: BTreeMap<Object, usize> = BTreeMap::new();
    let mut groups: Vec<Vec<Step>> = Vec::new();
    for step in steps.iter().cloned() {
        let place = *places.entry(step.action.object()).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(step),
            None => groups.push(vec![step]),
        }
    }
    groups
}

fn tell(plan: u64, step: &Step, outcome: &StepOutcome) {
    let (application, action) = (&step.application, &step.action);
    match outcome {
        StepOutcome::Done { .. } => {
            info!({ field::PLAN_ID } = plan, { field::APP_NAME } = %application, action = %action, reason = step.reason, "Step done");
        }
        StepOutcome::Failed(problem) => {
            warn!({ field::PLAN_ID } = plan, { field::APP_NAME } = %application, action = %action, { field::ERROR } = %problem, { field::ERROR_CODE } = %problem.code, "Step failed");
        }
        StepOutcome::Conflict | StepOutcome::HostGone | StepOutcome::Skipped(_) => {
            debug!({ field::PLAN_ID } = plan, { field::APP_NAME } = %application, action = %action, outcome = ?outcome, "Step not done");
        }
    }
}

#[cfg(test)]
mod tests {
    use weft_planner::{Action, Phase};

    use super::*;

    #[test]
    fn steps_about_one_object_stay_in_order() {
        let step = |host: &str, action: fn(String) -> Action| Step {
            application: "shop".parse().unwrap(),
            phase: Phase::StartProviders,
            action: action(host.to_owned()),
            reason: String::new(),
        };
        let stop: fn(String) -> Action = |host| Action::StopProvider {
            host: host.parse().unwrap(),
            id: "kv".parse().unwrap(),
        };
        let start: fn(String) -> Action = |host| Action::StartProvider {
            host: host.parse().unwrap(),
            id: "kv".parse().unwrap(),
            image: "x".to_owned(),
            digest: None,
            config: Vec::new(),
            annotations: Default::default(),
        };
        let steps = [step("b", stop), step("a", stop), step("b", start)];
        let groups = by_object(&steps);
        let [first, second, third] = steps;
        assert_eq!(groups, [vec![first, third], vec![second]]);
    }
}
