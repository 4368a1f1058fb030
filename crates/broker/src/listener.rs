//! Accepting connections.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::client::{Client, WriteBounds};
use crate::jetstream::Mailbox;
use crate::options::Limits;
use crate::router::Router;
use crate::session::{Session, SessionBounds};
use crate::wire::info::ServerInfo;
use crate::wire::parser::Bounds;

/// How long to wait after a failure that will last a little, such as too many open files.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) router: Arc<Router>,
    /// Where messages for streams go; none without JetStream.
    pub(crate) mailbox: Option<Arc<Mailbox>>,
    pub(crate) info: ServerInfo,
    pub(crate) limits: Limits,
    clients: Mutex<HashMap<u64, Arc<Client>>>,
    next_id: AtomicU64,
}

// ---------------------------------------------------------------------------------------------------------

impl Shared {
    pub(crate) fn new(
        router: Arc<Router>,
        mailbox: Option<Arc<Mailbox>>,
        info: ServerInfo,
        limits: Limits,
    ) -> Self {
        Self {
            router,
            mailbox,
            info,
            limits,
            clients: Mutex::default(),
            next_id: AtomicU64::new(1),
        }
    }

    /// The clients that are connected now.
    pub(crate) fn clients(&self) -> Vec<Arc<Client>> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Arc<Client>>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Accepts connections until `stop` is set, and then waits for those it has.
pub(crate) async fn accept_until_stopped(
    listener: TcpListener,
    shared: Arc<Shared>,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            _ = stop.changed() => break,
            Some(ended) = connections.join_next(), if !connections.is_empty() => {
                if let Err(error) = ended
                    && error.is_panic()
                {
                    tracing::error!(%error, "Connection task panicked");
                }
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => {
                    connections.spawn(serve(Arc::clone(&shared), stream, address));
                }
                Err(error) => {
                    tracing::warn!(%error, "Cannot accept connection");
                    if !is_about_one_connection(&error) {
                        tokio::time::sleep(RETRY_PAUSE).await;
                    }
                }
            },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Serves one connection from its greeting to its end.
async fn serve(shared: Arc<Shared>, stream: TcpStream, address: SocketAddr) {
    // Without it small messages wait for each other; a socket that refuses is about to fail anyway.
    let _ = stream.set_nodelay(true);
    let limits = shared.limits;
    let id = shared.next_id.fetch_add(1, Ordering::Relaxed);
    let greeting = shared.info.render(id, address, false);
    let counters = &shared.router.counters;
    let write_bounds = WriteBounds {
        pending_bytes_max: limits.pending_bytes_max,
        write_timeout: limits.write_timeout,
    };
    let client = Arc::new(Client::new(
        id,
        address,
        stream,
        write_bounds,
        Arc::clone(counters),
    ));
    if !admit(&shared, &client) {
        counters.connections_refused.add(1);
        refuse(&client, greeting).await;
        return;
    }
    counters.connections.add(1);
    counters.connections_total.add(1);
    tracing::debug!(client.id = id, client.address = %address, "Accepted connection");
    let bounds = SessionBounds {
        parser: Bounds {
            control_line_max: limits.control_line_bytes_max,
            payload_max: limits.payload_bytes_max,
        },
        subscriptions_max: limits.subscriptions_max,
        ping_interval: limits.ping_interval,
        pings_max: limits.pings_max,
    };
    let session = Session::new(
        Arc::clone(&client),
        Arc::clone(&shared.router),
        shared.mailbox.clone(),
        bounds,
    );
    session.run(&greeting).await;
    shared.lock().remove(&id);
    counters.connections.sub(1);
}

/// Counts the client in, unless there are too many.
fn admit(shared: &Shared, client: &Arc<Client>) -> bool {
    let mut clients = shared.lock();
    if clients.len() >= shared.limits.connections_max {
        return false;
    }
    clients.insert(client.id, Arc::clone(client));
    true
}

/// Tells a client that there is no room for it.
async fn refuse(client: &Client, mut greeting: Vec<u8>) {
    greeting.extend_from_slice(b"-ERR 'maximum connections exceeded'\r\n");
    let write = async {
        // A fresh socket takes so little at once, as soon as it is known to be writable.
        if client.stream.writable().await.is_ok() {
            let _ = client.stream.try_write(&greeting);
        }
    };
    let _ = tokio::time::timeout(client.write_timeout(), write).await;
    client.shut_down();
}

/// Whether a failure to accept concerns only the connection that was to be accepted.
fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}
