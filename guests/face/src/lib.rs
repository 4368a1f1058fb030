//! The HTTP face that the WASI 0.2 guests share: what was asked, and short or streamed answers.

use wasip2::http::types::{
    Fields, IncomingBody, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

/// How much of a body is read at once, in bytes.
const READ_BYTES_MAX: u64 = 64 * 1024;

/// What was asked.
pub struct Request {
    inner: IncomingRequest,
    target: String,
}

/// An answer whose head is sent and whose body is being written.
pub struct Answer {
    // The stream is a child of the body: it is dropped first, which the order of the fields makes so.
    stream: OutputStream,
    body: OutgoingBody,
}

/// Answers with a short text.
pub fn answer(out: ResponseOutparam, status: u16, body: impl AsRef<[u8]>) {
    let body = body.as_ref();
    let length = body.len().to_string();
    let headers = [
        (
            "content-type".to_owned(),
            b"text/plain; charset=utf-8".to_vec(),
        ),
        ("content-length".to_owned(), length.into_bytes()),
    ];
    let mut answer = Answer::begin(out, status, &headers);
    // A client that went away is no concern of a guest.
    if answer.write(body).is_ok() {
        answer.finish();
    }
}

// ===== impl Request =====

impl Request {
    /// Takes the request apart.
    pub fn new(inner: IncomingRequest) -> Self {
        let target = inner.path_with_query().unwrap_or_else(|| "/".to_owned());
        Self { inner, target }
    }

    /// The method as it is written: `GET`.
    pub fn method(&self) -> String {
        match self.inner.method() {
            Method::Get => "GET".to_owned(),
            Method::Head => "HEAD".to_owned(),
            Method::Post => "POST".to_owned(),
            Method::Put => "PUT".to_owned(),
            Method::Delete => "DELETE".to_owned(),
            Method::Connect => "CONNECT".to_owned(),
            Method::Options => "OPTIONS".to_owned(),
            Method::Trace => "TRACE".to_owned(),
            Method::Patch => "PATCH".to_owned(),
            Method::Other(name) => name,
        }
    }

    /// Path and query as they were sent.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The path without the query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The value of a query parameter, as it was sent: nothing is decoded.
    pub fn query(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (key == name).then_some(value)
        })
    }

    /// The number that a query parameter gives; `default` when it is missing or no number.
    pub fn number(&self, name: &str, default: u64) -> u64 {
        self.query(name)
            .and_then(|value| value.parse().ok())
            .unwrap_or(default)
    }

    /// Hands the body to `chunk`, piece by piece as it arrives, until it ends or `chunk` fails. Says whether the whole
    /// body went through.
    pub fn read_body(self, mut chunk: impl FnMut(&[u8]) -> Result<(), StreamError>) -> bool {
        let Ok(body) = self.inner.consume() else {
            return false;
        };
        let is_whole = match body.stream() {
            Ok(stream) => copy(&stream, &mut chunk),
            Err(()) => false,
        };
        drop(IncomingBody::finish(body));
        is_whole
    }
}

fn copy(stream: &InputStream, chunk: &mut impl FnMut(&[u8]) -> Result<(), StreamError>) -> bool {
    loop {
        match stream.blocking_read(READ_BYTES_MAX) {
            Ok(bytes) => {
                if chunk(&bytes).is_err() {
                    return false;
                }
            }
            Err(StreamError::Closed) => return true,
            Err(StreamError::LastOperationFailed(_)) => return false,
        }
    }
}

// ===== impl Answer =====

impl Answer {
    /// Sends the head.
    pub fn begin(out: ResponseOutparam, status: u16, headers: &[(String, Vec<u8>)]) -> Self {
        let headers = Fields::from_list(headers).expect("the headers of a guest are well-formed");
        let response = OutgoingResponse::new(headers);
        response
            .set_status_code(status)
            .expect("the status of a guest is well-formed");
        let body = response.body().expect("the body is taken once");
        ResponseOutparam::set(out, Ok(response));
        let stream = body.write().expect("the stream is taken once");
        Self { stream, body }
    }

    /// Writes a piece of the body, waiting while the client is slow.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<(), StreamError> {
        while !bytes.is_empty() {
            let permitted = usize::try_from(self.stream.check_write()?).unwrap_or(usize::MAX);
            if permitted == 0 {
                self.stream.subscribe().block();
                continue;
            }
            let (now, later) = bytes.split_at(permitted.min(bytes.len()));
            self.stream.write(now)?;
            bytes = later;
        }
        Ok(())
    }

    /// Waits until everything written is on its way.
    pub fn flush(&mut self) -> Result<(), StreamError> {
        self.stream.blocking_flush()
    }

    /// Ends the body.
    pub fn finish(self) {
        let Self { stream, body } = self;
        // The request never blocks: what is written is sent before the end of the body.
        let _ = stream.flush();
        drop(stream);
        let _ = OutgoingBody::finish(body, None);
    }
}
