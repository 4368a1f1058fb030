//! `weft app undeploy`: let nothing of an application run.

mod remains;

use std::time::{Duration, Instant};

use clap::Args;
use clap::builder::BoolishValueParser;
use serde::Serialize;
use weft_lattice::application::ApplicationError;
use weft_model::id::ApplicationName;

use self::remains::until_gone;
use super::AppError;
use super::wait::TIMEOUT;
use crate::context::Context;
use crate::failure::Failure;
use crate::ui::render_elapsed;
use crate::view::{Block, SchemaVersion, View, millis};

/// Let nothing of an application run
///
/// Its versions stay stored: `weft app deploy NAME` runs it again.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft app undeploy shop               Let it stop
  weft app undeploy shop --wait        Return when no host runs anything of it")]
pub(crate) struct UndeployArgs {
    /// The application
    name: ApplicationName,

    /// Wait until no host runs anything of it
    #[arg(long, env = "WEFT_WAIT", value_parser = BoolishValueParser::new(), hide_env_values = true)]
    wait: bool,
}

/// An application was undeployed.
#[derive(Debug, Serialize)]
struct UndeployView {
    schema_version: SchemaVersion,
    /// The application.
    name: String,
    /// Whether it is known that nothing of it runs.
    is_gone: bool,
    /// How long it took.
    elapsed_ms: u64,
}

/// Undeploys.
pub(crate) async fn run(args: &UndeployArgs, context: &mut Context) -> Result<(), Failure> {
    let begun = Instant::now();
    let timeout = context.timeout_or(TIMEOUT);
    let lattice = context.connect_to_wait(timeout).await?;
    let applications = lattice.applications();
    match applications.undeploy(&args.name).await {
        Ok(_) => {}
        Err(ApplicationError::NotFound { .. }) => {
            return Err(AppError::unknown(&applications, lattice.name(), &args.name)
                .await
                .into());
        }
        Err(error) => return Err(AppError::of(error, lattice.name()).into()),
    }
    if args.wait {
        until_gone(&lattice, &args.name, begun, timeout, &mut context.console).await?;
    }
    context.show(&UndeployView {
        schema_version: SchemaVersion,
        name: args.name.to_string(),
        is_gone: args.wait,
        elapsed_ms: millis(begun.elapsed()),
    });
    Ok(())
}

// ===== impl View for UndeployView =====

impl View for UndeployView {
    fn blocks(&self, _is_wide: bool) -> Vec<Block> {
        let name = &self.name;
        let elapsed = render_elapsed(Duration::from_millis(self.elapsed_ms));
        vec![Block::Done(if self.is_gone {
            format!("undeployed `{name}`, nothing of it runs after {elapsed}")
        } else {
            format!("undeployed `{name}`, which stops running")
        })]
    }

    fn names(&self) -> Vec<String> {
        vec![self.name.clone()]
    }
}
