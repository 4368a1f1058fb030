//! `/varz`: the server.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::SystemTime;

use serde::Serialize;

use super::{Watched, render_time, render_uptime};
use crate::stats::Stats;
use crate::wire::info::{PROTOCOL, VERSION};

/// The server. Fields are those of nats-server which mean something here, in its order.
#[derive(Serialize)]
pub(super) struct Varz<'a> {
    server_id: &'a str,
    server_name: &'a str,
    version: &'static str,
    proto: u8,
    go: &'static str,
    host: String,
    port: u16,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    auth_required: bool,
    max_connections: usize,
    max_subscriptions: usize,
    /// In nanoseconds, as is `write_deadline`.
    ping_interval: u128,
    ping_max: u32,
    http_host: String,
    http_port: u16,
    http_base_path: &'static str,
    https_port: u16,
    /// In seconds, as is the next.
    auth_timeout: f64,
    tls_timeout: f64,
    max_control_line: usize,
    max_payload: usize,
    max_pending: usize,
    cluster: Nothing,
    gateway: Nothing,
    leaf: Nothing,
    mqtt: Nothing,
    websocket: Nothing,
    jetstream: Jetstream<'a>,
    write_deadline: u128,
    start: String,
    now: String,
    uptime: String,
    mem: u64,
    cores: usize,
    gomaxprocs: usize,
    cpu: f64,
    #[serde(flatten)]
    counts: Counts,
    http_req_stats: BTreeMap<&'static str, u64>,
    config_load_time: String,
    slow_consumer_stats: SlowConsumers,
}

/// What clients did.
#[derive(Serialize)]
struct Counts {
    connections: u64,
    total_connections: u64,
    routes: u64,
    remotes: u64,
    leafnodes: u64,
    in_msgs: u64,
    out_msgs: u64,
    in_bytes: u64,
    out_bytes: u64,
    slow_consumers: u64,
    subscriptions: u64,
}

/// What nats-server has and this is not.
#[derive(Serialize)]
struct Nothing {}

/// Absent without JetStream but for the braces, as there.
#[derive(Serialize)]
struct Jetstream<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<JetstreamConfig<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stats: Option<JetstreamStats>,
}

#[derive(Serialize)]
pub(super) struct JetstreamConfig<'a> {
    pub(super) max_memory: u64,
    /// -1: none but the disk's.
    pub(super) max_storage: i64,
    pub(super) store_dir: &'a str,
}

#[derive(Serialize)]
struct JetstreamStats {
    memory: u64,
    storage: u64,
    accounts: u64,
}

#[derive(Serialize)]
struct SlowConsumers {
    clients: u64,
    routes: u64,
    gateways: u64,
    leafs: u64,
}

// ===== impl Watched =====

impl Watched {
    pub(super) fn varz(&self, requests: BTreeMap<&'static str, u64>) -> Varz<'_> {
        let info = &self.shared.info;
        let limits = &self.shared.limits;
        let stats = self.shared.router.counters.snapshot();
        let usage = self
            .usage
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .sample();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let start = render_time(self.started.1);
        Varz {
            server_id: &info.server_id,
            server_name: &info.server_name,
            version: VERSION,
            proto: PROTOCOL,
            go: "",
            host: self.address.ip().to_string(),
            port: self.address.port(),
            auth_required: info.auth_required,
            max_connections: limits.connections_max,
            max_subscriptions: limits.subscriptions_max,
            ping_interval: limits.ping_interval.as_nanos(),
            ping_max: limits.pings_max,
            http_host: self.monitor.ip().to_string(),
            http_port: self.monitor.port(),
            http_base_path: "",
            https_port: 0,
            auth_timeout: limits.auth_timeout.as_secs_f64(),
            tls_timeout: limits.tls_timeout.as_secs_f64(),
            max_control_line: limits.control_line_bytes_max,
            max_payload: limits.payload_bytes_max,
            max_pending: limits.pending_bytes_max,
            cluster: Nothing {},
            gateway: Nothing {},
            leaf: Nothing {},
            mqtt: Nothing {},
            websocket: Nothing {},
            jetstream: Jetstream {
                config: self.jetstream_config(),
                stats: info.jetstream.then_some(JetstreamStats {
                    memory: stats.storage.memory_bytes,
                    storage: stats
                        .storage
                        .bytes
                        .saturating_sub(stats.storage.memory_bytes),
                    accounts: 1,
                }),
            },
            write_deadline: limits.write_timeout.as_nanos(),
            now: render_time(SystemTime::now()),
            uptime: render_uptime(self.uptime()),
            mem: usage.memory_bytes,
            cores,
            gomaxprocs: cores,
            cpu: usage.cpu_percent,
            counts: Counts::of(&stats),
            http_req_stats: requests,
            config_load_time: start.clone(),
            start,
            slow_consumer_stats: SlowConsumers {
                clients: stats.slow_consumers,
                routes: 0,
                gateways: 0,
                leafs: 0,
            },
        }
    }

    pub(super) fn jetstream_config(&self) -> Option<JetstreamConfig<'_>> {
        let store = self.store.as_ref()?;
        Some(JetstreamConfig {
            max_memory: store.memory_bytes_max,
            max_storage: -1,
            store_dir: &store.directory,
        })
    }
}

// ===== impl Counts =====

impl Counts {
    fn of(stats: &Stats) -> Self {
        Self {
            connections: stats.connections,
            total_connections: stats.connections_total,
            routes: 0,
            remotes: 0,
            leafnodes: 0,
            in_msgs: stats.messages_in,
            out_msgs: stats.messages_out,
            in_bytes: stats.bytes_in,
            out_bytes: stats.bytes_out,
            slow_consumers: stats.slow_consumers,
            subscriptions: stats.subscriptions,
        }
    }
}
