//! `cargo xtask bench`: how fast Weft is on this machine, against a measure that runs beside it.

mod broker;
mod http;
mod latency;
mod manifest;
mod rpc;
mod servers;
mod statistics;
mod wrk;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Subcommand;

use crate::guests::{self, Selection};
use crate::process::{Process, cargo};
use crate::terminal::{data, say};
use crate::workspace::Workspace;

/// Measures how fast Weft is on this machine.
///
/// Figures of one run compare with each other and with no other run: machines and their moods differ. What Weft is
/// measured against therefore runs in the same run, in turn.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Subcommand)]
enum Bench {
    Broker(broker::Arguments),
    Http(HttpArguments),
    Rpc(RpcArguments),
}

/// Answers per second with a fresh instance for each, start-up and deployment.
///
/// Weft is measured against bare hyper, and against `wasmtime serve` where there is a `wasmtime` on the PATH.
#[derive(clap::Args)]
struct HttpArguments {
    /// How often each server has its turn.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Seconds of each turn.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Connections that are open at once.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    connections: u32,
    /// How often start-up and deployment are timed.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    starts: u32,
    /// How results are printed.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
}

/// Calls between two hosts over a nats-server of their own, in the single-message form and that of 1.9, and streams.
///
/// They are measured against plain NATS requests and publishes of the same payload over the same server.
#[derive(clap::Args)]
struct RpcArguments {
    /// How often each form has its turn.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Seconds of each turn.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Calls that run at once.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    concurrency: u32,
    /// Bytes of the parameter, which comes back as the result.
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(0..=500_000))]
    payload: u32,
    /// Leaves out calls from component to component, which take a build of the engine.
    #[arg(long)]
    no_components: bool,
    /// How results are printed.
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
}

#[derive(Clone, Copy, Default, clap::ValueEnum)]
enum Output {
    /// For people.
    #[default]
    Table,
    /// One object of JSON.
    Json,
}

/// What is measured.
struct Built {
    weft: PathBuf,
    bare_hyper: PathBuf,
    /// The component that every server answers with.
    component: PathBuf,
    /// The bench's own directory, empty.
    directory: PathBuf,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    match &arguments.bench {
        Bench::Broker(arguments) => broker::run(workspace, arguments),
        Bench::Http(arguments) => run_http(workspace, arguments),
        Bench::Rpc(arguments) => run_rpc(workspace, arguments),
    }
}

fn run_rpc(workspace: &Workspace, arguments: &RpcArguments) -> Result<()> {
    let plan = rpc::Plan {
        rounds: arguments.rounds,
        turn: Duration::from_secs(arguments.seconds),
        concurrency: arguments.concurrency,
        payload: arguments.payload,
        has_components: !arguments.no_components,
    };
    let calls = rpc::measure(workspace, &plan)?;
    match arguments.output {
        Output::Table => data(&calls),
        Output::Json => data(calls.to_json()),
    }
    Ok(())
}

fn run_http(workspace: &Workspace, arguments: &HttpArguments) -> Result<()> {
    wrk::ensure_installed()?;
    let built = build(workspace)?;
    let turn = Duration::from_secs(arguments.seconds);
    let throughput = http::measure(&built, arguments.rounds, turn, arguments.connections)?;
    let latency = latency::measure(&built, arguments.starts)?;
    match arguments.output {
        Output::Table => {
            data(&throughput);
            data(&latency);
        }
        Output::Json => data(serde_json::json!({
            "http": throughput.to_json(),
            "latency": latency.to_json(),
        })),
    }
    Ok(())
}

fn build(workspace: &Workspace) -> Result<Built> {
    let component = "hello-http";
    let selection = Selection {
        only: [component.to_owned()].into(),
        ..Selection::default()
    };
    guests::build(workspace, &selection)?;
    say("building what is measured, as it is shipped");
    // In one go, so that both are built on one set of features.
    Process::new(cargo())
        .args(["build", "--release", "--workspace"])
        .args(["--bin", "weft", "--example", "bare_hyper"])
        .directory(workspace.root())
        .run()?;
    let directory = workspace.target().join("bench");
    if directory.exists() {
        fs::remove_dir_all(&directory)?;
    }
    fs::create_dir_all(&directory)
        .with_context(|| format!("cannot create {}", directory.display()))?;
    let release = workspace.target().join("release");
    Ok(Built {
        weft: release.join("weft"),
        bare_hyper: release.join("examples/bare_hyper"),
        component: workspace
            .target()
            .join(format!("guests/components/{component}.wasm")),
        directory,
    })
}
