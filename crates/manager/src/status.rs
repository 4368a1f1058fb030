//! What is said of an application, from what the planner reports and what hosts complain about.

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};
use weft_model::annotation;
use weft_model::application::PlacementRule;
use weft_model::digest::Digest;
use weft_model::id::{ApplicationName, LinkName};
use weft_model::inventory::HostInventory;
use weft_model::labels::Annotations;
use weft_model::problem::Problem;
use weft_planner::{ApplicationReport, Leftovers, LinkIdentity, Object, Part, PartName, State};
use weft_protocol::application::{ProblemEntry, ScalerStatus, Status, StatusInfo, StatusType};
use weft_protocol::wire::scaler;

use crate::catalog::status::{StatusRecord, UNDEPLOYED};
use crate::configs::Configs;
use crate::controller::is_behind;
use crate::observed::Observed;
use crate::records::Records;
use crate::setbacks::Setbacks;

/// How many problems a status tells at most.
const PROBLEMS_MAX: usize = 50;

/// What is known beside the report.
pub(crate) struct Facts<'a> {
    pub(crate) observed: &'a Observed,
    pub(crate) records: &'a Records,
    pub(crate) configs: &'a Configs,
    pub(crate) setbacks: &'a Setbacks,
}

/// A part of an application, and what there is to say about it.
struct Told {
    kind: &'static str,
    name: String,
    /// Text that no other part of the application has.
    key: String,
    state: State,
    /// What is worth knowing although the part is as desired.
    note: String,
}

/// What a host says of one thing that it runs.
struct Said<'a> {
    inventory: &'a HostInventory,
    annotations: &'a Annotations,
    problems: &'a [Problem],
    substitution: Option<&'a str>,
}

/// The status of the application `name`.
pub(crate) fn derive(
    name: &ApplicationName,
    report: &ApplicationReport,
    facts: &Facts<'_>,
) -> Status {
    let removing = match report.leftovers {
        Leftovers::None => 0,
        Leftovers::Removing(count) | Leftovers::Held(count) => count as u64,
    };
    let Some(version) = &report.version else {
        return Status {
            info: StatusInfo {
                kind: StatusType::Undeployed,
                message: UNDEPLOYED.to_owned(),
            },
            weft_removing: removing,
            ..Status::default()
        };
    };
    let parts: Vec<Told> = report
        .parts
        .iter()
        .map(|part| tell(name, part, report, facts))
        .collect();
    Status {
        info: summarize(&parts, removing),
        scalers: parts.iter().map(|part| part.to_scaler(name)).collect(),
        version: version.clone(),
        components: Vec::new(),
        weft_problems: problems(&parts),
        weft_removing: removing,
    }
}

/// The status of an application that cannot even be planned.
pub(crate) fn failed(version: String, problem: &Problem) -> Status {
    Status {
        info: StatusInfo {
            kind: StatusType::Failed,
            message: problem.message.clone(),
        },
        version,
        weft_problems: vec![problem.into()],
        ..Status::default()
    }
}

/// A status that has no more than `bytes_max` bytes: parts that are as desired are left out first, then all of them.
pub(crate) fn fit(mut record: StatusRecord, bytes_max: usize) -> StatusRecord {
    let is_large = |record: &StatusRecord| record.encode().len() > bytes_max;
    if is_large(&record) {
        let scalers = &mut record.status.scalers;
        scalers.retain(|scaler| scaler.info.kind != StatusType::Deployed);
    }
    if is_large(&record) {
        record.status.scalers.clear();
        record.status.weft_problems.truncate(1);
        record.status.info.message = shorten(&record.status.info.message, bytes_max / 4);
    }
    record
}

/// What there is to say about a part.
fn tell(
    application: &ApplicationName,
    part: &Part,
    report: &ApplicationReport,
    facts: &Facts<'_>,
) -> Told {
    let told = |kind, name: String, state| Told {
        kind,
        key: name.clone(),
        name,
        state,
        note: String::new(),
    };
    let state = part.state.clone();
    match &part.name {
        PartName::Config(name) => {
            let object = Object::Config(name.clone());
            let problem = facts.setbacks.problem(&object, application);
            told(scaler::CONFIG, name.to_string(), worsen(state, problem))
        }
        PartName::Component { id, rule, .. } => {
            let said = components(application, id.as_str(), facts);
            let is_set_up = is_set_up(report, id.as_str());
            let state = refine(state, id.as_str(), &said, is_set_up, facts);
            told(kind_of(*rule), id.to_string(), state)
        }
        PartName::Provider { id, rule, .. } => {
            let said = providers(application, id.as_str(), facts);
            let is_set_up = is_set_up(report, id.as_str());
            let state = refine(state, id.as_str(), &said, is_set_up, facts);
            let note = said.iter().find_map(|said| {
                let substitution = said.substitution?;
                Some(format!("deployed, with a stand-in: {substitution}"))
            });
            Told {
                note: note.unwrap_or_default(),
                ..told(kind_of(*rule), id.to_string(), state)
            }
        }
        PartName::Link(link) => {
            let object = Object::Record(link.source.clone());
            let unreadable = facts.records.content(&link.source);
            let problem = unreadable
                .and_then(|content| content.as_ref().err())
                .or_else(|| facts.setbacks.problem(&object, application));
            Told {
                key: format!(
                    "{} {} {} {}",
                    link.source, link.target, link.name, link.package
                ),
                ..told(scaler::LINK, link_name(link), worsen(state, problem))
            }
        }
    }
}

/// Whether the configs that the application brings along and the links that begin at `id` are as desired. Until then what
/// hosts complain of may be what is just being changed.
fn is_set_up(report: &ApplicationReport, id: &str) -> bool {
    report.parts.iter().all(|part| match &part.name {
        PartName::Config(_) => part.state.is_up(),
        PartName::Link(link) => link.source.as_str() != id || part.state.is_up(),
        PartName::Component { .. } | PartName::Provider { .. } => true,
    })
}

/// The state of something that runs, with what hosts say of it: problems count once its links and configs are there, and the
/// host has acted on them as they are.
fn refine(state: State, id: &str, said: &[Said<'_>], is_set_up: bool, facts: &Facts<'_>) -> State {
    if !state.is_up() {
        return state;
    }
    let behind = said.iter().find(|said| {
        let Said {
            inventory,
            annotations,
            ..
        } = said;
        is_behind(inventory, id, annotations, facts.records, facts.configs)
    });
    if let Some(behind) = behind {
        return State::Reconciling {
            message: format!(
                "`{}` has not acted on the links and configs of `{id}` yet",
                behind.inventory.host
            ),
        };
    }
    let problem = said.iter().find_map(|said| said.problems.first());
    match problem.filter(|_| is_set_up) {
        Some(problem) => State::Failed(problem.clone()),
        None => state,
    }
}

/// A part that is not up and could not be brought up has failed.
fn worsen(state: State, problem: Option<&Problem>) -> State {
    match problem {
        Some(problem) if !state.is_up() => State::Failed(problem.clone()),
        _ => state,
    }
}

fn components<'a>(application: &ApplicationName, id: &str, facts: &Facts<'a>) -> Vec<Said<'a>> {
    let inventories = facts.observed.inventories();
    inventories
        .flat_map(|inventory| inventory.components.iter().map(move |one| (inventory, one)))
        .filter(|(_, one)| one.id.as_str() == id && is_of(application, &one.annotations))
        .map(|(inventory, one)| Said {
            inventory,
            annotations: &one.annotations,
            problems: &one.problems,
            substitution: None,
        })
        .collect()
}

fn providers<'a>(application: &ApplicationName, id: &str, facts: &Facts<'a>) -> Vec<Said<'a>> {
    let inventories = facts.observed.inventories();
    inventories
        .flat_map(|inventory| inventory.providers.iter().map(move |one| (inventory, one)))
        .filter(|(_, one)| one.id.as_str() == id && is_of(application, &one.annotations))
        .map(|(inventory, one)| Said {
            inventory,
            annotations: &one.annotations,
            problems: &one.problems,
            substitution: one.substitution.as_deref(),
        })
        .collect()
}

fn is_of(application: &ApplicationName, annotations: &Annotations) -> bool {
    annotations
        .get(annotation::APPLICATION)
        .is_some_and(|name| name == application.as_str())
}

fn kind_of(rule: PlacementRule) -> &'static str {
    match rule {
        PlacementRule::Spread => scaler::SPREAD,
        PlacementRule::Daemon => scaler::DAEMON,
    }
}

/// A link in the words of the dialect; its name is told where it has one of its own.
fn link_name(link: &LinkIdentity) -> String {
    let LinkIdentity {
        source,
        target,
        name,
        package,
    } = link;
    let text = format!("{source} -({package})-> {target}");
    if *name == LinkName::default() {
        text
    } else {
        format!("{text} [{name}]")
    }
}

/// What is said of the whole: the kind of its worst part, and what all parts of that kind say.
fn summarize(parts: &[Told], removing: u64) -> StatusInfo {
    let kinds = parts.iter().map(|part| kind(&part.state));
    let worst = if parts.is_empty() {
        StatusType::Deployed
    } else {
        StatusType::of_parts(kinds)
    };
    if worst == StatusType::Deployed && removing > 0 {
        return StatusInfo {
            kind: StatusType::Reconciling,
            message: format!("removing {removing} of earlier revisions"),
        };
    }
    let mut seen = BTreeSet::new();
    let messages: Vec<&str> = parts
        .iter()
        .filter(|part| kind(&part.state) == worst)
        .filter_map(|part| part.state.message())
        .filter(|message| seen.insert(*message))
        .collect();
    StatusInfo {
        kind: worst,
        message: messages.join(", "),
    }
}

/// The problems of all parts, each once.
fn problems(parts: &[Told]) -> Vec<ProblemEntry> {
    let mut problems: Vec<ProblemEntry> = Vec::new();
    for part in parts {
        if let State::Failed(problem) = &part.state {
            let entry = ProblemEntry::from(problem);
            if !problems.contains(&entry) && problems.len() < PROBLEMS_MAX {
                problems.push(entry);
            }
        }
    }
    problems
}

fn kind(state: &State) -> StatusType {
    match state {
        State::Deployed => StatusType::Deployed,
        State::Unhealthy { .. } => StatusType::Unhealthy,
        State::Reconciling { .. } => StatusType::Reconciling,
        State::Waiting { .. } => StatusType::Waiting,
        State::Undeployed => StatusType::Undeployed,
        State::Failed(_) => StatusType::Failed,
    }
}

/// The beginning of `text`.
fn shorten(text: &str, bytes_max: usize) -> String {
    let mut end = bytes_max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

// ===== impl Told =====

impl Told {
    fn to_scaler(&self, application: &ApplicationName) -> ScalerStatus {
        let text = format!("{}\n{application}\n{}", self.kind, self.key);
        let id = Digest::from_bytes(Sha256::digest(text.as_bytes()).into());
        ScalerStatus {
            id: id.to_hex(),
            kind: self.kind.to_owned(),
            name: self.name.clone(),
            info: StatusInfo {
                kind: kind(&self.state),
                message: match self.state.message() {
                    Some(message) => message.to_owned(),
                    None => self.note.clone(),
                },
            },
        }
    }
}

#[cfg(test)]
mod tests;
