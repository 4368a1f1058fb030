//! The servers that are measured, each in a process of its own.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::{Built, manifest};
use crate::http::Client;
use crate::node::Node;
use crate::process::find_program;

/// How long a server may take until it answers.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that answers; stopped when dropped.
pub(super) struct Server {
    pub(super) name: &'static str,
    pub(super) url: String,
    _process: Running,
}

/// What is stopped when it is dropped.
#[expect(dead_code, reason = "held for its drop")]
enum Running {
    Child(Killed),
    Node(Node),
}

/// A child that is killed when dropped.
pub(super) struct Killed(pub(super) Child);

/// Starts all servers that there are; the first is the measure.
pub(super) fn start(built: &Built) -> Result<Vec<Server>> {
    let mut servers = vec![start_bare_hyper(built)?, start_weft(built)?];
    if let Some(wasmtime) = find_program("wasmtime") {
        let mut command = Command::new(wasmtime);
        command.args(["serve", "-S", "cli", "--addr"]);
        let address = free_address()?;
        command.arg(address.to_string()).arg(&built.component);
        servers.push(start_child("wasmtime serve", command, address, built)?);
    }
    Ok(servers)
}

/// An address that nobody listens on.
pub(super) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn start_bare_hyper(built: &Built) -> Result<Server> {
    let address = free_address()?;
    let mut command = Command::new(&built.bare_hyper);
    command.arg(address.to_string());
    start_child("bare hyper", command, address, built)
}

fn start_weft(built: &Built) -> Result<Server> {
    let address = free_address()?;
    let manifest = manifest::write(&built.directory, &built.component, address)?;
    let log = built.directory.join("weft.log");
    let node = Node::start(&built.weft, &built.directory.join("weft"), &log)?;
    node.deploy(&manifest)?;
    answering("weft, fresh instances", address, Running::Node(node))
}

fn start_child(
    name: &'static str,
    mut command: Command,
    address: SocketAddr,
    built: &Built,
) -> Result<Server> {
    let log = File::options()
        .create(true)
        .append(true)
        .open(built.directory.join("servers.log"))?;
    let child = command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .with_context(|| format!("cannot run {name}"))?;
    answering(name, address, Running::Child(Killed(child)))
}

fn answering(name: &'static str, address: SocketAddr, process: Running) -> Result<Server> {
    let url = format!("http://{address}/");
    Client::new().wait_for(&url, PATIENCE, |answer| answer.status == 200)?;
    Ok(Server {
        name,
        url,
        _process: process,
    })
}

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone after this.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
