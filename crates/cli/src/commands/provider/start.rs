//! `weft provider start`: run a provider on a host.

use std::time::Instant;

use clap::Args;
use weft_lattice::control::Expected;
use weft_lattice::protocol::control::{ProviderAuction, StartProvider};
use weft_model::id::{ConfigName, ProviderId};
use weft_model::labels::Annotations;
use weft_model::reference::Location;

use super::view::{Deed, ProviderView, running, words};
use crate::arguments::parse_label;
use crate::commands::get::inspect;
use crate::commands::outcome::{Goal, START_TIMEOUT, WaitArgs, Waiter, accepted};
use crate::commands::placing::{PlaceArgs, place, read_image};
use crate::context::Context;
use crate::failure::Failure;

/// Start a provider on a host
///
/// Without `--host` hosts are asked who takes it, and the first that answers gets it. Hosts that run the provider already, or
/// drain, do not answer.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft provider start ghcr.io/wasmcloud/http-server:0.28.0 http
  weft provider start file:///opt/kv.par.gz kv --host quiet-river --config kv-url
  weft provider start wasmcloud+builtin://keyvalue-embedded kv --constraint zone=east")]
pub(crate) struct StartArgs {
    /// The image: a reference in a registry, a file, or one that is built into hosts
    #[arg(value_name = "IMAGE")]
    image: String,

    /// The id under which it is to run
    id: ProviderId,

    #[command(flatten)]
    place: PlaceArgs,

    /// Config that it reads; may be given several times, later ones win
    #[arg(
        long,
        env = "WEFT_CONFIG",
        value_name = "NAME",
        value_delimiter = ',',
        hide_env_values = true
    )]
    config: Vec<ConfigName>,

    /// Annotation for the provider; may be given several times
    #[arg(
        long, env = "WEFT_ANNOTATION", value_name = "KEY=VALUE", value_parser = parse_label, value_delimiter = ',',
        hide_env_values = true
    )]
    annotation: Vec<(String, String)>,

    #[command(flatten)]
    wait: WaitArgs,
}

/// Starts the provider, and waits unless told otherwise.
pub(crate) async fn run(args: &StartArgs, context: &mut Context) -> Result<(), Failure> {
    let begun = Instant::now();
    let timeout = context.timeout_or(START_TIMEOUT);
    let image = read_image(context, &args.image)?;
    let lattice = context.connect_to_wait(timeout).await?;
    let mut waiter = Waiter::begin(&lattice, args.wait, begun, timeout).await?;
    let id = &args.id;
    let what = format!("provider `{id}`");
    let control = lattice.control();
    let host = place(&lattice, &args.place, &what, |constraints, window| {
        let auction = ProviderAuction::new(id, &image, constraints);
        async move { control.first_provider_bid(&auction, window).await }
    })
    .await?;
    let annotations: Annotations = args.annotation.iter().cloned().collect();
    let request = StartProvider::new(&host.host, id, &image, &args.config, annotations);
    let goal = Goal::new(words(id, &host), "started");
    let asking = waiter.control(&lattice);
    let answer = asking.start_provider(&host.host, &request).await;
    accepted(answer, &goal, lattice.name()).map_err(|error| match image.location() {
        // A 1.9 host does not answer for a built-in provider that its operator has switched off.
        Location::Builtin(_) => {
            error.maybe_because("the host may have this built-in provider switched off")
        }
        _ => error,
    })?;
    let expected = Expected::ProviderStarted {
        host: host.host.clone(),
        provider: id.clone(),
    };
    let look = async || {
        let now = inspect(&lattice, &host.host).await;
        now.is_ok_and(|now| running(&now, id).is_some())
    };
    let console = &mut context.console;
    let ended = waiter.until(&expected, &goal, look, console).await?;
    let (image, elapsed) = (Some(image.as_str()), waiter.elapsed());
    let view = ProviderView::new(id, &host, image, Deed::Started, elapsed, &ended);
    context.show(&view);
    Ok(())
}
