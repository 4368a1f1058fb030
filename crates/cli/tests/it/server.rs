//! Where the NATS server of a test comes from.
//!
//! `WEFT_TEST_NATS_URL` names a server to use; otherwise each test starts its own `nats-server`. Every test has a lattice of
//! its own, so that they do not meet on a common server.

use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use weft_lattice::{Lattice, Options};
use weft_runtime::Tasks;

/// How long a test waits for what it expects.
const DEADLINE: Duration = Duration::from_secs(20);

/// A server for one test.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) lattice: String,
    tasks: Tasks,
    _process: Option<ServerProcess>,
}

/// A server process and its files, which end with it.
struct ServerProcess {
    child: Child,
    _store: TempDir,
}

impl Drop for ServerProcess {
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
            let mut child = Command::new(&program)
                .args(["-a", "127.0.0.1", "-p", &port.to_string(), "-js", "-sd"])
                .arg(store.path())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            if is_up(&mut child, port).await {
                let process = ServerProcess {
                    child,
                    _store: store,
                };
                return Some(Self::new(format!("nats://127.0.0.1:{port}"), Some(process)));
            }
        }
        panic!("`{}` does not start", program.display());
    }

    fn new(url: String, process: Option<ServerProcess>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Self {
            url,
            lattice: format!("cli-{}-{number}", std::process::id()),
            tasks: Tasks::new(),
            _process: process,
        }
    }

    /// A connection to the lattice of this test.
    pub(crate) async fn connect(&self) -> Lattice {
        let mut options = Options::default();
        options.urls = vec![self.url.clone()];
        options.lattice = self.lattice.parse().unwrap();
        Lattice::connect(options, &self.tasks).await.unwrap()
    }

    pub(crate) fn tasks(&self) -> &Tasks {
        &self.tasks
    }
}

/// Waits until `probe` is true, up to a deadline.
pub(crate) async fn until(what: &str, mut probe: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !probe() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A port that nobody listens on, as far as is known.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/bin".into()])
        .map(|directory| directory.join("nats-server"))
        .find(|program| Path::is_file(program))
}

/// Waits until the server accepts connections; false when it ends before.
async fn is_up(child: &mut Child, port: u16) -> bool {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        match tokio::net::TcpStream::connect(("127.0.0.1", port)).await {
            Ok(_) => return true,
            Err(error) => assert!(Instant::now() < deadline, "last seen: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
