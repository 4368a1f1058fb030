//! Guests in Rust: one cargo for each workspace, so that each dependency is built once.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::encode::encode_component;
use super::recipe::Recipe;

/// Builds some crates of a workspace, and returns each with its component.
pub(crate) fn build(
    recipe: &Recipe,
    workspace: &Path,
    packages: &[&str],
    target: &Path,
) -> Result<BTreeMap<String, Vec<u8>>> {
    let messages = recipe
        .build(workspace, packages, target)
        .read_while_shown()
        .with_context(|| format!("cannot build the guests of {}", workspace.display()))?;
    let mut components = BTreeMap::new();
    for &package in packages {
        let file = find_artifact(&messages, package)
            .with_context(|| format!("cargo did not say where `{package}` is"))?;
        let bytes = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let component = encode_component(bytes)
            .with_context(|| format!("cannot make a component of `{package}`"))?;
        components.insert(package.to_owned(), component);
    }
    Ok(components)
}

/// The file that cargo made of a package, from its messages: one JSON object a line.
fn find_artifact(messages: &str, package: &str) -> Option<PathBuf> {
    // Cargo calls the library of `a-b` `a_b`, or keeps the name, depending on its version.
    let library = package.replace('-', "_");
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact")
        .filter(|message| {
            let target = &message["target"];
            let name = target["name"].as_str().map(|name| name.replace('-', "_"));
            let kinds = target["crate_types"]
                .as_array()
                .map_or(&[][..], Vec::as_slice);
            name.as_ref() == Some(&library) && kinds.iter().any(|kind| kind == "cdylib")
        })
        .find_map(|message| {
            let files = message["filenames"].as_array()?;
            let mut files = files.iter().filter_map(Value::as_str);
            files
                .find(|file| file.ends_with(".wasm"))
                .map(PathBuf::from)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGES: &str = r#"{"reason":"compiler-artifact","target":{"name":"face","crate_types":["lib"]},"filenames":["/t/libface.rlib"]}
{"reason":"compiler-artifact","target":{"name":"hello_http","crate_types":["cdylib"]},"filenames":["/t/hello_http.wasm"]}
{"reason":"compiler-artifact","target":{"name":"hello_http_p3","crate_types":["cdylib"]},"filenames":["/t/hello_http_p3.wasm"]}
{"reason":"build-finished","success":true}"#;

    #[test]
    fn the_artifact_of_a_package_is_the_module_that_cargo_names() {
        let find = |package| find_artifact(MESSAGES, package);
        assert_eq!(find("hello-http"), Some("/t/hello_http.wasm".into()));
        assert_eq!(find("hello-http-p3"), Some("/t/hello_http_p3.wasm".into()));
        assert_eq!(find("face"), None);
        assert_eq!(find("hello"), None);
    }
}
