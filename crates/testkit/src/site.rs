//! A lattice, and everything by which a test reaches it.

use std::fmt;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use weft_lattice::application::{ApplicationError, ManifestFormat};
use weft_lattice::bucket::{Bucket, BucketOptions};
use weft_lattice::protocol::application::{Status, StatusType};
use weft_lattice::{Lattice, RequestError};
use weft_model::id::{ApplicationName, HostId};
use weft_model::inventory::HostInventory;
use weft_node::{Broker, Embedded, Servers};
use weft_runtime::Tasks;

use crate::manifest::Manifest;
use crate::member::{Join, Member};
use crate::nats_server::NatsServer;
use crate::proxy::Proxy;
use crate::wait::{DEADLINE, eventually, in_time};

/// How often a manifest that nobody answered to is put again.
const PUT_ATTEMPTS_MORE: usize = 2;

/// Which broker carries a lattice.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BrokerKind {
    /// The one that is part of a node.
    Embedded,
    /// A `nats-server`.
    Server,
}

/// A lattice and its clients.
pub struct Site {
    kind: BrokerKind,
    url: String,
    lattice: Lattice,
    nats: async_nats::Client,
    server: Option<NatsServer>,
    members: usize,
    directory: TempDir,
    _tasks: Tasks,
}

// ===== impl Site =====

impl Site {
    /// A lattice named `default` with one node that has all roles; `None`, with a word about it, where `kind` is not installed.
    pub async fn start(kind: BrokerKind) -> Option<(Self, Member)> {
        Self::start_with(kind, Join::full()).await
    }

    /// As [`Self::start`], with another first node.
    pub async fn start_with(kind: BrokerKind, first: Join) -> Option<(Self, Member)> {
        let directory = TempDir::new().unwrap();
        let (server, url, broker) = match kind {
            BrokerKind::Embedded => {
                let listen = free_address();
                (
                    None,
                    format!("nats://{listen}"),
                    Broker::Embedded(Embedded::at(listen)),
                )
            }
            BrokerKind::Server => {
                let Some(mut server) = NatsServer::start().await else {
                    skipped("there is no `nats-server`; install it");
                    return None;
                };
                if let Some(domain) = first.domain() {
                    server.kill();
                    server.set_domain(domain);
                    server.resume().await;
                }
                let url = server.url();
                let broker = remote(&url);
                (Some(server), url, broker)
            }
        };
        let domain = first.domain().map(str::to_owned);
        let member = Member::start(first, broker, directory.path().join("node-0")).await;
        let tasks = Tasks::new();
        let mut options = weft_lattice::Options::default();
        options.urls = vec![url.clone()];
        options.request_timeout = Duration::from_secs(20);
        options.jetstream_domain = domain;
        let lattice = in_time(Lattice::connect(options, &tasks)).await.unwrap();
        let nats = in_time(
            async_nats::ConnectOptions::new()
                .request_timeout(Some(DEADLINE))
                .connect(&url),
        )
        .await
        .unwrap();
        let site = Self {
            kind,
            url,
            lattice,
            nats,
            server,
            members: 1,
            directory,
            _tasks: tasks,
        };
        Some((site, member))
    }

    /// A further node, which joins by the URL of the lattice.
    pub async fn join(&mut self, join: Join) -> Member {
        let url = self.url.clone();
        self.join_by(join, &url).await
    }

    /// A further node behind a network that can fail.
    pub async fn join_behind(&mut self, proxy: &Proxy, join: Join) -> Member {
        self.join_by(join, &format!("nats://{}", proxy.address()))
            .await
    }

    /// A network that can fail, before the broker of the lattice.
    pub async fn proxy(&self) -> Proxy {
        let address = self.url.strip_prefix("nats://").unwrap();
        Proxy::start(address.parse().unwrap()).await
    }

    async fn join_by(&mut self, join: Join, url: &str) -> Member {
        let data_dir = self.directory.path().join(format!("node-{}", self.members));
        self.members += 1;
        Member::start(join, remote(url), data_dir).await
    }

    /// Which broker carries the lattice.
    pub fn kind(&self) -> BrokerKind {
        self.kind
    }

    /// A typed connection to the lattice.
    pub fn lattice(&self) -> &Lattice {
        &self.lattice
    }

    /// Where its NATS server is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A NATS client that knows nothing of Weft.
    pub fn nats(&self) -> &async_nats::Client {
        &self.nats
    }

    /// The server, where there is one.
    pub fn server(&mut self) -> &mut NatsServer {
        self.server.as_mut().unwrap()
    }

    /// A directory for files of the test.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file for hosts to load, and gives its path.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// The image of a key-value provider that this lattice offers: on a lattice that was joined nothing stands in for another.
    pub fn keyvalue_image(&self) -> &'static str {
        match self.kind {
            BrokerKind::Embedded => "ghcr.io/wasmcloud/keyvalue-redis:0.30.0",
            BrokerKind::Server => "wasmcloud+builtin://keyvalue-embedded",
        }
    }

    /// Sends a request with the plain client, and gives the answer.
    pub async fn ask(&self, subject: &str, body: impl Into<Vec<u8>>) -> Value {
        match self.try_ask(subject, body).await {
            Ok(answer) => answer,
            Err(error) => panic!("`{subject}` is not answered: {error}"),
        }
    }

    /// As [`Self::ask`], for what may not be answered.
    ///
    /// # Errors
    ///
    /// Why there is no answer.
    pub async fn try_ask(
        &self,
        subject: &str,
        body: impl Into<Vec<u8>>,
    ) -> Result<Value, async_nats::RequestError> {
        let answer = self
            .nats
            .request(subject.to_owned(), body.into().into())
            .await?;
        Ok(serde_json::from_slice(&answer.payload).unwrap())
    }

    /// Puts a manifest and deploys it; gives its version.
    pub async fn deploy(&self, manifest: &Manifest) -> String {
        self.try_deploy(manifest.name(), &manifest.to_string())
            .await
            .unwrap()
    }

    /// Puts the text of a manifest and deploys it; gives its version.
    ///
    /// # Errors
    ///
    /// What the application API says.
    pub async fn try_deploy(&self, name: &str, text: &str) -> Result<String, ApplicationError> {
        let mut attempts = 0..PUT_ATTEMPTS_MORE;
        let applications = self.lattice.applications();
        // NATS delivers at most once: what reaches a manager that has just died is not answered, and is asked again.
        let put = loop {
            let put = applications.put(text.as_bytes().to_vec(), ManifestFormat::Yaml);
            match put.await {
                Err(ApplicationError::Request {
                    source: RequestError::TimedOut { .. },
                    ..
                }) if attempts.next().is_some() => {}
                put => break put?,
            }
        };
        let version = put.current_version.unwrap();
        applications
            .deploy(&application(name), Some(&version))
            .await?;
        Ok(version)
    }

    /// Deploys a manifest and waits until it is up.
    pub async fn bring_up(&self, manifest: &Manifest) {
        let version = self.deploy(manifest).await;
        self.is_up(manifest.name(), &version).await;
    }

    /// Waits until this version of an application is deployed, and nothing else of it is left.
    pub async fn is_up(&self, name: &str, version: &str) {
        self.status_when(name, |status| {
            status.info.kind == StatusType::Deployed
                && status.version == version
                && status.weft_removing == 0
        })
        .await;
    }

    /// Stops an application and waits until nothing of it is left to be removed.
    pub async fn undeploy(&self, name: &str) {
        self.lattice
            .applications()
            .undeploy(&application(name))
            .await
            .unwrap();
        self.status_when(name, |status| {
            status.info.kind == StatusType::Undeployed && status.weft_removing == 0
        })
        .await;
    }

    /// Waits until the status of an application is as wanted.
    pub async fn status_when(&self, name: &str, is_it: impl Fn(&Status) -> bool) -> Status {
        eventually(
            async || match self.lattice.applications().status(&application(name)).await {
                Ok(Some(status)) if is_it(&status) => Ok(status),
                Ok(status) => Err(format!("{status:#?}\n{}", self.state().await)),
                Err(error) => Err(error.to_string()),
            },
        )
        .await
    }

    /// What a host says that it runs.
    pub async fn inventory(&self, host: &HostId) -> HostInventory {
        in_time(self.lattice.control().inventory(host))
            .await
            .unwrap()
            .value
    }

    /// Waits until the ids of what a host runs, components and providers, are these.
    pub async fn runs(&self, host: &HostId, expected: &[&str]) {
        eventually(async || {
            let seen = self.running(host).await;
            if seen == expected { Ok(()) } else { Err(seen) }
        })
        .await;
    }

    /// The ids of what a host runs, in their order.
    pub async fn running(&self, host: &HostId) -> Vec<String> {
        let subject = format!("wasmbus.ctl.v1.default.host.get.{host}");
        let inventory = self.ask(&subject, "").await;
        let ids = |list: &str| {
            let entries = inventory["response"][list].as_array().cloned();
            entries.unwrap_or_default().into_iter()
        };
        let mut ids: Vec<String> = ids("components")
            .chain(ids("providers"))
            .map(|entry| entry["id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids
    }

    /// All links, as `source -> target`, in their order.
    pub async fn links(&self) -> Vec<String> {
        let links = in_time(self.lattice.control().links()).await.unwrap();
        let mut links: Vec<String> = links
            .value
            .iter()
            .map(|link| format!("{} -> {}", link.source, link.target))
            .collect();
        links.sort();
        links
    }

    /// What is there, for people.
    async fn state(&self) -> String {
        let mut lines = Vec::new();
        let control = self.lattice.control();
        let hosts = control.ping(Duration::from_millis(200)).await;
        for host in hosts.unwrap_or_default() {
            let id = host.host().unwrap();
            lines.push(format!("{id}: {:?}", self.running(&id).await));
        }
        lines.push(format!("links: {:?}", self.links().await));
        for bucket in ["LATTICEDATA_default", "CONFIGDATA_default"] {
            lines.push(format!("{bucket}: {:?}", self.keys(bucket).await));
        }
        lines.join("\n")
    }

    /// The keys of a bucket of the lattice, in their order.
    pub async fn keys(&self, bucket: &str) -> Vec<String> {
        let bucket = in_time(Bucket::open(
            &self.lattice,
            bucket,
            BucketOptions::default(),
        ))
        .await;
        let keys = in_time(bucket.unwrap().keys()).await;
        keys.unwrap().into_iter().collect()
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site")
            .field("kind", &self.kind)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// A port that was free a moment ago. Its address is one of this process's own, as far as loopback addresses go round, so that
/// tests in other processes do not take it meanwhile.
pub fn free_address() -> SocketAddr {
    let [_, a, b, c] = std::process::id().to_be_bytes();
    let ip = Ipv4Addr::new(127, a, b, c);
    let listener = TcpListener::bind((ip, 0)).unwrap();
    listener.local_addr().unwrap()
}

/// Tells that something is not tested here, and why: past the test harness, which keeps to itself what passing tests print.
pub fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

fn application(name: &str) -> ApplicationName {
    name.parse().unwrap()
}

fn remote(url: &str) -> Broker {
    Broker::Remote {
        control: Servers::at(vec![url.to_owned()]),
        rpc: None,
        on_unreachable: None,
    }
}
