//! A version is made the one that is to run, or none is.

use super::retire;
use crate::catalog::record::{ApplicationRecord, DeployedRecord};

/// Makes `version`, or the newest one, the one that is to run. An application that does not run yet gets `rank`.
///
/// Deploying what is deployed is a change too: whatever failed is tried again at once. `None` when there is no such
/// version.
pub(crate) fn deploy(
    before: &ApplicationRecord,
    version: Option<&str>,
    rank: u64,
) -> Option<ApplicationRecord> {
    let wanted = before.version(version)?;
    let mut record = before.clone();
    let rank = record.deployed.as_ref().map_or(rank, |one| one.rank);
    retire(&mut record);
    record
        .remnants
        .retain(|revision| *revision != wanted.revision);
    record.deployed = Some(DeployedRecord {
        version: wanted.version.clone(),
        revision: wanted.revision.clone(),
        rank,
    });
    Some(record)
}

/// Lets no version run. `None` when none is to run as it is.
pub(crate) fn undeploy(before: &ApplicationRecord) -> Option<ApplicationRecord> {
    before.deployed.as_ref()?;
    let mut record = before.clone();
    retire(&mut record);
    Some(record)
}
