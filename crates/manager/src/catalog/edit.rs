//! Changes of an application's record, one file each: pure functions from the record to the next.

mod delete;
mod deploy;
mod put;
mod trim;

pub(crate) use delete::delete;
pub(crate) use deploy::{deploy, undeploy};
pub(crate) use put::{Candidate, Put, put};
pub(crate) use trim::trim;

use super::record::{ApplicationRecord, RevisionId};

/// What becomes of a record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Change {
    /// The next record; `None` when nothing is left to be kept.
    pub(crate) record: Option<ApplicationRecord>,
    /// Revisions that nothing refers to any more.
    pub(crate) dropped: Vec<RevisionId>,
}

// ===== impl Change =====

impl Change {
    /// The record becomes `record`, which refers to the same revisions.
    pub(crate) fn keep(record: ApplicationRecord) -> Self {
        Self {
            record: Some(record),
            dropped: Vec::new(),
        }
    }

    fn new(before: &ApplicationRecord, record: Option<ApplicationRecord>) -> Self {
        let kept = record
            .as_ref()
            .map(ApplicationRecord::revisions)
            .unwrap_or_default();
        let dropped = before
            .revisions()
            .into_iter()
            .filter(|revision| !kept.contains(revision))
            .cloned()
            .collect();
        Self { record, dropped }
    }
}

/// Takes note that what was deployed is not to run any more, and may leave something.
fn retire(record: &mut ApplicationRecord) {
    record.generation += 1;
    if let Some(deployed) = record.deployed.take()
        && !record.remnants.contains(&deployed.revision)
    {
        record.remnants.push(deployed.revision);
    }
}

#[cfg(test)]
mod tests;
