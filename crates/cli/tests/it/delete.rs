//! Deleting, which asks first.

use weft_cli::Status;
use weft_lattice::protocol::application::StatusType;

use crate::manager::{Manager, status};
use crate::manifest::SHOP;
use crate::server::Server;
use crate::weft::Weft;

/// A lattice with an application of two versions, the first of which is deployed.
async fn start() -> Option<(Server, Manager)> {
    let server = Server::start().await?;
    let manager = Manager::start(&server).await;
    manager.will_tell([status("v1", StatusType::Deployed, "")]);
    let weft = Weft::at(&server);
    weft.write("shop.yaml", SHOP);
    weft.write("web.wasm", "wasm");
    weft.run("app deploy shop.yaml").await;
    weft.write("web.wasm", "other");
    weft.run("app put shop.yaml").await;
    Some((server, manager))
}

#[tokio::test]
async fn without_a_terminal_a_yes_is_needed() {
    let Some((server, manager)) = start().await else {
        return;
    };
    let weft = Weft::at(&server).reading("y\n");
    let ran = weft.run("app delete shop").await;
    assert_eq!(ran.status, Status::Usage);
    insta::assert_snapshot!("delete-unattended", ran.transcript(&weft));
    assert!(manager.manifest("shop").is_some());
    let ran = weft.run("app delete shop --yes").await;
    assert_eq!(ran.status, Status::Ok, "{ran:?}");
    assert_eq!(
        ran.messages,
        "deleted `shop` with 2 versions, which stops running\n"
    );
    assert!(manager.manifest("shop").is_none());
}

#[tokio::test]
async fn at_a_terminal_it_is_asked() {
    let Some((server, manager)) = start().await else {
        return;
    };
    for answer in ["", "\n", "n\n", "no\n", "maybe\n"] {
        let ran = Weft::at(&server)
            .typing(answer)
            .run("app delete shop")
            .await;
        assert_eq!(ran.status, Status::Rejected, "{answer:?}: {ran:?}");
        assert!(
            ran.messages.starts_with(
                "warning: this removes application `shop` with 2 versions, and stops it. Go on? [y/N] "
            ),
            "{ran:?}"
        );
    }
    assert!(manager.manifest("shop").is_some());
    let ran = Weft::at(&server)
        .typing("Yes\n")
        .run("app delete shop v2")
        .await;
    assert_eq!(ran.status, Status::Ok, "{ran:?}");
    assert!(
        ran.messages
            .contains("this removes version `v2` of application `shop`. Go on?"),
        "{ran:?}"
    );
    assert!(ran.messages.ends_with("deleted version `v2` of `shop`\n"));
    assert_eq!(manager.deployed("shop").as_deref(), Some("v1"));
}
