//! How far an application is.

use serde::{Deserialize, Serialize};

use super::ProblemEntry;

/// The status of an application; also the body of messages on its status subject.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The whole.
    #[serde(rename = "status")]
    pub info: StatusInfo,
    /// Its parts; absent when there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scalers: Vec<ScalerStatus>,
    /// The version that the status is about; a wadm leaves it empty.
    #[serde(default)]
    pub version: String,
    /// Not used any more; empty.
    #[serde(default)]
    pub components: Vec<ComponentStatus>,
    /// Weft: what keeps the application from being deployed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weft_problems: Vec<ProblemEntry>,
    /// Weft: how many things that are not to be there any more still are; absent when there are none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub weft_removing: u64,
}

/// A kind of status and a text about it.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct StatusInfo {
    /// The kind.
    #[serde(rename = "type")]
    pub kind: StatusType,
    /// A text for people; absent when empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// A kind of status.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum StatusType {
    /// No version is to run.
    #[default]
    Undeployed,
    /// A version is to run, but nothing is known of hosts.
    Waiting,
    /// What runs is being changed.
    #[serde(alias = "compensating")]
    Reconciling,
    /// What runs is what is to run.
    #[serde(alias = "ready")]
    Deployed,
    /// A part cannot proceed.
    Failed,
    /// A provider says that it is not healthy.
    Unhealthy,
}

/// The status of one part of an application.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct ScalerStatus {
    /// Distinguishes the parts.
    #[serde(default)]
    pub id: String,
    /// What the part takes care of, such as `SpreadScaler` or `LinkScaler`.
    #[serde(default)]
    pub kind: String,
    /// What it takes care of in particular.
    #[serde(default)]
    pub name: String,
    /// How far it is.
    #[serde(rename = "status")]
    pub info: StatusInfo,
}

/// An older form of the status of a component.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct ComponentStatus {
    /// Its name in the manifest.
    pub name: String,
    /// `component` or `capability`.
    #[serde(rename = "type")]
    pub component_type: String,
    /// How far it is.
    #[serde(rename = "status")]
    pub info: StatusInfo,
    /// How far its traits are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traits: Vec<TraitStatus>,
}

/// An older form of the status of a trait.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct TraitStatus {
    /// The type of the trait.
    #[serde(rename = "type")]
    pub trait_type: String,
    /// How far it is.
    #[serde(rename = "status")]
    pub info: StatusInfo,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

// ===== impl StatusType =====

impl StatusType {
    /// The status of a whole from those of its parts: the first there is of failed, undeployed, waiting, reconciling,
    /// unhealthy, deployed; undeployed when there are no parts.
    pub fn of_parts(parts: impl IntoIterator<Item = Self>) -> Self {
        parts
            .into_iter()
            .min_by_key(|kind| match kind {
                Self::Failed => 0,
                Self::Undeployed => 1,
                Self::Waiting => 2,
                Self::Reconciling => 3,
                Self::Unhealthy => 4,
                Self::Deployed => 5,
            })
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    #[test]
    fn the_worst_part_decides() {
        use StatusType::{Deployed, Failed, Reconciling, Undeployed, Unhealthy};
        assert_eq!(StatusType::of_parts([]), Undeployed);
        assert_eq!(StatusType::of_parts([Deployed, Deployed]), Deployed);
        assert_eq!(StatusType::of_parts([Deployed, Unhealthy]), Unhealthy);
        assert_eq!(StatusType::of_parts([Reconciling, Unhealthy]), Reconciling);
        assert_eq!(StatusType::of_parts([Undeployed, Failed, Deployed]), Failed);
    }

    #[test]
    fn older_words_are_read() {
        let read = |word: &str| json::decode::<StatusType>(format!("\"{word}\"").as_bytes());
        assert_eq!(read("compensating").unwrap(), StatusType::Reconciling);
        assert_eq!(read("ready").unwrap(), StatusType::Deployed);
        assert!(read("fine").is_err());
    }
}
