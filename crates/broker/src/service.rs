//! Starting a broker, and what its owner holds while it runs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::client::CloseReason;
use crate::entropy::Entropy;
use crate::error::Error;
use crate::jetstream::{Engine, EngineBounds, EngineError, Mailbox};
use crate::listener::{Shared, accept_until_stopped};
use crate::options::{JetStreamOptions, Options};
use crate::router::{Batch, InterestWatcher, Router};
use crate::stats::{Counters, Stats};
use crate::storage::{Disk, Unreadable};
use crate::tasks;
use crate::wire::info::ServerInfo;

/// Bytes of messages that may wait for the streams, beside one of the largest.
const MAILBOX_LEN: usize = 64 * 1024 * 1024;

/// How often a drain looks whether everything is written.
const DRAIN_CHECK: Duration = Duration::from_millis(2);

/// An embedded NATS server.
///
/// See the crate documentation for an example.
#[derive(Debug)]
pub struct Broker;

/// A running broker. Dropping it stops the broker at once; [`Handle::drain`] does so gracefully.
#[derive(Debug)]
pub struct Handle {
    addresses: Vec<SocketAddr>,
    running: Option<Running>,
}

/// How a drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Connections that had not taken all that was meant for them when the time was up.
    pub connections_cut: usize,
}

struct Running {
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    acceptors: Vec<JoinHandle<()>>,
    engine: Option<thread::JoinHandle<()>>,
}

// ---------------------------------------------------------------------------------------------------------

impl Broker {
    /// Starts a broker on the current tokio runtime. When this returns, it listens on all addresses and has
    /// read back everything that it stored before.
    ///
    /// # Errors
    ///
    /// If an address or the store cannot be used; see [`Error`].
    pub async fn start(options: Options) -> Result<Handle, Error> {
        if let Some(name) = options.limits.invalid() {
            return Err(Error::Limit { name });
        }
        let mut listeners = Vec::new();
        for address in &options.listen {
            listeners.push(listen(*address).await?);
        }
        let addresses: Vec<SocketAddr> = listeners.iter().map(|(_, address)| *address).collect();
        let first = addresses.first().copied().ok_or(Error::NoAddress)?;

        let counters = Arc::new(Counters::default());
        let (router, mailbox, engine) = match options.jetstream {
            Some(jetstream) => {
                let payload_max = options.limits.payload_bytes_max;
                let (router, mailbox, engine) =
                    start_engine(jetstream, payload_max, counters).await?;
                (router, Some(mailbox), Some(engine))
            }
            None => (Arc::new(Router::new(counters, None)), None, None),
        };
        let server_id = Entropy::new().server_id();
        let info = ServerInfo {
            server_name: options.server_name.unwrap_or_else(|| server_id.clone()),
            server_id,
            address: first,
            payload_max: options.limits.payload_bytes_max,
            jetstream: mailbox.is_some(),
        };
        let shared = Arc::new(Shared::new(router, mailbox, info, options.limits));
        let (stop, stopped) = watch::channel(false);
        let acceptors = listeners
            .into_iter()
            .map(|(listener, _)| {
                let accept = accept_until_stopped(listener, Arc::clone(&shared), stopped.clone());
                tasks::spawn(accept)
            })
            .collect();
        tracing::info!(address = %first, jetstream = shared.info.jetstream, "Broker listens");
        Ok(Handle {
            addresses,
            running: Some(Running {
                shared,
                stop,
                acceptors,
                engine,
            }),
        })
    }
}

impl Handle {
    /// The first address that clients can connect to.
    #[must_use]
    pub fn client_addr(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// All addresses that clients can connect to, in the order of the options. At least one.
    #[must_use]
    pub fn client_addrs(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The first address as clients write it, such as `nats://127.0.0.1:4222`.
    #[must_use]
    pub fn client_url(&self) -> String {
        format!("nats://{}", self.client_addr())
    }

    /// What the broker has done so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.running
            .as_ref()
            .map_or_else(Stats::default, |running| {
                running.shared.router.counters.snapshot()
            })
    }

    /// Stops the broker gracefully, within about `limit`.
    ///
    /// It accepts no more connections, tells clients that it is about to go, finishes what they sent for the
    /// streams, forces everything stored to the disk, writes what clients are still to receive, and closes the
    /// connections. If cancelled, the broker stops at once.
    pub async fn drain(mut self, limit: Duration) -> Drained {
        let Some(mut running) = self.running.take() else {
            return Drained { connections_cut: 0 };
        };
        let deadline = Instant::now() + limit;
        running.stop.send_replace(true);
        running.announce();
        running.stop_engine(deadline).await;
        let connections_cut = running.flush(deadline).await;
        running.close_connections(deadline).await;
        tracing::info!(connections_cut, "Broker drained");
        Drained { connections_cut }
    }
}

impl Running {
    /// Tells clients that the server is about to go.
    fn announce(&self) {
        let mut batch = Batch::default();
        for client in self.shared.clients() {
            if client.takes_info() {
                let line = self.shared.info.render(client.id, client.address, true);
                client.send(&line, &mut batch);
            }
        }
        batch.flush(&self.shared.router.counters);
    }

    /// Lets the streams finish what they have.
    async fn stop_engine(&mut self, deadline: Instant) {
        let Some(engine) = self.engine.take() else {
            return;
        };
        if let Some(mailbox) = &self.shared.mailbox {
            mailbox.stop();
        }
        let join = tokio::task::spawn_blocking(move || engine.join());
        match timeout_at(deadline, join).await {
            Ok(Ok(Ok(()))) => {}
            Ok(_) => tracing::error!("Stream thread panicked"),
            Err(_) => tracing::warn!("Stream thread did not finish in time"),
        }
    }

    /// Waits until clients have taken what is meant for them. Returns how many have not.
    async fn flush(&self, deadline: Instant) -> usize {
        loop {
            let behind = self
                .shared
                .clients()
                .iter()
                .filter(|client| client.pending_bytes() > 0)
                .count();
            if behind == 0 || Instant::now() >= deadline {
                return behind;
            }
            tokio::time::sleep(DRAIN_CHECK).await;
        }
    }

    async fn close_connections(&mut self, deadline: Instant) {
        for client in self.shared.clients() {
            client.close(CloseReason::ServerShutdown);
        }
        for mut acceptor in self.acceptors.drain(..) {
            if timeout_at(deadline, &mut acceptor).await.is_err() {
                acceptor.abort();
            }
        }
    }
}

impl Drop for Running {
    /// Stops at once. Waits for the threads, which first store what they have: some milliseconds.
    fn drop(&mut self) {
        self.stop.send_replace(true);
        for acceptor in &self.acceptors {
            acceptor.abort();
        }
        for client in self.shared.clients() {
            client.close(CloseReason::ServerShutdown);
            client.shut_down();
        }
        if let Some(mailbox) = &self.shared.mailbox {
            mailbox.stop();
        }
        if let Some(engine) = self.engine.take()
            && engine.join().is_err()
        {
            tracing::error!("Stream thread panicked");
        }
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Running")
            .field("info", &self.shared.info)
            .finish_non_exhaustive()
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let failed = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::AddrInUse => Error::AddressInUse { address },
        _ => Error::Listen { address, source },
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let local = listener.local_addr().map_err(failed)?;
    Ok((listener, local))
}

/// Opens the store, reads it, and starts the thread of the streams.
async fn start_engine(
    options: JetStreamOptions,
    payload_max: usize,
    counters: Arc<Counters>,
) -> Result<(Arc<Router>, Arc<Mailbox>, thread::JoinHandle<()>), Error> {
    let start = move || {
        let mailbox = Arc::new(Mailbox::new(MAILBOX_LEN + 2 * payload_max));
        let watcher: Arc<dyn InterestWatcher> = Arc::clone(&mailbox) as _;
        let router = Arc::new(Router::new(counters, Some(watcher)));
        let engine = match open_engine(&options, &router, &mailbox)? {
            Ok(engine) => engine,
            // It is known to be damaged now, which opening it again mends.
            Err(Unreadable(_)) => {
                open_engine(&options, &router, &mailbox)?.map_err(|Unreadable(source)| {
                    Error::StoreDamaged {
                        path: options.data_dir.clone(),
                        source: Box::new(source),
                    }
                })?
            }
        };
        let thread = tasks::spawn_thread("weft-broker-jetstream", move || engine.run())
            .map_err(|source| Error::Thread { source })?;
        Ok((router, mailbox, thread))
    };
    match tokio::task::spawn_blocking(start).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => Err(Error::Thread {
                source: std::io::Error::other(error),
            }),
        },
    }
}

/// Opens the store and reads it.
fn open_engine(
    options: &JetStreamOptions,
    router: &Arc<Router>,
    mailbox: &Arc<Mailbox>,
) -> Result<Result<Engine, Unreadable>, Error> {
    let disk = Disk::open(&options.data_dir, &router.counters)?;
    let bounds = EngineBounds {
        streams_max: options.streams_max,
        consumers_max: options.consumers_max,
        memory_bytes_max: options.memory_bytes_max,
        sync_interval: options.sync_interval,
        synced_streams: options.synced_streams.clone(),
        time_shift: options.time_shift.clone(),
    };
    match Engine::new(bounds, disk, Arc::clone(router), Arc::clone(mailbox)) {
        Ok(engine) => Ok(Ok(engine)),
        Err(EngineError::Unreadable(unreadable)) => Ok(Err(unreadable)),
        Err(EngineError::Thread(source)) => Err(Error::Thread { source }),
    }
}
