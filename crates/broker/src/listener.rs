//! Accepting connections.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::auth::{AuthError, Gate, nonce};
use crate::client::{Client, CloseReason, WriteBounds};
use crate::jetstream::Streams;
use crate::options::Limits;
use crate::router::Router;
use crate::session::{Challenge, Session, SessionBounds};
use crate::tls::{self, Acceptor, Opening, Stream, TlsMode};
use crate::wire::info::{Greeting, ServerInfo, TlsInfo};
use crate::wire::parser::Bounds;

/// What clients are told that are turned away.
const TOO_MANY: &[u8] = b"-ERR 'maximum connections exceeded'\r\n";
const NOT_ENCRYPTED: &[u8] = b"-ERR 'Secure Connection - TLS Required'\r\n";

/// Reads of what such a client has sent already.
const FAREWELL_READS_MAX: usize = 64;

/// How long to wait after a failure that will last a little, such as too many open files.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) router: Arc<Router>,
    /// Where messages for streams go; none without JetStream.
    pub(crate) streams: Option<Arc<Streams>>,
    pub(crate) info: Arc<ServerInfo>,
    pub(crate) limits: Limits,
    /// Who may connect; none if everybody may.
    pub(crate) gate: Option<Arc<Gate>>,
    /// Connections that may be made beside those that are there.
    places: Arc<Semaphore>,
    clients: Mutex<HashMap<u64, Arc<Client>>>,
    next_id: AtomicU64,
}

/// One address that is listened on.
pub(crate) struct Door {
    pub(crate) listener: TcpListener,
    pub(crate) local: SocketAddr,
    /// How it encrypts, if it does.
    pub(crate) acceptor: Option<Arc<Acceptor>>,
}

/// One connection that was accepted.
struct Arrival {
    id: u64,
    address: SocketAddr,
    local: SocketAddr,
    tls: TlsInfo,
    challenge: Option<Challenge>,
    greeting: Vec<u8>,
}

// ---------------------------------------------------------------------------------------------------------

impl Shared {
    pub(crate) fn new(
        router: Arc<Router>,
        streams: Option<Arc<Streams>>,
        info: ServerInfo,
        limits: Limits,
        gate: Option<Arc<Gate>>,
    ) -> Self {
        let places = limits.connections_max.min(Semaphore::MAX_PERMITS);
        Self {
            router,
            streams,
            info: Arc::new(info),
            limits,
            gate,
            places: Arc::new(Semaphore::new(places)),
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

    /// Numbers a connection, and writes its greeting.
    fn receive(&self, door: &Door, address: SocketAddr) -> Result<Arrival, AuthError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let challenge = match &self.gate {
            Some(gate) => Some(Challenge {
                gate: Arc::clone(gate),
                nonce: nonce()?,
            }),
            None => None,
        };
        let greeting = self.info.render(&Greeting {
            client_id: id,
            client: address,
            local: door.local,
            tls: door.tls_info(),
            nonce: challenge.as_ref().map(|challenge| challenge.nonce.as_str()),
            leaving: false,
        });
        Ok(Arrival {
            id,
            address,
            local: door.local,
            tls: door.tls_info(),
            challenge,
            greeting,
        })
    }

    fn client(&self, arrival: &Arrival, stream: Stream) -> Arc<Client> {
        let bounds = WriteBounds {
            pending_bytes_max: self.limits.pending_bytes_max,
            write_timeout: self.limits.write_timeout,
        };
        Arc::new(Client::new(
            arrival.id,
            arrival.address,
            (arrival.local, arrival.tls),
            stream,
            bounds,
            Arc::clone(&self.router.counters),
        ))
    }

    fn session(&self, client: &Arc<Client>) -> Session {
        let limits = &self.limits;
        let bounds = SessionBounds {
            parser: Bounds {
                control_line_max: limits.control_line_bytes_max,
                payload_max: limits.payload_bytes_max,
            },
            subscriptions_max: limits.subscriptions_max,
            ping_interval: limits.ping_interval,
            pings_max: limits.pings_max,
            auth_timeout: limits.auth_timeout,
        };
        Session::new(
            Arc::clone(client),
            Arc::clone(&self.router),
            self.streams.clone(),
            Arc::clone(&self.info),
            bounds,
        )
    }
}

impl Door {
    fn tls_info(&self) -> TlsInfo {
        self.acceptor
            .as_ref()
            .map_or_else(TlsInfo::default, |acceptor| TlsInfo {
                is_required: acceptor.mode() != TlsMode::Optional,
                is_available: acceptor.mode() == TlsMode::Optional,
                verifies_clients: acceptor.verifies_clients(),
            })
    }
}

/// Accepts connections until `stop` is set, and then waits for those it has.
pub(crate) async fn accept_until_stopped(
    door: Door,
    shared: Arc<Shared>,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    let door = Arc::new(door);
    let for_connections = stop.clone();
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
            accepted = door.listener.accept() => match accepted {
                Ok((stream, address)) => {
                    let (shared, door) = (Arc::clone(&shared), Arc::clone(&door));
                    connections.spawn(serve(shared, door, stream, address, for_connections.clone()));
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
    drop(door);
    while connections.join_next().await.is_some() {}
}

/// Serves one connection from its greeting to its end.
async fn serve(
    shared: Arc<Shared>,
    door: Arc<Door>,
    socket: TcpStream,
    address: SocketAddr,
    mut stop: watch::Receiver<bool>,
) {
    // Without it small messages wait for each other; a socket that refuses is about to fail anyway.
    let _ = socket.set_nodelay(true);
    let counters = &shared.router.counters;
    let mut arrival = match shared.receive(&door, address) {
        Ok(arrival) => arrival,
        Err(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "Cannot greet client"
            );
            return;
        }
    };
    let Ok(_place) = Arc::clone(&shared.places).try_acquire_owned() else {
        counters.connections_refused.add(1);
        let is_greeted_in_plain = door
            .acceptor
            .as_ref()
            .is_none_or(|acceptor| acceptor.mode() != TlsMode::First);
        if is_greeted_in_plain {
            let words = [&arrival.greeting, TOO_MANY].concat();
            say_farewell(socket, &words, shared.limits.write_timeout).await;
        }
        return;
    };
    let stream = tokio::select! {
        biased;
        _ = stop.wait_for(|stop| *stop) => return,
        stream = open(&shared, &door, socket, &mut arrival) => stream,
    };
    let Some(stream) = stream else {
        return;
    };
    let client = shared.client(&arrival, stream);
    shared.lock().insert(client.id, Arc::clone(&client));
    if *stop.borrow() {
        // It may have come too late for whoever closes all.
        client.close(CloseReason::ServerShutdown);
    }
    counters.connections.add(1);
    counters.connections_total.add(1);
    tracing::debug!(client.id = client.id, client.address = %address, "Accepted connection");
    let session = shared.session(&client);
    let (greeting, challenge) = (arrival.greeting, arrival.challenge);
    session.run(greeting, challenge).await;
    shared.lock().remove(&client.id);
    counters.connections.sub(1);
}

/// Encrypts the connection if it is to be. None if that failed. The greeting is taken away if it was sent.
async fn open(
    shared: &Shared,
    door: &Door,
    socket: TcpStream,
    arrival: &mut Arrival,
) -> Option<Stream> {
    let Some(acceptor) = &door.acceptor else {
        return Some(Stream::Plain(socket));
    };
    let limits = &shared.limits;
    // Apart, so that connections that are open do not keep the room of a handshake.
    let opening = Box::pin(tls::open(acceptor, socket, &arrival.greeting));
    let error: Box<dyn std::error::Error + Send + Sync> =
        match timeout(limits.tls_timeout, opening).await {
            Ok(Ok(Opening::Ready { stream, is_greeted })) => {
                if is_greeted {
                    arrival.greeting.clear();
                }
                return Some(stream);
            }
            Ok(Ok(Opening::NotEncrypted(socket))) => {
                if acceptor.mode() != TlsMode::First {
                    say_farewell(socket, NOT_ENCRYPTED, limits.write_timeout).await;
                }
                "the client did not encrypt".into()
            }
            Ok(Err(error)) => error.into(),
            Err(elapsed) => elapsed.into(),
        };
    shared.router.counters.connections_unauthorized.add(1);
    tracing::debug!(client.id = arrival.id, client.address = %arrival.address, error, "Refused client");
    None
}

/// Tells a client that it is turned away.
async fn say_farewell(mut socket: TcpStream, words: &[u8], limit: Duration) {
    let say = async {
        if socket.write_all(words).await.is_err() || socket.shutdown().await.is_err() {
            return;
        }
        // Closing before all was read would take the words back. It is not waited for more.
        let mut scratch = [0; 1024];
        for _ in 0..FAREWELL_READS_MAX {
            if !matches!(socket.try_read(&mut scratch), Ok(1..)) {
                return;
            }
        }
    };
    let _ = timeout(limit, say).await;
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
