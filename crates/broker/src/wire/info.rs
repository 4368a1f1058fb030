//! What the server says of itself in `INFO`.

use std::net::SocketAddr;

use serde::Serialize;

/// The version announced to clients: they may use what nats-server offers since then, and no more.
///
/// Per-message TTL, priority groups, consumer pauses and the numbered API levels came with 2.11.
pub(crate) const VERSION: &str = "2.10.29";

/// The protocol version: 1 allows `INFO` lines after the first, and echo to be turned off.
const PROTOCOL: u8 = 1;

/// The same for all connections.
#[derive(Debug, Clone)]
pub(crate) struct ServerInfo {
    pub(crate) server_id: String,
    pub(crate) server_name: String,
    pub(crate) address: SocketAddr,
    pub(crate) payload_max: usize,
    pub(crate) jetstream: bool,
}

#[derive(Debug, Serialize)]
struct Fields<'a> {
    server_id: &'a str,
    server_name: &'a str,
    version: &'a str,
    proto: u8,
    /// Some old clients insist on it.
    go: &'a str,
    host: String,
    port: u16,
    headers: bool,
    max_payload: usize,
    #[serde(skip_serializing_if = "is_false")]
    jetstream: bool,
    client_id: u64,
    client_ip: String,
    #[serde(skip_serializing_if = "is_false")]
    ldm: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_false(value: &bool) -> bool {
    !*value
}

impl ServerInfo {
    /// The `INFO` line for one client. `leaving` announces that the server is about to go.
    pub(crate) fn render(&self, client_id: u64, client: SocketAddr, leaving: bool) -> Vec<u8> {
        let fields = Fields {
            server_id: &self.server_id,
            server_name: &self.server_name,
            version: VERSION,
            proto: PROTOCOL,
            go: "rust",
            host: self.address.ip().to_string(),
            port: self.address.port(),
            headers: true,
            max_payload: self.payload_max,
            jetstream: self.jetstream,
            client_id,
            client_ip: client.ip().to_string(),
            ldm: leaving,
        };
        let mut line = b"INFO ".to_vec();
        serde_json::to_writer(&mut line, &fields)
            .expect("strings and numbers are always valid JSON, and writing to memory never fails");
        line.extend_from_slice(b"\r\n");
        line
    }
}
