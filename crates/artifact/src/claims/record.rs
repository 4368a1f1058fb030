//! What claims say.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a token says.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims {
    /// An id of the token (`jti`).
    pub id: String,
    /// When it was signed, in seconds since 1970.
    pub issued_at: u64,
    /// The public key that signed.
    pub issuer: String,
    /// The public key of what the claims are about.
    pub subject: String,
    /// The second since 1970 from which they are no longer valid.
    pub expires_at: Option<u64>,
    /// The second since 1970 before which they are not yet valid.
    pub not_before: Option<u64>,
    /// The revision of the form of the token; hashes of components count from 3 on.
    pub form: Option<u32>,
    /// What depends on the kind of the subject.
    pub about: About,
}

/// What claims say, by the kind of their subject, which is the first letter of its key.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum About {
    /// A component, `M`.
    Component(ComponentClaims),
    /// A provider, `V`.
    Provider(ProviderClaims),
    /// An account (`A`), an operator (`O`) or a cluster (`C`).
    Signer {
        /// A name for people.
        name: Option<String>,
        /// Further keys that may sign in its name.
        valid_signers: Vec<String>,
    },
    /// A host, `N`.
    Host {
        /// A name for people.
        name: Option<String>,
        /// Its labels.
        labels: BTreeMap<String, String>,
    },
}

/// What claims say of a component.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
pub struct ComponentClaims {
    /// A name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The SHA-256 of the component without its claims, in upper-case hexadecimal digits. Signing sets it.
    #[serde(rename = "hash", default)]
    pub hash: String,
    /// Words about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// A number that grows.
    #[serde(rename = "rev", skip_serializing_if = "Option::is_none")]
    pub revision: Option<i32>,
    /// A version for people.
    #[serde(rename = "ver", skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Another name by which it may be called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_alias: Option<String>,
    /// Whether it is a provider; false in all tokens of today.
    #[serde(rename = "prov", default)]
    pub is_provider: bool,
}

/// What claims say of a provider.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProviderClaims {
    /// A name for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Who makes it.
    #[serde(default)]
    pub vendor: String,
    /// A number that grows.
    #[serde(rename = "rev", skip_serializing_if = "Option::is_none")]
    pub revision: Option<i32>,
    /// A version for people.
    #[serde(rename = "ver", skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The SHA-256 of each entry of the archive, in upper-case hexadecimal digits, by the entry's target such as
    /// `x86_64-linux`, or `world.wasm`.
    #[serde(default)]
    pub target_hashes: BTreeMap<String, String>,
    /// The JSON schema of its config.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_schema: Option<Value>,
}

// ===== impl Claims =====

impl Claims {
    /// What they say of a component.
    pub fn component(&self) -> Option<&ComponentClaims> {
        match &self.about {
            About::Component(component) => Some(component),
            _ => None,
        }
    }

    /// What they say of a provider.
    pub fn provider(&self) -> Option<&ProviderClaims> {
        match &self.about {
            About::Provider(provider) => Some(provider),
            _ => None,
        }
    }

    /// The name for people.
    pub fn name(&self) -> Option<&str> {
        match &self.about {
            About::Component(component) => component.name.as_deref(),
            About::Provider(provider) => provider.name.as_deref(),
            About::Signer { name, .. } | About::Host { name, .. } => name.as_deref(),
        }
    }

    /// The version for people.
    pub fn version(&self) -> Option<&str> {
        match &self.about {
            About::Component(component) => component.version.as_deref(),
            About::Provider(provider) => provider.version.as_deref(),
            _ => None,
        }
    }

    /// The number that grows from version to version.
    pub fn revision(&self) -> Option<i32> {
        match &self.about {
            About::Component(component) => component.revision,
            About::Provider(provider) => provider.revision,
            _ => None,
        }
    }
}
