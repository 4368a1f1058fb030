//! Why a part cannot become as desired.

use weft_model::annotation::ADOPT;
use weft_model::id::{ApplicationName, ConfigName, EntityId, HostId};
use weft_model::labels::Labels;
use weft_model::link::LinkKey;
use weft_model::problem::Coded;

/// Why a part of an application cannot become as desired by itself.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No live host has the labels that are required.
    #[error("there is no host{} for `{id}`", with_labels(requirements))]
    NoHost {
        /// The component or provider.
        id: EntityId,
        /// What a host has to have.
        requirements: Labels,
    },
    /// Fewer hosts match than a provider is to run on.
    #[error(
        "`{id}` is to run on {wanted} hosts{}, found {found}",
        with_labels(requirements)
    )]
    TooFewHosts {
        /// The provider.
        id: EntityId,
        /// What a host has to have.
        requirements: Labels,
        /// On how many hosts it is to run.
        wanted: usize,
        /// How many there are.
        found: usize,
    },
    /// Another deployed application has the id.
    #[error("the id `{id}` belongs to the application `{winner}`")]
    IdClaimed {
        /// The id.
        id: EntityId,
        /// Who has it.
        winner: ApplicationName,
    },
    /// Something runs under the id that is not ours.
    #[error(
        "something that is not ours runs as `{id}` on `{host}`{}",
        manager_text(manager)
    )]
    IdForeign {
        /// The id.
        id: EntityId,
        /// One host where it runs.
        host: HostId,
        /// Its annotation `wasmcloud.dev/managed-by`.
        manager: Option<String>,
    },
    /// A link that is not ours leads elsewhere.
    #[error(
        "`{}` has a link `{}` for `{}` already, to `{foreign_target}`, which no application put there",
        key.source, key.name, key.package
    )]
    LinkForeign {
        /// The link that is desired.
        key: LinkKey,
        /// Where the present one leads.
        foreign_target: EntityId,
    },
    /// A config that has to be there already is not.
    #[error("the config `{name}` does not exist")]
    ConfigMissing {
        /// Its name.
        name: ConfigName,
    },
    /// Another deployed application brings a config of this name along.
    #[error("the config `{name}` belongs to the application `{winner}`")]
    ConfigClaimed {
        /// Its name.
        name: ConfigName,
        /// Who has it.
        winner: ApplicationName,
    },
}

// ===== impl Error =====

impl Error {
    /// All codes of this type.
    pub const CODES: &[&'static str] = &[
        "PLN001", "PLN002", "PLN003", "PLN004", "PLN005", "PLN006", "PLN007",
    ];
}

impl Coded for Error {
    fn code(&self) -> &'static str {
        match self {
            Self::NoHost { .. } => "PLN001",
            Self::TooFewHosts { .. } => "PLN002",
            Self::IdClaimed { .. } => "PLN003",
            Self::IdForeign { .. } => "PLN004",
            Self::LinkForeign { .. } => "PLN005",
            Self::ConfigMissing { .. } => "PLN006",
            Self::ConfigClaimed { .. } => "PLN007",
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::NoHost { id, .. }
            | Self::TooFewHosts { id, .. }
            | Self::IdClaimed { id, .. }
            | Self::IdForeign { id, .. } => id.to_string(),
            Self::LinkForeign { key, .. } => format!("{} {} {}", key.source, key.name, key.package),
            Self::ConfigMissing { name } | Self::ConfigClaimed { name, .. } => name.to_string(),
        }
    }

    fn hints(&self) -> Vec<String> {
        if let Self::IdForeign {
            manager: Some(manager),
            ..
        } = self
        {
            return vec![
                format!(
                    "once that manager is gone, take over what it started: `{ADOPT}: {manager}` among the annotations of \
                     the manifest"
                ),
                "set another `id` in the manifest".to_owned(),
            ];
        }
        let hints: &[&str] = match self {
            Self::NoHost { requirements, .. } | Self::TooFewHosts { requirements, .. } => {
                if requirements.is_empty() {
                    &["start more hosts, or ask for fewer"]
                } else {
                    &[
                        "start hosts with these labels, or label running ones",
                        "change the `requirements` in the manifest",
                    ]
                }
            }
            Self::IdClaimed { .. } => &["set another `id` in one of the manifests"],
            Self::IdForeign { .. } => &[
                "stop it where it was started from",
                "set another `id` in the manifest",
            ],
            Self::LinkForeign { .. } => &[
                "delete the present link",
                "give the link another `name` in the manifest",
            ],
            Self::ConfigMissing { .. } => &[
                "put the config",
                "give it `properties` in the manifest, so that the application brings it along",
            ],
            Self::ConfigClaimed { .. } => &["give the config another name in the manifest"],
        };
        hints.iter().map(|&hint| hint.to_owned()).collect()
    }
}

/// The labels as people write them, to follow `host`.
fn with_labels(requirements: &Labels) -> String {
    if requirements.is_empty() {
        return String::new();
    }
    let labels: Vec<String> = requirements
        .iter()
        .map(|(key, value)| format!("`{key}={value}`"))
        .collect();
    format!(" with {}", labels.join(", "))
}

fn manager_text(managed_by: &Option<String>) -> String {
    match managed_by {
        Some(name) => format!(", managed by `{name}`"),
        None => String::new(),
    }
}
