//! Being told to end by the operating system.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use weft_runtime::{Shutdown, TaskKind, Tasks};

/// A request that is made at the first SIGTERM or SIGINT.
pub(crate) fn hear(tasks: &Tasks) -> io::Result<Shutdown> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
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
