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
const PERIOD: Duration = Duration::from_millis(5);

/// A process; killed when dropped.
pub(super) struct Node {
    child: Child,
    weft: PathBuf,
    data_dir: PathBuf,
    /// How clients reach its lattice; empty where nobody asked yet.
    pub(super) nats_url: String,
    /// How long it took to be ready.
    pub(super) start_up: Duration,
}

// ===== impl Node =====

impl Node {
    /// Starts a node on the terminal, with an application.
    pub(super) fn start_shown(weft: &Path, data_dir: &Path, manifest: &Path) -> Result<Self> {
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
    pub(super) fn start(weft: &Path, data_dir: &Path, log: &Path) -> Result<Self> {
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
    pub(super) fn weft(&self, arguments: &[&str]) -> Result<String> {
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

    /// Ends it as `kill -9` does.
    pub(super) fn kill(&mut self) {
        // It may have ended by itself; either way it is gone after this.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Stops it as a user does, and returns how it ended.
    pub(super) fn stop(mut self) -> Result<ExitStatus> {
        let data_dir = self.data_dir.to_string_lossy().into_owned();
        self.weft(&["down", "--data-dir", &data_dir])?;
        self.wait()
    }

    /// Waits for its end.
    pub(super) fn wait(&mut self) -> Result<ExitStatus> {
        Ok(self.child.wait()?)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}
