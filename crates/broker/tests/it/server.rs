//! Servers to test: the broker in this process, and nats-servers beside it.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use async_nats::jetstream::{self, kv};
use futures::StreamExt;
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};
use weft_broker::{Broker, Handle, JetStreamOptions, Limits, Options};

/// Longest wait for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What the broker announces, and so what it has to offer.
const EMBEDDED_VERSION: Version = V2_10;

/// A release of nats-server: major and minor number.
pub(crate) type Version = (u32, u32);

/// Brought several filters of one consumer, first sequences, and times in answers.
pub(crate) const V2_10: Version = (2, 10);

/// Brought lives of single messages, and levels of the API.
pub(crate) const V2_11: Version = (2, 11);

/// Reads requests strictly, and names what is wrong with them.
pub(crate) const V2_15: Version = (2, 15);

/// The servers that the same behaviours are expected of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The broker, in the process of the test.
    Embedded,
    /// What Debian 12 has: 2.9, found on the path, or where `NATS_SERVER` says.
    Debian,
    /// What PyPI has: 2.15, found where `cargo xtask test` puts it, or where `WEFT_NATS_SERVER_2_15` says.
    Pypi,
}

/// A running server with a store of its own.
pub(crate) struct Server {
    url: String,
    running: Running,
    version: Version,
    dir: TempDir,
}

enum Running {
    Broker(Option<Handle>),
    NatsServer(Child),
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
            running: Running::Broker(Some(handle)),
            version: EMBEDDED_VERSION,
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
            running: Running::Broker(Some(handle)),
            version: EMBEDDED_VERSION,
            dir,
        }
    }

    /// Starts a server of this kind. Where it is not installed, says so and returns nothing.
    pub(crate) async fn start(kind: Kind) -> Option<Self> {
        let path = match kind {
            Kind::Embedded => return Some(Self::broker().await),
            Kind::Debian => debian_server(),
            Kind::Pypi => pypi_server(),
        };
        if path.is_none() {
            report_skipped(kind.missing());
        }
        Some(Self::nats_server(&path?).await)
    }

    async fn nats_server(path: &Path) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = dir.path().join("store");
        let arguments = [OsStr::new("-js"), OsStr::new("-sd"), store.as_os_str()];
        Self::spawn(path, dir, &arguments).await
    }

    /// A nats-server with this configuration file, without a store.
    pub(crate) async fn nats_server_of(path: &Path, config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("nats.conf");
        std::fs::write(&file, config).unwrap();
        let arguments = [OsStr::new("-c"), file.as_os_str()];
        Self::spawn(path, dir, &arguments).await
    }

    async fn spawn(path: &Path, dir: TempDir, arguments: &[&OsStr]) -> Self {
        // The server takes a free port, and writes into a file which one.
        let process = Command::new(path)
            .args(["-a", "127.0.0.1", "-p", "-1", "--ports_file_dir"])
            .arg(dir.path())
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let ports = format!(
            "{}_{}.ports",
            path.file_name().unwrap().display(),
            process.id()
        );
        let ports = dir.path().join(ports);
        let mut server = Self {
            url: String::new(),
            running: Running::NatsServer(process),
            version: version_of(path),
            dir,
        };
        until("nats-server listens", async || {
            server.url = read_url(&ports).unwrap_or_default();
            !server.url.is_empty()
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

    pub(crate) fn version(&self) -> Version {
        self.version
    }

    /// Whether it is the broker.
    pub(crate) fn is_embedded(&self) -> bool {
        matches!(self.running, Running::Broker(_))
    }

    /// Whether it offers what came with this version of nats-server.
    pub(crate) fn offers(&self, version: Version) -> bool {
        self.version >= version
    }

    /// Whether it offers what came with nats-server 2.10, such as several filters of one consumer.
    pub(crate) fn has_2_10(&self) -> bool {
        self.offers(V2_10)
    }

    pub(crate) fn handle(&self) -> &Handle {
        match &self.running {
            Running::Broker(Some(handle)) => handle,
            _ => panic!("not a running broker"),
        }
    }

    /// Stops the broker at once.
    pub(crate) fn stop(&mut self) {
        match &mut self.running {
            Running::Broker(handle) => drop(handle.take()),
            Running::NatsServer(_) => panic!("not a broker"),
        }
    }

    /// Stops the broker at once and starts another on the same store.
    pub(crate) async fn restart(&mut self) {
        self.stop();
        let new = Broker::start(options(&self.dir, Limits::default()))
            .await
            .unwrap();
        self.url = new.client_url();
        self.running = Running::Broker(Some(new));
    }

    /// Tells the server to announce its end to its clients. The broker ends once they are gone, or on time.
    #[expect(
        clippy::disallowed_methods,
        reason = "the task belongs to the runtime of one test, and ends with it"
    )]
    pub(crate) fn announce_end(&mut self) {
        match &mut self.running {
            Running::Broker(handle) => {
                let handle = handle.take().unwrap();
                tokio::spawn(async move { handle.drain(PATIENCE).await });
            }
            Running::NatsServer(process) => {
                let signalled = Command::new("kill")
                    .args(["-USR2", &process.id().to_string()])
                    .status();
                assert!(signalled.unwrap().success());
            }
        }
    }

    /// Stops the broker gracefully.
    pub(crate) async fn drain(&mut self) -> weft_broker::Drained {
        match &mut self.running {
            Running::Broker(handle) => handle.take().unwrap().drain(PATIENCE).await,
            Running::NatsServer(_) => panic!("not a broker"),
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

impl Kind {
    /// What is missing where there is no such server.
    pub(crate) fn missing(self) -> &'static str {
        match self {
            Self::Embedded => "the broker is always there",
            Self::Debian => "there is no nats-server on the path, and NATS_SERVER names none",
            Self::Pypi => {
                "no nats-server 2.15 was installed by `cargo xtask test`, and WEFT_NATS_SERVER_2_15 names none"
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Running::NatsServer(process) = &mut self.running {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Makes tests of behaviours: one for each on each server, so that a failure names both. The behaviours are
/// asynchronous functions that take a server.
macro_rules! behaviours {
    ($($name:ident),+ $(,)?) => {
        $crate::server::behaviours!(@on embedded Embedded: $($name)+);
        $crate::server::behaviours!(@on nats_server_2_9 Debian: $($name)+);
        $crate::server::behaviours!(@on nats_server_2_15 Pypi: $($name)+);
    };
    (@on $module:ident $kind:ident: $($name:ident)+) => {
        mod $module {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    use $crate::server::{Kind, Server};
                    if let Some(server) = Server::start(Kind::$kind).await {
                        super::$name(server).await;
                    }
                }
            )+
        }
    };
}
pub(crate) use behaviours;

/// Runs a test of behaviour against each server, one after another.
pub(crate) async fn on_each_server<F>(test: impl Fn(Server) -> F)
where
    F: Future<Output = ()>,
{
    for kind in [Kind::Embedded, Kind::Debian, Kind::Pypi] {
        if let Some(server) = Server::start(kind).await {
            test(server).await;
        }
    }
}

/// Runs a test of who may do what against the broker, and against nats-server with the same users.
pub(crate) async fn on_each_guarded<F>(options: Options, config: &str, test: impl Fn(Server) -> F)
where
    F: Future<Output = ()>,
{
    test(Server::broker_of(options).await).await;
    match debian_server() {
        Some(path) => test(Server::nats_server_of(&path, config).await).await,
        None => report_skipped(Kind::Debian.missing()),
    }
}

/// Says that a test did nothing, and what it lacks.
pub(crate) fn report_skipped(missing: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {missing}");
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
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
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

pub(crate) fn debian_server() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("NATS_SERVER") {
        return Some(PathBuf::from(path)).filter(|path| path.exists());
    }
    let paths = std::env::var_os("PATH")?;
    std::env::split_paths(&paths)
        .map(|dir| dir.join("nats-server"))
        .find(|path| path.exists())
}

fn pypi_server() -> Option<PathBuf> {
    match std::env::var_os("WEFT_NATS_SERVER_2_15") {
        Some(path) => Some(PathBuf::from(path)),
        None => tools().map(|tools| tools.join("nats-server")),
    }
    .filter(|path| path.exists())
}

/// The interpreter that has nats-py: where `cargo xtask test` puts it, or where `WEFT_NATS_PYTHON` says.
pub(crate) fn python() -> Option<PathBuf> {
    match std::env::var_os("WEFT_NATS_PYTHON") {
        Some(path) => Some(PathBuf::from(path)),
        None => tools().map(|tools| tools.join("python")),
    }
    .filter(|path| path.exists())
}

/// The programs that `cargo xtask test` installs, beside those that cargo builds.
fn tools() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    Some(program.ancestors().nth(3)?.join("tools/nats/bin"))
}

fn version_of(server: &Path) -> Version {
    let output = Command::new(server).arg("--version").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let parse = || {
        let (_, version) = text.split_once(": v")?;
        let mut numbers = version.split('.').map(|number| number.parse().ok());
        Some((numbers.next()??, numbers.next()??))
    };
    parse().unwrap_or_else(|| panic!("{} is not a release: {text}", server.display()))
}

/// The URL for clients that a server wrote into its file, once it has.
fn read_url(ports: &Path) -> Option<String> {
    let text = std::fs::read(ports).ok()?;
    let ports: serde_json::Value = serde_json::from_slice(&text).ok()?;
    ports["nats"][0].as_str().map(str::to_owned)
}
