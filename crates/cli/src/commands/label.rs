//! `weft label`: labels of a host, for placement.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use clap::Args;
use clap::builder::BoolishValueParser;
use serde::Serialize;
use weft_lattice::Lattice;
use weft_lattice::control::Expected;
use weft_model::id::HostId;
use weft_model::inventory::HostInventory;
use weft_model::problem::Coded;

use super::get::{inspect, target_host};
use super::outcome::{CHANGE_TIMEOUT, Ended, Goal, OutcomeError, WaitArgs, Waiter, accepted};
use crate::console::Console;
use crate::context::Context;
use crate::failure::Failure;
use crate::status::Status;
use crate::ui::{render_elapsed, render_pairs};
use crate::view::{Block, SchemaVersion, View, millis};

/// Set labels of a host, or delete them
///
/// Manifests and auctions choose hosts by their labels. What is set here is kept until the host stops; what it has from the
/// start is given to `weft up --label`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft label quiet-river zone=east disk=ssd
  weft label quiet-river --delete disk
  weft label NABC zone=west            The beginning of an id will do")]
pub(crate) struct LabelArgs {
    /// The host: its id, the beginning of it, or its name
    host: String,

    /// Labels; with `--delete` the keys will do
    #[arg(value_name = "KEY=VALUE", required = true)]
    labels: Vec<String>,

    /// Delete the labels
    #[arg(long, env = "WEFT_DELETE", value_parser = BoolishValueParser::new(), hide_env_values = true)]
    delete: bool,

    #[command(flatten)]
    wait: WaitArgs,
}

/// Why the arguments are no labels.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is no label")]
struct LabelError {
    text: String,
}

/// Labels were changed.
#[derive(Debug, Serialize)]
struct LabelView {
    schema_version: SchemaVersion,
    /// The id of the host.
    host: String,
    /// The name of the host.
    host_name: String,
    /// What was set.
    set: BTreeMap<String, String>,
    /// The keys that were deleted, without those that were not there.
    deleted: Vec<String>,
    /// Whether it is known to be done.
    is_done: bool,
    /// How long it took.
    elapsed_ms: u64,
}

/// Changes the labels, and waits unless told otherwise.
pub(crate) async fn run(args: &LabelArgs, context: &mut Context) -> Result<(), Failure> {
    let begun = Instant::now();
    let changes = read(args)?;
    let timeout = context.timeout_or(CHANGE_TIMEOUT);
    let lattice = context.connect_to_wait(timeout).await?;
    let host = target_host(&lattice, &args.host).await?;
    let mut view = LabelView {
        schema_version: SchemaVersion,
        host: host.host.to_string(),
        host_name: host.friendly_name.clone(),
        set: BTreeMap::new(),
        deleted: Vec::new(),
        is_done: !args.wait.no_wait,
        elapsed_ms: 0,
    };
    for (key, value) in changes {
        // Hosts tell nothing of a label that was not there.
        if value.is_none() && !host.labels.contains_key(&key) {
            let text = format!("host `{}` has no label `{key}`", host.friendly_name);
            context.console.note(&text);
            continue;
        }
        let waiter = Waiter::begin(&lattice, args.wait, begun, timeout).await?;
        let change = (key.as_str(), value.as_deref());
        set_label(&lattice, &host, change, waiter, &mut context.console).await?;
        match value {
            Some(value) => drop(view.set.insert(key, value)),
            None => view.deleted.push(key),
        }
    }
    view.elapsed_ms = millis(begun.elapsed());
    context.show(&view);
    Ok(())
}

/// The changes: a key, and its value or none where it is to be deleted.
fn read(args: &LabelArgs) -> Result<Vec<(String, Option<String>)>, LabelError> {
    args.labels
        .iter()
        .map(|text| {
            let (key, value) = match text.split_once('=') {
                Some((key, value)) => (key, Some(value)),
                None => (text.as_str(), None),
            };
            let key = key.trim().to_owned();
            match (args.delete, value) {
                _ if key.is_empty() => Err(LabelError { text: text.clone() }),
                (true, _) => Ok((key, None)),
                (false, Some(value)) => Ok((key, Some(value.trim().to_owned()))),
                (false, None) => Err(LabelError { text: text.clone() }),
            }
        })
        .collect()
}

/// Sets a label, or deletes one that is there, where the value is `None`.
pub(crate) async fn set_label(
    lattice: &Lattice,
    host: &HostInventory,
    (key, value): (&str, Option<&str>),
    mut waiter: Waiter,
    console: &mut Console,
) -> Result<Ended, OutcomeError> {
    let done = if value.is_some() { "set" } else { "deleted" };
    let goal = Goal::new(
        format!("label `{key}` of host `{}`", host.friendly_name),
        done,
    );
    let control = waiter.control(lattice);
    let answer = match value {
        Some(value) => control.put_label(&host.host, key, value).await,
        None => control.delete_label(&host.host, key).await,
    };
    accepted(answer, &goal, lattice.name())?;
    let expected = Expected::Label {
        host: host.host.clone(),
        key: key.to_owned(),
        value: value.map(str::to_owned),
    };
    let look = async || {
        let now = label_of(lattice, &host.host, key).await;
        now.is_some_and(|now| now.as_deref() == value)
    };
    waiter.until(&expected, &goal, look, console).await
}

/// The label of the host, where the host can be asked.
async fn label_of(lattice: &Lattice, host: &HostId, key: &str) -> Option<Option<String>> {
    let now = inspect(lattice, host).await.ok()?;
    Some(now.labels.get(key).cloned())
}

// ===== impl LabelError =====

impl Coded for LabelError {
    fn code(&self) -> &'static str {
        "CTL006"
    }

    fn subject(&self) -> String {
        self.text.clone()
    }

    fn hints(&self) -> Vec<String> {
        vec!["write `KEY=VALUE`; `--delete KEY` deletes a label".to_owned()]
    }
}

impl From<LabelError> for Failure {
    fn from(error: LabelError) -> Self {
        Self::new(Status::Usage, &error)
    }
}

// ===== impl LabelView =====

impl View for LabelView {
    fn blocks(&self, _is_wide: bool) -> Vec<Block> {
        let name = &self.host_name;
        if !self.is_done {
            return vec![Block::Done(format!("`{name}` takes the request"))];
        }
        let elapsed = render_elapsed(Duration::from_millis(self.elapsed_ms));
        let mut blocks = Vec::new();
        if !self.set.is_empty() {
            let pairs = render_pairs(&self.set);
            let text = format!("set {pairs} of `{name}`, in {elapsed}");
            blocks.push(Block::Done(text));
        }
        if !self.deleted.is_empty() {
            let keys = self.deleted.join(",");
            let text = format!("deleted {keys} of `{name}`, in {elapsed}");
            blocks.push(Block::Done(text));
        }
        blocks
    }

    fn names(&self) -> Vec<String> {
        vec![self.host.clone()]
    }
}
