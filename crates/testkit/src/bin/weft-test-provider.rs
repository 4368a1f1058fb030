//! A provider of the 1.9 dialect on plain NATS (spec §5), as small as one can be, that does what tests tell it.
//!
//! What it knows is asked for on `test.{host}.{provider}.state`; a word on `test.{host}.{provider}.do` makes it do something:
//! `release` answers the calls that wait, `hang` makes it answer nothing any more, `sick` makes it say that it is not well.
//! With `behaviour: crash` in its config it ends at its start. Requests on `{lattice}.{provider}.wait` are held until they
//! are released. Asked to stop, it takes no more of them, and ends when all are answered.

#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    reason = "a program of tests, which ends with a panic where anything goes wrong"
)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what providers print is to come to the host's log"
)]

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::process::ExitCode;

use async_nats::{Client, Subject, Subscriber};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt;
use nkeys::XKey;
use serde_json::{Value, json};

/// What tells links apart.
const LINK_KEYS: [&str; 5] = [
    "source_id",
    "target",
    "name",
    "wit_namespace",
    "wit_package",
];

struct Provider {
    client: Client,
    host_data: Value,
    config: Value,
    links: BTreeMap<Vec<String>, Value>,
    /// Puts of links that it had already.
    repeated: u64,
    is_well: bool,
    /// Who waits for an answer.
    waiting: Vec<Subject>,
    /// Whom to tell that it stops.
    stopping: Option<Subject>,
    takes_calls: bool,
}

/// What it listens on.
struct Subjects {
    put: Subscriber,
    delete: Subscriber,
    health: Subscriber,
    shutdown: Subscriber,
    config: Subscriber,
    calls: Subscriber,
    state: Subscriber,
    orders: Subscriber,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut line = String::new();
    io::stdin().read_line(&mut line).unwrap();
    let bytes = STANDARD.decode(line.trim()).unwrap();
    let host_data: Value = serde_json::from_slice(&bytes).unwrap();
    println!("provider {} begins", text(&host_data, "provider_key"));
    if host_data["config"]["behaviour"] == "crash" {
        eprintln!("told to crash");
        return ExitCode::from(3);
    }
    let client = async_nats::ConnectOptions::new()
        .name(text(&host_data, "provider_key"))
        .connect(text(&host_data, "lattice_rpc_url"))
        .await
        .unwrap();
    let mut subjects = Subjects::follow(&client, &host_data).await;
    let mut provider = Provider::new(client, host_data);
    provider.run(&mut subjects).await;
    ExitCode::SUCCESS
}

// ===== impl Subjects =====

impl Subjects {
    async fn follow(client: &Client, host_data: &Value) -> Self {
        let id = text(host_data, "provider_key");
        let lattice = text(host_data, "lattice_rpc_prefix");
        let key = XKey::from_seed(text(host_data, "provider_xkey_private_key")).unwrap();
        let own = format!("wasmbus.rpc.{lattice}.{}", key.public_key());
        let shared = format!("wasmbus.rpc.{lattice}.{id}");
        let test = format!("test.{}.{id}", text(host_data, "host_id"));
        let follow = async |subject: String| client.subscribe(subject).await.unwrap();
        let group = format!("{lattice}.{id}");
        let calls = client.queue_subscribe(format!("{group}.wait"), group);
        let subjects = Self {
            put: follow(format!("{own}.linkdefs.put")).await,
            delete: follow(format!("{shared}.linkdefs.del")).await,
            health: follow(format!("{shared}.health")).await,
            shutdown: follow(format!("{shared}.default.shutdown")).await,
            config: follow(format!("{shared}.config.update")).await,
            calls: calls.await.unwrap(),
            state: follow(format!("{test}.state")).await,
            orders: follow(format!("{test}.do")).await,
        };
        client.flush().await.unwrap();
        subjects
    }
}

// ===== impl Provider =====

impl Provider {
    fn new(client: Client, host_data: Value) -> Self {
        let links = host_data["link_definitions"].as_array().unwrap().clone();
        Self {
            client,
            config: host_data["config"].clone(),
            links: links.into_iter().map(|link| (key(&link), link)).collect(),
            host_data,
            repeated: 0,
            is_well: true,
            waiting: Vec::new(),
            stopping: None,
            takes_calls: true,
        }
    }

    async fn run(&mut self, subjects: &mut Subjects) {
        loop {
            tokio::select! {
                Some(message) = subjects.put.next() => self.put(&message.payload),
                Some(message) = subjects.delete.next() => {
                    self.links.remove(&key(&parse(&message.payload)));
                }
                Some(message) = subjects.health.next() => {
                    let reply = json!({ "healthy": self.is_well });
                    self.reply(message.reply, reply.to_string()).await;
                }
                Some(message) = subjects.shutdown.next() => {
                    let is_for_this = parse(&message.payload)["host_id"] == self.host_data["host_id"];
                    if is_for_this && message.reply.is_some() {
                        self.stopping = message.reply;
                        subjects.calls.drain().await.unwrap();
                    }
                }
                Some(message) = subjects.config.next() => self.config = parse(&message.payload),
                call = subjects.calls.next(), if self.takes_calls => match call {
                    Some(call) => self.waiting.extend(call.reply),
                    None => self.takes_calls = false,
                },
                Some(message) = subjects.state.next() => {
                    let state = self.state().to_string();
                    self.reply(message.reply, state).await;
                }
                Some(message) = subjects.orders.next() => match message.payload.as_ref() {
                    b"release" => self.release().await,
                    b"sick" => self.is_well = false,
                    // All of it, as there is one thread.
                    b"hang" => loop { std::thread::park() },
                    other => panic!("{other:?}"),
                },
            }
            if !self.takes_calls && self.waiting.is_empty() {
                let reply = self.stopping.take();
                self.reply(reply, "shutting down".to_owned()).await;
                self.client.flush().await.unwrap();
                return;
            }
        }
    }

    /// As the SDKs do: a link that is there already stays as it is.
    fn put(&mut self, payload: &[u8]) {
        let link = parse(payload);
        match self.links.entry(key(&link)) {
            Entry::Occupied(_) => self.repeated += 1,
            Entry::Vacant(place) => {
                place.insert(link);
            }
        }
    }

    async fn release(&mut self) {
        for reply in std::mem::take(&mut self.waiting) {
            self.reply(Some(reply), "released".to_owned()).await;
        }
    }

    async fn reply(&self, to: Option<Subject>, body: String) {
        if let Some(to) = to {
            self.client.publish(to, body.into()).await.unwrap();
        }
    }

    fn state(&self) -> Value {
        let environment: Vec<String> = std::env::vars().map(|(key, _)| key).collect();
        json!({
            "pid": std::process::id(),
            "host_data": self.host_data,
            "config": self.config,
            "links": self.links.values().collect::<Vec<_>>(),
            "repeated": self.repeated,
            "waiting": self.waiting.len(),
            "environment": environment,
        })
    }
}

fn key(link: &Value) -> Vec<String> {
    LINK_KEYS.map(|field| text(link, field).to_owned()).to_vec()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap()
}

fn parse(payload: &[u8]) -> Value {
    serde_json::from_slice(payload).unwrap()
}
