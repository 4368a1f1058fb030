//! `weft get claims`: who signed what runs in the lattice.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;
use weft_lattice::control::ControlError;

use super::error::GetError;
use crate::context::Context;
use crate::failure::Failure;
use crate::ui::Table;
use crate::view::{Block, SchemaVersion, View};

/// Show the claims: who signed the components and providers of the lattice, and what they say of them
///
/// Hosts keep the claims of what they start. They stay when it stops.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft get claims                      See who signed what
  weft get claims -o wide              See tags and aliases too")]
pub(crate) struct ClaimsArgs {}

/// The claims of a lattice.
#[derive(Debug, Serialize)]
struct ClaimsView {
    schema_version: SchemaVersion,
    /// The lattice.
    lattice: String,
    /// By name and subject.
    claims: Vec<ClaimView>,
}

/// Claims about one component or provider.
#[derive(Debug, Serialize)]
struct ClaimView {
    /// `component` or `provider`.
    kind: &'static str,
    /// The public key that they are about.
    subject: String,
    /// The public key that signed.
    issuer: String,
    /// A name for people; may be empty.
    name: String,
    /// A version for people; may be empty.
    version: String,
    /// A number that grows, as text.
    revision: String,
    /// Words about a component.
    tags: Vec<String>,
    /// Another name by which a component may be called; may be empty.
    call_alias: String,
}

/// Shows the claims.
pub(crate) async fn run(_args: &ClaimsArgs, context: &mut Context) -> Result<(), Failure> {
    let lattice = context.connect().await?;
    let claims = lattice
        .control()
        .claims()
        .await
        .map_err(|error: ControlError| GetError::of(error, lattice.name()))?;
    let mut claims: Vec<ClaimView> = claims.into_iter().map(ClaimView::from).collect();
    claims.sort_by(|a, b| (&a.name, &a.subject).cmp(&(&b.name, &b.subject)));
    context.show(&ClaimsView {
        schema_version: SchemaVersion,
        lattice: lattice.name().to_string(),
        claims,
    });
    Ok(())
}

// ===== impl ClaimView =====

impl From<BTreeMap<String, String>> for ClaimView {
    fn from(entry: BTreeMap<String, String>) -> Self {
        let get = |names: [&str; 2]| {
            let found = names.into_iter().find_map(|name| entry.get(name));
            found.cloned().unwrap_or_default()
        };
        let subject = get(["subject", "sub"]);
        let tags = get(["tags", "tags"]);
        Self {
            kind: if subject.starts_with('M') {
                "component"
            } else {
                "provider"
            },
            issuer: get(["issuer", "iss"]),
            name: get(["name", "name"]),
            version: get(["version", "ver"]),
            revision: get(["revision", "rev"]),
            tags: tags
                .split(',')
                .filter(|tag| !tag.is_empty())
                .map(str::to_owned)
                .collect(),
            call_alias: get(["call_alias", "call_alias"]),
            subject,
        }
    }
}

impl View for ClaimsView {
    fn blocks(&self, is_wide: bool) -> Vec<Block> {
        if self.claims.is_empty() {
            let text = "there are no claims: nothing that was signed has been started";
            return vec![Block::Nothing(text.to_owned())];
        }
        let mut headers = vec!["NAME", "KIND", "VERSION", "REVISION"];
        if is_wide {
            headers.extend(["TAGS", "CALL ALIAS"]);
        }
        headers.extend(["SUBJECT", "SIGNED BY"]);
        let mut table = Table::new(headers);
        for claim in &self.claims {
            let mut row = vec![
                claim.name.clone(),
                claim.kind.to_owned(),
                claim.version.clone(),
                claim.revision.clone(),
            ];
            if is_wide {
                row.extend([claim.tags.join(","), claim.call_alias.clone()]);
            }
            row.extend([claim.subject.clone(), claim.issuer.clone()]);
            table.push(row);
        }
        vec![Block::Table(table)]
    }

    fn names(&self) -> Vec<String> {
        let subjects = self.claims.iter().map(|claim| claim.subject.clone());
        subjects.collect()
    }
}
