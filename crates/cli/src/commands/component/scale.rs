//! `weft component scale`: change how many calls of a component may run at once on a host.

use std::time::Instant;

use clap::Args;
use clap::builder::BoolishValueParser;
use weft_lattice::Lattice;
use weft_lattice::control::Expected;
use weft_lattice::protocol::control::ScaleComponent;
use weft_model::id::ComponentId;
use weft_model::inventory::HostInventory;

use super::spec::{SpecArgs, running, words};
use super::stop::{stop_on, subject};
use super::view::{ComponentView, Deed};
use crate::commands::get::{inspect, target_host};
use crate::commands::outcome::{Goal, START_TIMEOUT, WaitArgs, Waiter, accepted};
use crate::commands::placing::read_image;
use crate::context::Context;
use crate::failure::Failure;

/// Change how many calls of a component may run at once on a host
///
/// It is started where it does not run, and stopped with `--max-instances 0`. Annotations and limits that are not named stay
/// as they are. So do configs, of what this program or an application started; hosts do not tell others: name them again.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft component scale quiet-river ghcr.io/shop/web:1.0.0 web --max-instances 100
  weft component scale quiet-river ghcr.io/shop/web:1.0.0 web --max-instances 100 --config web-words
  weft component scale quiet-river ghcr.io/shop/web:1.0.0 web --max-instances 0 --yes")]
pub(crate) struct ScaleArgs {
    /// The host: its id, the beginning of it, or its name
    host: String,

    /// The image: a reference in a registry, or a path such as `./web.wasm`
    #[arg(value_name = "IMAGE")]
    image: String,

    /// The id of the component
    id: ComponentId,

    #[command(flatten)]
    spec: SpecArgs,

    /// Change the image of the component if it runs from another one there
    #[arg(long, env = "WEFT_ALLOW_UPDATE", value_parser = BoolishValueParser::new(), hide_env_values = true)]
    allow_update: bool,

    /// Do not ask, where it is to be stopped
    #[arg(long, short, env = "WEFT_YES", value_parser = BoolishValueParser::new(), hide_env_values = true)]
    yes: bool,

    #[command(flatten)]
    wait: WaitArgs,
}

/// A request for a component, and what is to come of it.
pub(super) struct Scaling<'a> {
    pub(super) id: &'a ComponentId,
    pub(super) host: &'a HostInventory,
    pub(super) request: ScaleComponent,
    pub(super) expected: Expected,
    pub(super) goal: Goal,
    /// What it is when it is done.
    pub(super) deed: Deed,
}

/// Scales the component, and waits unless told otherwise.
pub(crate) async fn run(args: &ScaleArgs, context: &mut Context) -> Result<(), Failure> {
    let begun = Instant::now();
    let timeout = context.timeout_or(START_TIMEOUT);
    let image = read_image(context, &args.image)?;
    let lattice = context.connect_to_wait(timeout).await?;
    let host = target_host(&lattice, &args.host).await?;
    let running = running(&host, &args.id);
    if args.spec.max_instances == 0 {
        if running.is_none() {
            let (id, image) = (&args.id, Some(image.as_str()));
            let elapsed = begun.elapsed();
            let view = ComponentView::new(id, &host, image, 0, Deed::Unchanged, elapsed);
            context.show(&view);
            return Ok(());
        }
        let hosts = std::slice::from_ref(&host);
        subject(&args.id)
            .confirm_stop(hosts, args.yes, context)
            .await?;
        let waiter = Waiter::begin(&lattice, args.wait, begun, timeout).await?;
        let view = stop_on(&lattice, &args.id, &host, waiter, context).await?;
        context.show(&view);
        return Ok(());
    }
    let waiter = Waiter::begin(&lattice, args.wait, begun, timeout).await?;
    let mut request = args.spec.request(&host.host, &args.id, &image, running);
    request.allow_update = args.allow_update;
    let expected = Expected::ComponentScaled {
        host: host.host.clone(),
        component: args.id.clone(),
        instances_max: args.spec.max_instances,
    };
    let scaling = Scaling {
        goal: Goal::new(words(&args.id, &host), "scaled"),
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

/// Sends the request, waits unless told otherwise, and shows what came of it.
pub(super) async fn scale(
    lattice: &Lattice,
    scaling: Scaling<'_>,
    mut waiter: Waiter,
    context: &mut Context,
) -> Result<(), Failure> {
    let Scaling {
        id,
        host,
        request,
        expected,
        goal,
        deed,
    } = scaling;
    let control = waiter.control(lattice);
    let answer = control.scale_component(&host.host, &request).await;
    let remark = accepted(answer, &goal, lattice.name())?;
    if !remark.is_empty() {
        context.console.warn(&remark);
    }
    let look = async || {
        let now = inspect(lattice, &host.host).await;
        now.is_ok_and(|now| {
            running(&now, id).is_some_and(|one| one.instances_max == request.instances_max)
        })
    };
    let console = &mut context.console;
    let ended = waiter.until(&expected, &goal, look, console).await?;
    let (image, count) = (Some(request.component_ref.as_str()), request.instances_max);
    let view = ComponentView::new(id, host, image, count, deed, waiter.elapsed());
    context.show(&view.ended(&ended));
    Ok(())
}
