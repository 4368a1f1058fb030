//! What the servers keep in memory while nothing happens.

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::line::Line;
use super::servers::{Kind, Programs, Sync};

/// How long a server is left alone before one looks, so that it has given back what it will.
const REST: Duration = Duration::from_secs(3);

/// Bytes of memory.
pub(super) struct Memory {
    /// The broker's process, less the same process without a broker.
    broker: u64,
    /// The whole process, for want of one without a server.
    nats_server: u64,
    /// By connection: the broker, nats-server.
    per_connection: [f64; 2],
    connections: usize,
}

pub(super) fn measure(programs: &Programs, connections: usize) -> Result<Memory> {
    let bare = programs.start_bare()?;
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
        broker: idle[0].saturating_sub(bare.resident_bytes()?),
        nats_server: idle[1],
        per_connection,
        connections,
    })
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
            "idle_bytes": { "broker_beyond_process": self.broker, "nats_server": self.nats_server },
            "connections": self.connections,
            "bytes_per_connection": {
                "broker": self.per_connection[0],
                "nats_server": self.per_connection[1],
            },
        })
    }

    /// What is measured, the broker's number, that of nats-server.
    pub(super) fn rows(&self) -> [[String; 3]; 2] {
        let mebibytes = |bytes: u64| format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
        let kibibytes = |bytes: f64| format!("{:.1} KiB", bytes / 1024.0);
        [
            [
                "idle (broker: beyond its process)".to_owned(),
                mebibytes(self.broker),
                mebibytes(self.nats_server),
            ],
            [
                format!("each of {} idle connections", self.connections),
                kibibytes(self.per_connection[0]),
                kibibytes(self.per_connection[1]),
            ],
        ]
    }
}
