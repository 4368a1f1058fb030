//! A small registry that can be told to misbehave.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, RANGE, WWW_AUTHENTICATE};
use http::{Method, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use weft_artifact::digest;

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// What goes wrong with the next answers whose path contains a text.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// Another status.
    Status(u16, Vec<(&'static str, String)>),
    /// The connection breaks after that many bytes.
    CutAfter(usize),
    /// One byte of the body is another.
    Corrupt,
    /// The body has more bytes than it must have.
    TooMuch,
    /// The whole, whatever part is asked for.
    IgnoreRange,
    /// No answer at all.
    Hang,
    /// No answer until the gate is opened.
    Gate,
}

/// A registry that listens for as long as it lives.
pub(crate) struct Registry {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    _tasks: JoinSet<()>,
}

pub(crate) struct State {
    manifests: Mutex<BTreeMap<String, Bytes>>,
    blobs: Mutex<BTreeMap<String, Bytes>>,
    faults: Mutex<Vec<(String, usize, Fault)>>,
    requests: Mutex<Vec<String>>,
    /// `Authorization` that is asked for, and the challenge to send without it.
    lock: Mutex<Option<(String, String)>>,
    token: Mutex<Option<(String, String)>>,
    pub(crate) gate: Semaphore,
}

impl Registry {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            manifests: Mutex::default(),
            blobs: Mutex::default(),
            faults: Mutex::default(),
            requests: Mutex::default(),
            lock: Mutex::default(),
            token: Mutex::default(),
            gate: Semaphore::new(0),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, state.clone()));
        Self {
            address,
            state,
            _tasks: tasks,
        }
    }

    pub(crate) fn name(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// Puts an image with one layer; returns the digest of the layer.
    pub(crate) fn put(&self, tag: &str, media_type: &str, layer: &[u8]) -> String {
        self.put_sized(tag, media_type, layer, layer.len())
    }

    /// Puts an image whose manifest tells another size.
    pub(crate) fn put_sized(
        &self,
        tag: &str,
        media_type: &str,
        layer: &[u8],
        size: usize,
    ) -> String {
        let layer_digest = digest(layer).to_string();
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"application/vnd.wasm.config.v0+json","digest":"{layer_digest}","size":2}},"layers":[{{"mediaType":"{media_type}","digest":"{layer_digest}","size":{size}}}]}}"#
        );
        let manifest = Bytes::from(manifest);
        let mut manifests = self.state.manifests.lock().unwrap();
        manifests.insert(digest(&manifest).to_string(), manifest.clone());
        manifests.insert(tag.to_owned(), manifest);
        let mut blobs = self.state.blobs.lock().unwrap();
        blobs.insert(layer_digest.clone(), Bytes::copy_from_slice(layer));
        layer_digest
    }

    /// Puts an image that general tools made, with its content in several layers.
    pub(crate) fn put_joined(&self, tag: &str, parts: &[&[u8]]) {
        let mut layers = Vec::new();
        for part in parts {
            let name = digest(part).to_string();
            layers.push(format!(
                r#"{{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{name}","size":{}}}"#,
                part.len()
            ));
            let mut blobs = self.state.blobs.lock().unwrap();
            blobs.insert(name, Bytes::copy_from_slice(part));
        }
        let manifest = format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{}","size":2}},"layers":[{}]}}"#,
            digest(b"{}"),
            layers.join(",")
        );
        let manifest = Bytes::from(manifest);
        let mut manifests = self.state.manifests.lock().unwrap();
        manifests.insert(digest(&manifest).to_string(), manifest.clone());
        manifests.insert(tag.to_owned(), manifest);
    }

    pub(crate) fn fail(&self, path: &str, times: usize, fault: Fault) {
        self.state
            .faults
            .lock()
            .unwrap()
            .push((path.to_owned(), times, fault));
    }

    /// Answers only with this `Authorization`, which the challenge asks for.
    pub(crate) fn lock(&self, authorization: &str, challenge: &str) {
        *self.state.lock.lock().unwrap() = Some((authorization.to_owned(), challenge.to_owned()));
    }

    /// Gives out `token` to those with this `Authorization`, which is empty for anybody.
    pub(crate) fn give_token(&self, authorization: &str, token: &str) {
        *self.state.token.lock().unwrap() = Some((authorization.to_owned(), token.to_owned()));
    }

    /// The requests so far whose path contains `part`, as `METHOD path range`.
    pub(crate) fn requests(&self, part: &str) -> Vec<String> {
        let requests = self.state.requests.lock().unwrap();
        requests
            .iter()
            .filter(|request| request.contains(part))
            .cloned()
            .collect()
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let state = state.clone();
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let state = state.clone();
                async move { Ok::<_, Infallible>(answer(&state, request).await) }
            });
            // A connection that is cut on purpose fails.
            drop(
                http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await,
            );
        });
    }
}

async fn answer(state: &State, request: Request<Incoming>) -> Response<Body> {
    let path = request.uri().to_string();
    let header = |name| {
        let value = request.headers().get(name)?;
        Some(value.to_str().unwrap().to_owned())
    };
    let (range, authorization) = (header(RANGE), header(AUTHORIZATION).unwrap_or_default());
    let line = format!(
        "{} {path} {} {authorization}",
        request.method(),
        range.as_deref().unwrap_or("-")
    );
    state.requests.lock().unwrap().push(line);
    if path.starts_with("/token") {
        let token = state.token.lock().unwrap().clone();
        return match token {
            Some((wanted, token)) if wanted.is_empty() || wanted == authorization => whole(
                StatusCode::OK,
                Bytes::from(format!(r#"{{"token":"{token}","expires_in":300}}"#)),
            ),
            _ => whole(StatusCode::UNAUTHORIZED, Bytes::new()),
        };
    }
    let lock = state.lock.lock().unwrap().clone();
    if let Some((wanted, challenge)) = lock
        && authorization != wanted
    {
        let mut answer = whole(StatusCode::UNAUTHORIZED, Bytes::new());
        answer
            .headers_mut()
            .insert(WWW_AUTHENTICATE, challenge.parse().unwrap());
        return answer;
    }
    let fault = next_fault(state, &path);
    match &fault {
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Gate) => state.gate.acquire().await.unwrap().forget(),
        Some(Fault::Status(status, headers)) => {
            let body = r#"{"errors":[{"code":"OOPS","message":"on purpose"}]}"#;
            let mut answer = whole(StatusCode::from_u16(*status).unwrap(), Bytes::from(body));
            for (name, value) in headers {
                answer.headers_mut().insert(*name, value.parse().unwrap());
            }
            return answer;
        }
        _ => {}
    }
    let (kind, name) = path.rsplit_once('/').unwrap_or_default();
    let found = if kind.ends_with("manifests") {
        state.manifests.lock().unwrap().get(name).cloned()
    } else {
        state.blobs.lock().unwrap().get(name).cloned()
    };
    match found {
        None => whole(StatusCode::NOT_FOUND, Bytes::new()),
        Some(content) => content_answer(request.method(), content, range, fault),
    }
}

fn next_fault(state: &State, path: &str) -> Option<Fault> {
    let mut faults = state.faults.lock().unwrap();
    let index = faults
        .iter()
        .position(|(part, times, _)| *times > 0 && path.contains(part.as_str()))?;
    faults[index].1 -= 1;
    Some(faults[index].2.clone())
}

fn content_answer(
    method: &Method,
    content: Bytes,
    range: Option<String>,
    fault: Option<Fault>,
) -> Response<Body> {
    if method == Method::HEAD {
        let mut answer = whole(StatusCode::OK, Bytes::new());
        let digest = digest(&content).to_string();
        answer
            .headers_mut()
            .insert("docker-content-digest", digest.parse().unwrap());
        return answer;
    }
    let total = content.len();
    let start = range
        .filter(|_| !matches!(fault, Some(Fault::IgnoreRange)))
        .and_then(|range| {
            range
                .strip_prefix("bytes=")?
                .strip_suffix('-')?
                .parse::<usize>()
                .ok()
        });
    let part = content.slice(start.unwrap_or(0)..);
    let mut answer = match fault {
        Some(Fault::CutAfter(bytes)) => cut(&part, bytes),
        Some(Fault::Corrupt) => {
            let mut wrong = part.to_vec();
            *wrong.last_mut().unwrap() ^= 1;
            whole(StatusCode::OK, wrong.into())
        }
        Some(Fault::TooMuch) => whole(StatusCode::OK, [&part[..], b"more"].concat().into()),
        _ => whole(StatusCode::OK, part),
    };
    if let Some(start) = start {
        *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
        let range = format!("bytes {start}-{}/{total}", total - 1);
        answer
            .headers_mut()
            .insert(CONTENT_RANGE, range.parse().unwrap());
    }
    answer
}

fn whole(status: StatusCode, body: Bytes) -> Response<Body> {
    let body = Full::new(body)
        .map_err(|never| match never {})
        .boxed_unsync();
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer
}

/// Says that all of it comes, and breaks the connection after some.
fn cut(content: &Bytes, bytes: usize) -> Response<Body> {
    let begin = content.slice(..bytes);
    let frames = futures::stream::once(async { Ok(Frame::data(begin)) });
    // Pending once in between: the server writes what it has before it sees the end.
    let end = futures::stream::once(async {
        tokio::task::yield_now().await;
        Err(io::ErrorKind::ConnectionReset.into())
    });
    let body = StreamBody::new(futures::StreamExt::chain(frames, end));
    let mut answer = Response::new(BodyExt::boxed_unsync(body));
    answer
        .headers_mut()
        .insert(CONTENT_LENGTH, content.len().into());
    answer
}

/// A redirection to `target`.
pub(crate) fn redirect(target: &str) -> Fault {
    Fault::Status(307, vec![("location", target.to_owned())])
}
