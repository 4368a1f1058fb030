//! References to secrets, stored as configs (spec §8.4).

use serde::{Deserialize, Serialize};

/// The value of a config whose name begins with `SECRET`: where a secret is, never the secret itself.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct SecretReference {
    /// The name under which the secret is given to who asks for it.
    pub name: String,
    /// The kind of this object: `secret.wasmcloud.dev/v1alpha1`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The backend that has the secret.
    pub backend: String,
    /// The key of the secret in its backend.
    pub key: String,
    /// A part of the secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// A version of the secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Settings of the backend, as JSON in text.
    #[serde(default)]
    pub policy: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    #[test]
    fn a_reference_is_read_and_written() {
        let text = r#"{"name":"db-pass","type":"secret.wasmcloud.dev/v1alpha1","backend":"nats-kv","key":"db/password","field":"value","policy":"{}"}"#;
        let reference: SecretReference = json::decode(text.as_bytes()).unwrap();
        assert_eq!(reference.version, None);
        assert_eq!(String::from_utf8(json::encode(&reference)).unwrap(), text);
    }
}
