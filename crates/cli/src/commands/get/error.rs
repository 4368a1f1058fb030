//! Why something of a lattice cannot be shown.

use weft_lattice::RequestError;
use weft_lattice::bucket::BucketError;
use weft_lattice::control::ControlError;
use weft_lattice::protocol::json::DecodeError;
use weft_model::id::{ConfigName, LatticeName};
use weft_model::problem::Coded;

use crate::failure::Failure;
use crate::status::Status;
use crate::ui::join_words;

/// Why something of a lattice cannot be shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GetError {
    /// No host answers.
    #[error("no host answers in lattice `{lattice}`")]
    NoHost {
        /// The lattice.
        lattice: LatticeName,
    },
    /// There is no such host.
    #[error("there is no host `{host}` in lattice `{lattice}`")]
    UnknownHost {
        /// What was asked for.
        host: String,
        /// The lattice.
        lattice: LatticeName,
        /// Names and ids that are near.
        nearest: Vec<String>,
    },
    /// Several hosts are meant.
    #[error("`{host}` means {} hosts", matches.len())]
    AmbiguousHost {
        /// What was asked for.
        host: String,
        /// Their ids.
        matches: Vec<String>,
    },
    /// No host runs it, or not the one that was named.
    #[error("{} {kind} `{id}`", nobody(host.as_deref(), lattice))]
    NotRunning {
        /// `component` or `provider`.
        kind: &'static str,
        /// The id.
        id: String,
        /// The host that was named.
        host: Option<String>,
        /// The lattice.
        lattice: LatticeName,
        /// Ids that are near.
        nearest: Vec<String>,
    },
    /// There is no such link.
    #[error("there is no link {link} in lattice `{lattice}`")]
    UnknownLink {
        /// What it would be.
        link: String,
        /// The lattice.
        lattice: LatticeName,
    },
    /// There is no such config.
    #[error("there is no config `{name}` in lattice `{lattice}`")]
    UnknownConfig {
        /// What was asked for.
        name: ConfigName,
        /// The lattice.
        lattice: LatticeName,
        /// Names that are near.
        nearest: Vec<String>,
    },
    /// What is stored as a config is none.
    #[error("config `{name}` does not have the form of a config")]
    Malformed {
        /// Its name.
        name: ConfigName,
        /// Why not.
        source: DecodeError,
    },
    /// A host does not do what it was asked.
    #[error(transparent)]
    Control(ControlError),
    /// A bucket does not do what it was asked.
    #[error(transparent)]
    Bucket(BucketError),
}

fn nobody(host: Option<&str>, lattice: &LatticeName) -> String {
    match host {
        Some(host) => format!("host `{host}` does not run"),
        None => format!("no host of lattice `{lattice}` runs"),
    }
}

// ===== impl GetError =====

impl GetError {
    /// What an error of the control interface means in `lattice`.
    pub(crate) fn of(error: ControlError, lattice: &LatticeName) -> Self {
        match error {
            ControlError::Request {
                source: RequestError::NoResponders { .. },
                ..
            } => Self::NoHost {
                lattice: lattice.clone(),
            },
            other => Self::Control(other),
        }
    }

    /// Whether it says that something is not there.
    pub(crate) fn is_missing(&self) -> bool {
        self.status() == Status::NotFound
    }

    fn status(&self) -> Status {
        match self {
            Self::NoHost { .. } => Status::Unreachable,
            Self::UnknownHost { .. }
            | Self::UnknownConfig { .. }
            | Self::NotRunning { .. }
            | Self::UnknownLink { .. } => Status::NotFound,
            Self::AmbiguousHost { .. } => Status::Usage,
            Self::Control(ControlError::Request { .. })
            | Self::Bucket(
                BucketError::Request { .. }
                | BucketError::NoJetstream { .. }
                | BucketError::Interrupted { .. },
            ) => Status::Unreachable,
            Self::Control(ControlError::Refused { .. })
            | Self::Bucket(BucketError::Refused { .. }) => Status::Rejected,
            Self::Malformed { .. } | Self::Control(_) | Self::Bucket(_) => Status::Unforeseen,
        }
    }
}

impl Coded for GetError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoHost { .. } => "CLI005",
            Self::UnknownHost { .. }
            | Self::UnknownConfig { .. }
            | Self::NotRunning { .. }
            | Self::UnknownLink { .. } => "CLI010",
            Self::AmbiguousHost { .. } => "CLI016",
            Self::Malformed { .. } => "LAT002",
            Self::Control(error) => error.code(),
            Self::Bucket(error) => error.code(),
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::NoHost { lattice } => lattice.to_string(),
            Self::UnknownHost { host, .. } | Self::AmbiguousHost { host, .. } => host.clone(),
            Self::UnknownConfig { name, .. } | Self::Malformed { name, .. } => name.to_string(),
            Self::NotRunning { id, .. } => id.clone(),
            Self::UnknownLink { link, .. } => link.clone(),
            Self::Control(error) => error.subject(),
            Self::Bucket(error) => error.subject(),
        }
    }

    fn hints(&self) -> Vec<String> {
        let similar = |nearest: &[String], list: &str| {
            let mut hints = Vec::new();
            if !nearest.is_empty() {
                hints.push(format!("similar: {}", join_words(nearest)));
            }
            hints.push(list.to_owned());
            hints
        };
        match self {
            Self::NoHost { .. } => vec![
                "start one with `weft up`".to_owned(),
                "name another lattice with `--lattice`".to_owned(),
            ],
            Self::UnknownHost { nearest, .. } => {
                similar(nearest, "list all hosts with `weft get hosts`")
            }
            Self::UnknownConfig { nearest, .. } => {
                similar(nearest, "list all configs with `weft get config`")
            }
            Self::NotRunning { nearest, .. } => {
                similar(nearest, "see what runs where with `weft get inventory`")
            }
            Self::UnknownLink { .. } => vec!["list all links with `weft link list`".to_owned()],
            Self::AmbiguousHost { matches, .. } => {
                vec![format!("write more of the id: {}", join_words(matches))]
            }
            Self::Malformed { .. } => vec!["put the config again".to_owned()],
            Self::Control(error) => error.hints(),
            Self::Bucket(error) => error.hints(),
        }
    }
}

impl From<GetError> for Failure {
    fn from(error: GetError) -> Self {
        Self::new(error.status(), &error)
    }
}
