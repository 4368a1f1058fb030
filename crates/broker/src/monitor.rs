//! What tools that watch servers ask over HTTP, in the shapes of nats-server: `/varz`, `/connz`, `/jsz`, `/healthz`; and
//! `/metrics` for Prometheus.
//!
//! Nobody has to prove who they are here, as with nats-server: the address is one for operators. Requests are few and
//! their answers built on the spot; connections are bounded in number and in time.

mod connz;
mod healthz;
mod jsz;
mod metrics;
#[cfg(target_os = "linux")]
mod process_linux;
#[cfg(not(target_os = "linux"))]
mod process_other;
mod query;
#[cfg(test)]
mod tests;
mod varz;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::listener::Shared;
use crate::options::JetStreamOptions;
#[cfg(target_os = "linux")]
use process_linux::Usage;
#[cfg(not(target_os = "linux"))]
use process_other::Usage;
use query::{Query, QueryError};

/// Connections at a time; others wait to be accepted.
const CONNECTIONS_MAX: usize = 64;
/// How long a request may take to arrive.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may last.
const CONNECTION_TIMEOUT: Duration = Duration::from_mins(10);
/// How long the thread of the streams may take to answer before it counts as stuck.
const REPORT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait after a failure to accept that will last a little.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// The form of Prometheus.
const METRICS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

const INDEX: &str = "\
NATS server of Weft

/varz     the server
/connz    its clients: ?sort= ?limit= ?offset= ?cid= ?subs=1 ?auth=1
/jsz      its streams: ?streams=1 ?consumers=1 ?config=1
/healthz  whether it can do its work
/metrics  for Prometheus
";

/// What the pages are about.
pub(crate) struct Watched {
    shared: Arc<Shared>,
    /// Where clients connect to.
    address: SocketAddr,
    /// Where the pages are.
    monitor: SocketAddr,
    started: (Instant, SystemTime),
    /// None without JetStream.
    store: Option<Store>,
    /// How often each page was asked for.
    requests: Mutex<BTreeMap<&'static str, u64>>,
    usage: Mutex<Usage>,
}

/// Where streams are kept.
pub(crate) struct Store {
    directory: String,
    /// Bytes that streams in memory may hold.
    memory_bytes_max: u64,
}

/// A page, or why there is none.
type Page = Result<(StatusCode, HeaderValue, String), Refusal>;

/// Why a request is not answered with a page.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("there is no such page")]
    NoPage,
    #[error("only GET and HEAD are answered")]
    Method,
    #[error(transparent)]
    Query(#[from] QueryError),
    #[error("the streams do not answer")]
    Stuck,
}

// ---------------------------------------------------------------------------------------------------------

/// Answers requests until `stop` is set.
pub(crate) async fn serve_until_stopped(
    listener: TcpListener,
    watched: Arc<Watched>,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let accepted = async {
            // The semaphore is never closed.
            let place = Arc::clone(&places).acquire_owned().await.ok();
            (place, listener.accept().await)
        };
        tokio::select! {
            biased;
            _ = stop.changed() => return,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            (place, accepted) = accepted => match accepted {
                Ok((socket, _)) => {
                    let watched = Arc::clone(&watched);
                    connections.spawn(async move {
                        let _place = place;
                        // What ends a connection of somebody who watches is no news.
                        let _ = timeout(CONNECTION_TIMEOUT, serve(socket, watched)).await;
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "Cannot accept connection for monitoring");
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            },
        }
    }
}

async fn serve(socket: TcpStream, watched: Arc<Watched>) -> hyper::Result<()> {
    let service = service_fn(move |request: Request<Incoming>| {
        let watched = Arc::clone(&watched);
        async move { Ok::<_, Infallible>(watched.respond(&request).await) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_TIMEOUT)
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(socket), service)
        .await
}

// ===== impl Store =====

impl Store {
    pub(crate) fn of(options: &JetStreamOptions) -> Self {
        Self {
            directory: options.data_dir.display().to_string(),
            memory_bytes_max: options.memory_bytes_max,
        }
    }
}

// ===== impl Watched =====

impl Watched {
    /// Pages about `shared`, to which clients connect at the first of `addresses`, and who watches at the second.
    pub(crate) fn new(
        shared: Arc<Shared>,
        addresses: (SocketAddr, SocketAddr),
        started: (Instant, SystemTime),
        store: Option<Store>,
    ) -> Self {
        Self {
            shared,
            address: addresses.0,
            monitor: addresses.1,
            started,
            store,
            requests: Mutex::default(),
            usage: Mutex::new(Usage::new()),
        }
    }

    async fn respond(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let page = if matches!(*request.method(), Method::GET | Method::HEAD) {
            let path = request.uri().path();
            self.page(path, request.uri().query().unwrap_or_default())
                .await
        } else {
            Err(Refusal::Method)
        };
        let (status, kind, text) = page.unwrap_or_else(|refusal| {
            let status = match refusal {
                Refusal::NoPage => StatusCode::NOT_FOUND,
                Refusal::Method => StatusCode::METHOD_NOT_ALLOWED,
                Refusal::Query(_) => StatusCode::BAD_REQUEST,
                Refusal::Stuck => StatusCode::SERVICE_UNAVAILABLE,
            };
            (status, TEXT, format!("{refusal}\n"))
        });
        let mut response = Response::new(Full::new(Bytes::from(text)));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, kind);
        if status == StatusCode::METHOD_NOT_ALLOWED {
            let allowed = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(ALLOW, allowed);
        }
        response
    }

    async fn page(&self, path: &str, query: &str) -> Page {
        let query = Query::parse(query)?;
        match path {
            "/" => Ok((StatusCode::OK, TEXT, INDEX.to_owned())),
            "/varz" => {
                let requests = self.count("/varz");
                Ok(json(StatusCode::OK, &self.varz(requests)))
            }
            "/connz" => {
                self.count("/connz");
                Ok(json(StatusCode::OK, &self.connz(&query)?))
            }
            "/jsz" => {
                self.count("/jsz");
                let report = self.report(&query).await?;
                Ok(json(StatusCode::OK, &self.jsz(report, &query)))
            }
            "/healthz" => {
                self.count("/healthz");
                let (status, health) = self.healthz().await;
                Ok(json(status, &health))
            }
            "/metrics" => {
                self.count("/metrics");
                Ok((StatusCode::OK, METRICS, self.metrics()))
            }
            _ => Err(Refusal::NoPage),
        }
    }

    /// Counts a request, and returns all counts.
    fn count(&self, page: &'static str) -> BTreeMap<&'static str, u64> {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry(page).or_default() += 1;
        requests.clone()
    }

    fn uptime(&self) -> Duration {
        self.started.0.elapsed()
    }
}

/// A page of JSON, laid out for people as nats-server does.
fn json<T: Serialize>(status: StatusCode, value: &T) -> (StatusCode, HeaderValue, String) {
    // The pages have text keys and no serializer of theirs fails.
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    (status, JSON, text)
}

/// A time as nats-server writes it.
fn render_time(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).map_or_else(|_| String::new(), |time| time.to_string())
}

/// A duration as nats-server writes it: `2d3h4m5s`, without leading zeros.
fn render_uptime(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (years, rest) = (seconds / 31_536_000, seconds % 31_536_000);
    let (days, rest) = (rest / 86_400, rest % 86_400);
    let (hours, rest) = (rest / 3_600, rest % 3_600);
    let (minutes, seconds) = (rest / 60, rest % 60);
    let mut text = String::new();
    for (count, unit) in [(years, "y"), (days, "d"), (hours, "h"), (minutes, "m")] {
        if count > 0 || !text.is_empty() {
            text.push_str(&count.to_string());
            text.push_str(unit);
        }
    }
    text.push_str(&seconds.to_string());
    text.push('s');
    text
}
