//! Options of `weft up` about artifacts: registries, credentials, the cache.

use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;
use weft_artifact::registry::{self, Credential, Secret};

use super::error::Misfit;
use crate::arguments::{RegistryArgs, parse_bytes};
use crate::artifacts::registry_options;
use crate::console::Console;
use crate::context::Context;
use crate::failure::Failure;
use crate::secret::SecretFile;

/// Options about artifacts.
#[derive(Args, Debug)]
pub(super) struct ArtifactArgs {
    #[command(flatten)]
    registry: RegistryArgs,

    /// The one registry that `--oci-user` is for
    #[arg(
        long, env = "WEFT_OCI_REGISTRY", value_name = "REGISTRY",
        hide_env_values = true, help_heading = HEADING
    )]
    oci_registry: Option<String>,

    /// User at `--oci-registry`
    #[arg(
        long, env = "WEFT_OCI_USER", value_name = "USER",
        hide_env_values = true, help_heading = HEADING
    )]
    oci_user: Option<String>,

    /// File with the password of `--oci-user`; `-` asks or reads standard input
    #[arg(
        long, env = "WEFT_OCI_PASSWORD_FILE", value_name = "FILE",
        conflicts_with = "oci_password", hide_env_values = true, help_heading = HEADING
    )]
    oci_password_file: Option<PathBuf>,

    /// Password of `--oci-user`; on a command line everybody on the machine sees it
    #[arg(
        long, env = "WEFT_OCI_PASSWORD", value_name = "PASSWORD",
        hide_env_values = true, help_heading = HEADING
    )]
    oci_password: Option<String>,

    /// Ask the config service of the lattice for credentials of registries at the start
    #[arg(
        long, alias = "config-service-enabled", env = "WEFT_CONFIG_SERVICE",
        value_parser = BoolishValueParser::new(), hide_env_values = true, help_heading = HEADING
    )]
    config_service: bool,

    /// Bytes that the cache of artifacts may take; what was used longest ago is removed first
    #[arg(
        long, env = "WEFT_ARTIFACTS_MAX", value_name = "SIZE", default_value = "2GiB",
        value_parser = parse_bytes, hide_env_values = true, help_heading = HEADING
    )]
    artifacts_max: u64,

    /// Images that may be pulled at once
    #[arg(
        long, env = "WEFT_MAX_PULLS", value_name = "NUMBER", default_value_t = 4,
        value_parser = clap::value_parser!(u32).range(1..=100), hide_env_values = true, help_heading = HEADING
    )]
    max_pulls: u32,
}

/// The heading of options about registries.
const HEADING: &str = "Registry options";

/// What `weft up` is to know of artifacts. Paths are whole; no file was read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ArtifactSettings {
    /// How registries are spoken to, without the credentials of [`Self::login`].
    pub registry: registry::Options,
    /// Credentials for one registry.
    pub login: Option<RegistryLogin>,
    /// The directory of the cache; in the data directory where it is `None`.
    pub dir: Option<PathBuf>,
    /// Bytes that the cache may take.
    pub store_bytes_max: u64,
    /// Whether the config service of the lattice is asked for credentials.
    pub asks_config_service: bool,
}

/// Who somebody is to a registry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RegistryLogin {
    /// The registry.
    pub registry: String,
    /// The user.
    pub user: String,
    /// The password.
    pub password: Password,
}

/// Where a password is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Password {
    /// Here.
    Given(Secret),
    /// In a file, or on standard input.
    File(SecretFile),
}

// ===== impl ArtifactArgs =====

impl ArtifactArgs {
    /// What the options mean; what does not fit together is added to `misfits`.
    pub(super) fn resolve(&self, context: &Context, misfits: &mut Vec<Misfit>) -> ArtifactSettings {
        let inherited = &context.inherited.host;
        let mut own = self.registry.clone();
        own.allow_latest |= inherited.allow_latest == Some(true);
        if own.allowed_insecure.is_empty() {
            own.allowed_insecure.clone_from(&inherited.allowed_insecure);
        }
        if own.tls_ca_path.is_empty() {
            own.tls_ca_path.extend(inherited.tls_ca_path.clone());
        }
        let registry = registry::Options {
            pulls_max: usize::try_from(self.max_pulls).unwrap_or(usize::MAX),
            ..registry_options(&own, context)
        };
        let dir = self.registry.artifacts_dir.as_ref();
        ArtifactSettings {
            registry,
            login: self.login(context, misfits),
            dir: dir.map(|dir| context.directory.join(dir)),
            store_bytes_max: self.artifacts_max,
            asks_config_service: self.config_service || inherited.config_service == Some(true),
        }
    }

    /// All three of registry, user and password, or none.
    fn login(&self, context: &Context, misfits: &mut Vec<Misfit>) -> Option<RegistryLogin> {
        let password = match (&self.oci_password, &self.oci_password_file) {
            (Some(password), _) => Some(Password::Given(Secret::new(password))),
            (None, Some(file)) => Some(Password::File(SecretFile::at(file, &context.directory))),
            (None, None) => None,
        };
        match (&self.oci_registry, &self.oci_user, password) {
            (Some(registry), Some(user), Some(password)) => {
                return Some(RegistryLogin {
                    registry: registry.clone(),
                    user: user.clone(),
                    password,
                });
            }
            (None, None, None) => {
                return context
                    .inherited
                    .host
                    .login
                    .as_ref()
                    .map(|login| RegistryLogin {
                        registry: login.registry.clone(),
                        user: login.user.clone(),
                        password: Password::Given(login.password.clone()),
                    });
            }
            (Some(_), None, _) => misfits.push(half("--oci-registry", "--oci-user")),
            (_, Some(_), None) => misfits.push(half("--oci-user", "--oci-password-file")),
            (None, Some(_), Some(_)) => misfits.push(half("--oci-user", "--oci-registry")),
            (None, None, Some(_)) => misfits.push(half("--oci-password-file", "--oci-registry")),
        }
        None
    }

    /// The options that were given and that are of use to a host alone.
    pub(super) fn given(&self) -> impl Iterator<Item = &'static str> {
        let given = [
            ("--oci-registry", self.oci_registry.is_some()),
            ("--allow-latest", self.registry.allow_latest),
            (
                "--allowed-insecure",
                !self.registry.allowed_insecure.is_empty(),
            ),
            ("--artifacts-dir", self.registry.artifacts_dir.is_some()),
            ("--config-service", self.config_service),
        ];
        given
            .into_iter()
            .filter(|(_, is_given)| *is_given)
            .map(|(option, _)| option)
    }
}

fn half(option: &'static str, missing: &'static str) -> Misfit {
    Misfit::Half { option, missing }
}

// ===== impl ArtifactSettings =====

impl ArtifactSettings {
    /// Whether a secret is read from standard input.
    pub(super) fn reads_input(&self) -> bool {
        let password = self.login.as_ref().map(|login| &login.password);
        matches!(password, Some(Password::File(SecretFile::Input)))
    }

    /// The settings of a node, with the password read.
    ///
    /// # Errors
    ///
    /// The password cannot be read.
    pub(super) async fn load(
        &self,
        console: &mut Console,
    ) -> Result<weft_artifact::Options, Failure> {
        let mut registry = self.registry.clone();
        if let Some(login) = &self.login {
            let password = match &login.password {
                Password::Given(secret) => secret.clone(),
                Password::File(file) => Secret::new(file.read("password", console).await?),
            };
            let credential = Credential::Basic {
                username: login.user.clone(),
                password,
            };
            registry
                .credentials
                .insert(login.registry.clone(), credential);
        }
        Ok(weft_artifact::Options {
            dir: self.dir.clone(),
            store_bytes_max: self.store_bytes_max,
            registry,
            ..weft_artifact::Options::default()
        })
    }
}
