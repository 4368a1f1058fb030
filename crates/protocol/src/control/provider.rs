//! Bodies of provider requests (spec §1.3).

use serde::{Deserialize, Serialize};
use weft_model::id::{ConfigName, HostId, ProviderId};
use weft_model::labels::{Annotations, Labels};
use weft_model::reference::Reference;

use crate::convert::{ConvertError, parse_field, parse_fields};

/// Body of `provider.auction`.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct ProviderAuction {
    /// The image to run.
    #[serde(default)]
    pub provider_ref: String,
    /// The id under which it would run.
    pub provider_id: String,
    /// Labels that a bidding host has.
    pub constraints: Labels,
}

/// The bid of a host in a provider auction.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct ProviderBid {
    /// The host that bids.
    #[serde(default)]
    pub host_id: String,
    /// The image, as asked for.
    #[serde(default)]
    pub provider_ref: String,
    /// The id, as asked for.
    #[serde(default)]
    pub provider_id: String,
    /// The constraints, as asked for.
    #[serde(default)]
    pub constraints: Labels,
}

/// Body of `provider.start.{host}`.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct StartProvider {
    /// The id under which it is to run.
    pub provider_id: String,
    /// The image to run.
    #[serde(default)]
    pub provider_ref: String,
    /// The host, as in the subject; not checked by 1.9.
    #[serde(default)]
    pub host_id: String,
    /// Names of configs, merged left to right.
    #[serde(default)]
    pub config: Vec<String>,
    /// Annotations for what is started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Annotations>,
}

/// Body of `provider.stop.{host}`.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct StopProvider {
    /// The host, as in the subject.
    #[serde(default)]
    pub host_id: String,
    /// The id of the provider; `provider_ref` is read as another name of this field.
    #[serde(default, alias = "provider_ref")]
    pub provider_id: String,
}

// ===== impl ProviderAuction =====

impl ProviderAuction {
    /// Asks who would run `image` as `provider`.
    pub fn new(provider: &ProviderId, image: &Reference, constraints: Labels) -> Self {
        Self {
            provider_ref: image.to_string(),
            provider_id: provider.to_string(),
            constraints,
        }
    }

    /// The id under which the provider would run.
    ///
    /// # Errors
    ///
    /// [`ConvertError`] when it is no id.
    pub fn provider(&self) -> Result<ProviderId, ConvertError> {
        parse_field("provider_id", &self.provider_id)
    }
}

// ===== impl ProviderBid =====

impl ProviderBid {
    /// The bid of `host` for `auction`.
    pub fn new(host: &HostId, auction: ProviderAuction) -> Self {
        Self {
            host_id: host.to_string(),
            provider_ref: auction.provider_ref,
            provider_id: auction.provider_id,
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

// ===== impl StartProvider =====

impl StartProvider {
    /// Asks `host` to start `image` as `provider`.
    pub fn new(
        host: &HostId,
        provider: &ProviderId,
        image: &Reference,
        config: &[ConfigName],
        annotations: Annotations,
    ) -> Self {
        Self {
            provider_id: provider.to_string(),
            provider_ref: image.to_string(),
            host_id: host.to_string(),
            config: config.iter().map(ToString::to_string).collect(),
            annotations: Some(annotations),
        }
    }

    /// The id under which the provider is to run.
    ///
    /// # Errors
    ///
    /// [`ConvertError`] when it is no id.
    pub fn provider(&self) -> Result<ProviderId, ConvertError> {
        parse_field("provider_id", &self.provider_id)
    }

    /// The image to run.
    ///
    /// # Errors
    ///
    /// [`ConvertError`] when it is no reference.
    pub fn image(&self) -> Result<Reference, ConvertError> {
        parse_field("provider_ref", &self.provider_ref)
    }

    /// Names of configs, merged left to right.
    ///
    /// # Errors
    ///
    /// [`ConvertError`] when one is no name.
    pub fn configs(&self) -> Result<Vec<ConfigName>, ConvertError> {
        parse_fields("config", &self.config)
    }
}

// ===== impl StopProvider =====

impl StopProvider {
    /// Asks `host` to stop `provider`.
    pub fn new(host: &HostId, provider: &ProviderId) -> Self {
        Self {
            host_id: host.to_string(),
            provider_id: provider.to_string(),
        }
    }

    /// The id of the provider.
    ///
    /// # Errors
    ///
    /// [`ConvertError`] when it is no id.
    pub fn provider(&self) -> Result<ProviderId, ConvertError> {
        parse_field("provider_id", &self.provider_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    #[test]
    fn the_older_name_of_the_id_is_read() {
        let stop: StopProvider = json::decode(br#"{"provider_ref":"http-server"}"#).unwrap();
        assert_eq!(stop.provider().unwrap().as_str(), "http-server");
        let empty: StopProvider = json::decode(b"{}").unwrap();
        assert!(matches!(
            empty.provider(),
            Err(ConvertError::Id {
                field: "provider_id",
                ..
            })
        ));
    }
}
