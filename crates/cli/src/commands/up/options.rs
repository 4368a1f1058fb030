//! What `weft up` is to start.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use weft_lattice::protocol::subject::{Auctions, SubjectPrefix};
use weft_model::id::{ApplicationName, LatticeName};
use weft_model::labels::Labels;
use weft_node::Embedded;

use super::artifacts::ArtifactSettings;
use crate::context::NatsAccess;
use crate::secret::SecretFile;

/// What `weft up` is to start: the arguments after they were found to fit together. Paths are absolute.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UpOptions {
    /// The roles to start; not empty. Has [`Role::Broker`] exactly when [`Self::nats`] is [`NatsSource::Embedded`].
    pub roles: BTreeSet<Role>,
    /// Where NATS is.
    pub nats: NatsSource,
    /// The lattice.
    pub lattice: LatticeName,
    /// The JetStream domain of its state; `None` is that of the servers.
    pub js_domain: Option<String>,
    /// The beginning of control subjects.
    pub control_prefix: SubjectPrefix,
    /// The directory for all state, private to its owner; may not exist yet.
    pub data_dir: PathBuf,
    /// Labels of the host, none of them reserved.
    pub labels: Labels,
    /// The address for HTTP that all components share.
    pub http: SocketAddr,
    /// Whether what is odd is an error: backends that nobody names among others.
    pub is_strict: bool,
    /// What may be loaded from files of this machine.
    pub file_loads: FileLoads,
    /// Registries, their credentials, and the cache of artifacts.
    pub artifacts: ArtifactSettings,
    /// Where HTTP requests are logged; `None` logs none.
    pub access_log: Option<AccessLog>,
    /// Calls that may run at once on the host: slots of its pool.
    pub instances_max: u32,
    /// Providers that may run at once as processes of their own.
    pub providers_max: u32,
    /// How long a provider that is to stop may take to finish what it has under way.
    pub provider_drain_timeout: Duration,
    /// How often the host tells what it runs.
    pub heartbeat_interval: Duration,
    /// Where the seed of the host's key is; `None` takes the key of the data directory.
    pub host_seed: Option<SecretFile>,
    /// Which auctions the host takes part in.
    pub auctions: Auctions,
    /// How long answers of providers may take.
    pub rpc_timeout: Duration,
    /// What the host lets nobody have more of.
    pub maxima: HostMaxima,
    /// Where `/livez` and `/readyz` are served; `None` serves them nowhere.
    pub http_admin: Option<SocketAddr>,
    /// What is logged, and how.
    pub log: LogOptions,
    /// Whether to print nothing but failures.
    pub is_quiet: bool,
    /// Whether this is the process that `--detach` started: its output goes to a file, not to somebody who waits.
    pub is_detached: bool,
    /// Applications to put and deploy once the lattice is ready, in this order.
    pub applications: Vec<PreparedApplication>,
}

/// A part that a process plays in a lattice.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Ord, PartialOrd, ValueEnum)]
pub enum Role {
    /// Serve NATS
    Broker,
    /// Run components and providers
    Host,
    /// Keep applications as they were deployed
    Manager,
}

/// Where NATS is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum NatsSource {
    /// In this process.
    Embedded(Embedded),
    /// Somewhere else.
    Join {
        /// The servers; not empty.
        urls: Vec<String>,
        /// How to be let in.
        access: NatsAccess,
        /// Where calls between hosts go; `None` where that is the same.
        calls: Option<Calls>,
    },
}

/// Where calls between hosts go.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Calls {
    /// The servers; not empty.
    pub urls: Vec<String>,
    /// How to be let in.
    pub access: NatsAccess,
}

/// What a host lets nobody have more of; `None` is the usual.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct HostMaxima {
    /// How long a call may take.
    pub execution_time: Option<Duration>,
    /// Bytes of memory of an instance.
    pub memory_bytes: Option<u64>,
    /// Bytes of a component.
    pub component_bytes: Option<u64>,
    /// Components that may run.
    pub components: Option<u32>,
    /// Core modules of an instance.
    pub core_instances: Option<u32>,
}

/// What may be loaded from files of this machine.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FileLoads {
    /// Components, which run within their limits.
    pub components: bool,
    /// Providers: programs, which may do whatever the host may.
    pub providers: bool,
}

/// Where HTTP requests are logged.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AccessLog {
    /// To standard output.
    Output,
    /// To the end of a file, which is made if it is not there.
    File(PathBuf),
}

/// What is logged, and how.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogOptions {
    /// A level or a list of levels by module, as `tracing` filters are written; not checked.
    pub filter: String,
    /// How records are written.
    pub format: LogFormat,
    /// Whether colours are allowed, where the log goes to a terminal.
    pub allows_colour: bool,
}

/// How log records are written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum LogFormat {
    /// A line for people
    #[default]
    Text,
    /// An object of JSON per line
    Json,
}

/// An application whose manifest was checked: without errors, images as whole paths, digests recorded.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PreparedApplication {
    /// Its name.
    pub name: ApplicationName,
    /// Its manifest as JSON, as the application API takes it.
    pub manifest: String,
}

// ===== impl FileLoads =====

impl From<FileLoads> for weft_node::FileLoads {
    fn from(loads: FileLoads) -> Self {
        Self {
            components: loads.components,
            providers: loads.providers,
        }
    }
}
