//! A node of a lattice, in a runtime of its own so that it can be cut off.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::runtime::Runtime;
use weft_lattice::protocol::subject::{Auctions, SubjectPrefix};
use weft_manager::Role;
use weft_model::id::HostId;
use weft_model::labels::Labels;
use weft_node::{Broker, Node, Options, Policy, Roles, Spill};

use crate::site::free_address;
use crate::wait::{DEADLINE, in_time};

/// How often hosts tell what they run: often, so that one that is gone is missed soon.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
/// Calls that may run at once. Each may have its memory reserved.
const INSTANCES_MAX: u32 = 200;
const WARM_INSTANCES_MAX: u32 = 10;

/// Provider processes that may run at once, unless a test says otherwise.
const PROVIDERS_MAX: usize = 3;

/// What joins a lattice.
#[derive(Clone, Debug)]
pub struct Join {
    roles: Roles,
    labels: Labels,
    allows_providers: bool,
    spill: Spill,
    providers_max: usize,
    auctions: Auctions,
    jetstream_domain: Option<String>,
    control_prefix: SubjectPrefix,
    insecure: BTreeSet<String>,
    asks_config_service: bool,
}

/// A node: it runs, or can be started again on the same data.
#[derive(Debug)]
pub struct Member {
    join: Join,
    broker: Broker,
    data_dir: PathBuf,
    http: SocketAddr,
    running: Option<Running>,
}

struct Running {
    runtime: Runtime,
    node: Node,
}

// ===== impl Join =====

impl Join {
    /// A host.
    pub fn host() -> Self {
        Self::with(true, false)
    }

    /// A host and a manager.
    pub fn full() -> Self {
        Self::with(true, true)
    }

    /// A manager.
    pub fn manager() -> Self {
        Self::with(false, true)
    }

    /// The same with a label.
    #[must_use]
    pub fn label(mut self, key: &str, value: &str) -> Self {
        self.labels.insert(key.to_owned(), value.to_owned());
        self
    }

    /// The same, without leave to run programs as providers.
    #[must_use]
    pub fn without_providers(mut self) -> Self {
        self.allows_providers = false;
        self
    }

    /// The same with leave to run so many provider processes at once.
    #[must_use]
    pub fn providers_max(mut self, providers: usize) -> Self {
        self.providers_max = providers;
        self
    }

    /// The same with calls that go to other hosts where there is no room here.
    #[must_use]
    pub fn spilling(mut self) -> Self {
        self.spill = Spill::WhenFull;
        self
    }

    /// The same, which bids for nothing.
    #[must_use]
    pub fn without_auctions(mut self) -> Self {
        self.auctions = Auctions {
            components: false,
            providers: false,
        };
        self
    }

    /// The same with the state of the lattice in a JetStream domain.
    #[must_use]
    pub fn in_domain(mut self, domain: &str) -> Self {
        self.jetstream_domain = Some(domain.to_owned());
        self
    }

    /// The same, asked on other control subjects.
    #[must_use]
    pub fn on_prefix(mut self, prefix: &str) -> Self {
        self.control_prefix = prefix.parse().unwrap();
        self
    }

    /// The JetStream domain of the lattice's state.
    pub(crate) fn domain(&self) -> Option<&str> {
        self.jetstream_domain.as_deref()
    }

    /// The same, which speaks to a registry without encryption.
    #[must_use]
    pub fn insecure_registry(mut self, name: &str) -> Self {
        self.insecure.insert(name.to_owned());
        self
    }

    /// The same, which asks the config service when it starts.
    #[must_use]
    pub fn asking_config_service(mut self) -> Self {
        self.asks_config_service = true;
        self
    }

    fn with(host: bool, manager: bool) -> Self {
        Self {
            roles: Roles { host, manager },
            labels: Labels::new(),
            allows_providers: true,
            spill: Spill::Never,
            providers_max: PROVIDERS_MAX,
            auctions: Auctions {
                components: true,
                providers: true,
            },
            jetstream_domain: None,
            control_prefix: SubjectPrefix::control(),
            insecure: BTreeSet::new(),
            asks_config_service: false,
        }
    }
}

// ===== impl Member =====

impl Member {
    /// Starts a node on `data_dir`.
    pub(crate) async fn start(join: Join, broker: Broker, data_dir: PathBuf) -> Self {
        let mut member = Self {
            join,
            broker,
            data_dir,
            http: free_address(),
            running: None,
        };
        member.resume().await;
        member
    }

    /// Starts it again, on its data and at its addresses.
    ///
    /// # Panics
    ///
    /// When it runs, or does not start.
    pub async fn resume(&mut self) {
        assert!(self.running.is_none(), "the node runs");
        let options = self.options();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .thread_name("node")
            .build()
            .unwrap();
        let started = runtime.spawn(Node::start(options));
        let node = match in_time(started).await.unwrap() {
            Ok(node) => node,
            Err(error) => panic!("the node does not start: {error:?}"),
        };
        self.running = Some(Running { runtime, node });
    }

    /// The id of its host.
    pub fn host(&self) -> HostId {
        let (id, _) = self.node().summary().host.clone().unwrap();
        id
    }

    /// What its manager does.
    pub fn role(&self) -> Role {
        *self.node().manager().unwrap().role().borrow()
    }

    /// The node.
    pub fn node(&self) -> &Node {
        &self.running.as_ref().unwrap().node
    }

    /// Where links that name no address are served.
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// Stops it in order.
    pub async fn stop(&mut self) {
        let Running { runtime, node } = self.running.take().unwrap();
        let stopped = runtime.spawn(async move { node.stop().await });
        in_time(stopped).await.unwrap();
        shut_down(runtime).await;
    }

    /// Cuts it off: its tasks end where they are, its connections break, nobody is told.
    pub async fn crash(&mut self) {
        let Running { runtime, node } = self.running.take().unwrap();
        shut_down(runtime).await;
        // Only now may somebody else have what it held.
        drop(node);
    }

    fn options(&self) -> Options {
        let mut options = Options::new(self.data_dir.clone());
        options.roles = self.join.roles;
        options.labels = self.join.labels.clone();
        options.spill = self.join.spill;
        options.auctions = self.join.auctions;
        options
            .jetstream_domain
            .clone_from(&self.join.jetstream_domain);
        options.control_prefix = self.join.control_prefix.clone();
        options.artifacts.registry.insecure = self.join.insecure.clone();
        options.asks_config_service = self.join.asks_config_service;
        options.broker = self.broker.clone();
        options.http_address = self.http;
        options.heartbeat_interval = HEARTBEAT_INTERVAL;
        options.instances_max = INSTANCES_MAX;
        options.warm_instances_max = WARM_INSTANCES_MAX;
        options.file_loads.providers = self.join.allows_providers;
        options.providers.processes_max = self.join.providers_max;
        options.providers.policy = policy();
        options
    }
}

// A runtime cannot be dropped by a task, as a test is one.
impl Drop for Member {
    fn drop(&mut self) {
        if let Some(Running { runtime, node }) = self.running.take() {
            runtime.shutdown_background();
            drop(node);
        }
    }
}

/// What is minutes for users is moments for tests.
fn policy() -> Policy {
    Policy {
        backoff_min: Duration::from_millis(50),
        probe_first: Duration::from_millis(200),
        probe_period: Duration::from_millis(500),
        probe_retry: Duration::from_millis(200),
        probe_timeout: Duration::from_millis(500),
        ..Policy::default()
    }
}

async fn shut_down(runtime: Runtime) {
    let shut_down = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(DEADLINE));
    in_time(shut_down).await.unwrap();
}

// ===== impl Running =====

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.node.summary().fmt(f)
    }
}
