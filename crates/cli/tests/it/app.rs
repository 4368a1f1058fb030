//! Looking at applications: list, status, get, undeploy.

use weft_cli::Status;
use weft_lattice::protocol::application::{ProblemEntry, StatusType};

use crate::host::Host;
use crate::manager::{Manager, failed, status};
use crate::manifest::SHOP;
use crate::server::{Server, until};
use crate::weft::Weft;

/// A lattice with a manager that runs the application of [`SHOP`].
async fn shop() -> Option<(Server, Manager, Weft)> {
    let server = Server::start().await?;
    let manager = Manager::start(&server).await;
    manager.will_tell([status("v1", StatusType::Deployed, "")]);
    let weft = Weft::at(&server);
    weft.write("shop.yaml", SHOP);
    weft.write("web.wasm", "wasm");
    assert_eq!(weft.run("app deploy shop.yaml").await.status, Status::Ok);
    Some((server, manager, weft))
}

#[tokio::test]
async fn applications_are_listed_in_every_form() {
    let Some((_server, _manager, weft)) = shop().await else {
        return;
    };
    for format in ["table", "wide", "json", "yaml", "name"] {
        let ran = weft.run(&format!("app list -o {format}")).await;
        insta::assert_snapshot!(format!("list-{format}"), ran.transcript(&weft));
    }
    assert_eq!(
        weft.run("app ls").await.output,
        weft.run("app list").await.output
    );
}

#[tokio::test]
async fn an_empty_list_is_no_data() {
    let Some(server) = Server::start().await else {
        return;
    };
    let _manager = Manager::start(&server).await;
    let ran = Weft::at(&server).run("app list").await;
    assert_eq!(
        (ran.status, ran.output.as_str(), ran.messages.as_str()),
        (Status::Ok, "", "there are no applications\n")
    );
    let ran = Weft::at(&server).run("app list -o json").await;
    assert_eq!(
        ran.output,
        "{\n  \"schema_version\": 1,\n  \"applications\": []\n}\n"
    );
}

#[tokio::test]
async fn a_status_tells_parts_and_problems() {
    let Some((_server, manager, weft)) = shop().await else {
        return;
    };
    manager.will_tell([failed(
        "v1",
        ProblemEntry {
            code: "ART001".to_owned(),
            subject: "shop-web".to_owned(),
            message: "there is no file `/srv/web.wasm`".to_owned(),
            hints: vec!["build the component".to_owned()],
        },
    )]);
    for format in ["table", "wide", "json", "yaml"] {
        let ran = weft.run(&format!("app status shop -o {format}")).await;
        insta::assert_snapshot!(format!("status-{format}"), ran.transcript(&weft));
    }
}

#[tokio::test]
async fn a_status_of_the_version_before_is_told_as_such() {
    let Some((_server, manager, weft)) = shop().await else {
        return;
    };
    weft.write("web.wasm", "other");
    weft.run("app deploy shop.yaml --no-wait").await;
    manager.will_tell([status("v1", StatusType::Deployed, "")]);
    let ran = weft.run("app status shop").await;
    assert!(
        ran.output
            .contains("shop  v2       deployed  -\nThe status is still that of version `v1`.\n"),
        "{ran:?}"
    );
}

#[tokio::test]
async fn an_unknown_application_is_not_found() {
    let Some((_server, _manager, weft)) = shop().await else {
        return;
    };
    for command in [
        "app status shopp",
        "app get shopp",
        "app undeploy shopp",
        "app delete shopp --yes",
        "app deploy shopp",
        "app status shopp --watch",
    ] {
        let ran = weft.run(command).await;
        assert_eq!(ran.status, Status::NotFound, "{command}: {ran:?}");
        assert!(ran.output.is_empty(), "{command}: {ran:?}");
        assert!(
            ran.messages
                .contains("hint: similar: `shop`\nhint: list what is there with `weft app list`"),
            "{command}: {ran:?}"
        );
    }
    for command in [
        "app get shop v7",
        "app delete shop v7 -y",
        "app deploy shop v7",
    ] {
        let ran = weft.run(command).await;
        assert_eq!(ran.status, Status::NotFound, "{command}: {ran:?}");
        assert!(
            ran.messages
                .starts_with("error: application `shop` has no version `v7`\n"),
            "{command}: {ran:?}"
        );
        assert!(ran.messages.contains("similar: `v1`"), "{ran:?}");
    }
}

#[tokio::test]
async fn a_manifest_comes_back_as_it_is_written() {
    let Some((_server, _manager, weft)) = shop().await else {
        return;
    };
    let yaml = weft.run("app get shop v1").await;
    assert_eq!(yaml.status, Status::Ok);
    let first: Vec<&str> = yaml.output.lines().take(4).collect();
    assert_eq!(
        first,
        [
            "apiVersion: core.oam.dev/v1beta1",
            "kind: Application",
            "metadata:",
            "  name: shop",
        ]
    );
    let json = weft.run("app get shop --format json").await;
    let manifest: serde_json::Value = serde_json::from_str(&json.output).unwrap();
    assert_eq!(manifest["metadata"]["annotations"]["version"], "v1");
    assert_eq!(weft.run("app get shop -o json").await.output, json.output);
    assert_eq!(weft.run("app get shop -o name").await.output, "shop\n");
    // What comes back can be deployed again, and is no new version.
    weft.write("again.yaml", &yaml.output);
    let again = weft.run("app deploy again.yaml -o json").await;
    let view: serde_json::Value = serde_json::from_str(&again.output).unwrap();
    assert_eq!(view["revision"], "stored", "{again:?}");
}

#[tokio::test]
async fn a_watch_tells_each_change_until_nobody_reads() {
    let Some((server, manager, _)) = shop().await else {
        return;
    };
    manager.will_tell([
        status("v1", StatusType::Reconciling, "one of two"),
        status("v1", StatusType::Reconciling, "one of two"),
        status("v1", StatusType::Deployed, ""),
        status("v1", StatusType::Unhealthy, ""),
    ]);
    let reader = Weft::at(&server).reading_lines(2);
    let ran = reader.run("app status shop --watch -o json").await;
    assert_eq!(ran.status, Status::Ok, "{ran:?}");
    let statuses: Vec<serde_json::Value> = ran
        .output
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["status"].clone())
        .collect();
    assert_eq!(statuses, ["reconciling", "deployed"]);
}

#[tokio::test]
async fn undeploying_can_wait_until_nothing_runs() {
    let Some((server, manager, weft)) = shop().await else {
        return;
    };
    let host = Host::start(&server, "NABC", "quiet-river").await;
    host.run("shop");
    let late = weft.run("app undeploy shop --wait --timeout 1s").await;
    assert_eq!(late.status, Status::Deadline, "{late:?}");
    assert!(
        late.messages
            .contains("  running: shop-web: still on host NABC\n"),
        "{late:?}"
    );
    assert_eq!(manager.deployed("shop"), None);
    let stops = async {
        let asked = manager.requests().len();
        until("it undeploys", || manager.requests().len() > asked).await;
        host.clear();
    };
    let (ran, ()) = tokio::join!(weft.run("app undeploy shop --wait"), stops);
    assert_eq!(ran.status, Status::Ok, "{ran:?}");
    assert!(
        ran.messages
            .starts_with("undeployed `shop`, nothing of it runs after "),
        "{ran:?}"
    );
    let ran = weft.run("app undeploy shop").await;
    assert_eq!(ran.messages, "undeployed `shop`, which stops running\n");
}
