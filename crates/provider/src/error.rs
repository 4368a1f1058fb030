//! Why a provider ended.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use weft_lattice::{ConnectError, RequestError};
use weft_model::id::ParseIdError;
use weft_model::problem::Coded;
use weft_protocol::json::DecodeError;
use weft_wrpc::ty::TypeError;
use weft_wrpc::{ConnectError as EndpointError, ServeError};

/// An error of the provider's own.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Why a provider ended other than by request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The host data could not be read.
    #[error("cannot read what the host tells on the standard input")]
    HostData(#[from] HostDataError),
    /// There is no connection to NATS.
    #[error("cannot connect to NATS")]
    Connect(#[from] ConnectError),
    /// The subjects of the provider could not be followed.
    #[error("cannot follow the subjects of the provider")]
    Subscribe(#[from] RequestError),
    /// The connection cannot carry calls.
    #[error("cannot make calls over the connection to NATS")]
    Endpoint(#[from] EndpointError),
    /// The provider's own start failed.
    #[error("the provider `{provider}` could not begin")]
    Init {
        /// The id of the provider.
        provider: String,
        /// Why, as the provider says.
        source: BoxError,
    },
    /// The provider's own start took too long.
    #[error("the provider `{provider}` did not begin within {} s", limit.as_secs())]
    InitTimeout {
        /// The id of the provider.
        provider: String,
        /// [`crate::Options::init_timeout`].
        limit: Duration,
    },
    /// A function has types that cannot cross the wire.
    #[error("`{function}` of `{instance}` cannot be served")]
    Export {
        /// The instance.
        instance: String,
        /// The function.
        function: String,
        /// Why.
        source: TypeError,
    },
    /// The functions could not be served.
    #[error("cannot serve the functions of the provider")]
    Serve(#[from] ServeError),
    /// The connection to NATS was closed.
    #[error("the connection to NATS was closed")]
    Closed,
    /// The operating system refuses what every process may have.
    #[error("cannot begin the process")]
    Process(#[source] io::Error),
}

/// Why the host data could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostDataError {
    /// There is none: the program was started by hand.
    #[error("nothing stands there")]
    Missing,
    /// The input broke off.
    #[error("the input cannot be read")]
    Read(#[source] io::Error),
    /// The line is longer than [`crate::Options::host_data_bytes_max`].
    #[error("the line is longer than {bytes_max} bytes")]
    TooLong {
        /// How long it may be.
        bytes_max: usize,
    },
    /// The line is not base64.
    #[error("the line is not base64")]
    Base64(#[source] base64::DecodeError),
    /// What it encodes is no host data.
    #[error("the line does not hold host data")]
    Form(#[from] DecodeError),
    /// An id in it cannot be part of a subject.
    #[error("`{field}` is no id")]
    Id {
        /// Which.
        field: &'static str,
        /// Why not.
        source: ParseIdError,
    },
    /// A key in it is none.
    #[error("`{field}` is no curve key")]
    Key {
        /// Which.
        field: &'static str,
        /// Why not.
        source: nkeys::error::Error,
    },
}

// ===== impl Error =====

impl Coded for Error {
    fn code(&self) -> &'static str {
        match self {
            Self::HostData(HostDataError::Missing) => "SDK001",
            Self::HostData(_) => "SDK002",
            Self::Connect(error) => error.code(),
            Self::Subscribe(error) => error.code(),
            Self::Init { .. } | Self::InitTimeout { .. } => "SDK003",
            Self::Export { .. } | Self::Serve(_) => "SDK004",
            Self::Endpoint(_) | Self::Closed => "SDK005",
            Self::Process(_) => "SDK006",
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::HostData(_) => "standard input".to_owned(),
            Self::Connect(error) => error.subject(),
            Self::Subscribe(error) => error.subject(),
            Self::Init { provider, .. } | Self::InitTimeout { provider, .. } => provider.clone(),
            Self::Export {
                instance, function, ..
            } => format!("{instance}.{function}"),
            Self::Serve(_) | Self::Endpoint(_) | Self::Closed => "NATS".to_owned(),
            Self::Process(_) => "process".to_owned(),
        }
    }

    fn hints(&self) -> Vec<String> {
        let hints: &[&str] = match self {
            Self::HostData(HostDataError::Missing) => {
                &["let a host start the program: name it as the image of a provider in a manifest"]
            }
            Self::Connect(error) => return error.hints(),
            Self::Subscribe(error) => return error.hints(),
            _ => &[],
        };
        hints.iter().map(|&hint| hint.to_owned()).collect()
    }
}
