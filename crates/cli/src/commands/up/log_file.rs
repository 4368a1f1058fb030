//! The log of a process in the background, which is set aside when it has become large.

use std::convert::Infallible;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::stdio::{dup2_stderr, dup2_stdout};
use tokio::time::{MissedTickBehavior, interval};
use weft_runtime::field;

use super::spawn_unix::open_log;

/// The file in the data directory to which the process writes.
const NAME: &str = "weft.log";
/// From how many bytes on it is set aside.
const BYTES_MAX: u64 = 16 << 20;
/// How many that were set aside are kept, the latest as `weft.log.1`.
const KEPT: u32 = 3;
/// How often it is looked at.
const PERIOD: Duration = Duration::from_secs(10);

pub(super) fn path(data_dir: &Path) -> PathBuf {
    data_dir.join(NAME)
}

/// Looks after the log that this process writes to, for as long as it is polled.
pub(super) async fn keep(data_dir: &Path) -> Infallible {
    let path = path(data_dir);
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match begin_anew(&path, BYTES_MAX) {
            Ok(true) => tracing::info!(log = %path.display(), "The log was set aside"),
            Ok(false) => {}
            Err(error) => {
                tracing::warn!({ field::ERROR } = %error, log = %path.display(), "The log cannot be set aside")
            }
        }
    }
}

/// Sets the log aside if it is large, and writes to a new one from then on. Nothing that is written meanwhile is lost.
fn begin_anew(path: &Path, bytes_max: u64) -> io::Result<bool> {
    let is_set_aside = set_aside(path, bytes_max)?;
    if is_set_aside {
        let log = open_log(path)?;
        dup2_stdout(&log)?;
        dup2_stderr(&log)?;
    }
    Ok(is_set_aside)
}

/// Gives a large file a number, and those before it the next ones. False if it is not large.
fn set_aside(path: &Path, bytes_max: u64) -> io::Result<bool> {
    if fs::metadata(path)?.len() < bytes_max {
        return Ok(false);
    }
    for number in (1..KEPT).rev() {
        match fs::rename(numbered(path, number), numbered(path, number + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fs::rename(path, numbered(path, 1))?;
    Ok(true)
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(format!(".{number}"));
    path.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_old_logs_are_kept() {
        let directory = tempfile::tempdir().unwrap();
        let log = path(directory.path());
        fs::write(&log, "small").unwrap();
        assert!(!set_aside(&log, 6).unwrap());
        for round in 0..5 {
            fs::write(&log, format!("round {round}")).unwrap();
            assert!(set_aside(&log, 7).unwrap());
            assert!(!log.exists());
        }
        let kept = |number| fs::read_to_string(numbered(&log, number)).ok();
        assert_eq!(kept(1).as_deref(), Some("round 4"));
        assert_eq!(kept(3).as_deref(), Some("round 2"));
        assert_eq!(kept(4), None);
    }
}
