//! NATS that cannot be reached, and NATS that is elsewhere.

use std::io::Write;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::guests::hello;
use crate::home::Home;
use crate::http::{free_port, get, wait_for_page};
use crate::running::Up;
use crate::wait::wait_until;

/// A `nats-server`; killed when dropped.
pub(crate) struct Server {
    child: Child,
    port: u16,
    _store: TempDir,
}

// ===== impl Server =====

impl Server {
    /// A server with JetStream at a free port; `None`, with a word about it, where there is none on this machine.
    pub(crate) fn start() -> Option<Self> {
        // Another may take the port that was free a moment ago.
        (0..10)
            .find_map(|_| Self::start_at(free_port()).ok())
            .unwrap_or_else(|| panic!("`nats-server` does not start"))
    }

    /// As [`Self::start`], at `port`; an error when it does not start there.
    pub(crate) fn start_at(port: u16) -> Result<Option<Self>, ()> {
        let store = TempDir::new().unwrap();
        let child = Command::new("nats-server")
            .args(["-a", "127.0.0.1", "-p", &port.to_string(), "-js", "-sd"])
            .arg(store.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(child) = child else {
            // Past the test harness, which keeps what passing tests print to itself.
            let _ = writeln!(std::io::stderr(), "SKIPPED: there is no `nats-server`");
            return Ok(None);
        };
        let mut server = Self {
            child,
            port,
            _store: store,
        };
        let address = server.address();
        wait_until("the NATS server", || {
            if server.child.try_wait().unwrap().is_some() {
                return Ok(Err(()));
            }
            std::net::TcpStream::connect(&address).map(|_| Ok(()))
        })?;
        Ok(Some(server))
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://{}", self.address())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn commands_say_that_nobody_answers() {
    let home = Home::new();
    let manifest = hello(&home, "shop", free_port());
    let url = format!("nats://127.0.0.1:{}", free_port());
    for command in [
        &["get", "hosts"][..],
        &["get", "inventory"],
        &["get", "links"],
        &["get", "config"],
        &["app", "list"],
        &["app", "status", "shop"],
        &["app", "get", "shop"],
        &["app", "put", &manifest],
        &["app", "deploy", &manifest],
        &["app", "undeploy", "shop"],
        &["app", "delete", "shop", "--yes"],
    ] {
        let ran = home.run(&[command, &["--nats-url", &url]].concat());
        ran.exits(5).says(&[
            "error: ",
            &url["nats://".len()..],
            "hint: start a lattice on this machine with `weft up`",
            "hint: name another server with `--nats-url`",
            "code: NET001",
        ]);
    }
    // What needs no lattice asks none.
    home.succeed(&["app", "validate", &manifest, "--nats-url", &url]);
}

#[test]
fn a_lattice_without_a_manager_is_told() {
    let home = Home::new();
    let manifest = hello(&home, "shop", free_port());
    let _up = Up::spawn(&home, &["--listen", "127.0.0.1:0", "--role", "broker"]).ready();
    home.run(&["app", "deploy", &manifest]).exits(5).says(&[
        "no manager answers in lattice `default`",
        "hint: ",
        "code: CLI004",
    ]);
    home.run(&["get", "hosts", "--timeout", "1s"]).exits(0);
}

#[test]
fn up_waits_for_nats_and_down_stops_it_meanwhile() {
    let home = Home::new();
    let url = format!("nats://127.0.0.1:{}", free_port());
    let mut up = Up::spawn(&home, &["--nats-url", &url, "--http", "127.0.0.1:0"]);
    up.wait_for("trying again until it can be reached");
    assert_eq!(home.run_file(), None);
    home.succeed(&["down"]).says(&[&format!(
        "stopped process {}, which was not ready yet",
        up.pid()
    )]);
    assert_eq!(up.ended(), Some(0), "{}", up.messages());
    assert!(!home.data_dir().join("run.json").exists());
}

#[test]
fn up_does_not_wait_for_what_cannot_come() {
    let home = Home::new();
    let check = |arguments: &[&str], status, texts: &[&str]| {
        let up = ["up", "--http", "127.0.0.1:0"];
        for command in [&up[..], &["app", "list"]] {
            let ran = home.run(&[command, arguments].concat());
            ran.exits(status).says(texts);
        }
    };
    check(
        &["--nats-url", "http://127.0.0.1"],
        2,
        &["`http://127.0.0.1`", "hint: ", "code: NET003"],
    );
    check(
        &["--nats-url", "nats://127.0.0.1:1", "--creds", "nope.creds"],
        3,
        &["nope.creds", "hint: ", "code: NET005"],
    );
}

#[test]
fn up_joins_a_server_when_it_comes() {
    let home = Home::new();
    let port = free_port();
    let url = format!("nats://127.0.0.1:{port}");
    let site_port = free_port();
    let arguments = [
        "--nats-url",
        &url,
        "--role",
        "host,manager",
        "--http",
        "127.0.0.1:0",
    ];
    let mut up = Up::spawn(
        &home,
        &[&arguments[..], &["--allow-file-load=components"]].concat(),
    );
    up.wait_for("trying again until it can be reached");
    let Some(_server) = Server::start_at(port).unwrap() else {
        return;
    };
    up.wait_for("NATS can be reached now");
    let up = up.ready();
    assert_eq!(
        up.messages().matches("trying again").count(),
        1,
        "{}",
        up.messages()
    );
    let manifest = hello(&home, "shop", site_port);
    home.succeed(&["app", "deploy", &manifest]);
    wait_for_page(site_port, "/", "");
}

#[test]
fn what_runs_goes_on_while_nats_is_away() {
    let home = Home::new();
    let Some(server) = Server::start() else {
        return;
    };
    let (url, port) = (server.url(), free_port());
    let mut up = Up::spawn(
        &home,
        &[
            "--nats-url",
            &url,
            "--role=host,manager",
            "--http=127.0.0.1:0",
            "--allow-file-load=components",
            &hello(&home, "shop", port),
        ],
    )
    .ready();
    wait_for_page(port, "/", "");
    up.wait_for("application `shop`");
    drop(server);
    up.wait_for(&format!("connection `{url}`: disconnected"));
    assert_eq!(get(port, "/").unwrap().0, 200);
    home.run(&["app", "list"]).exits(5).says(&["code: NET001"]);
    assert_eq!(get(port, "/").unwrap().0, 200);
    home.succeed(&["down"]);
    assert_eq!(up.ended(), Some(0), "{}", up.messages());
    // Attempts to reach it again are no news.
    let messages = up.messages();
    assert!(
        messages.matches("NATS client reports").count() <= 4,
        "{messages}"
    );
}
