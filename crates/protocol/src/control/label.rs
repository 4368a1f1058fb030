//! Bodies of label requests (spec §1.3).

use serde::{Deserialize, Serialize};

use crate::wire;

/// Body of `label.put.{host}`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct PutLabel {
    /// The key of the label.
    pub key: String,
    /// Its value.
    pub value: String,
}

/// Body of `label.del.{host}`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct DeleteLabel {
    /// The key of the label.
    pub key: String,
}

// ===== impl PutLabel =====

impl PutLabel {
    /// Whether the label is one of those that a host sets itself and refuses to change.
    pub fn is_reserved(&self) -> bool {
        let prefix = wire::label::RESERVED_PREFIX;
        self.key
            .get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_the_host_itself_are_reserved() {
        let is_reserved = |key: &str| {
            PutLabel {
                key: key.to_owned(),
                value: String::new(),
            }
            .is_reserved()
        };
        assert!(is_reserved("hostcore.os"));
        assert!(is_reserved("HostCore.x"));
        assert!(!is_reserved("hostcore"));
        assert!(!is_reserved("zone"));
        assert!(!is_reserved("häääääääääää"));
    }
}
