//! What a provider process is given on its standard input (spec §5.2).

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use weft_model::application::Config;

use super::LinkDefinition;

/// Everything a provider process has to know; written as one line of base64. Prints without its secrets.
#[derive(Clone, Eq, PartialEq, Serialize, Deserialize)]
pub struct HostData {
    /// The host that started the provider.
    pub host_id: String,
    /// The lattice.
    pub lattice_rpc_prefix: String,
    /// `default`.
    pub link_name: String,
    /// A NATS user JWT; empty when there is none.
    #[serde(default)]
    pub lattice_rpc_user_jwt: String,
    /// The seed of the NATS user; empty when there is none.
    #[serde(default)]
    pub lattice_rpc_user_seed: String,
    /// The NATS server that carries calls.
    pub lattice_rpc_url: String,
    /// The id of the provider.
    pub provider_key: String,
    /// Empty.
    pub env_values: BTreeMap<String, String>,
    /// A UUID for this process.
    pub instance_id: String,
    /// Links that the provider is part of.
    pub link_definitions: Vec<LinkDefinition>,
    /// Empty.
    #[serde(default)]
    pub cluster_issuers: Vec<String>,
    /// The merged configs of the provider.
    #[serde(default)]
    pub config: Config,
    /// The secrets of the provider, by name.
    #[serde(default)]
    pub secrets: BTreeMap<String, SecretValue>,
    /// The public curve key of the host.
    #[serde(default)]
    pub host_xkey_public_key: String,
    /// The seed of the provider's curve key.
    #[serde(default)]
    pub provider_xkey_private_key: String,
    /// How long a provider waits for answers, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_rpc_timeout_ms: Option<u64>,
    /// Whether to log in JSON.
    #[serde(default)]
    pub structured_logging: bool,
    /// From which level on to log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_level: Option<String>,
    /// Where telemetry goes.
    #[serde(default)]
    pub otel_config: OtelConfig,
}

/// The value of a secret; prints without it.
#[derive(Clone, Eq, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value")]
#[non_exhaustive]
pub enum SecretValue {
    /// A text.
    String(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// Where a provider sends its telemetry.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(
    missing_docs,
    reason = "settings of another project, passed on as they are"
)]
pub struct OtelConfig {
    pub enable_observability: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_traces: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_metrics: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_logs: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observability_endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traces_endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logs_endpoint: Option<String>,
    /// `Grpc` or `Http`; read in lower case too.
    pub protocol: String,
    pub additional_ca_paths: Vec<String>,
    pub trace_level: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traces_sampler: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traces_sampler_arg: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_batch_queue_size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrent_exports: Option<u64>,
}

// ===== impl HostData =====

impl fmt::Debug for HostData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostData")
            .field("host_id", &self.host_id)
            .field("lattice_rpc_prefix", &self.lattice_rpc_prefix)
            .field("lattice_rpc_url", &self.lattice_rpc_url)
            .field("provider_key", &self.provider_key)
            .field("instance_id", &self.instance_id)
            .field("link_definitions", &self.link_definitions)
            .finish_non_exhaustive()
    }
}

// ===== impl SecretValue =====

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue(redacted)")
    }
}

// ===== impl OtelConfig =====

impl Default for OtelConfig {
    fn default() -> Self {
        Self {
            enable_observability: false,
            enable_traces: None,
            enable_metrics: None,
            enable_logs: None,
            observability_endpoint: None,
            traces_endpoint: None,
            metrics_endpoint: None,
            logs_endpoint: None,
            protocol: "Http".to_owned(),
            additional_ca_paths: Vec::new(),
            trace_level: "info".to_owned(),
            traces_sampler: None,
            traces_sampler_arg: None,
            max_batch_queue_size: None,
            concurrent_exports: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    #[test]
    fn secrets_have_their_form_and_are_not_printed() {
        let text =
            r#"{"a":{"kind":"String","value":"s3cr3t"},"b":{"kind":"Bytes","value":[1,2,3]}}"#;
        let secrets: BTreeMap<String, SecretValue> = json::decode(text.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(json::encode(&secrets)).unwrap(), text);
        assert!(!format!("{secrets:?}").contains("s3cr3t"));
    }
}
