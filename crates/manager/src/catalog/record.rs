//! What is stored of an application, but for its manifests: small, and changed by compare-and-set alone.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use weft_model::id::ApplicationName;
use weft_protocol::{json, wire};

use crate::error::Error;

/// The form of entries that this version writes, and the newest that it reads.
pub(super) const FORMAT: u32 = 1;

/// The identity of a revision: a ULID, never given twice. What is stored under it never changes.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct RevisionId(String);

/// An application and its versions.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct ApplicationRecord {
    pub(super) format: u32,
    /// The name.
    #[serde(with = "super::text")]
    pub(crate) name: ApplicationName,
    /// Raised whenever what is to run changes, or is asked for again.
    pub(crate) generation: u64,
    /// The versions, in the order in which they were put; their texts are unique.
    pub(crate) versions: Vec<VersionRecord>,
    /// What is to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) deployed: Option<DeployedRecord>,
    /// Revisions that were to run once, may have left something, and are kept until that is gone. Not the deployed one;
    /// unique.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) remnants: Vec<RevisionId>,
    /// Whether the application was deleted: it has no versions, and goes when all that it left is gone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_deleted: bool,
}

/// A version of an application.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct VersionRecord {
    /// Its text.
    pub(crate) version: String,
    /// The revision that it names.
    pub(crate) revision: RevisionId,
    /// The digest of its manifest in canonical form, without the version where that was assigned.
    pub(crate) digest: String,
    /// Whether its author gave it no version, so that it was given one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_assigned: bool,
    /// The beginning of what its author says about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
}

/// The version of an application that is to run.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub(crate) struct DeployedRecord {
    /// The version; it may have been deleted from the versions only together with this.
    pub(crate) version: String,
    /// Its revision.
    pub(crate) revision: RevisionId,
    /// The position of the application among all that run: the lower one keeps an id that two of them claim. Given when
    /// an application that does not run is deployed.
    pub(crate) rank: u64,
}

// ===== impl RevisionId =====

impl RevisionId {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RevisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// ===== impl ApplicationRecord =====

impl ApplicationRecord {
    /// An application without versions.
    pub(super) fn new(name: ApplicationName) -> Self {
        Self {
            format: FORMAT,
            name,
            generation: 0,
            versions: Vec::new(),
            deployed: None,
            remnants: Vec::new(),
            is_deleted: false,
        }
    }

    /// Reads the entry `key`.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`] or [`Error::NotUnderstood`].
    pub(crate) fn decode(key: &str, bytes: &[u8]) -> Result<Self, Error> {
        let record: Self = json::decode(bytes).map_err(|source| Error::Unreadable {
            key: key.to_owned(),
            source,
        })?;
        check_form(
            key,
            record.format,
            super::key::application(&record.name) == key,
        )?;
        Ok(record)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        json::encode(self)
    }

    /// The version with this text, or the newest where `text` is absent or says so.
    pub(crate) fn version(&self, text: Option<&str>) -> Option<&VersionRecord> {
        match text {
            None | Some(wire::VERSION_LATEST) => self.versions.last(),
            Some(text) => self.versions.iter().find(|one| one.version == text),
        }
    }

    /// The revisions that have to be kept.
    pub(crate) fn revisions(&self) -> BTreeSet<&RevisionId> {
        let versions = self.versions.iter().map(|one| &one.revision);
        versions.chain(self.revisions_in_use()).collect()
    }

    /// The revisions of which something runs or may be left.
    pub(crate) fn revisions_in_use(&self) -> impl Iterator<Item = &RevisionId> {
        let deployed = self.deployed.iter().map(|one| &one.revision);
        deployed.chain(&self.remnants)
    }
}

/// Checks what every entry says of itself.
pub(super) fn check_form(key: &str, format: u32, is_its_key: bool) -> Result<(), Error> {
    let reason = if format > FORMAT {
        "a later version of Weft wrote it"
    } else if !is_its_key {
        "it belongs to another key"
    } else {
        return Ok(());
    };
    Err(Error::NotUnderstood {
        key: key.to_owned(),
        reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back_and_says_when_it_is_not_understood() {
        let mut record = ApplicationRecord::new("shop".parse().unwrap());
        record.versions.push(VersionRecord {
            version: "v1".to_owned(),
            revision: RevisionId::new("01J"),
            digest: "sha256:0".to_owned(),
            is_assigned: false,
            description: None,
        });
        let bytes = record.encode();
        assert_eq!(
            String::from_utf8(bytes.clone()).unwrap(),
            r#"{"format":1,"name":"shop","generation":0,"versions":[{"version":"v1","revision":"01J","digest":"sha256:0"}]}"#
        );
        assert_eq!(
            ApplicationRecord::decode("app.shop", &bytes).unwrap(),
            record
        );
        let check = |key: &str, text: &str, expected: &str| {
            let error = ApplicationRecord::decode(key, text.as_bytes()).unwrap_err();
            assert_eq!(error.to_string(), expected);
        };
        check(
            "app.a",
            r#"{"format":1,"name":"b","generation":0,"versions":[]}"#,
            "the stored entry `app.a` is not understood: it belongs to another key",
        );
        check(
            "app.a",
            r#"{"format":2,"name":"a","generation":0,"versions":[]}"#,
            "the stored entry `app.a` is not understood: a later version of Weft wrote it",
        );
        check("app.a", "[", "the stored entry `app.a` cannot be read");
        check(
            "app.a",
            r#"{"format":1,"name":"not a name","generation":0,"versions":[]}"#,
            "the stored entry `app.a` cannot be read",
        );
    }
}
