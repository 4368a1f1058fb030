//! Options of the built-in NATS server.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;
use weft_node::{Embedded, EmbeddedTls};

use super::error::Misfit;
use crate::arguments::parse_address;
use crate::context::Context;

/// Where the built-in NATS server is unless the arguments say otherwise: where NATS tools look.
pub(super) const LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 4222);
/// Its plain address, where it encrypts: any free port.
const LISTEN_PLAIN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Options of the built-in NATS server.
#[derive(Args, Debug)]
pub(super) struct BrokerArgs {
    /// Address of the built-in NATS server [default: 127.0.0.1:4222]
    #[arg(
        long, env = "WEFT_LISTEN", value_name = "ADDRESS", value_parser = parse_address,
        hide_env_values = true
    )]
    pub(super) listen: Option<SocketAddr>,

    /// Ask everybody for credentials, which `weft user add` makes
    #[arg(long, env = "WEFT_AUTH", value_parser = BoolishValueParser::new(), hide_env_values = true)]
    auth: bool,

    /// Listen beyond this machine although everybody may connect
    #[arg(
        long, env = "WEFT_ALLOW_UNAUTHENTICATED", value_parser = BoolishValueParser::new(),
        hide_env_values = true
    )]
    allow_unauthenticated: bool,

    /// Encrypt at `--listen` with this certificate, in PEM; with `--tls-key`
    #[arg(
        long,
        env = "WEFT_TLS_CERT",
        value_name = "FILE",
        hide_env_values = true
    )]
    tls_cert: Option<PathBuf>,

    /// Key of `--tls-cert`, in PEM
    #[arg(
        long,
        env = "WEFT_TLS_KEY",
        value_name = "FILE",
        hide_env_values = true
    )]
    tls_key: Option<PathBuf>,

    /// Let in those alone who show a certificate of these authorities, in PEM
    #[arg(
        long,
        env = "WEFT_TLS_CLIENT_CA",
        value_name = "FILE",
        hide_env_values = true
    )]
    tls_client_ca: Option<PathBuf>,

    /// Encrypt from the first byte on, which clients have to be told
    #[arg(
        long, env = "WEFT_TLS_FIRST", value_parser = BoolishValueParser::new(),
        hide_env_values = true
    )]
    tls_first: bool,

    /// Plain address on loopback for this process and its providers, with `--tls-cert` [default: a free port]
    #[arg(
        long, env = "WEFT_LISTEN_PLAIN", value_name = "ADDRESS", value_parser = parse_address,
        hide_env_values = true
    )]
    listen_plain: Option<SocketAddr>,

    /// Address of pages for those who watch the built-in NATS server: `/healthz`, `/metrics`, `/varz` and others
    #[arg(
        long, env = "WEFT_MONITOR", value_name = "ADDRESS", value_parser = parse_address,
        hide_env_values = true
    )]
    monitor: Option<SocketAddr>,
}

// ===== impl BrokerArgs =====

impl BrokerArgs {
    /// The options that are given.
    pub(super) fn given(&self) -> impl Iterator<Item = &'static str> {
        [
            ("--listen", self.listen.is_some()),
            ("--auth", self.auth),
            ("--allow-unauthenticated", self.allow_unauthenticated),
            ("--tls-cert", self.tls_cert.is_some()),
            ("--tls-key", self.tls_key.is_some()),
            ("--tls-client-ca", self.tls_client_ca.is_some()),
            ("--tls-first", self.tls_first),
            ("--listen-plain", self.listen_plain.is_some()),
            ("--monitor", self.monitor.is_some()),
        ]
        .into_iter()
        .filter_map(|(option, is_given)| is_given.then_some(option))
    }

    /// What they mean together.
    pub(super) fn resolve(&self, context: &Context, misfits: &mut Vec<Misfit>) -> Embedded {
        Embedded {
            has_auth: self.auth,
            allows_strangers: self.allow_unauthenticated,
            tls: self.resolve_tls(context, misfits),
            monitor: self.monitor,
            ..Embedded::at(self.listen.unwrap_or(LISTEN))
        }
    }

    fn resolve_tls(&self, context: &Context, misfits: &mut Vec<Misfit>) -> Option<EmbeddedTls> {
        let path = |path: &PathBuf| context.directory.join(path);
        let listen_plain = self.listen_plain.unwrap_or(LISTEN_PLAIN);
        if !listen_plain.ip().is_loopback() {
            misfits.push(Misfit::PlainBeyond {
                address: listen_plain,
            });
        }
        let mut needs = |option, missing| misfits.push(Misfit::Half { option, missing });
        match (&self.tls_cert, &self.tls_key) {
            (Some(cert), Some(key)) => {
                return Some(EmbeddedTls {
                    cert_file: path(cert),
                    key_file: path(key),
                    client_ca_file: self.tls_client_ca.as_ref().map(path),
                    is_first: self.tls_first,
                    listen_plain,
                });
            }
            (Some(_), None) => needs("--tls-cert", "--tls-key"),
            (None, Some(_)) => needs("--tls-key", "--tls-cert"),
            (None, None) => {
                let of_tls = ["--tls-client-ca", "--tls-first", "--listen-plain"];
                for option in self.given().filter(|option| of_tls.contains(option)) {
                    needs(option, "--tls-cert");
                }
            }
        }
        None
    }
}

/// What is dangerous about the built-in server, although it is allowed.
pub(super) fn warnings(embedded: &Embedded) -> Vec<String> {
    let mut warnings = Vec::new();
    let tls = embedded.tls.as_ref();
    let is_closed = embedded.has_auth || tls.is_some_and(|tls| tls.client_ca_file.is_some());
    // Without this permission it does not start.
    if embedded.allows_strangers && !embedded.listen.ip().is_loopback() && !is_closed {
        warnings.push(format!(
            "the built-in NATS server at {} takes everybody who reaches it into the lattice, without credentials",
            embedded.listen
        ));
    }
    if let Some(address) = embedded.monitor
        && !address.ip().is_loopback()
    {
        warnings.push(format!(
            "the pages at {address} are for everybody who reaches them: they tell who is connected from where"
        ));
    }
    warnings
}
