//! The access log: one JSON object per request and line, in a sink of its own.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Instant;

use http::header::{HOST, USER_AGENT};
use http::{Method, Request, StatusCode};
use jiff::Timestamp;
use weft_model::id::ComponentId;

/// Entries that wait to be written; more are dropped and counted.
const QUEUE_MAX: usize = 8192;
/// Bytes of any one text in an entry.
const TEXT_BYTES_MAX: usize = 1024;

/// Where requests are logged. Writing happens on a thread of its own; requests never wait for it.
#[derive(Clone, Debug)]
pub struct AccessLog {
    entries: SyncSender<Entry>,
    dropped: Arc<AtomicU64>,
}

/// One request.
#[derive(Debug)]
pub(super) struct Entry {
    time: Timestamp,
    begun: Instant,
    client: SocketAddr,
    method: Method,
    host: String,
    target: String,
    agent: String,
    status: StatusCode,
    component: Option<ComponentId>,
    pub(super) bytes: u64,
    pub(super) is_cut: bool,
    duration_ms: f64,
}

// ===== impl AccessLog =====

impl AccessLog {
    /// Starts a thread that writes to `sink`.
    ///
    /// # Errors
    ///
    /// The operating system refuses another thread.
    pub fn start(sink: impl Write + Send + 'static) -> io::Result<Self> {
        let (entries, receiver) = sync_channel::<Entry>(QUEUE_MAX);
        thread::Builder::new().name("weft-access-log".to_owned()).spawn(move || {
            let mut sink = io::BufWriter::new(sink);
            while let Ok(entry) = receiver.recv() {
                let mut next = Some(entry);
                let mut written = Ok(());
                // Everything that has come meanwhile goes out in one write.
                while let Some(entry) = next {
                    written = written.and_then(|()| writeln!(sink, "{}", entry.to_json()));
                    next = receiver.try_recv().ok();
                }
                if let Err(error) = written.and_then(|()| sink.flush()) {
                    tracing::error!(error = %error, "Cannot write the access log, giving it up");
                    return;
                }
            }
        })?;
        Ok(Self {
            entries,
            dropped: Arc::default(),
        })
    }

    /// Entries that were dropped because writing did not keep up.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub(super) fn write(&self, mut entry: Entry) {
        entry.duration_ms = entry.begun.elapsed().as_secs_f64() * 1000.0;
        if let Err(TrySendError::Full(_)) = self.entries.try_send(entry)
            && self.dropped.fetch_add(1, Ordering::Relaxed) == 0
        {
            tracing::warn!("The access log does not keep up, entries are dropped");
        }
    }
}

// ===== impl Entry =====

impl Entry {
    pub(super) fn new<B>(client: SocketAddr, request: &Request<B>, begun: Instant) -> Self {
        let header = |name| {
            request
                .headers()
                .get(name)
                .map(|value| cut(&String::from_utf8_lossy(value.as_bytes())))
                .unwrap_or_default()
        };
        let target = request
            .uri()
            .path_and_query()
            .map_or_else(|| request.uri().path(), |target| target.as_str());
        Self {
            time: Timestamp::now(),
            begun,
            client,
            method: request.method().clone(),
            host: request
                .uri()
                .authority()
                .map_or_else(|| header(HOST), |authority| cut(authority.as_str())),
            target: cut(target),
            agent: header(USER_AGENT),
            status: StatusCode::OK,
            component: None,
            bytes: 0,
            is_cut: false,
            duration_ms: 0.0,
        }
    }

    pub(super) fn answered(&mut self, status: StatusCode, component: Option<ComponentId>) {
        self.status = status;
        self.component = component;
    }

    fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "time": format!("{:.3}", self.time),
            "client": self.client.to_string(),
            "method": self.method.as_str(),
            "host": self.host,
            "target": self.target,
            "status": self.status.as_u16(),
            "bytes": self.bytes,
            "cut": self.is_cut,
            "duration_ms": (self.duration_ms * 1000.0).round() / 1000.0,
            "component": self.component.as_ref().map(ComponentId::as_str),
            "agent": self.agent,
        })
    }
}

fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(TEXT_BYTES_MAX)].to_owned()
}
