//! Asking a process to end.

use std::io;

use rustix::process::{Pid, Signal, kill_process};

/// Asks process `pid` to end, as service managers do.
pub(super) fn terminate(pid: u32) -> io::Result<()> {
    let pid = i32::try_from(pid)
        .ok()
        // One is the first process of the machine, or of its container, and never a `weft up` that somebody detached.
        .filter(|pid| *pid > 1)
        .and_then(Pid::from_raw)
        .ok_or(io::ErrorKind::InvalidInput)?;
    Ok(kill_process(pid, Signal::TERM)?)
}
