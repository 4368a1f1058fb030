//! Waiting until nothing of an application runs.

use std::time::{Duration, Instant};

use weft_lattice::control::{Client, ControlError};
use weft_lattice::protocol::wire::annotation;
use weft_lattice::{Lattice, RequestError};
use weft_model::id::{ApplicationName, HostId};
use weft_model::inventory::HostInventory;
use weft_model::labels::Annotations;
use weft_model::problem::Problem;

use super::super::AppError;
use crate::commands::get::all_hosts;
use crate::console::Console;
use crate::ui::{count, render_elapsed};

/// How often the hosts are asked.
const PERIOD: Duration = Duration::from_millis(250);

/// Something of an application that runs.
#[derive(Clone, Debug)]
struct Remnant {
    host: HostId,
    id: String,
}

/// Waits until no host runs anything of `name`, for `timeout` since `begun`. The hosts are those that answer at the
/// beginning; those that stop answering are gone.
///
/// # Errors
///
/// [`AppError::Deadline`], [`AppError::Interrupted`], [`AppError::Hosts`].
pub(super) async fn until_gone(
    lattice: &Lattice,
    name: &ApplicationName,
    begun: Instant,
    timeout: Duration,
    console: &mut Console,
) -> Result<(), AppError> {
    let control = lattice.control();
    let answers = match all_hosts(&control, None).await {
        Ok(answers) => answers,
        // Nobody listens, so there is no host that could run something.
        Err(ControlError::Request {
            source: RequestError::NoResponders { .. },
            ..
        }) => Vec::new(),
        Err(source) => {
            let name = name.clone();
            return Err(AppError::Hosts { name, source });
        }
    };
    let mut hosts: Vec<HostId> = answers.iter().filter_map(|host| host.host().ok()).collect();
    let deadline = begun + timeout;
    // One future for all rounds: an interrupt during a request is not lost.
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    loop {
        let remnants = find(&control, &mut hosts, name).await;
        if remnants.is_empty() {
            return Ok(());
        }
        console.progress(&format!(
            "{name}: {} still running after {}",
            count(remnants.len(), "part"),
            render_elapsed(begun.elapsed())
        ));
        let rest = deadline.saturating_duration_since(Instant::now());
        if rest.is_zero() {
            return Err(AppError::Deadline {
                name: name.clone(),
                goal: "gone",
                timeout,
                problems: remnants.into_iter().map(Problem::from).collect(),
            });
        }
        tokio::select! {
            () = tokio::time::sleep(PERIOD.min(rest)) => {}
            _ = &mut interrupted => {
                return Err(AppError::Interrupted { name: name.clone() });
            }
        }
    }
}

/// What `hosts` run of `name`; hosts that nobody speaks for any more are taken off.
async fn find(control: &Client, hosts: &mut Vec<HostId>, name: &ApplicationName) -> Vec<Remnant> {
    let mut remnants = Vec::new();
    let mut answering = Vec::with_capacity(hosts.len());
    for host in hosts.drain(..) {
        match control.inventory(&host).await {
            Ok(inventory) => {
                remnants.extend(remnants_in(&inventory.value, name));
                answering.push(host);
            }
            Err(ControlError::Request {
                source: RequestError::NoResponders { .. },
                ..
            }) => {}
            // What it runs is not known, so it may be something.
            Err(_) => {
                remnants.push(Remnant {
                    host: host.clone(),
                    id: "unknown".to_owned(),
                });
                answering.push(host);
            }
        }
    }
    *hosts = answering;
    remnants
}

fn remnants_in(inventory: &HostInventory, name: &ApplicationName) -> Vec<Remnant> {
    let is_of = |annotations: &Annotations| {
        annotations
            .get(annotation::APPLICATION)
            .is_some_and(|application| application == name.as_str())
    };
    let components = inventory
        .components
        .iter()
        .filter(|component| is_of(&component.annotations))
        .map(|component| component.id.to_string());
    let providers = inventory
        .providers
        .iter()
        .filter(|provider| is_of(&provider.annotations))
        .map(|provider| provider.id.to_string());
    components
        .chain(providers)
        .map(|id| Remnant {
            host: inventory.host.clone(),
            id,
        })
        .collect()
}

// ===== impl Remnant =====

impl From<Remnant> for Problem {
    fn from(remnant: Remnant) -> Self {
        Self {
            code: "running".into(),
            subject: remnant.id,
            message: format!("still on host {}", remnant.host),
            hints: Vec::new(),
        }
    }
}
