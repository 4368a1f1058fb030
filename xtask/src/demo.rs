//! `cargo xtask demo`: a lattice on this machine with the guest book on it; `--check` lets the demo look at itself.

mod check;
mod load;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::guests::{self, Selection};
use crate::http;
use crate::node::Node;
use crate::process::{Process, cargo};
use crate::terminal::say;
use crate::workspace::Workspace;

/// The application of the demo, in the checkout.
const MANIFEST: &str = "examples/guestbook/weft.yaml";
/// Where its page is, as its manifest says.
const PAGE: &str = "http://127.0.0.1:8080/";
/// How long the page may take to answer for the first time.
const FIRST_ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Starts a lattice on this machine, deploys an application and says where it answers.
///
/// Installs what is missing and builds everything first. Ctrl-C stops it; the data stays for the next time.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Checks by itself that the demo does what it promises, then stops.
    #[arg(long)]
    check: bool,
}

/// What the demo runs.
struct Built {
    weft: PathBuf,
    /// The manifest and the components beside it.
    manifest: PathBuf,
    /// The demo's own directory, outside git.
    directory: PathBuf,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let built = build(workspace)?;
    if arguments.check {
        check::run(&built)
    } else {
        show(&built)
    }
}

fn build(workspace: &Workspace) -> Result<Built> {
    let selection = Selection {
        no_scripts: true,
        ..Selection::default()
    };
    guests::build(workspace, &selection)?;
    say("building weft");
    Process::new(cargo())
        // With the features of the whole workspace, as the tests are: nothing is built twice.
        .args(["build", "--workspace", "--bin", "weft"])
        .directory(workspace.root())
        .run()?;
    Ok(Built {
        weft: workspace.target().join("debug/weft"),
        manifest: workspace.root().join(MANIFEST),
        directory: workspace.target().join("demo"),
    })
}

/// Runs the demo until somebody ends it.
fn show(built: &Built) -> Result<()> {
    let mut node = Node::start_shown(&built.weft, &built.directory.join("data"), &built.manifest)?;
    // Seldom: what asks before all parts run is told of as failed, on the screen that is to be looked at.
    let client = http::Client::new().asking_every(Duration::from_millis(250));
    match client.wait_for(PAGE, FIRST_ANSWER_TIMEOUT, |answer| answer.status == 200) {
        Ok(_) => say(format_args!(
            "\nThe guest book answers at {PAGE}\n\
             Try:  curl {PAGE}hit\n\
             Then: change the greeting in {MANIFEST} and run `{} app deploy {MANIFEST}`\n\
             Ctrl-C stops the demo; its data stays in {}\n",
            built.weft.display(),
            built.directory.display(),
        )),
        Err(error) => {
            node.kill();
            return Err(error.context("the demo did not come up"));
        }
    }
    let status = node.wait()?;
    // 130 and none: Ctrl-C came to us and to it.
    match status.code() {
        Some(0 | 130) | None => Ok(()),
        Some(code) => bail!("`weft up` ended with status {code}"),
    }
}
