//! `weft component stop`: let a component run no more.

use std::time::Instant;

use clap::Args;
use weft_lattice::Lattice;
use weft_lattice::control::Expected;
use weft_lattice::protocol::control::ScaleComponent;
use weft_model::id::ComponentId;
use weft_model::inventory::HostInventory;

use super::spec::{running, words};
use super::view::{ComponentView, Deed};
use crate::commands::get::inspect;
use crate::commands::outcome::{Goal, STOP_TIMEOUT, WaitArgs, Waiter, accepted};
use crate::commands::stopping::{self, Subject};
use crate::context::Context;
use crate::failure::Failure;

/// Let a component run no more
///
/// Calls that run end by themselves. Without `--host` it is stopped wherever it runs. Its links stay. Asks first.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft component stop web              Stop it on all hosts that run it
  weft component stop web --host quiet-river
  weft component stop web --yes        Do not ask, such as in a script")]
pub(crate) struct StopArgs {
    /// The id of the component
    id: ComponentId,

    #[command(flatten)]
    place: stopping::PlaceArgs,

    #[command(flatten)]
    wait: WaitArgs,
}

/// Stops the component after asking, and waits unless told otherwise.
pub(crate) async fn run(args: &StopArgs, context: &mut Context) -> Result<(), Failure> {
    let begun = Instant::now();
    let timeout = context.timeout_or(STOP_TIMEOUT);
    let lattice = context.connect_to_wait(timeout).await?;
    let id = &args.id;
    let hosts = args
        .place
        .agreed_hosts(subject(id), &lattice, ids, context)
        .await?;
    for host in &hosts {
        let waiter = Waiter::begin(&lattice, args.wait, begun, timeout).await?;
        let view = stop_on(&lattice, id, host, waiter, context).await?;
        if hosts.len() == 1 {
            context.show(&view);
        } else {
            context.console.show_next(&view);
        }
    }
    Ok(())
}

/// A component as what may be stopped.
pub(super) fn subject(id: &ComponentId) -> Subject<'_> {
    Subject {
        kind: "component",
        id: id.as_str(),
    }
}

/// The components that a host runs.
pub(super) fn ids(host: &HostInventory) -> Vec<&str> {
    host.components.iter().map(|one| one.id.as_str()).collect()
}

/// Stops the component on one host, where it runs.
pub(crate) async fn stop_on(
    lattice: &Lattice,
    id: &ComponentId,
    host: &HostInventory,
    mut waiter: Waiter,
    context: &mut Context,
) -> Result<ComponentView, Failure> {
    let before = running(host, id);
    let mut request = ScaleComponent::stop(&host.host, id);
    if let Some(before) = before {
        // A 1.9 host fetches the image also to stop it.
        request.component_ref.clone_from(&before.image);
        request.annotations = Some(before.annotations.clone());
    }
    let goal = Goal::new(words(id, host), "stopped");
    let control = waiter.control(lattice);
    let answer = control.scale_component(&host.host, &request).await;
    accepted(answer, &goal, lattice.name())?;
    let expected = Expected::ComponentScaled {
        host: host.host.clone(),
        component: id.clone(),
        instances_max: 0,
    };
    let look = async || {
        let now = inspect(lattice, &host.host).await;
        now.is_ok_and(|now| running(&now, id).is_none())
    };
    let console = &mut context.console;
    let ended = waiter.until(&expected, &goal, look, console).await?;
    let image = before.map(|before| before.image.as_str());
    let elapsed = waiter.elapsed();
    Ok(ComponentView::new(id, host, image, 0, Deed::Stopped, elapsed).ended(&ended))
}
