//! How fast the broker is beside nats-server: `cargo bench -p weft-broker`.
//!
//! Each server runs as a process of its own and is driven by the same program over TCP. Where no `nats-server`
//! is found, or `NATS_SERVER` names none, the broker is measured alone. Words among the arguments pick measures.

use std::io::{self, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use async_nats::jetstream;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use weft_broker::{Broker, JetStreamOptions, Options};

/// The allocator of the shipped program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// How long each figure is measured.
const SPAN: Duration = Duration::from_secs(2);

/// How often each figure is measured; the best counts, as noise only ever slows down.
const ROUNDS: usize = 3;

/// What runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Broker,
    NatsServer,
}

/// A server process, killed in the end.
struct Server {
    process: Child,
    url: String,
    _dir: tempfile::TempDir,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--serve") {
        return serve(&arguments[at + 1..]);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let words: Vec<&String> = arguments[1..]
        .iter()
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    runtime.block_on(compare(&words))
}

async fn compare(words: &[&String]) -> Result<()> {
    let mut kinds = vec![(Kind::Broker, "broker")];
    if nats_server().is_some() {
        kinds.push((Kind::NatsServer, "nats-server"));
    }
    let mut out = io::stdout();
    let is_wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(*word));
    for messages in START_MESSAGES {
        let name = format!("start with {messages} messages");
        if is_wanted(&name) {
            let span = start(messages).await?;
            writeln!(
                out,
                "{name:40} broker {:>10.1} ms",
                span.as_secs_f64() * 1e3
            )?;
        }
    }
    for (name, is_synced) in MEASURES {
        if !is_wanted(name) {
            continue;
        }
        let mut best = vec![0.0_f64; kinds.len()];
        for _ in 0..ROUNDS {
            // Interleaved, so that both see the same machine.
            for (at, (kind, _)) in kinds.iter().enumerate() {
                if is_synced && *kind == Kind::NatsServer && !syncs_always() {
                    continue;
                }
                let server = Server::start(*kind, is_synced).await?;
                best[at] = best[at].max(measure(name, &server.url).await?);
            }
        }
        write!(out, "{name:40}")?;
        for (at, (_, label)) in kinds.iter().enumerate() {
            write!(out, " {label} {:>10.0}/s", best[at])?;
        }
        if let [ours, theirs] = best[..]
            && theirs > 0.0
        {
            write!(out, " ratio {:.2}", ours / theirs)?;
        }
        writeln!(out)?;
    }
    Ok(())
}

/// How much a store holds that a broker is started on. With 0 there is none yet.
const START_MESSAGES: [usize; 4] = [0, 1000, 100_000, 1_000_000];

/// How long a broker takes to start.
async fn start(messages: usize) -> Result<Duration> {
    let mut best = Duration::MAX;
    let options = |dir: &Path| Options {
        listen: vec![([127, 0, 0, 1], 0).into()],
        jetstream: Some(JetStreamOptions::new(dir)),
        ..Options::default()
    };
    let dir = tempfile::tempdir()?;
    if messages > 0 {
        let handle = Broker::start(options(dir.path())).await?;
        let client = async_nats::connect(handle.client_url()).await?;
        let config = jetstream::stream::Config {
            name: "S".to_owned(),
            ..jetstream::stream::Config::default()
        };
        let context = jetstream::new(client.clone());
        context.create_stream(config).await?;
        for _ in 0..messages {
            client.publish("S", "sixteen bytes...".into()).await?;
        }
        client.flush().await?;
        while handle.stats().storage.messages < messages as u64 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        handle.drain(Duration::from_secs(60)).await;
    }
    for round in 0..ROUNDS {
        let path = match messages {
            0 => dir.path().join(round.to_string()),
            _ => dir.path().to_owned(),
        };
        let began = Instant::now();
        let handle = Broker::start(options(&path)).await?;
        best = best.min(began.elapsed());
        drop(handle);
    }
    Ok(best)
}

/// What is measured, and whether every message is forced to the disk.
const MEASURES: [(&str, bool); 13] = [
    ("request/reply, 1 in flight, 16 B", false),
    ("request/reply, 32 in flight, 16 B", false),
    ("request/reply, 32 in flight, 4 KiB", false),
    ("publish 1:1, 16 B", false),
    ("publish 1:1, 4 KiB", false),
    ("publish 1:8, 16 B", false),
    ("kv put, 1 in flight, 16 B", false),
    ("kv put, 32 in flight, 16 B", false),
    ("kv put, 32 in flight, 4 KiB", false),
    ("kv get, 1 in flight, 16 B", false),
    ("kv get, 32 in flight, 16 B", false),
    ("kv put synced, 1 in flight, 16 B", true),
    ("kv put synced, 32 in flight, 16 B", true),
];

async fn measure(name: &str, url: &str) -> Result<f64> {
    let in_flight = if name.contains("32 in flight") { 32 } else { 1 };
    let payload = vec![b'x'; if name.contains("4 KiB") { 4096 } else { 16 }];
    let payload = bytes::Bytes::from(payload);
    match name.split([',', ' ']).next() {
        Some("request/reply") => requests(url, in_flight, payload).await,
        Some("publish") => {
            let receivers = if name.contains("1:8") { 8 } else { 1 };
            publishes(url, receivers, payload).await
        }
        _ => key_values(url, in_flight, payload, name.contains("get")).await,
    }
}

async fn requests(url: &str, in_flight: usize, payload: bytes::Bytes) -> Result<f64> {
    let responder = async_nats::connect(url).await?;
    let mut questions = responder.subscribe("question").await?;
    responder.flush().await?;
    let answering = tokio::task::JoinSet::from_iter([async move {
        while let Some(question) = questions.next().await {
            if let Some(reply) = question.reply {
                let _ = responder.publish(reply, question.payload).await;
            }
        }
    }]);
    let requester = async_nats::connect(url).await?;
    let count = repeat(in_flight, || {
        let (requester, payload) = (requester.clone(), payload.clone());
        async move {
            requester.request("question", payload).await?;
            Ok(())
        }
    })
    .await?;
    drop(answering);
    Ok(count)
}

async fn publishes(url: &str, receivers: usize, payload: bytes::Bytes) -> Result<f64> {
    let mut subscriptions = Vec::new();
    let mut clients = Vec::new();
    for _ in 0..receivers {
        let options = async_nats::ConnectOptions::new().subscription_capacity(1 << 20);
        let client = options.connect(url).await?;
        subscriptions.push(client.subscribe("news").await?);
        client.flush().await?;
        clients.push(client);
    }
    let publisher = async_nats::connect(url).await?;
    let messages = if payload.len() > 1000 {
        100_000
    } else {
        500_000
    } / receivers;
    let began = Instant::now();
    let mut counting = tokio::task::JoinSet::new();
    for mut subscription in subscriptions {
        counting.spawn(async move {
            for _ in 0..messages {
                subscription.next().await;
            }
        });
    }
    for _ in 0..messages {
        publisher.publish("news", payload.clone()).await?;
    }
    publisher.flush().await?;
    while counting.join_next().await.is_some() {}
    Ok((messages * receivers) as f64 / began.elapsed().as_secs_f64())
}

async fn key_values(
    url: &str,
    in_flight: usize,
    payload: bytes::Bytes,
    is_get: bool,
) -> Result<f64> {
    let client = async_nats::connect(url).await?;
    let jetstream = jetstream::new(client);
    // As a bucket is made, but for a question to the account that 2.9 answers otherwise than expected.
    jetstream
        .create_stream(jetstream::stream::Config {
            name: "KV_bench".to_owned(),
            subjects: vec!["$KV.bench.>".to_owned()],
            max_messages_per_subject: 1,
            allow_rollup: true,
            deny_delete: true,
            allow_direct: true,
            discard: jetstream::stream::DiscardPolicy::New,
            ..jetstream::stream::Config::default()
        })
        .await?;
    let bucket = jetstream.get_key_value("bench").await?;
    for key in 0..100 {
        bucket.put(format!("key{key}"), payload.clone()).await?;
    }
    let mut key = 0;
    repeat(in_flight, || {
        key = (key + 1) % 100;
        let (bucket, key, payload) = (bucket.clone(), format!("key{key}"), payload.clone());
        async move {
            if is_get {
                bucket.get(key).await?;
            } else {
                bucket.put(key, payload).await?;
            }
            Ok(())
        }
    })
    .await
}

/// Keeps so many operations in flight for a while, and returns how many ended per second.
async fn repeat<F>(in_flight: usize, mut operation: impl FnMut() -> F) -> Result<f64>
where
    F: Future<Output = Result<()>>,
{
    let began = Instant::now();
    let mut running = FuturesUnordered::new();
    for _ in 0..in_flight {
        running.push(operation());
    }
    let mut count = 0_u64;
    while let Some(result) = running.next().await {
        result?;
        count += 1;
        if began.elapsed() < SPAN {
            running.push(operation());
        }
    }
    Ok(count as f64 / began.elapsed().as_secs_f64())
}

impl Server {
    async fn start(kind: Kind, is_synced: bool) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        let mut command = match kind {
            Kind::Broker => {
                let mut command = Command::new(std::env::current_exe()?);
                command.arg("--serve").arg(&address).arg(dir.path());
                if is_synced {
                    command.arg("*");
                }
                command
            }
            Kind::NatsServer => {
                let config = dir.path().join("nats.conf");
                std::fs::write(&config, nats_config(&address, dir.path(), is_synced))?;
                let mut command = Command::new(nats_server().ok_or("no nats-server")?);
                command.arg("-c").arg(config);
                command
            }
        };
        let process = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let server = Self {
            process,
            url: format!("nats://{address}"),
            _dir: dir,
        };
        let deadline = Instant::now() + Duration::from_secs(10);
        while let Err(error) = async_nats::connect(&server.url).await {
            if Instant::now() > deadline {
                return Err(error.into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn nats_config(address: &str, dir: &Path, is_synced: bool) -> String {
    let sync = if is_synced {
        "sync_interval: always"
    } else {
        ""
    };
    format!(
        "listen: \"{address}\"\njetstream {{ store_dir: \"{}\"\n{sync} }}\n",
        dir.display()
    )
}

/// The nats-server to compare with.
fn nats_server() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("NATS_SERVER") {
        return Some(PathBuf::from(path)).filter(|path| path.exists());
    }
    let paths = std::env::var_os("PATH")?;
    std::env::split_paths(&paths)
        .map(|dir| dir.join("nats-server"))
        .find(|path| path.exists())
}

/// Whether it can force every message to the disk, as it does since 2.10.
fn syncs_always() -> bool {
    let output = nats_server().and_then(|path| Command::new(path).arg("--version").output().ok());
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.is_some_and(|text| !text.contains("v2.9."))
}

/// The broker as a process of its own: `--serve ADDRESS DIR [SYNCED]`.
fn serve(arguments: &[String]) -> Result<()> {
    let [address, dir, synced @ ..] = arguments else {
        return Err("--serve needs an address and a directory".into());
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut jetstream = JetStreamOptions::new(dir);
        jetstream.synced_streams = synced.to_vec();
        let _handle = Broker::start(Options {
            listen: vec![address.parse()?],
            jetstream: Some(jetstream),
            ..Options::default()
        })
        .await?;
        std::future::pending().await
    })
}
