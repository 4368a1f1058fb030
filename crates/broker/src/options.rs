//! What a broker is told when it starts.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::TimeShift;
use crate::auth::Auth;
use crate::tls::TlsListen;

/// Port that NATS clients try first.
const PORT_DEFAULT: u16 = 4222;

const MEBIBYTE: usize = 1024 * 1024;

/// How a broker listens, what it allows, and whether it stores anything.
#[derive(Debug, Clone)]
pub struct Options {
    /// Addresses to listen on without encryption. Port 0 takes any free port. Default: `127.0.0.1:4222`. With
    /// [`Options::listen_tls`] there must be at least one.
    pub listen: Vec<SocketAddr>,
    /// Addresses to listen on with encryption. Default: none.
    pub listen_tls: Vec<TlsListen>,
    /// Who may connect. Default: everybody who reaches an address.
    pub auth: Option<Auth>,
    /// Whether to listen beyond this machine although everybody may connect. Default: no, it is refused.
    pub allow_unauthenticated: bool,
    /// Addresses that clients are told to try as well, as `host:port`: those of this broker as they see it.
    /// Default: none.
    pub advertise: Vec<String>,
    /// Name that clients see. Default: the id of this run.
    pub server_name: Option<String>,
    /// Address of the pages for those who watch: `/varz`, `/connz`, `/jsz`, `/healthz` and `/metrics` over HTTP. Whoever
    /// reaches it may read them. Default: none.
    pub monitor: Option<SocketAddr>,
    /// Bounds of connections and messages.
    pub limits: Limits,
    /// Streams and buckets. Default: none, and their API is answered by nobody.
    pub jetstream: Option<JetStreamOptions>,
}

/// Bounds of connections and messages. Each has the default of nats-server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest message, headers included, in bytes. Bounds: 1 to 64 MiB. Default: 1 MiB.
    pub payload_bytes_max: usize,
    /// Longest control line, in bytes. Default: 4096.
    pub control_line_bytes_max: usize,
    /// Clients at a time. Default: 65536.
    pub connections_max: usize,
    /// Subscriptions of one client. Default: 100000 (nats-server: no limit).
    pub subscriptions_max: usize,
    /// Bytes that may wait for one client; with more it is cut. At least one message. Default: 64 MiB.
    pub pending_bytes_max: usize,
    /// Longest time that one portion of what waits (up to 1 MiB) may take to write. Default: 10 s.
    pub write_timeout: Duration,
    /// Silence after which a client is asked for a sign of life. Default: 2 min.
    pub ping_interval: Duration,
    /// Pings that may stay unanswered; at the next a client is cut. Default: 2.
    pub pings_max: u32,
    /// Time to say who it is, for a client that must, and for its turn where passwords are compared. Default: 2 s.
    pub auth_timeout: Duration,
    /// Time for the handshake of an encrypted connection. Default: 2 s.
    pub tls_timeout: Duration,
}

/// Where and how streams are stored.
#[derive(Debug, Clone)]
pub struct JetStreamOptions {
    /// Directory of the store, made private to its owner. One broker at a time may use it.
    pub data_dir: PathBuf,
    /// Streams whose every message is forced to the disk before it is acknowledged, by name; a final `*`
    /// stands for any rest, so `*` alone means all. A bucket is the stream `KV_{bucket}`. Default: none.
    pub synced_streams: Vec<String>,
    /// How often what other streams store is forced to the disk. An acknowledged message survives the end of
    /// the process at any time; a loss of power may cost those of the last interval. Default: 1 s.
    pub sync_interval: Duration,
    /// Streams and buckets together. Default: 10000.
    pub streams_max: usize,
    /// Bytes of all streams in memory, as their limits count them; a message for which there is no room is
    /// refused. Default: 1 GiB.
    pub memory_bytes_max: u64,
    /// Consumers of all streams, which includes every watcher of a bucket. Default: 100000.
    pub consumers_max: usize,
    /// Lets tests move the time of streams. Default: none.
    pub time_shift: TimeShift,
}

// ---------------------------------------------------------------------------------------------------------

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::new(
                IpAddr::V4(Ipv4Addr::LOCALHOST),
                PORT_DEFAULT,
            )],
            listen_tls: Vec::new(),
            auth: None,
            allow_unauthenticated: false,
            advertise: Vec::new(),
            server_name: None,
            monitor: None,
            limits: Limits::default(),
            jetstream: None,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            payload_bytes_max: MEBIBYTE,
            control_line_bytes_max: 4096,
            connections_max: 64 * 1024,
            subscriptions_max: 100_000,
            pending_bytes_max: 64 * MEBIBYTE,
            write_timeout: Duration::from_secs(10),
            ping_interval: Duration::from_mins(2),
            pings_max: 2,
            auth_timeout: Duration::from_secs(2),
            tls_timeout: Duration::from_secs(2),
        }
    }
}

impl Limits {
    /// The name of the first limit that makes no sense, if any.
    pub(crate) fn invalid(&self) -> Option<&'static str> {
        let checks = [
            (
                (1..=64 * MEBIBYTE).contains(&self.payload_bytes_max),
                "payload_bytes_max",
            ),
            (
                (64..=MEBIBYTE).contains(&self.control_line_bytes_max),
                "control_line_bytes_max",
            ),
            (self.connections_max > 0, "connections_max"),
            (self.subscriptions_max > 0, "subscriptions_max"),
            (
                self.pending_bytes_max > self.payload_bytes_max,
                "pending_bytes_max",
            ),
            (!self.write_timeout.is_zero(), "write_timeout"),
            (!self.ping_interval.is_zero(), "ping_interval"),
            (!self.auth_timeout.is_zero(), "auth_timeout"),
            (!self.tls_timeout.is_zero(), "tls_timeout"),
        ];
        checks
            .into_iter()
            .find(|(is_valid, _)| !is_valid)
            .map(|(_, name)| name)
    }
}

impl JetStreamOptions {
    /// Streams in `data_dir`, everything else by default.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            synced_streams: Vec::new(),
            sync_interval: Duration::from_secs(1),
            streams_max: 10_000,
            memory_bytes_max: 1024 * MEBIBYTE as u64,
            consumers_max: 100_000,
            time_shift: TimeShift::default(),
        }
    }
}
