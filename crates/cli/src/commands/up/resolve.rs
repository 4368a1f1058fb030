//! From the arguments of `weft up` to what they mean together.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use weft_lattice::protocol::subject::SubjectPrefix;
use weft_lattice::protocol::wire::label;
use weft_model::labels::Labels;

use super::broker;
use super::error::{Misfit, UpError};
use super::options::{AccessLog, FileLoads, LogFormat, LogOptions, NatsSource, Role, UpOptions};
use super::{FileLoad, UpArgs};
use crate::console::Verbosity;
use crate::context::{AccessArgs, Context, NatsAccess};
use crate::failure::Failure;
use crate::inherited::names;
use crate::secret::SecretFile;

/// The shared HTTP address unless the arguments say otherwise.
const HTTP: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8000);
/// What is logged unless the arguments say otherwise.
const LOG_LEVEL: &str = "warn,weft::guest=info,weft::provider=info";
/// How long a provider that is to stop may take unless the arguments say otherwise.
const PROVIDER_DRAIN: Duration = Duration::from_secs(30);
/// How often the host tells what it runs unless the arguments say otherwise.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// Bounds of the heartbeat interval: others take a host for lost after a few intervals of 30 s.
const HEARTBEAT_MIN: Duration = Duration::from_secs(1);
const HEARTBEAT_MAX: Duration = Duration::from_secs(300);

/// What the arguments mean, without manifests. Looks at no file and connects to nothing.
///
/// # Errors
///
/// All misfits at once, with status usage.
pub(super) fn resolve(args: &UpArgs, context: &Context) -> Result<UpOptions, Failure> {
    let global = &context.global;
    let data_dir = context.data_dir()?;
    let mut misfits = Vec::new();
    let problems = context.inherited.problems.iter().cloned();
    misfits.extend(problems.map(Misfit::Variable));
    let nats = resolve_nats(args, context, &mut misfits);
    let roles = resolve_roles(args, &nats, &mut misfits);
    check_host_options(args, &roles, &mut misfits);
    let labels = resolve_labels(args, context, &mut misfits);
    let file_loads = resolve_file_loads(args, context, &nats, &mut misfits);
    let artifacts = args.artifacts.resolve(context, &mut misfits);
    let http = args.http.unwrap_or(HTTP);
    let http_admin = args.admin.address(context);
    check_addresses(&nats, http, http_admin, &mut misfits);
    let inherited = &context.inherited.host;
    let heartbeat_interval = args
        .heartbeat_interval
        .or(inherited.heartbeat_interval)
        .unwrap_or(HEARTBEAT);
    if !(HEARTBEAT_MIN..=HEARTBEAT_MAX).contains(&heartbeat_interval) {
        misfits.push(Misfit::Heartbeat);
    }
    let host_seed = args.host.seed(context);
    let secrets = secret_inputs(&nats, host_seed.as_ref()) + usize::from(artifacts.reads_input());
    check_inputs(args, secrets, &mut misfits);
    if !misfits.is_empty() {
        return Err(UpError::Misfits { misfits }.into());
    }
    Ok(UpOptions {
        roles,
        nats,
        lattice: context.given_lattice().unwrap_or_default(),
        js_domain: context.given_domain(),
        control_prefix: context
            .given_prefix()
            .unwrap_or_else(SubjectPrefix::control),
        data_dir,
        labels,
        http,
        is_strict: args.strict,
        file_loads,
        artifacts,
        access_log: args.access_log.as_deref().map(|path| match path {
            "-" => AccessLog::Output,
            path => AccessLog::File(context.directory.join(path)),
        }),
        instances_max: args.max_instances,
        providers_max: args.max_providers,
        provider_drain_timeout: args
            .provider_drain_timeout
            .or(inherited.provider_drain_timeout)
            .unwrap_or(PROVIDER_DRAIN),
        heartbeat_interval,
        host_seed,
        auctions: args.host.auctions(context),
        rpc_timeout: args.host.rpc_timeout(context),
        maxima: args.host.maxima(context),
        http_admin,
        log: resolve_log(args, context),
        is_quiet: global.verbosity() == Verbosity::Quiet,
        is_detached: context.is_detached,
        applications: Vec::new(),
    })
}

/// Tells what the environment of a wasmCloud 1.9 host does, and what of it is in vain.
pub(super) fn tell_inherited(context: &mut Context) {
    let inherited = context.inherited.clone();
    for name in &inherited.used {
        let served = names::SERVED.iter().find(|(served, _)| served == name);
        let option = served.map_or("--label", |(_, option)| *option);
        let text = format!("`{name}` counts as `{option}`, where that is not given");
        context.console.detail(&text);
    }
    for warning in &inherited.warnings {
        context.console.warn(warning);
    }
}

/// What is allowed but dangerous.
pub(super) fn warnings(options: &UpOptions) -> Vec<String> {
    let (mut warnings, is_open) = match &options.nats {
        NatsSource::Embedded(embedded) => {
            let is_open = !embedded.listen.ip().is_loopback();
            (broker::warnings(embedded), is_open)
        }
        NatsSource::Join { .. } => (Vec::new(), true),
    };
    if options.file_loads.providers && is_open {
        let text = "whoever may deploy to this lattice can have any program of this machine run as you: \
            `--allow-file-load` allows providers";
        warnings.push(text.to_owned());
    }
    warnings
}

fn resolve_nats(args: &UpArgs, context: &Context, misfits: &mut Vec<Misfit>) -> NatsSource {
    let global = &context.global;
    let urls = context.given_urls();
    if urls.is_empty() {
        let domain = context.given_domain().map(|_| "--js-domain");
        let given = AccessArgs::of_lattice(global).given();
        let given = given.chain(args.rpc.given()).chain(domain);
        misfits.extend(given.map(|option| Misfit::Elsewhere { option }));
        return NatsSource::Embedded(args.broker.resolve(context, misfits));
    }
    let given = args.broker.given();
    misfits.extend(given.map(|option| Misfit::Embedded { option }));
    let inherited = context.inherited.control.as_ref();
    let inherited = inherited.map(|server| &server.credentials);
    let access = NatsAccess::of(global, inherited, &context.directory).unwrap_or_else(|error| {
        misfits.push(Misfit::Access(error));
        NatsAccess::default()
    });
    let calls = args
        .rpc
        .resolve((urls.as_slice(), &access), context, misfits);
    NatsSource::Join {
        urls,
        access,
        calls,
    }
}

/// How many secrets come from standard input.
fn secret_inputs(nats: &NatsSource, host_seed: Option<&SecretFile>) -> usize {
    let of_nats = match nats {
        NatsSource::Embedded(_) => 0,
        NatsSource::Join { access, calls, .. } => {
            // What is the same for both is read once.
            let own = calls.as_ref().filter(|calls| calls.access != *access);
            access.inputs() + own.map_or(0, |calls| calls.access.inputs())
        }
    };
    of_nats + usize::from(host_seed == Some(&SecretFile::Input))
}

/// Two servers of this process cannot have one address.
fn check_addresses(
    nats: &NatsSource,
    http: SocketAddr,
    http_admin: Option<SocketAddr>,
    misfits: &mut Vec<Misfit>,
) {
    let listen = match nats {
        NatsSource::Embedded(embedded) => Some(embedded.listen),
        NatsSource::Join { .. } => None,
    };
    let addresses = [
        ("--listen", listen),
        ("--http", Some(http)),
        ("--http-admin", http_admin),
    ];
    for (place, &(first, one)) in addresses.iter().enumerate() {
        for &(second, other) in &addresses[place + 1..] {
            if let (Some(address), true) = (one, one == other)
                && address.port() != 0
            {
                misfits.push(Misfit::OneAddress {
                    first,
                    second,
                    address,
                });
            }
        }
    }
}

fn resolve_log(args: &UpArgs, context: &Context) -> LogOptions {
    let inherited = &context.inherited.host;
    let format = match inherited.logs_json {
        Some(true) => Some(LogFormat::Json),
        _ => None,
    };
    let filter = args.log_level.as_ref().or(inherited.log_level.as_ref());
    LogOptions {
        filter: filter.map_or_else(|| LOG_LEVEL.to_owned(), Clone::clone),
        format: args.log_format.or(format).unwrap_or_default(),
        allows_colour: !context.global.no_color,
    }
}

/// Standard input can be read once, and not in the background.
fn check_inputs(args: &UpArgs, secrets: usize, misfits: &mut Vec<Misfit>) {
    let inputs = args.manifests.iter().filter(|path| *path == "-").count();
    if inputs > 1 || secrets > 1 {
        misfits.push(Misfit::InputTwice);
    }
    if args.detach && inputs > 0 {
        misfits.push(Misfit::DetachedInput);
    }
    if secrets == 1 && (args.detach || inputs > 0) {
        misfits.push(Misfit::SecretInput);
    }
}

fn resolve_roles(args: &UpArgs, nats: &NatsSource, misfits: &mut Vec<Misfit>) -> BTreeSet<Role> {
    let named: BTreeSet<Role> = args.role.iter().copied().collect();
    match nats {
        NatsSource::Embedded(_) if named.is_empty() => {
            BTreeSet::from([Role::Broker, Role::Host, Role::Manager])
        }
        NatsSource::Join { .. } if named.is_empty() => BTreeSet::from([Role::Host]),
        NatsSource::Embedded(_) => {
            if !named.contains(&Role::Broker) {
                misfits.push(Misfit::NoNats);
            }
            named
        }
        NatsSource::Join { .. } => {
            if named.contains(&Role::Broker) {
                misfits.push(Misfit::Embedded {
                    option: "--role broker",
                });
            }
            named
        }
    }
}

/// Options of a host that were given where there is none.
fn check_host_options(args: &UpArgs, roles: &BTreeSet<Role>, misfits: &mut Vec<Misfit>) {
    if roles.contains(&Role::Host) {
        return;
    }
    let given = [
        ("--http", args.http.is_some()),
        ("--label", !args.label.is_empty()),
        ("--allow-file-load", !args.allow_file_load.is_empty()),
        ("--access-log", args.access_log.is_some()),
    ];
    let given = given
        .into_iter()
        .filter_map(|(option, is_given)| is_given.then_some(option));
    let given = given
        .chain(args.host.given())
        .chain(args.rpc.given())
        .chain(args.artifacts.given());
    misfits.extend(given.map(|option| Misfit::NoHost { option }));
}

fn resolve_labels(args: &UpArgs, context: &Context, misfits: &mut Vec<Misfit>) -> Labels {
    let mut labels: Labels = BTreeMap::new();
    for (key, value) in &args.label {
        if key.to_lowercase().starts_with(label::RESERVED_PREFIX) {
            misfits.push(Misfit::ReservedLabel { key: key.clone() });
            continue;
        }
        match labels.get(key) {
            Some(first) if first != value => misfits.push(Misfit::TwoLabels {
                key: key.clone(),
                first: first.clone(),
                second: value.clone(),
            }),
            _ => {
                labels.insert(key.clone(), value.clone());
            }
        }
    }
    for (key, value) in &context.inherited.host.labels {
        if key.to_lowercase().starts_with(label::RESERVED_PREFIX) {
            misfits.push(Misfit::ReservedLabel { key: key.clone() });
        } else if !labels.contains_key(key) {
            labels.insert(key.clone(), value.clone());
        }
    }
    labels
}

fn resolve_file_loads(
    args: &UpArgs,
    context: &Context,
    nats: &NatsSource,
    misfits: &mut Vec<Misfit>,
) -> FileLoads {
    if args.allow_file_load.is_empty() {
        if let Some(is_allowed) = context.inherited.host.allow_file_load {
            return FileLoads {
                components: is_allowed,
                providers: is_allowed,
            };
        }
        return FileLoads {
            components: matches!(nats, NatsSource::Embedded(_)),
            providers: false,
        };
    }
    let mut loads = FileLoads::default();
    for load in &args.allow_file_load {
        match load {
            FileLoad::Components => loads.components = true,
            FileLoad::Providers => loads.providers = true,
            FileLoad::All => {
                loads = FileLoads {
                    components: true,
                    providers: true,
                };
            }
            FileLoad::None => {}
        }
    }
    if args.allow_file_load.contains(&FileLoad::None) && loads != FileLoads::default() {
        misfits.push(Misfit::NoneAndSome);
    }
    loads
}

#[cfg(test)]
mod tests;
