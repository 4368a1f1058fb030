//! A node: roles in one process, started in order and stopped in the other.

mod broker;
mod connector;
mod providers;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use weft_capabilities::http_server;
use weft_host::{Connections, Host, StandIn, provider};
use weft_lattice::Lattice;
use weft_lattice::protocol::subject::SubjectPrefix;
use weft_manager::Manager;
use weft_model::id::HostId;
use weft_runtime::{Drained, End, Failure, Tasks, field};

use self::broker::{Access, start_broker};
use self::connector::Connector;
use self::providers::provider_options;
use crate::admin::{Admin, Readiness};
use crate::data_dir::{ARTIFACTS_DIR, DataDir, host_id_of};
use crate::error::StartError;
use crate::name;
use crate::options::{Broker, Options};
use crate::run_file::{self, RunFile, RunFileError};

/// How long tasks may take to end once the roles have stopped.
const TASKS_TIMEOUT: Duration = Duration::from_secs(5);
/// How long clients of the broker may take to be told that it stops.
const BROKER_TIMEOUT: Duration = Duration::from_secs(2);

/// A node that runs.
pub struct Node {
    tasks: Tasks,
    lattice: Lattice,
    /// The connections of the roles.
    connections: Vec<Lattice>,
    host: Option<Host>,
    manager: Option<Manager>,
    broker: Option<weft_broker::Handle>,
    readiness: Readiness,
    /// The file with the key that commands of the same user may use.
    key_file: Option<PathBuf>,
    summary: Summary,
    started_at: Timestamp,
    /// Released last.
    data_dir: DataDir,
}

/// What a node is, for people and tools.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Summary {
    /// How clients on this machine reach the lattice.
    pub nats_url: String,
    /// How clients that encrypt reach it, where the broker is part of this node and encrypts.
    pub nats_tls_url: Option<String>,
    /// Whether the broker is part of this node and asks everybody for credentials.
    pub is_auth_required: bool,
    /// Where the broker of this node tells those who watch it.
    pub monitor: Option<SocketAddr>,
    /// Where this node answers `/livez` and `/readyz`.
    pub http_admin: Option<SocketAddr>,
    /// Whether the broker is part of this node.
    pub is_embedded: bool,
    /// The name of the lattice.
    pub lattice: String,
    /// The JetStream domain of the lattice's state, where it is not that of the servers.
    pub jetstream_domain: Option<String>,
    /// The beginning of control subjects.
    pub control_prefix: SubjectPrefix,
    /// The host's id and name.
    pub host: Option<(HostId, String)>,
    /// Where links that name no address are served.
    pub http_address: Option<SocketAddr>,
    /// Whether this node has the role of a manager.
    pub has_manager: bool,
    /// Everything that is kept.
    pub data_dir: PathBuf,
}

/// Why a node came to its end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Ended {
    /// Somebody stopped its host over the control interface.
    HostStopped {
        /// How long cleaning up may take, where they said so.
        timeout: Option<Duration>,
    },
    /// A part that the node cannot do without failed.
    Failed(Failure),
}

/// What stopping a node found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Stopped {
    /// HTTP connections that did not end in time.
    pub connections_cut: usize,
    /// Tasks that did not end in time.
    pub tasks: Drained,
}

// ===== impl Node =====

impl Node {
    /// Starts the roles. When this returns, the node is ready.
    ///
    /// # Errors
    ///
    /// [`StartError`]; what had started is stopped.
    pub async fn start(mut options: Options) -> Result<Self, StartError> {
        let data_dir = DataDir::hold(&options.data_dir)?;
        // Left behind by a process that was killed.
        run_file::remove(data_dir.path())?;
        let admin = match options.http_admin {
            Some(address) => Some(Admin::bind(address).await?),
            None => None,
        };
        let http = options
            .roles
            .host
            .then(|| take_address(options.http_address));
        let http = http.transpose()?;
        let broker = start_broker(&options, &data_dir).await?;
        if let Some((_socket, address)) = http {
            options.http_address = address;
        }
        let tasks = Tasks::new();
        let readiness = Readiness::default();
        if let Some(admin) = admin {
            options.http_admin = Some(admin.address);
            // Before the roles, which may wait for NATS: that it lives is known, and that it is not ready.
            admin.serve(readiness.clone(), &tasks);
        }
        match start_roles(options, &data_dir, broker.as_ref(), &tasks).await {
            Ok(Started {
                lattice,
                connections,
                host,
                manager,
                summary,
            }) => {
                let (broker, access) = match broker {
                    Some(started) => (Some(started.handle), started.access),
                    None => (None, None),
                };
                let mut node = Self {
                    tasks,
                    lattice,
                    connections,
                    host,
                    manager,
                    broker,
                    readiness,
                    key_file: None,
                    summary,
                    started_at: Timestamp::now(),
                    data_dir,
                };
                if let Err(error) = node.tell_others(access.as_ref()) {
                    node.stop().await;
                    return Err(error.into());
                }
                let connections = node.connections.iter().chain([&node.lattice]);
                node.readiness.started(connections);
                Ok(node)
            }
            Err(error) => {
                tasks.drain(TASKS_TIMEOUT).await;
                if let Some(broker) = broker {
                    broker.handle.drain(BROKER_TIMEOUT).await;
                }
                Err(error)
            }
        }
    }

    /// What the node is.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// The node's own connection to the lattice.
    pub fn lattice(&self) -> &Lattice {
        &self.lattice
    }

    /// The host, where the node has that role.
    pub fn host(&self) -> Option<&Host> {
        self.host.as_ref()
    }

    /// The manager, where the node has that role.
    pub fn manager(&self) -> Option<&Manager> {
        self.manager.as_ref()
    }

    /// The embedded broker, where it is part of the node.
    pub fn broker(&self) -> Option<&weft_broker::Handle> {
        self.broker.as_ref()
    }

    /// Waits until the node comes to its end by itself. Cancel safe.
    pub async fn ended(&self) -> Ended {
        let host_stopped = async {
            match &self.host {
                Some(host) => host.stop_requested().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            stop = host_stopped => Ended::HostStopped { timeout: stop.timeout },
            end = self.tasks.end() => match end {
                End::Failed(failure) => Ended::Failed(failure),
                End::Requested => Ended::HostStopped { timeout: None },
            },
        }
    }

    /// Stops the roles: the manager first, so that it does not heal what stops; then the host, with its open requests;
    /// the broker last.
    pub async fn stop(self) -> Stopped {
        self.readiness.drain();
        if let Err(error) = run_file::remove(self.data_dir.path()) {
            tracing::warn!({ field::ERROR } = %error, "Cannot remove the run file");
        }
        if let Some(manager) = &self.manager {
            manager.stop().await;
        }
        let connections_cut = match &self.host {
            Some(host) => host.stop().await,
            None => 0,
        };
        let tasks = self.tasks.drain(TASKS_TIMEOUT).await;
        // Before the broker goes, so that none of them looks for it.
        for connection in self.connections.iter().chain([&self.lattice]) {
            connection.close().await;
        }
        if let Some(broker) = self.broker {
            broker.drain(BROKER_TIMEOUT).await;
        }
        Stopped {
            connections_cut,
            tasks,
        }
    }

    /// Writes what commands on this machine need to find the lattice, and to be let in.
    fn tell_others(&mut self, access: Option<&Access>) -> Result<(), RunFileError> {
        let directory = self.data_dir.path();
        if let Some(access) = access {
            self.key_file = Some(run_file::write_key(directory, &access.seed)?);
        }
        run_file::write(directory, &self.run_file())
    }

    fn run_file(&self) -> RunFile {
        RunFile {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            nats_url: self.summary.nats_url.clone(),
            nats_tls_url: self.summary.nats_tls_url.clone(),
            is_auth_required: self.summary.is_auth_required,
            key_file: self.key_file.clone(),
            monitor: self.summary.monitor.map(|address| address.to_string()),
            http_admin: self.summary.http_admin.map(|address| address.to_string()),
            lattice: self.summary.lattice.clone(),
            js_domain: self.summary.jetstream_domain.clone(),
            control_prefix: (self.summary.control_prefix != SubjectPrefix::control())
                .then(|| self.summary.control_prefix.to_string()),
            host_id: self.summary.host.as_ref().map(|(id, _)| id.to_string()),
            host_name: self.summary.host.as_ref().map(|(_, name)| name.clone()),
            http: self.summary.http_address.map(|address| address.to_string()),
            started_at: self.started_at.to_string(),
        }
    }
}

/// Takes the address for HTTP, with its real port, until the socket is dropped. The server listens there once a link leads
/// to a component; that somebody else does is told here, where the person who can change it looks.
fn take_address(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    TcpListener::bind(address)
        .and_then(|socket| {
            let bound = socket.local_addr()?;
            Ok((socket, bound))
        })
        .map_err(|source| StartError::HttpAddress { address, source })
}

struct Started {
    lattice: Lattice,
    connections: Vec<Lattice>,
    host: Option<Host>,
    manager: Option<Manager>,
    summary: Summary,
}

async fn start_roles(
    options: Options,
    data_dir: &DataDir,
    broker: Option<&broker::Started>,
    tasks: &Tasks,
) -> Result<Started, StartError> {
    let connector = Connector::new(&options, broker, tasks);
    let [control_url, rpc_url] = connector
        .urls()
        .map(|urls| urls.first().cloned().unwrap_or_default());
    let mut summary = Summary {
        nats_url: control_url,
        nats_tls_url: broker.and_then(|broker| tls_url(&options, &broker.handle)),
        is_auth_required: broker.is_some_and(|broker| broker.access.is_some()),
        monitor: broker.and_then(|broker| broker.handle.monitor_addr()),
        http_admin: options.http_admin,
        is_embedded: broker.is_some(),
        lattice: options.lattice.to_string(),
        jetstream_domain: options.jetstream_domain.clone(),
        control_prefix: options.control_prefix.clone(),
        host: None,
        http_address: None,
        has_manager: options.roles.manager,
        data_dir: data_dir.path().to_owned(),
    };
    let lattice = connector.connect("weft").await?;
    let mut connections = Vec::new();
    // Each role has a connection of its own: what one sends is never behind what another does.
    let manager = if options.roles.manager {
        let connection = connector.connect("weft-manager").await?;
        connections.push(connection.clone());
        Some(start_manager(&options, data_dir, connection, tasks).await?)
    } else {
        None
    };
    let host = if options.roles.host {
        let joined = Connections {
            control: connector.connect("weft-host").await?,
            rpc: connector.connect_rpc("weft-host-rpc").await?,
        };
        connections.extend([joined.control.clone(), joined.rpc.clone()]);
        let http_address = options.http_address;
        let access = broker.and_then(|broker| broker.access.as_ref());
        let providers = provider_options(&options, &rpc_url, access);
        let (host, identity) =
            start_host(options, providers, data_dir, &summary, joined, tasks).await?;
        summary.host = Some(identity);
        summary.http_address = Some(http_address);
        Some(host)
    } else {
        None
    };
    Ok(Started {
        lattice,
        connections,
        host,
        manager,
        summary,
    })
}

async fn start_manager(
    options: &Options,
    data_dir: &DataDir,
    lattice: Lattice,
    tasks: &Tasks,
) -> Result<Manager, StartError> {
    let heartbeat_interval = options.heartbeat_interval;
    let mut options = weft_manager::Options::new(data_dir.manager_id()?);
    options.heartbeat_interval = heartbeat_interval;
    let manager = Manager::start(options, lattice, tasks).await?;
    tracing::info!("Manager started");
    Ok(manager)
}

/// Where clients that encrypt reach the broker: its last address.
fn tls_url(options: &Options, broker: &weft_broker::Handle) -> Option<String> {
    let Broker::Embedded(embedded) = &options.broker else {
        return None;
    };
    embedded.tls.as_ref()?;
    let address = broker.client_addrs().last()?;
    Some(format!("tls://{address}"))
}

async fn start_host(
    options: Options,
    providers: provider::Options,
    data_dir: &DataDir,
    summary: &Summary,
    connections: Connections,
    tasks: &Tasks,
) -> Result<(Host, (HostId, String)), StartError> {
    let id = match &options.host_seed {
        Some(seed) => host_id_of(seed.reveal()).ok_or(StartError::HostSeed)?,
        None => data_dir.host_id()?,
    };
    let friendly_name = options
        .friendly_name
        .unwrap_or_else(|| name::friendly_name(id.as_str()));
    let path = |name: &str| data_dir.path().join(name);
    let stands_in = summary.is_embedded && !options.is_strict;
    let pool = weft_engine::Pool {
        slots_max: options.instances_max,
        warm_slots_max: options.warm_instances_max,
        component_core_instances_max: options.core_instances_max,
        ..weft_engine::Pool::default()
    };
    let host = weft_host::Options {
        id: id.clone(),
        friendly_name: friendly_name.clone(),
        labels: options.labels,
        auctions: options.auctions,
        control_url: without_user(&summary.nats_url),
        rpc_url: without_user(&providers.rpc_url),
        data_dir: data_dir.path().to_owned(),
        file_loads: options.file_loads,
        components_max: options.components_max,
        providers,
        stand_in: if stands_in {
            StandIn::Embedded
        } else {
            StandIn::Refused
        },
        spill: options.spill,
        heartbeat_interval: options.heartbeat_interval,
        intake_capacity: 1024,
        mailbox_capacity: 256,
        drain_timeout: options.drain_timeout,
        engine: weft_engine::Options {
            cache_dir: Some(path("compiled")),
            pool,
            component_bytes_max: options.component_bytes_max,
            limits: options.limits,
            limits_max: options.limits_max,
            ..weft_engine::Options::default()
        },
        artifacts: weft_artifact::Options {
            dir: options.artifacts.dir.or_else(|| Some(path(ARTIFACTS_DIR))),
            ..options.artifacts
        },
        asks_config_service: options.asks_config_service,
        http: http_server::Options {
            shared_address: options.http_address,
            access_log: options.access_log,
            ..http_server::Options::default()
        },
    };
    let host = Host::start(host, connections, tasks).await?;
    Ok((host, (id, friendly_name)))
}

/// A URL as everybody in the lattice may see it.
fn without_user(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("nats", url));
    let server = rest.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{server}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_told_to_the_lattice() {
        let check = |url: &str, expected: &str| assert_eq!(without_user(url), expected);
        check(
            "nats://ada:p@ss@example.org:4222",
            "nats://example.org:4222",
        );
        check("tls://example.org", "tls://example.org");
        check("127.0.0.1:4222", "nats://127.0.0.1:4222");
    }
}
