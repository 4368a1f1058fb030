//! What the controller hears of hosts, links and configs.

use std::collections::BTreeSet;
use std::sync::Arc;

use weft_lattice::bucket::Change;
use weft_model::annotation;
use weft_model::id::{ConfigName, EntityId, HostId};
use weft_model::inventory::HostInventory;
use weft_model::labels::Annotations;
use weft_model::problem::Problem;
use weft_protocol::event::{ComponentScaleFailed, Data, Event, HealthCheck, ProviderStartFailed};

use super::Controller;
use crate::clock::Moment;
use crate::configs::Configs;
use crate::desired;
use crate::error::Error;
use crate::metrics::Counter;
use crate::observed::{Answer, Concern, News, Sign};
use crate::pending::{Outcome, Purpose};
use crate::records::Records;

// ===== impl Controller =====

impl Controller {
    /// Takes in what was heard of a host.
    pub(super) fn hear(&mut self, now: Moment, sign: Sign) {
        if matches!(sign, Sign::Answered(_, Answer::Gone | Answer::None)) {
            self.counters.add(Counter::InventoriesMissed);
        }
        let news = self.observed.hear(now, self.step, sign);
        self.take_news(now, news);
    }

    pub(super) fn take_news(&mut self, now: Moment, news: News) {
        self.is_nudged |= news.is_changed;
        for host in &news.gone {
            self.pending.lose_host(host);
            self.setbacks.lose_host(host);
        }
        if news.is_loss {
            self.counters
                .add_many(Counter::HostsLost, news.gone.len() as u64);
        }
        let Some((host, since)) = news.fresh else {
            return;
        };
        let Some(inventory) = self.observed.inventory(&host).cloned() else {
            return;
        };
        for object in self.pending.observe(since, &inventory) {
            self.setbacks.clear(&object);
            self.is_nudged = true;
        }
        let concern = concern(&inventory, &self.records, &self.configs);
        self.observed.set_concern(now, &host, concern);
    }

    /// Takes in a change of the component records.
    pub(super) fn take_record(&mut self, change: Change) {
        let is_listing = !self.records.is_listed();
        let concerned = self.records.apply(change);
        if is_listing {
            self.is_nudged |= self.records.is_listed();
            return;
        }
        for id in &concerned {
            for link in self.records.links_from(id) {
                self.configs.note_link(link);
            }
            if let Some(revision) = self.records.revision(id) {
                for object in self.pending.observe_record(id, revision) {
                    self.setbacks.clear(&object);
                }
            }
        }
        self.touch_users(&concerned);
        self.is_nudged |= !concerned.is_empty();
    }

    /// Takes in a change of the configs.
    pub(super) fn take_config(&mut self, change: Change) {
        let is_listing = !self.configs.is_listed();
        let concerned = self.configs.apply(change);
        if is_listing {
            self.is_nudged |= self.configs.is_listed();
            return;
        }
        let Some(name) = concerned else {
            return;
        };
        for link in self.records.links() {
            if link.configs().any(|one| *one == name) {
                self.configs.note_link(link);
            }
        }
        let present = self.configs.all().get(&name);
        for object in self.pending.observe_config(&name, present) {
            self.setbacks.clear(&object);
        }
        self.touch_users(&self.records.ends_with_config(&name));
        self.observed.touch(|inventory| {
            annotations(inventory).any(|(_, annotations)| names_config(annotations, &name))
        });
        self.is_nudged = true;
    }

    /// Takes in what a host said happened.
    pub(super) fn take_event(&mut self, now: Moment, event: Event) {
        self.counters.add(Counter::EventsRead);
        let source = event.host();
        match event.data {
            Data::HostStarted(_) => self.hear_of(now, source, Sign::Greeting),
            Data::HostStopped(_) => self.hear_of(now, source, Sign::Stopped),
            Data::LabelsChanged(data) => self.hear_of(now, data.host(), Sign::Changed),
            Data::HostHeartbeat(inventory) => {
                // What is odd about single entries does not make the host unknown.
                if let Ok((inventory, _)) = inventory.to_model_lossy() {
                    self.hear(now, Sign::Heartbeat(Arc::new(inventory)));
                }
            }
            Data::ComponentScaled(data) => {
                if let (Ok(host), Ok(component)) = (data.host(), data.component()) {
                    let count = data.max_instances;
                    let outcome = Outcome::Scaled(host, component, count, data.image_ref);
                    self.take_success(now, &outcome, count > 0);
                }
            }
            Data::ComponentScaleFailed(data) => self.take_scale_failure(now, &data),
            Data::ProviderStarted(data) => {
                if let (Ok(host), Ok(provider)) = (data.host(), data.provider()) {
                    self.take_success(now, &Outcome::Started(host, provider), true);
                }
            }
            Data::ProviderStartFailed(data) => self.take_start_failure(now, &data),
            Data::ProviderStopped(data) => {
                if let (Ok(host), Ok(provider)) = (data.host(), data.provider()) {
                    self.take_success(now, &Outcome::Stopped(host, provider), false);
                }
            }
            // What became of its process is in the host's inventory.
            Data::ProviderDied(data)
            | Data::ProviderRestarted(data)
            | Data::ProviderCrashLoop(data)
            | Data::ProviderHangs(data) => self.hear_of(now, data.host(), Sign::Changed),
            Data::HealthCheckPassed(data) => self.take_health(now, &data, true),
            Data::HealthCheckFailed(data) => self.take_health(now, &data, false),
            Data::ArtifactPulling(data) => {
                if let Ok(host) = data.host() {
                    self.pending.extend(now, &host, &data.image_ref);
                }
            }
            // Links and configs are followed in their buckets.
            _ => {}
        }
    }

    /// Marks the hosts that run one of the ids: links or configs of theirs have changed.
    fn touch_users(&mut self, ids: &BTreeSet<EntityId>) {
        self.observed.touch(|inventory| {
            annotations(inventory).any(|(id, _)| ids.iter().any(|one| one.as_str() == id))
        });
    }

    fn hear_of<E>(&mut self, now: Moment, host: Result<HostId, E>, sign: fn(HostId) -> Sign) {
        if let Ok(host) = host {
            self.hear(now, sign(host));
        }
    }

    fn take_health(&mut self, now: Moment, data: &HealthCheck, is_well: bool) {
        if let (Ok(host), Ok(provider)) = (data.host(), data.provider()) {
            let sign = Sign::Health {
                host,
                provider,
                is_well,
            };
            self.hear(now, sign);
        }
    }

    fn take_success(&mut self, now: Moment, outcome: &Outcome, is_start: bool) {
        let is_ours = self.pending.settle(self.step, outcome).is_some();
        if is_ours || is_start {
            self.setbacks.clear(&outcome.object());
        }
        self.hear(now, Sign::Changed(outcome.host().clone()));
    }

    fn take_scale_failure(&mut self, now: Moment, data: &ComponentScaleFailed) {
        let (Ok(host), Ok(component)) = (data.host(), data.component()) else {
            return;
        };
        let problem = data
            .problem()
            .unwrap_or_else(|| foreign_problem(&host, component.as_str(), &data.error));
        let application = data.annotations.get(annotation::APPLICATION);
        let outcome = Outcome::Scaled(host, component, data.max_instances, data.image_ref.clone());
        self.take_failure(now, &outcome, application, problem);
    }

    fn take_start_failure(&mut self, now: Moment, data: &ProviderStartFailed) {
        let (Ok(host), Ok(provider)) = (data.host(), data.provider()) else {
            return;
        };
        let problem = data
            .problem()
            .unwrap_or_else(|| foreign_problem(&host, provider.as_str(), &data.error));
        self.take_failure(now, &Outcome::Started(host, provider), None, problem);
    }

    /// A host could not do something, as this manager asked it to, or another one did.
    fn take_failure(
        &mut self,
        now: Moment,
        outcome: &Outcome,
        application: Option<&String>,
        problem: Problem,
    ) {
        let purpose = self
            .pending
            .fail(outcome)
            .or_else(|| self.find_purpose(outcome.id(), application));
        if let Some(purpose) = purpose {
            self.setbacks.fail(now, outcome.object(), purpose, problem);
            self.is_nudged = true;
        }
        self.hear(now, Sign::Changed(outcome.host().clone()));
    }

    /// The deployed application that `id` is started for, which is `application` where that is known.
    fn find_purpose(&self, id: &str, application: Option<&String>) -> Option<Purpose> {
        self.catalog.applications().find_map(|(name, stored)| {
            let deployed = stored.record.deployed.as_ref()?;
            let is_asked = application.is_none_or(|one| one == name.as_str());
            let wanted = self.desired.application(&deployed.revision)?;
            let is_its = is_asked && desired::ids(wanted).any(|one| one == id);
            is_its.then(|| Purpose {
                application: name.clone(),
                version: deployed.version.clone(),
            })
        })
    }
}

/// The problem of a host that gives words alone.
fn foreign_problem(host: &HostId, id: &str, text: &str) -> Problem {
    Problem::new(&Error::Host {
        host: host.to_string(),
        id: id.to_owned(),
        text: text.to_owned(),
    })
}

/// Everything that runs on a host, by id, with its annotations.
fn annotations(inventory: &HostInventory) -> impl Iterator<Item = (&str, &Annotations)> {
    let components = inventory
        .components
        .iter()
        .map(|one| (one.id.as_str(), &one.annotations));
    let providers = inventory
        .providers
        .iter()
        .map(|one| (one.id.as_str(), &one.annotations));
    components.chain(providers)
}

/// The names of the configs that something was started with.
fn config_names(annotations: &Annotations) -> impl Iterator<Item = &str> {
    let names = annotations
        .get(annotation::CONFIG)
        .map(String::as_str)
        .unwrap_or_default();
    names.split(' ').filter(|name| !name.is_empty())
}

fn names_config(annotations: &Annotations, name: &ConfigName) -> bool {
    config_names(annotations).any(|one| one == name.as_str())
}

/// Whether what a host says of `id` was said before it had acted on the links and configs that are there. Hosts of other
/// kinds do not tell how far they are, nor of problems, so that nothing has to be waited for.
pub(crate) fn is_behind(
    inventory: &HostInventory,
    id: &str,
    annotations: &Annotations,
    records: &Records,
    configs: &Configs,
) -> bool {
    let Some(passed) = inventory.passed else {
        return false;
    };
    passed.records < records.revision_about(id)
        || passed.configs < configs.revision_about(id)
        || config_names(annotations).any(|name| passed.configs < configs.revision(name))
}

/// How urgently a host is to be asked again, by what it has just said.
fn concern(inventory: &HostInventory, records: &Records, configs: &Configs) -> Concern {
    let mut running = annotations(inventory);
    if running.any(|(id, annotations)| is_behind(inventory, id, annotations, records, configs)) {
        return Concern::Behind;
    }
    let has_problems = inventory
        .components
        .iter()
        .any(|one| !one.problems.is_empty())
        || inventory
            .providers
            .iter()
            .any(|one| !one.problems.is_empty());
    if has_problems {
        Concern::Problems
    } else {
        Concern::None
    }
}
