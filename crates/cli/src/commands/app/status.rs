//! `weft app status`: how far an application is.

mod view;

use clap::Args;
use clap::builder::BoolishValueParser;
use weft_lattice::Lattice;
use weft_lattice::application::ApplicationError;
use weft_lattice::protocol::application::{Status, StatusInfo, StatusType};
use weft_model::id::ApplicationName;
use weft_model::problem::Problem;

use self::view::StatusView;
use super::AppError;
use super::address::fetch_addresses;
use super::wait::Follower;
use crate::context::{Context, Vantage};
use crate::failure::Failure;

/// Tell how far an application is, and what is in its way
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft app status shop                 See each part and what it waits for
  weft app status shop -o wide         See its stored versions too
  weft app status shop --watch         Follow it until interrupted")]
pub(crate) struct StatusArgs {
    /// The application
    name: ApplicationName,

    /// Tell it again whenever it changes, until interrupted
    #[arg(long, short, env = "WEFT_WATCH", value_parser = BoolishValueParser::new(), hide_env_values = true)]
    watch: bool,
}

/// Shows the status, once or whenever it changes.
pub(crate) async fn run(args: &StatusArgs, context: &mut Context) -> Result<(), Failure> {
    let lattice = context.connect().await?;
    let applications = lattice.applications();
    let of = |error: ApplicationError| AppError::of(error, lattice.name());
    if applications
        .versions(&args.name)
        .await
        .map_err(of)?
        .is_none()
    {
        return Err(AppError::unknown(&applications, lattice.name(), &args.name)
            .await
            .into());
    }
    if args.watch {
        return watch(args, context, &lattice).await;
    }
    let status = applications.status(&args.name).await.map_err(of)?;
    let status = status.unwrap_or_default();
    let view = complete(&lattice, context.vantage(), &args.name, status).await;
    context.show(&view.map_err(of)?);
    Ok(())
}

async fn watch(args: &StatusArgs, context: &mut Context, lattice: &Lattice) -> Result<(), Failure> {
    let of = |error: ApplicationError| AppError::of(error, lattice.name());
    let mut follower = Follower::begin(lattice, &args.name)
        .await
        .map_err(|source| AppError::Subscribe {
            name: args.name.clone(),
            source,
        })?;
    let mut shown: Option<StatusView> = None;
    // One future for all rounds: an interrupt during a request is not lost.
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    loop {
        let seen = match follower.ask().await {
            Ok(Some(status)) => complete(lattice, context.vantage(), &args.name, status)
                .await
                .map(Some),
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        match seen {
            Ok(Some(view)) => {
                if shown.as_ref() != Some(&view) {
                    context.console.show_next(&view);
                    shown = Some(view);
                }
            }
            Ok(None) => {
                let applications = lattice.applications();
                return Err(AppError::unknown(&applications, lattice.name(), &args.name)
                    .await
                    .into());
            }
            // A manager that was restarted answers again.
            Err(ApplicationError::Request { .. }) if shown.is_some() => {
                context
                    .console
                    .progress("waiting for the manager to answer");
            }
            Err(error) => return Err(of(error).into()),
        }
        if context.console.is_output_closed() {
            return Ok(());
        }
        tokio::select! {
            () = follower.changed() => {}
            _ = &mut interrupted => return Ok(()),
        }
    }
}

/// `status` with what else is shown beside it.
async fn complete(
    lattice: &Lattice,
    vantage: Vantage,
    name: &ApplicationName,
    status: Status,
) -> Result<StatusView, ApplicationError> {
    let versions = lattice.applications().versions(name).await?;
    let versions = versions.unwrap_or_default();
    let deployed = versions.iter().find(|entry| entry.deployed);
    let addresses = match deployed {
        Some(entry) => fetch_addresses(lattice, vantage, name, Some(&entry.version)).await,
        None => Some(Vec::new()),
    };
    Ok(StatusView::new(name, status, versions, addresses))
}

/// The problems in `status`: those that a Weft tells, or else the parts that failed, or else what is said of the whole.
pub(crate) fn problems_of(status: &Status) -> Vec<Problem> {
    if !status.weft_problems.is_empty() {
        return status
            .weft_problems
            .iter()
            .cloned()
            .map(Problem::from)
            .collect();
    }
    let problem = |subject: &str, info: &StatusInfo| Problem {
        code: word(info.kind).into(),
        subject: subject.to_owned(),
        message: info.message.clone(),
        hints: Vec::new(),
    };
    let failed = status
        .scalers
        .iter()
        .filter(|part| part.info.kind == StatusType::Failed);
    let mut problems: Vec<Problem> = failed.map(|part| problem(&part.name, &part.info)).collect();
    if problems.is_empty() && status.info.kind == StatusType::Failed {
        problems.push(problem("", &status.info));
    }
    problems
}

/// The word of a status.
pub(crate) fn word(kind: StatusType) -> &'static str {
    match kind {
        StatusType::Undeployed => "undeployed",
        StatusType::Waiting => "waiting",
        StatusType::Reconciling => "reconciling",
        StatusType::Deployed => "deployed",
        StatusType::Failed => "failed",
        StatusType::Unhealthy => "unhealthy",
        _ => "unknown",
    }
}
