//! `weft link put`: let a component or provider call another.

use std::time::Instant;

use clap::Args;
use weft_lattice::control::{ControlError, Expected};
use weft_lattice::protocol::control;
use weft_model::id::{ConfigName, EntityId, LinkName};
use weft_model::link::Link;
use weft_model::problem::Coded;

use super::view::{ChangeView, Deed};
use super::{Subject, SubjectError};
use crate::commands::get::links::LinkView;
use crate::commands::outcome::{CHANGE_TIMEOUT, Ended, Goal, WaitArgs, Waiter, accepted};
use crate::context::Context;
use crate::failure::Failure;
use crate::status::Status;
use crate::view::{SchemaVersion, millis};

/// Let a component or provider call another
///
/// A link that is there already, with the same source, target, name and package, is replaced. Configs that are named have
/// to be there.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft link put web kv wasi:keyvalue/store,atomics
  weft link put http web wasi http --interface incoming-handler --source-config http-address
  weft link put web cache wasi:keyvalue/store --link-name cache --target-config cache-url")]
pub(crate) struct PutArgs {
    /// Id of who calls
    source: EntityId,

    /// Id of who is called
    target: EntityId,

    /// Package and interfaces, such as `wasi:keyvalue/store`; or namespace and package as two words
    #[arg(value_name = "PACKAGE", required = true, num_args = 1..=2)]
    package: Vec<String>,

    /// Interface of the package; may be given several times
    #[arg(
        long,
        visible_alias = "interfaces",
        env = "WEFT_INTERFACE",
        value_name = "NAME",
        value_delimiter = ',',
        hide_env_values = true
    )]
    interface: Vec<String>,

    /// Name of the link, where the source has several for one package [default: default]
    #[arg(
        long,
        visible_alias = "name",
        env = "WEFT_LINK_NAME",
        value_name = "NAME",
        hide_env_values = true
    )]
    link_name: Option<LinkName>,

    /// Config for the source; may be given several times, later ones win
    #[arg(
        long,
        env = "WEFT_SOURCE_CONFIG",
        value_name = "NAME",
        value_delimiter = ',',
        hide_env_values = true
    )]
    source_config: Vec<ConfigName>,

    /// Config for the target; may be given several times, later ones win
    #[arg(
        long,
        env = "WEFT_TARGET_CONFIG",
        value_name = "NAME",
        value_delimiter = ',',
        hide_env_values = true
    )]
    target_config: Vec<ConfigName>,

    #[command(flatten)]
    wait: WaitArgs,
}

/// Why the arguments are no link.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkArgsError {
    /// The package is none.
    #[error(transparent)]
    Subject(#[from] SubjectError),
    /// No interface is named.
    #[error("a link needs at least one interface of `{package}`")]
    NoInterface {
        /// The package.
        package: String,
    },
    /// A part is not valid.
    #[error("this is no link")]
    Invalid(#[source] weft_lattice::protocol::ConvertError),
}

/// Puts the link, and waits unless told otherwise.
pub(crate) async fn run(args: &PutArgs, context: &mut Context) -> Result<(), Failure> {
    let begun = Instant::now();
    let link = read(args)?;
    let timeout = context.timeout_or(CHANGE_TIMEOUT);
    let lattice = context.connect_to_wait(timeout).await?;
    let mut waiter = Waiter::begin(&lattice, args.wait, begun, timeout).await?;
    let view = LinkView::from(&link);
    let goal = Goal::new(format!("link {view}"), "put");
    let answer = waiter.control(&lattice).put_link(&link).await;
    accepted(answer, &goal, lattice.name())?;
    let expected = Expected::LinkSet(Box::new(link.clone()));
    let look = async || {
        let links: Result<_, ControlError> = lattice.control().links().await;
        links.is_ok_and(|links| links.value.contains(&link))
    };
    let console = &mut context.console;
    let ended = waiter.until(&expected, &goal, look, console).await?;
    context.show(&ChangeView {
        schema_version: SchemaVersion,
        status: match ended {
            Ended::Unawaited => Deed::Acknowledged,
            Ended::Told(_) | Ended::Seen => Deed::Put,
        },
        links: vec![view],
        elapsed_ms: millis(waiter.elapsed()),
    });
    Ok(())
}

fn read(args: &PutArgs) -> Result<Link, LinkArgsError> {
    let mut subject = Subject::read(&args.package)?;
    subject.interfaces.extend(args.interface.iter().cloned());
    if subject.interfaces.is_empty() {
        return Err(LinkArgsError::NoInterface {
            package: subject.package.to_string(),
        });
    }
    let link = Link {
        source: args.source.clone(),
        target: args.target.clone(),
        name: args.link_name.clone().unwrap_or_default(),
        package: subject.package,
        interfaces: subject.interfaces,
        source_config: args.source_config.clone(),
        target_config: args.target_config.clone(),
    };
    // What a host would refuse is told here, with what is wrong.
    Link::try_from(&control::Link::from(&link)).map_err(LinkArgsError::Invalid)
}

// ===== impl LinkArgsError =====

impl Coded for LinkArgsError {
    fn code(&self) -> &'static str {
        "CTL006"
    }

    fn subject(&self) -> String {
        match self {
            Self::Subject(_) | Self::Invalid(_) => String::new(),
            Self::NoInterface { package } => package.clone(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::NoInterface { package } => vec![format!(
                "name them behind the package, `{package}/INTERFACE`, or with `--interface`"
            )],
            Self::Subject(_) | Self::Invalid(_) => Vec::new(),
        }
    }
}

impl From<LinkArgsError> for Failure {
    fn from(error: LinkArgsError) -> Self {
        Self::new(Status::Usage, &error)
    }
}
