//! `weft get links`: who may call whom.

use std::fmt;

use clap::Args;
use serde::Serialize;
use weft_lattice::control::ControlError;
use weft_model::link::Link;

use super::error::GetError;
use crate::context::Context;
use crate::failure::Failure;
use crate::ui::{Table, count};
use crate::view::{Block, SchemaVersion, View};

/// Show the links: who may call whom, for what
#[derive(Args, Debug)]
#[command(
    alias = "link",
    after_help = "\
Examples:
  weft get links                       See who may call whom
  weft get links -o wide               See the configs of both sides too"
)]
pub(crate) struct LinksArgs {}

/// The links of a lattice.
#[derive(Debug, Serialize)]
struct LinksView {
    schema_version: SchemaVersion,
    /// The lattice.
    lattice: String,
    /// By source, package, name and target.
    links: Vec<LinkView>,
}

/// A link.
#[derive(Debug, Serialize)]
pub(crate) struct LinkView {
    /// The id of who calls.
    source: String,
    /// The id of who is called.
    target: String,
    /// The name of the link.
    name: String,
    /// The package, such as `wasi:keyvalue`.
    package: String,
    /// Interfaces of the package.
    interfaces: Vec<String>,
    /// Names of configs for the source.
    source_config: Vec<String>,
    /// Names of configs for the target.
    target_config: Vec<String>,
}

/// Shows the links.
pub(crate) async fn run(_args: &LinksArgs, context: &mut Context) -> Result<(), Failure> {
    let lattice = context.connect().await?;
    let links = lattice
        .control()
        .links()
        .await
        .map_err(|error: ControlError| GetError::of(error, lattice.name()))?;
    if !links.skipped.is_empty() {
        context.console.warn(&format!(
            "{} left out, which this version does not understand",
            count(links.skipped.len(), "link")
        ));
    }
    let mut links: Vec<LinkView> = links.value.iter().map(Into::into).collect();
    links.sort_by(|a, b| a.key().cmp(&b.key()));
    context.show(&LinksView {
        schema_version: SchemaVersion,
        lattice: lattice.name().to_string(),
        links,
    });
    Ok(())
}

// ===== impl LinkView =====

impl From<&Link> for LinkView {
    fn from(link: &Link) -> Self {
        let names = |configs: &[weft_model::id::ConfigName]| {
            configs.iter().map(ToString::to_string).collect()
        };
        Self {
            source: link.source.to_string(),
            target: link.target.to_string(),
            name: link.name.to_string(),
            package: link.package.to_string(),
            interfaces: link.interfaces.clone(),
            source_config: names(&link.source_config),
            target_config: names(&link.target_config),
        }
    }
}

impl LinkView {
    /// The words that name it, fit to be arguments of `weft link del`, but for the name of the link.
    pub(crate) fn name(&self) -> String {
        format!("{} {} {}", self.source, self.package, self.name)
    }

    fn key(&self) -> (&str, &str, &str, &str) {
        (&self.source, &self.package, &self.name, &self.target)
    }
}

impl fmt::Display for LinkView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            source,
            target,
            name,
            package,
            interfaces,
            ..
        } = self;
        write!(
            f,
            "`{source}` -> `{target}` for `{package}/{}`",
            interfaces.join(",")
        )?;
        if name != "default" {
            write!(f, " named `{name}`")?;
        }
        Ok(())
    }
}

impl View for LinksView {
    fn blocks(&self, is_wide: bool) -> Vec<Block> {
        if self.links.is_empty() {
            return vec![Block::Nothing("there are no links".to_owned())];
        }
        let mut headers = vec!["SOURCE", "TARGET", "NAME"];
        if is_wide {
            headers.extend(["SOURCE CONFIG", "TARGET CONFIG"]);
        }
        headers.push("INTERFACES");
        let mut table = Table::new(headers);
        for link in &self.links {
            let mut row = vec![link.source.clone(), link.target.clone(), link.name.clone()];
            if is_wide {
                row.push(link.source_config.join(","));
                row.push(link.target_config.join(","));
            }
            row.push(format!("{}/{}", link.package, link.interfaces.join(",")));
            table.push(row);
        }
        vec![Block::Table(table)]
    }

    fn names(&self) -> Vec<String> {
        self.links.iter().map(LinkView::name).collect()
    }
}
