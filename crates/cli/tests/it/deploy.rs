//! Deploying: what is sent, what is waited for, and what comes of it.

use std::time::{Duration, Instant};

use weft_cli::Status;
use weft_lattice::protocol::application::{ProblemEntry, StatusType};

use crate::manager::{Manager, failed, status};
use crate::manifest::SHOP;
use crate::server::{Server, free_port};
use crate::weft::Weft;

/// What makes the shop of [`SHOP`] answer HTTP.
const HTTP: &str = "    - name: http
      type: capability
      properties:
        image: ghcr.io/wasmcloud/http-server:0.28.0
      traits:
        - type: link
          properties:
            namespace: wasi
            package: http
            interfaces: [incoming-handler]
            target: { name: web }
            source:
              config:
                - name: address
                  properties: { address: '0.0.0.0:8080' }
";

async fn start() -> Option<(Server, Manager, Weft)> {
    let server = Server::start().await?;
    let manager = Manager::start(&server).await;
    let weft = Weft::at(&server);
    weft.write("shop.yaml", SHOP);
    weft.write("web.wasm", "wasm");
    Some((server, manager, weft))
}

#[tokio::test]
async fn a_file_is_put_deployed_and_waited_for() {
    let Some((_server, manager, weft)) = start().await else {
        return;
    };
    manager.will_tell([
        status("v1", StatusType::Waiting, "no hosts"),
        status("v1", StatusType::Reconciling, "starting"),
        status("v1", StatusType::Deployed, ""),
    ]);
    let ran = weft.run("app deploy shop.yaml").await;
    assert_eq!(ran.status, Status::Ok, "{ran:?}");
    assert_eq!(ran.output, "");
    insta::assert_snapshot!("deploy", ran.transcript(&weft));
    assert_eq!(manager.deployed("shop").as_deref(), Some("v1"));
    let manifest = manager.manifest("shop").unwrap();
    let image = &manifest["spec"]["components"][0]["properties"]["image"];
    let path = weft.directory().join("web.wasm");
    assert_eq!(*image, format!("file://{}", path.display()));
    let digest = &manifest["metadata"]["annotations"]["weft.digest/web"];
    assert!(digest.as_str().unwrap().starts_with("sha256:"), "{digest}");
}

#[tokio::test]
async fn it_is_told_where_components_answer() {
    let Some((_server, manager, weft)) = start().await else {
        return;
    };
    weft.write("shop.yaml", &format!("{SHOP}{HTTP}"));
    let deployed = || manager.will_tell([status("v1", StatusType::Deployed, "")]);
    deployed();
    let answers = "\n  `shop-web` answers at http://127.0.0.1:8080/\n";
    for command in ["app deploy shop.yaml", "app deploy shop"] {
        let ran = weft.run(command).await;
        assert_eq!(ran.status, Status::Ok, "{ran:?}");
        assert!(ran.messages.ends_with(answers), "{ran:?}");
    }
    let ran = weft.run("app deploy shop --no-wait").await;
    assert!(
        ran.messages.contains("`shop-web` will answer at "),
        "{ran:?}"
    );
    let ran = weft.run("app deploy shop -o json").await;
    let view: serde_json::Value = serde_json::from_str(&ran.output).unwrap();
    assert_eq!(view["addresses"][0]["url"], "http://127.0.0.1:8080/");
    assert_eq!(view["addresses"][0]["listen"], "0.0.0.0:8080");
    let ran = weft.run("app status shop").await;
    let table = "\nCOMPONENT  HTTP\nshop-web   http://127.0.0.1:8080/\n";
    assert!(ran.output.ends_with(table), "{ran:?}");
    weft.run("app undeploy shop").await;
    let ran = weft.run("app status shop").await;
    assert!(!ran.output.contains("HTTP"), "{ran:?}");
}

#[tokio::test]
async fn a_new_file_under_the_same_name_is_a_new_version() {
    let Some((_server, manager, weft)) = start().await else {
        return;
    };
    let deploy = async |version: &str, revision: &str| {
        manager.will_tell([status(version, StatusType::Deployed, "")]);
        let ran = weft.run("app deploy shop.yaml -o json").await;
        let view: serde_json::Value = serde_json::from_str(&ran.output).unwrap();
        assert_eq!(
            (view["version"].as_str(), view["revision"].as_str()),
            (Some(version), Some(revision))
        );
        assert_eq!(ran.messages, "");
    };
    deploy("v1", "first").await;
    deploy("v1", "stored").await;
    weft.write("web.wasm", "other");
    deploy("v2", "new").await;
}

#[tokio::test]
async fn the_status_of_the_version_before_is_not_taken_for_the_outcome() {
    let Some((_server, manager, weft)) = start().await else {
        return;
    };
    manager.will_tell([status("v1", StatusType::Deployed, "")]);
    weft.run("app deploy shop.yaml").await;
    weft.write("web.wasm", "other");
    manager.will_tell([
        status("v1", StatusType::Deployed, ""),
        failed("v2", ProblemEntry::default()),
    ]);
    let ran = weft.run("app deploy shop.yaml").await;
    assert_eq!(ran.status, Status::Rejected, "{ran:?}");
}

#[tokio::test]
async fn a_failure_tells_each_problem() {
    let Some((_server, manager, weft)) = start().await else {
        return;
    };
    manager.will_tell([
        status("v1", StatusType::Reconciling, ""),
        failed(
            "v1",
            ProblemEntry {
                code: "LNK001".to_owned(),
                subject: "shop-web".to_owned(),
                message: "the component imports `wasi:keyvalue/store`, which nothing offers"
                    .to_owned(),
                hints: vec!["add a link".to_owned()],
            },
        ),
    ]);
    let ran = weft.run("app deploy shop.yaml").await;
    assert_eq!(ran.status, Status::Rejected);
    insta::assert_snapshot!("deploy-failed", ran.transcript(&weft));
}

#[tokio::test]
async fn a_manager_of_another_kind_tells_by_its_parts() {
    let Some((_server, manager, weft)) = start().await else {
        return;
    };
    manager.will_tell([
        status("", StatusType::Reconciling, ""),
        status("", StatusType::Failed, "no eligible host"),
    ]);
    let ran = weft.run("app deploy shop.yaml").await;
    assert_eq!(ran.status, Status::Rejected);
    assert!(
        ran.messages.contains("\n  failed: web: no eligible host\n"),
        "{ran:?}"
    );
}

#[tokio::test]
async fn a_deadline_leaves_the_work_going_on() {
    let Some((_server, manager, weft)) = start().await else {
        return;
    };
    manager.will_tell([status("v1", StatusType::Reconciling, "one of two")]);
    let begun = Instant::now();
    let ran = weft.run("app deploy shop.yaml --timeout 1s").await;
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert_eq!(ran.status, Status::Deadline);
    insta::assert_snapshot!("deploy-deadline", ran.transcript(&weft));
    assert_eq!(manager.deployed("shop").as_deref(), Some("v1"));
}

#[tokio::test]
async fn waiting_is_a_choice() {
    let Some((_server, manager, weft)) = start().await else {
        return;
    };
    manager.will_tell([status("v1", StatusType::Reconciling, "")]);
    let ran = weft.run("app deploy shop.yaml --no-wait").await;
    assert_eq!(ran.status, Status::Ok, "{ran:?}");
    assert_eq!(
        ran.messages,
        "`shop` version `v1`, a new application, is being deployed\n"
    );
}

#[tokio::test]
async fn a_name_is_deployed_without_a_file() {
    let Some((_server, manager, weft)) = start().await else {
        return;
    };
    weft.run("app put shop.yaml").await;
    weft.write("web.wasm", "other");
    weft.run("app put shop.yaml").await;
    assert_eq!(manager.deployed("shop"), None);
    let deploy = async |command: &str, version: &str| {
        manager.will_tell([status(version, StatusType::Deployed, "")]);
        let ran = weft.run(command).await;
        assert_eq!(ran.status, Status::Ok, "{ran:?}");
        assert_eq!(manager.deployed("shop").as_deref(), Some(version));
    };
    deploy("app deploy shop", "v2").await;
    deploy("app deploy shop v1", "v1").await;
    deploy("app deploy shop latest", "v2").await;
    let ran = weft.run("app deploy shop.yaml v1").await;
    assert_eq!(ran.status, Status::Usage, "{ran:?}");
}

#[tokio::test]
async fn putting_tells_what_changed() {
    let Some((_server, _manager, weft)) = start().await else {
        return;
    };
    let put = async |expected: &str| {
        let ran = weft.run("app put shop.yaml").await;
        assert_eq!((ran.status, ran.messages.as_str()), (Status::Ok, expected));
    };
    put("stored `shop`, a new application, as version `v1`\n").await;
    put("nothing changed: version `v1` of `shop` is the same\n").await;
    weft.write("web.wasm", "other");
    put("stored `shop` as version `v2`\n").await;
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let Some((_server, manager, weft)) = start().await else {
        return;
    };
    let dry = async |command: &str, expected: &str| {
        let ran = weft.run(command).await;
        assert_eq!((ran.status, ran.output.as_str()), (Status::Ok, expected));
    };
    dry(
        "app deploy shop.yaml --dry-run",
        "`shop` would be a new application\n  added: `web`\n",
    )
    .await;
    weft.run("app put shop.yaml").await;
    dry(
        "app put shop.yaml --dry-run",
        "nothing would change: `shop` is stored like this\n",
    )
    .await;
    dry(
        "app deploy shop --dry-run",
        "`shop` version `v1` would be deployed\n",
    )
    .await;
    weft.write("web.wasm", "other");
    dry(
        "app put shop.yaml --dry-run",
        "`shop` would get a new version, other than `v1`\n  changed: `web`\n",
    )
    .await;
    weft.write(
        "taken.yaml",
        &SHOP.replace("annotations:", "annotations:\n    version: v1"),
    );
    let ran = weft.run("app put taken.yaml --dry-run").await;
    assert_eq!(ran.status, Status::Rejected, "{ran:?}");
    assert!(ran.messages.contains("code: CLI018"), "{ran:?}");
    let requests = manager.requests();
    assert_eq!(requests.iter().filter(|verb| *verb == "put").count(), 1);
    assert_eq!(manager.deployed("shop"), None);
}

#[tokio::test]
async fn what_the_manager_refuses_is_told_as_it_says() {
    let Some((_server, _manager, weft)) = start().await else {
        return;
    };
    weft.write(
        "refused.yaml",
        &SHOP.replace("annotations:", "annotations:\n    refuse: two of one name"),
    );
    let ran = weft.run("app deploy refused.yaml").await;
    assert_eq!(ran.status, Status::Rejected);
    insta::assert_snapshot!("put-refused", ran.transcript(&weft));
}

#[tokio::test]
async fn without_a_manager_it_is_told_who_is_missing() {
    let Some(server) = Server::start().await else {
        return;
    };
    let weft = Weft::at(&server);
    weft.write("shop.yaml", SHOP);
    weft.write("web.wasm", "wasm");
    for command in ["app deploy shop.yaml", "app list", "app delete shop --yes"] {
        let ran = weft.run(command).await;
        assert_eq!(ran.status, Status::Unreachable, "{command}: {ran:?}");
        let expected = format!(
            "error: no manager answers in lattice `{}`\n",
            server.lattice
        );
        assert!(ran.messages.starts_with(&expected), "{ran:?}");
        assert!(ran.messages.contains("code: CLI004"), "{ran:?}");
    }
}

#[tokio::test]
async fn without_nats_it_is_told_how_to_get_it() {
    let weft = Weft::new();
    let port = free_port();
    let ran = weft
        .run(&format!(
            "app list --nats-url nats://ada:secret@127.0.0.1:{port} -v"
        ))
        .await;
    assert_eq!(ran.status, Status::Unreachable, "{ran:?}");
    assert!(!ran.messages.contains("secret"), "{ran:?}");
    for line in [
        &format!("error: cannot reach NATS at nats://127.0.0.1:{port}\n"),
        "  caused by: ",
        "\n\nhint: start a lattice on this machine with `weft up`\nhint: name another server with `--nats-url`\ncode: NET001",
    ] {
        assert!(ran.messages.contains(line), "{ran:?}");
    }
}

#[tokio::test]
async fn progress_is_shown_to_people_alone() {
    let Some((server, manager, _)) = start().await else {
        return;
    };
    let run = async |weft: Weft, options: &str| {
        weft.write("shop.yaml", SHOP);
        weft.write("web.wasm", "wasm");
        manager.will_tell([
            // Each run has a directory of its own, so that its images and with them its version are its own.
            status("", StatusType::Reconciling, "starting\u{1b}[2J"),
            status("", StatusType::Deployed, ""),
        ]);
        weft.run(&format!("app deploy shop.yaml --no-color {options}"))
            .await
    };
    let ran = run(Weft::at(&server).typing(""), "").await;
    assert!(
        ran.messages
            .starts_with("\r\u{1b}[2Kshop: reconciling after "),
        "{ran:?}"
    );
    assert!(
        ran.messages
            .contains(", 0 of 1 part; web reconciling: starting [2J\r\u{1b}[2K"),
        "{ran:?}"
    );
    let (_, last) = ran.messages.rsplit_once("\r\u{1b}[2K").unwrap();
    assert!(last.starts_with("deployed `shop` version `v1`"), "{last}");
    for options in ["-q", "-o json", "-v"] {
        let ran = run(Weft::at(&server).typing(""), options).await;
        assert!(!ran.messages.contains('\r'), "{options}: {ran:?}");
    }
    let ran = run(Weft::at(&server), "-q").await;
    assert_eq!((ran.output.as_str(), ran.messages.as_str()), ("", ""));
}
