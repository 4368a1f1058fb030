//! A `weft up` in a process of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// How long a node may take to be ready; a first start opens new databases.
const READY_TIMEOUT: Duration = Duration::from_secs(30);
/// How often it is looked at; what is timed is no more exact than this.
const PERIOD: Duration = Duration::from_millis(1);

/// A process; killed when dropped.
pub(crate) struct Node {
    child: Child,
    weft: PathBuf,
    data_dir: PathBuf,
    /// How clients reach its lattice; empty where nobody asked yet.
    pub(crate) nats_url: String,
    /// How long it took to be ready.
    pub(crate) start_up: Duration,
}

// ===== impl Node =====

impl Node {
    /// Starts a node on the terminal, with an application.
    pub(crate) fn start_shown(weft: &Path, data_dir: &Path, manifest: &Path) -> Result<Self> {
        let child = Command::new(weft)
            .arg("up")
            .arg("--data-dir")
            .arg(data_dir)
            .arg(manifest)
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot run {}", weft.display()))?;
        Ok(Self {
            child,
            weft: weft.to_owned(),
            data_dir: data_dir.to_owned(),
            nats_url: String::new(),
            start_up: Duration::ZERO,
        })
    }

    /// Starts a node on free ports, its output in `log`, and waits until it is ready.
    pub(crate) fn start(weft: &Path, data_dir: &Path, log: &Path) -> Result<Self> {
        let output = File::options().create(true).append(true).open(log)?;
        let run_file = data_dir.join("run.json");
        // One that was killed left its file behind.
        let _ = fs::remove_file(&run_file);
        let begun = Instant::now();
        let child = Command::new(weft)
            .args([
                "up",
                "--listen",
                "127.0.0.1:0",
                "--http",
                "127.0.0.1:0",
                "--data-dir",
            ])
            .arg(data_dir)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot run {}", weft.display()))?;
        let mut node = Self {
            child,
            weft: weft.to_owned(),
            data_dir: data_dir.to_owned(),
            nats_url: String::new(),
            start_up: Duration::ZERO,
        };
        node.nats_url = node.wait_until_ready(&run_file, log)?;
        node.start_up = begun.elapsed();
        Ok(node)
    }

    fn wait_until_ready(&mut self, run_file: &Path, log: &Path) -> Result<String> {
        let deadline = Instant::now() + READY_TIMEOUT;
        loop {
            if let Ok(text) = fs::read_to_string(run_file) {
                let run: Value = serde_json::from_str(&text)?;
                let url = run["nats_url"]
                    .as_str()
                    .context("run.json has no nats_url")?;
                return Ok(url.to_owned());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "`weft up` ended with {status}:\n{}",
                    fs::read_to_string(log).unwrap_or_default()
                );
            }
            if Instant::now() > deadline {
                bail!(
                    "`weft up` is not ready after {READY_TIMEOUT:?}, see {}",
                    log.display()
                );
            }
            thread::sleep(PERIOD);
        }
    }

    /// Runs a command of `weft` against this node and returns what it wrote to stdout.
    pub(crate) fn weft(&self, arguments: &[&str]) -> Result<String> {
        let output = Command::new(&self.weft)
            .args(arguments)
            .env("WEFT_NATS_URL", &self.nats_url)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot run {}", self.weft.display()))?;
        if !output.status.success() {
            bail!(
                "`weft {}` ended with {}:\n{}",
                arguments.join(" "),
                output.status,
                String::from_utf8_lossy(&output.stderr)
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Deploys the application of a manifest and waits until it is deployed.
    pub(crate) fn deploy(&self, manifest: &Path) -> Result<()> {
        let manifest = manifest
            .to_str()
            .context("the path of the manifest is not UTF-8")?;
        self.weft(&["app", "deploy", manifest]).map(drop)
    }

    /// Begins to deploy the application of a manifest; tells nothing of how it goes.
    pub(crate) fn start_deploy(&self, manifest: &Path) -> Result<Child> {
        Command::new(&self.weft)
            .args(["app", "deploy"])
            .arg(manifest)
            .env("WEFT_NATS_URL", &self.nats_url)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot run {}", self.weft.display()))
    }

    /// Ends it as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself; either way it is gone after this.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Stops it as a user does, and returns how it ended.
    pub(crate) fn stop(mut self) -> Result<ExitStatus> {
        let data_dir = self.data_dir.to_string_lossy().into_owned();
        self.weft(&["down", "--data-dir", &data_dir])?;
        self.wait()
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> Result<ExitStatus> {
        Ok(self.child.wait()?)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}
