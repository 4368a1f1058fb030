//! What can go wrong in a host.

use std::io;

use weft_lattice::RequestError;
use weft_lattice::bucket::BucketError;
use weft_model::problem::Coded;

use crate::registry::{Full, InventoryFull};

/// Why a host cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The WebAssembly engine does not start.
    #[error(transparent)]
    Engine(#[from] weft_engine::StartError),
    /// The thread that starts providers does not start.
    #[error("cannot start the thread that starts providers")]
    Spawner(#[source] io::Error),
    /// The threads of the HTTP server do not start.
    #[error("cannot start the HTTP server")]
    Http(#[source] io::Error),
    /// The state of the lattice cannot be read.
    #[error("cannot open the state of the lattice")]
    Bucket(#[from] BucketError),
    /// The cache of artifacts cannot be opened, or a file of certificates for registries cannot be used.
    #[error("cannot prepare fetching artifacts")]
    Artifacts(#[source] weft_artifact::FetchError),
    /// Calls of other hosts cannot be received.
    #[error("cannot open the wire to other hosts")]
    Wire(#[from] weft_wrpc::ConnectError),
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
    /// The body of a request is not what it has to be. The words are those of the dialect; the reason is a hint.
    #[error("failed to deserialize {what}")]
    Malformed {
        /// What was to be read.
        what: &'static str,
        /// Why it was not.
        reason: String,
    },
    /// Something that was read cannot be what it is to be.
    #[error("failed to deserialize {what}: {reason}")]
    Unreadable {
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
    /// A config that a link names does not exist. The first words are those of the dialect.
    #[error("Failed to validate configuration and secrets. Config {config} does not exist")]
    LinkConfig {
        /// The name.
        config: String,
    },
    /// The host gives its work to others, and takes nothing new.
    #[error("this host drains, and does not start `{id}`")]
    Draining {
        /// What was to be started.
        id: String,
    },
    /// A config is a reference to a secret.
    #[error(
        "config `{config}` refers to a secret, and this host has no secrets backend configured"
    )]
    SecretConfig {
        /// The name.
        config: String,
    },
    /// Files may not be loaded.
    #[error("`{reference}` is a file, and this host loads no {what} from files")]
    FileLoad {
        /// `components` or `providers`.
        what: &'static str,
        /// The reference.
        reference: String,
    },
    /// The provider is said to be built in, and is not.
    #[error("`{reference}` is not built into this host")]
    ProviderImage {
        /// The reference.
        reference: String,
    },
    /// The copy of a program that is to be run cannot be kept.
    #[error("cannot keep a copy of the provider's program at `{path}`: {reason}")]
    Executable {
        /// The path.
        path: String,
        /// Why.
        reason: String,
    },
    /// The program of a provider cannot be run.
    #[error("cannot start the program of provider `{provider}`: {reason}")]
    Spawn {
        /// The provider.
        provider: String,
        /// Why.
        reason: String,
    },
    /// As many provider processes run as may.
    #[error("{processes_max} provider processes run on this host, which is all that may")]
    TooManyProcesses {
        /// The bound.
        processes_max: usize,
    },
    /// As many components run as may.
    #[error("{components_max} components run on this host, which is all that may")]
    TooManyComponents {
        /// The bound.
        components_max: usize,
    },
    /// A provider dies soon after each start.
    #[error(
        "provider `{provider}` died {deaths} times in a row soon after its start; last: {exit}"
    )]
    CrashLoop {
        /// The provider.
        provider: String,
        /// How it ended.
        exit: String,
        /// How often.
        deaths: u32,
    },
    /// A provider died, and has not been started again yet.
    #[error("provider `{provider}` died ({exit}), and is about to be started again")]
    BackingOff {
        /// The provider.
        provider: String,
        /// How it ended.
        exit: String,
    },
    /// Secrets cannot be sealed for a provider.
    #[error("cannot seal secrets for a provider: {reason}")]
    Seal {
        /// Why.
        reason: String,
    },
    /// A backend is named that the embedded store is not.
    #[error(
        "config key `{key}` names a backend for `{reference}`, for which the embedded store stands in"
    )]
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
            Self::Malformed { .. } | Self::Unreadable { .. } | Self::ConfigMalformed { .. } => {
                "HST001"
            }
            Self::WrongHost { .. } => "HST002",
            Self::ReservedLabel { .. } | Self::LabelSize { .. } | Self::TooManyLabels { .. } => {
                "HST003"
            }
            Self::NoSuchComponent { .. } => "HST004",
            Self::ProviderRunning { .. } => "HST005",
            Self::ProviderNotRunning { .. } => "HST006",
            Self::NoSuchConfig { .. } | Self::LinkConfig { .. } => "HST007",
            Self::SecretConfig { .. } => "HST008",
            Self::FileLoad { .. } => "HST009",
            Self::ProviderImage { .. } => "PRV001",
            Self::BackendNamed { .. } => "PRV002",
            Self::BackendMissing { .. } => "PRV003",
            Self::Database { .. } => "PRV004",
            Self::Executable { .. } | Self::Spawn { .. } => "PRV011",
            Self::TooManyProcesses { .. } => "PRV012",
            Self::CrashLoop { .. } | Self::BackingOff { .. } => "PRV013",
            Self::Seal { .. } => "PRV015",
            Self::LinkConflict { .. } => "LNK012",
            Self::State { .. } => "HST010",
            Self::Superseded { .. } => "HST011",
            Self::Busy { .. } => "HST013",
            Self::Panicked => "HST014",
            Self::InventoryFull { .. } => "HST015",
            Self::TooManyComponents { .. } => "HST016",
            Self::Draining { .. } => "HST017",
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::Malformed { what, .. } | Self::Unreadable { what, .. } => (*what).to_owned(),
            Self::WrongHost { host } => host.clone(),
            Self::ReservedLabel { label } => label.clone(),
            Self::NoSuchComponent { component } => component.clone(),
            Self::ProviderRunning { provider }
            | Self::ProviderNotRunning { provider }
            | Self::Spawn { provider, .. }
            | Self::CrashLoop { provider, .. }
            | Self::BackingOff { provider, .. } => provider.clone(),
            Self::Executable { path, .. } => path.clone(),
            Self::NoSuchConfig { config }
            | Self::LinkConfig { config }
            | Self::SecretConfig { config }
            | Self::ConfigMalformed { config, .. } => config.clone(),
            Self::FileLoad { reference, .. } | Self::ProviderImage { reference } => {
                reference.clone()
            }
            Self::BackendNamed { key, .. } => key.clone(),
            Self::BackendMissing { key, .. } => (*key).to_owned(),
            Self::LinkConflict { target } => target.clone(),
            Self::Draining { id } => id.clone(),
            Self::Superseded { lease } => lease.clone(),
            Self::Busy { subject } => subject.clone(),
            Self::LabelSize { .. }
            | Self::TooManyLabels { .. }
            | Self::TooManyProcesses { .. }
            | Self::TooManyComponents { .. }
            | Self::Seal { .. }
            | Self::Panicked
            | Self::InventoryFull { .. }
            | Self::Database { .. }
            | Self::State { .. } => String::new(),
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::NoSuchConfig { config } => format!("put it first, for example with `properties` in the manifest: `- {{name: {config}, properties: {{...}}}}`"),
            Self::LinkConfig { config } => format!("put it first with `weft config put {config} KEY=VALUE`"),
            Self::Draining { .. } => "start it elsewhere, or end the draining with `weft host drain HOST --undo`".to_owned(),
            Self::Malformed { reason, .. } | Self::ConfigMalformed { reason, .. } => reason.clone(),
            Self::SecretConfig { .. } => "put the value into a config".to_owned(),
            Self::FileLoad { .. } => "start the host with `--allow-file-load=components,providers`; what is not named is not loaded".to_owned(),
            Self::Spawn { .. } => "run the program by hand on the host's machine to see why".to_owned(),
            Self::TooManyProcesses { .. } => "let another host run it, or raise `--max-providers`".to_owned(),
            Self::TooManyComponents { .. } => {
                "let another host run it, or raise `--max-components`".to_owned()
            }
            Self::CrashLoop { .. } | Self::BackingOff { .. } => {
                "the host's log has what it wrote before it died".to_owned()
            }
            Self::ProviderImage { .. } => {
                "name its image in a registry, or its program by `file:///...`; built in are `ghcr.io/wasmcloud/http-server`, `wasmcloud+builtin://http-server`, `wasmcloud+builtin://keyvalue-embedded` and `wasmcloud+builtin://keyvalue-memory`".to_owned()
            }
            Self::BackendNamed { key, .. } => format!(
                "put `{key}` into the config of the provider itself, so that the program of its image is run, or remove it"
            ),
            Self::BackendMissing { .. } => {
                "give the link a target config with `bucket`".to_owned()
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

impl From<Full> for Refusal {
    fn from(full: Full) -> Self {
        match full {
            Full::Inventory(full) => full.into(),
            Full::Components { components_max } => Self::TooManyComponents { components_max },
        }
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
