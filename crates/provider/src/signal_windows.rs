//! Being told to end by the operating system.

use std::io;

use tokio::signal::windows::{ctrl_break, ctrl_c};
use weft_runtime::{Shutdown, TaskKind, Tasks};

/// A request that is made at the first interrupt.
pub(crate) fn hear(tasks: &Tasks) -> io::Result<Shutdown> {
    let mut interrupt = ctrl_c()?;
    let mut terminate = ctrl_break()?;
    let asked = Shutdown::default();
    let request = asked.clone();
    tasks.spawn(TaskKind::Helper, "provider signals", async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        request.request();
    });
    Ok(asked)
}
