//! A version or a whole application is deleted.

use super::{Change, retire};
use crate::catalog::record::ApplicationRecord;

/// What a delete comes to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Deleted {
    /// What becomes of the record.
    pub(crate) change: Change,
    /// Whether what was to run is not to run any more.
    pub(crate) is_undeployed: bool,
}

/// Removes `version`, or all versions. `None` when there is none.
///
/// An application without versions is kept, as deleted, while it may have left something.
pub(crate) fn delete(before: &ApplicationRecord, version: Option<&str>) -> Option<Deleted> {
    if before.versions.is_empty() {
        return None;
    }
    let mut record = before.clone();
    match version {
        None => record.versions.clear(),
        Some(text) => {
            let version = before.version(Some(text))?.version.clone();
            record.versions.retain(|one| one.version != version);
        }
    }
    let is_gone = |deployed: &str| record.versions.iter().all(|one| one.version != deployed);
    let is_undeployed = record
        .deployed
        .as_ref()
        .is_some_and(|deployed| is_gone(&deployed.version));
    if is_undeployed {
        retire(&mut record);
    }
    record.is_deleted = record.versions.is_empty();
    let has_nothing = record.is_deleted && record.remnants.is_empty();
    Some(Deleted {
        change: Change::new(before, (!has_nothing).then_some(record)),
        is_undeployed,
    })
}
