//! Commands that change what runs, without an application: from an empty host to a page, and back.

use std::fs::File;
use std::process::Child;

use serde_json::Value;

use crate::guests::{guest, hello};
use crate::home::Home;
use crate::http::{free_port, get, wait_for_page};
use crate::running::Up;
use crate::wait::wait_until;

/// A command that runs beside the test; killed when dropped.
struct Beside(Child);

impl Drop for Beside {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone after this.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_page_is_put_together_by_hand_and_taken_apart() {
    let home = Home::new();
    let up = Up::start(&home, &[]);
    let host = up.run_file()["host_name"].as_str().unwrap().to_owned();
    home.write("hello.wasm", guest("hello-http"));
    home.write("again.wasm", guest("hello-http"));
    let port = free_port();
    let address = format!("address=127.0.0.1:{port}");

    let started = home.json(&[
        "component",
        "start",
        "./hello.wasm",
        "hello",
        "--max-instances",
        "5",
    ]);
    assert_eq!(started["status"], "started", "{started}");
    assert_eq!(started["host_name"], host.as_str(), "{started}");
    home.succeed(&["config", "put", "http-address", &address])
        .says(&["put config `http-address` with 1 value, in "]);
    home.succeed(&[
        "provider",
        "start",
        "wasmcloud+builtin://http-server",
        "http",
    ])
    .says(&["started `http` on ", ", in "]);
    let link = ["link", "put", "http", "hello", "wasi:http/incoming-handler"];
    home.succeed(&[&link[..], &["--source-config", "http-address"]].concat())
        .says(&["put link `http` -> `hello` for `wasi:http/incoming-handler`, in "]);
    wait_for_page(port, "/", "");

    let id = &up.run_file()["host_id"].as_str().unwrap()[..8].to_owned();
    home.succeed(&[
        "component",
        "scale",
        id,
        "./hello.wasm",
        "hello",
        "--max-instances",
        "7",
    ])
    .says(&["scaled `hello` on ", "to 7 calls at once"]);
    home.succeed(&["component", "update", &host, "hello", "./again.wasm"])
        .says(&["updated `hello` on ", "/again.wasm"]);
    home.succeed(&["component", "update", &host, "hello", "./again.wasm"])
        .says(&["nothing was done"]);
    assert_eq!(get(port, "/").unwrap().0, 200);
    let inventory = home.json(&["get", "inventory"]);
    let component = &inventory["hosts"][0]["components"][0];
    assert_eq!(component["instances_max"], 7, "{inventory}");

    home.succeed(&["link", "del", "http", "wasi:http", "--yes"])
        .says(&["deleted link `http`"]);
    home.succeed(&["provider", "stop", "http", "--yes"])
        .says(&["stopped `http` on "]);
    home.succeed(&["component", "stop", "hello", "--yes"])
        .says(&["stopped `hello` on "]);
    home.succeed(&["config", "del", "http-address", "--yes"])
        .says(&["deleted config `http-address`"]);
    home.succeed(&["get", "inventory"])
        .says(&["nothing runs on 1 host"]);
    home.succeed(&["link", "list"])
        .says(&["there are no links"]);
}

#[test]
fn what_cannot_be_done_is_told_with_a_code() {
    let home = Home::new();
    let _up = Up::start(&home, &[]);
    let image = "wasmcloud+builtin://keyvalue-memory";
    home.succeed(&["provider", "start", image, "kv"]);
    home.run(&["provider", "start", image, "kv", "--host", "N"])
        .exits(4)
        .says(&[
            "provider `kv` on host",
            "was not started",
            "HST005",
            "already running",
            "code: CTL001",
        ]);
    home.run(&["provider", "start", image, "kv"])
        .exits(5)
        .says(&["bids for provider `kv`", "code: CTL004"]);
    home.run(&["component", "start", "./nowhere.wasm", "web"])
        .exits(4)
        .says(&[
            "component `web` on host",
            "was not started",
            "ART",
            "nowhere.wasm",
        ]);
    home.run(&[
        "component",
        "start",
        "./nowhere.wasm",
        "web",
        "--host",
        "nobody",
    ])
    .exits(3)
    .says(&["there is no host `nobody`", "code: CLI010"]);
    let link = ["link", "put", "web", "kv", "wasi:keyvalue/store"];
    home.run(&[&link[..], &["--target-config", "missing"]].concat())
        .exits(4)
        .says(&["was not put", "HST007", "missing", "code: CTL001"]);
    home.succeed(&link);
    home.succeed(&link);
    home.run(&["link", "put", "web", "other", "wasi:keyvalue/store"])
        .exits(4)
        .says(&["was not put", "LNK012", "code: CTL001"]);
    home.run(&["component", "stop", "wob", "--yes"])
        .exits(3)
        .says(&["code: CLI010"]);
    home.run(&["config", "del", "missing", "--yes"])
        .exits(3)
        .says(&["there is no config `missing`"]);
    home.run(&["provider", "stop", "kv"])
        .exits(2)
        .says(&["needs a confirmation", "code: CLI011"]);
    home.succeed(&["link", "del", "--all", "--yes"])
        .says(&["deleted link `web`"]);
}

#[test]
fn labels_are_set_and_deleted() {
    let home = Home::new();
    let up = Up::start(&home, &[]);
    let host = up.run_file()["host_name"].as_str().unwrap().to_owned();
    home.succeed(&["label", &host, "zone=east", "disk=ssd"])
        .says(&["set disk=ssd,zone=east of "]);
    home.succeed(&["host", "list", "-o", "wide"])
        .prints(&["disk=ssd", "zone=east"]);
    home.succeed(&["label", &host, "--delete", "disk"])
        .says(&["deleted disk of "]);
    home.succeed(&["label", &host, "--delete", "disk"])
        .says(&["has no label `disk`"]);
    home.run(&["label", &host, "hostcore.os=plan9"])
        .exits(4)
        .says(&["HST003", "code: CTL001"]);
    let image = "wasmcloud+builtin://keyvalue-memory";
    home.succeed(&[
        "provider",
        "start",
        image,
        "kv",
        "--constraint",
        "zone=east",
    ]);
    home.run(&[
        "provider",
        "start",
        image,
        "kv2",
        "--constraint",
        "zone=west",
    ])
    .exits(5);
}

#[test]
fn events_are_printed_as_they_happen() {
    let home = Home::new();
    let _up = Up::start(&home, &[]);
    let log = home.write("watched", "");
    let messages = home.write("messages", "");
    let watch = ["watch", "--kind", "config_*", "--count", "2", "-o", "json"];
    let child = home
        .command(&watch)
        .stdout(File::create(&log).unwrap())
        .stderr(File::create(&messages).unwrap())
        .spawn()
        .unwrap();
    let mut watching = Beside(child);
    wait_until("it watches", || {
        let told = std::fs::read_to_string(&messages).unwrap();
        told.contains("watching lattice `default`")
            .then_some(())
            .ok_or(told)
    });
    home.succeed(&["config", "put", "words", "greeting=Hi"]);
    home.succeed(&["config", "del", "words", "--yes"]);
    let status = wait_until("the end of the watching", || {
        watching.0.try_wait().unwrap().ok_or("it goes on")
    });
    assert_eq!(status.code(), Some(0));
    let text = std::fs::read_to_string(&log).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert_eq!(lines[0]["kind"], "config_set");
    assert_eq!(lines[0]["message"], "config `words` put");
    assert_eq!(lines[1]["kind"], "config_deleted");
}

/// How many components a host runs.
fn components_on(home: &Home, host: &str) -> usize {
    let inventory = home.json(&["get", "inventory", host]);
    let components = inventory["hosts"][0]["components"].as_array();
    components.unwrap().len()
}

#[test]
fn a_host_is_drained_and_stopped_while_its_page_answers() {
    let (home, other) = (Home::new(), Home::new());
    let port = free_port();
    let first = Up::start(&home, &["--label", "which=first"]);
    home.succeed(&["app", "deploy", &hello(&home, "site", port)]);
    wait_for_page(port, "/", "");
    let url = first.run_file()["nats_url"].as_str().unwrap().to_owned();
    let join = [
        "--nats-url",
        &url,
        "--http",
        "127.0.0.1:0",
        "--allow-file-load=components",
    ];
    let mut second = Up::spawn(&other, &join).ready();
    let name = second.run_file()["host_name"].as_str().unwrap().to_owned();
    let runs = |host: &str| components_on(&home, host);
    // The manager shares the component out.
    wait_until("the second host runs it too", || match runs(&name) {
        1 => Ok(()),
        other => Err(other),
    });
    let by_hand = [
        "component",
        "start",
        "./hello.wasm",
        "mine",
        "--host",
        &name,
    ];
    home.succeed(&by_hand);
    home.run(&["host", "drain", &name, "--yes"])
        .exits(7)
        .says(&[
            "1 part is left that nobody moves",
            "component `mine` belongs to no application",
            "code: CTL009",
        ]);
    home.run(&[
        "component",
        "start",
        "./hello.wasm",
        "more",
        "--host",
        &name,
    ])
    .exits(4)
    .says(&["HST017"]);
    home.succeed(&["host", "drain", &name, "--stop-rest", "--yes"])
        .says(&["drained host", "it runs nothing, and takes nothing new"]);
    assert_eq!(runs(&name), 0);
    assert_eq!(get(port, "/").unwrap().0, 200);
    // Everything runs on the first host again.
    let first_name = first.run_file()["host_name"].as_str().unwrap().to_owned();
    assert_eq!(runs(&first_name), 1);
    home.succeed(&["host", "drain", &name, "--undo"])
        .says(&["takes work again"]);
    wait_until("it has work again", || match runs(&name) {
        1 => Ok(()),
        other => Err(other),
    });
    home.succeed(&["host", "stop", &name, "--yes"])
        .says(&["stopped host"]);
    assert_eq!(second.ended(), Some(0), "{}", second.messages());
    assert_eq!(get(port, "/").unwrap().0, 200);
}
