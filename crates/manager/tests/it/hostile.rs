//! What nobody in their senses would send.

use weft_lattice::Headers;
use weft_lattice::bucket::{Bucket, BucketOptions};
use weft_lattice::protocol::application::StatusType;
use weft_lattice::protocol::state::manager_bucket;

use crate::scene::{Manifest, Scene};
use crate::server::eventually;

const TAILS: [&str; 10] = [
    "list",
    "get",
    "get.shop",
    "put",
    "del.shop",
    "versions.shop",
    "deploy.shop",
    "undeploy.shop",
    "status.shop",
    "history.shop",
];

#[tokio::test]
async fn hostile_bodies_are_answered_and_harm_nobody() {
    let Some(scene) = Scene::start().await else {
        return;
    };
    let host = scene.host("h1", &[]).await;
    let manager = scene.manager("m1").await;
    let anchors = format!(
        "a: &a [x, x, x, x, x, x, x, x, x]\n{}",
        (0..20)
            .map(|level| {
                let before = if level == 0 { "a".to_owned() } else { format!("l{}", level - 1) };
                format!("l{level}: &l{level} [*{before}, *{before}, *{before}, *{before}, *{before}, *{before}, *{before}]\n")
            })
            .collect::<String>()
    );
    let bodies: [Vec<u8>; 8] = [
        b"[".repeat(1 << 20),
        b"{\"a\":".repeat((1 << 20) / 5),
        b"- ".repeat(1 << 19),
        b"not json".to_vec(),
        b"\xff\xfe\x00".to_vec(),
        br#"{"version":7}"#.to_vec(),
        br#"{"version":{"a":[1]}}"#.to_vec(),
        anchors.into_bytes(),
    ];
    for tail in TAILS {
        for body in &bodies {
            let reply = scene.ask(tail, body).await;
            let is_read = matches!(
                tail,
                "list" | "get" | "versions.shop" | "status.shop" | "undeploy.shop"
            );
            let result = reply["result"].as_str().unwrap_or("list");
            assert!(is_read || result == "error", "{tail}: {reply}");
        }
    }
    let metrics = manager.manager.metrics();
    assert!(metrics.requests_failed >= 40, "{metrics:?}");
    // It serves as before.
    scene.bring_up(&Manifest::shop("x:1")).await;
    assert_eq!(host.running().len(), 2);
}

#[tokio::test]
async fn nonsense_in_the_state_of_the_lattice_harms_nobody_else() {
    let Some(scene) = Scene::start().await else {
        return;
    };
    let host = scene.host("h1", &[]).await;
    let bucket = scene.applications().await;
    for key in [
        "app.broken",
        "rev.broken.1",
        "status.broken",
        "other",
        "app.x=2",
    ] {
        bucket.put(key, "[[[").await.unwrap();
    }
    let records = &scene.buckets.records;
    for key in ["COMPONENT_odd", "CLAIMS_odd", "odd"] {
        records.put(key, "\u{1}").await.unwrap();
    }
    scene.buckets.configs.put("odd", "[").await.unwrap();
    let name = manager_bucket(scene.lattice.name());
    let managers = Bucket::open_or_create(&scene.lattice, &name, BucketOptions::default())
        .await
        .unwrap();
    managers.put("other", "[").await.unwrap();
    let _manager = scene.manager("m1").await;
    let events = format!("wasmbus.evt.{}.host_heartbeat", scene.lattice.name());
    for body in [
        "",
        "[",
        "{}",
        r#"{"type":"com.wasmcloud.lattice.host_heartbeat","data":7}"#,
    ] {
        scene
            .lattice
            .publish(&events, &Headers::new(), body.to_owned().into())
            .await
            .unwrap();
    }
    scene.bring_up(&Manifest::shop("x:1")).await;
    assert_eq!(host.running().len(), 2);
    let broken = scene.ask("get.broken", "").await;
    assert_eq!(broken["result"], "error", "{broken}");
    assert_eq!(broken["weft_problems"][0]["code"], "MGR002");
    scene.undeploy("shop").await;
    scene.status_is("shop", StatusType::Undeployed).await;
    assert!(host.running().is_empty());
}

#[tokio::test]
async fn a_flood_of_requests_is_answered() {
    let Some(scene) = Scene::start().await else {
        return;
    };
    let _manager = scene.manager("m1").await;
    let body = b"[".repeat(1 << 18);
    let asked = (0..64).map(|_| scene.ask("put", &body));
    for reply in futures::future::join_all(asked).await {
        assert_eq!(reply["result"], "error");
    }
    eventually(async || {
        let reply = scene.ask("list", "").await;
        if reply.is_array() { Ok(()) } else { Err(reply) }
    })
    .await;
}
