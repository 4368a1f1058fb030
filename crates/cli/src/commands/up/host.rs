//! Options of a host that its operator has: who it is, what it takes part in, what it lets nobody have.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args};
use weft_lattice::protocol::subject::Auctions;

use super::options::HostMaxima;
use crate::arguments::{parse_address, parse_bytes, parse_duration};
use crate::context::Context;
use crate::secret::SecretFile;

/// How long answers of providers may take unless something else is said.
const RPC_TIMEOUT: Duration = Duration::from_secs(2);

/// Options of a host that its operator has.
#[derive(Args, Debug)]
pub(super) struct HostArgs {
    /// File with the seed of the host's key, which makes its id [default: a key in the data directory]
    #[arg(
        long,
        env = "WEFT_HOST_SEED_FILE",
        value_name = "FILE",
        hide_env_values = true
    )]
    host_seed_file: Option<PathBuf>,

    /// Whether the host bids for components that somebody wants to place [default: true]
    #[arg(
        long, env = "WEFT_COMPONENT_AUCTION", value_name = "BOOL", action = ArgAction::Set,
        value_parser = BoolishValueParser::new(), hide_env_values = true
    )]
    component_auction: Option<bool>,

    /// Whether the host bids for providers that somebody wants to place [default: true]
    #[arg(
        long, env = "WEFT_PROVIDER_AUCTION", value_name = "BOOL", action = ArgAction::Set,
        value_parser = BoolishValueParser::new(), hide_env_values = true
    )]
    provider_auction: Option<bool>,

    /// How long to wait for answers of providers, and they for answers to their calls [default: 2s]
    #[arg(
        long, env = "WEFT_RPC_TIMEOUT", value_name = "DURATION", value_parser = parse_duration,
        hide_env_values = true
    )]
    rpc_timeout: Option<Duration>,

    /// How long a call may take at most, whatever a component asks for [default: 10m, and 24h for those that ask]
    #[arg(
        long, env = "WEFT_MAX_EXECUTION_TIME", value_name = "DURATION", value_parser = parse_duration,
        hide_env_values = true
    )]
    max_execution_time: Option<Duration>,

    /// Memory of an instance at most, whatever a component asks for [default: 256MiB, and 4GiB for those that ask]
    #[arg(
        long, env = "WEFT_MAX_LINEAR_MEMORY", value_name = "BYTES", value_parser = parse_bytes,
        hide_env_values = true
    )]
    max_linear_memory: Option<u64>,

    /// Size of a component at most [default: 64MiB]
    #[arg(
        long, env = "WEFT_MAX_COMPONENT_SIZE", value_name = "BYTES", value_parser = parse_bytes,
        hide_env_values = true
    )]
    max_component_size: Option<u64>,

    /// Components that may run on this host [default: 10000]
    #[arg(
        long, env = "WEFT_MAX_COMPONENTS", value_name = "NUMBER",
        value_parser = clap::value_parser!(u32).range(1..), hide_env_values = true
    )]
    max_components: Option<u32>,

    /// Core modules that an instance of a component may consist of [default: 128]
    #[arg(
        long, env = "WEFT_MAX_CORE_INSTANCES", value_name = "NUMBER",
        value_parser = clap::value_parser!(u32).range(1..=10_000), hide_env_values = true
    )]
    max_core_instances: Option<u32>,
}

/// Where `/livez` and `/readyz` are served.
#[derive(Args, Debug)]
pub(super) struct AdminArgs {
    /// Address of `/livez` and `/readyz`, for those who run this process
    #[arg(
        long, env = "WEFT_HTTP_ADMIN", value_name = "ADDRESS", value_parser = parse_address,
        hide_env_values = true
    )]
    http_admin: Option<SocketAddr>,
}

// ===== impl HostArgs =====

impl HostArgs {
    /// The options that are given.
    pub(super) fn given(&self) -> impl Iterator<Item = &'static str> {
        [
            ("--host-seed-file", self.host_seed_file.is_some()),
            ("--component-auction", self.component_auction.is_some()),
            ("--provider-auction", self.provider_auction.is_some()),
            ("--rpc-timeout", self.rpc_timeout.is_some()),
            ("--max-execution-time", self.max_execution_time.is_some()),
            ("--max-linear-memory", self.max_linear_memory.is_some()),
            ("--max-component-size", self.max_component_size.is_some()),
            ("--max-components", self.max_components.is_some()),
            ("--max-core-instances", self.max_core_instances.is_some()),
        ]
        .into_iter()
        .filter_map(|(option, is_given)| is_given.then_some(option))
    }

    /// The seed of the host's key.
    pub(super) fn seed(&self, context: &Context) -> Option<SecretFile> {
        let own = self.host_seed_file.as_ref();
        own.map(|path| SecretFile::at(path, &context.directory))
            .or_else(|| context.inherited.host.seed.clone())
    }

    /// Which auctions the host takes part in.
    pub(super) fn auctions(&self, context: &Context) -> Auctions {
        let inherited = &context.inherited.host;
        let is_on = |own: Option<bool>, inherited: Option<bool>| own.or(inherited).unwrap_or(true);
        Auctions {
            components: is_on(self.component_auction, inherited.component_auction),
            providers: is_on(self.provider_auction, inherited.provider_auction),
        }
    }

    /// How long answers of providers may take.
    pub(super) fn rpc_timeout(&self, context: &Context) -> Duration {
        let inherited = context.inherited.host.rpc_timeout;
        self.rpc_timeout.or(inherited).unwrap_or(RPC_TIMEOUT)
    }

    /// What nobody gets more of here.
    pub(super) fn maxima(&self, context: &Context) -> HostMaxima {
        let inherited = &context.inherited.host;
        HostMaxima {
            execution_time: self.max_execution_time.or(inherited.max_execution_time),
            memory_bytes: self.max_linear_memory.or(inherited.max_linear_memory),
            component_bytes: self.max_component_size.or(inherited.max_component_size),
            components: self.max_components.or(inherited.max_components),
            core_instances: self.max_core_instances.or(inherited.max_core_instances),
        }
    }
}

// ===== impl AdminArgs =====

impl AdminArgs {
    /// Where the pages are.
    pub(super) fn address(&self, context: &Context) -> Option<SocketAddr> {
        self.http_admin.or(context.inherited.host.http_admin)
    }
}
