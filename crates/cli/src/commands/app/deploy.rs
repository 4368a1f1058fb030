//! `weft app deploy`: make a version of an application the one that runs, and wait until it does.

use std::time::Instant;

use clap::Args;
use clap::builder::BoolishValueParser;
use serde::Serialize;
use weft_lattice::Lattice;
use weft_lattice::application::ApplicationError;
use weft_lattice::protocol::application::StatusType;
use weft_model::id::ApplicationName;

use super::AppError;
use super::address::{AddressView, addresses, fetch_addresses};
use super::manifest::read_manifest;
use super::pulling::Pulls;
use super::put::{CheckArgs, Revision, compare, put, put_json};
use super::source::{FileOrName, read_source};
use super::status::word;
use super::wait::{Follower, TIMEOUT};
use crate::context::Context;
use crate::failure::Failure;
use crate::ui::render_elapsed;
use crate::view::{Block, SchemaVersion, View, millis};

/// Deploy an application, and wait until it runs
///
/// A file is put first, as `weft app put` does; a name is that of an application that was put before. What ran before goes
/// on until the new version is up. Waits until everything runs as the manifest says, or something cannot.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft app deploy shop.yaml            Deploy a manifest; after a change, deploy it again
  weft app deploy shop                 Deploy the newest version that was put
  weft app deploy shop v1              Go back to a version
  weft app deploy shop.yaml --dry-run  Check it, and see what would change

Whatever cannot be the name of an application is a file; write `./shop` for a file of such a name.")]
pub(crate) struct DeployArgs {
    /// A manifest, `-` for standard input, or the name of an application
    #[arg(value_name = "FILE|NAME")]
    source: String,

    /// The version, beside a name [default: the newest]
    version: Option<String>,

    /// Return as soon as the manager knows, without waiting until it runs
    #[arg(long, env = "WEFT_NO_WAIT", value_parser = BoolishValueParser::new(), hide_env_values = true)]
    no_wait: bool,

    #[command(flatten)]
    checks: CheckArgs,
}

/// An application was deployed.
#[derive(Debug, Serialize)]
struct DeployView {
    schema_version: SchemaVersion,
    /// The application.
    name: String,
    /// The version that is to run; `null` when the manager does not say.
    version: Option<String>,
    /// What the manifest was to those stored before; `null` where a name was deployed.
    revision: Option<Revision>,
    /// `deployed`, or `acknowledged` when it was not waited for.
    status: &'static str,
    /// Where its components answer HTTP; `null` when its manifest cannot be had.
    addresses: Option<Vec<AddressView>>,
    /// How long it took.
    elapsed_ms: u64,
}

/// What is to be deployed.
struct Target {
    name: ApplicationName,
    version: Option<String>,
    revision: Option<Revision>,
    /// Where it answers, as the file says; `None` where a name is deployed.
    addresses: Option<Vec<AddressView>>,
}

/// Deploys, and waits unless told otherwise.
pub(crate) async fn run(args: &DeployArgs, context: &mut Context) -> Result<(), Failure> {
    let begun = Instant::now();
    let timeout = context.timeout_or(TIMEOUT);
    let (lattice, target) = match FileOrName::of(&args.source) {
        FileOrName::File(path) => {
            if let Some(version) = &args.version {
                return Err(AppError::VersionOfFile {
                    file: path,
                    version: version.clone(),
                }
                .into());
            }
            let source = read_source(context, &path)?;
            let manifest =
                read_manifest(source, args.checks.strictness()).tell(&mut context.console)?;
            let lattice = context.connect_to_wait(timeout).await?;
            if args.checks.dry_run {
                let view = compare(&lattice, &manifest).await?;
                context.show(&view);
                return Ok(());
            }
            let stored = put(&lattice, &manifest).await?;
            let target = Target {
                addresses: Some(addresses(&manifest.application, context.vantage())),
                name: manifest.application.name,
                version: Some(stored.version),
                revision: Some(stored.revision),
            };
            (lattice, target)
        }
        FileOrName::Name(name) => {
            let lattice = context.connect_to_wait(timeout).await?;
            let version = choose_version(&lattice, &name, args.version.as_deref()).await?;
            let target = Target {
                name,
                version: Some(version),
                revision: None,
                addresses: None,
            };
            if args.checks.dry_run {
                context.show(&DeployView::new(&target, WOULD_DEPLOY, begun));
                return Ok(());
            }
            (lattice, target)
        }
    };
    deploy(&lattice, target, args.no_wait, begun, context).await
}

/// The status of a dry run of an application by name, where the manager has no say.
const WOULD_DEPLOY: &str = "would_deploy";
/// The status of a deployment that was not waited for.
const ACKNOWLEDGED: &str = "acknowledged";

/// The version to deploy: the one that is asked for, or the newest, which has to be there.
async fn choose_version(
    lattice: &Lattice,
    name: &ApplicationName,
    version: Option<&str>,
) -> Result<String, AppError> {
    let applications = lattice.applications();
    let of = |error: ApplicationError| AppError::of(error, lattice.name());
    let known = applications.versions(name).await.map_err(of)?;
    let known: Vec<String> = known
        .unwrap_or_default()
        .into_iter()
        .map(|entry| entry.version)
        .collect();
    let Some(newest) = known.last() else {
        return Err(AppError::unknown(&applications, lattice.name(), name).await);
    };
    match version {
        None | Some(weft_lattice::protocol::wire::VERSION_LATEST) => Ok(newest.clone()),
        Some(version) if known.iter().any(|known| known == version) => Ok(version.to_owned()),
        Some(version) => Err(AppError::unknown_version(name, version, &known)),
    }
}

/// Stores and deploys a manifest that was checked, as JSON, and waits until it runs.
pub(crate) async fn deploy_prepared(
    lattice: &Lattice,
    name: &ApplicationName,
    json: &str,
    context: &mut Context,
) -> Result<(), Failure> {
    let begun = Instant::now();
    let stored = put_json(lattice, name, json).await?;
    let target = Target {
        name: name.clone(),
        version: Some(stored.version),
        revision: Some(stored.revision),
        addresses: None,
    };
    deploy(lattice, target, false, begun, context).await
}

async fn deploy(
    lattice: &Lattice,
    mut target: Target,
    no_wait: bool,
    begun: Instant,
    context: &mut Context,
) -> Result<(), Failure> {
    let name = target.name.clone();
    let mut follower =
        Follower::begin(lattice, &name)
            .await
            .map_err(|source| AppError::Subscribe {
                name: name.clone(),
                source,
            })?;
    let pulls = Pulls::follow(lattice).await;
    let mut pulls = pulls.map_err(|source| AppError::Subscribe {
        name: name.clone(),
        source,
    })?;
    let reply = lattice
        .applications()
        .deploy(&name, target.version.as_deref())
        .await
        .map_err(|error| AppError::of(error, lattice.name()))?;
    if reply.version.is_some() {
        target.version = reply.version;
    }
    let status = if no_wait {
        ACKNOWLEDGED
    } else {
        let timeout = context.timeout_or(TIMEOUT);
        follower
            .until_deployed(
                target.version.as_deref(),
                begun,
                timeout,
                &mut pulls,
                &mut context.console,
            )
            .await?;
        word(StatusType::Deployed)
    };
    if target.addresses.is_none() {
        let version = target.version.as_deref();
        target.addresses = fetch_addresses(lattice, context.vantage(), &name, version).await;
    }
    context.show(&DeployView::new(&target, status, begun));
    Ok(())
}

// ===== impl DeployView =====

impl DeployView {
    fn new(target: &Target, status: &'static str, begun: Instant) -> Self {
        Self {
            schema_version: SchemaVersion,
            name: target.name.to_string(),
            version: target.version.clone(),
            revision: target.revision,
            status,
            addresses: target.addresses.clone(),
            elapsed_ms: millis(begun.elapsed()),
        }
    }
}

impl View for DeployView {
    fn blocks(&self, _is_wide: bool) -> Vec<Block> {
        let what = match &self.version {
            Some(version) => format!("`{}` version `{version}`", self.name),
            None => format!("`{}`", self.name),
        };
        if self.status == WOULD_DEPLOY {
            return vec![Block::Line(format!("{what} would be deployed"))];
        }
        let which = match self.revision {
            Some(Revision::First) => ", a new application,",
            Some(Revision::New) => ", a new version,",
            Some(Revision::Stored) => ", which was stored already,",
            None => "",
        };
        let elapsed = render_elapsed(std::time::Duration::from_millis(self.elapsed_ms));
        let (head, verb) = if self.status == ACKNOWLEDGED {
            (format!("{what}{which} is being deployed"), "will answer")
        } else {
            (format!("deployed {what}{which} in {elapsed}"), "answers")
        };
        let answers = self.addresses.iter().flatten().map(|address| {
            let component = address.component();
            format!("  `{component}` {verb} at {}", address.describe())
        });
        std::iter::once(head)
            .chain(answers)
            .map(Block::Done)
            .collect()
    }

    fn names(&self) -> Vec<String> {
        vec![self.name.clone()]
    }
}
