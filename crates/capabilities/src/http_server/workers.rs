//! The threads of the server.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::runtime;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{self, Instant};

use super::access_log::AccessLog;
use super::connection::{self, Connections};
use super::listener::{self, Listener, Listening};
use super::{Counters, Options};

/// Listeners that may be on their way to a thread.
const COMMANDS_MAX: usize = 64;
/// How long a thread waits after it could not accept, for example because files have run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How often the end of open connections is looked for while draining.
const DRAIN_PERIOD: Duration = Duration::from_millis(5);

/// The threads, each with a runtime of its own.
pub(super) struct Workers {
    /// One for each thread.
    commands: Vec<mpsc::Sender<Listen>>,
    shared: Arc<WorkerShared>,
    /// Tells connections to end (`true`).
    ending: watch::Sender<Ending>,
}

/// What connections are to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ending {
    /// Go on.
    No,
    /// Answer what was asked, then end.
    Gracefully,
    /// End now.
    Now,
}

/// What all threads share.
pub(super) struct WorkerShared {
    pub(super) counters: Arc<Counters>,
    pub(super) access_log: Option<AccessLog>,
    pub(super) connections: Connections,
    permits: Arc<Semaphore>,
    open: AtomicUsize,
}

/// A socket for a thread to accept from.
struct Listen {
    socket: TcpListener,
    listener: Arc<Listener>,
    /// Fails when the address is not to be listened on any more.
    closing: watch::Receiver<()>,
}

// ===== impl Workers =====

impl Workers {
    pub(super) fn start(options: Options, counters: Arc<Counters>) -> io::Result<Self> {
        let ending = watch::Sender::new(Ending::No);
        let shared = Arc::new(WorkerShared {
            counters,
            connections: Connections::new(&options),
            access_log: options.access_log,
            permits: Arc::new(Semaphore::new(options.connections_max)),
            open: AtomicUsize::new(0),
        });
        let commands = (0..options.threads.max(1))
            .map(|number| {
                let (sender, receiver) = mpsc::channel(COMMANDS_MAX);
                let runtime = runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?;
                let (shared, ending) = (Arc::clone(&shared), ending.subscribe());
                thread::Builder::new()
                    .name(format!("weft-http-{number}"))
                    .spawn(move || runtime.block_on(run(receiver, shared, ending)))?;
                Ok(sender)
            })
            .collect::<io::Result<_>>()?;
        Ok(Self {
            commands,
            shared,
            ending,
        })
    }

    /// Listens on `address` until what is returned is dropped.
    pub(super) fn listen(&self, address: SocketAddr) -> io::Result<Listening> {
        let sockets = listener::bind(address, self.commands.len())?;
        let bound = sockets
            .first()
            .map_or(Ok(address), TcpListener::local_addr)?;
        let listener = Arc::new(Listener::new(bound));
        let accepting = watch::Sender::new(());
        for (commands, socket) in self.commands.iter().zip(sockets) {
            let listen = Listen {
                socket,
                listener: Arc::clone(&listener),
                closing: accepting.subscribe(),
            };
            commands
                .try_send(listen)
                .map_err(|_| io::Error::from(io::ErrorKind::ResourceBusy))?;
        }
        Ok(Listening::new(listener, accepting))
    }

    /// Open connections.
    pub(super) fn connections(&self) -> usize {
        self.shared.open.load(Ordering::Acquire)
    }

    pub(super) async fn drain(&self, patience: Duration) -> usize {
        self.ending.send_replace(Ending::Gracefully);
        let deadline = Instant::now() + patience;
        while self.connections() > 0 && Instant::now() < deadline {
            time::sleep(DRAIN_PERIOD).await;
        }
        let left = self.connections();
        self.ending.send_replace(Ending::Now);
        left
    }
}

/// One thread: accepts from each socket it is given until that socket's listener closes.
async fn run(
    mut commands: mpsc::Receiver<Listen>,
    shared: Arc<WorkerShared>,
    ending: watch::Receiver<Ending>,
) {
    while let Some(listen) = commands.recv().await {
        connection::spawn_local(accept(listen, Arc::clone(&shared), ending.clone()));
    }
}

async fn accept(listen: Listen, shared: Arc<WorkerShared>, ending: watch::Receiver<Ending>) {
    let Listen {
        socket,
        listener,
        mut closing,
    } = listen;
    let socket = match tokio::net::TcpListener::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => {
            tracing::error!(address = %listener.bound, error = %error, "Cannot accept connections");
            return;
        }
    };
    loop {
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            _ = closing.changed() => return,
        };
        match accepted {
            Ok((stream, client)) => {
                // Not before there is a connection: threads without one would keep others from theirs.
                let permit = tokio::select! {
                    permit = Arc::clone(&shared.permits).acquire_owned() => permit,
                    _ = closing.changed() => return,
                };
                let Ok(permit) = permit else {
                    return;
                };
                let open = Open::new(Arc::clone(&shared));
                let (listener, ending) = (Arc::clone(&listener), ending.clone());
                let closing = closing.clone();
                connection::spawn_local(async move {
                    let (_permit, open) = (permit, open);
                    prepare(&stream);
                    connection::serve(stream, client, &listener, &open.shared, ending, closing)
                        .await;
                });
            }
            Err(error) => {
                tracing::warn!(address = %listener.bound, error = %error, "Cannot accept a connection");
                time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Small answers are to leave at once.
fn prepare(stream: &TcpStream) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(error = %error, "Cannot set TCP_NODELAY");
    }
}

/// Counts a connection as open.
struct Open {
    shared: Arc<WorkerShared>,
}

impl Open {
    fn new(shared: Arc<WorkerShared>) -> Self {
        shared.open.fetch_add(1, Ordering::AcqRel);
        Self { shared }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.shared.open.fetch_sub(1, Ordering::AcqRel);
    }
}
