//! What may be forgotten.

use std::collections::{BTreeMap, BTreeSet};

use weft_model::id::EntityId;
use weft_planner::Report;

use super::{Controller, Effect, Tidying};
use crate::catalog::edit;
use crate::clock::Moment;

// ===== impl Controller =====

impl Controller {
    /// Finds revisions of which nothing is left, and applications that were deleted and are gone.
    pub(super) fn find_tidyings(&mut self, report: &Report) {
        self.tidyings
            .retain(|tidying| !matches!(tidying, Tidying::Change { .. }));
        for (name, stored) in self.catalog.applications() {
            let record = &stored.record;
            if record.remnants.is_empty() && !record.is_deleted {
                continue;
            }
            // What is on its way may still arrive.
            if self.pending.has(name) {
                continue;
            }
            let needed = self
                .desired
                .needed_remnants(record, &self.records, &self.configs);
            let is_gone = report
                .applications
                .get(name)
                .is_some_and(weft_planner::ApplicationReport::is_gone);
            let change = edit::trim(record, |revision| needed.contains(revision), is_gone);
            self.tidyings.extend(change.map(|change| Tidying::Change {
                name: name.clone(),
                expected: stored.revision,
                change,
            }));
        }
    }

    /// Finds entries that nothing has referred to for a while.
    pub(super) fn sweep(&mut self, now: Moment) {
        let unreferenced = self.catalog.unreferenced();
        let orphans = self
            .orphans
            .sweep(now, &unreferenced, self.settings.orphan_age);
        self.tidyings
            .retain(|tidying| matches!(tidying, Tidying::Change { .. }));
        let removals = orphans.into_iter().map(|key| Tidying::Remove { key });
        self.tidyings.extend(removals);
        self.sweep_records(now);
    }

    /// Finds records that have not been of use for a while (architecture D2). One that was written meanwhile counts anew.
    fn sweep_records(&mut self, now: Moment) {
        let idle: BTreeMap<String, (EntityId, u64)> = self
            .idle_records()
            .into_iter()
            .map(|(id, revision)| (format!("{id} {revision}"), (id, revision)))
            .collect();
        let keys = idle.keys().map(String::as_str).collect();
        let age = self.settings.orphan_age;
        let removals = self.idle_since.sweep(now, &keys, age);
        let removals = removals.iter().filter_map(|key| idle.get(key)).cloned();
        self.tidyings
            .extend(removals.map(|(id, expected)| Tidying::RemoveRecord { id, expected }));
    }

    /// Records without links, of ids that no host reports and no application that is deployed has; none where it is not known
    /// what hosts report.
    fn idle_records(&self) -> Vec<(EntityId, u64)> {
        let is_known = self.is_connected
            && self.discovery.is_none()
            && self.records.is_listed()
            && self.catalog.is_listed()
            && self.desired.is_complete()
            && self.observed.has_hosts()
            && self.observed.is_settled();
        if !is_known {
            return Vec::new();
        }
        let claims = self.desired.claims(&self.catalog);
        let reported: BTreeSet<&str> = self
            .observed
            .inventories()
            .flat_map(|inventory| {
                let components = inventory.components.iter().map(|one| one.id.as_str());
                components.chain(inventory.providers.iter().map(|one| one.id.as_str()))
            })
            .collect();
        self.records
            .without_links()
            .filter(|(id, _)| !reported.contains(id.as_str()) && !claims.contains_key(id.as_str()))
            .map(|(id, revision)| (id.clone(), revision))
            .collect()
    }

    /// Has it tidied up, one batch at a time.
    pub(super) fn tidy(&mut self, effects: &mut Vec<Effect>) {
        let may_tidy = self.lease.is_some() && !self.is_tidying && !self.is_stopping;
        if !may_tidy || self.tidyings.is_empty() {
            return;
        }
        let mut tidyings = std::mem::take(&mut self.tidyings);
        let is_of_record = |tidying: &Tidying| matches!(tidying, Tidying::RemoveRecord { .. });
        if tidyings.iter().any(is_of_record) {
            // What was found a while ago, as a follower perhaps, may run by now.
            let idle: BTreeSet<_> = self.idle_records().into_iter().collect();
            tidyings.retain(|tidying| match tidying {
                Tidying::RemoveRecord { id, expected } => idle.contains(&(id.clone(), *expected)),
                Tidying::Change { .. } | Tidying::Remove { .. } => true,
            });
        }
        if !tidyings.is_empty() {
            self.is_tidying = true;
            effects.push(Effect::Tidy(tidyings));
        }
    }
}
