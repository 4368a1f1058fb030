//! Changing what runs.

use weft_lattice::protocol::application::{PutResult, StatusType};
use weft_model::annotation;

use crate::scene::{KV, Manifest, Scene, name, web};

#[tokio::test]
async fn a_new_image_is_one_update_in_place() {
    let Some(scene) = Scene::start().await else {
        return;
    };
    let host = scene.host("h1", &[]).await;
    let manager = scene.manager("m1").await;
    scene.bring_up(&Manifest::shop("x:1").version("v1")).await;
    scene.log.take();
    scene.bring_up(&Manifest::shop("x:2").version("v2")).await;
    manager.plans(2).await;
    // The host brings the new one up before it drains the old one; nothing is ended in between, and nothing else is
    // touched.
    assert_eq!(scene.log.texts(), ["h1: update shop-web to 2 of x:2"]);
    assert_eq!(
        host.running(),
        ["shop-web 2 x:2", "shop-kv ghcr.io/acme/kv:1"]
    );
    // Going back is the same.
    scene.log.take();
    let applications = scene.lattice.applications();
    applications
        .deploy(&name("shop"), Some("v1"))
        .await
        .unwrap();
    scene.told(&["h1: update shop-web to 2 of x:1"]).await;
    scene.status_is("shop", StatusType::Deployed).await;
    assert_eq!(scene.log.texts().len(), 1);
}

#[tokio::test]
async fn new_content_under_the_same_reference_is_an_update() {
    let Some(scene) = Scene::start().await else {
        return;
    };
    let host = scene.host("h1", &[]).await;
    let manager = scene.manager("m1").await;
    let built = |digit| Manifest::shop("file:///web.wasm").digest("web", digit);
    let first = scene.bring_up(&built('a')).await;
    scene.log.take();
    // The same text with the same content is no new version, and deploying it changes nothing.
    let again = scene.put(&built('a')).await;
    assert_eq!(again.current_version.as_ref(), Some(&first));
    assert_eq!(again.total_versions, Some(1));
    assert_eq!(scene.bring_up(&built('a')).await, first);
    manager.plans(2).await;
    assert_eq!(scene.log.texts(), Vec::<String>::new());
    // The same text with other content is.
    let second = scene.bring_up(&built('b')).await;
    assert_ne!(first, second);
    assert_eq!(
        scene.log.texts(),
        ["h1: update shop-web to 2 of file:///web.wasm @bb"]
    );
    assert_eq!(
        host.annotations("shop-web")[annotation::DIGEST],
        format!("sha256:{}", "b".repeat(64))
    );
}

#[tokio::test]
async fn what_a_revision_leaves_out_goes_when_the_rest_is_up() {
    let Some(scene) = Scene::start().await else {
        return;
    };
    let host = scene.host("h1", &[]).await;
    let _manager = scene.manager("m1").await;
    let old = "{ name: old, type: component, properties: { image: 'o:1' } }";
    let new = "{ name: new, type: component, properties: { image: 'n:1' } }";
    scene.bring_up(&Manifest::plain("shop", old)).await;
    host.miss("n:1");
    scene.deploy(&Manifest::plain("shop", new)).await;
    let failed = crate::server::eventually(async || {
        let status = scene.status("shop").await;
        match status.info.kind {
            StatusType::Failed => Ok(status),
            _ => Err(status),
        }
    })
    .await;
    assert_eq!(failed.weft_removing, 1);
    assert_eq!(host.running(), ["shop-old 1 o:1"], "it still serves");
    host.find_all();
    scene.status_is("shop", StatusType::Deployed).await;
    assert_eq!(host.running(), ["shop-new 1 n:1"]);
    let texts = scene.log.texts();
    let place = |text: &str| texts.iter().rposition(|one| one == text);
    assert!(
        place("h1: scale shop-old to 0 of o:1") > place("h1: scale shop-new to 1 of n:1"),
        "{texts:?}"
    );
}

#[tokio::test]
async fn a_changed_number_or_config_changes_no_more_than_that() {
    let Some(scene) = Scene::start().await else {
        return;
    };
    let host = scene.host("h1", &[]).await;
    let _manager = scene.manager("m1").await;
    scene.bring_up(&Manifest::shop("x:1")).await;
    scene.log.take();
    let mut more = Manifest::shop("x:1");
    more.components = vec![web("x:1", 5), KV.to_owned()];
    let put = scene.put(&more).await;
    assert_eq!(put.result, PutResult::NewVersion);
    scene.bring_up(&more).await;
    assert_eq!(scene.log.texts(), ["h1: scale shop-web to 5 of x:1"]);
    scene.log.take();
    let mut grey = more.clone();
    grey.components[0] = grey.components[0].replace("blue", "grey");
    scene.bring_up(&grey).await;
    assert_eq!(scene.log.texts()[0], "h1: put config shop-colours");
    assert_eq!(
        host.running(),
        ["shop-web 5 x:1", "shop-kv ghcr.io/acme/kv:1"]
    );
}
