//! A lattice whose applications another kind of manager keeps.

use weft_lattice::Headers;
use weft_lattice::intake::serve_applications;
use weft_lattice::protocol::application::StatusType;
use weft_manager::Role;
use weft_runtime::{TaskKind, Tasks};

use crate::scene::{Manifest, Scene};

#[tokio::test]
async fn a_manager_stands_by_while_another_kind_answers() {
    let Some(scene) = Scene::start().await else {
        return;
    };
    let host = scene.host("h1", &[]).await;
    // It answers, and does not say that it is a Weft.
    let mut requests = serve_applications(&scene.lattice, 16, Headers::new())
        .await
        .unwrap();
    let tasks = Tasks::new();
    let foreign = tasks
        .spawn(TaskKind::Helper, "test.wadm", async move {
            while let Some(request) = requests.next().await {
                let _ = request.reply(b"[]".to_vec()).await;
            }
        })
        .into_guard();
    let manager = scene.manager("m1").await;
    assert_eq!(*manager.manager.role().borrow(), Role::Standby);
    let idle = scene.manager("m2").await;
    // One that stands by stops like any other.
    idle.stop().await;
    drop(foreign);
    manager.is(Role::Acting).await;
    scene.bring_up(&Manifest::shop("x:1")).await;
    assert_eq!(host.running().len(), 2);
    scene.undeploy("shop").await;
    scene.status_is("shop", StatusType::Undeployed).await;
    manager.stop().await;
}
