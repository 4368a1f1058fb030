//! One component: how often it runs on which host.
//!
//! A host that needs more gets it at once; one that has too much gives up only what the others already make up for, so
//! that an update or a move never goes below what is wanted.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use weft_model::application::ComponentSpec;
use weft_model::id::{ApplicationName, EntityId, HostId};
use weft_model::inventory::ComponentInventory;

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
use crate::spread::{Target, Targets, component_targets};

/// Plans one component and records how far it is.
pub(crate) fn plan_component<'a>(
    facts: &'a Facts<'a>,
    draft: &mut Draft<'a>,
    application: &ApplicationName,
    deployed: &Deployed,
    spec: &ComponentSpec,
) {
    let mut progress = Progress::default();
    let id = EntityId::from(&spec.id);
    if may_plan(
        facts,
        application,
        Kind::Component,
        &id,
        &spec.config,
        &mut progress,
    ) {
        let observed: BTreeMap<&HostId, Observed<'_>> = facts
            .running(id.as_str())
            .iter()
            .filter_map(|running| {
                let inventory = running.component_of(application)?;
                let object = Object::Component(running.host.clone(), spec.id.clone());
                let observed = Observed::new(inventory, facts.pending(&object));
                Some((running.host, observed))
            })
            .collect();
        let targets = component_targets(&spec.placement, &facts.takers, |host| {
            observed.get(host).map_or(0, |one| one.count)
        });
        for unmet in &targets.unmet {
            progress.fails(&Error::NoHost {
                id: id.clone(),
                requirements: unmet.requirements.clone(),
            });
        }
        let mut scaling = Scaling {
            facts,
            draft,
            application,
            deployed,
            spec,
            observed,
            targets,
            progress,
        };
        scaling.plan();
        progress = scaling.progress;
    }
    draft.record(
        application,
        PartName::Component {
            name: spec.name.clone(),
            id: spec.id.clone(),
            rule: spec.placement.rule,
        },
        progress.into_state(),
    );
}

/// One component while it is planned.
struct Scaling<'s, 'a> {
    facts: &'a Facts<'a>,
    draft: &'s mut Draft<'a>,
    application: &'s ApplicationName,
    deployed: &'s Deployed,
    spec: &'s ComponentSpec,
    /// What runs of it, by host.
    observed: BTreeMap<&'a HostId, Observed<'a>>,
    targets: Targets<'s>,
    progress: Progress,
}

/// What runs on one host.
struct Observed<'a> {
    inventory: &'a ComponentInventory,
    /// How many are left once an action that is under way has ended what it ends.
    count: u32,
    pending: Option<&'a Action>,
}

// ===== impl Observed =====

impl<'a> Observed<'a> {
    fn new(inventory: &'a ComponentInventory, pending: Option<&'a Action>) -> Self {
        let now = inventory.instances_max;
        let count = match pending {
            Some(Action::ScaleComponent { count, .. }) => now.min(*count),
            _ => now,
        };
        Self {
            inventory,
            count,
            pending,
        }
    }
}

// ===== impl Scaling =====

impl Scaling<'_, '_> {
    /// Plans all hosts. What a host has too much of it keeps, as far as it is missed elsewhere.
    fn plan(&mut self) {
        let kept = self.kept();
        let goals: Vec<(HostId, u32)> = self
            .targets
            .hosts
            .iter()
            .map(|(&host, target)| (host.clone(), target.count))
            .collect();
        for (host, goal) in goals {
            self.plan_host(&host, goal, kept.get(&host).copied());
        }
        for host in self.hosts_to_leave() {
            match kept.get(&host) {
                Some(count) => self.keep(&host, *count),
                None => self.end(&host),
            }
        }
    }

    /// Hosts that run it and are not to.
    fn hosts_to_leave(&self) -> Vec<HostId> {
        self.observed
            .keys()
            .filter(|host| self.targets.count(host) == 0)
            .map(|&host| host.clone())
            .collect()
    }

    /// What hosts that have too much have to keep, until others run in their place.
    fn kept(&self) -> BTreeMap<HostId, u32> {
        let running: u64 = self.observed.values().map(|one| u64::from(one.count)).sum();
        let mut spare = running.saturating_sub(self.targets.wanted);
        let mut surplus: Vec<(&HostId, u32, u32)> = self
            .observed
            .iter()
            .map(|(&host, one)| (host, one.count, self.targets.count(host)))
            .filter(|(_, now, goal)| now > goal)
            .collect();
        // Hosts that are not to run it at all are freed first, the largest first, and only as a whole.
        surplus.sort_by_key(|(host, now, goal)| (*goal > 0, Reverse(now - goal), *host));
        let mut kept = BTreeMap::new();
        for (host, now, goal) in surplus {
            let given = u32::try_from(spare).unwrap_or(u32::MAX).min(now - goal);
            let given = if goal > 0 || given == now { given } else { 0 };
            spare -= u64::from(given);
            if given < now - goal {
                kept.insert(host.clone(), now - given);
            }
        }
        kept
    }

    fn keep(&mut self, host: &HostId, count: u32) {
        self.progress.is_reconciling(format!(
            "keeping {count} on `{host}` until others run in their place"
        ));
    }

    /// Plans a host that is to run `goal`, or `kept` for now.
    fn plan_host(&mut self, host: &HostId, goal: u32, kept: Option<u32>) {
        let mut count = kept.unwrap_or(goal);
        let observed = self.observed.get(host);
        let pending = observed.and_then(|one| one.pending);
        let (is_update, is_as_desired, reason) = match observed.map(|one| one.inventory) {
            // What is on its way may be there when this comes.
            None => (
                self.is_other_on_its_way(host),
                false,
                format!("`{host}` is to run {count}"),
            ),
            Some(one) if !self.is_current(one) && self.replaces_in_place(host) => {
                let reason = format!("{}; replaced in place", self.difference(one));
                (true, false, reason)
            }
            Some(one) if !self.is_current(one) => {
                count = 0;
                let reason = format!(
                    "{}; a host of its kind does not replace what runs, so it is ended first, with a gap until it is back",
                    self.difference(one)
                );
                (false, false, reason)
            }
            Some(one) if one.instances_max == count => (
                false,
                true,
                format!("`{host}` is to go on running {count}, against what was sent before"),
            ),
            Some(one) => (
                false,
                false,
                format!("`{host}` runs {} and is to run {count}", one.instances_max),
            ),
        };
        let is_lower = observed.is_some_and(|one| one.inventory.instances_max > count);
        let phase = if is_lower && !is_update {
            Phase::DrainComponents
        } else {
            Phase::ScaleComponents
        };
        let action = self.scale_action(host, count, is_update);
        // What is under way and something else would undo what is as desired.
        if !is_as_desired || pending.is_some_and(|pending| *pending != action) {
            self.progress.is_reconciling(reason.clone());
            let subject = Subject {
                application: self.application,
                version: &self.deployed.version,
                id: self.spec.id.as_str(),
            };
            self.draft.propose_on_host(
                &subject,
                host,
                phase,
                vec![action],
                &reason,
                &mut self.progress,
            );
        }
        if kept.is_some() {
            self.keep(host, count);
        }
    }

    /// Whether a host where nothing of it runs yet was told to run something else than is desired.
    fn is_other_on_its_way(&self, host: &HostId) -> bool {
        let object = Object::Component(host.clone(), self.spec.id.clone());
        match self.facts.pending(&object) {
            Some(Action::ScaleComponent {
                image,
                count,
                annotations,
                ..
            }) => {
                *count > 0
                    && !(is_same_image(&self.spec.image, image)
                        && are_alike(&self.marks().annotations(""), annotations))
            }
            _ => false,
        }
    }

    /// Whether what runs is what is desired, but for its number.
    fn is_current(&self, one: &ComponentInventory) -> bool {
        is_same_image(&self.spec.image, &one.image)
            && are_alike(&self.marks().annotations(""), &one.annotations)
    }

    /// Why what runs is not what is desired.
    fn difference(&self, one: &ComponentInventory) -> String {
        let version = &self.deployed.version;
        if is_same_image(&self.spec.image, &one.image) {
            format!("config, limits or content changed with `{version}`")
        } else {
            format!("the image changed with `{version}` from `{}`", one.image)
        }
    }

    /// Whether the host brings up what is new before it ends what is old. Those of 1.9 let the old go on, and take no
    /// change of annotations or limits (spec §14.1); they do not tell how far they are.
    fn replaces_in_place(&self, host: &HostId) -> bool {
        let known = self.facts.hosts.get(host);
        known.is_none_or(|host| host.passed.is_some())
    }

    fn marks(&self) -> Marks<'_> {
        Marks {
            managed_by: &self.facts.input.policy.managed_by,
            application: self.application,
            config: &self.spec.config,
            digest: self.spec.digest,
            limits: Some(&self.spec.limits),
        }
    }

    fn scale_action(&self, host: &HostId, count: u32, allows_update: bool) -> Action {
        let spreads = self
            .targets
            .hosts
            .get(host)
            .map(Target::spread_names)
            .unwrap_or_default();
        Action::ScaleComponent {
            host: host.clone(),
            id: self.spec.id.clone(),
            image: self.spec.image.to_string(),
            digest: self.spec.digest,
            count,
            config: self.spec.config.clone(),
            limits: self.spec.limits,
            annotations: self.marks().annotations(&spreads),
            allows_update,
        }
    }

    /// Ends it on a host that is not to run it.
    fn end(&mut self, host: &HostId) {
        let reason = format!("`{host}` is not to run it, and enough run without it");
        self.progress.is_reconciling(reason.clone());
        self.draft.propose(
            self.application,
            Phase::DrainComponents,
            end_component(host, self.observed[host].inventory),
            reason,
        );
    }
}

/// The action that ends a component: with the image and annotations that it has, for that is what it is known by.
pub(crate) fn end_component(host: &HostId, one: &ComponentInventory) -> Action {
    Action::ScaleComponent {
        host: host.clone(),
        id: one.id.clone(),
        image: one.image.clone(),
        digest: None,
        count: 0,
        config: Vec::new(),
        limits: Default::default(),
        annotations: one.annotations.clone(),
        allows_update: false,
    }
}
