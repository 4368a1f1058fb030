//! What the servers keep in memory while nothing happens.

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::line::Line;
use super::servers::{HugePages, Kind, Programs, Sync};

/// How long a server is left alone before one looks, so that it has given back what it will.
const REST: Duration = Duration::from_secs(3);

/// Bytes of memory.
pub(super) struct Memory {
    /// The broker's process, less the same process without a broker.
    broker: u64,
    /// The same, both without huge pages.
    broker_small_pages: u64,
    /// The whole process, for want of one without a server.
    nats_server: u64,
    /// By connection: the broker, nats-server.
    per_connection: [f64; 2],
    connections: usize,
}

pub(super) fn measure(programs: &Programs, connections: usize) -> Result<Memory> {
    let mut idle = [0; 2];
    let mut per_connection = [0.0; 2];
    for (at, kind) in Kind::BOTH.into_iter().enumerate() {
        let server = programs.start(kind, Sync::Default, &format!("memory-{at}"))?;
        thread::sleep(REST);
        idle[at] = server.resident_bytes()?;
        let mut lines = Vec::new();
        for number in 0..connections {
            lines.push(connect(server.address, number).with_context(|| {
                format!("connection {number}; more open files may be needed, see `ulimit -n`")
            })?);
        }
        thread::sleep(REST);
        let more = server.resident_bytes()?.saturating_sub(idle[at]);
        per_connection[at] = more as f64 / connections as f64;
    }
    Ok(Memory {
        broker: beyond_process(programs, HugePages::Default)?,
        broker_small_pages: beyond_process(programs, HugePages::Never)?,
        nats_server: idle[1],
        per_connection,
        connections,
    })
}

/// What the broker takes beyond the same process without one.
fn beyond_process(programs: &Programs, huge_pages: HugePages) -> Result<u64> {
    let bare = programs.start_bare(huge_pages)?;
    let name = format!("memory-{huge_pages:?}");
    let server = programs.start_with(Kind::Broker, Sync::Default, huge_pages, &name)?;
    thread::sleep(REST);
    Ok(server
        .resident_bytes()?
        .saturating_sub(bare.resident_bytes()?))
}

/// A client that waits for answers that do not come: it has a subscription of its own.
fn connect(address: std::net::SocketAddr, number: usize) -> Result<Line> {
    let mut line = Line::connect_small(address)?;
    line.subscribe(&format!("_INBOX.{number:022}.*"))?;
    Ok(line)
}

// ===== impl Memory =====

impl Memory {
    pub(super) fn to_json(&self) -> Value {
        json!({
            "idle_bytes": {
                "broker_beyond_process": self.broker,
                "broker_beyond_process_without_huge_pages": self.broker_small_pages,
                "nats_server": self.nats_server,
            },
            "connections": self.connections,
            "bytes_per_connection": {
                "broker": self.per_connection[0],
                "nats_server": self.per_connection[1],
            },
        })
    }

    pub(super) fn idle_mebibytes(&self) -> f64 {
        self.broker as f64 / f64::from(1 << 20)
    }

    pub(super) fn connection_kibibytes(&self) -> f64 {
        self.per_connection[0] / 1024.0
    }

    /// What is measured, the broker's number, that of nats-server.
    pub(super) fn rows(&self) -> [[String; 3]; 3] {
        let mebibytes = |bytes: u64| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
        let kibibytes = |bytes: f64| format!("{:.1} KiB", bytes / 1024.0);
        [
            [
                "idle (broker: beyond its process)".to_owned(),
                mebibytes(self.broker),
                mebibytes(self.nats_server),
            ],
            [
                "the same without huge pages".to_owned(),
                mebibytes(self.broker_small_pages),
                String::new(),
            ],
            [
                format!("each of {} idle connections", self.connections),
                kibibytes(self.per_connection[0]),
                kibibytes(self.per_connection[1]),
            ],
        ]
    }
}
