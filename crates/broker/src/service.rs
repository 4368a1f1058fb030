//! Starting a broker, and what its owner holds while it runs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::auth::{Auth, AuthError, Gate, Permissions, UserCredentials};
use crate::client::CloseReason;
use crate::entropy::Entropy;
use crate::error::Error;
use crate::jetstream::{Engine, EngineBounds, EngineError, Mailbox, Streams};
use crate::listener::{Door, Shared, accept_until_stopped};
use crate::monitor::{self, Watched};
use crate::options::{JetStreamOptions, Options};
use crate::reload::Files;
use crate::router::{Batch, InterestWatcher, Router};
use crate::stats::{Counters, Stats};
use crate::storage::Disk;
use crate::tasks;
use crate::tls::{Acceptor, TlsListen};
use crate::wire::info::{Greeting, ServerInfo};

/// Bytes of messages that may wait for the streams, beside one of the largest.
const MAILBOX_LEN: usize = 64 * 1024 * 1024;

/// How often a drain looks whether everything is written.
const DRAIN_CHECK: Duration = Duration::from_millis(2);

/// Longest pause of a drain between closing one connection and the next, so that not all clients look for another
/// server in the same moment.
const CLOSE_PAUSE_MAX: Duration = Duration::from_millis(1);

/// An embedded NATS server.
///
/// See the crate documentation for an example.
#[derive(Debug)]
pub struct Broker;

/// A running broker. Dropping it stops the broker at once; [`Handle::drain`] does so gracefully.
#[derive(Debug)]
pub struct Handle {
    addresses: Vec<SocketAddr>,
    monitor: Option<SocketAddr>,
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
    files: Files,
    stop: watch::Sender<bool>,
    /// One for each address, and one that looks for changed files.
    tasks: Vec<JoinHandle<()>>,
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
        refuse_open_addresses(&options)?;
        let files = read_files(options.auth, options.listen_tls).await?;
        let doors = open_doors(&options.listen, &files).await?;
        let monitor = match options.monitor {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        let addresses: Vec<SocketAddr> = doors.iter().map(|door| door.local).collect();
        let first = addresses.first().copied().ok_or(Error::NoAddress)?;

        let store = options.jetstream.as_ref().map(monitor::Store::of);
        let counters = Arc::new(Counters::default());
        let (router, streams, engine) = match options.jetstream {
            Some(jetstream) => {
                let payload_max = options.limits.payload_bytes_max;
                let (router, streams, engine) =
                    start_engine(jetstream, payload_max, counters).await?;
                (router, Some(streams), Some(engine))
            }
            None => (Arc::new(Router::new(counters, None)), None, None),
        };
        let server_id = Entropy::new().server_id();
        let info = ServerInfo {
            server_name: options.server_name.unwrap_or_else(|| server_id.clone()),
            server_id,
            payload_max: options.limits.payload_bytes_max,
            jetstream: streams.is_some(),
            auth_required: files.gate.is_some(),
            advertise: options.advertise,
        };
        let gate = files.gate.clone();
        let shared = Arc::new(Shared::new(router, streams, info, options.limits, gate));
        let (stop, stopped) = watch::channel(false);
        let mut tasks = Vec::new();
        for door in doors {
            let accept = accept_until_stopped(door, Arc::clone(&shared), stopped.clone());
            tasks.push(tasks::spawn(accept));
        }
        let monitor_addr = monitor.as_ref().map(|(_, local)| *local);
        if let Some((listener, local)) = monitor {
            let started = (std::time::Instant::now(), SystemTime::now());
            let watched = Watched::new(Arc::clone(&shared), (first, local), started, store);
            let serve = monitor::serve_until_stopped(listener, Arc::new(watched), stopped.clone());
            tasks.push(tasks::spawn(serve));
        }
        if !files.is_empty() {
            let files = files.clone();
            let reload = files.reload_until_stopped(Arc::clone(&shared), stopped);
            tasks.push(tasks::spawn(reload));
        }
        tracing::info!(address = %first, jetstream = shared.info.jetstream, "Broker listens");
        Ok(Handle {
            addresses,
            monitor: monitor_addr,
            running: Some(Running {
                shared,
                files,
                stop,
                tasks,
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

    /// All addresses that clients can connect to, in the order of the options: those without encryption first. At
    /// least one.
    #[must_use]
    pub fn client_addrs(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The address of the pages for those who watch; see [`Options::monitor`].
    #[must_use]
    pub fn monitor_addr(&self) -> Option<SocketAddr> {
        self.monitor
    }

    /// The first address as clients write it, such as `nats://127.0.0.1:4222`.
    #[must_use]
    pub fn client_url(&self) -> String {
        format!("nats://{}", self.client_addr())
    }

    /// Makes a user of the broker's account for this process or its children, who may connect until it expires. No
    /// list names it, and it cannot be revoked. `None` if everybody may connect.
    ///
    /// With an account in a directory it outlives this broker, so let it expire, or keep it in memory.
    ///
    /// # Errors
    ///
    /// If the name or the permissions are not valid.
    pub fn mint_user(
        &self,
        name: &str,
        permissions: &Permissions,
        expires: Option<SystemTime>,
    ) -> Result<Option<UserCredentials>, AuthError> {
        let gate = self
            .running
            .as_ref()
            .and_then(|running| running.shared.gate.as_ref());
        gate.map(|gate| gate.mint(name, permissions, expires))
            .transpose()
    }

    /// Takes over changes of the list of users and of certificates at once; the broker looks for them every second
    /// anyway. Clients that may not be connected any more are cut. If cancelled, some of it is left for the next
    /// second.
    ///
    /// # Errors
    ///
    /// If the list of users cannot be read; then the one of before stays.
    pub async fn reload(&self) -> Result<(), AuthError> {
        match &self.running {
            Some(running) => running.files.reload(&running.shared).await,
            None => Ok(()),
        }
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
                let line = self.shared.info.render(&Greeting {
                    client_id: client.id,
                    client: client.address,
                    local: client.local,
                    tls: client.tls,
                    nonce: None,
                    leaving: true,
                });
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
        if let Some(streams) = &self.shared.streams {
            streams.mailbox().stop();
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
        let clients = self.shared.clients();
        // A quarter of what is left is for this; the rest is for those that do not go.
        let left = deadline.saturating_duration_since(Instant::now()) / 4;
        let count = u32::try_from(clients.len().max(1)).unwrap_or(u32::MAX);
        let pause = (left / count).min(CLOSE_PAUSE_MAX);
        for client in clients {
            client.close(CloseReason::ServerShutdown);
            tokio::time::sleep(pause).await;
        }
        for mut task in self.tasks.drain(..) {
            if timeout_at(deadline, &mut task).await.is_err() {
                task.abort();
            }
        }
    }
}

impl Drop for Running {
    /// Stops at once. Waits for the threads, which first store what they have: some milliseconds.
    fn drop(&mut self) {
        self.stop.send_replace(true);
        for task in &self.tasks {
            task.abort();
        }
        for client in self.shared.clients() {
            client.close(CloseReason::ServerShutdown);
            client.shut_down();
        }
        if let Some(streams) = &self.shared.streams {
            streams.mailbox().stop();
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

/// Refuses to take in everybody from other machines.
fn refuse_open_addresses(options: &Options) -> Result<(), Error> {
    if options.auth.is_some() || options.allow_unauthenticated {
        return Ok(());
    }
    let encrypted = options.listen_tls.iter();
    // A client with a certificate has proved who it is.
    let encrypted = encrypted.filter(|listen| listen.client_ca_file.is_none());
    let mut addresses = options
        .listen
        .iter()
        .chain(encrypted.map(|listen| &listen.address));
    match addresses.find(|address| !address.ip().to_canonical().is_loopback()) {
        Some(address) => Err(Error::Unauthenticated { address: *address }),
        None => Ok(()),
    }
}

/// Reads who may connect, and the certificates.
async fn read_files(auth: Option<Auth>, listen_tls: Vec<TlsListen>) -> Result<Files, Error> {
    let read = move || {
        let gate = match auth {
            Some(auth) => Some(Arc::new(Gate::open(&auth)?)),
            None => None,
        };
        let acceptors = listen_tls
            .into_iter()
            .map(|listen| {
                let address = listen.address;
                Acceptor::new(listen)
                    .map(Arc::new)
                    .map_err(|error| Error::Tls {
                        address,
                        source: Box::new(error),
                    })
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Files { gate, acceptors })
    };
    blocking(read).await
}

/// Listens on all addresses.
async fn open_doors(plain: &[SocketAddr], files: &Files) -> Result<Vec<Door>, Error> {
    let encrypted = files
        .acceptors
        .iter()
        .map(|acceptor| (acceptor.address(), Some(Arc::clone(acceptor))));
    let plain = plain.iter().map(|address| (*address, None));
    let mut doors = Vec::new();
    for (address, acceptor) in plain.chain(encrypted) {
        let (listener, local) = listen(address).await?;
        doors.push(Door {
            listener,
            local,
            acceptor,
        });
    }
    Ok(doors)
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
) -> Result<(Arc<Router>, Arc<Streams>, thread::JoinHandle<()>), Error> {
    let (opened, answer) = oneshot::channel();
    let open = move || match open_streams(&options, payload_max, counters) {
        Ok((router, streams)) => {
            // If the caller has given up, so does the engine.
            if opened.send(Ok((router, Arc::clone(&streams)))).is_ok() {
                streams.run();
            }
            streams.discard();
        }
        Err(error) => {
            // The caller may have given up.
            let _ = opened.send(Err(error));
        }
    };
    // What is read belongs to the thread that will use it, and so does the memory that it is in.
    let thread = tasks::spawn_thread("weft-broker-jetstream", open)
        .map_err(|source| Error::Thread { source })?;
    match answer.await {
        Ok(opened) => opened.map(|(router, streams)| (router, streams, thread)),
        // It ends without an answer only by a panic, which has unwound by now.
        Err(_) => match thread.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(()) => Err(Error::Thread {
                source: std::io::Error::other("the thread of the streams ended early"),
            }),
        },
    }
}

/// Opens the store and reads it. Blocks while it does.
fn open_streams(
    options: &JetStreamOptions,
    payload_max: usize,
    counters: Arc<Counters>,
) -> Result<(Arc<Router>, Arc<Streams>), Error> {
    let mailbox = Arc::new(Mailbox::new(MAILBOX_LEN + 2 * payload_max));
    let watcher: Arc<dyn InterestWatcher> = Arc::clone(&mailbox) as _;
    let router = Arc::new(Router::new(counters, Some(watcher)));
    let engine = open_engine(options, &router, &mailbox)?;
    Ok((router, Arc::new(Streams::new(engine, mailbox))))
}

/// Does what blocks on the disk.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
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
) -> Result<Engine, Error> {
    let disk = Disk::open(&options.data_dir, &router.counters)?;
    let bounds = EngineBounds {
        streams_max: options.streams_max,
        consumers_max: options.consumers_max,
        memory_bytes_max: options.memory_bytes_max,
        sync_interval: options.sync_interval,
        synced_streams: options.synced_streams.clone(),
        time_shift: options.time_shift.clone(),
    };
    Engine::new(bounds, disk, Arc::clone(router), Arc::clone(mailbox))
        .map_err(|EngineError(source)| Error::Thread { source })
}
