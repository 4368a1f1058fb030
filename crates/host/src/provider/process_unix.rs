//! How processes end, and how they are made to.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::process::{Pid, Signal, kill_process_group};

use super::supervision::Exit;

// ===== impl Exit =====

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Status(code),
            (None, Some(signal)) => Self::Signal(signal),
            (None, None) => Self::Unknown,
        }
    }
}

/// Asks the process `leader` and all that it started to end.
pub(super) fn terminate_group(leader: u32) {
    signal_group(leader, Signal::TERM);
}

/// Ends the process `leader` and all that it started.
pub(super) fn kill_group(leader: u32) {
    signal_group(leader, Signal::KILL);
}

fn signal_group(leader: u32, signal: Signal) {
    let Some(group) = i32::try_from(leader).ok().and_then(Pid::from_raw) else {
        return;
    };
    // It fails when there is none of them any more.
    let _ = kill_process_group(group, signal);
}
