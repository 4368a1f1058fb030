//! Providers that this host has not, and backends that nobody named.

use crate::home::Home;
use crate::running::Up;

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

#[test]
fn a_provider_in_a_file_is_refused() {
    let home = Home::new();
    home.write("kv.par.gz", "a program");
    home.write("files.yaml", provider("files", "file://kv.par.gz"));
    let _up = Up::start(&home, &[]);
    home.run(&["app", "deploy", "files.yaml"]).exits(4).says(&[
        "PRV001: ",
        home.path("kv.par.gz").to_str().unwrap(),
        "is not built into this host",
        "hint: built in are ",
        "code: CLI008",
    ]);
    let inventory = home.json(&["get", "inventory"]);
    assert_eq!(
        inventory["hosts"][0]["providers"].as_array().map(Vec::len),
        Some(0)
    );
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
    let manifest = home.write("redis.yaml", provider("redis", REDIS));
    let _up = Up::start(&home, &["--strict"]);
    home.run(&["app", "deploy", &manifest]).exits(4).says(&[
        "PRV003: config key `URL` is missing",
        REDIS,
        "hint: name `wasmcloud+builtin://keyvalue-embedded`",
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
