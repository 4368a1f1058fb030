//! Why there is no connection.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use weft_model::problem::Coded;

/// Why no connection to NATS could be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// No server answered.
    #[error("cannot reach NATS at {servers}")]
    Unreachable {
        /// The servers that were tried, without user and password.
        servers: String,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The server wants other credentials.
    #[error("NATS at {servers} refuses the credentials")]
    Refused {
        /// The servers that were tried.
        servers: String,
    },
    /// A URL is not one of a NATS server.
    #[error("`{url}` is not the URL of a NATS server")]
    Url {
        /// The URL, without user and password.
        url: String,
        /// Why not.
        source: Box<dyn Error + Send + Sync>,
    },
    /// No URL was given.
    #[error("no URL of a NATS server is given")]
    NoUrl,
    /// The encrypted connection failed.
    #[error("cannot make an encrypted connection to NATS at {servers}")]
    Tls {
        /// The servers that were tried.
        servers: String,
        /// Why not.
        source: Box<dyn Error + Send + Sync>,
    },
    /// A file of certificates or their key could not be read.
    #[error("cannot read `{}`", path.display())]
    TlsFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The seed of a user is none.
    #[error("the seed given as credentials is not one of a user")]
    Seed,
    /// The file with the credentials could not be read.
    #[error("cannot read NATS credentials from `{}`", path.display())]
    Credentials {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

// ===== impl ConnectError =====

impl Coded for ConnectError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "NET001",
            Self::Refused { .. } => "NET002",
            Self::Url { .. } | Self::NoUrl => "NET003",
            Self::Tls { .. } | Self::TlsFile { .. } => "NET004",
            Self::Credentials { .. } | Self::Seed => "NET005",
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::Unreachable { servers, .. }
            | Self::Refused { servers }
            | Self::Tls { servers, .. } => servers.clone(),
            Self::Url { url, .. } => url.clone(),
            Self::NoUrl | Self::Seed => "NATS".to_owned(),
            Self::Credentials { path, .. } | Self::TlsFile { path, .. } => {
                path.display().to_string()
            }
        }
    }

    fn hints(&self) -> Vec<String> {
        let hints: &[&str] = match self {
            Self::Unreachable { .. } => &[
                "start a NATS server there, or run `weft up` without a NATS URL to have one built in",
                "name another server with `--nats-url`",
            ],
            Self::Refused { .. } => &[
                "give the credentials of a user that the server knows: `--creds` takes a file made by `weft user add`",
            ],
            Self::Url { .. } | Self::NoUrl => &["write it as `nats://host:4222`"],
            Self::Tls { .. } => &[
                "name the file of the server's certificate authority with `--tls-ca`",
                "if the server asks for a certificate, name yours with `--nats-tls-cert` and `--nats-tls-key`",
            ],
            Self::TlsFile { .. } => &["name a file in PEM that may be read"],
            Self::Credentials { .. } => {
                &["name a file made by `weft user add` or `nsc generate creds`"]
            }
            Self::Seed => &["give the seed of a user: it begins with `SU`"],
        };
        hints.iter().map(|&hint| hint.to_owned()).collect()
    }
}
