//! The thread that makes processes.
//!
//! A process is bound to the thread that made it, and threads of the runtime come and go. This one lives as long as the host:
//! when it ends, in whatever way, so do the processes.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::spawn_linux::bind_to_parent;

/// Processes that may wait to be made.
const QUEUE_LENGTH: usize = 64;
/// How often, and how long apart, an executable is tried again that somebody still has open for writing: a process that is
/// just being made elsewhere in this one may, for a moment.
const BUSY_ATTEMPTS: u32 = 20;
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// Makes processes. Cheap to clone; the thread ends with the last clone.
#[derive(Clone)]
pub(crate) struct Spawner {
    orders: SyncSender<Order>,
}

/// A program to run.
pub(super) struct Program {
    pub(super) path: PathBuf,
    /// All of its environment.
    pub(super) environment: Vec<(OsString, OsString)>,
}

struct Order {
    program: Program,
    runtime: Handle,
    made: oneshot::Sender<io::Result<Child>>,
}

// ===== impl Spawner =====

impl Spawner {
    /// Starts the thread.
    pub(crate) fn start() -> io::Result<Self> {
        let (orders, receiver) = sync_channel(QUEUE_LENGTH);
        thread::Builder::new()
            .name("weft-spawner".to_owned())
            .spawn(move || serve(&receiver))?;
        Ok(Self { orders })
    }

    /// Makes a process of `program`, with pipes to its standard streams. It is killed when the child is dropped.
    pub(super) async fn spawn(&self, program: Program) -> io::Result<Child> {
        let (made, child) = oneshot::channel();
        let order = Order {
            program,
            runtime: Handle::current(),
            made,
        };
        self.orders
            .try_send(order)
            .map_err(|_| io::Error::from(ErrorKind::ResourceBusy))?;
        child
            .await
            .unwrap_or_else(|_| Err(ErrorKind::BrokenPipe.into()))
    }
}

fn serve(orders: &Receiver<Order>) {
    while let Ok(order) = orders.recv() {
        let _runtime = order.runtime.enter();
        let child = make(&order.program);
        // A child that nobody waits for any more is killed by being dropped.
        drop(order.made.send(child));
    }
}

fn make(program: &Program) -> io::Result<Child> {
    let mut command = std::process::Command::new(&program.path);
    command
        .env_clear()
        .envs(program.environment.iter().map(|(key, value)| (key, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    bind_to_parent(&mut command);
    let mut command = Command::from(command);
    command.kill_on_drop(true);
    let mut attempts = 0..BUSY_ATTEMPTS;
    loop {
        match command.spawn() {
            Err(error)
                if error.kind() == ErrorKind::ExecutableFileBusy && attempts.next().is_some() =>
            {
                thread::sleep(BUSY_PAUSE);
            }
            made => return made,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    fn shell() -> Program {
        Program {
            path: "/bin/sh".into(),
            environment: vec![("RUST_LOG".into(), "info".into())],
        }
    }

    #[tokio::test]
    async fn a_process_has_the_environment_it_is_given_and_ends_with_the_spawner() {
        use tokio::io::AsyncWriteExt;

        let spawner = Spawner::start().unwrap();
        let mut child = spawner.spawn(shell()).await.unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let script = "echo $RUST_LOG-$HOME-$OTEL_X; cat /proc/$$/stat | cut -d' ' -f1,5\n";
        stdin.write_all(script.as_bytes()).await.unwrap();
        let pid = child.id().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let expected = format!("info--\n{pid} {pid}\n");
        let mut read = vec![0; expected.len()];
        stdout.read_exact(&mut read).await.unwrap();
        // It leads a group of its own, and goes with the thread that made it, though its input stays open.
        assert_eq!(String::from_utf8(read).unwrap(), expected);
        drop(spawner);
        let status = child.wait().await.unwrap();
        assert!(!status.success());
        drop(stdin);
    }

    #[tokio::test]
    async fn what_cannot_be_run_is_an_error() {
        let spawner = Spawner::start().unwrap();
        let program = Program {
            path: "/no/such/program".into(),
            ..shell()
        };
        let error = spawner.spawn(program).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}
