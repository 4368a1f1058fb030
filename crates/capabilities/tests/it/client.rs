//! An HTTP client that sees what a client sees: also answers that are broken off.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

/// An answer as far as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Option<HeaderMap>,
    /// Whether the body came to its end.
    pub(crate) is_complete: bool,
}

/// The protocol that a client speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

pub(crate) async fn get(address: SocketAddr, path: &str) -> Answer {
    send(address, Protocol::Http1, request(Method::GET, path, "")).await
}

pub(crate) fn request(method: Method, path: &str, body: &'static str) -> Request<Full<Bytes>> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("host", "test.example")
        .body(Full::new(Bytes::from_static(body.as_bytes())))
        .unwrap()
}

/// Sends one request on a connection of its own.
pub(crate) async fn send(
    address: SocketAddr,
    protocol: Protocol,
    request: Request<Full<Bytes>>,
) -> Answer {
    let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let response = match protocol {
        Protocol::Http1 => {
            let (mut sender, connection) = http1::handshake(stream).await.unwrap();
            spawn(connection);
            sender.send_request(request).await.unwrap()
        }
        Protocol::Http2 => {
            let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream)
                .await
                .unwrap();
            spawn(connection);
            let (mut parts, body) = request.into_parts();
            parts.headers.remove("host");
            parts.uri = format!("http://test.example{}", parts.uri).parse().unwrap();
            sender
                .send_request(Request::from_parts(parts, body))
                .await
                .unwrap()
        }
    };
    collect(response).await
}

pub(crate) async fn collect(response: http::Response<hyper::body::Incoming>) -> Answer {
    let (parts, mut incoming) = response.into_parts();
    let mut answer = Answer {
        status: parts.status,
        headers: parts.headers,
        body: Vec::new(),
        trailers: None,
        is_complete: false,
    };
    loop {
        match incoming.frame().await {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => answer.body.extend_from_slice(&data),
                Err(frame) => answer.trailers = frame.into_trailers().ok(),
            },
            Some(Err(_)) => return answer,
            None => {
                answer.is_complete = true;
                return answer;
            }
        }
    }
}

/// Drives a connection for as long as the test runs.
#[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
pub(crate) fn spawn<T>(task: impl Future<Output = T> + Send + 'static)
where
    T: Send + 'static,
{
    tokio::spawn(task);
}
