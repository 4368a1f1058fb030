//! One run of `cargo xtask guests`: finds what changed and builds it.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::terminal::say;
use crate::workspace::Workspace;

use super::discover::{Guest, Source, guests_directory};
use super::encode::find_standard_wit;
use super::fingerprint::Fingerprint;
use super::recipe::Recipe;
use super::script::Script;
use super::store::Store;
use super::{rust, wat};

/// One run, with what is found out on the way.
pub(crate) struct Build<'a> {
    workspace: &'a Workspace,
    store: Store,
    /// The directories that components have for themselves: none of them reaches another.
    sources: Vec<PathBuf>,
    recipe: OnceCell<Recipe>,
    standard_wit: OnceCell<PathBuf>,
}

impl<'a> Build<'a> {
    /// A run that may build some of the components of the project.
    pub(crate) fn new(workspace: &'a Workspace, everything: &[Guest]) -> Result<Self> {
        Ok(Self {
            workspace,
            store: Store::open(workspace.target().join("guests"))?,
            sources: source_directories(everything),
            recipe: OnceCell::new(),
            standard_wit: OnceCell::new(),
        })
    }

    /// Where components go.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Builds those of the guests that are not what a build would make, and returns how many.
    pub(crate) fn build_stale(&self, guests: &[Guest]) -> Result<usize> {
        let stale = self.find_stale(guests)?;
        self.build_crates(&stale)?;
        for (guest, fingerprint) in &stale {
            self.build_other(guest, fingerprint)?;
        }
        Ok(stale.len())
    }

    /// The guests that are not what a build would make, each with its fingerprint.
    fn find_stale<'g>(&self, guests: &'g [Guest]) -> Result<Vec<(&'g Guest, String)>> {
        let mut stale = Vec::new();
        for guest in guests {
            let fingerprint = self.fingerprint(guest)?;
            if !self.store.is_fresh(&guest.name, &fingerprint) {
                stale.push((guest, fingerprint));
            }
        }
        Ok(stale)
    }

    fn fingerprint(&self, guest: &Guest) -> Result<String> {
        let fingerprint = Fingerprint::new();
        let guests = guests_directory(self.workspace);
        let fingerprint = match &guest.source {
            Source::Rust {
                workspace,
                directory,
            } => fingerprint
                .text("recipe", &self.recipe()?.fingerprint())
                .shared_files(workspace, &self.sources)?
                .directory(&self.workspace.root().join("wit"))?
                .directory(directory)?,
            // The file may include its neighbours.
            Source::Wat { file } => fingerprint
                .text("file", &guest.name)
                .directory(file.parent().unwrap_or(file))?
                .file(&guests.join("Cargo.lock"))?,
            Source::Generated(generated) => fingerprint.text("text", &generated.text()),
            Source::Script {
                language,
                directory,
            } => fingerprint
                .text("recipe", Script::fingerprint(*language))
                .directory(directory)?
                .file(&guests.join("Cargo.lock"))?,
        };
        Ok(fingerprint.finish())
    }

    /// Builds the guests in Rust, one workspace after the other.
    fn build_crates(&self, stale: &[(&Guest, String)]) -> Result<()> {
        let mut by_workspace: BTreeMap<&Path, Vec<&str>> = BTreeMap::new();
        for (guest, _) in stale {
            if let Source::Rust { workspace, .. } = &guest.source {
                by_workspace.entry(workspace).or_default().push(&guest.name);
            }
        }
        if !by_workspace.is_empty() {
            say(self.recipe()?.describe());
        }
        for (workspace, packages) in by_workspace {
            let components =
                rust::build(self.recipe()?, workspace, &packages, self.store.directory())?;
            for (guest, fingerprint) in stale {
                if let Some(component) = components.get(&guest.name) {
                    self.keep(guest, fingerprint, component)?;
                }
            }
        }
        Ok(())
    }

    /// Builds a guest that is not in Rust.
    fn build_other(&self, guest: &Guest, fingerprint: &str) -> Result<()> {
        let component = match &guest.source {
            Source::Rust { .. } => return Ok(()),
            Source::Wat { file } => wat::build(file, self.standard_wit()?)?,
            Source::Generated(generated) => wat::build_text(&generated.text())?,
            Source::Script {
                language,
                directory,
            } => {
                let script = Script {
                    language: *language,
                    directory,
                    tools: self.store.tools(&guest.name),
                    standard_wit: self.standard_wit()?,
                };
                script.build()?
            }
        };
        self.keep(guest, fingerprint, &component)
    }

    fn keep(&self, guest: &Guest, fingerprint: &str, component: &[u8]) -> Result<()> {
        self.store.save(&guest.name, fingerprint, component)?;
        say(format_args!(
            "built {} ({} kB)",
            guest.name,
            component.len().div_ceil(1000)
        ));
        Ok(())
    }

    fn recipe(&self) -> Result<&Recipe> {
        match self.recipe.get() {
            Some(recipe) => Ok(recipe),
            None => {
                let recipe = Recipe::ensure()?;
                Ok(self.recipe.get_or_init(|| recipe))
            }
        }
    }

    fn standard_wit(&self) -> Result<&Path> {
        match self.standard_wit.get() {
            Some(directory) => Ok(directory),
            None => {
                let directory = find_standard_wit(&guests_directory(self.workspace))?;
                Ok(self.standard_wit.get_or_init(|| directory))
            }
        }
    }
}

/// The directories that components have for themselves.
fn source_directories(guests: &[Guest]) -> Vec<PathBuf> {
    guests
        .iter()
        .filter_map(|guest| match &guest.source {
            Source::Rust { directory, .. } | Source::Script { directory, .. } => {
                Some(directory.clone())
            }
            Source::Wat { file } => file.parent().map(Path::to_owned),
            Source::Generated(_) => None,
        })
        .collect()
}
