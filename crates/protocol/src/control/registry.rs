//! Credentials for registries (spec §1.3).

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use weft_model::labels::Labels;

/// What authenticates at one registry; prints without its secrets.
#[derive(Clone, Eq, PartialEq, Serialize, Deserialize)]
pub struct RegistryCredential {
    /// The password that goes with [`Self::username`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// A bearer token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The kind of registry; `oci`.
    #[serde(rename = "registryType", default = "oci")]
    pub registry_type: String,
}

/// What the config service gives a host when it starts (spec §1.5).
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct SupplementalConfig {
    /// Credentials by registry host.
    #[serde(rename = "registryCredentials", default)]
    pub registry_credentials: Option<BTreeMap<String, RegistryCredential>>,
}

/// What a host asks the config service with (spec §1.5).
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct SupplementalRequest {
    /// The labels of the host.
    #[serde(default)]
    pub labels: Labels,
}

fn oci() -> String {
    "oci".to_owned()
}

// ===== impl RegistryCredential =====

impl Default for RegistryCredential {
    fn default() -> Self {
        Self {
            password: None,
            token: None,
            username: None,
            registry_type: oci(),
        }
    }
}

impl fmt::Debug for RegistryCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryCredential")
            .field("username", &self.username)
            .field("has_password", &self.password.is_some())
            .field("has_token", &self.token.is_some())
            .field("registry_type", &self.registry_type)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::SupplementalConfig;
    use crate::control::RegistryCredentials;
    use crate::json;

    #[test]
    fn secrets_are_not_printed() {
        let credentials: RegistryCredentials = json::decode(
            br#"{"ghcr.io":{"username":"u","password":"p4ss"},"x.io":{"token":"t0k","registryType":"oci"}}"#,
        )
        .unwrap();
        let printed = format!("{credentials:?}");
        assert!(printed.contains("ghcr.io") && printed.contains("\"u\""));
        assert!(!printed.contains("p4ss") && !printed.contains("t0k"));
        assert_eq!(credentials["ghcr.io"].registry_type, "oci");
    }

    #[test]
    fn the_config_service_may_have_nothing_to_say() {
        for text in ["{}", r#"{"registryCredentials":null,"more":1}"#] {
            let config: SupplementalConfig = json::decode(text.as_bytes()).unwrap();
            assert_eq!(config, SupplementalConfig::default());
        }
        let config: SupplementalConfig =
            json::decode(br#"{"registryCredentials":{"a.io":{"token":"t"}}}"#).unwrap();
        assert!(config.registry_credentials.unwrap().contains_key("a.io"));
    }
}
