//! Requests and responses, as far as the guest book needs them.

use wasip2::clocks::wall_clock;
use wasip2::http::types::{
    Fields, IncomingBody, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

/// What every answer says to browsers: nothing but this page's own style is to be loaded or run.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What a client asks.
pub(crate) struct Request {
    inner: IncomingRequest,
    method: String,
    path: String,
}

/// What it is answered.
pub(crate) struct Response {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

/// The time, in seconds since 1970.
pub(crate) fn now_seconds() -> u64 {
    wall_clock::now().seconds
}

// ===== impl Request =====

impl Request {
    /// Takes the request apart.
    pub(crate) fn new(inner: IncomingRequest) -> Self {
        let target = inner.path_with_query().unwrap_or_default();
        let path = target.split('?').next().unwrap_or_default();
        let path = if path.is_empty() { "/" } else { path };
        let method = match inner.method() {
            Method::Get => "GET".to_owned(),
            Method::Head => "HEAD".to_owned(),
            Method::Post => "POST".to_owned(),
            Method::Other(name) => name,
            // No path has an answer for these, so their names do not matter.
            _ => String::new(),
        };
        Self {
            method,
            path: path.to_owned(),
            inner,
        }
    }

    /// The method as it is written: `GET`.
    pub(crate) fn method(&self) -> &str {
        &self.method
    }

    /// The path without the query.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The value of a cookie, as it was sent.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        self.header("cookie")?
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.to_owned())
    }

    /// Whether the body says that it is a form.
    pub(crate) fn has_form(&self) -> bool {
        let content_type = self.header("content-type").unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    }

    /// The body; `None` when it is longer than `bytes_max` or does not arrive whole.
    pub(crate) fn read_body(self, bytes_max: usize) -> Option<Vec<u8>> {
        let incoming = self.inner.consume().ok()?;
        let stream = incoming.stream().ok()?;
        let body = read_stream(&stream, bytes_max);
        drop(stream);
        drop(IncomingBody::finish(incoming));
        body
    }

    fn header(&self, name: &str) -> Option<String> {
        let value = self.inner.headers().get(name).into_iter().next()?;
        String::from_utf8(value).ok()
    }
}

fn read_stream(stream: &InputStream, bytes_max: usize) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        // One byte more than is accepted tells a body that is too long.
        let room = bytes_max + 1 - body.len();
        match stream.blocking_read(room as u64) {
            Ok(bytes) => body.extend(bytes),
            Err(StreamError::Closed) => return Some(body),
            Err(StreamError::LastOperationFailed(_)) => return None,
        }
        if body.len() > bytes_max {
            return None;
        }
    }
}

// ===== impl Response =====

impl Response {
    /// A page.
    pub(crate) fn html(status: u16, body: String) -> Self {
        Self::new(status, "text/html; charset=utf-8", body)
    }

    /// A plain text.
    pub(crate) fn text(body: String) -> Self {
        Self::new(200, "text/plain; charset=utf-8", body)
    }

    /// A JSON text.
    pub(crate) fn json(body: String) -> Self {
        Self::new(200, "application/json", body)
    }

    /// Sends the client to another page of ours.
    pub(crate) fn see_other(path: &str) -> Self {
        let response = Self::new(303, "text/plain; charset=utf-8", String::new());
        response.with_header("location", path.to_owned())
    }

    /// Adds a header.
    pub(crate) fn with_header(mut self, name: &str, value: String) -> Self {
        self.headers.push((name.to_owned(), value.into_bytes()));
        self
    }

    /// Sends the response. A client that went away in the middle is not our concern.
    pub(crate) fn send(self, out: ResponseOutparam) {
        let headers = Fields::from_list(&self.headers).expect("the headers are well-formed");
        let response = OutgoingResponse::new(headers);
        response
            .set_status_code(self.status)
            .expect("the status is a valid one");
        let body = response.body().expect("the body is taken once");
        ResponseOutparam::set(out, Ok(response));
        let stream = body.write().expect("the stream is taken once");
        let sent = write_stream(&stream, &self.body);
        drop(stream);
        if sent.is_ok() {
            let _ = OutgoingBody::finish(body, None);
        }
    }

    fn new(status: u16, content_type: &str, body: String) -> Self {
        let headers = [
            ("content-type", content_type.to_owned()),
            ("content-length", body.len().to_string()),
            ("content-security-policy", CONTENT_POLICY.to_owned()),
            ("cache-control", "no-store".to_owned()),
        ];
        Self {
            status,
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.into_bytes()))
                .into(),
            body: body.into_bytes(),
        }
    }
}

fn write_stream(stream: &OutputStream, mut bytes: &[u8]) -> Result<(), StreamError> {
    while !bytes.is_empty() {
        let permitted = usize::try_from(stream.check_write()?).unwrap_or(usize::MAX);
        if permitted == 0 {
            stream.subscribe().block();
            continue;
        }
        let (now, later) = bytes.split_at(permitted.min(bytes.len()));
        stream.write(now)?;
        bytes = later;
    }
    stream.flush()
}
