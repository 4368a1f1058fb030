//! A `nats-server` of a test's own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::site::free_address;
use crate::wait::eventually;

/// A `nats-server` process with JetStream. It and its files end with this value.
#[derive(Debug)]
pub struct NatsServer {
    program: PathBuf,
    address: SocketAddr,
    store: TempDir,
    domain: Option<String>,
    process: Option<Child>,
}

// ===== impl NatsServer =====

impl NatsServer {
    /// Starts a server on a free port; `None` where no `nats-server` is installed.
    pub async fn start() -> Option<Self> {
        let program = program()?;
        let mut server = Self {
            program,
            address: free_address(),
            store: TempDir::new().unwrap(),
            domain: None,
            process: None,
        };
        server.resume().await;
        Some(server)
    }

    /// How clients reach it.
    pub fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    /// Kills the process: nothing is flushed, nobody is told.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Forgets everything that was stored, while the process does not run.
    ///
    /// # Panics
    ///
    /// When the process runs.
    pub fn wipe(&mut self) {
        assert!(self.process.is_none(), "the server runs");
        self.store = TempDir::new().unwrap();
    }

    /// The same in a JetStream domain, from the next start on.
    pub fn set_domain(&mut self, domain: &str) {
        self.domain = Some(domain.to_owned());
    }

    /// Starts the process on the same port with the same files, and waits until it takes connections.
    pub async fn resume(&mut self) {
        let mut command = Command::new(&self.program);
        command
            .args(["-a", &self.address.ip().to_string()])
            .args(["-p", &self.address.port().to_string()]);
        match &self.domain {
            None => command.args(["-js", "-sd"]).arg(self.store.path()),
            Some(domain) => {
                // There is no flag for it.
                let file = self.store.path().join("server.conf");
                let store = self.store.path().display();
                let text = format!("jetstream {{ domain: {domain}, store_dir: \"{store}\" }}\n");
                std::fs::write(&file, text).unwrap();
                command.arg("-c").arg(file)
            }
        };
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let child = self.process.insert(child);
        eventually(async || {
            let ended = child.try_wait().unwrap();
            assert_eq!(ended, None, "nats-server does not start");
            TcpStream::connect(self.address).await.map(drop)
        })
        .await;
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/bin".into()])
        .map(|directory| directory.join("nats-server"))
        .find(|program| Path::is_file(program))
}
