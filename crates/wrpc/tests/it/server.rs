//! A nats-server for one test, and ends that are connected to it.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use weft_runtime::Tasks;
use weft_wrpc::{Endpoint, Options};

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Server {
    url: String,
    process: Child,
    tasks: Tasks,
    config: Option<tempfile::TempDir>,
}

impl Server {
    /// `None`, with a word about it, where there is no nats-server.
    pub(crate) async fn start() -> Option<Self> {
        Self::start_with("").await
    }

    /// With lines of configuration.
    pub(crate) async fn start_with(config: &str) -> Option<Self> {
        let Some(program) = program() else {
            // Past the test harness, which keeps what passing tests print to itself.
            let text = "SKIPPED: there is no `nats-server`; install it, or name it in NATS_SERVER";
            let _ = writeln!(std::io::stderr(), "{text}");
            return None;
        };
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("nats.conf");
        std::fs::write(&file, config).unwrap();
        // Two tests may find the same port free: the one whose server does not start takes another.
        for _ in 0..10 {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            drop(listener);
            let mut process = Command::new(&program)
                .args(["-a", "127.0.0.1", "-p", &port.to_string(), "-c"])
                .arg(&file)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let url = format!("nats://127.0.0.1:{port}");
            let deadline = Instant::now() + PATIENCE;
            while process.try_wait().unwrap().is_none() && Instant::now() < deadline {
                if async_nats::connect(&url).await.is_ok() {
                    return Some(Self {
                        url,
                        process,
                        tasks: Tasks::new(),
                        config: Some(directory),
                    });
                }
                sleep(Duration::from_millis(5)).await;
            }
        }
        panic!("`{}` does not start", program.display());
    }

    pub(crate) fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    pub(crate) async fn client(&self) -> async_nats::Client {
        async_nats::connect(&self.url).await.unwrap()
    }

    pub(crate) async fn endpoint(&self) -> Endpoint {
        self.endpoint_with(Options::default()).await
    }

    pub(crate) async fn endpoint_with(&self, options: Options) -> Endpoint {
        let client = self.client().await;
        Endpoint::new(client, &self.tasks, options).await.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        drop(self.config.take());
    }
}

/// Waits for a result that must come.
pub(crate) fn within<F: Future>(future: F) -> impl Future<Output = F::Output> {
    // Several calls joined are large.
    let future = Box::pin(future);
    async move { timeout(PATIENCE, future).await.expect("took too long") }
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        sleep(Duration::from_millis(2)).await;
    }
}

/// Waits until the server has acted on everything that this client sent so far.
pub(crate) async fn settled(client: &async_nats::Client) {
    use futures::StreamExt as _;
    let inbox = client.new_inbox();
    let mut echo = client.subscribe(inbox.clone()).await.unwrap();
    client.publish(inbox, "".into()).await.unwrap();
    within(echo.next()).await.unwrap();
}

fn program() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("NATS_SERVER") {
        return Some(PathBuf::from(path)).filter(|path| path.exists());
    }
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths)
        .chain(["/usr/sbin".into()])
        .map(|directory| directory.join("nats-server"))
        .find(|path| path.exists())
}
