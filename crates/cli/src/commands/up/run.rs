//! Running what `weft up` asks for in this process, and telling what happens.

use std::convert::Infallible;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use weft_lattice::{Credentials, Lattice, Secret, Tls};
use weft_node::{Broker, Ended, Node, OnUnreachable, Options, Roles, Servers, run_file};
use weft_runtime::Cause;

use super::change::ChangeView;
use super::error::UpError;
use super::follow::Changes;
use super::options::{AccessLog, HostMaxima, LogFormat, NatsSource, Role, UpOptions};
use super::view::UpView;
use super::{UpRunner, log, log_file};
use crate::commands::app::address::fetch_addresses;
use crate::commands::app::deploy::deploy_prepared;
use crate::context::{Context, Vantage};
use crate::failure::Failure;
use crate::ui::count;
use crate::view::{View, millis};

/// How the names of variables begin that providers are given (spec §5.1).
const TELEMETRY_PREFIX: &str = "OTEL_";
/// How long the manager may take to tell which applications there are, once the node is ready.
const LIST_TIMEOUT: Duration = Duration::from_secs(2);

/// Runs a node in this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct InProcess;

impl UpRunner for InProcess {
    async fn run(self, options: UpOptions, context: &mut Context) -> Result<(), Failure> {
        let begun = Instant::now();
        log::start(&options.log, context.console.is_messages_terminal())?;
        let mut stop = Stop::new().map_err(UpError::Signals)?;
        let node = tokio::select! {
            node = start(&options, context) => node?,
            () = stop.requested() => return Ok(()),
        };
        let end = tokio::select! {
            Err(failure) = serve(&node, &options, context, begun) => Err(failure),
            () = stop.requested() => Ok(None),
            ended = node.ended() => Ok(Some(ended)),
            never = log_file::keep(&options.data_dir), if options.is_detached => match never {},
        };
        context.console.note("stopping; open requests may end");
        let stopped = tokio::select! {
            stopped = node.stop() => stopped,
            () = stop.requested() => return Err(UpError::Impatient.into()),
        };
        if stopped.connections_cut > 0 {
            let what = count(stopped.connections_cut, "connection");
            let text = format!("{what} did not end in time and had to be cut");
            context.console.warn(&text);
        }
        context.console.note("stopped");
        match end? {
            None | Some(Ended::HostStopped { .. }) => Ok(()),
            Some(Ended::Failed(failure)) => Err(UpError::Failed {
                task: failure.task.name.into_owned(),
                cause: match failure.cause {
                    Cause::Returned => "it ended".to_owned(),
                    Cause::Error(text) | Cause::Panicked(text) => text,
                },
            }
            .into()),
        }
    }
}

/// Starts the node, and says what it waits for.
async fn start(options: &UpOptions, context: &mut Context) -> Result<Node, Failure> {
    let (sender, mut waits) = mpsc::channel(1);
    let broker = broker(options, context, sender).await?;
    let seed = match &options.host_seed {
        Some(seed) => Some(Secret::new(seed.read("seed", &mut context.console).await?)),
        None => None,
    };
    let artifacts = options.artifacts.load(&mut context.console).await?;
    let mut settings = node_options(options, broker, seed)?;
    settings.artifacts = artifacts;
    settings.asks_config_service = options.artifacts.asks_config_service;
    let node = Node::start(settings);
    tokio::pin!(node);
    let mut is_told = false;
    loop {
        tokio::select! {
            node = &mut node => {
                let node = node.map_err(|error| UpError::Start(Box::new(error)))?;
                if is_told {
                    context.console.note("NATS can be reached now");
                }
                return Ok(node);
            }
            Some(why) = waits.recv() => {
                if !std::mem::replace(&mut is_told, true) {
                    context.console.warn(&format!("{why}; trying again until it can be reached"));
                }
            }
        }
    }
}

/// Where NATS is; reads secrets.
async fn broker(
    options: &UpOptions,
    context: &mut Context,
    waits: mpsc::Sender<String>,
) -> Result<Broker, Failure> {
    let (urls, access, calls) = match &options.nats {
        NatsSource::Embedded(embedded) => return Ok(Broker::Embedded(embedded.clone())),
        NatsSource::Join {
            urls,
            access,
            calls,
        } => (urls, access, calls),
    };
    let servers = |urls: &[String], (credentials, tls): (Credentials, Tls)| Servers {
        urls: urls.to_vec(),
        credentials,
        tls,
    };
    let own = access.load(&mut context.console).await?;
    let rpc = match calls {
        None => None,
        // What is the same for both is read once.
        Some(calls) if calls.access == *access => Some(servers(&calls.urls, own.clone())),
        Some(calls) => {
            let access = calls.access.load(&mut context.console).await?;
            Some(servers(&calls.urls, access))
        }
    };
    Ok(Broker::Remote {
        control: servers(urls, own),
        rpc,
        on_unreachable: Some(OnUnreachable::new(move |error| {
            // Told once; one that finds no room says the same again.
            drop(waits.try_send(error.to_string()));
        })),
    })
}

fn node_options(
    options: &UpOptions,
    broker: Broker,
    host_seed: Option<Secret>,
) -> Result<Options, UpError> {
    let mut node = Options::new(options.data_dir.clone());
    node.roles = Roles {
        host: options.roles.contains(&Role::Host),
        manager: options.roles.contains(&Role::Manager),
    };
    node.broker = broker;
    node.jetstream_domain.clone_from(&options.js_domain);
    node.control_prefix = options.control_prefix.clone();
    node.host_seed = host_seed;
    node.auctions = options.auctions;
    node.rpc_timeout = options.rpc_timeout;
    node.http_admin = options.http_admin;
    set_maxima(&mut node, &options.maxima);
    node.lattice = options.lattice.clone();
    node.labels = options.labels.clone();
    node.http_address = options.http;
    node.access_log = access_log(options.access_log.as_ref())?;
    node.is_strict = options.is_strict;
    node.file_loads = options.file_loads.into();
    node.instances_max = options.instances_max;
    node.warm_instances_max = node.warm_instances_max.min(options.instances_max);
    node.heartbeat_interval = options.heartbeat_interval;
    node.providers.processes_max = usize::try_from(options.providers_max).unwrap_or(usize::MAX);
    node.providers.drain_timeout = options.provider_drain_timeout;
    node.providers.logs_json = options.log.format == LogFormat::Json;
    node.providers.policy.probe_timeout = options.rpc_timeout;
    // Variables of telemetry are for whatever runs here, under the names that its tools look for.
    node.providers.environment = std::env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(key, _)| key.starts_with(TELEMETRY_PREFIX))
        .collect();
    Ok(node)
}

/// Sets what the host lets nobody have more of. Who asks for nothing gets no more either.
fn set_maxima(node: &mut Options, maxima: &HostMaxima) {
    let (usual, most) = (&mut node.limits, &mut node.limits_max);
    if let Some(time) = maxima.execution_time {
        usual.call_duration_max = time;
        most.call_duration_max = time;
        usual.call_cpu_max = usual.call_cpu_max.min(time);
        most.call_cpu_max = most.call_cpu_max.min(time);
    }
    if let Some(bytes) = maxima.memory_bytes {
        usual.memory_bytes_max = bytes;
        most.memory_bytes_max = bytes;
    }
    if let Some(bytes) = maxima.component_bytes {
        node.component_bytes_max = usize::try_from(bytes).unwrap_or(usize::MAX);
    }
    if let Some(components) = maxima.components {
        node.components_max = usize::try_from(components).unwrap_or(usize::MAX);
    }
    if let Some(core_instances) = maxima.core_instances {
        node.core_instances_max = core_instances;
    }
}

fn access_log(log: Option<&AccessLog>) -> Result<Option<weft_node::AccessLog>, UpError> {
    let (path, sink): (PathBuf, io::Result<Box<dyn Write + Send>>) = match log {
        None => return Ok(None),
        Some(AccessLog::Output) => ("-".into(), Ok(Box::new(io::stdout()))),
        Some(AccessLog::File(path)) => {
            let mut options = OpenOptions::new();
            let file = options.append(true).create(true).mode(0o600).open(path);
            (path.clone(), file.map(|file| Box::new(file) as _))
        }
    };
    let log = sink.and_then(weft_node::AccessLog::start);
    log.map(Some)
        .map_err(|source| UpError::AccessLog { path, source })
}

/// Tells that the node is ready, deploys what is to be deployed, and tells changes.
async fn serve(
    node: &Node,
    options: &UpOptions,
    context: &mut Context,
    begun: Instant,
) -> Result<Infallible, Failure> {
    let summary = node.summary();
    context.set_vantage(Vantage {
        is_local: summary.is_embedded,
        shared_http: summary.http_address,
    });
    let mut changes = Changes::follow(node)
        .await
        .map_err(|source| UpError::Follow {
            source: Box::new(source),
        })?;
    let run = run_file::read(&options.data_dir).map_err(UpError::RunFile)?;
    if let Some(run) = run {
        let view = UpView::new(run, options.data_dir.clone(), None, millis(begun.elapsed()));
        tell(context, &view);
    }
    if summary.has_manager {
        tell_applications(node.lattice(), options, context).await;
    }
    if !options.is_detached {
        context.console.note("stop with Ctrl-C or `weft down`");
    }
    for application in &options.applications {
        let (name, manifest) = (&application.name, &application.manifest);
        let deployed = deploy_prepared(node.lattice(), name, manifest, context).await;
        if let Err(failure) = deployed {
            context.console.fail(&failure);
        }
    }
    loop {
        let change = changes.next().await;
        let change = with_addresses(node.lattice(), context.vantage(), change).await;
        tell(context, &change);
    }
}

/// Tells people line by line, and programs one document after the other.
fn tell<V: View>(context: &mut Context, view: &V) {
    if context.console.format().is_for_people() {
        context.console.show(view);
    } else {
        context.console.show_next(view);
    }
}

/// Adds where an application answers to the news that it is deployed.
async fn with_addresses(lattice: &Lattice, vantage: Vantage, change: ChangeView) -> ChangeView {
    if change.is_deployment()
        && let Ok(name) = change.name().parse()
        && let Some(addresses) = fetch_addresses(lattice, vantage, &name, change.version()).await
    {
        return change.with_addresses(addresses);
    }
    change
}

/// Tells which applications there are.
async fn tell_applications(lattice: &Lattice, options: &UpOptions, context: &mut Context) {
    let list = tokio::time::timeout(LIST_TIMEOUT, lattice.applications().list()).await;
    // A manager that has not begun yet tells later, as changes.
    let Ok(Ok(list)) = list else { return };
    let mut has_deployed = false;
    for application in &list {
        if let Some(version) = &application.deployed_version {
            has_deployed = true;
            // Its status is of the time before this start; what becomes of it now is told as changes.
            let text = format!(
                "application `{}` version `{version}` is to run",
                application.name
            );
            context.console.note(&text);
        }
    }
    if !has_deployed && options.applications.is_empty() {
        let hint = "no application is deployed; deploy one with `weft app deploy FILE`";
        context.console.note(hint);
    }
}

/// Signals that ask the process to stop.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

// ===== impl Stop =====

impl Stop {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next of them. Cancel safe.
    async fn requested(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
