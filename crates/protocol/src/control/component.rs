//! Bodies of component requests (spec §1.3).

use serde::{Deserialize, Serialize};
use weft_model::id::{ComponentId, ConfigName, HostId};
use weft_model::labels::{Annotations, Labels};
use weft_model::limits::LimitOverrides;
use weft_model::reference::Reference;

use super::limits::{LimitMap, parse_limits, render_limits};
use crate::convert::{ConvertError, parse_field, parse_fields};

/// Body of `component.auction`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct ComponentAuction {
    /// The image to run.
    #[serde(default)]
    pub component_ref: String,
    /// The id under which it would run.
    pub component_id: String,
    /// Labels that a bidding host has.
    pub constraints: Labels,
}

/// The bid of a host in a component auction. A 1.9 host gives the image as `component_id` too.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct ComponentBid {
    /// The image, as asked for.
    #[serde(default)]
    pub component_ref: String,
    /// The id, as asked for.
    #[serde(default)]
    pub component_id: String,
    /// The host that bids.
    #[serde(default)]
    pub host_id: String,
    /// The constraints, as asked for.
    #[serde(default)]
    pub constraints: Labels,
}

/// Body of `component.scale.{host}`.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct ScaleComponent {
    /// The image to run; may be empty when the count is zero.
    #[serde(default)]
    pub component_ref: String,
    /// The id under which it is to run.
    pub component_id: String,
    /// Annotations for what is started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Annotations>,
    /// How many instances may run at once; zero stops the component.
    #[serde(default, rename = "count")]
    pub instances_max: u32,
    /// Limits by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component_limits: Option<LimitMap>,
    /// The host, as in the subject; not checked by 1.9.
    #[serde(default)]
    pub host_id: String,
    /// Names of configs, merged left to right.
    #[serde(default)]
    pub config: Vec<String>,
    /// Whether a component that runs from another image is to be changed to this one.
    #[serde(default)]
    pub allow_update: bool,
}

/// Body of `component.update.{host}`.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct UpdateComponent {
    /// The id of the component.
    #[serde(default)]
    pub component_id: String,
    /// Annotations for what is started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Annotations>,
    /// The host, as in the subject.
    #[serde(default)]
    pub host_id: String,
    /// The image to change to.
    #[serde(default)]
    pub new_component_ref: String,
}

// ===== impl ComponentAuction =====

impl ComponentAuction {
    /// Asks who would run `image` as `component`.
    pub fn new(component: &ComponentId, image: &Reference, constraints: Labels) -> Self {
        Self {
            component_ref: image.to_string(),
            component_id: component.to_string(),
            constraints,
        }
    }

    /// The id under which the component would run.
    ///
    /// # Errors
    ///
    /// [`ConvertError`] when it is no id.
    pub fn component(&self) -> Result<ComponentId, ConvertError> {
        parse_field("component_id", &self.component_id)
    }
}

// ===== impl ComponentBid =====

impl ComponentBid {
    /// The bid of `host` for `auction`.
    pub fn new(host: &HostId, auction: ComponentAuction) -> Self {
        Self {
            component_ref: auction.component_ref,
            component_id: auction.component_id,
            host_id: host.to_string(),
            constraints: auction.constraints,
        }
    }

    /// The host that bids.
    ///
    /// # Errors
    ///
    /// [`ConvertError`] when it is no id.
    pub fn host(&self) -> Result<HostId, ConvertError> {
        parse_field("host_id", &self.host_id)
    }
}

// ===== impl ScaleComponent =====

impl ScaleComponent {
    /// Asks `host` to run `image` as `component` with up to `instances_max` instances; the rest is empty.
    pub fn new(
        host: &HostId,
        component: &ComponentId,
        image: &Reference,
        instances_max: u32,
    ) -> Self {
        Self {
            component_ref: image.to_string(),
            instances_max,
            ..Self::stop(host, component)
        }
    }

    /// Asks `host` to stop `component`; a 1.9 host wants the image as well, to read its claims.
    pub fn stop(host: &HostId, component: &ComponentId) -> Self {
        Self {
            component_id: component.to_string(),
            annotations: Some(Annotations::new()),
            host_id: host.to_string(),
            ..Self::default()
        }
    }

    /// The id under which the component is to run.
    ///
    /// # Errors
    ///
    /// [`ConvertError`] when it is no id.
    pub fn component(&self) -> Result<ComponentId, ConvertError> {
        parse_field("component_id", &self.component_id)
    }

    /// The image to run; `None` when the request names none.
    ///
    /// # Errors
    ///
    /// [`ConvertError`] when it is no reference.
    pub fn image(&self) -> Result<Option<Reference>, ConvertError> {
        if self.component_ref.trim().is_empty() {
            return Ok(None);
        }
        parse_field("component_ref", &self.component_ref).map(Some)
    }

    /// Names of configs, merged left to right.
    ///
    /// # Errors
    ///
    /// [`ConvertError`] when one is no name.
    pub fn configs(&self) -> Result<Vec<ConfigName>, ConvertError> {
        parse_fields("config", &self.config)
    }

    /// The limits that the request asks for; `None` when it names none.
    pub fn limits(&self) -> Option<LimitOverrides> {
        self.component_limits.as_ref().map(parse_limits)
    }

    /// Asks for `limits`.
    pub fn set_limits(&mut self, limits: &LimitOverrides) {
        self.component_limits = render_limits(limits);
    }

    /// Names the configs to read.
    pub fn set_configs(&mut self, configs: &[ConfigName]) {
        self.config = configs.iter().map(ToString::to_string).collect();
    }
}

// ===== impl UpdateComponent =====

impl UpdateComponent {
    /// The id of the component.
    ///
    /// # Errors
    ///
    /// [`ConvertError`] when it is no id.
    pub fn component(&self) -> Result<ComponentId, ConvertError> {
        parse_field("component_id", &self.component_id)
    }

    /// The image to change to.
    ///
    /// # Errors
    ///
    /// [`ConvertError`] when it is no reference.
    pub fn image(&self) -> Result<Reference, ConvertError> {
        parse_field("new_component_ref", &self.new_component_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    #[test]
    fn only_the_id_of_a_scale_request_is_needed() {
        let scale: ScaleComponent = json::decode(br#"{"component_id":"web","extra":{}}"#).unwrap();
        assert_eq!(scale.component().unwrap().as_str(), "web");
        assert_eq!((scale.image(), scale.instances_max), (Ok(None), 0));
        assert_eq!(scale.limits(), None);
        assert!(json::decode::<ScaleComponent>(br#"{"component_id":"web","count":-1}"#).is_err());
        assert!(json::decode::<ScaleComponent>(br#"{"count":1}"#).is_err());
    }

    #[test]
    fn requests_are_written_as_the_reference_client_writes_them() {
        let (host, component) = ("NABC".parse().unwrap(), "web".parse().unwrap());
        let scale = ScaleComponent::new(&host, &component, &"ghcr.io/x/y:1".parse().unwrap(), 5);
        assert_eq!(
            String::from_utf8(json::encode(&scale)).unwrap(),
            r#"{"component_ref":"ghcr.io/x/y:1","component_id":"web","annotations":{},"count":5,"host_id":"NABC","config":[],"allow_update":false}"#
        );
    }
}
