//! `weft component start`: run a component on a host.

use std::time::Instant;

use clap::Args;
use clap::builder::BoolishValueParser;
use weft_lattice::control::Expected;
use weft_lattice::protocol::control::ComponentAuction;
use weft_model::id::ComponentId;

use super::scale::{Scaling, scale};
use super::spec::{SpecArgs, running, words};
use super::view::Deed;
use crate::commands::outcome::{Goal, START_TIMEOUT, WaitArgs, Waiter};
use crate::commands::placing::{PlaceArgs, place, read_image};
use crate::context::Context;
use crate::failure::Failure;

/// Start a component on a host
///
/// Without `--host` hosts are asked who takes it, and the first that answers gets it. Hosts that run the component already,
/// or drain, do not answer. On a host where it runs it is scaled as the options say.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft component start ghcr.io/shop/web:1.0.0 web
  weft component start ./build/web.wasm web --host quiet-river --max-instances 50
  weft component start ghcr.io/shop/web:1.0.0 web --constraint zone=east --config web-words
  weft component start ghcr.io/shop/web:1.0.0 web --limit memory=64MiB --limit call-duration=5s")]
pub(crate) struct StartArgs {
    /// The image: a reference in a registry, or a path such as `./web.wasm`
    #[arg(value_name = "IMAGE")]
    image: String,

    /// The id under which it is to run
    id: ComponentId,

    #[command(flatten)]
    place: PlaceArgs,

    #[command(flatten)]
    spec: SpecArgs,

    /// Change the image of the component if it runs from another one there
    #[arg(long, env = "WEFT_ALLOW_UPDATE", value_parser = BoolishValueParser::new(), hide_env_values = true)]
    allow_update: bool,

    #[command(flatten)]
    wait: WaitArgs,
}

/// Starts the component, and waits unless told otherwise.
pub(crate) async fn run(args: &StartArgs, context: &mut Context) -> Result<(), Failure> {
    let begun = Instant::now();
    let timeout = context.timeout_or(START_TIMEOUT);
    let image = read_image(context, &args.image)?;
    let lattice = context.connect_to_wait(timeout).await?;
    let waiter = Waiter::begin(&lattice, args.wait, begun, timeout).await?;
    let what = format!("component `{}`", args.id);
    let control = lattice.control();
    let host = place(&lattice, &args.place, &what, |constraints, window| {
        let auction = ComponentAuction::new(&args.id, &image, constraints);
        async move { control.first_component_bid(&auction, window).await }
    })
    .await?;
    let running = running(&host, &args.id);
    let mut request = args.spec.request(&host.host, &args.id, &image, running);
    request.allow_update = args.allow_update;
    let expected = Expected::ComponentScaled {
        host: host.host.clone(),
        component: args.id.clone(),
        instances_max: args.spec.max_instances,
    };
    let scaling = Scaling {
        goal: Goal::new(words(&args.id, &host), "started"),
        deed: match running {
            None => Deed::Started,
            Some(_) => Deed::Scaled,
        },
        id: &args.id,
        host: &host,
        request,
        expected,
    };
    scale(&lattice, scaling, waiter, context).await
}
