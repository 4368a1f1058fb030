//! `weft get hosts`: the hosts of a lattice.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use weft_lattice::protocol::control::HostSummary;
use weft_model::id::LatticeName;

use super::error::GetError;
use super::find::all_hosts;
use crate::context::Context;
use crate::failure::Failure;
use crate::ui::{Table, render_pairs, render_uptime};
use crate::view::{Block, SchemaVersion, View};

/// Characters of an id that tell hosts apart in a table; commands take the beginning of an id.
const ID_CHARACTERS: usize = 12;

/// List the hosts that answer
///
/// Nobody knows how many hosts there are: those that answer within `--timeout` are listed, or within ten times what the
/// first answer takes.
#[derive(Args, Debug)]
#[command(
    alias = "host",
    after_help = "\
Examples:
  weft get hosts                       See who is in the lattice
  weft get hosts -o wide               See whole ids and labels too
  weft get hosts --timeout 5s          Give distant hosts more time to answer"
)]
pub(crate) struct HostsArgs {}

/// The hosts of a lattice.
#[derive(Debug, Serialize)]
struct HostsView {
    schema_version: SchemaVersion,
    /// The lattice.
    lattice: String,
    /// By name and id.
    hosts: Vec<HostView>,
}

/// A host.
#[derive(Debug, Serialize)]
struct HostView {
    /// Its id.
    id: String,
    /// Its name for people; not unique.
    name: String,
    /// Its version.
    version: Option<String>,
    /// How long it runs.
    uptime_ms: u64,
    /// Labels for placement.
    labels: BTreeMap<String, String>,
}

/// Shows the hosts.
pub(crate) async fn run(_args: &HostsArgs, context: &mut Context) -> Result<(), Failure> {
    let lattice = context.connect().await?;
    let hosts = all_hosts(&lattice.control(), context.global.timeout)
        .await
        .map_err(|error| GetError::of(error, lattice.name()))?;
    context.show(&HostsView::new(lattice.name(), hosts));
    Ok(())
}

/// The beginning of an id, for tables.
pub(crate) fn short_id(id: &str) -> String {
    id.chars().take(ID_CHARACTERS).collect()
}

// ===== impl HostsView =====

impl HostsView {
    fn new(lattice: &LatticeName, hosts: Vec<HostSummary>) -> Self {
        Self {
            schema_version: SchemaVersion,
            lattice: lattice.to_string(),
            hosts: hosts
                .into_iter()
                .map(|host| HostView {
                    id: host.id,
                    name: host.friendly_name,
                    version: host.version,
                    uptime_ms: host.uptime_seconds.saturating_mul(1000),
                    labels: host.labels,
                })
                .collect(),
        }
    }
}

impl View for HostsView {
    fn blocks(&self, is_wide: bool) -> Vec<Block> {
        if self.hosts.is_empty() {
            let text = format!("no host answers in lattice `{}`", self.lattice);
            let hint = "hint: name another lattice with `--lattice`".to_owned();
            return vec![Block::Nothing(text), Block::Nothing(hint)];
        }
        let mut headers = vec!["ID", "NAME", "VERSION", "UPTIME"];
        if is_wide {
            headers.push("LABELS");
        }
        let mut table = Table::new(headers);
        for host in &self.hosts {
            let id = if is_wide {
                host.id.clone()
            } else {
                short_id(&host.id)
            };
            let uptime = render_uptime(Duration::from_millis(host.uptime_ms));
            let version = host.version.clone().unwrap_or_default();
            let mut row = vec![id, host.name.clone(), version, uptime];
            if is_wide {
                row.push(render_pairs(&host.labels));
            }
            table.push(row);
        }
        vec![Block::Table(table)]
    }

    fn names(&self) -> Vec<String> {
        self.hosts.iter().map(|host| host.id.clone()).collect()
    }
}
