//! How to reach a lattice.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use weft_model::id::LatticeName;
use weft_protocol::subject::SubjectPrefix;

/// How to reach a lattice.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// NATS servers, as `nats://host:port`, `tls://host:port` or `host:port`; at least one. Default: the local machine.
    pub urls: Vec<String>,
    /// How to authenticate. Default: as a user and password in one of the URLs say, or the token that stands there alone; else
    /// not at all.
    pub credentials: Credentials,
    /// How to encrypt. Default: as the servers ask for.
    pub tls: Tls,
    /// The lattice. Default: `default`.
    pub lattice: LatticeName,
    /// The name under which NATS lists the connection. Default: `weft`.
    pub client_name: String,
    /// The beginning of control subjects.
    pub control_prefix: SubjectPrefix,
    /// The beginning of subjects of the application API.
    pub application_prefix: SubjectPrefix,
    /// The JetStream domain of the lattice's state. Default: that of the servers.
    pub jetstream_domain: Option<String>,
    /// How long an attempt to connect may take. Default: 5 s.
    pub connect_timeout: Duration,
    /// How long a request may take. Default: 2 s.
    pub request_timeout: Duration,
}

/// How to authenticate with NATS.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Credentials {
    /// As a URL says, or not at all.
    #[default]
    Anonymous,
    /// With a file that holds a user JWT and its seed.
    File(PathBuf),
    /// With a user and a password.
    Password {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
    /// With a token.
    Token(Secret),
    /// With the seed of a user's nkey, `SU…`.
    Nkey(Secret),
    /// With a user JWT and the seed of its key, `SU…`.
    Jwt {
        /// The JWT. It is shown to servers.
        jwt: String,
        /// The seed.
        seed: Secret,
    },
}

/// How to encrypt the connection.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Tls {
    /// Whether to refuse servers that do not encrypt.
    pub is_required: bool,
    /// Whether to encrypt from the first byte on, which the server must expect. Servers that do not encrypt are refused.
    pub is_first: bool,
    /// A file of certificates to trust, in PEM, instead of those of the operating system.
    pub ca_file: Option<PathBuf>,
    /// The certificate to show to servers that ask for one.
    pub identity: Option<TlsIdentity>,
}

/// A certificate of a client, and its key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlsIdentity {
    /// The file of the certificate, in PEM.
    pub cert_file: PathBuf,
    /// The file of its key, in PEM.
    pub key_file: PathBuf,
}

/// A text that is not to be seen; prints as `[redacted]`.
#[derive(Clone, Eq, PartialEq)]
pub struct Secret(String);

// ===== impl Options =====

impl Default for Options {
    fn default() -> Self {
        Self {
            urls: vec!["nats://127.0.0.1:4222".to_owned()],
            credentials: Credentials::default(),
            tls: Tls::default(),
            lattice: LatticeName::default(),
            client_name: "weft".to_owned(),
            control_prefix: SubjectPrefix::control(),
            application_prefix: SubjectPrefix::application(),
            jetstream_domain: None,
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(2),
        }
    }
}

// ===== impl Tls =====

impl Tls {
    /// All files that are named.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        let identity = self.identity.iter();
        let identity = identity.flat_map(|identity| [&identity.cert_file, &identity.key_file]);
        self.ca_file.iter().chain(identity).map(PathBuf::as_path)
    }
}

// ===== impl Secret =====

impl Secret {
    /// Hides `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_printed() {
        let jwt = Credentials::Jwt {
            jwt: "shown".to_owned(),
            seed: Secret::new("t0k"),
        };
        for credentials in [
            Credentials::Token(Secret::new("t0k")),
            Credentials::Nkey(Secret::new("t0k")),
            jwt,
        ] {
            let options = Options {
                credentials,
                ..Options::default()
            };
            assert!(!format!("{options:?}").contains("t0k"));
        }
    }
}
