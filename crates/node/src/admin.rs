//! What those who run this process ask over HTTP: `/livez`, whether it lives, and `/readyz`, whether it can do its work. The
//! paths, statuses and bodies are those of wasmCloud 1.9 hosts (spec §10); unlike there, who asks slowly is in nobody's way.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time;
use weft_lattice::{Connection, ConnectionState, Lattice};
use weft_runtime::{Shutdown, TaskKind, Tasks, field};

use crate::error::StartError;

/// Connections at a time; others wait to be accepted.
const CONNECTIONS_MAX: usize = 64;
/// How long a request may take to arrive.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may last.
const CONNECTION_TIMEOUT: Duration = Duration::from_mins(10);
/// How long to wait after a failure to accept that will last a little.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

const OK: &str = r#"{"status":"ok"}"#;
const FAILURE: &str = r#"{"status":"failure"}"#;

/// Whether a node can do its work. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Readiness {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Those of the roles, once all of them have started: their state is loaded then.
    connections: OnceLock<Vec<watch::Receiver<Connection>>>,
    /// Requested once the node is to stop.
    draining: Shutdown,
}

/// Where the pages are.
#[derive(Debug)]
pub(crate) struct Admin {
    listener: TcpListener,
    pub(crate) address: SocketAddr,
}

// ===== impl Readiness =====

impl Readiness {
    /// The roles have started, over these connections.
    pub(crate) fn started<'a>(&self, connections: impl Iterator<Item = &'a Lattice>) {
        let connections = connections.map(Lattice::connection).collect();
        // Told once.
        let _ = self.shared.connections.set(connections);
    }

    /// The node stops.
    pub(crate) fn drain(&self) {
        self.shared.draining.request();
    }

    /// Whether the roles have started, reach NATS, and are not to stop.
    pub(crate) fn is_ready(&self) -> bool {
        let connections = self.shared.connections.get();
        let are_connected = connections.is_some_and(|connections| {
            let is_connected = |one: &watch::Receiver<Connection>| {
                one.borrow().state == ConnectionState::Connected
            };
            connections.iter().all(is_connected)
        });
        are_connected && !self.shared.draining.is_requested()
    }
}

// ===== impl Admin =====

impl Admin {
    /// Takes `address`.
    ///
    /// # Errors
    ///
    /// [`StartError::AdminAddress`].
    pub(crate) async fn bind(address: SocketAddr) -> Result<Self, StartError> {
        let failed = |source| StartError::AdminAddress { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// Answers until `tasks` are drained.
    pub(crate) fn serve(self, readiness: Readiness, tasks: &Tasks) {
        let (all, shutdown) = (tasks.clone(), tasks.shutdown());
        tasks.spawn(TaskKind::Worker, "node.admin", async move {
            shutdown.or(accept(self.listener, readiness, all)).await;
        });
    }
}

async fn accept(listener: TcpListener, readiness: Readiness, tasks: Tasks) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        // The semaphore is never closed.
        let place = Arc::clone(&places).acquire_owned().await.ok();
        match listener.accept().await {
            Ok((socket, _)) => {
                let readiness = readiness.clone();
                tasks.spawn(TaskKind::Helper, "node.admin.connection", async move {
                    let _place = place;
                    // What ends a connection of somebody who watches is no news.
                    let _ = time::timeout(CONNECTION_TIMEOUT, serve(socket, readiness)).await;
                });
            }
            Err(error) => {
                tracing::warn!({ field::ERROR } = %error, "Cannot accept a connection for `/livez` and `/readyz`");
                time::sleep(RETRY_PAUSE).await;
            }
        }
    }
}

async fn serve(socket: TcpStream, readiness: Readiness) -> hyper::Result<()> {
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = answer(request.method(), request.uri().path(), readiness.is_ready());
        async move { Ok::<_, Infallible>(answer) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_TIMEOUT)
        .serve_connection(TokioIo::new(socket), service)
        .await
}

fn answer(method: &Method, path: &str, is_ready: bool) -> Response<Full<Bytes>> {
    let (status, body) = match path {
        "/livez" | "/readyz" if !matches!(*method, Method::GET | Method::HEAD) => {
            (StatusCode::METHOD_NOT_ALLOWED, "")
        }
        "/livez" => (StatusCode::OK, OK),
        "/readyz" if is_ready => (StatusCode::OK, OK),
        "/readyz" => (StatusCode::INTERNAL_SERVER_ERROR, FAILURE),
        _ => (StatusCode::NOT_FOUND, ""),
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    if !body.is_empty() {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_answer_as_those_of_1_9_hosts() {
        let check = |method: Method, path: &str, is_ready: bool, expected: u16| {
            let response = answer(&method, path, is_ready);
            assert_eq!(response.status().as_u16(), expected, "{method} {path}");
        };
        for method in [Method::GET, Method::HEAD] {
            check(method.clone(), "/livez", false, 200);
            check(method.clone(), "/readyz", true, 200);
            check(method, "/readyz", false, 500);
        }
        check(Method::POST, "/livez", true, 405);
        check(Method::DELETE, "/readyz", true, 405);
        check(Method::GET, "/", true, 404);
        check(Method::POST, "/readyz/", true, 404);
    }

    #[test]
    fn nothing_is_ready_before_it_has_started_or_once_it_stops() {
        let readiness = Readiness::default();
        assert!(!readiness.is_ready());
        readiness.started(std::iter::empty());
        assert!(readiness.is_ready());
        readiness.drain();
        assert!(!readiness.is_ready());
    }
}
