//! `weft component update`: exchange the image of a component that runs.

use std::time::Instant;

use clap::Args;
use weft_lattice::control::Expected;
use weft_lattice::protocol::control::UpdateComponent;
use weft_model::id::ComponentId;

use super::spec::{kept_annotations, running, words};
use super::stop::{ids, subject};
use super::view::{ComponentView, Deed};
use crate::arguments::parse_label;
use crate::commands::get::{inspect, target_host};
use crate::commands::outcome::{Goal, START_TIMEOUT, WaitArgs, Waiter, accepted};
use crate::commands::placing::read_image;
use crate::context::Context;
use crate::failure::Failure;

/// Exchange the image of a component that runs, without downtime
///
/// The new one is ready before the old one is let go; calls that run end on the old one. Everything else stays as it is.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft component update quiet-river web ghcr.io/shop/web:1.1.0
  weft component update NABC web ./build/web.wasm")]
pub(crate) struct UpdateArgs {
    /// The host: its id, the beginning of it, or its name
    host: String,

    /// The id of the component
    id: ComponentId,

    /// The new image: a reference in a registry, or a path such as `./web.wasm`
    #[arg(value_name = "IMAGE")]
    image: String,

    /// Annotation for the component; may be given several times [default: those it has]
    #[arg(
        long, env = "WEFT_ANNOTATION", value_name = "KEY=VALUE", value_parser = parse_label, value_delimiter = ',',
        hide_env_values = true
    )]
    annotation: Vec<(String, String)>,

    #[command(flatten)]
    wait: WaitArgs,
}

/// Updates the component, and waits unless told otherwise.
pub(crate) async fn run(args: &UpdateArgs, context: &mut Context) -> Result<(), Failure> {
    let begun = Instant::now();
    let timeout = context.timeout_or(START_TIMEOUT);
    let image = read_image(context, &args.image)?;
    let lattice = context.connect_to_wait(timeout).await?;
    let host = target_host(&lattice, &args.host).await?;
    let id = &args.id;
    let Some(before) = running(&host, id) else {
        let others = ids(&host).into_iter();
        let error = subject(id).not_running(lattice.name(), others, Some(&host));
        return Err(error.into());
    };
    let view = |deed, elapsed| {
        let image = Some(image.as_str());
        ComponentView::new(id, &host, image, before.instances_max, deed, elapsed)
    };
    if before.image == image.as_str() {
        context.show(&view(Deed::Unchanged, begun.elapsed()));
        return Ok(());
    }
    let mut waiter = Waiter::begin(&lattice, args.wait, begun, timeout).await?;
    let annotations = if args.annotation.is_empty() {
        kept_annotations(before, &image)
    } else {
        args.annotation.iter().cloned().collect()
    };
    let request = UpdateComponent {
        component_id: id.to_string(),
        annotations: Some(annotations),
        host_id: host.host.to_string(),
        new_component_ref: image.to_string(),
    };
    let goal = Goal::new(words(id, &host), "updated");
    let control = waiter.control(&lattice);
    let answer = control.update_component(&host.host, &request).await;
    accepted(answer, &goal, lattice.name())?;
    let expected = Expected::ComponentUpdated {
        host: host.host.clone(),
        component: id.clone(),
        image: image.to_string(),
    };
    let look = async || {
        let now = inspect(&lattice, &host.host).await;
        now.is_ok_and(|now| running(&now, id).is_some_and(|one| one.image == image.as_str()))
    };
    let console = &mut context.console;
    let ended = waiter.until(&expected, &goal, look, console).await?;
    context.show(&view(Deed::Updated, waiter.elapsed()).ended(&ended));
    Ok(())
}
