//! `cargo xtask guests`: builds the components of `guests/` and `examples/`, those that changed.

mod build;
mod discover;
mod encode;
pub(crate) mod fingerprint;
mod generated;
mod recipe;
mod rust;
mod script;
mod store;
mod wat;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, bail};
use clap::ValueEnum;
use serde_json::json;

use crate::terminal::{data, say};
use crate::workspace::Workspace;

use self::build::Build;
use self::discover::{Guest, Source, discover};
use self::store::Store;

/// Build the components of `guests/` and `examples/`, those that changed
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Show what there is and where it goes, without building
    #[arg(long)]
    list: bool,
    /// Build only this guest; may be given several times
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Leave out JavaScript and Python, whose tools are large downloads
    #[arg(long)]
    no_scripts: bool,
    /// How to print where the components are
    #[arg(long, short, value_enum, default_value_t = Format::Text)]
    output: Format,
}

#[derive(Clone, Copy, Eq, PartialEq, ValueEnum)]
enum Format {
    /// Progress for people, on stderr
    Text,
    /// One JSON object on stdout: `components` (name to path) and `skipped` (names)
    Json,
}

/// Which guests to build.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    /// Only these; all when empty.
    pub(crate) only: BTreeSet<String>,
    /// Leaves out guests whose tools are large downloads.
    pub(crate) no_scripts: bool,
}

/// What a build made, or found made already.
#[derive(Debug, Default)]
pub(crate) struct Built {
    /// Each component by the name of its guest.
    pub(crate) components: BTreeMap<String, PathBuf>,
    /// The guests that were left out as the selection asked.
    pub(crate) skipped: Vec<String>,
}

/// Runs the subcommand.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let selection = Selection {
        only: arguments.only.iter().cloned().collect(),
        no_scripts: arguments.no_scripts,
    };
    let built = if arguments.list {
        list(workspace, &selection)?
    } else {
        build(workspace, &selection)?
    };
    match arguments.output {
        Format::Json => data(json!({ "components": built.components, "skipped": built.skipped })),
        Format::Text if arguments.list => {
            for (name, path) in &built.components {
                data(format_args!("{name}\t{}", path.display()));
            }
        }
        Format::Text => {}
    }
    Ok(())
}

/// Builds what is selected and changed, installing what that needs. Says on stderr what it does.
pub(crate) fn build(workspace: &Workspace, selection: &Selection) -> Result<Built> {
    let started = Instant::now();
    let everything = discover(workspace)?;
    let build = Build::new(workspace, &everything)?;
    let (guests, skipped) = select(everything, selection)?;
    let store = build.store();
    let _lock = store.lock()?;
    let built = build.build_stale(&guests)?;
    for guest in &guests {
        if let Some(copy) = &guest.copy {
            store.copy(&guest.name, copy)?;
        }
    }
    if !skipped.is_empty() {
        say(format_args!("skipped {}: --no-scripts", skipped.join(", ")));
    }
    say(format_args!(
        "guests: {} built, {} unchanged, in {:.1} s; components are in {}",
        built,
        guests.len() - built,
        started.elapsed().as_secs_f64(),
        store.directory().join("components").display()
    ));
    Ok(Built {
        components: paths(store, &guests),
        skipped,
    })
}

/// What [`build`] would answer, whether or not it is built.
fn list(workspace: &Workspace, selection: &Selection) -> Result<Built> {
    let (guests, skipped) = select(discover(workspace)?, selection)?;
    let store = Store::open(workspace.target().join("guests"))?;
    Ok(Built {
        components: paths(&store, &guests),
        skipped,
    })
}

fn paths(store: &Store, guests: &[Guest]) -> BTreeMap<String, PathBuf> {
    guests
        .iter()
        .map(|guest| (guest.name.clone(), store.component(&guest.name)))
        .collect()
}

/// The guests to build, and the names of those that the selection leaves out for their tools.
fn select(found: Vec<Guest>, selection: &Selection) -> Result<(Vec<Guest>, Vec<String>)> {
    let known: BTreeSet<&str> = found.iter().map(|guest| guest.name.as_str()).collect();
    if let Some(unknown) = selection
        .only
        .iter()
        .find(|name| !known.contains(name.as_str()))
    {
        let known: Vec<&str> = known.into_iter().collect();
        bail!(
            "there is no guest `{unknown}`; there are {}",
            known.join(", ")
        );
    }
    let (skipped, selected): (Vec<Guest>, Vec<Guest>) = found
        .into_iter()
        .filter(|guest| selection.only.is_empty() || selection.only.contains(&guest.name))
        .partition(|guest| selection.no_scripts && matches!(guest.source, Source::Script { .. }));
    let skipped = skipped.into_iter().map(|guest| guest.name).collect();
    Ok((selected, skipped))
}

#[cfg(test)]
mod tests {
    use super::discover::Language;
    use super::*;

    fn guest(name: &str, is_script: bool) -> Guest {
        let directory = PathBuf::from(name);
        let source = if is_script {
            Source::Script {
                language: Language::Python,
                directory,
            }
        } else {
            Source::Wat { file: directory }
        };
        Guest {
            name: name.to_owned(),
            source,
            copy: None,
        }
    }

    fn check(only: &[&str], no_scripts: bool, selected: &[&str], skipped: &[&str]) {
        let found = vec![guest("a", false), guest("b", false), guest("py", true)];
        let only = only.iter().map(|&name| name.to_owned()).collect();
        let selection = Selection { only, no_scripts };
        let (guests, left_out) = select(found, &selection).unwrap();
        let names: Vec<&str> = guests.iter().map(|guest| guest.name.as_str()).collect();
        assert_eq!(names, selected);
        assert_eq!(left_out, skipped);
    }

    #[test]
    fn all_guests_are_built_unless_some_are_named() {
        check(&[], false, &["a", "b", "py"], &[]);
        check(&["b"], false, &["b"], &[]);
    }

    #[test]
    fn scripts_that_are_left_out_are_told() {
        check(&[], true, &["a", "b"], &["py"]);
        check(&["a"], true, &["a"], &[]);
    }

    #[test]
    fn a_name_that_is_unknown_is_an_error_with_the_known_ones() {
        let selection = Selection {
            only: ["x".to_owned()].into(),
            no_scripts: false,
        };
        let error = select(vec![guest("a", false)], &selection).unwrap_err();
        assert_eq!(error.to_string(), "there is no guest `x`; there are a");
    }
}
