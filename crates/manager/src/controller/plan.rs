//! From what is known to a plan, and to what is said of applications.

use std::collections::{BTreeMap, BTreeSet};

use weft_lattice::control::DRAINING_LABEL;
use weft_model::annotation;
use weft_model::id::{ApplicationName, EntityId};
use weft_planner::{Action, Input, PartName, Phase, Plan, Policy, Report, Step};
use weft_protocol::state::ComponentRecord;

use super::{Controller, Discovery, Effect, Job};
use crate::catalog::status::StatusRecord;
use crate::clock::Moment;
use crate::desired::Applications;
use crate::metrics::Counter;
use crate::status::{self, Facts};

// ===== impl Controller =====

impl Controller {
    /// Makes a plan if there is reason to, and everything is known that it takes.
    pub(super) fn make_plan(&mut self, now: Moment, effects: &mut Vec<Effect>) {
        if !self.is_nudged || !self.may_plan(now) {
            return;
        }
        let Some(lease) = self.lease.clone() else {
            return;
        };
        self.is_nudged = false;
        self.counters.add(Counter::PlansMade);
        let applications = self.desired.to_input(&self.catalog);
        let (plan, report) = weft_planner::plan(&self.planner_input(now, &applications));
        self.forget_overcome(&report);
        let steps = self.executable_steps(now, plan, &applications);
        self.derive_statuses(&report, &applications);
        self.find_tidyings(&report);
        if steps.is_empty() {
            return;
        }
        self.counters.add(Counter::PlansExecuted);
        let purposes: Vec<_> = steps
            .iter()
            .map(|step| self.purpose(&step.application))
            .collect();
        self.pending.queue(steps.iter().zip(purposes));
        self.is_executing = true;
        self.jobs += 1;
        effects.push(Effect::Execute(Box::new(Job {
            id: self.jobs,
            records: self.record_bases(&steps),
            // Hosts of 1.9 follow the bucket for routes alone (spec §3.1).
            are_links_told: self.observed.inventories().any(|one| one.passed.is_none()),
            steps,
            lease,
        })));
    }

    /// Whether everything is known that a plan takes: what is not known would be taken for not being there.
    fn may_plan(&mut self, now: Moment) -> bool {
        let is_known = self.catalog.is_listed()
            && self.records.is_listed()
            && self.configs.is_listed()
            && self.desired.is_complete();
        if self.is_executing || self.is_stopping || !self.is_connected || !is_known {
            return false;
        }
        if let Some(discovery) = self.discovery {
            // Whoever has followed for a while knows the hosts, and only waits for what they say now.
            let has_followed = now > self.settings.discovery_window * 2
                && self.observed.has_hosts()
                && self.observed.is_idle();
            let is_over = match discovery {
                Discovery::Open(_) => has_followed,
                Discovery::Closed => self.observed.is_settled(),
            };
            if !is_over {
                return false;
            }
            self.discovery = None;
        }
        true
    }

    fn planner_input(&self, now: Moment, applications: &Applications) -> Input {
        Input {
            policy: Policy {
                managed_by: annotation::MANAGED_BY_WEFT.to_owned(),
                draining_label: DRAINING_LABEL.to_owned(),
            },
            applications: applications.inputs.clone(),
            hosts: self
                .observed
                .inventories()
                .map(|inventory| inventory.as_ref().clone())
                .collect(),
            unhealthy: self.observed.unhealthy().clone(),
            records: self.records.to_input(),
            configs: self.configs.all().clone(),
            pending: self.pending.actions(),
            failures: self.setbacks.to_input(now),
        }
    }

    /// The steps that are to be taken now. Left out is what has just failed, what concerns something that is not
    /// understood, and, without hosts, everything.
    fn executable_steps(&self, now: Moment, plan: Plan, applications: &Applications) -> Vec<Step> {
        if !self.observed.has_hosts() {
            return Vec::new();
        }
        let mut blocked: BTreeSet<ApplicationName> = BTreeSet::new();
        let mut steps = Vec::new();
        for step in plan.steps {
            let is_understood = !applications.frozen.contains_key(&step.application)
                && (self.catalog.unreadable().is_empty()
                    || self.catalog.application(&step.application).is_some());
            if !is_understood || blocked.contains(&step.application) {
                continue;
            }
            if self.is_useless(&step.action) {
                continue;
            }
            let purpose = self.purpose(&step.application);
            if self.setbacks.is_held(now, &step.action.object(), &purpose) {
                self.counters.add(Counter::StepsHeld);
                // What needs its configs waits for them.
                if step.phase == Phase::Configs {
                    blocked.insert(step.application);
                }
                continue;
            }
            steps.push(step);
        }
        steps
    }

    /// Whether a write of links cannot succeed: the record has changed, or cannot be read.
    fn is_useless(&self, action: &Action) -> bool {
        let Action::SetLinks {
            source, expected, ..
        } = action
        else {
            return false;
        };
        self.stale.get(source) == Some(expected)
            || self
                .records
                .content(source)
                .is_some_and(|content| content.is_err())
    }

    /// What the records are made of whose links the steps set.
    fn record_bases(&self, steps: &[Step]) -> BTreeMap<EntityId, ComponentRecord> {
        let sources = steps.iter().filter_map(|step| match &step.action {
            Action::SetLinks { source, .. } => Some(source),
            _ => None,
        });
        sources
            .map(|source| {
                let base = match self.records.content(source) {
                    Some(Ok(record)) => record.clone(),
                    Some(Err(_)) | None => ComponentRecord::default(),
                };
                (source.clone(), base)
            })
            .collect()
    }

    /// Forgets failures about what is as desired all the same.
    fn forget_overcome(&mut self, report: &Report) {
        for (name, application) in &report.applications {
            for part in application.parts.iter().filter(|part| part.state.is_up()) {
                match &part.name {
                    PartName::Component { id, .. } => self.setbacks.clear_id(name, id.as_str()),
                    PartName::Provider { id, .. } => self.setbacks.clear_id(name, id.as_str()),
                    PartName::Config(_) | PartName::Link(_) => {}
                }
            }
        }
    }

    /// Makes the statuses anew, and takes note of those that changed.
    fn derive_statuses(&mut self, report: &Report, applications: &Applications) {
        let facts = Facts {
            observed: &self.observed,
            records: &self.records,
            configs: &self.configs,
            setbacks: &self.setbacks,
        };
        let mut statuses = BTreeMap::new();
        for (name, stored) in self.catalog.applications() {
            let record = &stored.record;
            // Nothing is to be said of what was never deployed.
            if record.generation == 0 {
                continue;
            }
            let version = record.deployed.as_ref().map(|one| one.version.clone());
            let status = match (applications.frozen.get(name), report.applications.get(name)) {
                (Some(problem), _) => status::failed(version.unwrap_or_default(), problem),
                (None, Some(report)) => status::derive(name, report, &facts),
                (None, None) => continue,
            };
            let status = status::fit(
                StatusRecord::new(name.clone(), record.generation, status),
                self.settings.status_bytes_max,
            );
            let present = self
                .statuses
                .get(name)
                .or_else(|| self.catalog.statuses().get(name).map(AsRef::as_ref));
            if present != Some(&status) {
                self.unwritten.insert(name.clone());
            }
            statuses.insert(name.clone(), status);
        }
        self.unwritten.retain(|name| statuses.contains_key(name));
        self.statuses = statuses;
    }

    /// Has statuses written that changed, one batch at a time, so that a later one never comes before an earlier one.
    pub(super) fn write_statuses(&mut self, effects: &mut Vec<Effect>) {
        if self.is_writing || self.unwritten.is_empty() || self.lease.is_none() {
            return;
        }
        let statuses: Vec<StatusRecord> = std::mem::take(&mut self.unwritten)
            .iter()
            .filter_map(|name| self.statuses.get(name).cloned())
            .collect();
        if !statuses.is_empty() {
            self.is_writing = true;
            effects.push(Effect::WriteStatuses(statuses));
        }
    }
}
