//! Servers to test: the broker in this process, and nats-server beside it.

use std::io::Write;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use async_nats::jetstream::{self, kv};
use futures::StreamExt;
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};
use weft_broker::{Broker, Handle, JetStreamOptions, Limits, Options};

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running server with a store of its own.
pub(crate) struct Server {
    url: String,
    kind: Kind,
    dir: TempDir,
}

enum Kind {
    Broker(Option<Handle>),
    NatsServer { process: Child, version: String },
}

impl Server {
    pub(crate) async fn broker() -> Self {
        Self::broker_with(Limits::default()).await
    }

    pub(crate) async fn broker_with(limits: Limits) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let handle = Broker::start(options(&dir, limits)).await.unwrap();
        Self {
            url: handle.client_url(),
            kind: Kind::Broker(Some(handle)),
            dir,
        }
    }

    /// A broker with these options, with a store unless they have one.
    pub(crate) async fn broker_of(options: Options) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let jetstream = JetStreamOptions::new(dir.path().join("store"));
        let handle = Broker::start(Options {
            jetstream: Some(options.jetstream.unwrap_or(jetstream)),
            ..options
        })
        .await
        .unwrap();
        Self {
            url: handle.client_url(),
            kind: Kind::Broker(Some(handle)),
            dir,
        }
    }

    /// A nats-server with this configuration file, without a store. The port is added to it.
    async fn nats_server_of(path: PathBuf, config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .unwrap()
            .port();
        let file = dir.path().join("nats.conf");
        std::fs::write(&file, format!("listen: \"127.0.0.1:{port}\"\n{config}")).unwrap();
        let process = Command::new(path)
            .arg("-c")
            .arg(file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until("nats-server listens", || async {
            tokio::net::TcpStream::connect(("127.0.0.1", port))
                .await
                .is_ok()
        })
        .await;
        Self {
            url: format!("nats://127.0.0.1:{port}"),
            kind: Kind::NatsServer {
                process,
                version: String::new(),
            },
            dir,
        }
    }

    async fn nats_server(path: PathBuf) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .unwrap()
            .port();
        let output = Command::new(&path).arg("--version").output().unwrap();
        let version = String::from_utf8_lossy(&output.stdout).into_owned();
        let process = Command::new(path)
            .args(["-a", "127.0.0.1", "-p", &port.to_string(), "-js", "-sd"])
            .arg(dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            url: format!("nats://127.0.0.1:{port}"),
            kind: Kind::NatsServer { process, version },
            dir,
        };
        until("nats-server listens", || async {
            async_nats::connect(&server.url).await.is_ok()
        })
        .await;
        server
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn address(&self) -> &str {
        self.url.trim_start_matches("nats://")
    }

    /// Whether it offers what came with nats-server 2.10, such as several filters of one consumer.
    pub(crate) fn has_2_10(&self) -> bool {
        match &self.kind {
            Kind::Broker(_) => true,
            Kind::NatsServer { version, .. } => !version.contains("v2.9."),
        }
    }

    pub(crate) fn handle(&self) -> &Handle {
        match &self.kind {
            Kind::Broker(Some(handle)) => handle,
            _ => panic!("not a running broker"),
        }
    }

    /// Stops the broker at once.
    pub(crate) fn stop(&mut self) {
        match &mut self.kind {
            Kind::Broker(handle) => drop(handle.take()),
            Kind::NatsServer { .. } => panic!("not a broker"),
        }
    }

    /// Stops the broker at once and starts another on the same store.
    pub(crate) async fn restart(&mut self) {
        self.stop();
        let new = Broker::start(options(&self.dir, Limits::default()))
            .await
            .unwrap();
        self.url = new.client_url();
        self.kind = Kind::Broker(Some(new));
    }

    /// Stops the broker gracefully.
    pub(crate) async fn drain(&mut self) -> weft_broker::Drained {
        match &mut self.kind {
            Kind::Broker(handle) => handle.take().unwrap().drain(PATIENCE).await,
            Kind::NatsServer { .. } => panic!("not a broker"),
        }
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    pub(crate) async fn client(&self) -> async_nats::Client {
        async_nats::connect(&self.url).await.unwrap()
    }

    pub(crate) async fn jetstream(&self) -> jetstream::Context {
        jetstream::new(self.client().await)
    }

    /// Makes a bucket as clients do.
    pub(crate) async fn bucket(&self, config: kv::Config) -> kv::Store {
        let jetstream = self.jetstream().await;
        if self.has_2_10() {
            return jetstream.create_key_value(config).await.unwrap();
        }
        // This client cannot read what 2.9 says of the account, which it asks for before it makes a bucket.
        let name = config.bucket.clone();
        let stream = jetstream::stream::Config {
            name: format!("KV_{name}"),
            subjects: vec![format!("$KV.{name}.>")],
            max_messages_per_subject: config.history.max(1),
            max_age: config.max_age,
            max_message_size: config.max_value_size,
            max_bytes: config.max_bytes,
            storage: config.storage,
            allow_rollup: true,
            deny_delete: true,
            allow_direct: true,
            discard: jetstream::stream::DiscardPolicy::New,
            ..Default::default()
        };
        jetstream.create_stream(stream).await.unwrap();
        jetstream.get_key_value(name).await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Kind::NatsServer { process, .. } = &mut self.kind {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Runs a test of behaviour against the broker, and against nats-server where there is one.
pub(crate) async fn on_each_server<F>(test: impl Fn(Server) -> F)
where
    F: Future<Output = ()>,
{
    test(Server::broker().await).await;
    match nats_server() {
        Some(path) => test(Server::nats_server(path).await).await,
        None => tell_skipped(),
    }
}

/// Runs a test of who may do what against the broker, and against nats-server with the same users.
pub(crate) async fn on_each_guarded<F>(options: Options, config: &str, test: impl Fn(Server) -> F)
where
    F: Future<Output = ()>,
{
    test(Server::broker_of(options).await).await;
    match nats_server() {
        Some(path) => test(Server::nats_server_of(path, config).await).await,
        None => tell_skipped(),
    }
}

fn tell_skipped() {
    let _ = writeln!(
        std::io::stderr(),
        "skipped for nats-server: none is installed, and NATS_SERVER names none"
    );
}

/// Waits for a result that must come.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    timeout(PATIENCE, future).await.expect("took too long")
}

/// Waits until the server has acted on everything that this client sent so far.
pub(crate) async fn settled(client: &async_nats::Client) {
    // The client's own flush only empties its buffer. Operations of one connection keep their order.
    let inbox = client.new_inbox();
    let mut echo = client.subscribe(inbox.clone()).await.unwrap();
    client.publish(inbox, "".into()).await.unwrap();
    within(echo.next()).await.unwrap();
}

/// Waits until something holds.
pub(crate) async fn until<F>(what: &str, mut holds: impl FnMut() -> F)
where
    F: Future<Output = bool>,
{
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "never: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn options(dir: &TempDir, limits: Limits) -> Options {
    Options {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        limits,
        jetstream: Some(JetStreamOptions::new(dir.path().join("store"))),
        ..Options::default()
    }
}

fn nats_server() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("NATS_SERVER") {
        return Some(PathBuf::from(path)).filter(|path| path.exists());
    }
    let paths = std::env::var_os("PATH")?;
    std::env::split_paths(&paths)
        .map(|dir| dir.join("nats-server"))
        .find(|path| path.exists())
}
