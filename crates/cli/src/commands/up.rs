//! `weft up`: start a lattice on this machine, or a host that joins one.

mod artifacts;
mod broker;
mod change;
mod detach;
mod error;
mod follow;
mod host;
mod log;
mod log_file;
mod options;
mod resolve;
mod rpc;
mod run;
mod spawn_unix;
mod view;

pub use artifacts::{ArtifactSettings, Password, RegistryLogin};
pub use options::{
    AccessLog, Calls, FileLoads, HostMaxima, LogFormat, LogOptions, NatsSource,
    PreparedApplication, Role, UpOptions,
};
pub use run::InProcess;

use std::net::SocketAddr;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};
use weft_manifest::Strictness;

use self::artifacts::ArtifactArgs;
use self::broker::BrokerArgs;
use self::error::UpError;
use self::host::{AdminArgs, HostArgs};
use self::rpc::RpcArgs;
use crate::arguments::{parse_address, parse_duration, parse_label};
use crate::commands::app::manifest::read_manifest;
use crate::commands::app::source::{SourceError, read_source};
use crate::context::Context;
use crate::failure::Failure;
use crate::ui::count;

/// Starts and runs what `weft up` asks for: [`InProcess`] does; tests put something in its place that looks at it.
pub trait UpRunner {
    /// Runs until it is asked to stop, by a signal or over the lattice, and has stopped. Everything in `options` fits
    /// together; `options.applications` are to be put and deployed once the lattice is ready.
    fn run(
        self,
        options: UpOptions,
        context: &mut Context,
    ) -> impl Future<Output = Result<(), Failure>>;
}

/// Start a lattice on this machine, or join one as a host
///
/// Without a NATS URL the lattice is this process: NATS server, host and manager. With `--nats-url` a host joins the lattice
/// there, unless other roles are named. Runs until interrupted or until `weft down`, and then lets open requests end.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft up                              Start a lattice; NATS tools find it at 127.0.0.1:4222
  weft up --detach                     Start it in the background; `weft down` stops it
  weft up shop.yaml                    Start it, and deploy an application
  weft up --listen 0.0.0.0:4222 --auth --tls-cert server.pem --tls-key server.key
                                       Start it for others, who need credentials
  weft up --nats-url nats://10.0.0.1:4222 --label zone=east
                                       Join a lattice as a host
  weft up --data-dir /tmp/second --listen 127.0.0.1:4333 --http 127.0.0.1:8001
                                       Start a second lattice on the same machine")]
pub(crate) struct UpArgs {
    /// Manifests of applications to deploy; `-` is standard input
    #[arg(value_name = "MANIFEST")]
    manifests: Vec<String>,

    /// Run in the background, and return when it is ready
    #[arg(long, short, env = "WEFT_DETACH", value_parser = BoolishValueParser::new(), hide_env_values = true)]
    detach: bool,

    /// Roles of this process, with commas [default: all, or `host` with `--nats-url`]
    #[arg(
        long,
        env = "WEFT_ROLE",
        value_name = "ROLE",
        value_enum,
        value_delimiter = ',',
        hide_env_values = true
    )]
    role: Vec<Role>,

    #[command(flatten)]
    broker: BrokerArgs,

    /// Address for HTTP that all components share [default: 127.0.0.1:8000]
    #[arg(
        long, env = "WEFT_HTTP", value_name = "ADDRESS", value_parser = parse_address,
        hide_env_values = true
    )]
    http: Option<SocketAddr>,

    /// Label of the host for placement; may be given several times
    #[arg(
        long, env = "WEFT_LABEL", value_name = "KEY=VALUE", value_delimiter = ',',
        value_parser = parse_label, hide_env_values = true
    )]
    label: Vec<(String, String)>,

    /// Take what is odd as errors: unknown fields of manifests, backends that nobody names
    #[arg(long, env = "WEFT_STRICT", value_parser = BoolishValueParser::new(), hide_env_values = true)]
    strict: bool,

    /// What may be loaded from files of this machine [default: components, or nothing with `--nats-url`]
    ///
    /// Components run within their limits. Providers are programs, which may do whatever you may: whoever may deploy to the
    /// lattice can have any program of this machine run. Alone, without a value, the option means all.
    #[arg(
        long, env = "WEFT_ALLOW_FILE_LOAD", value_name = "WHAT", value_enum, value_delimiter = ',',
        num_args = 0..=1, require_equals = true, default_missing_value = "all", hide_env_values = true
    )]
    allow_file_load: Vec<FileLoad>,

    /// Write a line of JSON per HTTP request to this file; `-` is standard output
    #[arg(
        long,
        env = "WEFT_ACCESS_LOG",
        value_name = "FILE",
        hide_env_values = true
    )]
    access_log: Option<String>,

    #[command(flatten)]
    artifacts: ArtifactArgs,

    /// Calls that may run at once on this host
    #[arg(
        long, env = "WEFT_MAX_INSTANCES", value_name = "NUMBER", default_value_t = 1000,
        value_parser = clap::value_parser!(u32).range(1..=100_000), hide_env_values = true
    )]
    max_instances: u32,

    /// Providers that may run at once as processes of their own on this host
    #[arg(
        long, env = "WEFT_MAX_PROVIDERS", value_name = "NUMBER", default_value_t = 100,
        value_parser = clap::value_parser!(u32).range(1..=10_000), hide_env_values = true
    )]
    max_providers: u32,

    /// How long a provider that is to stop may take to finish what it has under way [default: 30s]
    #[arg(
        long, env = "WEFT_PROVIDER_DRAIN_TIMEOUT", value_name = "DURATION",
        value_parser = parse_duration, hide_env_values = true
    )]
    provider_drain_timeout: Option<Duration>,

    /// How often the host tells what it runs [default: 30s]
    #[arg(
        long, env = "WEFT_HEARTBEAT_INTERVAL", value_name = "DURATION",
        value_parser = parse_duration, hide_env_values = true
    )]
    heartbeat_interval: Option<Duration>,

    #[command(flatten)]
    host: HostArgs,

    #[command(flatten)]
    admin: AdminArgs,

    /// What is logged: a level, or levels by module [default: warn,weft::guest=info,weft::provider=info]
    #[arg(
        long,
        env = "WEFT_LOG_LEVEL",
        value_name = "LEVEL",
        hide_env_values = true
    )]
    log_level: Option<String>,

    /// How log records are written [default: text]
    #[arg(
        long,
        env = "WEFT_LOG_FORMAT",
        value_name = "FORMAT",
        value_enum,
        hide_env_values = true
    )]
    log_format: Option<LogFormat>,

    #[command(flatten)]
    rpc: RpcArgs,
}

/// What may be loaded from files, as it is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum FileLoad {
    /// Components, which run within their limits
    Components,
    /// Providers: programs, which may do whatever you may
    Providers,
    /// Everything
    All,
    /// Nothing
    None,
}

/// Starts what the arguments ask for, here or in the background.
pub(crate) async fn run(
    args: UpArgs,
    context: &mut Context,
    up: impl UpRunner,
) -> Result<(), Failure> {
    let is_detaching = args.detach && !context.is_detached;
    let mut options = resolve::resolve(&args, context)?;
    resolve::tell_inherited(context);
    for warning in resolve::warnings(&options) {
        context.console.warn(&warning);
    }
    options.applications = read_applications(&args, context)?;
    if is_detaching {
        return detach::run(&options, context).await;
    }
    up.run(options, context).await
}

/// Reads all manifests, and tells what is wrong with any of them.
fn read_applications(
    args: &UpArgs,
    context: &mut Context,
) -> Result<Vec<PreparedApplication>, Failure> {
    let strictness = if args.strict {
        Strictness::Strict
    } else {
        Strictness::Lenient
    };
    let mut applications = Vec::with_capacity(args.manifests.len());
    let mut failures = Vec::new();
    for path in &args.manifests {
        let source = match read_source(context, path) {
            Ok(source) => source,
            Err(error) => {
                failures.push(unread(path, error));
                continue;
            }
        };
        match read_manifest(source, strictness).tell(&mut context.console) {
            Ok(manifest) => applications.push(PreparedApplication {
                name: manifest.application.name,
                manifest: manifest.document.to_json(),
            }),
            Err(error) => failures.push(error.into()),
        }
    }
    match failures.len() {
        0 => Ok(applications),
        1 => Err(failures.remove(0)),
        number => {
            context.console.fail_all(&failures);
            let what = count(number, "manifest");
            Err(UpError::Manifests { what }.into())
        }
    }
}

/// That the manifest `path` cannot be read; a file that is not there may be meant as the value of an option.
fn unread(path: &str, error: SourceError) -> Failure {
    let is_missing = matches!(error, SourceError::Missing { .. });
    if is_missing && FileLoad::from_str(path, false).is_ok() {
        let word = path.to_owned();
        return UpError::FileLoadWord { word }.into();
    }
    error.into()
}
