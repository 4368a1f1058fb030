//! Hosts and what they run, as pings, inventories and heartbeats tell it (spec §1.3).

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};
use weft_model::id::HostId;
use weft_model::inventory::{
    ComponentInventory, HostInventory, PassedRevisions, ProviderInventory,
};
use weft_model::labels::{Annotations, Labels};
use weft_model::limits::LimitOverrides;

use super::limits::{LimitMap, parse_limits, render_limits};
use crate::application::ProblemEntry;
use crate::convert::{ConvertError, parse_field};

/// The answer of a host to `host.ping`.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct HostSummary {
    /// The NATS server that carries calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpc_host: Option<String>,
    /// The NATS server that carries control messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ctl_host: Option<String>,
    /// A name for people; not unique.
    #[serde(default)]
    pub friendly_name: String,
    /// The host.
    #[serde(default)]
    pub id: String,
    /// The JetStream domain of the lattice's state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub js_domain: Option<String>,
    /// Labels for placement.
    #[serde(default)]
    pub labels: Labels,
    /// The lattice.
    #[serde(default)]
    pub lattice: String,
    /// Time since the host started, for people; see [`render_uptime`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uptime_human: Option<String>,
    /// Time since the host started, in seconds.
    #[serde(default)]
    pub uptime_seconds: u64,
    /// The version of the host's software.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// The answer of a host to `host.get.{host}`, and the data of its heartbeats.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct Inventory {
    /// Running components.
    #[serde(alias = "actors")]
    pub components: Vec<ComponentEntry>,
    /// Running providers.
    pub providers: Vec<ProviderEntry>,
    /// The host.
    #[serde(default)]
    pub host_id: String,
    /// A name for people; not unique.
    #[serde(default)]
    pub friendly_name: String,
    /// Labels for placement.
    #[serde(default)]
    pub labels: Labels,
    /// The version of the host's software.
    #[serde(default)]
    pub version: String,
    /// Time since the host started, for people; see [`render_uptime`].
    #[serde(default)]
    pub uptime_human: String,
    /// Time since the host started, in seconds.
    #[serde(default)]
    pub uptime_seconds: u64,
    /// Weft: how far the host had come with the state of the lattice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weft_passed: Option<PassedEntry>,
}

/// How far a host had come with the state of the lattice when it told its [`Inventory`].
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct PassedEntry {
    /// The revision of the bucket of component records that it has acted on.
    #[serde(default)]
    pub records: u64,
    /// The revision of the bucket of configs that it has acted on.
    #[serde(default)]
    pub configs: u64,
}

/// A component in an [`Inventory`].
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct ComponentEntry {
    /// The component.
    #[serde(default)]
    pub id: String,
    /// The image it was started from.
    #[serde(default)]
    pub image_ref: String,
    /// A name from its claims.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Annotations of the command that started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Annotations>,
    /// A number from its claims; zero without claims.
    #[serde(default)]
    pub revision: i32,
    /// How many instances may run at once; larger numbers are read as the largest.
    #[serde(default, deserialize_with = "saturate")]
    pub max_instances: u32,
    /// Limits by name; written as `null` when there are none.
    #[serde(default)]
    pub limits: Option<LimitMap>,
    /// Weft: what keeps links of the component from being served, as long as it lasts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weft_problems: Vec<ProblemEntry>,
}

/// A provider in an [`Inventory`].
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct ProviderEntry {
    /// The provider.
    #[serde(default)]
    pub id: String,
    /// The image it was started from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_ref: Option<String>,
    /// A name from its claims.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A number from its claims; zero without claims.
    #[serde(default)]
    pub revision: i32,
    /// Annotations of the command that started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Annotations>,
    /// Weft: what stands in for the backend that the image means, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weft_substitution: Option<String>,
    /// Weft: what keeps the provider or its links from being served, as long as it lasts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weft_problems: Vec<ProblemEntry>,
}

/// Body of `host.stop.{host}`; an empty body is the default.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct StopHost {
    /// The host; when not empty it has to be the one in the subject.
    #[serde(default)]
    pub host_id: String,
    /// How long cleaning up may take, in milliseconds.
    #[serde(default, rename = "timeout", skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

/// Reads a number of 64 bits, cut at the largest of 32.
fn saturate<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    Ok(u32::try_from(u64::deserialize(deserializer)?).unwrap_or(u32::MAX))
}

/// `uptime` in words, as 1.9 hosts write it: `1day 2h 3m 4s`. Parts of a second are dropped, parts that are zero left
/// out; a year has 365.25 days, a month 30.44.
pub fn render_uptime(uptime: Duration) -> String {
    /// Seconds of a unit, its name, and whether the name takes an `s` for more than one.
    const UNITS: [(u64, &str, bool); 6] = [
        (31_557_600, "year", true),
        (2_630_016, "month", true),
        (86_400, "day", true),
        (3_600, "h", false),
        (60, "m", false),
        (1, "s", false),
    ];
    let mut rest = uptime.as_secs();
    let mut parts = Vec::new();
    for (seconds, name, has_plural) in UNITS {
        let count = rest / seconds;
        rest %= seconds;
        if count > 0 {
            let plural = if has_plural && count > 1 { "s" } else { "" };
            parts.push(format!("{count}{name}{plural}"));
        }
    }
    if parts.is_empty() {
        return "0s".to_owned();
    }
    parts.join(" ")
}

// ===== impl HostSummary =====

impl HostSummary {
    /// The host.
    ///
    /// # Errors
    ///
    /// [`ConvertError`] when it is no id.
    pub fn host(&self) -> Result<HostId, ConvertError> {
        parse_field("id", &self.id)
    }
}

// ===== impl Inventory =====

impl Inventory {
    /// The inventory without the entries whose ids are not valid, and why those are missing: one odd entry of a foreign
    /// host does not make the host unknown.
    ///
    /// # Errors
    ///
    /// [`ConvertError`] when the id of the host is not valid.
    pub fn to_model_lossy(&self) -> Result<(HostInventory, Vec<ConvertError>), ConvertError> {
        let mut skipped = Vec::new();
        let mut components = Vec::with_capacity(self.components.len());
        for entry in &self.components {
            match ComponentInventory::try_from(entry) {
                Ok(component) => components.push(component),
                Err(error) => skipped.push(error),
            }
        }
        let mut providers = Vec::with_capacity(self.providers.len());
        for entry in &self.providers {
            match ProviderInventory::try_from(entry) {
                Ok(provider) => providers.push(provider),
                Err(error) => skipped.push(error),
            }
        }
        let inventory = HostInventory {
            host: parse_field("host_id", &self.host_id)?,
            friendly_name: self.friendly_name.clone(),
            labels: self.labels.clone(),
            version: self.version.clone(),
            uptime: Duration::from_secs(self.uptime_seconds),
            components,
            providers,
            passed: self.weft_passed.map(|passed| PassedRevisions {
                records: passed.records,
                configs: passed.configs,
            }),
        };
        Ok((inventory, skipped))
    }
}

impl TryFrom<&Inventory> for HostInventory {
    type Error = ConvertError;

    fn try_from(inventory: &Inventory) -> Result<Self, ConvertError> {
        let (inventory, skipped) = inventory.to_model_lossy()?;
        skipped.into_iter().next().map_or(Ok(inventory), Err)
    }
}

impl From<&HostInventory> for Inventory {
    fn from(inventory: &HostInventory) -> Self {
        Self {
            components: inventory.components.iter().map(Into::into).collect(),
            providers: inventory.providers.iter().map(Into::into).collect(),
            host_id: inventory.host.to_string(),
            friendly_name: inventory.friendly_name.clone(),
            labels: inventory.labels.clone(),
            version: inventory.version.clone(),
            uptime_human: render_uptime(inventory.uptime),
            uptime_seconds: inventory.uptime.as_secs(),
            weft_passed: inventory.passed.map(|passed| PassedEntry {
                records: passed.records,
                configs: passed.configs,
            }),
        }
    }
}

// ===== impl ComponentEntry =====

impl TryFrom<&ComponentEntry> for ComponentInventory {
    type Error = ConvertError;

    fn try_from(entry: &ComponentEntry) -> Result<Self, ConvertError> {
        Ok(Self {
            id: parse_field("components.id", &entry.id)?,
            image: entry.image_ref.clone(),
            name: entry.name.clone(),
            annotations: entry.annotations.clone().unwrap_or_default(),
            instances_max: entry.max_instances,
            limits: entry
                .limits
                .as_ref()
                .map(parse_limits)
                // Limits that are not known here are none.
                .filter(|limits| *limits != LimitOverrides::default()),
            problems: entry
                .weft_problems
                .iter()
                .cloned()
                .map(Into::into)
                .collect(),
        })
    }
}

impl From<&ComponentInventory> for ComponentEntry {
    fn from(component: &ComponentInventory) -> Self {
        Self {
            id: component.id.to_string(),
            image_ref: component.image.clone(),
            name: component.name.clone(),
            annotations: Some(component.annotations.clone()),
            revision: 0,
            max_instances: component.instances_max,
            limits: component.limits.as_ref().and_then(render_limits),
            weft_problems: component.problems.iter().map(Into::into).collect(),
        }
    }
}

// ===== impl ProviderEntry =====

impl TryFrom<&ProviderEntry> for ProviderInventory {
    type Error = ConvertError;

    fn try_from(entry: &ProviderEntry) -> Result<Self, ConvertError> {
        Ok(Self {
            id: parse_field("providers.id", &entry.id)?,
            image: entry.image_ref.clone(),
            name: entry.name.clone(),
            annotations: entry.annotations.clone().unwrap_or_default(),
            substitution: entry.weft_substitution.clone(),
            problems: entry
                .weft_problems
                .iter()
                .cloned()
                .map(Into::into)
                .collect(),
        })
    }
}

impl From<&ProviderInventory> for ProviderEntry {
    fn from(provider: &ProviderInventory) -> Self {
        Self {
            id: provider.id.to_string(),
            image_ref: provider.image.clone(),
            name: provider.name.clone(),
            revision: 0,
            annotations: Some(provider.annotations.clone()),
            weft_substitution: provider.substitution.clone(),
            weft_problems: provider.problems.iter().map(Into::into).collect(),
        }
    }
}

// ===== impl StopHost =====

impl StopHost {
    /// Asks `host` to stop, with `timeout` for cleaning up, or the host's own.
    pub fn new(host: &HostId, timeout: Option<Duration>) -> Self {
        Self {
            host_id: host.to_string(),
            timeout_ms: timeout
                .map(|timeout| u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    #[test]
    fn uptime_reads_as_on_a_1_9_host() {
        let check = |seconds, expected: &str| {
            assert_eq!(render_uptime(Duration::from_secs(seconds)), expected);
        };
        check(0, "0s");
        check(182, "3m 2s");
        check(86_400 + 3_600, "1day 1h");
        check(
            31_557_600 * 2 + 2_630_016 + 86_400 * 3 + 1,
            "2years 1month 3days 1s",
        );
        assert_eq!(render_uptime(Duration::from_millis(1999)), "1s");
    }

    #[test]
    fn an_inventory_becomes_the_same_inventory() {
        let inventory: Inventory = json::decode(
            br#"{"actors":[{"id":"web","image_ref":"x:1","annotations":{"a":"b"},"revision":0,"max_instances":5000000000,"limits":null}],
                "providers":[{"id":"http","revision":0,"annotations":{}}],"host_id":"NABC","friendly_name":"f","labels":{"zone":"a"},
                "version":"1.9.2","uptime_human":"3m 2s","uptime_seconds":182,"weft_passed":{"records":7,"configs":3}}"#,
        )
        .unwrap();
        assert_eq!(inventory.components[0].max_instances, u32::MAX);
        let model = HostInventory::try_from(&inventory).unwrap();
        assert_eq!(model.uptime, Duration::from_secs(182));
        assert_eq!(model.passed.map(|passed| passed.records), Some(7));
        assert_eq!(Inventory::from(&model), inventory);
    }

    #[test]
    fn an_odd_entry_does_not_hide_the_host() {
        let inventory: Inventory = json::decode(
            br#"{"components":[{"id":"a.b"},{"id":"web"}],"providers":[],"host_id":"NABC"}"#,
        )
        .unwrap();
        let (model, skipped) = inventory.to_model_lossy().unwrap();
        assert_eq!(model.components.len(), 1);
        assert_eq!(skipped.len(), 1);
        assert!(matches!(
            HostInventory::try_from(&inventory),
            Err(ConvertError::Id {
                field: "components.id",
                ..
            })
        ));
    }
}
