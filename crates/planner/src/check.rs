//! What has to hold for every plan, checked from outside: for tests and simulations.
//!
//! The checks share no code with planning beyond the types, and go by the rules as they are written rather than by how
//! planning follows them.

use std::collections::BTreeSet;

use weft_model::annotation;
use weft_model::id::{ConfigName, EntityId, HostId};
use weft_model::labels::Annotations;

use crate::input::Input;
use crate::plan::{Action, Plan, Step};

mod links;
mod running;

/// A rule that a plan breaks.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Violation {
    /// The phases are not in their order.
    #[error("step {0} belongs before the one before it")]
    Order(usize),
    /// An action is planned twice, or although it is under way.
    #[error("`{0}` is repeated")]
    Repeated(String),
    /// An action would change nothing.
    #[error("`{0}` changes nothing")]
    Ineffective(String),
    /// An action is for a host that is not alive.
    #[error("`{0}` is for a host that is not alive")]
    DeadHost(String),
    /// An action touches something that is not ours.
    #[error("`{0}` touches what is not ours")]
    Foreign(String),
    /// Something is started without annotations that make it ours.
    #[error("`{0}` starts something that will not be known as ours")]
    Unmarked(String),
    /// Something is started on a host without the labels it requires.
    #[error("`{0}` is for a host that does not match")]
    Ineligible(String),
    /// A provider is started where it runs.
    #[error("`{0}` starts what is running")]
    Running(String),
    /// Fewer are left than are wanted and were there.
    #[error("`{id}` is left with {left}, {wanted} are wanted and {now} were there")]
    BelowWanted {
        /// The component or provider.
        id: EntityId,
        /// What was there.
        now: u64,
        /// What is left once everything that ends has ended, and nothing that starts has started.
        left: u64,
        /// What is wanted.
        wanted: u64,
    },
    /// A provider is replaced on several hosts at once.
    #[error("`{0}` is replaced on several hosts at once")]
    ReplacedAtOnce(EntityId),
    /// A record is written with a revision that it does not have.
    #[error("the record of `{0}` does not have the revision that is named")]
    Revision(EntityId),
    /// A foreign link is changed, moved or dropped.
    #[error("a foreign link of `{0}` is changed")]
    ForeignLink(EntityId),
    /// A record would lead one interface to two targets.
    #[error("links of `{0}` contradict each other")]
    Contradiction(EntityId),
    /// Something that names a config is planned, and the config is neither there nor put before.
    #[error("`{action}` needs the config `{config}`, which is not there")]
    MissingConfig {
        /// The action.
        action: String,
        /// The config.
        config: ConfigName,
    },
    /// A config is deleted that is desired or in use.
    #[error("the config `{0}` is deleted and in use")]
    ConfigInUse(ConfigName),
}

/// Everything that `plan` breaks; empty for a plan that is right.
pub fn check(input: &Input, plan: &Plan) -> Vec<Violation> {
    let mut violations = Vec::new();
    check_order(input, plan, &mut violations);
    check_configs(input, plan, &mut violations);
    running::check(input, plan, &mut violations);
    links::check(input, plan, &mut violations);
    violations
}

fn check_order(input: &Input, plan: &Plan, violations: &mut Vec<Violation>) {
    for (index, pair) in plan.steps.windows(2).enumerate() {
        if pair[1].phase < pair[0].phase {
            violations.push(Violation::Order(index + 1));
        }
    }
    for (index, step) in plan.steps.iter().enumerate() {
        let is_planned_before = plan.steps[..index]
            .iter()
            .any(|before| before.action == step.action);
        if is_planned_before || input.pending.contains(&step.action) {
            violations.push(Violation::Repeated(step.action.to_string()));
        }
    }
}

fn check_configs(input: &Input, plan: &Plan, violations: &mut Vec<Violation>) {
    let mut present: BTreeSet<&ConfigName> = input.configs.keys().collect();
    present.extend(input.pending.iter().filter_map(|action| match action {
        Action::PutConfig { name, .. } => Some(name),
        _ => None,
    }));
    for Step { action, .. } in &plan.steps {
        match action {
            Action::PutConfig { name, values } => {
                if input.configs.get(name) == Some(values) {
                    violations.push(Violation::Ineffective(action.to_string()));
                }
                present.insert(name);
            }
            Action::DeleteConfig { name } if is_config_used(input, name) => {
                violations.push(Violation::ConfigInUse(name.clone()));
            }
            Action::StartProvider { config, .. } | Action::ScaleComponent { config, .. } => {
                let missing = config.iter().filter(|name| !present.contains(name));
                violations.extend(missing.map(|name| Violation::MissingConfig {
                    action: action.to_string(),
                    config: name.clone(),
                }));
            }
            // Links may name configs that come later: hosts look them up when they use the link.
            Action::DeleteConfig { .. } | Action::StopProvider { .. } | Action::SetLinks { .. } => {
            }
        }
    }
}

/// Whether a deployed revision or anything that runs names the config.
fn is_config_used(input: &Input, name: &ConfigName) -> bool {
    let desired = input
        .applications
        .iter()
        .filter_map(|one| one.deployed.as_ref());
    let is_desired = desired.map(|one| &one.application).any(|application| {
        application.configs.contains_key(name)
            || application
                .components
                .iter()
                .any(|one| one.config.contains(name))
            || application
                .providers
                .iter()
                .any(|one| one.config.contains(name))
    });
    let is_named = |annotations: &Annotations| {
        annotations
            .get(annotation::CONFIG)
            .is_some_and(|names| names.split(' ').any(|one| one == name.as_str()))
    };
    is_desired
        || input.hosts.iter().any(|host| {
            host.components.iter().any(|one| is_named(&one.annotations))
                || host.providers.iter().any(|one| is_named(&one.annotations))
        })
        || input
            .records
            .iter()
            .flat_map(|record| &record.links)
            .any(|link| link.source_config.contains(name) || link.target_config.contains(name))
}

/// Whether something with these annotations is ours, or to become ours.
fn is_ours(input: &Input, annotations: &Annotations) -> bool {
    let Some(manager) = annotations.get(annotation::MANAGED_BY) else {
        return false;
    };
    let Some(name) = annotations.get(annotation::APPLICATION) else {
        return false;
    };
    let is_adopted = input
        .applications
        .iter()
        .filter_map(|application| application.deployed.as_ref())
        .map(|deployed| &deployed.application)
        .any(|one| one.name.as_str() == name && one.adopts.as_ref() == Some(manager));
    manager == &input.policy.managed_by || is_adopted
}

/// The ids of live hosts.
fn live_hosts(input: &Input) -> BTreeSet<&HostId> {
    input.hosts.iter().map(|host| &host.host).collect()
}
