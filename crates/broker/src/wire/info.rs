//! What the server says of itself in `INFO`.

use std::net::SocketAddr;

use serde::Serialize;

/// The version announced to clients: they may use what nats-server offers since then, and no more.
///
/// Per-message TTL, priority groups, consumer pauses and the numbered API levels came with 2.11.
pub(crate) const VERSION: &str = "2.10.29";

/// The protocol version: 1 allows `INFO` lines after the first, and echo to be turned off.
pub(crate) const PROTOCOL: u8 = 1;

/// The same for all connections.
#[derive(Debug, Clone)]
pub(crate) struct ServerInfo {
    pub(crate) server_id: String,
    pub(crate) server_name: String,
    pub(crate) payload_max: usize,
    pub(crate) jetstream: bool,
    pub(crate) auth_required: bool,
    /// Addresses that clients may try as well.
    pub(crate) advertise: Vec<String>,
}

/// What holds for one connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Greeting<'a> {
    pub(crate) client_id: u64,
    pub(crate) client: SocketAddr,
    /// The address it came to.
    pub(crate) local: SocketAddr,
    pub(crate) tls: TlsInfo,
    /// What it is to sign.
    pub(crate) nonce: Option<&'a str>,
    /// The server is about to go.
    pub(crate) leaving: bool,
}

/// How an address encrypts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TlsInfo {
    pub(crate) is_required: bool,
    pub(crate) is_available: bool,
    pub(crate) verifies_clients: bool,
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
    #[serde(skip_serializing_if = "is_false")]
    auth_required: bool,
    #[serde(skip_serializing_if = "is_false")]
    tls_required: bool,
    #[serde(skip_serializing_if = "is_false")]
    tls_available: bool,
    #[serde(skip_serializing_if = "is_false")]
    tls_verify: bool,
    client_id: u64,
    client_ip: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    connect_urls: &'a [String],
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
    /// The `INFO` line for one client.
    pub(crate) fn render(&self, greeting: &Greeting<'_>) -> Vec<u8> {
        let fields = Fields {
            server_id: &self.server_id,
            server_name: &self.server_name,
            version: VERSION,
            proto: PROTOCOL,
            go: "rust",
            host: greeting.local.ip().to_string(),
            port: greeting.local.port(),
            headers: true,
            max_payload: self.payload_max,
            jetstream: self.jetstream,
            auth_required: self.auth_required,
            tls_required: greeting.tls.is_required,
            tls_available: greeting.tls.is_available,
            tls_verify: greeting.tls.verifies_clients,
            client_id: greeting.client_id,
            client_ip: greeting.client.ip().to_string(),
            nonce: greeting.nonce,
            connect_urls: &self.advertise,
            ldm: greeting.leaving,
        };
        let mut line = b"INFO ".to_vec();
        serde_json::to_writer(&mut line, &fields)
            .expect("strings and numbers are always valid JSON, and writing to memory never fails");
        line.extend_from_slice(b"\r\n");
        line
    }
}
