//! `weft down`: stop the `weft up` of a data directory.

mod error;
mod signal_unix;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;

use self::error::DownError;
use self::signal_unix::terminate;
use weft_node::run_file;

use crate::context::Context;
use crate::failure::Failure;
use crate::ui::render_elapsed;
use crate::view::{Block, SchemaVersion, View, millis};

/// How long stopping may take unless the arguments say otherwise: open requests are given time to end.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How often it is looked whether it has stopped.
const PERIOD: Duration = Duration::from_millis(20);

/// Stop the lattice or host that `weft up` runs on this machine
///
/// It takes in nothing more, lets open requests end, and leaves its data in the data directory. Applications run again after
/// the next `weft up`. Waits until it has stopped.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft down                            Stop the `weft up` of the usual data directory
  weft down --data-dir /tmp/second     Stop another
  weft down --timeout 5s               Say so if it takes longer; it goes on stopping")]
pub(crate) struct DownArgs {}

/// A `weft up` was stopped.
#[derive(Debug, Serialize)]
struct DownView {
    schema_version: SchemaVersion,
    /// Its process.
    pid: u32,
    /// The name of its lattice; `null` when it was not ready yet.
    lattice: Option<String>,
    /// Its data directory.
    data_dir: PathBuf,
    /// How long it took.
    elapsed_ms: u64,
}

/// A process to stop.
struct Running {
    pid: u32,
    lattice: Option<String>,
}

/// Stops what runs.
pub(crate) async fn run(_args: &DownArgs, context: &mut Context) -> Result<(), Failure> {
    let begun = Instant::now();
    let data_dir = context.data_dir()?;
    let timeout = context.timeout_or(TIMEOUT);
    let Running { pid, lattice } = find(&data_dir)?;
    terminate(pid).map_err(|source| DownError::Signal { pid, source })?;
    context
        .console
        .progress(&format!("waiting for process {pid} to stop"));
    // One future for all rounds: an interrupt in between is not lost.
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    while run_file::is_locked(&data_dir).map_err(DownError::RunFile)? {
        if begun.elapsed() >= timeout {
            return Err(DownError::NotStopped { pid, timeout }.into());
        }
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => {}
            _ = &mut interrupted => return Err(DownError::Interrupted { pid }.into()),
        }
    }
    context.show(&DownView {
        schema_version: SchemaVersion,
        pid,
        lattice,
        data_dir,
        elapsed_ms: millis(begun.elapsed()),
    });
    Ok(())
}

/// What runs with `data_dir`.
fn find(data_dir: &Path) -> Result<Running, DownError> {
    let path = || data_dir.to_path_buf();
    let run = run_file::read(data_dir).map_err(DownError::RunFile)?;
    let is_locked = run_file::is_locked(data_dir).map_err(DownError::RunFile)?;
    // Read once more: the file that is there now that the lock is known to be held is not one of a process before.
    let again = run_file::read(data_dir).map_err(DownError::RunFile)?;
    match (is_locked, again) {
        (false, None) => Err(DownError::Nothing { path: path() }),
        (false, Some(run)) => Err(DownError::Left {
            path: path(),
            pid: run.pid,
        }),
        (true, Some(again)) if run.as_ref() == Some(&again) => Ok(Running {
            pid: again.pid,
            lattice: Some(again.lattice),
        }),
        // It is starting, perhaps for long: it may wait for NATS.
        (true, _) => match run_file::lock_holder(data_dir).map_err(DownError::RunFile)? {
            Some(pid) => Ok(Running { pid, lattice: None }),
            None => Err(DownError::NotReady { path: path() }),
        },
    }
}

// ===== impl View for DownView =====

impl View for DownView {
    fn blocks(&self, _is_wide: bool) -> Vec<Block> {
        let elapsed = render_elapsed(Duration::from_millis(self.elapsed_ms));
        let what = match &self.lattice {
            Some(lattice) => format!("lattice `{lattice}`, process {}", self.pid),
            None => format!("process {}, which was not ready yet", self.pid),
        };
        vec![Block::Done(format!("stopped {what}, in {elapsed}"))]
    }

    fn names(&self) -> Vec<String> {
        vec![self.pid.to_string()]
    }
}
