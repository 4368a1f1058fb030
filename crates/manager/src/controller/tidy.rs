//! What may be forgotten.

use weft_planner::Report;

use super::{Controller, Effect, Tidying};
use crate::catalog::edit;
use crate::clock::Moment;

// ===== impl Controller =====

impl Controller {
    /// Finds revisions of which nothing is left, and applications that were deleted and are gone.
    pub(super) fn find_tidyings(&mut self, report: &Report) {
        self.tidyings
            .retain(|tidying| matches!(tidying, Tidying::Remove { .. }));
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
    }

    /// Has it tidied up, one batch at a time.
    pub(super) fn tidy(&mut self, effects: &mut Vec<Effect>) {
        let may_tidy = self.lease.is_some() && !self.is_tidying && !self.is_stopping;
        if may_tidy && !self.tidyings.is_empty() {
            self.is_tidying = true;
            effects.push(Effect::Tidy(std::mem::take(&mut self.tidyings)));
        }
    }
}
