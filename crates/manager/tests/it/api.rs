//! The application API in the form of the wire (spec §9.1).

use std::collections::BTreeSet;

use serde_json::{Value, json};
use weft_lattice::Headers;
use weft_lattice::protocol::application::StatusType;

use crate::scene::{Manifest, Scene};

/// The fields of an object, in order.
fn fields(value: &Value) -> Vec<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[tokio::test]
async fn replies_have_the_shapes_of_the_dialect() {
    let Some(scene) = Scene::start().await else {
        return;
    };
    let _host = scene.host("h1", &[]).await;
    let _manager = scene.manager("m1").await;
    assert_eq!(scene.ask("list", "").await, json!([]));
    let all = scene.ask("get", "").await;
    assert_eq!(
        (&all["result"], &all["models"]),
        (&json!("success"), &json!([]))
    );

    let mut manifest = Manifest::plain(
        "shop",
        "{ name: web, type: component, properties: { image: 'x:1' }, traits: [{ type: spreadscaler, properties: { instances: 1 } }] }",
    )
    .version("v1");
    manifest
        .annotations
        .push("description: sells things".to_owned());
    let put = scene.ask("put", manifest.to_string()).await;
    assert_eq!(
        fields(&put),
        [
            "current_version",
            "message",
            "name",
            "result",
            "total_versions"
        ],
        "{put}"
    );
    assert_eq!(put["result"], "created");
    assert_eq!(put["current_version"], "v1");
    assert_eq!(put["total_versions"], 1);

    let got = scene.ask("get.shop", "").await;
    assert_eq!(fields(&got), ["manifest", "message", "result"]);
    assert_eq!(got["result"], "success");
    assert_eq!(got["manifest"]["metadata"]["name"], "shop");
    assert_eq!(got["manifest"]["metadata"]["annotations"]["version"], "v1");

    let deployed = scene.ask("deploy.shop", "{}").await;
    assert_eq!(fields(&deployed), ["message", "name", "result", "version"]);
    assert_eq!(deployed["result"], "acknowledged");
    assert_eq!(deployed["version"], "v1");
    scene.status_is("shop", StatusType::Deployed).await;

    let status = scene.ask("status.shop", "").await;
    assert_eq!(status["result"], "ok");
    assert_eq!(status["status"]["status"]["type"], "deployed");
    assert_eq!(status["status"]["version"], "v1");
    let part = &status["status"]["scalers"][0];
    assert_eq!(fields(part), ["id", "kind", "name", "status"]);
    assert_eq!(part["id"].as_str().unwrap().len(), 64);

    let list = scene.ask("list", "").await;
    assert_eq!(list[0]["name"], "shop");
    assert_eq!(list[0]["version"], "v1");
    assert_eq!(list[0]["description"], "sells things");
    assert_eq!(list[0]["deployed_version"], "v1");
    assert_eq!(list[0]["status"], "deployed");
    assert_eq!(list[0]["detailed_status"], status["status"]);
}

#[tokio::test]
async fn replies_to_what_ends_something_have_the_shapes_of_the_dialect() {
    let Some(scene) = Scene::start().await else {
        return;
    };
    let _manager = scene.manager("m1").await;
    scene.deploy(&Manifest::shop("x:1").version("v1")).await;
    let versions = scene.ask("versions.shop", "").await;
    assert_eq!(
        versions["versions"],
        json!([{ "version": "v1", "deployed": true }])
    );

    let undeployed = scene.ask("undeploy.shop", "{}").await;
    assert_eq!(
        fields(&undeployed),
        ["message", "name", "result", "version"]
    );
    assert_eq!(undeployed["result"], "acknowledged");
    let deleted = scene.ask("del.shop", "").await;
    assert_eq!(fields(&deleted), ["message", "result", "undeploy"]);
    assert_eq!(deleted["result"], "deleted");
}

#[tokio::test]
async fn what_is_not_there_is_told() {
    let Some(scene) = Scene::start().await else {
        return;
    };
    let _manager = scene.manager("m1").await;
    for (tail, expected) in [
        ("get.none", "notfound"),
        ("versions.none", "notfound"),
        ("deploy.none", "notfound"),
        ("undeploy.none", "notfound"),
        ("del.none", "noop"),
        ("history.none", "error"),
        ("nonsense", "error"),
    ] {
        let reply = scene.ask(tail, "").await;
        assert_eq!(reply["result"], expected, "{tail}: {reply}");
        assert!(!reply["message"].as_str().unwrap().is_empty(), "{tail}");
    }
    scene.put(&Manifest::shop("x:1").version("v1")).await;
    let other = r#"{"version":"v9"}"#;
    assert_eq!(scene.ask("get.shop", other).await["result"], "notfound");
    assert_eq!(scene.ask("deploy.shop", other).await["result"], "notfound");
    assert_eq!(scene.ask("del.shop", other).await["result"], "noop");
    let status = scene.ask("status.shop", "").await;
    assert_eq!(status["status"]["status"]["type"], "undeployed");
}

#[tokio::test]
async fn versions_are_named_or_given() {
    let Some(scene) = Scene::start().await else {
        return;
    };
    let _manager = scene.manager("m1").await;
    let put = async |manifest: &Manifest| scene.ask("put", manifest.to_string()).await;
    let named = Manifest::shop("x:1").version("v1");
    assert_eq!(put(&named).await["result"], "created");
    // The very same is there already; another under its name is refused.
    assert_eq!(put(&named).await["total_versions"], 1);
    let other = put(&Manifest::shop("x:2").version("v1")).await;
    assert_eq!(other["result"], "error");
    assert_eq!(other["message"], "Manifest version v1 already exists");
    // Without a name each gets one, in order.
    let mut given = Vec::new();
    for image in ["x:3", "x:4", "x:5"] {
        let reply = put(&Manifest::shop(image)).await;
        assert_eq!(reply["result"], "newversion");
        given.push(reply["current_version"].as_str().unwrap().to_owned());
    }
    assert!(given.is_sorted() && given.iter().all(|version| version.len() == 26));
    let newest = scene.ask("deploy.shop", r#"{"version":"latest"}"#).await;
    assert_eq!(newest["version"], given[2].as_str());
    let got = scene.ask("get.shop", r#"{"version":"v1"}"#).await;
    let image = &got["manifest"]["spec"]["components"][0]["properties"]["image"];
    assert_eq!(image, "x:1");
    let latest = put(&Manifest::shop("x:6").version("latest")).await;
    assert_eq!(latest["result"], "error");
}

#[tokio::test]
async fn manifests_come_as_json_too() {
    let Some(scene) = Scene::start().await else {
        return;
    };
    let _manager = scene.manager("m1").await;
    scene.put(&Manifest::shop("x:1").version("v1")).await;
    let mut manifest = scene.ask("get.shop", "").await["manifest"].take();
    manifest["metadata"]["annotations"]["version"] = json!("v2");
    let content_type = |kind: &str| Headers::from([("Content-Type".to_owned(), kind.to_owned())]);
    let as_json = content_type("application/json");
    let put = scene.ask_with("put", &as_json, manifest.to_string()).await;
    assert_eq!(put["result"], "newversion", "{put}");
    assert_eq!(put["total_versions"], 2);
    let yaml = Manifest::shop("x:1").version("v3").to_string();
    let refused = scene.ask_with("put", &as_json, &yaml).await;
    assert_eq!(refused["result"], "error");
    assert_eq!(refused["weft_problems"][0]["code"], "MGR009");
    let as_yaml = content_type("application/yaml");
    assert_eq!(
        scene.ask_with("put", &as_yaml, &yaml).await["result"],
        "newversion"
    );
}

#[tokio::test]
async fn every_manager_answers() {
    let Some(scene) = Scene::start().await else {
        return;
    };
    let _host = scene.host("h1", &[]).await;
    let _managers = [scene.manager("m1").await, scene.manager("m2").await];
    scene.bring_up(&Manifest::shop("x:1").version("v1")).await;
    let mut answered = BTreeSet::new();
    let subject = format!("wadm.api.{}.model.list", scene.lattice.name());
    crate::server::eventually(async || {
        let reply = scene
            .lattice
            .request(&subject, &Headers::new(), "".into())
            .await
            .unwrap();
        let list: Value = serde_json::from_slice(&reply.payload).unwrap();
        assert_eq!(list[0]["status"], "deployed", "{list}");
        answered.insert(reply.headers["Weft-Manager"].clone());
        if answered.len() == 2 {
            Ok(())
        } else {
            Err(answered.clone())
        }
    })
    .await;
}

#[tokio::test]
async fn no_put_is_lost_among_others() {
    let Some(scene) = Scene::start().await else {
        return;
    };
    let _managers = [scene.manager("m1").await, scene.manager("m2").await];
    let manifests: Vec<String> = (0..8)
        .map(|number| Manifest::shop(&format!("x:{number}")).to_string())
        .collect();
    let puts = manifests.iter().map(|manifest| scene.ask("put", manifest));
    let mut given = BTreeSet::new();
    for reply in futures::future::join_all(puts).await {
        assert_ne!(reply["result"], "error", "{reply}");
        given.insert(reply["current_version"].as_str().unwrap().to_owned());
    }
    let versions = scene.ask("versions.shop", "").await;
    let stored: BTreeSet<String> = versions["versions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["version"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(stored, given);
    assert_eq!(stored.len(), 8);
    let bucket = scene.applications().await;
    assert_eq!(
        bucket.keys().await.unwrap().len(),
        9,
        "nothing is left over"
    );
}
