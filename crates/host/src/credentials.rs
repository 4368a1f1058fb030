//! Credentials for registries that the lattice gives: put by clients, and by the config service at the start (spec §1.3,
//! §1.5).

use std::collections::BTreeMap;
use std::time::Duration;

use weft_artifact::registry::{Credential, Secret};
use weft_lattice::{Headers, Lattice};
use weft_model::labels::Labels;
use weft_protocol::control::{
    RegistryCredential, RegistryCredentials, SupplementalConfig, SupplementalRequest,
};
use weft_protocol::json;
use weft_protocol::subject::config_service_subject;
use weft_runtime::field;

/// How long the config service may take to answer.
const SERVICE_TIMEOUT: Duration = Duration::from_secs(5);
/// The kind of registries that there are credentials for.
const OCI: &str = "oci";

/// The credentials that can be used. Others are left out, and logged without their secrets.
pub(crate) fn usable(credentials: RegistryCredentials) -> BTreeMap<String, Credential> {
    let convert = |(registry, credential): (String, RegistryCredential)| {
        let kind = credential.registry_type.clone();
        if !kind.eq_ignore_ascii_case(OCI) {
            tracing::warn!(
                registry,
                kind,
                "Left out credentials for a registry of another kind"
            );
            return None;
        }
        let usable = match (credential.username, credential.password, credential.token) {
            (Some(username), Some(password), _) => Credential::Basic {
                username,
                password: Secret::new(password),
            },
            (None, None, Some(token)) => Credential::Bearer(Secret::new(token)),
            _ => {
                tracing::warn!(
                    registry,
                    "Left out credentials that are no user with a password and no token"
                );
                return None;
            }
        };
        Some((registry, usable))
    };
    credentials.into_iter().filter_map(convert).collect()
}

/// Asks the config service of the lattice for credentials. Without an answer there are none, which is logged.
pub(crate) async fn ask_service(lattice: &Lattice, labels: Labels) -> BTreeMap<String, Credential> {
    let subject = config_service_subject(lattice.name());
    let request = json::encode(&SupplementalRequest { labels }).into();
    let answer = lattice
        .request_within(SERVICE_TIMEOUT, &subject, &Headers::new(), request)
        .await;
    let problem = match answer {
        Ok(answer) => match json::decode::<SupplementalConfig>(&answer.payload) {
            Ok(config) => return usable(config.registry_credentials.unwrap_or_default()),
            Err(error) => weft_model::problem::render_chain(&error),
        },
        Err(error) => weft_model::problem::render_chain(&error),
    };
    tracing::warn!(
        { field::SUBJECT } = subject,
        { field::ERROR } = problem,
        "The config service gives no credentials for registries"
    );
    BTreeMap::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_that_cannot_be_used_are_left_out() {
        let credentials = json::decode(
            br#"{"a":{"username":"u","password":"p"},"b":{"token":"t"},"c":{"username":"u"},"d":{},
                "e":{"token":"t","registryType":"warg"}}"#,
        )
        .unwrap();
        let usable = usable(credentials);
        assert_eq!(usable.keys().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(usable["b"], Credential::Bearer(Secret::new("t")));
    }
}
