//! Which crate may use which.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::Finding;
use crate::workspace::{Workspace, read_metadata};

/// The name of each crate's directory, and the crates it may use beside what those may use in turn. A crate that is not
/// here may not exist.
const MAY_USE: [(&str, &[&str]); 19] = [
    ("model", &[]),
    ("manifest", &["model"]),
    ("protocol", &["model"]),
    ("planner", &["model"]),
    ("broker", &[]),
    ("runtime", &[]),
    ("lattice", &["protocol"]),
    ("wrpc", &["protocol"]),
    ("artifact", &["model"]),
    ("engine", &["model"]),
    ("capabilities", &["engine", "wrpc"]),
    ("provider", &["lattice", "wrpc"]),
    (
        "host",
        &["lattice", "wrpc", "artifact", "engine", "capabilities"],
    ),
    ("manager", &["manifest", "planner", "lattice"]),
    ("node", &["host", "manager", "broker"]),
    ("cli", &["lattice", "manifest", "wrpc", "artifact", "node"]),
    ("weft", &["node", "cli"]),
    ("testkit", &["node", "provider"]),
    ("xtask", &[]),
];
/// Crates that know no clock, socket, file or task.
pub(super) const PURE: [&str; 4] = ["model", "manifest", "protocol", "planner"];
/// Crates at the edge, where errors are only told to people.
const MAY_USE_ANYHOW: [&str; 4] = ["cli", "node", "xtask", "weft"];
/// Crates that nothing here uses: those that are run.
const ENDS: [&str; 3] = ["weft", "testkit", "xtask"];

/// A package of the workspace.
#[derive(Debug)]
pub(super) struct Package {
    /// The name of its directory.
    name: String,
    /// What it uses, of the workspace and others, with the tests' uses apart.
    uses: BTreeSet<String>,
    test_uses: BTreeSet<String>,
}

pub(super) fn read_packages(workspace: &Workspace) -> Result<Vec<Package>> {
    let metadata = read_metadata(&workspace.root().join("Cargo.toml"))?;
    let packages = metadata["packages"]
        .as_array()
        .context("`cargo metadata` lists no packages")?;
    packages.iter().map(read_package).collect()
}

fn read_package(package: &Value) -> Result<Package> {
    let name = package["name"]
        .as_str()
        .context("a package without a name")?;
    let mut read = Package {
        name: short(name).to_owned(),
        uses: BTreeSet::new(),
        test_uses: BTreeSet::new(),
    };
    for dependency in package["dependencies"].as_array().into_iter().flatten() {
        let name = dependency["name"]
            .as_str()
            .context("a dependency without a name")?;
        let uses = match dependency["kind"].as_str() {
            Some("dev") => &mut read.test_uses,
            _ => &mut read.uses,
        };
        uses.insert(name.to_owned());
    }
    Ok(read)
}

/// The name of a crate's directory.
fn short(package: &str) -> &str {
    package.strip_prefix("weft-").unwrap_or(package)
}

pub(super) fn check(packages: &[Package]) -> Vec<Finding> {
    let allowed = closures();
    let names: BTreeSet<&str> = packages
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    let mut findings = Vec::new();
    let mut used = BTreeSet::new();
    for package in packages {
        let mut report = |text: String| {
            findings.push(Finding::new(
                format!("crates/{}/Cargo.toml", package.name),
                text,
            ));
        };
        let Some(may_use) = allowed.get(package.name.as_str()) else {
            report(format!(
                "`{}` has no place in the plan of crates",
                package.name
            ));
            continue;
        };
        for (dependency, is_test) in package
            .uses
            .iter()
            .map(|name| (name, false))
            .chain(package.test_uses.iter().map(|name| (name, true)))
        {
            let dependency = short(dependency);
            if names.contains(dependency) {
                if !is_test {
                    used.insert(dependency.to_owned());
                }
                if !may_use.contains(dependency) {
                    report(format!("may not use `{dependency}`"));
                }
            }
            if dependency == "anyhow"
                && !is_test
                && !MAY_USE_ANYHOW.contains(&package.name.as_str())
            {
                report("may not use `anyhow`: its callers act on errors".to_owned());
            }
            if dependency.starts_with("wasmcloud") {
                report(format!("may not use `{dependency}`"));
            }
        }
    }
    for name in names {
        if !used.contains(name) && !ENDS.contains(&name) {
            findings.push(Finding::new(
                format!("crates/{name}"),
                "nothing uses this crate",
            ));
        }
    }
    findings
}

/// For each crate all that it may use.
fn closures() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let direct: BTreeMap<&str, &[&str]> = MAY_USE.into_iter().collect();
    direct
        .keys()
        .map(|&name| {
            let mut closure = BTreeSet::new();
            let mut open = vec![name];
            while let Some(next) = open.pop() {
                for &used in direct.get(next).copied().unwrap_or_default() {
                    if closure.insert(used) {
                        open.push(used);
                    }
                }
            }
            if !PURE.contains(&name) {
                closure.insert("runtime");
            }
            (name, closure)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, uses: &[&str]) -> Package {
        Package {
            name: name.to_owned(),
            uses: uses.iter().map(|&name| name.to_owned()).collect(),
            test_uses: BTreeSet::new(),
        }
    }

    #[test]
    fn an_edge_against_the_plan_is_found() {
        let packages = [
            package("model", &[]),
            package("planner", &["weft-model", "weft-lattice"]),
            package("lattice", &["weft-model", "weft-runtime", "anyhow"]),
            package("runtime", &[]),
            package("manager", &["weft-planner"]),
            package("odd", &[]),
        ];
        let texts: Vec<_> = check(&packages)
            .into_iter()
            .map(|finding| finding.text)
            .collect();
        assert_eq!(
            texts,
            [
                "may not use `lattice`",
                "may not use `anyhow`: its callers act on errors",
                "`odd` has no place in the plan of crates",
                "nothing uses this crate",
                "nothing uses this crate",
            ]
        );
    }

    #[test]
    fn pure_crates_may_not_even_use_the_runtime() {
        let allowed = closures();
        assert!(!allowed["planner"].contains("runtime"));
        assert!(allowed["host"].contains("runtime") && allowed["host"].contains("model"));
    }
}
