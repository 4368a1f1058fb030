//! One that plays the host.

use std::collections::BTreeMap;

use async_nats::{Client, HeaderMap, Message};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::StreamExt as _;
use nkeys::XKey;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use weft_provider::{Error, HostData, Options, Provider, Shutdown, read_host_data, run_with};

use crate::server::{Server, settled, within};

pub(crate) const HOST_ID: &str = "NCOHSJM6DUC4ZU2OINDUQQ3KAV7KJQHTXDX7JGJFGQDXY4PFLIDRL5YK";

/// A host with one provider, `kv`.
pub(crate) struct Host {
    pub(crate) server: Server,
    pub(crate) nats: Client,
    pub(crate) key: XKey,
    pub(crate) provider_key: XKey,
    pub(crate) data: Value,
}

/// A provider that runs in this process.
pub(crate) struct Running {
    pub(crate) signal: Shutdown,
    end: JoinHandle<Result<(), Error>>,
}

// ===== impl Host =====

impl Host {
    pub(crate) async fn start() -> Option<Self> {
        let server = Server::start().await?;
        let nats = server.client().await;
        let (key, provider_key) = (XKey::new(), XKey::new());
        let data = json!({
            "host_id": HOST_ID,
            "lattice_rpc_prefix": "default",
            "link_name": "default",
            "lattice_rpc_user_jwt": "",
            "lattice_rpc_user_seed": "",
            "lattice_rpc_url": server.url(),
            "provider_key": "kv",
            "env_values": {},
            "instance_id": "1c8fd450-77a1-4d71-a304-4c4657942751",
            "link_definitions": [],
            "cluster_issuers": [],
            "config": {"url": "one"},
            "secrets": {"token": {"kind": "String", "value": "t0k"}},
            "host_xkey_public_key": key.public_key(),
            "provider_xkey_private_key": provider_key.seed().unwrap(),
            "default_rpc_timeout_ms": 2000,
            "structured_logging": false,
            "log_level": "info",
            "otel_config": {"enable_observability": false, "protocol": "Http",
                "additional_ca_paths": [], "trace_level": "info"},
        });
        Some(Self {
            server,
            nats,
            key,
            provider_key,
            data,
        })
    }

    /// The line that the provider is given.
    pub(crate) fn line(&self) -> String {
        STANDARD.encode(self.data.to_string()) + "\r\n"
    }

    pub(crate) async fn host_data(&self) -> HostData {
        read_host_data(self.line().as_bytes(), 1 << 20)
            .await
            .unwrap()
    }

    /// Runs a provider without waiting for anything.
    pub(crate) async fn run<P: Provider>(&self, provider: P, options: Options) -> Running {
        let data = self.host_data().await;
        let signal = Shutdown::default();
        let asked = signal.clone();
        #[expect(
            clippy::disallowed_methods,
            reason = "what the task answers is looked at"
        )]
        let end = tokio::spawn(run_with(provider, data, options, asked));
        Running { signal, end }
    }

    /// Runs a provider, and waits until it serves.
    pub(crate) async fn run_until_healthy<P: Provider>(&self, provider: P) -> Running {
        let running = self.run(provider, Options::default()).await;
        self.wait_until_healthy().await;
        running
    }

    pub(crate) async fn wait_until_healthy(&self) {
        within(async {
            loop {
                match self.request("kv.health", "").await {
                    Some(answer) if answer.payload == r#"{"healthy":true}"# => break,
                    _ => tokio::task::yield_now().await,
                }
            }
        })
        .await;
    }

    /// The answer on a subject of providers; `None` when nobody listens.
    pub(crate) async fn request(&self, tail: &str, body: &str) -> Option<Message> {
        let subject = format!("wasmbus.rpc.default.{tail}");
        let body = body.as_bytes().to_vec().into();
        self.nats.request(subject, body).await.ok()
    }

    pub(crate) async fn tell(&self, tail: &str, body: &Value) {
        let subject = format!("wasmbus.rpc.default.{tail}");
        let body = body.to_string().into();
        self.nats.publish(subject, body).await.unwrap();
    }

    /// Tells of a link as hosts do: this process, and whoever listens on the ids.
    pub(crate) async fn put_link(&self, link: &Value) {
        let own = format!("{}.linkdefs.put", self.provider_key.public_key());
        self.tell(&own, link).await;
        for id in ["source_id", "target"] {
            let id = link[id].as_str().unwrap();
            self.tell(&format!("{id}.linkdefs.put"), link).await;
        }
    }

    pub(crate) async fn delete_link(&self, link: &Value) {
        let mut link = link.clone();
        link["source_config"] = json!({});
        link["target_config"] = json!({});
        for id in ["source_id", "target"] {
            let id = link[id].as_str().unwrap().to_owned();
            self.tell(&format!("{id}.linkdefs.del"), &link).await;
        }
    }

    /// Secrets as the host seals them for this process.
    pub(crate) fn seal(&self, secrets: &Value) -> Value {
        let sealed = self
            .key
            .seal(secrets.to_string().as_bytes(), &self.provider_key);
        json!(sealed.unwrap())
    }

    /// Asks the provider to end, and waits for its answer.
    pub(crate) async fn shut_down(&self, running: Running) {
        let body = json!({ "host_id": HOST_ID }).to_string();
        let answer = within(self.request("kv.default.shutdown", &body)).await;
        assert_eq!(answer.unwrap().payload, "shutting down");
        running.ended().await.unwrap();
    }

    /// Makes a call as 1.9 does, message by message, and gives the bytes of the results.
    pub(crate) async fn call_plain(
        &self,
        function: &str,
        headers: &[(&str, &str)],
        params: Bytes,
    ) -> Bytes {
        let root = self.nats.new_inbox();
        let mut messages = self.nats.subscribe(format!("{root}.>")).await.unwrap();
        let mut accepts = self.nats.subscribe(root.clone()).await.unwrap();
        settled(&self.nats).await;
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, *value);
        }
        let subject = format!("default.kv.wrpc.0.0.1.{function}");
        self.nats
            .publish_with_reply_and_headers(subject, root.clone(), map, params)
            .await
            .unwrap();
        let accept = within(accepts.next()).await.unwrap();
        assert_eq!((accept.status, accept.payload.len()), (None, 0));
        let peer = accept.reply.unwrap();
        self.nats
            .publish(format!("{peer}.params"), Bytes::new())
            .await
            .unwrap();
        let mut results = Vec::new();
        loop {
            let message = within(messages.next()).await.unwrap();
            assert_eq!(*message.subject, format!("{root}.results"));
            if message.payload.is_empty() {
                return results.into();
            }
            results.extend_from_slice(&message.payload);
        }
    }
}

// ===== impl Running =====

impl Running {
    pub(crate) async fn ended(self) -> Result<(), Error> {
        within(self.end).await.unwrap()
    }
}

/// A link from a component `caller` to the provider.
pub(crate) fn link(name: &str, config: &Value) -> Value {
    json!({
        "source_id": "caller",
        "target": "kv",
        "name": name,
        "wit_namespace": "wasi",
        "wit_package": "keyvalue",
        "interfaces": ["store", "atomics"],
        "source_config": {},
        "target_config": config,
        "source_secrets": null,
        "target_secrets": null,
    })
}

pub(crate) fn config(key: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(key.to_owned(), value.to_owned())])
}
