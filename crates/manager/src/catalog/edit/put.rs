//! A manifest is put.

use weft_model::id::ApplicationName;
use weft_protocol::application::PutResult;

use super::Change;
use crate::catalog::record::{ApplicationRecord, RevisionId, VersionRecord};
use crate::error::Error;

/// The longest description that is kept beside a version, in bytes.
const DESCRIPTION_BYTES_MAX: usize = 512;

/// A manifest that is to become a version.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    /// The application.
    pub(crate) name: ApplicationName,
    /// The version: that of the manifest, or a new one.
    pub(crate) version: String,
    /// Whether the manifest has none.
    pub(crate) is_assigned: bool,
    /// The digest of the manifest as it was put.
    pub(crate) digest: String,
    /// What the manifest says about itself.
    pub(crate) description: Option<String>,
    /// The revision that it is stored as.
    pub(crate) revision: RevisionId,
}

/// What a put comes to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Put {
    /// The very manifest is there already, as this version.
    Unchanged {
        /// The version.
        version: String,
        /// How many versions there are.
        total: usize,
    },
    /// It becomes a version.
    Stored {
        /// What becomes of the record.
        change: Change,
        /// What the reply says.
        result: PutResult,
        /// How many versions there are then.
        total: usize,
    },
}

/// Makes `candidate` the newest version, unless it is there.
///
/// A manifest without a version is there when the newest version had none either and is the same. One with a version is
/// there when that version is the same. When as many versions are kept as may be, the oldest one without a name of its
/// own that is not in use makes room.
///
/// # Errors
///
/// [`Error::VersionExists`] and [`Error::TooManyVersions`].
pub(crate) fn put(
    before: Option<&ApplicationRecord>,
    candidate: &Candidate,
    versions_max: usize,
) -> Result<Put, Error> {
    let new = || ApplicationRecord::new(candidate.name.clone());
    let before = before.cloned().unwrap_or_else(new);
    let total = before.versions.len();
    if let Some(same) = find_same(&before, candidate)? {
        return Ok(Put::Unchanged {
            version: same.version.clone(),
            total,
        });
    }
    let mut record = before.clone();
    while record.versions.len() >= versions_max {
        let Some(oldest) = find_expendable(&record) else {
            return Err(Error::TooManyVersions {
                application: candidate.name.to_string(),
                versions_max,
            });
        };
        record.versions.remove(oldest);
    }
    record.is_deleted = false;
    record.versions.push(VersionRecord {
        version: candidate.version.clone(),
        revision: candidate.revision.clone(),
        digest: candidate.digest.clone(),
        is_assigned: candidate.is_assigned,
        description: candidate.description.as_deref().map(shorten),
    });
    Ok(Put::Stored {
        result: if total == 0 {
            PutResult::Created
        } else {
            PutResult::NewVersion
        },
        total: record.versions.len(),
        change: Change::new(&before, Some(record)),
    })
}

/// The version that the candidate already is.
fn find_same<'r>(
    record: &'r ApplicationRecord,
    candidate: &Candidate,
) -> Result<Option<&'r VersionRecord>, Error> {
    if candidate.is_assigned {
        let newest = record.versions.last();
        return Ok(newest.filter(|one| one.is_assigned && one.digest == candidate.digest));
    }
    match record.version(Some(&candidate.version)) {
        Some(same) if !same.is_assigned && same.digest == candidate.digest => Ok(Some(same)),
        Some(_) => Err(Error::VersionExists {
            application: candidate.name.to_string(),
            version: candidate.version.clone(),
        }),
        None => Ok(None),
    }
}

/// The oldest version that nobody named and that is not to run.
fn find_expendable(record: &ApplicationRecord) -> Option<usize> {
    let deployed = record.deployed.as_ref().map(|one| &one.revision);
    record
        .versions
        .iter()
        .position(|one| one.is_assigned && Some(&one.revision) != deployed)
}

/// The beginning of `text`.
fn shorten(text: &str) -> String {
    text.chars()
        .scan(0, |bytes, character| {
            *bytes += character.len_utf8();
            (*bytes <= DESCRIPTION_BYTES_MAX).then_some(character)
        })
        .collect()
}
