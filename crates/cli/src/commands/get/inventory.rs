//! `weft get inventory`: what hosts run.

use std::collections::BTreeMap;

use clap::Args;
use futures::{StreamExt, stream};
use serde::Serialize;
use weft_lattice::Lattice;
use weft_lattice::control::{ControlError, Partial};
use weft_lattice::protocol::wire::annotation;
use weft_model::id::HostId;
use weft_model::inventory::HostInventory;
use weft_model::problem::Problem;

use super::error::GetError;
use super::find::{all_hosts, find_host};
use super::hosts::short_id;
use crate::context::Context;
use crate::failure::Failure;
use crate::ui::Table;
use crate::view::{Block, ProblemView, SchemaVersion, View, millis};

/// How many hosts are asked at once.
const CONCURRENT_MAX: usize = 16;
/// What a provider's process is doing where there is nothing to say of it.
const RUNNING: &str = "running";

/// Show what hosts run
#[derive(Args, Debug)]
#[command(
    visible_alias = "inventories",
    after_help = "\
Examples:
  weft get inventory                   Show what all hosts run
  weft get inventory NABC              Show what the host runs whose id begins so
  weft get inventory quiet-river -o json"
)]
pub(crate) struct InventoryArgs {
    /// The id of a host, the beginning of it, or its name [default: all hosts]
    host: Option<String>,
}

/// What hosts run.
#[derive(Debug, Serialize)]
struct InventoryView {
    schema_version: SchemaVersion,
    /// The lattice.
    lattice: String,
    /// By name and id.
    hosts: Vec<HostView>,
}

/// What a host runs.
#[derive(Debug, Serialize)]
struct HostView {
    /// Its id.
    id: String,
    /// Its name for people; not unique.
    name: String,
    /// Its version.
    version: String,
    /// How long it runs.
    uptime_ms: u64,
    /// Labels for placement.
    labels: BTreeMap<String, String>,
    /// Components that run, by id.
    components: Vec<ComponentView>,
    /// Providers that run, by id.
    providers: Vec<ProviderView>,
}

/// A component that runs.
#[derive(Debug, Serialize)]
struct ComponentView {
    /// Its id.
    id: String,
    /// Where its bytes came from.
    image: String,
    /// How many of its instances may run at once.
    instances_max: u32,
    /// The application that asked for it; `null` when none did.
    application: Option<String>,
    /// Annotations of the command that started it.
    annotations: BTreeMap<String, String>,
    /// What keeps its links from being served.
    problems: Vec<ProblemView>,
}

/// A provider that runs.
#[derive(Debug, Serialize)]
struct ProviderView {
    /// Its id.
    id: String,
    /// Where its bytes came from, or which built-in it is.
    image: Option<String>,
    /// What stands in for the backend that its image means; `null` when nothing does.
    substitution: Option<String>,
    /// The application that asked for it; `null` when none did.
    application: Option<String>,
    /// Annotations of the command that started it.
    annotations: BTreeMap<String, String>,
    /// What keeps it or its links from being served.
    problems: Vec<ProblemView>,
}

/// Shows what one host or all run.
pub(crate) async fn run(args: &InventoryArgs, context: &mut Context) -> Result<(), Failure> {
    let lattice = context.connect().await?;
    let timeout = context.global.timeout;
    let of = |error: ControlError| GetError::of(error, lattice.name());
    let summaries = match &args.host {
        Some(text) => vec![find_host(&lattice, timeout, text).await?],
        None => all_hosts(&lattice.control(), timeout).await.map_err(of)?,
    };
    let mut hosts = Vec::new();
    for (summary, inventory) in ask(
        &lattice,
        summaries.iter().filter_map(|host| host.host().ok()),
    )
    .await
    {
        match inventory {
            Ok(inventory) => {
                if !inventory.skipped.is_empty() {
                    context.console.warn(&format!(
                        "host {summary} tells of {} whose ids are not valid, which are left out",
                        crate::ui::count(inventory.skipped.len(), "thing")
                    ));
                }
                hosts.push(HostView::new(inventory.value));
            }
            Err(error) if args.host.is_some() => return Err(of(error).into()),
            Err(error) => context.console.warn(&format!(
                "host {summary} does not tell what it runs: {}",
                weft_model::problem::render_chain(&error)
            )),
        }
    }
    hosts.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    context.show(&InventoryView {
        schema_version: SchemaVersion,
        lattice: lattice.name().to_string(),
        hosts,
    });
    Ok(())
}

pub(super) async fn ask(
    lattice: &Lattice,
    hosts: impl IntoIterator<Item = HostId>,
) -> Vec<(HostId, Result<Partial<HostInventory>, ControlError>)> {
    let control = lattice.control();
    let requests = hosts.into_iter().map(|host| {
        let control = control.clone();
        async move {
            let inventory = control.inventory(&host).await;
            (host, inventory)
        }
    });
    stream::iter(requests)
        .buffer_unordered(CONCURRENT_MAX)
        .collect()
        .await
}

// ===== impl HostView =====

impl HostView {
    fn new(inventory: HostInventory) -> Self {
        let application = |annotations: &BTreeMap<String, String>| {
            annotations.get(annotation::APPLICATION).cloned()
        };
        let problems = |problems: &[Problem]| problems.iter().map(Into::into).collect();
        let mut components: Vec<ComponentView> = inventory
            .components
            .into_iter()
            .map(|component| ComponentView {
                id: component.id.to_string(),
                image: component.image,
                instances_max: component.instances_max,
                application: application(&component.annotations),
                problems: problems(&component.problems),
                annotations: component.annotations,
            })
            .collect();
        let mut providers: Vec<ProviderView> = inventory
            .providers
            .into_iter()
            .map(|provider| ProviderView {
                id: provider.id.to_string(),
                image: provider.image,
                substitution: provider.substitution,
                application: application(&provider.annotations),
                problems: problems(&provider.problems),
                annotations: provider.annotations,
            })
            .collect();
        components.sort_by(|a, b| a.id.cmp(&b.id));
        providers.sort_by(|a, b| a.id.cmp(&b.id));
        Self {
            id: inventory.host.to_string(),
            name: inventory.friendly_name,
            version: inventory.version,
            uptime_ms: millis(inventory.uptime),
            labels: inventory.labels,
            components,
            providers,
        }
    }

    /// Adds what the host runs to `table`.
    fn push_rows(&self, table: &mut Table, is_wide: bool) {
        let host = if is_wide {
            self.id.clone()
        } else {
            short_id(&self.id)
        };
        let row = |kind: &str, id: &str, instances: String, application: &Option<String>| {
            vec![
                host.clone(),
                kind.to_owned(),
                id.to_owned(),
                instances,
                application.clone().unwrap_or_default(),
            ]
        };
        for component in &self.components {
            let mut row = row(
                "component",
                &component.id,
                component.instances_max.to_string(),
                &component.application,
            );
            row.push(component.image.clone());
            table.push(row);
        }
        for provider in &self.providers {
            let mut row = row(
                "provider",
                &provider.id,
                String::new(),
                &provider.application,
            );
            let image = provider.image.clone().unwrap_or_default();
            let state = provider.annotations.get(annotation::STATE);
            let state = state.filter(|state| *state != RUNNING);
            row.push(match provider.substitution.as_ref().or(state) {
                Some(remark) => format!("{image} ({remark})"),
                None => image,
            });
            table.push(row);
        }
    }

    /// The ids of what has problems, with these.
    fn problems(&self) -> impl Iterator<Item = (&str, &[ProblemView])> {
        let components = self.components.iter();
        let of_components = components.map(|one| (one.id.as_str(), one.problems.as_slice()));
        let providers = self.providers.iter();
        let of_providers = providers.map(|one| (one.id.as_str(), one.problems.as_slice()));
        of_components
            .chain(of_providers)
            .filter(|(_, problems)| !problems.is_empty())
    }
}

impl View for InventoryView {
    fn blocks(&self, is_wide: bool) -> Vec<Block> {
        if self.hosts.is_empty() {
            let text = format!("no host answers in lattice `{}`", self.lattice);
            return vec![Block::Nothing(text)];
        }
        let mut table = Table::new(["HOST", "KIND", "ID", "INSTANCES", "APPLICATION", "IMAGE"]);
        for host in &self.hosts {
            host.push_rows(&mut table, is_wide);
        }
        if table.is_empty() {
            let hosts = crate::ui::count(self.hosts.len(), "host");
            return vec![Block::Nothing(format!("nothing runs on {hosts}"))];
        }
        let mut blocks = vec![Block::Table(table)];
        for (id, problems) in self.hosts.iter().flat_map(HostView::problems) {
            blocks.extend([Block::Line(String::new()), Block::Line(format!("`{id}`:"))]);
            let problems = problems.iter().map(Into::into);
            blocks.extend(problems.map(Block::Problem));
        }
        blocks
    }

    fn names(&self) -> Vec<String> {
        let ids = self.hosts.iter().flat_map(|host| {
            let components = host.components.iter().map(|one| one.id.clone());
            components.chain(host.providers.iter().map(|one| one.id.clone()))
        });
        ids.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_stand_below_whose_they_are() {
        let problem = |message: &str| ProblemView {
            code: "HTP002".to_owned(),
            subject: String::new(),
            message: message.to_owned(),
            hints: Vec::new(),
        };
        let provider = |id: &str, problems: Vec<ProblemView>| ProviderView {
            id: id.to_owned(),
            image: None,
            substitution: None,
            application: None,
            annotations: BTreeMap::new(),
            problems,
        };
        let host = HostView {
            id: "NABC".to_owned(),
            name: "quiet-river".to_owned(),
            version: "0.1.0".to_owned(),
            uptime_ms: 0,
            labels: BTreeMap::new(),
            components: Vec::new(),
            providers: vec![
                provider("http", vec![problem("first"), problem("second")]),
                provider("kv", Vec::new()),
            ],
        };
        let view = InventoryView {
            schema_version: SchemaVersion,
            lattice: "default".to_owned(),
            hosts: vec![host],
        };
        let told: Vec<String> = view
            .blocks(false)
            .into_iter()
            .filter_map(|block| match block {
                Block::Line(line) => Some(line),
                Block::Problem(problem) => Some(problem.message),
                _ => None,
            })
            .collect();
        assert_eq!(told, ["", "`http`:", "first", "second"]);
    }
}
