//! From the arguments of `weft up` to what they mean together.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use weft_lattice::protocol::wire::label;
use weft_model::labels::Labels;

use super::broker;
use super::error::{Misfit, UpError};
use super::options::{AccessLog, FileLoads, LogOptions, NatsSource, Role, UpOptions};
use super::{FileLoad, UpArgs};
use crate::console::Verbosity;
use crate::context::{Context, NatsAccess, given_options};
use crate::failure::Failure;

/// The shared HTTP address unless the arguments say otherwise.
const HTTP: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8000);
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
    let nats = resolve_nats(args, context, &mut misfits);
    let roles = resolve_roles(args, &nats, &mut misfits);
    check_host_options(args, &roles, &mut misfits);
    let labels = resolve_labels(args, &mut misfits);
    let file_loads = resolve_file_loads(args, &nats, &mut misfits);
    let http = args.http.unwrap_or(HTTP);
    if let NatsSource::Embedded(embedded) = &nats
        && embedded.listen == http
        && http.port() != 0
    {
        misfits.push(Misfit::OneAddress { address: http });
    }
    if !(HEARTBEAT_MIN..=HEARTBEAT_MAX).contains(&args.heartbeat_interval) {
        misfits.push(Misfit::Heartbeat);
    }
    let inputs = args.manifests.iter().filter(|path| *path == "-").count();
    if inputs > 1 {
        misfits.push(Misfit::InputTwice);
    }
    if args.detach && inputs > 0 {
        misfits.push(Misfit::DetachedInput);
    }
    if let NatsSource::Join { access, .. } = &nats
        && access.reads_input()
        && (args.detach || inputs > 0)
    {
        misfits.push(Misfit::SecretInput);
    }
    if !misfits.is_empty() {
        return Err(UpError::Misfits { misfits }.into());
    }
    Ok(UpOptions {
        roles,
        nats,
        lattice: global.lattice.clone().unwrap_or_default(),
        data_dir,
        labels,
        http,
        is_strict: args.strict,
        file_loads,
        access_log: args.access_log.as_deref().map(|path| match path {
            "-" => AccessLog::Output,
            path => AccessLog::File(context.directory.join(path)),
        }),
        instances_max: args.max_instances,
        providers_max: args.max_providers,
        provider_drain_timeout: args.provider_drain_timeout,
        heartbeat_interval: args.heartbeat_interval,
        log: LogOptions {
            filter: args.log_level.clone(),
            format: args.log_format,
            allows_colour: !global.no_color,
        },
        is_quiet: global.verbosity() == Verbosity::Quiet,
        is_detached: context.is_detached,
        applications: Vec::new(),
    })
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
    if global.nats_url.is_empty() {
        misfits.extend(given_options(global).map(|option| Misfit::Elsewhere { option }));
        return NatsSource::Embedded(args.broker.resolve(context, misfits));
    }
    let given = args.broker.given();
    misfits.extend(given.map(|option| Misfit::Embedded { option }));
    let access = NatsAccess::of(global, &context.directory).unwrap_or_else(|error| {
        misfits.push(Misfit::Access(error));
        NatsAccess::default()
    });
    NatsSource::Join {
        urls: global.nats_url.clone(),
        access,
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
    for (option, is_given) in given {
        if is_given {
            misfits.push(Misfit::NoHost { option });
        }
    }
}

fn resolve_labels(args: &UpArgs, misfits: &mut Vec<Misfit>) -> Labels {
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
    labels
}

fn resolve_file_loads(args: &UpArgs, nats: &NatsSource, misfits: &mut Vec<Misfit>) -> FileLoads {
    if args.allow_file_load.is_empty() {
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
