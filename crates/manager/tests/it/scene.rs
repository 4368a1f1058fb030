//! A lattice with managers and hosts, and what a person does with it.

use std::time::Duration;

use serde_json::Value;
use weft_lattice::application::ManifestFormat;
use weft_lattice::bucket::{Bucket, BucketOptions};
use weft_lattice::protocol::application::{PutReply, Status, StatusType};
use weft_lattice::protocol::json;
use weft_lattice::protocol::state::{
    ComponentRecord, LatticeKey, application_bucket, config_bucket, lattice_bucket,
};
use weft_lattice::{Headers, Lattice};
use weft_manager::{Manager, Metrics, Options, Role};
use weft_model::id::ApplicationName;
use weft_runtime::Tasks;

use crate::host::{Buckets, HEARTBEAT, Host, Log};
use crate::server::{Server, eventually, in_time};

/// A lattice.
pub(crate) struct Scene {
    pub(crate) server: Server,
    tasks: Tasks,
    pub(crate) lattice: Lattice,
    pub(crate) buckets: Buckets,
    pub(crate) log: Log,
}

/// A manager, with a connection and tasks of its own.
pub(crate) struct Running {
    pub(crate) manager: Manager,
    lattice: Lattice,
}

/// A manifest, in parts.
#[derive(Clone, Debug)]
pub(crate) struct Manifest {
    pub(crate) name: &'static str,
    pub(crate) annotations: Vec<String>,
    pub(crate) components: Vec<String>,
}

// ===== impl Scene =====

impl Scene {
    /// A lattice with nothing in it; `None` where there is no server.
    pub(crate) async fn start() -> Option<Self> {
        let server = Server::start().await?;
        let tasks = Tasks::new();
        let lattice = server.connect(&tasks).await;
        let open = async |name: String| {
            Bucket::open_or_create(&lattice, &name, BucketOptions::default())
                .await
                .unwrap()
        };
        let buckets = Buckets {
            records: open(lattice_bucket(lattice.name())).await,
            configs: open(config_bucket(lattice.name())).await,
        };
        Some(Self {
            server,
            tasks,
            buckets,
            lattice,
            log: Log::default(),
        })
    }

    pub(crate) async fn host(&self, id: &str, labels: &[(&str, &str)]) -> Host {
        let lattice = self.server.connect(&self.tasks).await;
        let (buckets, log) = (self.buckets.clone(), self.log.clone());
        Host::start(lattice, &self.tasks, buckets, log, id, labels).await
    }

    pub(crate) async fn manager(&self, id: &str) -> Running {
        let tasks = Tasks::new();
        let lattice = self.server.connect(&tasks).await;
        let manager = Manager::start(options(id), lattice.clone(), &tasks)
            .await
            .unwrap();
        Running { manager, lattice }
    }

    /// The bucket of applications.
    pub(crate) async fn applications(&self) -> Bucket {
        let name = application_bucket(self.lattice.name());
        Bucket::open_or_create(&self.lattice, &name, BucketOptions::default())
            .await
            .unwrap()
    }

    pub(crate) async fn put(&self, manifest: &Manifest) -> PutReply {
        self.lattice
            .applications()
            .put(manifest.to_string().into_bytes(), ManifestFormat::Yaml)
            .await
            .unwrap()
    }

    /// Puts a manifest and deploys it; gives its version.
    pub(crate) async fn deploy(&self, manifest: &Manifest) -> String {
        let version = self.put(manifest).await.current_version.unwrap();
        self.lattice
            .applications()
            .deploy(&name(manifest.name), Some(&version))
            .await
            .unwrap();
        version
    }

    /// Puts a manifest, deploys it and waits until it is up; gives its version.
    pub(crate) async fn bring_up(&self, manifest: &Manifest) -> String {
        let version = self.deploy(manifest).await;
        let status = self.status_is(manifest.name, StatusType::Deployed).await;
        assert_eq!(status.version, version);
        version
    }

    pub(crate) async fn undeploy(&self, application: &str) {
        self.lattice
            .applications()
            .undeploy(&name(application))
            .await
            .unwrap();
    }

    pub(crate) async fn status(&self, application: &str) -> Status {
        let status = self
            .lattice
            .applications()
            .status(&name(application))
            .await
            .unwrap();
        status.unwrap()
    }

    /// Waits until the application is said to be so, and nothing is left to be removed.
    pub(crate) async fn status_is(&self, application: &str, kind: StatusType) -> Status {
        eventually(async || {
            let status = self.status(application).await;
            if status.info.kind == kind && status.weft_removing == 0 {
                Ok(status)
            } else {
                Err((status, self.log.texts()))
            }
        })
        .await
    }

    /// The links of `source`, as `shop-web -> shop-kv`.
    pub(crate) async fn links(&self, source: &str) -> Vec<String> {
        let key = LatticeKey::Component(source.parse().unwrap()).to_string();
        let Some(entry) = self.buckets.records.get(&key).await.unwrap() else {
            return Vec::new();
        };
        let record = ComponentRecord::decode(&entry.value).unwrap();
        let (links, _) = record.model_links();
        links
            .iter()
            .map(|link| format!("{} -> {}", link.source, link.target))
            .collect()
    }

    /// Waits until hosts were told all of this, in any order; whatever else they were told is given.
    pub(crate) async fn told(&self, expected: &[&str]) -> Vec<String> {
        eventually(async || {
            let mut texts = self.log.texts();
            for one in expected {
                match texts.iter().position(|text| text == one) {
                    Some(place) => texts.remove(place),
                    None => return Err((*one, self.log.texts())),
                };
            }
            Ok(texts)
        })
        .await
    }

    /// Asks the application API in the form of the wire.
    pub(crate) async fn ask(&self, tail: &str, body: impl AsRef<[u8]>) -> Value {
        self.ask_with(tail, &Headers::new(), body).await
    }

    pub(crate) async fn ask_with(
        &self,
        tail: &str,
        headers: &Headers,
        body: impl AsRef<[u8]>,
    ) -> Value {
        let subject = format!("wadm.api.{}.model.{tail}", self.lattice.name());
        let body = body.as_ref().to_vec();
        let reply = self.lattice.request(&subject, headers, body.into()).await;
        json::decode(&reply.unwrap().payload).unwrap()
    }
}

// ===== impl Running =====

impl Running {
    /// Waits until the manager does what `role` says.
    pub(crate) async fn is(&self, role: Role) {
        let mut roles = self.manager.role();
        in_time(roles.wait_for(|one| *one == role)).await.unwrap();
    }

    /// Waits until so many more plans were made.
    pub(crate) async fn plans(&self, more: u64) -> Metrics {
        let before = self.manager.metrics().plans_made;
        eventually(async || {
            let metrics = self.manager.metrics();
            if metrics.plans_made >= before + more {
                Ok(metrics)
            } else {
                Err(metrics)
            }
        })
        .await
    }

    pub(crate) async fn stop(self) {
        in_time(self.manager.stop()).await;
        self.lattice.close().await;
    }

    /// It is cut off, and cannot give anything back.
    pub(crate) async fn crash(self) {
        self.lattice.close().await;
    }
}

// ===== impl Manifest =====

impl Manifest {
    /// `shop`: a component `web` with a config and a link to the provider `kv`.
    pub(crate) fn shop(image: &str) -> Self {
        Self {
            name: "shop",
            annotations: Vec::new(),
            components: vec![web(image, 2), KV.to_owned()],
        }
    }

    /// An application with one component and nothing else.
    pub(crate) fn plain(name: &'static str, component: &str) -> Self {
        Self {
            name,
            annotations: Vec::new(),
            components: vec![component.to_owned()],
        }
    }

    pub(crate) fn version(mut self, version: &str) -> Self {
        self.annotations.push(format!("version: {version}"));
        self
    }

    /// Records a digest that begins with `digit` twice.
    pub(crate) fn digest(mut self, component: &str, digit: char) -> Self {
        let digest = digit.to_string().repeat(64);
        self.annotations
            .push(format!("weft.digest/{component}: 'sha256:{digest}'"));
        self
    }
}

impl std::fmt::Display for Manifest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            name,
            annotations,
            components,
        } = self;
        let annotations = annotations.join(", ");
        write!(
            f,
            "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {{ name: {name}, annotations: {{ {annotations} }} }}\nspec:\n  components:\n"
        )?;
        for component in components {
            writeln!(f, "    - {component}")?;
        }
        Ok(())
    }
}

/// A provider.
pub(crate) const KV: &str =
    "{ name: kv, type: capability, properties: { image: 'ghcr.io/acme/kv:1' } }";

/// A component with a config and a link to `kv`.
pub(crate) fn web(image: &str, instances: u32) -> String {
    format!(
        "{{ name: web, type: component, properties: {{ image: '{image}', config: [{{ name: colours, properties: {{ sky: blue }} }}] }}, \
         traits: [{{ type: spreadscaler, properties: {{ instances: {instances} }} }}, \
         {{ type: link, properties: {{ namespace: wasi, package: keyvalue, interfaces: [store], target: {{ name: kv }} }} }}] }}"
    )
}

pub(crate) fn name(text: &str) -> ApplicationName {
    text.parse().unwrap()
}

/// Settings with which things happen soon.
fn options(id: &str) -> Options {
    let mut options = Options::new(id);
    options.period = Duration::from_millis(300);
    options.discovery_window = Duration::from_millis(300);
    options.heartbeat_interval = HEARTBEAT * 5;
    options.lease_duration = Duration::from_secs(3);
    options.lease_renewal = Duration::from_millis(500);
    options.probe_timeout = Duration::from_millis(500);
    options.command_timeout = Duration::from_secs(10);
    options.retry_delay_min = Duration::from_millis(50);
    options.retry_delay_max = Duration::from_millis(400);
    options
}
