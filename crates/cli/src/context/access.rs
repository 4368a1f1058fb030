//! How NATS servers elsewhere let somebody in: what the arguments say about it.

use std::path::{Path, PathBuf};

use weft_lattice::{Credentials, Secret, Tls, TlsIdentity};
use weft_model::problem::Coded;

use crate::arguments::GlobalArgs;
use crate::console::Console;
use crate::failure::Failure;
use crate::inherited::VariableProblem;
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
    /// The JWT of a user, and the seed of its key.
    Jwt {
        /// Where the JWT is.
        jwt: SecretFile,
        /// Where the seed is.
        seed: SecretFile,
    },
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

/// The arguments about access to NATS servers, each with its name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AccessArgs<'a> {
    pub(crate) creds: (&'static str, Option<&'a Path>),
    pub(crate) user: (&'static str, Option<&'a str>),
    pub(crate) password: (&'static str, Option<&'a Path>),
    pub(crate) token: (&'static str, Option<&'a Path>),
    pub(crate) nkey: (&'static str, Option<&'a Path>),
    pub(crate) jwt: (&'static str, Option<&'a Path>),
    pub(crate) ca: (&'static str, Option<&'a Path>),
    pub(crate) cert: (&'static str, Option<&'a Path>),
    pub(crate) key: (&'static str, Option<&'a Path>),
    pub(crate) first: (&'static str, bool),
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
    /// A variable of a wasmCloud 1.9 host says something that cannot be.
    #[error(transparent)]
    Variable(VariableProblem),
}

// ===== impl NatsAccess =====

impl NatsAccess {
    /// What the arguments about the lattice say; relative paths count from `directory`. Where they do not say who somebody is,
    /// `inherited` does.
    ///
    /// # Errors
    ///
    /// [`AccessMisfit`] when they contradict each other.
    pub(crate) fn of(
        global: &GlobalArgs,
        inherited: Option<&NatsCredentials>,
        directory: &Path,
    ) -> Result<Self, AccessMisfit> {
        let mut access = AccessArgs::of_lattice(global).resolve(directory)?;
        if let (NatsCredentials::None, Some(inherited)) = (&access.credentials, inherited) {
            access.credentials = inherited.clone().at(directory);
        }
        Ok(access)
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
            NatsCredentials::Jwt { jwt, seed } => Credentials::Jwt {
                jwt: jwt.read("JWT", console).await?,
                seed: Secret::new(seed.read("seed", console).await?),
            },
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

    /// How many secrets come from standard input.
    pub(crate) fn inputs(&self) -> usize {
        let files = match &self.credentials {
            NatsCredentials::None | NatsCredentials::File(_) => [None, None],
            NatsCredentials::Password { file, .. }
            | NatsCredentials::Token(file)
            | NatsCredentials::Nkey(file) => [Some(file), None],
            NatsCredentials::Jwt { jwt, seed } => [Some(jwt), Some(seed)],
        };
        let is_input = |file: &&SecretFile| **file == SecretFile::Input;
        files.into_iter().flatten().filter(is_input).count()
    }
}

// ===== impl NatsCredentials =====

impl NatsCredentials {
    /// The same with a whole path.
    fn at(self, directory: &Path) -> Self {
        match self {
            Self::File(path) => Self::File(directory.join(path)),
            other => other,
        }
    }
}

// ===== impl AccessArgs =====

impl<'a> AccessArgs<'a> {
    /// Those about the lattice.
    pub(crate) fn of_lattice(global: &'a GlobalArgs) -> Self {
        Self {
            creds: ("--creds", global.creds.as_deref()),
            user: ("--nats-user", global.nats_user.as_deref()),
            password: ("--nats-password-file", global.nats_password_file.as_deref()),
            token: ("--nats-token-file", global.nats_token_file.as_deref()),
            nkey: ("--nats-nkey-file", global.nats_nkey_file.as_deref()),
            jwt: ("--nats-jwt-file", global.nats_jwt_file.as_deref()),
            ca: ("--tls-ca", global.tls_ca.as_deref()),
            cert: ("--nats-tls-cert", global.nats_tls_cert.as_deref()),
            key: ("--nats-tls-key", global.nats_tls_key.as_deref()),
            first: ("--nats-tls-first", global.nats_tls_first),
        }
    }

    /// The options that are given.
    pub(crate) fn given(&self) -> impl Iterator<Item = &'static str> + use<> {
        let path = |(option, path): (&'static str, Option<&Path>)| (option, path.is_some());
        [
            path(self.creds),
            (self.user.0, self.user.1.is_some()),
            path(self.password),
            path(self.token),
            path(self.nkey),
            path(self.jwt),
            path(self.ca),
            path(self.cert),
            path(self.key),
            self.first,
        ]
        .into_iter()
        .filter_map(|(option, is_given)| is_given.then_some(option))
    }

    /// What they mean; relative paths count from `directory`.
    ///
    /// # Errors
    ///
    /// [`AccessMisfit`] when they contradict each other.
    pub(crate) fn resolve(&self, directory: &Path) -> Result<NatsAccess, AccessMisfit> {
        let identity = both(self.cert, self.key)?;
        Ok(NatsAccess {
            credentials: self.credentials(directory)?,
            tls: NatsTls {
                ca_file: self.ca.1.map(|path| directory.join(path)),
                identity: identity.map(|(cert, key)| (directory.join(cert), directory.join(key))),
                is_first: self.first.1,
            },
        })
    }

    fn credentials(&self, directory: &Path) -> Result<NatsCredentials, AccessMisfit> {
        let secret = |path: &Path| SecretFile::at(path, directory);
        let user = both(self.user, self.password)?;
        let key = match (self.jwt.1, self.nkey.1) {
            (Some(jwt), Some(seed)) => Some(NatsCredentials::Jwt {
                jwt: secret(jwt),
                seed: secret(seed),
            }),
            (Some(_), None) => return Err(half(self.jwt.0, self.nkey.0)),
            (None, seed) => seed.map(secret).map(NatsCredentials::Nkey),
        };
        let file = self.creds.1.map(|path| directory.join(path));
        let token = self.token.1.map(secret);
        let mut given = [
            (self.creds.0, file.map(NatsCredentials::File)),
            (
                self.user.0,
                user.map(|(user, file)| NatsCredentials::Password {
                    user: user.to_owned(),
                    file: secret(file),
                }),
            ),
            (self.token.0, token.map(NatsCredentials::Token)),
            (self.nkey.0, key),
        ]
        .into_iter()
        .filter_map(|(option, credentials)| Some((option, credentials?)));
        match (given.next(), given.next()) {
            (Some((first, _)), Some((second, _))) => Err(AccessMisfit::Two { first, second }),
            (Some((_, credentials)), None) => Ok(credentials),
            (None, _) => Ok(NatsCredentials::None),
        }
    }
}

/// Two options of which neither is of use alone.
fn both<A, B>(
    (first, a): (&'static str, Option<A>),
    (second, b): (&'static str, Option<B>),
) -> Result<Option<(A, B)>, AccessMisfit> {
    match (a, b) {
        (Some(a), Some(b)) => Ok(Some((a, b))),
        (Some(_), None) => Err(half(first, second)),
        (None, Some(_)) => Err(half(second, first)),
        (None, None) => Ok(None),
    }
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
        match self {
            Self::Two { first: option, .. } | Self::Half { option, .. } => (*option).to_owned(),
            Self::Variable(problem) => problem.name().to_owned(),
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Two { .. } => {
                "leave out one of the two; variables such as `WEFT_CREDS` count too"
            }
            Self::Half { .. } => "give both, or none of them",
            Self::Variable(problem) => problem.hint(),
        };
        vec![hint.to_owned()]
    }
}

impl From<AccessMisfit> for Failure {
    fn from(error: AccessMisfit) -> Self {
        Self::new(Status::Usage, &error)
    }
}
