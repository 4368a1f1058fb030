//! Rules about records of links.

use std::collections::BTreeSet;

use weft_model::link::Link;

use super::Violation;
use crate::input::{Input, LinkIdentity};
use crate::plan::{Action, Plan};

pub(super) fn check(input: &Input, plan: &Plan, violations: &mut Vec<Violation>) {
    let ours: BTreeSet<LinkIdentity> = input
        .applications
        .iter()
        .flat_map(|application| {
            let deployed = application.deployed.iter();
            let links = deployed.flat_map(|one| one.application.links.iter().map(LinkIdentity::of));
            application.owned.links.iter().cloned().chain(links)
        })
        .collect();
    let is_foreign = |link: &&Link| !ours.contains(&LinkIdentity::of(link));
    for step in &plan.steps {
        let Action::SetLinks {
            source,
            expected,
            links,
        } = &step.action
        else {
            continue;
        };
        let record = input.records.iter().find(|one| &one.source == source);
        if record.map(|record| record.revision) != *expected {
            violations.push(Violation::Revision(source.clone()));
        }
        let now = record
            .map(|record| record.links.as_slice())
            .unwrap_or_default();
        if now == links {
            violations.push(Violation::Ineffective(step.action.to_string()));
        }
        let before: Vec<&Link> = now.iter().filter(is_foreign).collect();
        let after: Vec<&Link> = links.iter().filter(is_foreign).collect();
        if before != after || links.iter().any(|link| &link.source != source) {
            violations.push(Violation::ForeignLink(source.clone()));
        }
        let contradicts = links.iter().enumerate().any(|(index, link)| {
            links[..index].iter().any(|other| {
                // What stood there before is not the plan's to answer for.
                other.conflicts_with(link) && !(now.contains(other) && now.contains(link))
            })
        });
        if contradicts {
            violations.push(Violation::Contradiction(source.clone()));
        }
    }
}
