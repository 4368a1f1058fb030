//! `weft component stop`: let a component run no more.

use std::time::Instant;

use clap::Args;
use clap::builder::BoolishValueParser;
use weft_lattice::Lattice;
use weft_lattice::control::Expected;
use weft_lattice::protocol::control::ScaleComponent;
use weft_model::id::{ComponentId, LatticeName};
use weft_model::inventory::HostInventory;

use super::spec::{running, words};
use super::view::{ComponentView, Deed};
use crate::commands::get::{GetError, hosts_where, inspect, target_host};
use crate::commands::outcome::{Goal, STOP_TIMEOUT, WaitArgs, Waiter, accepted};
use crate::context::Context;
use crate::failure::Failure;
use crate::ui::{join_words, nearest};

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

    /// The host: its id, the beginning of it, or its name [default: all that run it]
    #[arg(
        long,
        visible_alias = "host-id",
        env = "WEFT_HOST",
        value_name = "HOST",
        hide_env_values = true
    )]
    host: Option<String>,

    /// Do not ask
    #[arg(long, short, env = "WEFT_YES", value_parser = BoolishValueParser::new(), hide_env_values = true)]
    yes: bool,

    #[command(flatten)]
    wait: WaitArgs,
}

/// Stops the component after asking, and waits unless told otherwise.
pub(crate) async fn run(args: &StopArgs, context: &mut Context) -> Result<(), Failure> {
    let begun = Instant::now();
    let timeout = context.timeout_or(STOP_TIMEOUT);
    let lattice = context.connect_to_wait(timeout).await?;
    let id = &args.id;
    let all = match &args.host {
        Some(host) => vec![target_host(&lattice, host).await?],
        None => hosts_where(&lattice, |_| true).await?,
    };
    let named = args.host.as_ref().and_then(|_| all.first());
    let hosts: Vec<HostInventory> = all
        .iter()
        .filter(|host| running(host, id).is_some())
        .cloned()
        .collect();
    if hosts.is_empty() {
        let all: Vec<&HostInventory> = all.iter().collect();
        return Err(not_running(lattice.name(), id, &all, named).into());
    }
    confirm_stop(id, &hosts, args.yes, context).await?;
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

/// Asks whether the component may be stopped.
pub(super) async fn confirm_stop(
    id: &ComponentId,
    hosts: &[HostInventory],
    yes: bool,
    context: &mut Context,
) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    let names: Vec<&str> = hosts
        .iter()
        .map(|host| host.friendly_name.as_str())
        .collect();
    let action = format!("stopping component `{id}`");
    let consequence = format!("this stops component `{id}` on {}.", join_words(&names));
    context.console.confirm(&action, &consequence).await?;
    Ok(())
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

/// That nobody of `all`, or not `named`, runs the component, with ids that are near.
pub(super) fn not_running(
    lattice: &LatticeName,
    id: &ComponentId,
    all: &[&HostInventory],
    named: Option<&HostInventory>,
) -> GetError {
    let ids = all
        .iter()
        .flat_map(|host| host.components.iter().map(|one| one.id.as_str()));
    GetError::NotRunning {
        kind: "component",
        id: id.to_string(),
        host: named.map(|host| host.friendly_name.clone()),
        lattice: lattice.clone(),
        nearest: nearest(id.as_str(), ids)
            .into_iter()
            .map(str::to_owned)
            .collect(),
    }
}
