//! Where the NATS server of a test comes from: the one place that knows.
//!
//! `WEFT_TEST_NATS_URL` names a server to use; otherwise each test starts its own `nats-server`, and is skipped where
//! there is none. Every test has a lattice of its own, so that they do not meet on a common server.

use std::fmt;
use std::io::Write;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};
use weft_lattice::{Lattice, Options};
use weft_runtime::Tasks;

/// How long a test waits for what it expects.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// A server for one test.
pub(crate) struct Server {
    url: String,
    lattice: String,
    process: Option<Process>,
}

/// A server process and its files, which end with it.
struct Process {
    child: Child,
    command: Command,
    port: u16,
    _store: TempDir,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// A server with JetStream; `None`, with a word about it, when there is none.
    pub(crate) async fn start() -> Option<Self> {
        if let Ok(url) = std::env::var("WEFT_TEST_NATS_URL") {
            return Some(Self::new(url, None));
        }
        let Some(program) = program() else {
            // Past the test harness, which keeps what passing tests print to itself.
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED: there is no `nats-server`; install it, or set WEFT_TEST_NATS_URL"
            );
            return None;
        };
        let store = TempDir::new().unwrap();
        // Two tests may find the same port free: the one whose server does not start takes another.
        for _ in 0..10 {
            let port = free_port();
            let mut command = Command::new(&program);
            command
                .args(["-js", "-a", "127.0.0.1", "-p", &port.to_string(), "-sd"])
                .arg(store.path())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            let mut child = command.spawn().unwrap();
            if is_up(&mut child, port).await {
                let process = Process {
                    child,
                    command,
                    port,
                    _store: store,
                };
                return Some(Self::new(format!("nats://127.0.0.1:{port}"), Some(process)));
            }
        }
        panic!("`{}` does not start", program.display());
    }

    fn new(url: String, process: Option<Process>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Self {
            url,
            lattice: format!("test-{}-{number}", std::process::id()),
            process,
        }
    }

    /// Kills the server, waits for `meanwhile`, and starts it again with the same files; false, with a word about it, where
    /// it is not ours.
    pub(crate) async fn restart(&mut self, meanwhile: impl Future<Output = ()>) -> bool {
        let Some(process) = &mut self.process else {
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED: the server is not ours to restart"
            );
            return false;
        };
        process.child.kill().unwrap();
        process.child.wait().unwrap();
        meanwhile.await;
        process.child = process.command.spawn().unwrap();
        assert!(is_up(&mut process.child, process.port).await);
        true
    }

    /// A new connection to the lattice of this test, which ends with `tasks`.
    pub(crate) async fn connect(&self, tasks: &Tasks) -> Lattice {
        let mut options = Options::default();
        options.urls = vec![self.url.clone()];
        options.lattice = self.lattice.parse().unwrap();
        Lattice::connect(options, tasks).await.unwrap()
    }
}

/// Waits until `probe` gives something, up to a deadline, and says what was seen last if it does not.
pub(crate) async fn eventually<T, S: fmt::Debug>(
    mut probe: impl AsyncFnMut() -> Result<T, S>,
) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        match probe().await {
            Ok(value) => return value,
            Err(seen) => assert!(Instant::now() < deadline, "last seen: {seen:?}"),
        }
        sleep(Duration::from_millis(10)).await;
    }
}

/// The result of `future`, which has to come before the deadline.
pub(crate) async fn in_time<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(DEADLINE, future)
        .await
        .expect("it comes in time")
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/bin".into()])
        .map(|directory| directory.join("nats-server"))
        .find(|program| program.is_file())
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Waits until the server accepts connections; false when it ends before.
async fn is_up(child: &mut Child, port: u16) -> bool {
    eventually(async || {
        if child.try_wait().unwrap().is_some() {
            return Ok(false);
        }
        match TcpStream::connect(("127.0.0.1", port)).await {
            Ok(_) => Ok(true),
            Err(error) => Err(error),
        }
    })
    .await
}
