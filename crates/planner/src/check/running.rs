//! Rules about what runs.

use std::collections::BTreeMap;

use weft_model::annotation;
use weft_model::application::{Placement, PlacementRule, Spread};
use weft_model::id::{ApplicationName, EntityId, HostId};
use weft_model::inventory::HostInventory;
use weft_model::labels::{Annotations, satisfies};

use super::{Violation, is_ours, live_hosts};
use crate::input::Input;
use crate::plan::{Action, Plan};

/// A component or provider that is to run.
struct Part<'a> {
    kind: Kind,
    application: &'a ApplicationName,
    id: EntityId,
    placement: &'a Placement,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Kind {
    Component,
    Provider,
}

/// What an action does to a part on a host.
enum Change<'a> {
    Scale(&'a HostId, u64),
    Stop(&'a HostId),
    Start(&'a HostId),
}

// ===== impl Part =====

impl Part<'_> {
    /// What `action` does to this part, if it is about it.
    fn change<'p>(&self, action: &'p Action) -> Option<Change<'p>> {
        let (kind, id, change) = match action {
            Action::ScaleComponent {
                host, id, count, ..
            } => {
                let change = Change::Scale(host, u64::from(*count));
                (Kind::Component, id.as_str(), change)
            }
            Action::StopProvider { host, id } => (Kind::Provider, id.as_str(), Change::Stop(host)),
            Action::StartProvider { host, id, .. } => {
                (Kind::Provider, id.as_str(), Change::Start(host))
            }
            Action::PutConfig { .. } | Action::DeleteConfig { .. } | Action::SetLinks { .. } => {
                return None;
            }
        };
        (kind == self.kind && id == self.id.as_str()).then_some(change)
    }
}

// ===== checks =====

pub(super) fn check(input: &Input, plan: &Plan, violations: &mut Vec<Violation>) {
    let live = live_hosts(input);
    for (index, step) in plan.steps.iter().enumerate() {
        let (host, annotations) = match &step.action {
            Action::StartProvider {
                host, annotations, ..
            }
            | Action::ScaleComponent {
                host, annotations, ..
            } => (host, Some(annotations)),
            Action::StopProvider { host, .. } => (host, None),
            _ => continue,
        };
        let text = || step.action.to_string();
        if !live.contains(host) {
            violations.push(Violation::DeadHost(text()));
        }
        if annotations.is_some_and(|annotations| !is_ours(input, annotations)) {
            violations.push(Violation::Unmarked(text()));
        }
        if touches_foreign(input, &step.action) {
            violations.push(Violation::Foreign(text()));
        }
        let before = plan.steps[..index].iter().map(|step| &step.action);
        let mut before = input.pending.iter().chain(before);
        if let Action::StartProvider { host, id, .. } = &step.action
            && runs_provider(input, host, id.as_str())
            && !before.any(|action| stops(action, host, id.as_str()))
        {
            violations.push(Violation::Running(text()));
        }
    }
    for part in parts(input) {
        check_part(input, plan, &part, violations);
    }
}

/// What is to run: of parts with one id that of the application that was deployed first.
fn parts(input: &Input) -> Vec<Part<'_>> {
    let mut deployed: Vec<_> = input
        .applications
        .iter()
        .filter_map(|application| Some((&application.name, application.deployed.as_ref()?)))
        .collect();
    deployed.sort_by_key(|(name, deployed)| (deployed.rank, *name));
    let mut parts: Vec<Part<'_>> = Vec::new();
    for (application, deployed) in deployed {
        let components = deployed.application.components.iter().map(|spec| Part {
            kind: Kind::Component,
            application,
            id: EntityId::from(&spec.id),
            placement: &spec.placement,
        });
        let providers = deployed.application.providers.iter().map(|spec| Part {
            kind: Kind::Provider,
            application,
            id: EntityId::from(&spec.id),
            placement: &spec.placement,
        });
        for part in components.chain(providers) {
            if parts.iter().all(|other| other.id != part.id) {
                parts.push(part);
            }
        }
    }
    parts
}

/// Rules about one component or provider that is to run.
fn check_part(input: &Input, plan: &Plan, part: &Part<'_>, violations: &mut Vec<Violation>) {
    let Part {
        application,
        id,
        placement,
        ..
    } = part;
    let mut now = BTreeMap::new();
    for host in &input.hosts {
        now.extend(running_count(host, part).map(|count| (&host.host, count)));
    }
    // What is on its way out does not count any more.
    for change in input
        .pending
        .iter()
        .filter_map(|action| part.change(action))
    {
        match change {
            Change::Scale(host, count) => {
                now.entry(host).and_modify(|now| *now = (*now).min(count));
            }
            Change::Stop(host) => {
                now.remove(host);
            }
            Change::Start(_) => {}
        }
    }
    let mut left = now.clone();
    let mut replaced = 0;
    for step in &plan.steps {
        let change = part.change(&step.action);
        if &step.application != *application {
            continue;
        }
        let adds_on = match change {
            None => continue,
            // A host that does not replace what runs ends it before it is given what is new.
            Some(Change::Scale(host, 0)) if replaces_nothing(input, host) => None,
            Some(Change::Scale(host, count)) => {
                left.entry(host)
                    .and_modify(|left| *left = (*left).min(count));
                (count > 0).then_some(host)
            }
            Some(Change::Stop(host)) => {
                left.remove(host);
                None
            }
            Some(Change::Start(host)) => {
                if now.contains_key(host) {
                    replaced += 1;
                    left.insert(host, 1);
                }
                Some(host)
            }
        };
        if adds_on.is_some_and(|host| !matches(input, placement, host)) {
            violations.push(Violation::Ineligible(step.action.to_string()));
        }
    }
    if replaced > 1 {
        violations.push(Violation::ReplacedAtOnce(id.clone()));
    }
    let (now, left): (u64, u64) = (now.values().sum(), left.values().sum());
    let wanted = wanted(input, part, now);
    if left < wanted.min(now) {
        violations.push(Violation::BelowWanted {
            id: id.clone(),
            now,
            left,
            wanted,
        });
    }
}

/// Whether the host is one of wasmCloud 1.9.
fn replaces_nothing(input: &Input, host: &HostId) -> bool {
    let mut hosts = input.hosts.iter();
    hosts.any(|one| one.host == *host && one.passed.is_none())
}

/// How many there have to be; for a daemon its number on each of its hosts, and all of `now` if it has none.
fn wanted(input: &Input, part: &Part<'_>, now: u64) -> u64 {
    let instances = part.placement.instances;
    if part.placement.rule == PlacementRule::Spread {
        return instances.into();
    }
    let hosts = input
        .hosts
        .iter()
        .filter(|host| matches(input, part.placement, &host.host))
        .count() as u64;
    match (part.kind, instances) {
        (_, 0) => 0,
        _ if hosts == 0 => now,
        (Kind::Component, _) => hosts * u64::from(instances),
        (Kind::Provider, _) => hosts,
    }
}

/// Whether any group of the placement allows the host, and it takes work.
fn matches(input: &Input, placement: &Placement, host: &HostId) -> bool {
    let host = input.hosts.iter().find(|one| &one.host == host);
    host.is_some_and(|host| {
        let spread = &placement.spread;
        let is_wanted = |spread: &Spread| satisfies(&host.labels, &spread.requirements);
        input.policy.is_taker(host) && (spread.is_empty() || spread.iter().any(is_wanted))
    })
}

/// How many of it run on `host`; 1 for a provider.
fn running_count(host: &HostInventory, part: &Part<'_>) -> Option<u64> {
    let is_it = |id: &str, annotations: &Annotations| {
        let application = annotations.get(annotation::APPLICATION).map(String::as_str);
        id == part.id.as_str() && application == Some(part.application.as_str())
    };
    match part.kind {
        Kind::Component => host
            .components
            .iter()
            .find(|one| is_it(one.id.as_str(), &one.annotations))
            .map(|one| u64::from(one.instances_max)),
        Kind::Provider => host
            .providers
            .iter()
            .any(|one| is_it(one.id.as_str(), &one.annotations))
            .then_some(1),
    }
}

/// Whether the action is about something that runs and is not ours.
fn touches_foreign(input: &Input, action: &Action) -> bool {
    let is_foreign = |annotations: &Annotations| !is_ours(input, annotations);
    input.hosts.iter().any(|one| match action {
        Action::StartProvider { host, id, .. } | Action::StopProvider { host, id } => {
            let mut providers = one.providers.iter();
            &one.host == host && providers.any(|one| &one.id == id && is_foreign(&one.annotations))
        }
        Action::ScaleComponent { host, id, .. } => {
            let mut components = one.components.iter();
            &one.host == host && components.any(|one| &one.id == id && is_foreign(&one.annotations))
        }
        _ => false,
    })
}

fn runs_provider(input: &Input, host: &HostId, id: &str) -> bool {
    input
        .hosts
        .iter()
        .filter(|one| &one.host == host)
        .any(|one| one.providers.iter().any(|one| one.id.as_str() == id))
}

fn stops(action: &Action, on: &HostId, provider: &str) -> bool {
    matches!(action, Action::StopProvider { host, id } if host == on && id.as_str() == provider)
}
