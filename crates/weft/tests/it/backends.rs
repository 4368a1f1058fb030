//! Providers that this host has not, and backends that nobody named.

use rustix::process::Signal;

use crate::home::Home;
use crate::running::Up;
use crate::wait::wait_until;

fn provider(name: &str, image: &str) -> String {
    format!(
        "apiVersion: core.oam.dev/v1beta1
kind: Application
metadata:
  name: {name}
  annotations:
    description: A provider
spec:
  components:
    - name: kv
      type: capability
      properties:
        image: {image}
"
    )
}

const REDIS: &str = "ghcr.io/wasmcloud/keyvalue-redis:0.30.0";
const STAND_IN: &str = "this host's embedded key-value store, as no backend is named";

/// As good as a provider, as long as nobody asks it anything: it prints a line, and waits for ever.
const SCRIPT: &str = "#!/bin/sh\necho the program begins\nwhile :; do sleep 1; done\n";

#[test]
fn a_provider_in_a_file_is_refused_without_leave() {
    let home = Home::new();
    home.write("kv", SCRIPT);
    home.write("files.yaml", provider("files", "file://kv"));
    let _up = Up::start(&home, &[]);
    home.run(&["app", "deploy", "files.yaml"]).exits(4).says(&[
        "HST009: ",
        home.path("kv").to_str().unwrap(),
        "loads no providers from files",
        "hint: start the host with `--allow-file-load=components,providers`",
        "code: CLI008",
    ]);
    let inventory = home.json(&["get", "inventory"]);
    assert_eq!(
        inventory["hosts"][0]["providers"].as_array().map(Vec::len),
        Some(0)
    );
}

#[test]
fn a_provider_in_a_file_runs_with_leave_and_does_not_outlive_a_host_that_is_killed() {
    let home = Home::new();
    home.write("kv", SCRIPT);
    home.write("files.yaml", provider("files", "file://kv"));
    let mut up = Up::start(&home, &["--allow-file-load"]);
    home.succeed(&["app", "deploy", "files.yaml"]);
    up.wait_for("the program begins");
    let inventory = home.json(&["get", "inventory"]);
    let annotations = &inventory["hosts"][0]["providers"][0]["annotations"];
    assert_eq!(annotations["weft.state"], "starting", "{inventory}");
    let pid = annotations["weft.pid"].as_str().unwrap();
    let command = format!("/proc/{pid}/cmdline");
    let is_running = || std::fs::read(&command).is_ok_and(|line| !line.is_empty());
    assert!(is_running());
    up.signal(Signal::KILL);
    assert_eq!(up.ended(), None);
    wait_until("the end of the provider", || match is_running() {
        true => Err(pid),
        false => Ok(()),
    });
}

#[test]
fn what_stands_in_for_a_backend_is_shown() {
    let home = Home::new();
    let manifest = home.write("redis.yaml", provider("redis", REDIS));
    let mut up = Up::start(&home, &[]);
    home.succeed(&["app", "deploy", &manifest]);
    let inventory = home.json(&["get", "inventory"]);
    let shown = &inventory["hosts"][0]["providers"][0];
    assert_eq!(shown["substitution"], STAND_IN, "{inventory}");
    assert_eq!(shown["image"], REDIS, "{inventory}");
    home.succeed(&["get", "inventory"]).prints(&[STAND_IN]);
    home.succeed(&["app", "status", "redis"])
        .prints(&[STAND_IN]);
    up.wait_for(&format!(
        "provider `redis-kv`: running, with a stand-in: {STAND_IN}\n"
    ));
}

#[test]
fn nothing_stands_in_where_all_is_strict() {
    let home = Home::new();
    // The provider itself is to run, so its image is fetched; this one is refused before a registry is asked.
    let image = "ghcr.io/wasmcloud/keyvalue-redis:latest";
    let manifest = home.write("redis.yaml", provider("redis", image));
    let _up = Up::start(&home, &["--strict"]);
    home.run(&["app", "deploy", &manifest]).exits(4).says(&[
        "ART010: ",
        image,
        "hint: name a version or a digest",
        "code: CLI008",
    ]);
    let status = home.json(&["app", "status", "redis"]);
    assert_eq!(status["status"], "failed", "{status}");
    home.write(
        "redis.yaml",
        provider("redis", "wasmcloud+builtin://keyvalue-embedded"),
    );
    home.succeed(&["app", "deploy", &manifest]);
}
