//! `weft link del`: let a component or provider call another no more.

use std::time::Instant;

use clap::Args;
use clap::builder::BoolishValueParser;
use weft_lattice::Lattice;
use weft_lattice::control::{ControlError, Expected};
use weft_model::id::{EntityId, LinkName};
use weft_model::link::{Link, LinkKey};

use super::Subject;
use super::put::LinkArgsError;
use super::view::{ChangeView, Deed};
use crate::commands::get::GetError;
use crate::commands::get::links::LinkView;
use crate::commands::outcome::{CHANGE_TIMEOUT, Ended, Goal, WaitArgs, Waiter, accepted};
use crate::context::Context;
use crate::failure::Failure;
use crate::ui::count;
use crate::view::{SchemaVersion, millis};

/// Let a component or provider call another no more
///
/// Calls that run go on to their end. Asks first.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft link del web wasi:keyvalue      Delete the link of `web` for a package
  weft link del web wasi keyvalue --link-name cache
  weft link del --all web              Delete all links of `web`
  weft link del --all --yes            Delete all links of the lattice, without being asked")]
pub(crate) struct DeleteArgs {
    /// Id of who calls; may be left out with `--all`
    #[arg(required_unless_present = "all")]
    source: Option<EntityId>,

    /// Package, such as `wasi:keyvalue`; or namespace and package as two words
    #[arg(value_name = "PACKAGE", required_unless_present = "all", num_args = 1..=2, conflicts_with = "all")]
    package: Vec<String>,

    /// Name of the link [default: default]
    #[arg(
        long,
        visible_alias = "name",
        env = "WEFT_LINK_NAME",
        value_name = "NAME",
        hide_env_values = true,
        conflicts_with = "all"
    )]
    link_name: Option<LinkName>,

    /// Delete all links of the source, or of the lattice where none is named
    #[arg(long, env = "WEFT_ALL", value_parser = BoolishValueParser::new(), hide_env_values = true)]
    all: bool,

    /// Do not ask
    #[arg(
        long, short, visible_alias = "force", env = "WEFT_YES", value_parser = BoolishValueParser::new(),
        hide_env_values = true
    )]
    yes: bool,

    #[command(flatten)]
    wait: WaitArgs,
}

/// Deletes after asking, and waits unless told otherwise.
pub(crate) async fn run(args: &DeleteArgs, context: &mut Context) -> Result<(), Failure> {
    let begun = Instant::now();
    let key = read(args)?;
    let timeout = context.timeout_or(CHANGE_TIMEOUT);
    let lattice = context.connect_to_wait(timeout).await?;
    let of = |error: ControlError| GetError::of(error, lattice.name());
    let known = lattice.control().links().await.map_err(of)?.value;
    let chosen: Vec<Link> = known
        .into_iter()
        .filter(|link| match (&key, &args.source) {
            (Some(key), _) => link.key() == *key,
            (None, Some(source)) => link.source == *source,
            (None, None) => true,
        })
        .collect();
    if let (Some(key), true) = (&key, chosen.is_empty()) {
        return Err(GetError::UnknownLink {
            link: format!("`{}` of `{}` for `{}`", key.name, key.source, key.package),
            lattice: lattice.name().clone(),
        }
        .into());
    }
    if !args.yes && !chosen.is_empty() {
        let what = match chosen.as_slice() {
            [link] => format!("link {}", LinkView::from(link)),
            links => count(links.len(), "link"),
        };
        let action = format!("deleting {what}");
        let consequence = format!("this deletes {what}.");
        context.console.confirm(&action, &consequence).await?;
    }
    let mut is_awaited = true;
    for link in &chosen {
        let waiter = Waiter::begin(&lattice, args.wait, begun, timeout).await?;
        is_awaited &= delete(&lattice, link, waiter, context).await?;
    }
    context.show(&ChangeView {
        schema_version: SchemaVersion,
        status: if is_awaited {
            Deed::Deleted
        } else {
            Deed::Acknowledged
        },
        links: chosen.iter().map(LinkView::from).collect(),
        elapsed_ms: millis(begun.elapsed()),
    });
    Ok(())
}

/// The link that is named; `None` with `--all`.
fn read(args: &DeleteArgs) -> Result<Option<LinkKey>, LinkArgsError> {
    let (false, Some(source)) = (args.all, &args.source) else {
        return Ok(None);
    };
    let subject = Subject::read(&args.package)?;
    Ok(Some(LinkKey {
        source: source.clone(),
        name: args.link_name.clone().unwrap_or_default(),
        package: subject.package,
    }))
}

/// Deletes the first link with the key of `link`, as the dialect does. Gives whether it was waited for.
async fn delete(
    lattice: &Lattice,
    link: &Link,
    mut waiter: Waiter,
    context: &mut Context,
) -> Result<bool, Failure> {
    let key = link.key();
    let goal = Goal::new(format!("link {}", LinkView::from(link)), "deleted");
    let answer = waiter.control(lattice).delete_link(&key).await;
    accepted(answer, &goal, lattice.name())?;
    let look = async || {
        let links: Result<_, ControlError> = lattice.control().links().await;
        links.is_ok_and(|links| !links.value.contains(link))
    };
    let expected = Expected::LinkDeleted(key);
    let console = &mut context.console;
    let ended = waiter.until(&expected, &goal, look, console).await?;
    Ok(!matches!(ended, Ended::Unawaited))
}
