//! What can go wrong in a host.

use std::io;

use weft_lattice::RequestError;
use weft_lattice::bucket::BucketError;
use weft_model::problem::Coded;

use crate::registry::InventoryFull;

/// Why a host cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The WebAssembly engine does not start.
    #[error(transparent)]
    Engine(#[from] weft_engine::StartError),
    /// The threads of the HTTP server do not start.
    #[error("cannot start the HTTP server")]
    Http(#[source] io::Error),
    /// The state of the lattice cannot be read.
    #[error("cannot open the state of the lattice")]
    Bucket(#[from] BucketError),
    /// The control interface cannot be served.
    #[error("cannot serve the control interface")]
    Request(#[from] RequestError),
    /// The state of the lattice was not listed in time.
    #[error("the state of the lattice was not listed within {seconds} s")]
    Listing {
        /// How long was waited.
        seconds: u64,
    },
}

/// Why a host refuses a request, or fails to do it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The body of a request is not what it has to be. The first words are those of the dialect.
    #[error("failed to deserialize {what}: {reason}")]
    Malformed {
        /// What was to be read.
        what: &'static str,
        /// Why it was not.
        reason: String,
    },
    /// The value of a config is not what it has to be. The words are those of the dialect.
    #[error("config data should be a map of string -> string")]
    ConfigMalformed {
        /// The name of the config.
        config: String,
        /// Why it was refused.
        reason: String,
    },
    /// The id in the body is another than that in the subject.
    #[error("invalid host_id [{host}]")]
    WrongHost {
        /// The id in the body.
        host: String,
    },
    /// A label that the host sets itself.
    #[error("hostcore.* labels cannot be set dynamically")]
    ReservedLabel {
        /// The label.
        label: String,
    },
    /// A label without a key, or larger than a host keeps.
    #[error("a label has a key of 1 to {bytes_max} bytes and a value of at most {bytes_max}")]
    LabelSize {
        /// The bound of each.
        bytes_max: usize,
    },
    /// More labels than a host keeps.
    #[error("a host keeps at most {labels_max} labels")]
    TooManyLabels {
        /// The bound.
        labels_max: usize,
    },
    /// No component with this id runs here.
    #[error("component {component} not found")]
    NoSuchComponent {
        /// The id.
        component: String,
    },
    /// A component or provider with this id runs here already.
    #[error("provider with that ID is already running")]
    ProviderRunning {
        /// The id.
        provider: String,
    },
    /// No provider with this id runs here.
    #[error("provider with that ID is not running")]
    ProviderNotRunning {
        /// The id.
        provider: String,
    },
    /// A named config does not exist.
    #[error("config {config} does not exist")]
    NoSuchConfig {
        /// The name.
        config: String,
    },
    /// A config is a reference to a secret.
    #[error("config `{config}` refers to a secret, and this version has no secrets")]
    SecretConfig {
        /// The name.
        config: String,
    },
    /// Files may not be loaded.
    #[error("`{reference}` is a file, and this host does not load files")]
    FileLoad {
        /// The reference.
        reference: String,
    },
    /// The provider's image is a program, which this version does not run.
    #[error(
        "`{reference}` is not built into this host, and this version runs no provider processes"
    )]
    ProviderImage {
        /// The reference.
        reference: String,
    },
    /// A backend is named that the embedded store is not.
    #[error("config key `{key}` names a backend for `{reference}`, and this version reaches none")]
    BackendNamed {
        /// The key.
        key: String,
        /// The image.
        reference: String,
    },
    /// No backend is named, and none may stand in.
    #[error("config key `{key}` is missing: `{reference}` has no backend")]
    BackendMissing {
        /// The key that would name one.
        key: &'static str,
        /// The image.
        reference: String,
    },
    /// The embedded store cannot be opened.
    #[error("cannot open the embedded key-value store: {reason}")]
    Database {
        /// Why.
        reason: String,
    },
    /// A link with the same source, name, package and interface leads elsewhere. The text is that of the dialect.
    #[error(
        "link already exists with different target, consider deleting the existing link or using a different link name"
    )]
    LinkConflict {
        /// Where the present link leads.
        target: String,
    },
    /// The state of the lattice cannot be read or written.
    #[error("the state of the lattice cannot be changed: {reason}")]
    State {
        /// Why.
        reason: String,
    },
    /// The request comes from a manager that another one has replaced.
    #[error("the manager's lease {lease} has been superseded")]
    Superseded {
        /// The lease that the request was sent under.
        lease: String,
    },
    /// The host knows the operation, but does not offer it.
    #[error("{operation} is not supported by this version")]
    Unsupported {
        /// What was asked for.
        operation: &'static str,
    },
    /// What runs here would not fit into a heartbeat any more.
    #[error("what this host runs would take more than the {bytes_max} bytes that it can tell of")]
    InventoryFull {
        /// The bound.
        bytes_max: usize,
    },
    /// A defect of the host: what was asked for may be done in part.
    #[error("the host failed while it did what was asked")]
    Panicked,
    /// Too many requests for one id wait already.
    #[error("too many requests for `{subject}` wait already")]
    Busy {
        /// The id.
        subject: String,
    },
}

impl Coded for Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } | Self::ConfigMalformed { .. } => "HST001",
            Self::WrongHost { .. } => "HST002",
            Self::ReservedLabel { .. } | Self::LabelSize { .. } | Self::TooManyLabels { .. } => {
                "HST003"
            }
            Self::NoSuchComponent { .. } => "HST004",
            Self::ProviderRunning { .. } => "HST005",
            Self::ProviderNotRunning { .. } => "HST006",
            Self::NoSuchConfig { .. } => "HST007",
            Self::SecretConfig { .. } => "HST008",
            Self::FileLoad { .. } => "HST009",
            Self::ProviderImage { .. } => "PRV001",
            Self::BackendNamed { .. } => "PRV002",
            Self::BackendMissing { .. } => "PRV003",
            Self::Database { .. } => "PRV004",
            Self::LinkConflict { .. } => "LNK012",
            Self::State { .. } => "HST010",
            Self::Superseded { .. } => "HST011",
            Self::Unsupported { .. } => "HST012",
            Self::Busy { .. } => "HST013",
            Self::Panicked => "HST014",
            Self::InventoryFull { .. } => "HST015",
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::Malformed { what, .. } => (*what).to_owned(),
            Self::WrongHost { host } => host.clone(),
            Self::ReservedLabel { label } => label.clone(),
            Self::NoSuchComponent { component } => component.clone(),
            Self::ProviderRunning { provider } | Self::ProviderNotRunning { provider } => {
                provider.clone()
            }
            Self::NoSuchConfig { config }
            | Self::SecretConfig { config }
            | Self::ConfigMalformed { config, .. } => config.clone(),
            Self::FileLoad { reference } | Self::ProviderImage { reference } => reference.clone(),
            Self::BackendNamed { key, .. } => key.clone(),
            Self::BackendMissing { key, .. } => (*key).to_owned(),
            Self::LinkConflict { target } => target.clone(),
            Self::Superseded { lease } => lease.clone(),
            Self::Unsupported { operation } => (*operation).to_owned(),
            Self::Busy { subject } => subject.clone(),
            Self::LabelSize { .. }
            | Self::TooManyLabels { .. }
            | Self::Panicked
            | Self::InventoryFull { .. }
            | Self::Database { .. }
            | Self::State { .. } => String::new(),
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::NoSuchConfig { config } => format!("put it first, for example with `properties` in the manifest: `- {{name: {config}, properties: {{...}}}}`"),
            Self::ConfigMalformed { reason, .. } => reason.clone(),
            Self::SecretConfig { .. } => "put the value into a config, or wait for a version with secrets".to_owned(),
            Self::FileLoad { .. } => "start the host with `--allow-file-load`".to_owned(),
            Self::ProviderImage { .. } => {
                "built in are `ghcr.io/wasmcloud/http-server`, `wasmcloud+builtin://http-server`, `wasmcloud+builtin://keyvalue-embedded` and `wasmcloud+builtin://keyvalue-memory`".to_owned()
            }
            Self::BackendNamed { key, .. } => format!(
                "remove `{key}` to use the embedded store, or name `wasmcloud+builtin://keyvalue-embedded` as the image"
            ),
            Self::BackendMissing { .. } => {
                "name `wasmcloud+builtin://keyvalue-embedded` as the image to use this host's own store".to_owned()
            }
            Self::LinkConflict { target } => format!("the present link leads to `{target}`"),
            Self::Superseded { .. } => "another manager acts for this lattice now".to_owned(),
            Self::InventoryFull { .. } => "raise `max_payload` of the NATS server, or spread the components over more hosts".to_owned(),
            Self::Busy { .. } => "try again when the present requests are done".to_owned(),
            _ => return Vec::new(),
        };
        vec![hint]
    }
}

impl From<InventoryFull> for Refusal {
    fn from(full: InventoryFull) -> Self {
        Self::InventoryFull {
            bytes_max: full.bytes_max,
        }
    }
}

impl From<BucketError> for Refusal {
    fn from(error: BucketError) -> Self {
        Self::State {
            reason: weft_model::problem::Problem::new(&error).message,
        }
    }
}
