//! Causes of errors with registries.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Why there is no talking to a host.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Its address cannot be used.
    #[error("the address cannot be used")]
    Address,
    /// There is no connection.
    #[error("no connection can be made")]
    Connect {
        /// What the operating system says.
        #[source]
        source: Arc<io::Error>,
    },
    /// Making the connection takes too long.
    #[error("no connection was made in time")]
    Timeout,
    /// The host is not who it must be, or cannot speak TLS with us.
    #[error("the TLS handshake fails")]
    Tls {
        /// Why.
        #[source]
        source: Arc<io::Error>,
    },
    /// The host does not speak TLS.
    #[error("it does not speak TLS")]
    NotTls,
    /// It says nothing.
    #[error("it was silent for {}", humantime::format_duration(*timeout))]
    Silent {
        /// How long.
        timeout: Duration,
    },
    /// The connection broke, or what came is not HTTP.
    #[error("the connection breaks")]
    Exchange {
        /// Why.
        #[source]
        source: Arc<hyper::Error>,
    },
    /// The answer ended early.
    #[error("the answer ends early")]
    Short,
}

/// What is wrong with an answer.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Answered {
    /// More bytes than such an answer may have.
    #[error("more than {bytes_max} bytes")]
    TooLong {
        /// The bound.
        bytes_max: usize,
    },
    /// Something that is not the JSON it must be.
    #[error("a {what} that cannot be read")]
    Malformed {
        /// `manifest` or `token`.
        what: &'static str,
    },
    /// More redirections than are followed.
    #[error("too many redirections")]
    Redirects,
    /// A redirection that is not followed: to nowhere, or from TLS to plain HTTP.
    #[error("a redirection to `{target}`, which is not followed")]
    Redirect {
        /// Where to.
        target: String,
    },
    /// A question for credentials that is not understood, or that would send them where they must not go.
    #[error("a question for credentials that is not answered")]
    Challenge,
    /// No place to upload to.
    #[error("no place to upload to")]
    NoUpload,
}

/// Why an image cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsuitable {
    /// No layer has a media type that is known.
    #[error("it has no {wanted}, only layers of {}", found.join(", "))]
    NoLayer {
        /// `component` or `provider archive`.
        wanted: &'static str,
        /// The media types.
        found: Vec<String>,
    },
    /// Several layers have one.
    #[error("it has {count} layers that could be the {wanted}")]
    ManyLayers {
        /// `component` or `provider archive`.
        wanted: &'static str,
        /// How many.
        count: usize,
    },
    /// It is an index without an image for this platform.
    #[error("it is an index without an image of a {wanted} for this platform")]
    NoPlatform {
        /// `component` or `provider archive`.
        wanted: &'static str,
    },
    /// Its content is something else.
    #[error("its content is not a {wanted}")]
    Content {
        /// `component` or `provider archive`.
        wanted: &'static str,
    },
    /// A digest in it is not `sha256:`.
    #[error("it uses a digest other than `sha256:`")]
    Algorithm,
}

/// Why credentials that are configured cannot be had.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialsError {
    /// Docker's config file cannot be read.
    #[error("cannot read `{path}`", path = path.display())]
    ConfigUnreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: Arc<io::Error>,
    },
    /// Docker's config file is not one.
    #[error("`{path}` is not a config file of Docker", path = path.display())]
    ConfigMalformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: Arc<serde_json::Error>,
    },
    /// A helper is named by something that is no name.
    #[error("`{name}` is not the name of a credential helper")]
    HelperName {
        /// The text.
        name: String,
    },
    /// A helper cannot be run, does not answer in time or not as it must.
    #[error("`docker-credential-{name}` does not give credentials")]
    HelperFailed {
        /// The helper.
        name: String,
        /// Why.
        #[source]
        source: Arc<io::Error>,
    },
}

// ===== impl ConnectError =====

impl ConnectError {
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Connect { .. }
            | Self::Timeout
            | Self::Silent { .. }
            | Self::Exchange { .. }
            | Self::Short => true,
            Self::Address | Self::Tls { .. } | Self::NotTls => false,
        }
    }
}
