//! Hosts that go, come back, and lose what they run.

use weft_lattice::ConnectionState;
use weft_lattice::protocol::application::StatusType;
use weft_manager::Role;

use crate::host::Host;
use crate::scene::{Manifest, Scene};
use crate::server::{eventually, in_time};

#[tokio::test]
async fn what_ran_on_a_host_that_died_runs_on_another() {
    let Some(scene) = Scene::start().await else {
        return;
    };
    let first = scene.host("h1", &[]).await;
    let _manager = scene.manager("m1").await;
    scene.bring_up(&Manifest::shop("x:1")).await;
    let second = scene.host("h2", &[]).await;
    assert_eq!(first.running().len(), 2);
    scene.log.take();
    drop(first);
    scene
        .told(&[
            "h2: start shop-kv of ghcr.io/acme/kv:1",
            "h2: scale shop-web to 2 of x:1",
        ])
        .await;
    scene.status_is("shop", StatusType::Deployed).await;
    assert_eq!(
        second.running(),
        ["shop-web 2 x:1", "shop-kv ghcr.io/acme/kv:1"]
    );
}

#[tokio::test]
async fn what_ran_on_a_host_that_stops_runs_on_another() {
    let Some(scene) = Scene::start().await else {
        return;
    };
    let first = scene.host("h1", &[]).await;
    let manager = scene.manager("m1").await;
    scene.bring_up(&Manifest::shop("x:1")).await;
    let second = scene.host("h2", &[]).await;
    // The manager has heard of the second one.
    manager.plans(3).await;
    first.stop().await;
    scene.told(&["h2: scale shop-web to 2 of x:1"]).await;
    scene.status_is("shop", StatusType::Deployed).await;
    assert_eq!(second.running().len(), 2);
}

#[tokio::test]
async fn a_host_that_comes_back_empty_is_filled_again() {
    let Some(scene) = Scene::start().await else {
        return;
    };
    let host = scene.host("h1", &[]).await;
    let _manager = scene.manager("m1").await;
    scene.bring_up(&Manifest::shop("x:1")).await;
    scene.log.take();
    host.stop().await;
    // Nobody is there, which the status tells, and nothing is forgotten.
    eventually(async || {
        let status = scene.status("shop").await;
        match status.info.kind {
            StatusType::Waiting | StatusType::Failed => Ok(()),
            _ => Err(status),
        }
    })
    .await;
    let host = scene.host("h1", &[]).await;
    scene.status_is("shop", StatusType::Deployed).await;
    let mut texts = scene.log.texts();
    texts.sort();
    assert_eq!(
        texts,
        [
            "h1: scale shop-web to 2 of x:1",
            "h1: start shop-kv of ghcr.io/acme/kv:1",
        ]
    );
    assert_eq!(host.running().len(), 2);
}

#[tokio::test]
async fn what_ends_by_itself_is_started_again() {
    let Some(scene) = Scene::start().await else {
        return;
    };
    let host = scene.host("h1", &[]).await;
    let _manager = scene.manager("m1").await;
    scene.bring_up(&Manifest::shop("x:1")).await;
    scene.log.take();
    host.lose("shop-web").await;
    scene.told(&["h1: scale shop-web to 2 of x:1"]).await;
    scene.status_is("shop", StatusType::Deployed).await;
}

#[tokio::test]
async fn a_link_that_somebody_deletes_is_put_again() {
    let Some(scene) = Scene::start().await else {
        return;
    };
    let _host = scene.host("h1", &[]).await;
    let _manager = scene.manager("m1").await;
    scene.bring_up(&Manifest::shop("x:1")).await;
    let records = &scene.buckets.records;
    records.delete("COMPONENT_shop-web", None).await.unwrap();
    eventually(async || {
        let links = scene.links("shop-web").await;
        if links == ["shop-web -> shop-kv"] {
            Ok(())
        } else {
            Err(links)
        }
    })
    .await;
}

#[tokio::test]
async fn a_restart_of_nats_moves_nothing() {
    let Some(mut scene) = Scene::start().await else {
        return;
    };
    let hosts = [scene.host("h1", &[]).await, scene.host("h2", &[]).await];
    let manager = scene.manager("m1").await;
    scene.bring_up(&Manifest::shop("x:1")).await;
    let before = hosts.each_ref().map(Host::running);
    scene.log.take();
    let mut connection = scene.lattice.connection();
    let is_ours = scene
        .server
        .restart(async {
            let lost = connection.wait_for(|one| one.state == ConnectionState::Disconnected);
            in_time(lost).await.unwrap();
        })
        .await;
    if !is_ours {
        return;
    }
    let back = connection.wait_for(|one| one.state == ConnectionState::Connected);
    drop(in_time(back).await.unwrap());
    manager.is(Role::Acting).await;
    manager.plans(5).await;
    assert_eq!(scene.log.texts(), Vec::<String>::new());
    assert_eq!(before, hosts.each_ref().map(Host::running));
    scene.bring_up(&Manifest::shop("x:2")).await;
    let mut texts = scene.log.texts();
    texts.sort();
    assert_eq!(
        texts,
        [
            "h1: update shop-web to 1 of x:2",
            "h2: update shop-web to 1 of x:2",
        ]
    );
}
