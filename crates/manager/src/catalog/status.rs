//! The stored status of an application: what the acting manager says, so that every manager can tell it.

use serde::{Deserialize, Serialize};
use weft_model::id::ApplicationName;
use weft_protocol::application::{Status, StatusInfo, StatusType};
use weft_protocol::json;

use super::key;
use super::record::{ApplicationRecord, FORMAT, check_form};
use crate::error::Error;

/// What is said of an application that was deployed once and is not any more; the words of the dialect.
pub(crate) const UNDEPLOYED: &str = "Manifest has been undeployed";

/// The entry of a status.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StatusRecord {
    format: u32,
    /// The application.
    #[serde(with = "super::text")]
    pub(crate) name: ApplicationName,
    /// The generation of the application that the status is about; see
    /// [`ApplicationRecord::generation`].
    pub(crate) generation: u64,
    /// The status.
    pub(crate) status: Status,
}

// ===== impl StatusRecord =====

impl StatusRecord {
    pub(crate) fn new(name: ApplicationName, generation: u64, status: Status) -> Self {
        Self {
            format: FORMAT,
            name,
            generation,
            status,
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
        check_form(key, record.format, key::status(&record.name) == key)?;
        Ok(record)
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        json::encode(self)
    }
}

/// The status of an application as far as it is known: what is `stored` counts for the generation it was made for, and
/// says nothing about a change that no manager has acted on yet.
pub(crate) fn current(record: &ApplicationRecord, stored: Option<&StatusRecord>) -> Status {
    let stored = stored.filter(|stored| stored.generation == record.generation);
    if let Some(stored) = stored {
        return stored.status.clone();
    }
    let (kind, message, version) = match &record.deployed {
        Some(deployed) => (
            StatusType::Waiting,
            format!("Waiting until the manager acts on {}", deployed.version),
            deployed.version.clone(),
        ),
        None if record.generation > 0 => {
            (StatusType::Undeployed, UNDEPLOYED.to_owned(), String::new())
        }
        None => return Status::default(),
    };
    Status {
        info: StatusInfo { kind, message },
        version,
        // What is left is counted by whoever acts.
        weft_removing: u64::from(record.deployed.is_none()),
        ..Status::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::record::{DeployedRecord, RevisionId};

    #[test]
    fn a_status_counts_for_its_generation_alone() {
        let mut record = ApplicationRecord::new("shop".parse().unwrap());
        assert_eq!(current(&record, None), Status::default());
        record.generation = 2;
        assert_eq!(current(&record, None).info.message, UNDEPLOYED);
        record.deployed = Some(DeployedRecord {
            version: "v2".to_owned(),
            revision: RevisionId::new("01J"),
            rank: 1,
        });
        let deployed = Status {
            info: StatusInfo {
                kind: StatusType::Deployed,
                message: String::new(),
            },
            ..Status::default()
        };
        let stored =
            |generation| StatusRecord::new(record.name.clone(), generation, deployed.clone());
        let of_earlier = current(&record, Some(&stored(1)));
        assert_eq!(of_earlier.info.kind, StatusType::Waiting);
        assert_eq!(of_earlier.version, "v2");
        assert_eq!(current(&record, Some(&stored(2))), deployed);
        let bytes = stored(2).encode();
        assert_eq!(
            StatusRecord::decode("status.shop", &bytes).unwrap(),
            stored(2)
        );
        assert!(StatusRecord::decode("status.other", &bytes).is_err());
    }
}
