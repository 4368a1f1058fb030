//! What the controller knows that others in the manager want to know.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use weft_model::id::ApplicationName;

use super::Controller;
use crate::catalog::record::{ApplicationRecord, RevisionId};
use crate::catalog::status::StatusRecord;

/// The catalog as it was a moment ago.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    /// Whether everything that was stored when the manager started is in it.
    pub(crate) is_listed: bool,
    /// The applications, deleted ones that may have left something included.
    pub(crate) applications: BTreeMap<ApplicationName, Arc<ApplicationRecord>>,
    /// What is said of them.
    pub(crate) statuses: BTreeMap<ApplicationName, Arc<StatusRecord>>,
    /// The deployed applications that claim ids, by id.
    pub(crate) claims: BTreeMap<String, ApplicationName>,
    /// A rank behind those of all deployed applications.
    pub(crate) next_rank: u64,
}

// ===== impl Controller =====

impl Controller {
    /// The entry of a revision, where it came by lately.
    pub(crate) fn recent(&self, name: &ApplicationName, id: &RevisionId) -> Option<Bytes> {
        self.catalog.recent(name, id)
    }

    /// The snapshot, if it is another than the last one.
    pub(crate) fn take_snapshot(&mut self) -> Option<Snapshot> {
        if !std::mem::take(&mut self.is_snapshot_stale) {
            return None;
        }
        let ranks = self
            .catalog
            .applications()
            .filter_map(|(_, stored)| Some(stored.record.deployed.as_ref()?.rank));
        Some(Snapshot {
            is_listed: self.catalog.is_listed(),
            next_rank: ranks.max().map_or(1, |rank| rank.saturating_add(1)),
            applications: self
                .catalog
                .applications()
                .map(|(name, stored)| (name.clone(), Arc::clone(&stored.record)))
                .collect(),
            statuses: self.catalog.statuses().clone(),
            claims: self.desired.claims(&self.catalog),
        })
    }
}
