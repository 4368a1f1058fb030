//! One connection: HTTP/1.1, or HTTP/2 where the client begins with it.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time;

use super::Options;
use super::listener::Listener;
use super::respond;
use super::workers::{Ending, WorkerShared};

/// How connections are served.
pub(super) struct Connections {
    builder: auto::Builder<TokioExecutor>,
    /// Time for the first request.
    head_timeout: Duration,
}

// ===== impl Connections =====

impl Connections {
    pub(super) fn new(options: &Options) -> Self {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        let head_bytes_max = options.head_bytes_max.max(8 << 10);
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(options.head_timeout)
            .max_buf_size(head_bytes_max);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(options.streams_max)
            .max_header_list_size(u32::try_from(head_bytes_max).unwrap_or(u32::MAX))
            .keep_alive_interval(options.head_timeout);
        Self {
            builder,
            head_timeout: options.head_timeout,
        }
    }
}

/// Serves a connection to its end. What was asked is answered when the listener closes (`closing` fails) or the server ends
/// (`ending`); then the connection is closed.
pub(super) async fn serve(
    stream: TcpStream,
    client: SocketAddr,
    listener: &Arc<Listener>,
    shared: &Arc<WorkerShared>,
    mut ending: watch::Receiver<Ending>,
    mut closing: watch::Receiver<()>,
) {
    // While it is not clear which protocol a client speaks, hyper waits for it without end.
    let mut patience = pin!(time::sleep(shared.connections.head_timeout));
    let mut is_waiting = true;
    let is_asked = AtomicBool::new(false);
    let service = service_fn(|request| {
        is_asked.store(true, Ordering::Relaxed);
        let (listener, shared) = (Arc::clone(listener), Arc::clone(shared));
        async move { Ok::<_, Infallible>(respond::respond(request, client, &listener, &shared).await) }
    });
    let mut connection = pin!(
        shared
            .connections
            .builder
            .serve_connection(TokioIo::new(stream), service)
    );
    let mut is_ending = *ending.borrow() != Ending::No;
    if is_ending {
        connection.as_mut().graceful_shutdown();
    }
    loop {
        tokio::select! {
            _ = closing.changed(), if !is_ending => {
                is_ending = true;
                connection.as_mut().graceful_shutdown();
            }
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(client = %client, error = %error, "Connection ended with an error");
                }
                return;
            }
            () = patience.as_mut(), if is_waiting => {
                if !is_asked.load(Ordering::Relaxed) {
                    tracing::debug!(client = %client, "Closed a connection that asked for nothing");
                    return;
                }
                is_waiting = false;
            }
            changed = ending.changed() => {
                if changed.is_err() || *ending.borrow() == Ending::Now {
                    return;
                }
                if !is_ending {
                    is_ending = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// Runs a task of a connection on this thread.
#[expect(
    clippy::disallowed_methods,
    reason = "connections end with their sockets and are counted and bounded"
)]
pub(super) fn spawn_local(task: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(task);
}
