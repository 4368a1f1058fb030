//! How NATS servers elsewhere let somebody in: what the arguments say about it.

use std::path::{Path, PathBuf};

use weft_lattice::{Credentials, Secret, Tls, TlsIdentity};
use weft_model::problem::Coded;

use crate::arguments::GlobalArgs;
use crate::console::Console;
use crate::failure::Failure;
use crate::secret::{SecretError, SecretFile};
use crate::status::Status;

/// What proves to NATS servers who somebody is, and how connections to them are encrypted. Paths are whole; no file was
/// read.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NatsAccess {
    /// Who somebody is.
    pub credentials: NatsCredentials,
    /// How to encrypt.
    pub tls: NatsTls,
}

/// What proves who somebody is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum NatsCredentials {
    /// Nothing.
    #[default]
    None,
    /// A file with a user JWT and its seed.
    File(PathBuf),
    /// A password.
    Password {
        /// Whose.
        user: String,
        /// Where it is.
        file: SecretFile,
    },
    /// A token.
    Token(SecretFile),
    /// The seed of a key.
    Nkey(SecretFile),
}

/// How connections are encrypted.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NatsTls {
    /// Certificates to trust, in PEM; those of the operating system where it is `None`.
    pub ca_file: Option<PathBuf>,
    /// A certificate of one's own and its key, in PEM.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Whether to encrypt from the first byte on.
    pub is_first: bool,
}

/// Arguments about NATS servers that do not fit together.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum AccessMisfit {
    /// Two ways to say who somebody is.
    #[error("`{first}` and `{second}` both say who you are")]
    Two {
        /// An option.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// An option that is of no use alone.
    #[error("`{option}` needs `{missing}`")]
    Half {
        /// What is given.
        option: &'static str,
        /// What is not.
        missing: &'static str,
    },
}

// ===== impl NatsAccess =====

impl NatsAccess {
    /// What the arguments say; relative paths count from `directory`.
    ///
    /// # Errors
    ///
    /// [`AccessMisfit`] when they contradict each other.
    pub(crate) fn of(global: &GlobalArgs, directory: &Path) -> Result<Self, AccessMisfit> {
        let path = |path: &PathBuf| directory.join(path);
        let secret = |path: &PathBuf| SecretFile::at(path, directory);
        let identity = match (&global.nats_tls_cert, &global.nats_tls_key) {
            (Some(cert), Some(key)) => Some((path(cert), path(key))),
            (Some(_), None) => return Err(half("--nats-tls-cert", "--nats-tls-key")),
            (None, Some(_)) => return Err(half("--nats-tls-key", "--nats-tls-cert")),
            (None, None) => None,
        };
        let password = match (&global.nats_user, &global.nats_password_file) {
            (Some(user), Some(file)) => Some(NatsCredentials::Password {
                user: user.clone(),
                file: secret(file),
            }),
            (Some(_), None) => return Err(half("--nats-user", "--nats-password-file")),
            (None, Some(_)) => return Err(half("--nats-password-file", "--nats-user")),
            (None, None) => None,
        };
        let file = global.creds.as_ref();
        let token = global.nats_token_file.as_ref();
        let nkey = global.nats_nkey_file.as_ref();
        let mut given = [
            ("--creds", file.map(path).map(NatsCredentials::File)),
            ("--nats-user", password),
            (
                "--nats-token-file",
                token.map(secret).map(NatsCredentials::Token),
            ),
            (
                "--nats-nkey-file",
                nkey.map(secret).map(NatsCredentials::Nkey),
            ),
        ]
        .into_iter()
        .filter_map(|(option, credentials)| Some((option, credentials?)));
        let credentials = match (given.next(), given.next()) {
            (Some((first, _)), Some((second, _))) => {
                return Err(AccessMisfit::Two { first, second });
            }
            (Some((_, credentials)), None) => credentials,
            (None, _) => NatsCredentials::None,
        };
        Ok(Self {
            credentials,
            tls: NatsTls {
                ca_file: global.tls_ca.as_ref().map(path),
                identity,
                is_first: global.nats_tls_first,
            },
        })
    }

    /// The same in the form that connections are made with; reads secrets from their files.
    ///
    /// # Errors
    ///
    /// [`SecretError`] when a secret cannot be read.
    pub(crate) async fn load(
        &self,
        console: &mut Console,
    ) -> Result<(Credentials, Tls), SecretError> {
        let credentials = match &self.credentials {
            NatsCredentials::None => Credentials::Anonymous,
            NatsCredentials::File(path) => Credentials::File(path.clone()),
            NatsCredentials::Password { user, file } => Credentials::Password {
                user: user.clone(),
                password: Secret::new(file.read("password", console).await?),
            },
            NatsCredentials::Token(file) => {
                Credentials::Token(Secret::new(file.read("token", console).await?))
            }
            NatsCredentials::Nkey(file) => {
                Credentials::Nkey(Secret::new(file.read("seed", console).await?))
            }
        };
        let mut tls = Tls::default();
        tls.ca_file.clone_from(&self.tls.ca_file);
        tls.is_first = self.tls.is_first;
        tls.identity = self
            .tls
            .identity
            .clone()
            .map(|(cert_file, key_file)| TlsIdentity {
                cert_file,
                key_file,
            });
        Ok((credentials, tls))
    }

    /// Whether a secret comes from standard input.
    pub(crate) fn reads_input(&self) -> bool {
        matches!(
            &self.credentials,
            NatsCredentials::Password {
                file: SecretFile::Input,
                ..
            } | NatsCredentials::Token(SecretFile::Input)
                | NatsCredentials::Nkey(SecretFile::Input)
        )
    }
}

/// The options about access to a server elsewhere that are given.
pub(crate) fn given_options(global: &GlobalArgs) -> impl Iterator<Item = &'static str> {
    [
        ("--creds", global.creds.is_some()),
        ("--nats-user", global.nats_user.is_some()),
        ("--nats-password-file", global.nats_password_file.is_some()),
        ("--nats-token-file", global.nats_token_file.is_some()),
        ("--nats-nkey-file", global.nats_nkey_file.is_some()),
        ("--tls-ca", global.tls_ca.is_some()),
        ("--nats-tls-cert", global.nats_tls_cert.is_some()),
        ("--nats-tls-key", global.nats_tls_key.is_some()),
        ("--nats-tls-first", global.nats_tls_first),
    ]
    .into_iter()
    .filter_map(|(option, is_given)| is_given.then_some(option))
}

fn half(option: &'static str, missing: &'static str) -> AccessMisfit {
    AccessMisfit::Half { option, missing }
}

// ===== impl AccessMisfit =====

impl Coded for AccessMisfit {
    fn code(&self) -> &'static str {
        "CLI021"
    }

    fn subject(&self) -> String {
        let (Self::Two { first: option, .. } | Self::Half { option, .. }) = self;
        (*option).to_owned()
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Two { .. } => {
                "leave out one of the two; variables such as `WEFT_CREDS` count too"
            }
            Self::Half { .. } => "give both, or none of them",
        };
        vec![hint.to_owned()]
    }
}

impl From<AccessMisfit> for Failure {
    fn from(error: AccessMisfit) -> Self {
        Self::new(Status::Usage, &error)
    }
}
