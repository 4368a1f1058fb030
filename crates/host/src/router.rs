//! The router: one task that owns the view of links and configs, and makes routes of it.
//!
//! It works by level: whatever changed, it resolves everything anew and exchanges what is different. Calling `next` on a
//! watch says that what it told before has been acted upon, so whoever waits for a watch to pass a revision waits for the
//! routes made of it.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time;
use weft_capabilities::http_server::{ApplyError, HttpServer};
use weft_engine::Program;
use weft_lattice::bucket::{Bucket, Change, Passed, Watch, WatchError, WatchOptions};
use weft_model::id::{ComponentId, ProviderId};
use weft_model::problem::{Coded, Problem};
use weft_protocol::control::PassedEntry;
use weft_runtime::{Shutdown, TaskKind, Tasks, field};

pub(crate) use self::resolve::Reach;
use self::resolve::{Resolution, ResolvedProvider};
use self::retired::Retired;
use self::view::View;
use crate::builtin::Builtin;
use crate::registry::{Backing, Registry, Snapshot};

mod resolve;
mod retired;
mod view;

/// How long a command waits for the router to come to what it did.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(5);
/// How often is tried what the world outside may have made possible, and looked for what has come to its end.
const RETRY_PERIOD: Duration = Duration::from_secs(1);

/// How far the router has come.
#[derive(Clone)]
pub(crate) struct Routing {
    /// Revisions of the bucket of records.
    records: Passed,
    /// Revisions of the bucket of configs.
    configs: Passed,
    /// Changes of the registry.
    registry: watch::Receiver<u64>,
}

struct Router {
    registry: Arc<Registry>,
    reach: Reach,
    http: HttpServer,
    view: View,
    records: Watch,
    configs: Watch,
    is_listed: [bool; 2],
    /// The programs that had routes last.
    routed_programs: BTreeMap<ComponentId, Arc<Program>>,
    retired: Retired,
    /// Whether an address could not be listened on.
    is_retry_due: bool,
    routed: watch::Sender<u64>,
    /// Told once both buckets have been listed and acted upon.
    ready: Option<oneshot::Sender<()>>,
}

// ===== impl Routing =====

impl Routing {
    /// Waits until the router has acted on `revision` of the records. Returns whether it has in time.
    pub(crate) async fn settle_records(&self, revision: u64) -> bool {
        self.records
            .clone()
            .reached(revision, SETTLE_TIMEOUT)
            .await
            .is_ok()
    }

    /// Waits until the router has acted on `revision` of the configs. Returns whether it has in time.
    pub(crate) async fn settle_configs(&self, revision: u64) -> bool {
        self.configs
            .clone()
            .reached(revision, SETTLE_TIMEOUT)
            .await
            .is_ok()
    }

    /// How far the router has come with the state of the lattice.
    pub(crate) fn passed(&self) -> PassedEntry {
        PassedEntry {
            records: self.records.revision(),
            configs: self.configs.revision(),
        }
    }

    /// Waits until the router has acted on change number `version` of the registry. Returns whether it has in time.
    pub(crate) async fn settle_registry(&self, version: u64) -> bool {
        let mut registry = self.registry.clone();
        let settled = registry.wait_for(|&routed| routed >= version);
        time::timeout(SETTLE_TIMEOUT, settled)
            .await
            .is_ok_and(|settled| settled.is_ok())
    }
}

/// Starts the router. The receiver is told when everything that was in the buckets has been acted upon.
pub(crate) fn start(
    registry: Arc<Registry>,
    reach: Reach,
    http: HttpServer,
    records: &Bucket,
    configs: &Bucket,
    tasks: &Tasks,
) -> (Routing, oneshot::Receiver<()>) {
    let (records, configs) = (
        records.watch(WatchOptions::default()),
        configs.watch(WatchOptions::default()),
    );
    let routed = watch::Sender::new(0);
    let routing = Routing {
        records: records.passed(),
        configs: configs.passed(),
        registry: routed.subscribe(),
    };
    let (ready, is_ready) = oneshot::channel();
    let router = Router {
        registry,
        reach,
        http,
        view: View::default(),
        records,
        configs,
        is_listed: [false; 2],
        routed_programs: BTreeMap::new(),
        retired: Retired::default(),
        is_retry_due: false,
        routed,
        ready: Some(ready),
    };
    tasks.spawn_fallible(
        TaskKind::Service,
        "host.router",
        router.run(tasks.shutdown()),
    );
    (routing, is_ready)
}

// ===== impl Router =====

impl Router {
    async fn run(mut self, shutdown: Shutdown) -> Result<(), WatchError> {
        let mut registry = self.registry.changes();
        let mut timer = time::interval(RETRY_PERIOD);
        timer.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.requested() => return Ok(()),
                change = self.records.next() => self.note_record(change)?,
                change = self.configs.next() => self.note_config(change)?,
                changed = registry.changed() => {
                    if changed.is_err() {
                        return Ok(());
                    }
                }
                _ = timer.tick(), if self.is_retry_due || !self.retired.is_empty() => {
                    self.retired.release();
                    if !self.is_retry_due {
                        continue;
                    }
                }
            }
            // Routes made of half a listing would cut off what is linked by the other half.
            if self.is_listed == [true; 2] {
                self.route();
                if let Some(ready) = self.ready.take() {
                    // Nobody waits when the host has given up starting.
                    let _: Result<(), ()> = ready.send(());
                }
            }
        }
    }

    fn note_record(&mut self, change: Result<Change, WatchError>) -> Result<(), WatchError> {
        match change {
            Ok(Change::Put(entry)) => self.view.put_record(&entry.key, &entry.value),
            Ok(Change::Deleted { key, .. }) => self.view.delete_record(&key),
            Ok(Change::Listed { .. }) => self.is_listed[0] = true,
            Ok(_) => {}
            Err(error) => return skip_entry(error),
        }
        Ok(())
    }

    fn note_config(&mut self, change: Result<Change, WatchError>) -> Result<(), WatchError> {
        match change {
            Ok(Change::Put(entry)) => self.view.put_config(&entry.key, &entry.value),
            Ok(Change::Deleted { key, .. }) => self.view.delete_config(&key),
            Ok(Change::Listed { .. }) => self.is_listed[1] = true,
            Ok(_) => {}
            Err(error) => return skip_entry(error),
        }
        Ok(())
    }

    /// Resolves everything and exchanges what is different.
    fn route(&mut self) {
        let running = self.registry.snapshot();
        let Resolution {
            components,
            mut providers,
        } = resolve::resolve(&running, &self.view, &self.reach);
        // Configs and routes of components first: requests may come as soon as the server has its rules.
        for (id, resolved) in components {
            let Some(component) = running.components.get(&id) else {
                continue;
            };
            component.config.set(resolved.config);
            component.program.set_routes(resolved.routes);
            if self
                .registry
                .set_component_problems(&id, &resolved.problems)
            {
                report(&resolved.problems, id.as_str());
            }
        }
        for (id, resolved) in &mut providers {
            let provider = running.providers.get(id);
            if let Some(Backing::Process(process)) = provider.map(|provider| &provider.backing)
                && let Some(brief) = resolved.brief.take()
            {
                process.brief(brief);
            }
        }
        self.serve(providers, &running);
        let programs = running
            .components
            .into_iter()
            .map(|(id, component)| (id, component.program))
            .collect();
        let former = mem::replace(&mut self.routed_programs, programs);
        self.retired.take(former, &self.routed_programs);
        self.routed.send_replace(running.version);
    }

    /// Gives the HTTP server the rules of all providers, and notes what is wrong with each.
    fn serve(&mut self, providers: BTreeMap<ProviderId, ResolvedProvider>, running: &Snapshot) {
        let shared_address = self.http.shared_address();
        let mut rules = BTreeMap::new();
        let mut problems = BTreeMap::new();
        for (id, resolved) in providers {
            if let Some(provider) = running.providers.get(&id)
                && let Backing::Builtin(builtin) = &provider.backing
                && let Builtin::KeyValue(buckets) = &**builtin
            {
                buckets.set_linked(resolved.linked);
            }
            let with_address = resolved
                .rules
                .into_iter()
                .map(|(address, rule)| (address.unwrap_or(shared_address), rule));
            rules.insert(id.clone(), with_address.collect());
            problems.insert(id, resolved.problems);
        }
        let errors = self.http.apply_all(rules);
        // A place that somebody else has becomes free by a change that is routed anyway.
        self.is_retry_due = errors
            .values()
            .flatten()
            .any(|(_, error)| matches!(error, ApplyError::Listen { .. }));
        for (id, mut problems) in problems {
            let errors = errors.get(&id).into_iter().flatten();
            problems.extend(errors.map(|(_, error)| Problem::new(error as &dyn Coded)));
            if self.registry.set_provider_problems(&id, &problems) {
                report(&problems, id.as_str());
            }
        }
    }
}

/// An entry that cannot be read is left out; anything else ends the watch.
fn skip_entry(error: WatchError) -> Result<(), WatchError> {
    match error {
        WatchError::Entry(error) => {
            tracing::warn!(
                { field::ERROR } = weft_model::problem::render_chain(&error),
                "Left out an entry of the lattice's state"
            );
            Ok(())
        }
        error => Err(error),
    }
}

fn report(problems: &[Problem], subject: &str) {
    for problem in problems {
        tracing::warn!(
            subject,
            { field::ERROR } = %problem,
            { field::ERROR_CODE } = %problem.code,
            "A link cannot be served"
        );
    }
}
