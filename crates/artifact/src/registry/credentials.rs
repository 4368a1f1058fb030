//! Credentials for registries, and where they come from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::cause::CredentialsError;
use super::docker;
use super::options::Options;

/// Registries that can have credentials from the lattice at once.
const PUT_MAX: usize = 1024;

/// A text that is not printed.
#[derive(Clone, Eq, PartialEq)]
pub struct Secret(String);

/// What lets somebody into a registry.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Credential {
    /// A user and a password.
    Basic {
        /// The user.
        username: String,
        /// The password.
        password: Secret,
    },
    /// A token that is sent as it is.
    Bearer(Secret),
    /// A token that the registry's token service exchanges for others.
    Identity(Secret),
}

/// Which credentials were tried, for messages.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Tried {
    /// None, there are none for this registry.
    None,
    /// Those put by a client of the lattice or by its config service.
    Lattice,
    /// Those of the host's flags or settings.
    Settings,
    /// Those in the config file of Docker.
    DockerConfig,
    /// Those of a credential helper of this name.
    Helper(String),
}

/// Finds credentials.
pub(super) struct Credentials {
    put: Mutex<BTreeMap<String, Credential>>,
    settings: BTreeMap<String, Credential>,
    docker_config: Option<PathBuf>,
}

// ===== impl Secret =====

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(redacted)")
    }
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("no credentials"),
            Self::Lattice => f.write_str("the credentials put into the lattice"),
            Self::Settings => f.write_str("the credentials in the host's settings"),
            Self::DockerConfig => f.write_str("the credentials in Docker's config file"),
            Self::Helper(name) => write!(f, "the credentials of `docker-credential-{name}`"),
        }
    }
}

// ===== impl Credentials =====

impl Credentials {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            put: Mutex::default(),
            settings: options
                .credentials
                .iter()
                .map(|(registry, credential)| (docker::registry_of(registry), credential.clone()))
                .collect(),
            docker_config: options.docker_config.clone(),
        }
    }

    /// Takes up credentials from the lattice; they go before all others. Beyond the bound, new registries are left out.
    pub(super) fn put(&self, credentials: BTreeMap<String, Credential>) {
        let mut put = self.put.lock().unwrap_or_else(PoisonError::into_inner);
        for (registry, credential) in credentials {
            let registry = docker::registry_of(&registry);
            if put.len() < PUT_MAX || put.contains_key(&registry) {
                put.insert(registry, credential);
            } else {
                tracing::warn!(registry, "Left out credentials, there are too many");
            }
        }
    }

    /// The credentials for `registry`: put, of the settings, of Docker, in this order.
    pub(super) async fn find(
        &self,
        registry: &str,
    ) -> Result<(Option<Credential>, Tried), CredentialsError> {
        let put = self
            .put
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(registry)
            .cloned();
        if let Some(credential) = put {
            return Ok((Some(credential), Tried::Lattice));
        }
        if let Some(credential) = self.settings.get(registry) {
            return Ok((Some(credential.clone()), Tried::Settings));
        }
        match &self.docker_config {
            Some(path) => docker::find(path, registry).await,
            None => Ok((None, Tried::None)),
        }
    }
}
