//! A host that runs what a test says.

use std::sync::{Arc, Mutex};

use weft_lattice::intake::{Request, serve_control};
use weft_lattice::protocol::control::{
    Ack, ComponentEntry, HostSummary, Inventory, Link, ProviderEntry, Reply,
};
use weft_lattice::protocol::json;
use weft_lattice::protocol::subject::{Auctions, Operation};
use weft_lattice::protocol::wire::annotation;
use weft_model::labels::Annotations;
use weft_runtime::TaskKind;

use crate::server::Server;

/// A host.
#[derive(Clone)]
pub(crate) struct Host {
    inventory: Arc<Mutex<Inventory>>,
}

// ===== impl Host =====

impl Host {
    /// Serves the lattice of `server` with nothing running.
    pub(crate) async fn start(server: &Server, id: &str, name: &str) -> Self {
        let host = Self {
            inventory: Arc::new(Mutex::new(Inventory {
                host_id: id.to_owned(),
                friendly_name: name.to_owned(),
                labels: [("zone".to_owned(), "east".to_owned())].into(),
                version: "0.1.0".to_owned(),
                uptime_seconds: 93_784,
                ..Inventory::default()
            })),
        };
        let lattice = server.connect().await;
        let auctions = Auctions {
            components: false,
            providers: false,
        };
        let mut requests = serve_control(&lattice, &id.parse().unwrap(), auctions, 100)
            .await
            .unwrap();
        let serving = host.clone();
        server.tasks().spawn(TaskKind::Helper, "host", async move {
            while let Some(request) = requests.next().await {
                let body = serving.answer(&request);
                request.reply(body).await.unwrap();
            }
        });
        host
    }

    /// Runs a component and a provider of `application`.
    pub(crate) fn run(&self, application: &str) {
        let annotations = Annotations::from([
            (annotation::APPLICATION.to_owned(), application.to_owned()),
            (annotation::MANAGED_BY.to_owned(), "weft".to_owned()),
        ]);
        let mut inventory = self.inventory.lock().unwrap();
        inventory.components.push(ComponentEntry {
            id: format!("{application}-web"),
            image_ref: "file:///srv/web.wasm".to_owned(),
            annotations: Some(annotations.clone()),
            max_instances: 50,
            ..ComponentEntry::default()
        });
        inventory.providers.push(ProviderEntry {
            id: format!("{application}-kv"),
            image_ref: Some("ghcr.io/wasmcloud/keyvalue-redis:0.30.0".to_owned()),
            annotations: Some(annotations),
            weft_substitution: Some("embedded store".to_owned()),
            ..ProviderEntry::default()
        });
    }

    /// Runs nothing any more.
    pub(crate) fn clear(&self) {
        let mut inventory = self.inventory.lock().unwrap();
        inventory.components.clear();
        inventory.providers.clear();
    }

    fn answer(&self, request: &Request<Operation>) -> Vec<u8> {
        let inventory = self.inventory.lock().unwrap().clone();
        match &request.operation {
            Operation::HostPing => json::encode(&Reply::data(HostSummary {
                friendly_name: inventory.friendly_name,
                id: inventory.host_id,
                labels: inventory.labels,
                uptime_seconds: inventory.uptime_seconds,
                version: Some(inventory.version),
                ..HostSummary::default()
            })),
            Operation::HostGet(_) => json::encode(&Reply::data(inventory)),
            Operation::LinkGet => json::encode(&Reply::data(vec![
                link("shop-web", "shop-kv", "default", &["store", "atomics"]),
                link("shop-http", "shop-web", "default", &["incoming-handler"]),
            ])),
            _ => json::encode(&Ack::refused_text("not served")),
        }
    }
}

fn link(source: &str, target: &str, name: &str, interfaces: &[&str]) -> Link {
    Link {
        source_id: source.to_owned(),
        target: target.to_owned(),
        name: name.to_owned(),
        wit_namespace: "wasi".to_owned(),
        wit_package: if interfaces.len() > 1 {
            "keyvalue".to_owned()
        } else {
            "http".to_owned()
        },
        interfaces: interfaces.iter().map(|&name| name.to_owned()).collect(),
        source_config: Vec::new(),
        target_config: vec!["shop-url".to_owned()],
    }
}
