//! Settings of those who operate hosts: NATS elsewhere, the environment of a wasmCloud 1.9 host, pages about the process.

use rustix::process::Signal;
use serde_json::Value;

use crate::guests::GuestBook;
use crate::home::Home;
use crate::http::{Open, free_port, get, wait_for_page};
use crate::nats::Server;
use crate::running::Up;
use crate::wait::wait_until;

/// The seed of a host's key, and the id that it makes.
const SEED: &str = "SNAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H2D5U";

/// A NATS server of Weft alone, with pages that tell who is connected.
struct Watched {
    up: Up,
    _home: Home,
}

// ===== impl Watched =====

impl Watched {
    fn start() -> Self {
        let home = Home::new();
        let arguments = [
            "--role=broker",
            "--listen=127.0.0.1:0",
            "--monitor=127.0.0.1:0",
        ];
        let up = Up::spawn(&home, &arguments).ready();
        Self { up, _home: home }
    }

    fn url(&self) -> String {
        self.up.run_file()["nats_url"].as_str().unwrap().to_owned()
    }

    fn port(&self) -> String {
        self.url().rsplit_once(':').unwrap().1.to_owned()
    }

    /// The names of the clients that are connected, in their order.
    fn clients(&self) -> Vec<String> {
        let monitor = self.up.run_file()["monitor"].as_str().unwrap().to_owned();
        let port = monitor.rsplit_once(':').unwrap().1.parse().unwrap();
        let (status, page) = get(port, "/connz").unwrap();
        assert_eq!(status, 200, "{page}");
        let page: Value = serde_json::from_str(&page).unwrap();
        let connections = page["connections"].as_array().unwrap();
        let mut names: Vec<String> = connections
            .iter()
            .map(|one| one["name"].as_str().unwrap_or_default().to_owned())
            .filter(|name| name.starts_with("weft-host"))
            .collect();
        names.sort();
        names
    }
}

fn status(port: u16, path: &str) -> Result<(u16, String), String> {
    get(port, path).map_err(|error| error.to_string())
}

/// Waits until `/readyz` answers so.
fn wait_for_ready(port: u16, expected: u16) {
    wait_until(&format!("{expected} of /readyz"), || {
        match status(port, "/readyz") {
            Ok((status, body)) if status == expected => Ok(body),
            other => Err(other),
        }
    });
}

#[test]
fn calls_have_a_connection_of_their_own() {
    let servers = Watched::start();
    let home = Home::new();
    let url = format!("--nats-url={}", servers.url());
    let up = Up::spawn(&home, &[&url, "--http=127.0.0.1:0"]).ready();
    assert_eq!(servers.clients(), ["weft-host", "weft-host-rpc"]);
    drop(up);

    // Also with servers of their own, of which hosts tell.
    let calls = Watched::start();
    let rpc = format!("--rpc-nats-url={}", calls.url());
    let _up = Up::spawn(&home, &[&url, &rpc, "--http=127.0.0.1:0"]).ready();
    assert_eq!(calls.clients(), ["weft-host-rpc"]);
    wait_until("the first host to be gone", || match servers.clients() {
        clients if clients == ["weft-host"] => Ok(()),
        clients => Err(clients),
    });
}

#[test]
fn the_environment_of_a_1_9_host_carries_over() {
    let servers = Watched::start();
    let calls = Watched::start();
    let home = Home::new();
    let admin = free_port();
    let variables = [
        ("WASMCLOUD_NATS_HOST", "127.0.0.1".to_owned()),
        ("WASMCLOUD_NATS_PORT", servers.port()),
        ("WASMCLOUD_RPC_PORT", calls.port()),
        ("WASMCLOUD_LATTICE", "edge".to_owned()),
        ("WASMCLOUD_HOST_SEED", SEED.to_owned()),
        ("WASMCLOUD_LABEL_zone", "east".to_owned()),
        ("WASMCLOUD_HEARTBEAT_INTERVAL", "1".to_owned()),
        ("WASMCLOUD_HTTP_ADMIN", format!("127.0.0.1:{admin}")),
        ("WASMCLOUD_SECRETS_TOPIC", "acme.secrets".to_owned()),
        ("WASMCLOUD_OBSERVABILITY_ENABLED", "true".to_owned()),
    ];
    let home = home.with_variables(&variables);
    let mut up = Up::spawn(&home, &["--http=127.0.0.1:0"]).ready();
    up.wait_for("`WASMCLOUD_SECRETS_TOPIC` has no effect: ");
    up.wait_for("`WASMCLOUD_OBSERVABILITY_ENABLED` has no effect: ");
    assert_eq!(servers.clients(), ["weft-host"]);
    assert_eq!(calls.clients(), ["weft-host-rpc"]);
    wait_for_ready(admin, 200);

    // Other commands find the lattice by the same variables.
    let hosts = home.json(&["get", "hosts"]);
    let host = &hosts["hosts"][0];
    assert_eq!(host["labels"]["zone"], "east", "{hosts}");
    assert_eq!(up.run_file()["lattice"], "edge");
    let id = up.run_file()["host_id"].as_str().unwrap().to_owned();
    assert_eq!(host["id"], id.as_str(), "{hosts}");
    assert!(!up.messages().contains(SEED), "{}", up.messages());

    // The id is that of the seed, wherever the host keeps its data.
    drop(up);
    let other = Home::new();
    let seed = other.write("host.nk", format!("{SEED}\n"));
    let up = Up::start(&other, &["--host-seed-file", &seed]);
    assert_eq!(up.run_file()["host_id"], id.as_str());
}

#[test]
fn a_safeguard_that_would_not_be_there_keeps_it_from_starting() {
    let home = Home::new().with_variables(&[
        ("WASMCLOUD_POLICY_TOPIC", "acme.policy".to_owned()),
        ("WASMCLOUD_NATS_SEED", "SUASECRET".to_owned()),
    ]);
    let ran = home.run(&["up", "--listen=127.0.0.1:0", "--http=127.0.0.1:0"]);
    let ran = ran.exits(2).says(&[
        "`WASMCLOUD_POLICY_TOPIC` asks for a policy service, which this host does not have",
        "`WASMCLOUD_NATS_SEED` needs `WASMCLOUD_NATS_JWT`",
        "code: CLI012",
    ]);
    assert!(!ran.messages.contains("SUASECRET"), "{ran:?}");
    assert_eq!(home.run_file(), None);
}

#[test]
fn it_is_ready_while_nats_can_be_reached() {
    let home = Home::new();
    let (port, admin) = (free_port(), free_port());
    let url = format!("--nats-url=nats://127.0.0.1:{port}");
    let pages = format!("--http-admin=127.0.0.1:{admin}");
    let mut up = Up::spawn(&home, &[&url, &pages, "--http=127.0.0.1:0"]);
    up.wait_for("trying again until it can be reached");
    assert_eq!(status(admin, "/livez").unwrap().0, 200);
    let failure = (500, r#"{"status":"failure"}"#.to_owned());
    assert_eq!(status(admin, "/readyz").unwrap(), failure);
    let Some(server) = Server::start_at(port).unwrap() else {
        return;
    };
    let _up = up.ready();
    wait_for_ready(admin, 200);
    // One that asks slowly is in nobody's way.
    let _slow: Vec<_> = (0..8)
        .map(|_| std::net::TcpStream::connect(("127.0.0.1", admin)).unwrap())
        .collect();
    let ok = (200, r#"{"status":"ok"}"#.to_owned());
    assert_eq!(status(admin, "/readyz").unwrap(), ok);
    drop(server);
    wait_for_ready(admin, 500);
    assert_eq!(status(admin, "/livez").unwrap().0, 200);
    let _server = Server::start_at(port).unwrap();
    wait_for_ready(admin, 200);
}

#[test]
fn it_is_not_ready_once_it_stops() {
    let home = Home::new();
    let book = GuestBook::copy_to(&home);
    let pages = ["--http-admin=127.0.0.1:0", &book.manifest];
    let mut up = Up::start(&home, &pages);
    let admin = up.run_file()["http_admin"].as_str().unwrap().to_owned();
    let admin: u16 = admin.rsplit_once(':').unwrap().1.parse().unwrap();
    wait_for_page(book.stream_port, "/?n=1&pause=1", "");
    wait_for_ready(admin, 200);
    let open = Open::begin(book.stream_port, "/?n=10&pause=300").unwrap();
    up.signal(Signal::TERM);
    // What is under way goes on, and nothing new is to come.
    wait_for_ready(admin, 500);
    assert_eq!(status(admin, "/livez").unwrap().0, 200);
    assert_eq!(open.finish().unwrap().0, 200);
    assert_eq!(up.ended(), Some(0), "{}", up.messages());
}
