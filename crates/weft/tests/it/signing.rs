//! Keys, claims and provider archives.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::guests::{guest, site};
use crate::home::Home;
use crate::http::{free_port, wait_for_page};
use crate::registry::{Registry, read};
use crate::running::Up;

/// A program that stays until it is ended.
const PROGRAM: &str = "#!/bin/sh\nexec sleep 10000\n";

/// The manifest of an application that is one provider.
fn idle(image: &str) -> String {
    format!(
        "apiVersion: core.oam.dev/v1beta1
kind: Application
metadata:
  name: idle
  annotations:
    description: A program that idles
spec:
  components:
    - name: idle
      type: capability
      properties:
        image: {image}
      traits:
        - type: spreadscaler
          properties:
            instances: 1
"
    )
}

#[test]
fn keys_are_private_and_of_all_kinds() {
    let home = Home::new();
    for (kind, letter) in [
        ("account", 'A'),
        ("Component", 'M'),
        ("module", 'M'),
        ("service", 'V'),
        ("operator", 'O'),
        ("server", 'N'),
        ("cluster", 'C'),
        ("user", 'U'),
        ("curve", 'X'),
    ] {
        let made = home.json(&["keys", "gen", kind]);
        let (public, seed) = (
            made["public_key"].as_str().unwrap(),
            made["seed"].as_str().unwrap(),
        );
        assert!(public.starts_with(letter) && public.len() == 56, "{made}");
        assert!(
            seed.starts_with(&format!("S{letter}")) && seed.len() == 58,
            "{kind}"
        );
    }
    let made = home.json(&["keys", "gen", "account", "acme"]);
    assert!(made["seed"].is_null(), "{made}");
    let file = fs::metadata(made["file"].as_str().unwrap()).unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
    home.succeed(&["keys", "list"]).prints(&["acme", "account"]);
    let public = made["public_key"].as_str().unwrap();
    let shown = home.succeed(&["keys", "get", "acme"]);
    assert_eq!(shown.output.trim(), public);
    let seed = home.succeed(&["keys", "get", "acme", "--seed"]);
    assert!(seed.output.contains("\nSA"), "{seed:?}");
    home.run(&["keys", "gen", "account", "acme"])
        .exits(4)
        .says(&["code: CLI033"]);
    home.run(&["keys", "get", "none"])
        .exits(3)
        .says(&["weft keys list", "code: CLI033"]);
}

#[test]
fn a_signed_component_runs_and_one_that_was_changed_does_not() {
    let home = Home::new();
    home.write("page.wasm", guest("hello-http"));
    let signed = home.json(&[
        "claims",
        "sign",
        "page.wasm",
        "--name",
        "Page",
        "--version",
        "1.2.0",
        "--revision",
        "7",
        "--tag",
        "web",
    ]);
    let subject = signed["claims"]["subject"].as_str().unwrap().to_owned();
    home.succeed(&["claims", "inspect", "page_s.wasm"])
        .prints(&["claims hold: yes", "Page", "1.2.0", &subject]);
    home.succeed(&["inspect", "page_s.wasm"]).prints(&[
        "export wasi:http/incoming-handler",
        "claims hold: yes",
        "of memory",
        "sha256:",
    ]);
    home.succeed(&["inspect", "page_s.wasm", "--wit"])
        .prints(&["interface incoming-handler", "package wasi:http@"]);

    let port = free_port();
    home.write("shop.yaml", site("shop", "./page_s.wasm", Some(port)));
    let _up = Up::start(&home, &[]);
    home.succeed(&["app", "deploy", "shop.yaml"]);
    wait_for_page(port, "/", "");
    let claims = home.json(&["get", "claims"]);
    assert_eq!(claims["claims"][0]["subject"], subject.as_str(), "{claims}");
    assert_eq!(claims["claims"][0]["revision"], "7", "{claims}");
    home.succeed(&["get", "claims"])
        .prints(&["Page", "component", "1.2.0"]);

    let mut changed = read(home.path("page_s.wasm"));
    let at = changed
        .windows(6)
        .position(|bytes| bytes == b"memory")
        .unwrap();
    changed[at] = b'n';
    home.write("page_s.wasm", changed);
    home.run(&["app", "deploy", "shop.yaml"])
        .exits(4)
        .says(&["ART025"]);
    home.succeed(&["claims", "inspect", "page_s.wasm"])
        .prints(&["claims hold: no", "ART025"]);
}

#[test]
fn claims_expire() {
    let home = Home::new();
    home.write("page.wasm", guest("hello-http"));
    home.succeed(&["claims", "sign", "page.wasm", "--valid-after", "1h"]);
    home.write("shop.yaml", site("shop", "./page_s.wasm", None));
    let _up = Up::start(&home, &[]);
    home.run(&["app", "deploy", "shop.yaml"])
        .exits(4)
        .says(&["ART026"]);
    home.run(&["claims", "sign", "page.wasm", "--issuer", "none", "--force"])
        .exits(3)
        .says(&["code: CLI033"]);
}

#[test]
fn a_provider_archive_is_made_pushed_and_run() {
    let Some(registry) = Registry::start() else {
        return;
    };
    let home = Home::new();
    home.write("idle", PROGRAM);
    home.write("other", "#!/bin/other\n");
    home.succeed(&[
        "par",
        "create",
        "idle",
        "--vendor",
        "acme",
        "--version",
        "0.1.0",
    ]);
    home.succeed(&[
        "par",
        "insert",
        "idle.par.gz",
        "other",
        "--arch",
        "riscv64-plan9",
    ])
    .says(&["riscv64-plan9"]);
    let shown = home.json(&["par", "inspect", "idle.par.gz"]);
    assert_eq!(shown["entries"].as_array().unwrap().len(), 2, "{shown}");
    assert_eq!(shown["claims"]["vendor"], "acme", "{shown}");
    let subject = shown["claims"]["subject"].clone();
    let reference = format!("{}/acme/idle:0.1.0", registry.name());
    home.succeed(&[
        "push",
        "idle.par.gz",
        &reference,
        "--insecure",
        "--annotation",
        "a=b",
    ])
    .says(&["pushed provider"]);
    let pulled = home.json(&["pull", &reference, "--insecure", "--force"]);
    assert!(
        pulled["file"].as_str().unwrap().ends_with("/idle.par.gz"),
        "{pulled}"
    );
    assert_eq!(pulled["digest"], shown["digest"]);

    home.write("idle.yaml", idle(&reference));
    let _up = Up::start(&home, &["--allowed-insecure", registry.name()]);
    home.succeed(&["app", "deploy", "idle.yaml"]);
    let inventory = home.json(&["get", "inventory"]).to_string();
    assert!(inventory.contains(&reference), "{inventory}");
    let claims = home.json(&["get", "claims"]);
    assert_eq!(claims["claims"][0]["subject"], subject, "{claims}");
    assert_eq!(claims["claims"][0]["kind"], "provider", "{claims}");
}
