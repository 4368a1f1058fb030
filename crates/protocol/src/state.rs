//! The state of a lattice in its buckets (spec §3).

mod claims;
mod component;
mod config;
mod lease;

pub use claims::{ClaimsKind, ClaimsRecord};
pub use component::{ComponentRecord, LinkConflict, PutLinkOutcome};
pub use config::SecretReference;
pub use lease::LeaseRecord;

use std::fmt;

use weft_model::id::{ConfigName, EntityId, LatticeName, ParseIdError};

use crate::wire::bucket;

/// The bucket of component records and claims of `lattice`.
pub fn lattice_bucket(lattice: &LatticeName) -> String {
    format!("{}{lattice}", bucket::LATTICE_DATA_PREFIX)
}

/// The bucket of configs of `lattice`; its keys are names of configs.
pub fn config_bucket(lattice: &LatticeName) -> String {
    format!("{}{lattice}", bucket::CONFIG_DATA_PREFIX)
}

/// The bucket of what the managers of `lattice` share; its key `lease` holds a [`LeaseRecord`].
pub fn manager_bucket(lattice: &LatticeName) -> String {
    format!("{}{lattice}", bucket::MANAGER_PREFIX)
}

/// The bucket of the revisions of applications of `lattice`.
pub fn application_bucket(lattice: &LatticeName) -> String {
    format!("{}{lattice}", bucket::APPLICATION_PREFIX)
}

/// Whether a config of this name holds a reference to a secret (spec §8.4).
pub fn is_secret(config: &ConfigName) -> bool {
    config.as_str().starts_with(bucket::SECRET_PREFIX)
}

/// What a key of the bucket of a lattice names. A key is split at its first `_`.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
#[non_exhaustive]
pub enum LatticeKey {
    /// The record of a component or provider: a [`ComponentRecord`].
    Component(EntityId),
    /// Claims by the key of their subject: a [`ClaimsRecord`].
    Claims(String),
    /// Something that this dialect does not use any more, or not yet.
    Other(String),
}

// ===== impl LatticeKey =====

impl LatticeKey {
    /// Reads `key`.
    ///
    /// # Errors
    ///
    /// [`ParseIdError`] when it is that of a component record, but what follows is no id.
    pub fn parse(key: &str) -> Result<Self, ParseIdError> {
        Ok(match key.split_once('_') {
            Some((bucket::COMPONENT, id)) => Self::Component(id.parse()?),
            Some((bucket::CLAIMS, subject)) => Self::Claims(subject.to_owned()),
            _ => Self::Other(key.to_owned()),
        })
    }
}

impl fmt::Display for LatticeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Component(id) => write!(f, "{}_{id}", bucket::COMPONENT),
            Self::Claims(subject) => write!(f, "{}_{subject}", bucket::CLAIMS),
            Self::Other(key) => f.write_str(key),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_split_at_its_first_underscore() {
        let key = LatticeKey::parse("COMPONENT_my_app-web").unwrap();
        assert_eq!(key, LatticeKey::Component("my_app-web".parse().unwrap()));
        assert_eq!(key.to_string(), "COMPONENT_my_app-web");
        assert_eq!(
            LatticeKey::parse("CLAIMS_VABC"),
            Ok(LatticeKey::Claims("VABC".to_owned()))
        );
        for other in ["LINKDEF_x", "REFMAP_y", "COMPONENT", ""] {
            let key = LatticeKey::parse(other).unwrap();
            assert_eq!(key, LatticeKey::Other(other.to_owned()));
            assert_eq!(key.to_string(), other);
        }
        assert!(LatticeKey::parse("COMPONENT_").is_err());
    }

    #[test]
    fn buckets_are_named_after_the_lattice() {
        let lattice = "edge".parse().unwrap();
        assert_eq!(lattice_bucket(&lattice), "LATTICEDATA_edge");
        assert_eq!(config_bucket(&lattice), "CONFIGDATA_edge");
        assert!(is_secret(&"SECRET_x".parse().unwrap()));
        assert!(!is_secret(&"x".parse().unwrap()));
    }
}
