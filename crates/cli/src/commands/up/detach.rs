//! `weft up --detach`: the same command once more, in the background.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use weft_node::DataDir;
use weft_node::run_file::{self, RunFile};

use super::error::UpError;
use super::log_file;
use super::options::UpOptions;
use super::spawn_unix::{open_log, spawn};
use super::view::UpView;
use crate::console::Console;
use crate::context::Context;
use crate::failure::Failure;
use crate::status::Status;
use crate::view::millis;

/// How long it may take to be ready unless the arguments say otherwise.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How often it is looked at.
const PERIOD: Duration = Duration::from_millis(20);
/// Bytes of its output that are shown when it fails.
const OUTPUT_BYTES_MAX: u64 = 16 << 10;

/// The process that was started.
struct Started<'a> {
    child: Child,
    data_dir: &'a Path,
    log_file: &'a Path,
    /// Where in the log its output begins.
    log_begin: u64,
}

/// Starts the process and waits until it is ready.
pub(super) async fn run(options: &UpOptions, context: &mut Context) -> Result<(), Failure> {
    let begun = Instant::now();
    let timeout = context.timeout_or(TIMEOUT);
    let data_dir = &options.data_dir;
    DataDir::make(data_dir).map_err(|error| UpError::Start(Box::new(error)))?;
    let log_file = log_file::path(data_dir);
    let of_log = |source| UpError::Log {
        path: log_file.clone(),
        source,
    };
    let log = open_log(&log_file).map_err(of_log)?;
    let log_begin = log.metadata().map_err(of_log)?.len();
    let child = spawn(
        &context.program,
        &context.arguments,
        &context.directory,
        &log,
    )
    .map_err(|source| UpError::Spawn {
        program: context.program.clone(),
        source,
    })?;
    let mut started = Started {
        child,
        data_dir,
        log_file: &log_file,
        log_begin,
    };
    let run = started
        .until_ready(begun, timeout, &mut context.console)
        .await?;
    let elapsed_ms = millis(begun.elapsed());
    let view = UpView::new(run, data_dir.clone(), Some(log_file), elapsed_ms);
    context.show(&view);
    Ok(())
}

// ===== impl Started =====

impl Started<'_> {
    /// Waits until the process is ready, and returns what it tells about itself.
    async fn until_ready(
        &mut self,
        begun: Instant,
        timeout: Duration,
        console: &mut Console,
    ) -> Result<RunFile, UpError> {
        let pid = self.child.id();
        let log = || self.log_file.to_path_buf();
        // One future for all rounds: an interrupt in between is not lost.
        let interrupted = tokio::signal::ctrl_c();
        tokio::pin!(interrupted);
        loop {
            let run = run_file::read(self.data_dir).map_err(UpError::RunFile)?;
            if let Some(run) = run.filter(|run| run.pid == pid) {
                return Ok(run);
            }
            // A child that cannot be asked has ended.
            let ended = self
                .child
                .try_wait()
                .unwrap_or_else(|_| Some(ExitStatus::default()));
            if let Some(status) = ended {
                console.relay(&read_from(self.log_file, self.log_begin));
                console.relay("\n");
                return Err(UpError::Ended {
                    status: our_status(status),
                    log: log(),
                });
            }
            if begun.elapsed() >= timeout {
                return Err(UpError::NotReady {
                    pid,
                    timeout,
                    log: log(),
                });
            }
            tokio::select! {
                () = tokio::time::sleep(PERIOD) => {}
                _ = &mut interrupted => return Err(UpError::Interrupted { pid, log: log() }),
            }
        }
    }
}

fn our_status(status: ExitStatus) -> Option<Status> {
    let code = u8::try_from(status.code()?).ok()?;
    Status::from_code(code).filter(|status| *status != Status::Ok)
}

/// The end of what was written to `path` from `begin` on.
fn read_from(path: &Path, begin: u64) -> String {
    let read = || {
        let mut file = File::open(path)?;
        let end = file.metadata()?.len();
        let begin = begin.max(end.saturating_sub(OUTPUT_BYTES_MAX));
        file.seek(SeekFrom::Start(begin))?;
        let mut bytes = Vec::new();
        file.take(OUTPUT_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(bytes)
    };
    // What it said is shown to help; the failure is told anyway.
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}
