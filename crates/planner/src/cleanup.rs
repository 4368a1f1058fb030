//! What is left of earlier revisions and of applications that are not to run.
//!
//! An application that is not to run is taken down at once: components, providers, links, and the configs when nothing
//! uses them any more. What a new revision of a running application leaves behind stays until all parts of the new one
//! are up, so that a revision that does not come up takes nothing away.

use std::collections::{BTreeMap, BTreeSet};

use weft_model::id::{ApplicationName, ConfigName};

use crate::component::end_component;
use crate::draft::Draft;
use crate::facts::Facts;
use crate::links::unlink;
use crate::marks::names_config;
use crate::plan::{Action, Phase};
use crate::report::Leftovers;
use crate::running::{Owner, Running, What};

/// Plans the removal of everything that no deployed revision wants, and records how much is left of each application.
pub(crate) fn plan_cleanup(facts: &Facts<'_>, draft: &mut Draft<'_>) {
    let held = held_applications(facts, draft);
    // What stands in the way of another application does not wait.
    let mut left = unlink(facts, draft, |application, source| {
        let winner = facts.id_winner(source.as_str());
        !held.contains(application) || winner.is_some_and(|winner| winner != application)
    });
    for running in facts.all_running() {
        let Owner::Application(application) = &running.owner else {
            continue;
        };
        if facts.wants(application, running) {
            continue;
        }
        *left.entry(application.clone()).or_default() += 1;
        let is_in_the_way = facts.id_winner(running.id()).is_some();
        if is_in_the_way || !held.contains(application) {
            end(facts, draft, application, running);
        }
    }
    for (application, count) in delete_configs(facts, draft, &held) {
        *left.entry(application).or_default() += count;
    }
    for (application, count) in left {
        let leftovers = if held.contains(&application) {
            Leftovers::Held(count)
        } else {
            Leftovers::Removing(count)
        };
        draft.record_leftovers(&application, leftovers);
    }
}

/// The applications whose leftovers stay: those that are to run and are not up.
fn held_applications<'a>(facts: &Facts<'a>, draft: &Draft<'_>) -> BTreeSet<&'a ApplicationName> {
    facts
        .deployed
        .iter()
        .map(|(application, _)| *application)
        .filter(|application| !draft.is_up(application))
        .collect()
}

fn end(
    facts: &Facts<'_>,
    draft: &mut Draft<'_>,
    application: &ApplicationName,
    running: &Running<'_>,
) {
    let id = running.id();
    let reason = match (facts.id_winner(id), facts.revision(application)) {
        (Some(winner), _) => format!("the id `{id}` belongs to another part of `{winner}` now"),
        (None, Some(deployed)) => {
            format!("`{}` has no `{id}`, and all it has is up", deployed.version)
        }
        (None, None) => format!("`{application}` is not to run"),
    };
    let (phase, action) = match running.what {
        What::Component(one) => (Phase::DrainComponents, end_component(running.host, one)),
        What::Provider(one) => (
            Phase::StopProviders,
            Action::StopProvider {
                host: running.host.clone(),
                id: one.id.clone(),
            },
        ),
    };
    draft.propose(application, phase, action, reason);
}

/// Removes configs that earlier revisions brought along and nothing uses, and counts those that are left.
fn delete_configs(
    facts: &Facts<'_>,
    draft: &mut Draft<'_>,
    held: &BTreeSet<&ApplicationName>,
) -> BTreeMap<ApplicationName, usize> {
    let desired = desired_configs(facts);
    let mut left = BTreeMap::new();
    for (&application, input) in &facts.applications {
        for name in &input.owned.configs {
            if !facts.input.configs.contains_key(name) || desired.contains(name) {
                continue;
            }
            // What uses it is either a leftover itself, or somebody else's business.
            if is_config_used(facts, name) {
                continue;
            }
            *left.entry(application.clone()).or_default() += 1;
            let action = Action::DeleteConfig { name: name.clone() };
            // Two applications may have brought it along.
            if !held.contains(application) && !draft.plans(&action) {
                let reason = "no revision that is to run names it, and nothing uses it";
                draft.propose(application, Phase::DeleteConfigs, action, reason.to_owned());
            }
        }
    }
    left
}

/// The configs that deployed applications bring along or name.
fn desired_configs<'a>(facts: &Facts<'a>) -> BTreeSet<&'a ConfigName> {
    facts
        .deployed
        .iter()
        .flat_map(|(_, deployed)| {
            let application = &deployed.application;
            let brought = application.configs.keys();
            let components = application.components.iter().flat_map(|one| &one.config);
            let providers = application.providers.iter().flat_map(|one| &one.config);
            let links = application
                .links
                .iter()
                .flat_map(|link| link.source_config.iter().chain(&link.target_config));
            brought.chain(components).chain(providers).chain(links)
        })
        .collect()
}

/// Whether anything that runs was started with the config, or a link names it.
fn is_config_used(facts: &Facts<'_>, name: &ConfigName) -> bool {
    facts
        .all_running()
        .any(|running| names_config(running.annotations(), name))
        || facts.records.values().any(|record| {
            record
                .links
                .iter()
                .any(|link| link.source_config.contains(name) || link.target_config.contains(name))
        })
}
