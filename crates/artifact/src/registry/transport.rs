//! One request over one connection, bounded in time.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time;
use url::{Host, Url};

use super::body::Upload;
use super::cause::ConnectError;
use super::tls::Trust;

/// Headers of an answer, in bytes.
const HEADERS_BYTES_MAX: usize = 64 * 1024;

pub(super) struct Transport {
    pub(super) trust: Trust,
    pub(super) connect_timeout: Duration,
    pub(super) idle_timeout: Duration,
}

/// An answer whose body is still to be read. Dropping it closes the connection.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// Where the answer came from.
    pub(super) url: Url,
    body: Incoming,
    connection: Connection,
    idle_timeout: Duration,
}

/// The task of a connection, polled along with whatever waits for it, so that there is nothing to supervise.
struct Connection {
    task: Pin<Box<dyn Future<Output = ()> + Send>>,
    is_done: bool,
}

// ===== impl Transport =====

impl Transport {
    /// Sends a request, whose URI is set from `url`, and reads the head of the answer, which may take until
    /// `answer_timeout` from when there is a connection.
    pub(super) async fn send(
        &self,
        url: &Url,
        mut request: Request<Upload>,
        answer_timeout: Duration,
    ) -> Result<Answer, ConnectError> {
        let host = url.host().ok_or(ConnectError::Address)?;
        let port = url.port_or_known_default().ok_or(ConnectError::Address)?;
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        *request.uri_mut() = path.parse().map_err(|_| ConnectError::Address)?;
        let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let authority = HeaderValue::from_str(authority).map_err(|_| ConnectError::Address)?;
        request.headers_mut().insert(HOST, authority);

        let connected = time::timeout(
            self.connect_timeout,
            self.connect(url, &host, port, request),
        );
        let (mut connection, answer) = connected.await.map_err(|_| ConnectError::Timeout)??;
        let answer = time::timeout(answer_timeout, connection.drive(answer))
            .await
            .map_err(|_| ConnectError::Silent {
                timeout: answer_timeout,
            })?
            .map_err(exchange_error)?;
        let (head, body) = answer.into_parts();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            url: url.clone(),
            body,
            connection,
            idle_timeout: self.idle_timeout,
        })
    }

    async fn connect(
        &self,
        url: &Url,
        host: &Host<&str>,
        port: u16,
        request: Request<Upload>,
    ) -> Result<(Connection, Pending), ConnectError> {
        let stream = match host {
            Host::Domain(name) => TcpStream::connect((*name, port)).await,
            Host::Ipv4(address) => TcpStream::connect((*address, port)).await,
            Host::Ipv6(address) => TcpStream::connect((*address, port)).await,
        };
        let stream = stream.map_err(|source| ConnectError::Connect {
            source: Arc::new(source),
        })?;
        // Without it only speed is lost.
        drop(stream.set_nodelay(true));
        if url.scheme() != "https" {
            return begin(stream, request).await;
        }
        let name = match host {
            Host::Domain(name) => {
                ServerName::try_from((*name).to_owned()).map_err(|_| ConnectError::Address)?
            }
            Host::Ipv4(address) => ServerName::from(std::net::IpAddr::from(*address)),
            Host::Ipv6(address) => ServerName::from(std::net::IpAddr::from(*address)),
        };
        let connector = self.trust.connector().await.map_err(tls_error)?;
        let stream = connector.connect(name, stream).await.map_err(tls_error)?;
        begin(stream, request).await
    }
}

type Pending = Pin<Box<dyn Future<Output = hyper::Result<http::Response<Incoming>>> + Send>>;

async fn begin(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Upload>,
) -> Result<(Connection, Pending), ConnectError> {
    let (mut sender, connection) = http1::Builder::new()
        .max_header_size(HEADERS_BYTES_MAX)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(exchange_error)?;
    let task = async move {
        // Its errors come out of the request or the body as well.
        drop(connection.await);
    };
    let connection = Connection {
        task: Box::pin(task),
        is_done: false,
    };
    let pending = async move { sender.send_request(request).await };
    Ok((connection, Box::pin(pending)))
}

fn exchange_error(source: hyper::Error) -> ConnectError {
    ConnectError::Exchange {
        source: Arc::new(source),
    }
}

fn tls_error(source: io::Error) -> ConnectError {
    let rustls = source
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match rustls {
        // Whatever came was no TLS at all.
        Some(rustls::Error::InvalidMessage(_)) => ConnectError::NotTls,
        Some(_) => ConnectError::Tls {
            source: Arc::new(source),
        },
        None => ConnectError::Connect {
            source: Arc::new(source),
        },
    }
}

// ===== impl Connection =====

impl Connection {
    async fn drive<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|context| {
            if !self.is_done && self.task.as_mut().poll(context).is_ready() {
                self.is_done = true;
            }
            match future.as_mut().poll(context) {
                Poll::Ready(output) => Poll::Ready(output),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }
}

// ===== impl Answer =====

impl Answer {
    /// The next bytes of the body; `None` at its end.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, ConnectError> {
        loop {
            let frame = self.connection.drive(self.body.frame());
            let frame = time::timeout(self.idle_timeout, frame).await.map_err(|_| {
                ConnectError::Silent {
                    timeout: self.idle_timeout,
                }
            })?;
            match frame {
                None => return Ok(None),
                Some(frame) => {
                    if let Ok(bytes) = frame.map_err(exchange_error)?.into_data() {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }

    /// The whole body; `None` when it has more than `bytes_max`.
    pub(super) async fn bytes(mut self, bytes_max: usize) -> Result<Option<Bytes>, ConnectError> {
        let mut all = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            if all.len() + chunk.len() > bytes_max {
                return Ok(None);
            }
            all.extend_from_slice(&chunk);
        }
        Ok(Some(all.into()))
    }

    /// What of the body fits into `bytes_max`, for messages.
    pub(super) async fn excerpt(mut self, bytes_max: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while let Ok(Some(chunk)) = self.chunk().await {
            let room = bytes_max - all.len();
            all.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if all.len() == bytes_max {
                break;
            }
        }
        all
    }
}
