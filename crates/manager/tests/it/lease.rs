//! Several managers, and one that starts again.

use weft_lattice::protocol::application::StatusType;
use weft_manager::Role;

use crate::scene::{Manifest, Scene};
use crate::server::eventually;

#[tokio::test]
async fn a_manager_that_starts_again_finds_nothing_to_do() {
    let Some(scene) = Scene::start().await else {
        return;
    };
    let hosts = [scene.host("h1", &[]).await, scene.host("h2", &[]).await];
    let manager = scene.manager("m1").await;
    scene.bring_up(&Manifest::shop("x:1")).await;
    let before: Vec<_> = hosts.iter().map(|host| host.running()).collect();
    manager.stop().await;
    scene.log.take();
    let manager = scene.manager("m1").await;
    manager.is(Role::Acting).await;
    let metrics = manager.plans(3).await;
    assert_eq!(scene.log.texts(), Vec::<String>::new());
    assert_eq!(metrics.plans_executed, 0);
    assert_eq!(metrics.statuses_published, 0);
    let after: Vec<_> = hosts.iter().map(|host| host.running()).collect();
    assert_eq!(before, after);
    assert_eq!(scene.status("shop").await.info.kind, StatusType::Deployed);
}

#[tokio::test]
async fn a_deploy_without_a_manager_that_acts_is_made_up_for() {
    let Some(scene) = Scene::start().await else {
        return;
    };
    let manager = scene.manager("m1").await;
    scene.deploy(&Manifest::shop("x:1")).await;
    manager.stop().await;
    let host = scene.host("h1", &[]).await;
    let _manager = scene.manager("m2").await;
    scene.status_is("shop", StatusType::Deployed).await;
    assert_eq!(host.running().len(), 2);
}

#[tokio::test]
async fn one_of_two_acts_and_the_other_takes_over_at_once_when_it_stops() {
    let Some(scene) = Scene::start().await else {
        return;
    };
    let host = scene.host("h1", &[]).await;
    let first = scene.manager("m1").await;
    first.is(Role::Acting).await;
    let second = scene.manager("m2").await;
    second.is(Role::Following).await;
    scene.bring_up(&Manifest::shop("x:1")).await;
    assert_eq!(second.manager.metrics().plans_made, 0);
    assert_eq!(second.manager.metrics().steps_done, 0);
    first.stop().await;
    scene.log.take();
    second.is(Role::Acting).await;
    let metrics = second.plans(2).await;
    assert_eq!(metrics.plans_executed, 0);
    assert_eq!(scene.log.texts(), Vec::<String>::new());
    scene.bring_up(&Manifest::shop("x:2")).await;
    let commands = scene.log.take();
    assert_eq!(commands[0].text, "h1: update shop-web to 2 of x:2");
    // What the first one may still have on its way is older.
    let lease = commands[0].lease.as_deref().unwrap();
    assert!(lease.ends_with(":2"), "{lease}");
    assert_eq!(host.running()[0], "shop-web 2 x:2");
}

#[tokio::test]
async fn the_other_takes_over_from_one_that_is_cut_off() {
    let Some(scene) = Scene::start().await else {
        return;
    };
    let host = scene.host("h1", &[]).await;
    let first = scene.manager("m1").await;
    first.is(Role::Acting).await;
    let second = scene.manager("m2").await;
    scene.bring_up(&Manifest::shop("x:1")).await;
    first.crash().await;
    // Requests are answered meanwhile.
    let version = scene.deploy(&Manifest::shop("x:2")).await;
    second.is(Role::Acting).await;
    let status = eventually(async || {
        let status = scene.status("shop").await;
        match status.info.kind {
            StatusType::Deployed => Ok(status),
            _ => Err(status),
        }
    })
    .await;
    assert_eq!(status.version, version);
    assert_eq!(host.running()[0], "shop-web 2 x:2");
}

#[tokio::test]
async fn the_same_manager_takes_its_lease_back_at_once() {
    let Some(scene) = Scene::start().await else {
        return;
    };
    let first = scene.manager("m1").await;
    first.is(Role::Acting).await;
    let other = scene.manager("m2").await;
    first.crash().await;
    let again = scene.manager("m1").await;
    again.is(Role::Acting).await;
    assert_eq!(*other.manager.role().borrow(), Role::Following);
}
