//! The one place where this crate starts tasks and threads.

use std::{io, thread};

use tokio::task::JoinHandle;

/// Starts a task that its caller keeps the handle of.
#[expect(
    clippy::disallowed_methods,
    reason = "this crate depends on no other of the workspace; its tasks are kept and awaited by its handle"
)]
pub(crate) fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(future)
}

/// Starts a named thread for work that blocks.
pub(crate) fn spawn_thread(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name(name.to_owned()).spawn(work)
}
