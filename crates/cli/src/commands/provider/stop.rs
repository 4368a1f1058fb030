//! `weft provider stop`: let a provider run no more.

use std::time::Instant;

use clap::Args;
use weft_lattice::Lattice;
use weft_lattice::RequestError;
use weft_lattice::control::{ControlError, Expected};
use weft_model::id::ProviderId;
use weft_model::inventory::HostInventory;

use super::view::{Deed, ProviderView, running, words};
use crate::commands::get::inspect;
use crate::commands::outcome::{Goal, STOP_TIMEOUT, WaitArgs, Waiter, accepted};
use crate::commands::stopping::{self, Subject};
use crate::context::Context;
use crate::failure::Failure;

/// Let a provider run no more
///
/// It finishes what it has under way, as long as its host lets it. Without `--host` it is stopped wherever it runs. Its links
/// stay. Asks first.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft provider stop http              Stop it on all hosts that run it
  weft provider stop http --host quiet-river
  weft provider stop http --yes        Do not ask, such as in a script")]
pub(crate) struct StopArgs {
    /// The id of the provider
    id: ProviderId,

    #[command(flatten)]
    place: stopping::PlaceArgs,

    #[command(flatten)]
    wait: WaitArgs,
}

/// Stops the provider after asking, and waits unless told otherwise.
pub(crate) async fn run(args: &StopArgs, context: &mut Context) -> Result<(), Failure> {
    let begun = Instant::now();
    let timeout = context.timeout_or(STOP_TIMEOUT);
    let lattice = context.connect_to_wait(timeout).await?;
    let id = &args.id;
    let subject = Subject {
        kind: "provider",
        id: id.as_str(),
    };
    let hosts = args
        .place
        .agreed_hosts(subject, &lattice, ids, context)
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

/// The providers that a host runs.
fn ids(host: &HostInventory) -> Vec<&str> {
    host.providers.iter().map(|one| one.id.as_str()).collect()
}

/// Stops the provider on one host, where it runs.
pub(crate) async fn stop_on(
    lattice: &Lattice,
    id: &ProviderId,
    host: &HostInventory,
    mut waiter: Waiter,
    context: &mut Context,
) -> Result<ProviderView, Failure> {
    let goal = Goal::new(words(id, host), "stopped");
    let control = waiter.patient_control(lattice);
    let answer = control.stop_provider(&host.host, id).await;
    // Hosts answer when it has stopped: one that is not waited for needs no answer.
    let is_late = matches!(
        answer,
        Err(ControlError::Request {
            source: RequestError::TimedOut { .. },
            ..
        })
    );
    if !is_late || waiter.is_waiting() {
        accepted(answer, &goal, lattice.name())?;
    }
    let expected = Expected::ProviderStopped {
        host: host.host.clone(),
        provider: id.clone(),
    };
    let look = async || {
        let now = inspect(lattice, &host.host).await;
        now.is_ok_and(|now| running(&now, id).is_none())
    };
    let console = &mut context.console;
    let ended = waiter.until(&expected, &goal, look, console).await?;
    let before = running(host, id).and_then(|one| one.image.as_deref());
    let elapsed = waiter.elapsed();
    Ok(ProviderView::new(
        id,
        host,
        before,
        Deed::Stopped,
        elapsed,
        &ended,
    ))
}
