//! A `weft up` in the foreground.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use crate::home::{Home, read_run_file};
use crate::wait::wait_until;

/// A process; killed when dropped.
pub(crate) struct Up {
    child: Child,
    data_dir: PathBuf,
    logs: TempDir,
}

// ===== impl Up =====

impl Up {
    /// Starts the lattice of `home` on free ports, and waits until it is ready.
    pub(crate) fn start(home: &Home, arguments: &[&str]) -> Self {
        let ports = ["--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"];
        Self::spawn(home, &[&ports, arguments].concat()).ready()
    }

    /// Starts `weft up` with `arguments` alone.
    pub(crate) fn spawn(home: &Home, arguments: &[&str]) -> Self {
        let logs = TempDir::new().unwrap();
        let file = |name: &str| File::create(logs.path().join(name)).unwrap();
        let child = home
            .command(&[&["up"], arguments].concat())
            .stdout(file("output"))
            .stderr(file("messages"))
            .spawn()
            .unwrap();
        Self {
            child,
            data_dir: home.data_dir(),
            logs,
        }
    }

    /// Waits until it is ready.
    pub(crate) fn ready(mut self) -> Self {
        let pid = self.pid();
        wait_until("the run file", || {
            self.assert_running();
            read_run_file(&self.data_dir)
                .filter(|run| run["pid"] == pid)
                .ok_or_else(|| self.messages())
        });
        self
    }

    /// What it tells of itself.
    pub(crate) fn run_file(&self) -> Value {
        read_run_file(&self.data_dir).unwrap()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to standard output.
    pub(crate) fn output(&self) -> String {
        fs::read_to_string(self.logs.path().join("output")).unwrap()
    }

    /// What it has written to standard error.
    pub(crate) fn messages(&self) -> String {
        fs::read_to_string(self.logs.path().join("messages")).unwrap()
    }

    /// Waits until `text` is among its messages.
    pub(crate) fn wait_for(&mut self, text: &str) {
        wait_until(text, || {
            let messages = self.messages();
            if messages.contains(text) {
                return Ok(());
            }
            self.assert_running();
            Err(messages)
        });
    }

    fn assert_running(&mut self) {
        let ended = self.child.try_wait().unwrap();
        assert!(
            ended.is_none(),
            "it ended with {ended:?}: {}",
            self.messages()
        );
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
    }

    /// Waits for its end and returns the exit status; `None` when a signal ended it.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        let messages = self.logs.path().join("messages");
        let status = wait_until("the end of `weft up`", || {
            let ended = self.child.try_wait().unwrap();
            ended.ok_or_else(|| fs::read_to_string(&messages))
        });
        status.code()
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone after this.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
