//! One provider: on which hosts it runs.
//!
//! An id runs once on a host, so that a provider that changes is stopped and started there, one host at a time and only
//! while it runs on all the others. A provider that moves starts on the new host before it stops on the old one.

use std::collections::BTreeMap;

use weft_model::application::ProviderSpec;
use weft_model::id::{ApplicationName, EntityId, HostId};
use weft_model::inventory::ProviderInventory;

use crate::draft::{Draft, Progress, Subject};
use crate::error::Error;
use crate::facts::Facts;
use crate::image::is_same_image;
use crate::input::Deployed;
use crate::marks::{Marks, are_alike};
use crate::plan::{Action, Object, Phase};
use crate::preconditions::may_plan;
use crate::report::PartName;
use crate::running::Kind;
use crate::spread::{Target, Targets, provider_targets};

/// Plans one provider and records how far it is.
pub(crate) fn plan_provider<'a>(
    facts: &'a Facts<'a>,
    draft: &mut Draft<'a>,
    application: &ApplicationName,
    deployed: &Deployed,
    spec: &ProviderSpec,
) {
    let mut progress = Progress::default();
    let id = EntityId::from(&spec.id);
    if may_plan(
        facts,
        application,
        Kind::Provider,
        &id,
        &spec.config,
        &mut progress,
    ) {
        // What is being stopped does not count any more.
        let is_stopping = |host: &HostId| {
            let object = Object::Provider(host.clone(), spec.id.clone());
            matches!(facts.pending(&object), Some(Action::StopProvider { .. }))
        };
        let observed: BTreeMap<&HostId, &ProviderInventory> = facts
            .running(id.as_str())
            .iter()
            .filter(|running| !is_stopping(running.host))
            .filter_map(|running| Some((running.host, running.provider_of(application)?)))
            .collect();
        let subject = Subject {
            application,
            version: &deployed.version,
            id: id.as_str(),
        };
        let targets = provider_targets(
            &spec.placement,
            &facts.takers,
            |host| observed.contains_key(host),
            |host| facts.failure(&subject, host).is_some(),
        );
        for unmet in &targets.unmet {
            let (id, requirements) = (id.clone(), unmet.requirements.clone());
            progress.fails(&if unmet.found == 0 {
                Error::NoHost { id, requirements }
            } else {
                Error::TooFewHosts {
                    id,
                    requirements,
                    wanted: unmet.wanted,
                    found: unmet.found,
                }
            });
        }
        let mut running = Running {
            facts,
            draft,
            application,
            deployed,
            spec,
            observed,
            targets,
            progress,
        };
        running.start();
        running.replace();
        running.stop();
        running.check_health();
        progress = running.progress;
    }
    draft.record(
        application,
        PartName::Provider {
            name: spec.name.clone(),
            id: spec.id.clone(),
            rule: spec.placement.rule,
        },
        progress.into_state(),
    );
}

/// One provider while it is planned.
struct Running<'s, 'a> {
    facts: &'a Facts<'a>,
    draft: &'s mut Draft<'a>,
    application: &'s ApplicationName,
    deployed: &'s Deployed,
    spec: &'s ProviderSpec,
    /// Where it runs, and is not being stopped.
    observed: BTreeMap<&'a HostId, &'a ProviderInventory>,
    targets: Targets<'s>,
    progress: Progress,
}

// ===== impl Running =====

impl Running<'_, '_> {
    /// Hosts that are to run it and do not.
    fn start(&mut self) {
        for host in self.missing() {
            let reason = format!("`{host}` is to run it");
            self.progress.is_reconciling(reason.clone());
            let actions = vec![self.start_action(&host)];
            self.propose(&host, actions, &reason);
        }
    }

    /// Hosts that run it as it was before: one at a time, while all others run it.
    fn replace(&mut self) {
        let outdated: Vec<(HostId, &ProviderInventory)> = self
            .observed
            .iter()
            .filter(|(host, one)| self.targets.count(host) > 0 && !self.is_current(one))
            .map(|(&host, &one)| (host.clone(), one))
            .collect();
        let Some((host, one)) = outdated.first() else {
            return;
        };
        self.progress.is_reconciling(format!(
            "replacing on {} of {} hosts, one at a time",
            outdated.len(),
            self.targets.hosts.len()
        ));
        if !self.missing().is_empty() {
            return;
        }
        let version = &self.deployed.version;
        let what = match &one.image {
            Some(image) if !is_same_image(&self.spec.image, image) => {
                format!("the image changed with `{version}` from `{image}`")
            }
            _ => format!("config or content changed with `{version}`"),
        };
        let reason = format!(
            "{what}; a provider id runs once on a host, so it is stopped and started, with a gap until it is back"
        );
        let stop = Action::StopProvider {
            host: host.clone(),
            id: self.spec.id.clone(),
        };
        let actions = vec![stop, self.start_action(host)];
        self.propose(host, actions, &reason);
    }

    /// Hosts that run it and are not to, as far as the others make up for them.
    fn stop(&mut self) {
        let running = self.observed.len() as u64;
        let mut spare = running.saturating_sub(self.targets.wanted);
        let surplus: Vec<HostId> = self
            .observed
            .keys()
            .filter(|host| self.targets.count(host) == 0)
            .map(|&host| host.clone())
            .collect();
        for host in surplus {
            if spare == 0 {
                self.progress
                    .is_reconciling(format!("keeping it on `{host}` until another host runs it"));
                continue;
            }
            spare -= 1;
            let reason = format!("`{host}` is not to run it, and enough run without it");
            self.progress.is_reconciling(reason.clone());
            let action = Action::StopProvider {
                host,
                id: self.spec.id.clone(),
            };
            self.draft
                .propose(self.application, Phase::StopProviders, action, reason);
        }
    }

    fn check_health(&mut self) {
        for &host in self.observed.keys() {
            let key = (host.clone(), self.spec.id.clone());
            if self.facts.input.unhealthy.contains(&key) {
                self.progress.is_unhealthy(format!(
                    "the provider on `{host}` reports that it is not well"
                ));
            }
        }
    }

    fn missing(&self) -> Vec<HostId> {
        self.targets
            .hosts
            .keys()
            .filter(|host| !self.observed.contains_key(*host))
            .map(|&host| host.clone())
            .collect()
    }

    fn is_current(&self, one: &ProviderInventory) -> bool {
        let is_image_right = one
            .image
            .as_ref()
            .is_none_or(|image| is_same_image(&self.spec.image, image));
        is_image_right && are_alike(&self.marks().annotations(""), &one.annotations)
    }

    fn marks(&self) -> Marks<'_> {
        Marks {
            managed_by: &self.facts.input.policy.managed_by,
            application: self.application,
            config: &self.spec.config,
            digest: self.spec.digest,
            limits: None,
        }
    }

    fn start_action(&self, host: &HostId) -> Action {
        let spreads = self
            .targets
            .hosts
            .get(host)
            .map(Target::spread_names)
            .unwrap_or_default();
        Action::StartProvider {
            host: host.clone(),
            id: self.spec.id.clone(),
            image: self.spec.image.to_string(),
            digest: self.spec.digest,
            config: self.spec.config.clone(),
            annotations: self.marks().annotations(&spreads),
        }
    }

    fn propose(&mut self, host: &HostId, actions: Vec<Action>, reason: &str) {
        let subject = Subject {
            application: self.application,
            version: &self.deployed.version,
            id: self.spec.id.as_str(),
        };
        self.draft.propose_on_host(
            &subject,
            host,
            Phase::StartProviders,
            actions,
            reason,
            &mut self.progress,
        );
    }
}
