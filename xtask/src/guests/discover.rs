//! Finds the components of the project: what there is to build is what lies in the directories.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::workspace::{Workspace, read_metadata};

use super::generated::Generated;

/// A component that can be built.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Guest {
    /// Its name, unique in the project.
    pub(crate) name: String,
    /// What it is built from.
    pub(crate) source: Source,
    /// Where a copy goes, for manifests to name it; only components of examples have one.
    pub(crate) copy: Option<PathBuf>,
}

/// What a component is built from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Source {
    /// A crate of a Cargo workspace.
    Rust {
        /// The directory of the workspace.
        workspace: PathBuf,
        /// The directory of the crate.
        directory: PathBuf,
    },
    /// A file in the text format of WebAssembly.
    Wat {
        /// The file.
        file: PathBuf,
    },
    /// Text that this program makes, where writing it by hand would be absurd.
    Generated(Generated),
    /// A directory with `app.js` or `app.py`, and a world in `wit/`.
    Script {
        /// The language.
        language: Language,
        /// The directory.
        directory: PathBuf,
    },
}

/// A language whose programs become components together with their interpreter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Language {
    JavaScript,
    Python,
}

/// Where the test components are.
pub(crate) fn guests_directory(workspace: &Workspace) -> PathBuf {
    workspace.root().join("guests")
}

/// All components, in the order of their names.
pub(crate) fn discover(workspace: &Workspace) -> Result<Vec<Guest>> {
    let guests = guests_directory(workspace);
    let mut found = find_crates(&guests, None)?;
    for example in subdirectories(&workspace.root().join("examples"))? {
        if example.join("Cargo.toml").is_file() {
            found.extend(find_crates(&example, Some(&example.join("build")))?);
        }
    }
    found.extend(find_wat(&guests.join("wat"))?);
    found.extend(Generated::ALL.map(|generated| Guest {
        name: generated.name().to_owned(),
        source: Source::Generated(generated),
        copy: None,
    }));
    found.extend(find_scripts(&guests)?);
    found.sort_by(|left, right| left.name.cmp(&right.name));
    if let Some(pair) = found.windows(2).find(|pair| pair[0].name == pair[1].name) {
        bail!("two guests are called `{}`", pair[0].name);
    }
    Ok(found)
}

// ===== impl Language =====

impl Language {
    const ALL: [Self; 2] = [Self::JavaScript, Self::Python];

    /// The file that a program of the language begins with.
    pub(crate) fn main_file(self) -> &'static str {
        match self {
            Self::JavaScript => "app.js",
            Self::Python => "app.py",
        }
    }
}

/// The crates of a workspace that are components: those that make a `cdylib`.
fn find_crates(workspace: &Path, copies: Option<&Path>) -> Result<Vec<Guest>> {
    let metadata = read_metadata(&workspace.join("Cargo.toml"))?;
    let packages = metadata["packages"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let mut found = Vec::new();
    for package in packages.iter().filter(|package| makes_component(package)) {
        let name = package["name"]
            .as_str()
            .context("a package without a name")?;
        let manifest = package["manifest_path"]
            .as_str()
            .context("a package without a manifest")?;
        let directory = Path::new(manifest)
            .parent()
            .context("a manifest without a directory")?;
        let short_name = directory.file_name().context("a crate at the root")?;
        found.push(Guest {
            name: name.to_owned(),
            source: Source::Rust {
                workspace: workspace.to_owned(),
                directory: directory.to_owned(),
            },
            copy: copies.map(|copies| copies.join(short_name).with_extension("wasm")),
        });
    }
    Ok(found)
}

fn makes_component(package: &Value) -> bool {
    let targets = package["targets"].as_array().map_or(&[][..], Vec::as_slice);
    targets.iter().any(|target| {
        let kinds = target["crate_types"]
            .as_array()
            .map_or(&[][..], Vec::as_slice);
        kinds.iter().any(|kind| kind == "cdylib")
    })
}

fn find_wat(directory: &Path) -> Result<Vec<Guest>> {
    let files = entries(directory)?.into_iter();
    Ok(files
        .filter(|file| file.extension().is_some_and(|extension| extension == "wat"))
        .filter_map(|file| {
            Some(Guest {
                name: file.file_stem()?.to_str()?.to_owned(),
                source: Source::Wat { file },
                copy: None,
            })
        })
        .collect())
}

fn find_scripts(guests: &Path) -> Result<Vec<Guest>> {
    let mut found = Vec::new();
    for directory in subdirectories(guests)? {
        for language in Language::ALL {
            if !directory.join(language.main_file()).is_file() {
                continue;
            }
            let name = directory.file_name().and_then(|name| name.to_str());
            found.push(Guest {
                name: name
                    .context("a directory whose name is not UTF-8")?
                    .to_owned(),
                source: Source::Script {
                    language,
                    directory: directory.clone(),
                },
                copy: None,
            });
        }
    }
    Ok(found)
}

fn subdirectories(directory: &Path) -> Result<Vec<PathBuf>> {
    Ok(entries(directory)?
        .into_iter()
        .filter(|entry| entry.is_dir())
        .collect())
}

/// What is in a directory; nothing when it does not exist.
fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    if !directory.exists() {
        return Ok(Vec::new());
    }
    let unreadable = || format!("cannot read {}", directory.display());
    fs::read_dir(directory)
        .with_context(unreadable)?
        .map(|entry| entry.map(|entry| entry.path()).with_context(unreadable))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guests() -> Vec<Guest> {
        discover(&Workspace::find().unwrap()).unwrap()
    }

    #[test]
    fn components_of_every_kind_are_found_and_nothing_else() {
        let guests = guests();
        let find = |name: &str| guests.iter().find(|guest| guest.name == name);
        let source = |name: &str| &find(name).unwrap().source;
        assert!(matches!(source("hello-http"), Source::Rust { .. }));
        assert!(matches!(source("table-bomb"), Source::Wat { .. }));
        assert!(matches!(source("many-instances"), Source::Generated(_)));
        assert!(matches!(
            source("js-hello"),
            Source::Script {
                language: Language::JavaScript,
                ..
            }
        ));
        assert!(matches!(
            source("py-hello"),
            Source::Script {
                language: Language::Python,
                ..
            }
        ));
        assert_eq!(find("face"), None, "a library is no component");
    }

    #[test]
    fn every_component_is_documented() {
        let document = Workspace::find().unwrap().root().join("docs/guests.md");
        let document = fs::read_to_string(document).unwrap();
        for guest in guests() {
            let name = format!("`{}`", guest.name);
            assert!(
                document.contains(&name),
                "docs/guests.md does not mention {name}"
            );
        }
    }

    #[test]
    fn the_manifest_of_an_example_names_the_copies_of_its_components() {
        let example = Workspace::find().unwrap().root().join("examples/guestbook");
        let manifest = fs::read_to_string(example.join("weft.yaml")).unwrap();
        let named: Vec<PathBuf> = manifest
            .lines()
            .filter_map(|line| line.trim().strip_prefix("image: file://"))
            .map(|path| example.join(path))
            .collect();
        let copies: Vec<PathBuf> = guests()
            .into_iter()
            .filter_map(|guest| guest.copy)
            .collect();
        assert_eq!(named.len(), 3);
        for path in &named {
            assert!(copies.contains(path), "{} is not built", path.display());
        }
    }
}
