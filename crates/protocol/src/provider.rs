//! What hosts and provider processes tell each other (spec §5).

mod host_data;
mod link;

pub use host_data::{HostData, OtelConfig, SecretValue};
pub use link::LinkDefinition;

use serde::{Deserialize, Serialize};
use weft_model::id::HostId;

/// A provider's answer to a health request.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct HealthReply {
    /// Whether the provider is healthy.
    #[serde(default)]
    pub healthy: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Body of a shutdown request; a provider ignores it unless the host is its own.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct ShutdownRequest {
    /// The host whose provider is to stop.
    pub host_id: String,
}

// ===== impl ShutdownRequest =====

impl ShutdownRequest {
    /// Asks the provider of `host` to stop.
    pub fn new(host: &HostId) -> Self {
        Self {
            host_id: host.to_string(),
        }
    }
}
