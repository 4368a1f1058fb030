//! Making a process that does not outlive this one.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};

/// Makes `command` lead a group of its own, and die when the thread that makes it ends: so also when this process is killed.
#[expect(
    unsafe_code,
    reason = "there is no other way to do something between fork and exec"
)]
pub(super) fn bind_to_parent(command: &mut Command) {
    let parent = getpid();
    command.process_group(0);
    // SAFETY: between fork and exec only functions that are safe in signal handlers may be called. These are system calls by
    // themselves; nothing is allocated, no lock is taken, and the error is made from a number.
    unsafe {
        command.pre_exec(move || {
            set_parent_process_death_signal(Some(Signal::KILL))?;
            // It may have died in between, and its death is told only once.
            if getppid() == Some(parent) {
                Ok(())
            } else {
                Err(io::Error::from_raw_os_error(
                    rustix::io::Errno::SRCH.raw_os_error(),
                ))
            }
        });
    }
}
