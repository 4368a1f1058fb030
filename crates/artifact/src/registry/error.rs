//! Why a registry does not give or take an artifact.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use weft_model::digest::Digest;
use weft_model::problem::Coded;

use super::cause::{Answered, ConnectError, CredentialsError, Unsuitable};
use super::credentials::Tried;
use super::image::ParseImageError;

/// Why a registry does not give or take an artifact.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The reference cannot be one to a registry.
    #[error("`{reference}` is not the name of an image")]
    Name {
        /// The reference.
        reference: String,
        /// What is wrong with it.
        #[source]
        source: ParseImageError,
    },
    /// The reference means whatever was pushed last.
    #[error("`{reference}` means whatever was pushed last, which is not allowed here")]
    Latest {
        /// The reference.
        reference: String,
    },
    /// A file with certificates of authorities has none that can be used.
    #[error("`{path}` has no certificate of an authority that can be used", path = path.display())]
    Authority {
        /// The file.
        path: PathBuf,
    },
    /// There is no talking to the registry.
    #[error("cannot reach `{host}` for `{reference}`")]
    Unreachable {
        /// The host: the registry, its token service, or where it keeps its blobs.
        host: String,
        /// The reference.
        reference: String,
        /// Why.
        #[source]
        source: ConnectError,
    },
    /// The registry does not let us in.
    #[error("`{registry}` refuses access to `{reference}` with {tried}")]
    Unauthorized {
        /// The registry.
        registry: String,
        /// The reference.
        reference: String,
        /// Which credentials were tried.
        tried: Tried,
    },
    /// The credentials that are configured cannot be had.
    #[error("cannot get the credentials for `{registry}`")]
    Credentials {
        /// The registry.
        registry: String,
        /// Why.
        #[source]
        source: CredentialsError,
    },
    /// The registry has no such image.
    #[error("`{registry}` has no `{reference}`")]
    NotFound {
        /// The registry.
        registry: String,
        /// The reference; with the digest where a part of the image is missing.
        reference: String,
    },
    /// The registry answers with another failure.
    #[error("`{host}` answers {status} for `{reference}`{}", quote(message))]
    Refused {
        /// Who answers.
        host: String,
        /// The reference.
        reference: String,
        /// The status.
        status: StatusCode,
        /// What it says, cut and without control characters; may be empty.
        message: String,
        /// When it may be tried again, where it says so.
        retry_after: Option<Duration>,
    },
    /// The registry's answer is not one of the protocol.
    #[error("`{host}` answers for `{reference}` with {problem}")]
    Answer {
        /// Who answers.
        host: String,
        /// The reference.
        reference: String,
        /// What is wrong.
        problem: Answered,
    },
    /// The image is not one of a component or provider.
    #[error("`{reference}` cannot be used")]
    Unsuitable {
        /// The reference.
        reference: String,
        /// Why.
        #[source]
        source: Unsuitable,
    },
    /// What the registry sends has another digest than it must have.
    #[error("`{registry}` sends {found} for {expected} of `{reference}`: it is corrupted")]
    Corrupted {
        /// The registry.
        registry: String,
        /// The reference.
        reference: String,
        /// The digest it must have.
        expected: Digest,
        /// The digest of what came.
        found: Digest,
    },
    /// The image is larger than artifacts may be.
    #[error("{digest} of `{reference}` has {bytes} bytes, at most {bytes_max} are allowed")]
    TooLarge {
        /// The reference.
        reference: String,
        /// The layer.
        digest: Digest,
        /// Its size.
        bytes: u64,
        /// The bound.
        bytes_max: u64,
    },
    /// The download broke off again and again.
    #[error("the download of {digest} of `{reference}` broke off at {bytes} of {total} bytes")]
    Interrupted {
        /// The reference.
        reference: String,
        /// The layer.
        digest: Digest,
        /// The bytes that came; they are kept, and the next download goes on from there.
        bytes: u64,
        /// All bytes.
        total: u64,
        /// Why the last attempt ended.
        #[source]
        source: ConnectError,
    },
    /// It took too long in all.
    #[error("`{reference}` was not there after {}", humantime::format_duration(*timeout))]
    Timeout {
        /// The reference.
        reference: String,
        /// The bound.
        timeout: Duration,
    },
    /// The cache cannot be used.
    #[error("cannot use the cache at `{path}`", path = path.display())]
    Disk {
        /// Where.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: Arc<io::Error>,
    },
}

// ===== impl RegistryError =====

impl RegistryError {
    /// Whether it may go away by itself, so that trying again makes sense.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { source, .. } => source.is_transient(),
            Self::Interrupted { .. } => true,
            Self::Refused { status, .. } => {
                matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
            }
            _ => false,
        }
    }

    /// Whether the registry says that there is no such image.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    /// Whether the registry cannot be asked now, so that what is cached is the best there is.
    pub fn is_outage(&self) -> bool {
        self.is_transient() || matches!(self, Self::Unreachable { .. })
    }

    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Name { .. } => "write it as `registry/path/name:tag`",
            Self::Latest { .. } => "name a version or a digest, or allow it with `--allow-latest`",
            Self::Authority { .. } => "give a file with certificates in PEM",
            Self::Unreachable { source, .. } => match source {
                ConnectError::NotTls => {
                    "if it speaks plain HTTP and that is meant, name it in `--allowed-insecure`"
                }
                ConnectError::Tls { .. } => {
                    "if its certificate is of a private authority, name that in `--tls-ca-path`"
                }
                _ => "check the name of the registry, the network and its firewall",
            },
            Self::Unauthorized {
                tried: Tried::None, ..
            } => {
                "log in with `docker login`, or give the host `--oci-registry`, `--oci-user` and `--oci-password`"
            }
            Self::Unauthorized { .. } => "check that these credentials are right and may do this",
            Self::Credentials { .. } => "repair the file, or log in again with `docker login`",
            Self::NotFound { .. } => "check the name and the tag",
            Self::Refused { status, .. } if *status == StatusCode::BAD_REQUEST => {
                "if the registry serves TLS, do not name it in `--allowed-insecure`"
            }
            Self::Refused { .. } | Self::Answer { .. } => {
                "check that it is a registry, and what its log says"
            }
            Self::Unsuitable { .. } => {
                "check that the reference names what the manifest says it is"
            }
            Self::Corrupted { .. } => "push the image again; nothing of it was used",
            Self::TooLarge { .. } => "strip debug information, or raise the bound of the host",
            Self::Interrupted { .. } | Self::Timeout { .. } => {
                "try again: what came is kept, and the next attempt goes on from there"
            }
            Self::Disk { .. } => "check that there is room, and that the host may write there",
        })
    }
}

impl Coded for RegistryError {
    fn code(&self) -> &'static str {
        match self {
            Self::Name { .. } => "ART009",
            Self::Latest { .. } => "ART010",
            Self::Unreachable { source, .. } => match source {
                ConnectError::Tls { .. } | ConnectError::NotTls => "ART012",
                _ => "ART011",
            },
            Self::Unauthorized { .. } => "ART013",
            Self::NotFound { .. } => "ART014",
            Self::Refused { .. } => "ART015",
            Self::Answer { .. } => "ART016",
            Self::Unsuitable { .. } => "ART017",
            Self::Corrupted { .. } => "ART018",
            Self::TooLarge { .. } => "ART019",
            Self::Disk { .. } => "ART020",
            Self::Interrupted { .. } | Self::Timeout { .. } => "ART021",
            Self::Credentials { .. } => "ART022",
            Self::Authority { .. } => "ART023",
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::Name { reference, .. }
            | Self::Latest { reference }
            | Self::Unreachable { reference, .. }
            | Self::Unauthorized { reference, .. }
            | Self::NotFound { reference, .. }
            | Self::Refused { reference, .. }
            | Self::Answer { reference, .. }
            | Self::Unsuitable { reference, .. }
            | Self::Corrupted { reference, .. }
            | Self::TooLarge { reference, .. }
            | Self::Interrupted { reference, .. }
            | Self::Timeout { reference, .. } => reference.clone(),
            Self::Credentials { registry, .. } => registry.clone(),
            Self::Authority { path } | Self::Disk { path, .. } => path.display().to_string(),
        }
    }

    fn hints(&self) -> Vec<String> {
        self.hint().into_iter().map(str::to_owned).collect()
    }
}

fn quote(message: &str) -> String {
    if message.is_empty() {
        String::new()
    } else {
        format!(": \"{message}\"")
    }
}
