//! What can go wrong in a manager.

use weft_lattice::RequestError;
use weft_lattice::bucket::BucketError;
use weft_model::problem::Coded;
use weft_protocol::json::DecodeError;

/// Why a manager cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A setting is out of its bounds.
    #[error("the setting `{setting}` {reason}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The state of the lattice cannot be opened.
    #[error("cannot open the state of the lattice")]
    Bucket(#[from] BucketError),
    /// NATS does not do what is asked.
    #[error("cannot serve the application API")]
    Request(#[from] RequestError),
}

/// Why the manager does not do what it was asked, or cannot use what is stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The version is there already, with another manifest. The text is that of the dialect.
    #[error("Manifest version {version} already exists")]
    VersionExists {
        /// The application.
        application: String,
        /// The version.
        version: String,
    },
    /// The manifest is larger than is stored.
    #[error("the manifest has {bytes} bytes as JSON, at most {bytes_max} are stored")]
    TooLarge {
        /// The application.
        application: String,
        /// The size.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
    /// The application has as many versions as are kept, and all have names that somebody gave them.
    #[error("`{application}` has {versions_max} versions already, more are not kept")]
    TooManyVersions {
        /// The application.
        application: String,
        /// The bound.
        versions_max: usize,
    },
    /// The lattice has as many applications as are kept.
    #[error("the lattice has {applications_max} applications already, more are not kept")]
    TooManyApplications {
        /// The application that finds no place.
        application: String,
        /// The bound.
        applications_max: usize,
    },
    /// A stored entry cannot be read.
    #[error("the stored entry `{key}` cannot be read")]
    Unreadable {
        /// The key of the entry.
        key: String,
        /// Why not.
        source: DecodeError,
    },
    /// A stored entry was written by a later version of Weft, or is of another application than its key says.
    #[error("the stored entry `{key}` is not understood: {reason}")]
    NotUnderstood {
        /// The key of the entry.
        key: String,
        /// What about it.
        reason: &'static str,
    },
    /// A stored manifest has errors, by the rules of this version.
    #[error("the stored manifest of `{application}` cannot be used: {reason}")]
    StoredManifest {
        /// The application.
        application: String,
        /// The first of its errors.
        reason: String,
    },
    /// A version that is to run is not in the store any more.
    #[error("the stored entry `{key}` is missing")]
    Missing {
        /// The key of the entry.
        key: String,
    },
    /// The body of a request has not the form it needs.
    #[error("the body of the request is malformed")]
    Malformed(#[source] DecodeError),
    /// The body is said to be JSON and is not.
    #[error("the manifest is said to be JSON and is not")]
    NotJson(#[source] DecodeError),
    /// The operation exists and is not offered.
    #[error("deployment history is not kept; ask for the versions of the application")]
    NoHistory,
    /// What was asked is about the state of the lattice, and the manager does not have it yet.
    #[error("the manager has not read the state of the lattice yet")]
    Behind,
    /// A host of another kind failed to do something and gave only words.
    #[error("`{host}` failed: {text}")]
    Host {
        /// The host.
        host: String,
        /// The component or provider.
        id: String,
        /// What the host said.
        text: String,
    },
    /// The state of the lattice cannot be read or written.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// An entry was changed by others again and again.
    #[error("`{key}` was changed by others {attempts} times in a row")]
    Contended {
        /// The key of the entry.
        key: String,
        /// How often it was tried.
        attempts: u32,
    },
}

// ===== impl StartError =====

impl Coded for StartError {
    fn code(&self) -> &'static str {
        match self {
            Self::Setting { .. } => "MGR001",
            Self::Bucket(error) => error.code(),
            Self::Request(error) => error.code(),
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::Setting { setting, .. } => (*setting).to_owned(),
            Self::Bucket(error) => error.subject(),
            Self::Request(error) => error.subject(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Setting { .. } => Vec::new(),
            Self::Bucket(error) => error.hints(),
            Self::Request(error) => error.hints(),
        }
    }
}

// ===== impl Error =====

impl Coded for Error {
    fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } | Self::NotUnderstood { .. } | Self::Missing { .. } => "MGR002",
            Self::StoredManifest { .. } => "MGR003",
            Self::VersionExists { .. } => "MGR004",
            Self::TooLarge { .. } => "MGR005",
            Self::TooManyVersions { .. } => "MGR006",
            Self::TooManyApplications { .. } => "MGR007",
            Self::Malformed(_) => "MGR008",
            Self::NotJson(_) => "MGR009",
            Self::NoHistory => "MGR010",
            Self::Behind => "MGR011",
            Self::Host { .. } => "MGR012",
            Self::Contended { .. } => "MGR013",
            Self::Bucket(error) => error.code(),
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::VersionExists { application, .. }
            | Self::TooLarge { application, .. }
            | Self::TooManyVersions { application, .. }
            | Self::TooManyApplications { application, .. }
            | Self::StoredManifest { application, .. } => application.clone(),
            Self::Unreadable { key, .. }
            | Self::NotUnderstood { key, .. }
            | Self::Missing { key }
            | Self::Contended { key, .. } => key.clone(),
            Self::Malformed(_) => "request".to_owned(),
            Self::NotJson(_) => "manifest".to_owned(),
            Self::NoHistory => "history".to_owned(),
            Self::Behind => "lattice".to_owned(),
            Self::Host { id, .. } => id.clone(),
            Self::Bucket(error) => error.subject(),
        }
    }

    fn hints(&self) -> Vec<String> {
        let hints: &[&str] = match self {
            Self::VersionExists { .. } => &[
                "change the annotation `version` of the manifest",
                "leave the annotation `version` out to be given one",
            ],
            Self::TooLarge { .. } => {
                &["move long texts of its configs into configs that are put separately"]
            }
            Self::TooManyVersions { .. } => &["delete versions that are not needed"],
            Self::TooManyApplications { .. } => &["delete applications that are not needed"],
            Self::NotUnderstood { .. } => &["run the version of Weft that wrote it"],
            Self::StoredManifest { .. } | Self::Missing { .. } => {
                &["put the manifest as a new version and deploy that"]
            }
            Self::NotJson(_) => &["send `Content-Type: application/yaml` with YAML"],
            Self::Behind | Self::Contended { .. } => &["ask again"],
            Self::Bucket(error) => return error.hints(),
            Self::Unreadable { .. } | Self::Malformed(_) | Self::NoHistory | Self::Host { .. } => {
                &[]
            }
        };
        hints.iter().map(|&hint| hint.to_owned()).collect()
    }
}
