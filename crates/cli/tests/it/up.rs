//! `weft up`: what it is to start, here or in the background.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use weft_cli::{NatsSource, Role, Status};

use crate::manifest::SHOP;
use crate::weft::Weft;

#[tokio::test]
async fn manifests_are_prepared_before_anything_starts() {
    let weft = Weft::new();
    weft.write("apps/shop.yaml", SHOP);
    weft.write("apps/web.wasm", "wasm");
    let ran = weft
        .run("up apps/shop.yaml --label zone=east --role broker,host")
        .await;
    assert_eq!(ran.status, Status::Ok, "{ran:?}");
    let options = ran.up.unwrap();
    assert!(!options.roles.contains(&Role::Manager));
    assert_eq!(options.data_dir, weft.data_dir());
    assert_eq!(options.labels["zone"], "east");
    let [shop] = options.applications.as_slice() else {
        panic!("{:?}", options.applications);
    };
    assert_eq!(shop.name.as_str(), "shop");
    let manifest: serde_json::Value = serde_json::from_str(&shop.manifest).unwrap();
    let path = weft.directory().join("apps/web.wasm");
    assert_eq!(
        manifest["spec"]["components"][0]["properties"]["image"],
        format!("file://{}", path.display())
    );
}

#[tokio::test]
async fn all_manifests_are_checked() {
    let weft = Weft::new();
    weft.write("a.yaml", "kind: Application");
    weft.write("b.yaml", "[");
    let ran = weft.run("up a.yaml b.yaml nope.yaml").await;
    assert_eq!(ran.status, Status::Rejected, "{ran:?}");
    assert!(ran.up.is_none());
    for text in [
        "--> a.yaml:",
        "--> b.yaml:",
        "there is no file `nope.yaml`",
        "error: 3 manifests cannot be used, nothing was started\n",
    ] {
        assert!(ran.messages.contains(text), "{text}: {ran:?}");
    }
}

#[tokio::test]
async fn a_value_that_was_taken_for_a_manifest_is_told() {
    let weft = Weft::new();
    let ran = weft.run("up --allow-file-load components").await;
    assert_eq!(ran.status, Status::NotFound, "{ran:?}");
    assert!(ran.up.is_none());
    for text in [
        "there is no file `components`",
        "hint: write `--allow-file-load=components`\n",
        "code: CLI007",
    ] {
        assert!(ran.messages.contains(text), "{text}: {ran:?}");
    }
}

#[tokio::test]
async fn misfits_are_told_together() {
    let weft = Weft::new();
    let ran = weft
        .run(
            "up --nats-url nats://a:4222 --listen 127.0.0.1:4223 --role broker --http 127.0.0.1:80",
        )
        .await;
    assert_eq!(ran.status, Status::Usage);
    assert!(ran.up.is_none());
    insta::assert_snapshot!("up-misfits", ran.transcript(&weft));
}

/// A program that writes a run file with its process id and then is another.
fn program(weft: &Weft, script: &str) -> std::path::PathBuf {
    let path = weft.directory().join("program");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    path
}

const READY: &str = r#"echo "arguments: $*, started by $WEFT_DETACHED_BY"
cat > data/weft/run.json.new <<END
{"pid": $$, "nats_url": "nats://127.0.0.1:4222", "lattice": "default", "http": "127.0.0.1:8000",
 "started_at": "2026-01-02T03:04:05Z", "version": "0.1.0"}
END
mv data/weft/run.json.new data/weft/run.json"#;

#[tokio::test]
async fn the_background_is_ready_when_it_says_so() {
    let weft = Weft::new();
    let weft_program = program(&weft, READY);
    let weft = weft.with_program(&weft_program);
    let ran = weft.run("up --detach -o json").await;
    assert_eq!(ran.status, Status::Ok, "{ran:?}");
    assert!(ran.up.is_none());
    let view: serde_json::Value = serde_json::from_str(&ran.output).unwrap();
    assert!(view["pid"].as_u64().unwrap() > 1, "{view}");
    assert_eq!(view["http"], "127.0.0.1:8000");
    let log = weft.data_dir().join("weft.log");
    assert_eq!(view["log_file"], log.to_str().unwrap());
    assert_eq!(
        fs::read_to_string(&log).unwrap(),
        format!(
            "arguments: up --detach -o json, started by {}\n",
            std::process::id()
        )
    );
    for (path, mode) in [(weft.data_dir(), 0o700), (log, 0o600)] {
        let permissions = fs::metadata(path).unwrap().permissions();
        assert_eq!(permissions.mode() & 0o777, mode);
    }
}

#[tokio::test]
async fn the_process_in_the_background_does_not_detach_again() {
    let ran = Weft::new().detached().run("up --detach").await;
    assert!(ran.up.unwrap().is_detached);
}

#[tokio::test]
async fn what_ends_early_tells_why() {
    let weft = Weft::new();
    let weft_program = program(&weft, "echo 'error: the port is in use' >&2; exit 4");
    let weft = weft.with_program(&weft_program);
    let ran = weft.run("up --detach").await;
    assert_eq!(ran.status, Status::Rejected, "{ran:?}");
    insta::assert_snapshot!("detach-ended", ran.transcript(&weft));
    let missing = Weft::new();
    let ran = missing.run("up --detach").await;
    assert_eq!(ran.status, Status::Unforeseen, "{ran:?}");
    assert!(ran.messages.contains("code: CLI015"), "{ran:?}");
}

#[tokio::test]
async fn the_environment_of_a_1_9_host_counts_and_is_told() {
    let weft = Weft::new()
        .with_variable("WASMCLOUD_NATS_HOST", "nats.example")
        .with_variable("WASMCLOUD_CTL_TLS", "true")
        .with_variable("WASMCLOUD_SECRETS_TOPIC", "acme.secrets");
    let ran = weft.run("up -v").await;
    assert_eq!(ran.status, Status::Ok, "{ran:?}");
    let NatsSource::Join { urls, calls, .. } = ran.up.unwrap().nats else {
        panic!("it joins nothing");
    };
    assert_eq!(urls, ["tls://nats.example:4222"]);
    assert_eq!(calls.unwrap().urls, ["nats://nats.example:4222"]);
    for text in [
        "`WASMCLOUD_NATS_HOST` counts as `--nats-url`, where that is not given",
        "`WASMCLOUD_SECRETS_TOPIC` has no effect: ",
    ] {
        assert!(ran.messages.contains(text), "{}", ran.messages);
    }
}
