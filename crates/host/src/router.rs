//! The router: one task that owns the view of links and configs, and makes routes of it.
//!
//! It works by level: whatever changed, it resolves everything anew and exchanges what is different. Calling `next` on a
//! watch says that what it told before has been acted upon, so whoever waits for a watch to pass a revision waits for the
//! routes made of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use weft_capabilities::http_server::HttpServer;
use weft_lattice::bucket::{Bucket, Change, Passed, Watch, WatchError, WatchOptions};
use weft_model::id::ProviderId;
use weft_model::problem::{Coded, Problem};
use weft_protocol::control::PassedEntry;
use weft_runtime::{Shutdown, TaskKind, Tasks, field};

use self::resolve::Resolution;
use self::view::View;
use crate::registry::Registry;

mod resolve;
mod view;

/// How long a command waits for the router to come to what it did.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(5);

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
    http: HttpServer,
    view: View,
    records: Watch,
    configs: Watch,
    is_listed: [bool; 2],
    /// Providers that the HTTP server may have rules of.
    served: BTreeSet<ProviderId>,
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
        tokio::time::timeout(SETTLE_TIMEOUT, settled)
            .await
            .is_ok_and(|settled| settled.is_ok())
    }
}

/// Starts the router. The receiver is told when everything that was in the buckets has been acted upon.
pub(crate) fn start(
    registry: Arc<Registry>,
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
        http,
        view: View::default(),
        records,
        configs,
        is_listed: [false; 2],
        served: BTreeSet::new(),
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
            providers,
        } = resolve::resolve(&running, &self.view);
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
        let shared_address = self.http.shared_address();
        for (id, resolved) in providers {
            let mut problems = resolved.problems;
            let rules = resolved
                .rules
                .into_iter()
                .map(|(address, rule)| (address.unwrap_or(shared_address), rule))
                .collect();
            let errors = self.http.apply(&id, rules);
            self.served.insert(id.clone());
            problems.extend(
                errors
                    .iter()
                    .map(|(_, error)| Problem::new(error as &dyn Coded)),
            );
            if self.registry.set_provider_problems(&id, &problems) {
                report(&problems, id.as_str());
            }
        }
        self.served.retain(|id| {
            let is_running = running.providers.contains_key(id);
            if !is_running {
                self.http.apply(id, Vec::new());
            }
            is_running
        });
        self.routed.send_replace(running.version);
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
