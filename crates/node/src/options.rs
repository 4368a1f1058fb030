//! Settings of a node.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use weft_capabilities::http_server::AccessLog;
use weft_host::provider::Policy;
use weft_host::{FileLoads, Spill};
use weft_lattice::protocol::subject::{Auctions, SubjectPrefix};
use weft_lattice::{ConnectError, Credentials, Secret, Tls};
use weft_model::id::LatticeName;
use weft_model::labels::Labels;
use weft_model::limits::Limits;

/// Settings of a node.
#[derive(Debug)]
pub struct Options {
    /// Which roles run, beside the broker.
    pub roles: Roles,
    /// Where the lattice is.
    pub broker: Broker,
    /// The name of the lattice.
    pub lattice: LatticeName,
    /// The JetStream domain of the lattice's state; `None` is that of the servers.
    pub jetstream_domain: Option<String>,
    /// The beginning of control subjects.
    pub control_prefix: SubjectPrefix,
    /// Everything that is kept; private to its owner.
    pub data_dir: PathBuf,
    /// Labels of the host, beside those that every host has.
    pub labels: Labels,
    /// The seed of the host's key, `SN…`, which makes its id. Where it is `None`, the key of the data directory is taken.
    pub host_seed: Option<Secret>,
    /// Which auctions the host takes part in.
    pub auctions: Auctions,
    /// A name for people; made from the host's id where it is `None`.
    pub friendly_name: Option<String>,
    /// Where links that name no address are served.
    pub http_address: SocketAddr,
    /// Where requests are logged; `None` logs none.
    pub access_log: Option<AccessLog>,
    /// Whether nothing stands in for a backend that is not named.
    pub is_strict: bool,
    /// What may be loaded from files of this machine.
    pub file_loads: FileLoads,
    /// Providers that are processes of their own.
    pub providers: Providers,
    /// Artifacts: registries, and the cache. Without a directory for it, the cache is in the data directory.
    pub artifacts: weft_artifact::Options,
    /// Whether the config service of the lattice is asked for credentials of registries when the host starts.
    pub asks_config_service: bool,
    /// What becomes of calls of components here that have no room for them.
    pub spill: Spill,
    /// How often the host tells what it runs, and the manager expects that of hosts until it knows their own rhythm.
    pub heartbeat_interval: Duration,
    /// Calls of components that may run at once.
    pub instances_max: u32,
    /// Components that may run.
    pub components_max: usize,
    /// Limits of components that ask for none.
    pub limits: Limits,
    /// What a component gets at most, whatever it asks for.
    pub limits_max: Limits,
    /// Bytes of a component at most.
    pub component_bytes_max: usize,
    /// Core modules that an instance may consist of.
    pub core_instances_max: u32,
    /// Idle instance slots that keep their memory.
    pub warm_instances_max: u32,
    /// How long the host waits for answers of provider processes, and these for answers to calls of theirs.
    pub rpc_timeout: Duration,
    /// Where `/livez` and `/readyz` are served; `None` serves them nowhere.
    pub http_admin: Option<SocketAddr>,
    /// How long open requests may take to end when the node stops.
    pub drain_timeout: Duration,
}

/// Providers that are processes of their own.
#[derive(Clone, Debug)]
pub struct Providers {
    /// How many may run at once.
    pub processes_max: usize,
    /// How long one that is asked to stop may take to finish what it has under way.
    pub drain_timeout: Duration,
    /// Their log level.
    pub log_level: String,
    /// Whether they log in JSON.
    pub logs_json: bool,
    /// What they find in their environment: variables that begin with `OTEL_`.
    pub environment: BTreeMap<String, String>,
    /// How they are supervised.
    pub policy: Policy,
}

/// Roles of a node.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Roles {
    /// Runs components and providers.
    pub host: bool,
    /// Makes the lattice what applications ask for.
    pub manager: bool,
}

/// Where the lattice is.
#[derive(Clone, Debug)]
pub enum Broker {
    /// In this process.
    Embedded(Embedded),
    /// Elsewhere.
    Remote {
        /// Where control, events and state are.
        control: Servers,
        /// Where calls between hosts and with provider processes are; `None` is [`Self::Remote::control`]. They have a
        /// connection of their own either way, so that what they carry never delays control.
        rpc: Option<Servers>,
        /// Told each time that no server can be reached when the node starts; it is then tried again, for ever. Where it
        /// is `None`, the node does not start.
        on_unreachable: Option<OnUnreachable>,
    },
}

/// NATS servers, and how to connect to them.
#[derive(Clone, Debug)]
pub struct Servers {
    /// Their URLs; not empty.
    pub urls: Vec<String>,
    /// How to authenticate.
    pub credentials: Credentials,
    /// How to encrypt.
    pub tls: Tls,
}

/// The broker in this process.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Embedded {
    /// Where it listens: encrypted with [`Self::tls`], plainly without.
    pub listen: SocketAddr,
    /// Whether clients must prove who they are. The users are in the directory `auth` of the data directory.
    pub has_auth: bool,
    /// Whether it listens beyond this machine although everybody may connect.
    pub allows_strangers: bool,
    /// How it encrypts; `None` encrypts nothing.
    pub tls: Option<EmbeddedTls>,
    /// Where it serves pages for those who watch it; `None` serves none.
    pub monitor: Option<SocketAddr>,
}

/// How the broker in this process encrypts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EmbeddedTls {
    /// Its certificate, and those between it and its authority, in PEM.
    pub cert_file: PathBuf,
    /// The key of the certificate, in PEM.
    pub key_file: PathBuf,
    /// Authorities of clients, in PEM. With it, every client that encrypts must have a certificate of one of them.
    pub client_ca_file: Option<PathBuf>,
    /// Whether connections are encrypted from the first byte on.
    pub is_first: bool,
    /// The plain address for the roles and provider processes of this machine, on loopback.
    pub listen_plain: SocketAddr,
}

/// Told that no NATS server can be reached.
#[derive(Clone)]
pub struct OnUnreachable(Arc<dyn Fn(&ConnectError) + Send + Sync>);

// ===== impl Servers =====

impl Servers {
    /// The servers at `urls`, as anybody reaches them.
    pub fn at(urls: Vec<String>) -> Self {
        Self {
            urls,
            credentials: Credentials::Anonymous,
            tls: Tls::default(),
        }
    }
}

// ===== impl Embedded =====

impl Embedded {
    /// At `listen`, for everybody who reaches it, plain and not watched.
    pub fn at(listen: SocketAddr) -> Self {
        Self {
            listen,
            has_auth: false,
            allows_strangers: false,
            tls: None,
            monitor: None,
        }
    }
}

// ===== impl OnUnreachable =====

impl OnUnreachable {
    /// Tells `tell`.
    pub fn new(tell: impl Fn(&ConnectError) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    pub(crate) fn tell(&self, error: &ConnectError) {
        (self.0)(error);
    }
}

impl fmt::Debug for OnUnreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnUnreachable")
    }
}

// ===== impl Providers =====

impl Default for Providers {
    fn default() -> Self {
        Self {
            processes_max: 100,
            drain_timeout: Duration::from_secs(30),
            log_level: "info".to_owned(),
            logs_json: false,
            environment: BTreeMap::new(),
            policy: Policy::default(),
        }
    }
}

// ===== impl Options =====

impl Options {
    /// A node with all roles on `data_dir`, on the embedded broker and with the defaults of `weft up`.
    pub fn new(data_dir: PathBuf) -> Self {
        let engine = weft_engine::Options::default();
        Self {
            roles: Roles {
                host: true,
                manager: true,
            },
            broker: Broker::Embedded(Embedded::at(SocketAddr::from(([127, 0, 0, 1], 4222)))),
            lattice: LatticeName::default(),
            jetstream_domain: None,
            control_prefix: SubjectPrefix::control(),
            data_dir,
            labels: Labels::new(),
            host_seed: None,
            auctions: Auctions {
                components: true,
                providers: true,
            },
            friendly_name: None,
            http_address: SocketAddr::from(([127, 0, 0, 1], 8000)),
            access_log: None,
            is_strict: false,
            file_loads: FileLoads {
                components: true,
                providers: false,
            },
            providers: Providers::default(),
            artifacts: weft_artifact::Options::default(),
            asks_config_service: false,
            spill: Spill::Never,
            heartbeat_interval: Duration::from_secs(30),
            instances_max: 1000,
            components_max: 10_000,
            limits: engine.limits,
            limits_max: engine.limits_max,
            component_bytes_max: engine.component_bytes_max,
            core_instances_max: engine.pool.component_core_instances_max,
            warm_instances_max: 100,
            rpc_timeout: Duration::from_secs(2),
            http_admin: None,
            drain_timeout: Duration::from_secs(10),
        }
    }
}
