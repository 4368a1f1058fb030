//! Waiting until a host runs nothing.

use std::time::{Duration, Instant};

use weft_lattice::Lattice;
use weft_lattice::protocol::wire::annotation;
use weft_model::id::{ComponentId, ProviderId};
use weft_model::inventory::HostInventory;
use weft_model::labels::Annotations;
use weft_model::problem::Problem;

use super::DrainError;
use crate::commands::get::inspect;
use crate::commands::outcome::{Goal, OutcomeError, WaitArgs, Waiter};
use crate::commands::{component, provider};
use crate::context::Context;
use crate::failure::Failure;
use crate::ui::{count, render_elapsed};

/// How often the host is asked what it runs.
const PERIOD: Duration = Duration::from_millis(250);

/// Something that a host runs.
#[derive(Clone, Debug)]
pub(super) struct Part {
    id: Id,
    /// The application that it belongs to.
    application: Option<String>,
    /// Whether no manager of Weft looks after it.
    pub(super) is_stray: bool,
}

#[derive(Clone, Debug)]
enum Id {
    Component(ComponentId),
    Provider(ProviderId),
}

/// What `host` runs.
pub(super) fn parts(host: &HostInventory) -> impl Iterator<Item = Part> + '_ {
    let components = host.components.iter().map(|one| {
        let id = Id::Component(one.id.clone());
        Part::new(id, &one.annotations)
    });
    let providers = host.providers.iter().map(|one| {
        let id = Id::Provider(one.id.clone());
        Part::new(id, &one.annotations)
    });
    components.chain(providers)
}

/// Waits until `host` runs nothing, for `timeout` since `begun`. What belongs to no application is stopped where
/// `stops_rest` says so.
///
/// # Errors
///
/// [`DrainError::Rest`] when only that is left which nobody moves, a deadline, an interrupt, or what failed.
pub(super) async fn until_empty(
    lattice: &Lattice,
    host: &HostInventory,
    stops_rest: bool,
    begun: Instant,
    timeout: Duration,
    context: &mut Context,
) -> Result<(), Failure> {
    let name = &host.friendly_name;
    let goal = || Goal::new(format!("host `{name}`"), "empty");
    // One future for all rounds: an interrupt during a request is not lost.
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    loop {
        let now = inspect(lattice, &host.host).await?;
        if stops_rest {
            for part in parts(&now).filter(|part| part.is_stray) {
                let waiting = WaitArgs { no_wait: false };
                let waiter = Waiter::begin(lattice, waiting, begun, timeout).await?;
                stop(lattice, &part, &now, waiter, context).await?;
            }
        }
        let left: Vec<Part> = parts(&now)
            .filter(|part| !(stops_rest && part.is_stray))
            .collect();
        if left.is_empty() {
            return Ok(());
        }
        let problems = || left.iter().map(Part::problem).collect();
        if left.iter().all(|part| part.is_stray) {
            return Err(DrainError::Rest {
                host: name.clone(),
                problems: problems(),
            }
            .into());
        }
        context.console.progress(&format!(
            "{name}: {} left after {}",
            count(left.len(), "part"),
            render_elapsed(begun.elapsed())
        ));
        let rest = timeout.saturating_sub(begun.elapsed());
        if rest.is_zero() {
            return Err(OutcomeError::Deadline {
                goal: goal(),
                timeout,
                problems: problems(),
            }
            .into());
        }
        tokio::select! {
            () = tokio::time::sleep(PERIOD.min(rest)) => {}
            _ = &mut interrupted => return Err(OutcomeError::Interrupted { goal: goal() }.into()),
        }
    }
}

async fn stop(
    lattice: &Lattice,
    part: &Part,
    host: &HostInventory,
    waiter: Waiter,
    context: &mut Context,
) -> Result<(), Failure> {
    match &part.id {
        Id::Component(id) => {
            component::stop::stop_on(lattice, id, host, waiter, context).await?;
        }
        Id::Provider(id) => {
            provider::stop::stop_on(lattice, id, host, waiter, context).await?;
        }
    }
    Ok(())
}

// ===== impl Part =====

impl Part {
    fn new(id: Id, annotations: &Annotations) -> Self {
        let application = annotations.get(annotation::APPLICATION).cloned();
        let manager = annotations.get(annotation::MANAGED_BY);
        let is_ours = manager.is_some_and(|manager| manager == annotation::MANAGED_BY_WEFT);
        Self {
            id,
            is_stray: !is_ours || application.is_none(),
            application,
        }
    }

    fn problem(&self) -> Problem {
        let (kind, id) = match &self.id {
            Id::Component(id) => ("component", id.as_str()),
            Id::Provider(id) => ("provider", id.as_str()),
        };
        let (message, hints) = match &self.application {
            Some(application) if !self.is_stray => (
                format!("{kind} `{id}` of application `{application}` still runs there"),
                vec![format!(
                    "see what is in its way with `weft app status {application}`"
                )],
            ),
            Some(application) => (
                format!("{kind} `{id}` belongs to application `{application}` of another manager"),
                Vec::new(),
            ),
            None => (
                format!("{kind} `{id}` belongs to no application"),
                Vec::new(),
            ),
        };
        Problem {
            code: "running".into(),
            subject: id.to_owned(),
            message,
            hints,
        }
    }
}
