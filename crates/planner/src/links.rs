//! Links: all of a record at once.
//!
//! A record belongs to its source and is shared: ours, foreign ones, and those of earlier revisions stand in it side by
//! side. What is to be is put together from all of them and written in one piece, so that a link that moves to another
//! target has no gap. It moves when the new target runs; until then the old one stays.

use std::collections::{BTreeMap, BTreeSet};

use weft_model::id::{ApplicationName, EntityId};
use weft_model::link::{Link, LinkKey};

use crate::draft::{Draft, Progress};
use crate::error::Error;
use crate::facts::Facts;
use crate::input::{LinkIdentity, LinkRecord};
use crate::plan::{Action, Phase};
use crate::report::PartName;

/// A link that an application wants, and what there is to say about it.
struct Wanted<'a> {
    /// The positions of the application and of the link in it, in which states are told.
    position: (usize, usize),
    application: &'a ApplicationName,
    link: &'a Link,
    progress: Progress,
    fate: Fate,
}

/// What is to happen with a wanted link.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Fate {
    /// It is to stand in the record.
    Put,
    /// It waits until its target runs.
    Held,
    /// It cannot be put.
    Refused,
}

/// A record as it is.
struct Present<'a> {
    record: Option<&'a LinkRecord>,
    links: &'a [Link],
    set: BTreeSet<&'a Link>,
    /// The positions of links that may contradict each other.
    by_key: BTreeMap<LinkKey, Vec<usize>>,
}

/// Plans all links of deployed applications, and records how far each is. Links of earlier revisions stay: see
/// [`unlink`].
pub(crate) fn plan_links<'a>(facts: &Facts<'a>, draft: &mut Draft<'_>) {
    let mut by_source: BTreeMap<&EntityId, Vec<Wanted<'a>>> = BTreeMap::new();
    for (rank, &(application, deployed)) in facts.deployed.iter().enumerate() {
        for (index, link) in deployed.application.links.iter().enumerate() {
            by_source.entry(&link.source).or_default().push(Wanted {
                position: (rank, index),
                application,
                link,
                progress: Progress::default(),
                fate: Fate::Put,
            });
        }
    }
    let mut done = Vec::new();
    for (source, mut wanted) in by_source {
        let present = Present::new(facts.records.get(source).copied());
        for one in &mut wanted {
            check(facts, &present, one);
        }
        let kept = hold(facts, draft, &present, &mut wanted);
        let next = merge(&present, &kept, &mut wanted);
        if next != present.links {
            propose(draft, source, &present, next, &wanted);
        }
        done.append(&mut wanted);
    }
    done.sort_by_key(|wanted| wanted.position);
    for wanted in done {
        draft.record(
            wanted.application,
            PartName::Link(LinkIdentity::of(wanted.link)),
            wanted.progress.into_state(),
        );
    }
}

/// Removes links of earlier revisions of applications for which `may_remove` holds, and counts those that are left of
/// each.
pub(crate) fn unlink(
    facts: &Facts<'_>,
    draft: &mut Draft<'_>,
    may_remove: impl Fn(&ApplicationName, &EntityId) -> bool,
) -> BTreeMap<ApplicationName, usize> {
    let mut left: BTreeMap<ApplicationName, usize> = BTreeMap::new();
    for record in facts.records.values() {
        let mut removers = BTreeSet::new();
        let mut next = Vec::with_capacity(record.links.len());
        for link in &record.links {
            let owner = leftover_owner(facts, link);
            if let Some(owner) = owner {
                *left.entry(owner.clone()).or_default() += 1;
            }
            match owner {
                Some(owner) if may_remove(owner, &link.source) => {
                    removers.insert(owner);
                }
                _ => next.push(link.clone()),
            }
        }
        if let Some(&application) = removers.first() {
            let count = record.links.len() - next.len();
            let action = Action::SetLinks {
                source: record.source.clone(),
                expected: Some(record.revision),
                links: next,
            };
            let reason = format!("links that belong to no revision that is to run: {count}");
            // A record that changes in this plan anyhow is left for the next one.
            if !draft.changes_record(&record.source) {
                draft.propose(application, Phase::Unlink, action, reason);
            }
        }
    }
    left
}

/// Whose leftover a link is: of an application that once put it and does not want it any more.
fn leftover_owner<'a>(facts: &Facts<'a>, link: &Link) -> Option<&'a ApplicationName> {
    let identity = LinkIdentity::of(link);
    if facts.wants_link(&identity) {
        return None;
    }
    facts.link_owner(&identity)
}

/// Refuses a link that cannot be put, whatever else stands in its record.
fn check(facts: &Facts<'_>, present: &Present<'_>, wanted: &mut Wanted<'_>) {
    let Wanted {
        application,
        link,
        progress,
        ..
    } = wanted;
    for id in [&link.source, &link.target] {
        if let Some(winner) = facts.id_winner(id.as_str())
            && winner != *application
        {
            progress.fails(&Error::IdClaimed {
                id: id.clone(),
                winner: winner.clone(),
            });
        }
        if let Some(error) = facts.foreign_problem(id) {
            progress.fails(&error);
        }
    }
    for name in link.source_config.iter().chain(&link.target_config) {
        if let Some(error) = facts.config_problem(application, name) {
            progress.fails(&error);
        }
    }
    let foreign = present
        .conflicting(link)
        .map(|index| &present.links[index])
        .find(|other| facts.link_owner(&LinkIdentity::of(other)).is_none());
    if let Some(foreign) = foreign {
        progress.fails(&Error::LinkForeign {
            key: link.key(),
            foreign_target: foreign.target.clone(),
        });
    }
    if progress.has_failed() {
        wanted.fate = Fate::Refused;
    }
}

/// Holds links that would take calls from a target in use before their own is ready. Returns the positions of the links
/// that stay for them.
fn hold(
    facts: &Facts<'_>,
    draft: &Draft<'_>,
    present: &Present<'_>,
    wanted: &mut [Wanted<'_>],
) -> BTreeSet<usize> {
    let mut kept = BTreeSet::new();
    // A link that stays holds all that would take something from it, and these may keep further ones.
    loop {
        let kept_before = kept.len();
        for one in wanted.iter_mut().filter(|one| one.fate == Fate::Put) {
            let displaced: Vec<usize> = present.conflicting(one.link).collect();
            let Some(&first) = displaced.first() else {
                continue;
            };
            let target = &one.link.target;
            // A target that is to run no instances is as ready as it gets.
            let is_ready = || facts.is_running(target) || draft.is_part_up(one.application, target);
            let is_in_use = |index: &usize| facts.is_running(&present.links[*index].target);
            if displaced.iter().any(|index| kept.contains(index))
                || displaced.iter().any(is_in_use) && !is_ready()
            {
                one.fate = Fate::Held;
                one.progress.is_reconciling(format!(
                    "the link moves from `{}` to `{target}` as soon as all that replaces it runs",
                    present.links[first].target
                ));
                kept.extend(displaced);
            }
        }
        if kept.len() == kept_before {
            return kept;
        }
    }
}

/// The links that the record is to have: what stands there stays in its place, new ones follow.
fn merge(present: &Present<'_>, kept: &BTreeSet<usize>, wanted: &mut [Wanted<'_>]) -> Vec<Link> {
    let mut put: BTreeMap<LinkIdentity, &Link> = BTreeMap::new();
    let mut displaced = BTreeSet::new();
    for one in wanted.iter_mut().filter(|one| one.fate == Fate::Put) {
        put.insert(LinkIdentity::of(one.link), one.link);
        displaced.extend(present.conflicting(one.link));
        if !present.set.contains(one.link) {
            one.progress
                .is_reconciling("the link is being put".to_owned());
        }
    }
    let mut next: Vec<Link> = Vec::with_capacity(present.links.len() + put.len());
    let mut placed = BTreeSet::new();
    for (index, link) in present.links.iter().enumerate() {
        let identity = LinkIdentity::of(link);
        if kept.contains(&index) {
            next.push(link.clone());
            placed.insert(identity);
        } else if let Some(&replacement) = put.get(&identity) {
            if placed.insert(identity) {
                next.push(replacement.clone());
            }
        } else if !displaced.contains(&index) {
            next.push(link.clone());
        }
    }
    let put_now = wanted.iter().filter(|one| one.fate == Fate::Put);
    for link in put_now.map(|one| one.link) {
        if placed.insert(LinkIdentity::of(link)) {
            next.push(link.clone());
        }
    }
    next
}

fn propose(
    draft: &mut Draft<'_>,
    source: &EntityId,
    present: &Present<'_>,
    links: Vec<Link>,
    wanted: &[Wanted<'_>],
) {
    let Some(first) = wanted.iter().find(|one| one.fate == Fate::Put) else {
        return;
    };
    let new: Vec<String> = links
        .iter()
        .filter(|link| !present.set.contains(link))
        .map(|link| {
            format!(
                "`{}` for `{}` to `{}`",
                link.name, link.package, link.target
            )
        })
        .collect();
    let reason = if new.is_empty() {
        "the record has links that contradict what is desired".to_owned()
    } else {
        format!("new or changed: {}", new.join(", "))
    };
    let action = Action::SetLinks {
        source: source.clone(),
        expected: present.record.map(|record| record.revision),
        links,
    };
    draft.propose(first.application, Phase::Links, action, reason);
}

// ===== impl Present =====

impl<'a> Present<'a> {
    fn new(record: Option<&'a LinkRecord>) -> Self {
        let links = record.map(|one| one.links.as_slice()).unwrap_or_default();
        let mut by_key: BTreeMap<LinkKey, Vec<usize>> = BTreeMap::new();
        for (index, link) in links.iter().enumerate() {
            by_key.entry(link.key()).or_default().push(index);
        }
        Self {
            record,
            links,
            set: links.iter().collect(),
            by_key,
        }
    }

    /// The positions of links that may not stand beside `link`.
    fn conflicting(&self, link: &Link) -> impl Iterator<Item = usize> {
        let candidates = self.by_key.get(&link.key()).into_iter().flatten();
        candidates
            .copied()
            .filter(|&index| self.links[index].conflicts_with(link))
    }
}
