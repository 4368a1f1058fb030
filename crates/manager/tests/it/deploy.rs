//! Deploying and undeploying.

use weft_lattice::protocol::application::{Status, StatusType};
use weft_lattice::protocol::json;
use weft_model::annotation;
use weft_model::problem::Problem;

use crate::scene::{Manifest, Scene, name};
use crate::server::{eventually, in_time};

/// Each kind of status that was published, as long as it differs from the one before.
fn kinds(statuses: &[Status]) -> Vec<StatusType> {
    let mut kinds: Vec<StatusType> = statuses.iter().map(|status| status.info.kind).collect();
    kinds.dedup();
    kinds
}

#[tokio::test]
async fn a_deployed_application_comes_up_with_all_its_parts() {
    let Some(scene) = Scene::start().await else {
        return;
    };
    let host = scene.host("h1", &[]).await;
    let subject = format!("wadm.status.{}.shop", scene.lattice.name());
    let mut published = scene.lattice.subscribe(&subject, None).await.unwrap();
    scene.lattice.flush().await.unwrap();
    let _manager = scene.manager("m1").await;
    scene.bring_up(&Manifest::shop("x:1").version("v1")).await;

    let commands = scene.log.all();
    let texts: Vec<&str> = commands.iter().map(|one| one.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "h1: put config shop-colours",
            "h1: start shop-kv of ghcr.io/acme/kv:1",
            "h1: scale shop-web to 2 of x:1",
        ]
    );
    assert_eq!(
        host.running(),
        ["shop-web 2 x:1", "shop-kv ghcr.io/acme/kv:1"]
    );
    assert_eq!(scene.links("shop-web").await, ["shop-web -> shop-kv"]);
    for command in &commands {
        let lease = command.lease.as_deref().unwrap();
        assert!(lease.ends_with(":1"), "{lease}");
    }
    let annotations = host.annotations("shop-web");
    assert_eq!(annotations[annotation::MANAGED_BY], "weft");
    assert_eq!(annotations[annotation::APPLICATION], "shop");

    let status = scene.status("shop").await;
    let mut parts: Vec<(&str, &str)> = status
        .scalers
        .iter()
        .map(|part| (part.kind.as_str(), part.name.as_str()))
        .collect();
    parts.sort_unstable();
    assert_eq!(
        parts,
        [
            ("ConfigScaler", "shop-colours"),
            ("LinkScaler", "shop-web -(wasi:keyvalue)-> shop-kv"),
            ("SpreadScaler", "shop-kv"),
            ("SpreadScaler", "shop-web"),
        ]
    );
    let mut statuses: Vec<Status> = Vec::new();
    while kinds(&statuses).last() != Some(&StatusType::Deployed) {
        let message = in_time(published.next()).await.unwrap();
        statuses.push(json::decode(&message.payload).unwrap());
    }
    assert_eq!(
        kinds(&statuses),
        [StatusType::Reconciling, StatusType::Deployed]
    );
}

#[tokio::test]
async fn undeploying_removes_what_is_its_own_and_nothing_else() {
    let Some(scene) = Scene::start().await else {
        return;
    };
    let host = scene.host("h1", &[]).await;
    host.run_foreign("stranger");
    let control = scene.lattice.control();
    // The config has the form of one of the application, but nobody who deployed put it.
    for config in ["shop-other", "common"] {
        let config = config.parse().unwrap();
        control
            .put_config(&config, &Default::default())
            .await
            .unwrap();
    }
    scene.log.take();
    let manager = scene.manager("m1").await;
    let neighbour =
        "{ name: api, type: component, properties: { image: 'y:1', config: [{ name: common }] } }";
    scene.bring_up(&Manifest::plain("other", neighbour)).await;
    scene.bring_up(&Manifest::shop("x:1")).await;
    scene.log.take();

    scene.undeploy("shop").await;
    scene.status_is("shop", StatusType::Undeployed).await;
    let mut texts = scene.log.texts();
    texts.sort();
    assert_eq!(
        texts,
        [
            "h1: delete config shop-colours",
            "h1: scale shop-web to 0 of x:1",
            "h1: stop shop-kv",
        ]
    );
    assert_eq!(
        host.running(),
        ["other-api 1 y:1", "stranger 1 foreign:1"],
        "what is another's stays"
    );
    assert!(scene.links("shop-web").await.is_empty());
    let configs = scene.buckets.configs.keys().await.unwrap();
    assert_eq!(Vec::from_iter(configs), ["common", "shop-other"]);

    // What is deleted leaves nothing behind.
    let applications = scene.lattice.applications();
    applications.delete(&name("shop"), None).await.unwrap();
    let bucket = scene.applications().await;
    eventually(async || {
        let keys = bucket.keys().await.unwrap();
        if keys.iter().any(|key| key.contains("shop")) {
            Err(keys)
        } else {
            Ok(())
        }
    })
    .await;
    manager.plans(2).await;
    assert_eq!(scene.status("other").await.info.kind, StatusType::Deployed);
}

#[tokio::test]
async fn a_deployed_application_can_be_deleted_at_once() {
    let Some(scene) = Scene::start().await else {
        return;
    };
    let host = scene.host("h1", &[]).await;
    let _manager = scene.manager("m1").await;
    scene.bring_up(&Manifest::shop("x:1")).await;
    let applications = scene.lattice.applications();
    let deleted = applications.delete(&name("shop"), None).await.unwrap();
    assert!(deleted.undeploy);
    let bucket = scene.applications().await;
    eventually(async || {
        let keys = bucket.keys().await.unwrap();
        if keys.is_empty() && host.running().is_empty() {
            Ok(())
        } else {
            Err((keys, host.running()))
        }
    })
    .await;
    assert!(scene.buckets.configs.keys().await.unwrap().is_empty());
    assert!(scene.links("shop-web").await.is_empty());
}

#[tokio::test]
async fn a_daemon_runs_on_each_host_that_matches() {
    let Some(scene) = Scene::start().await else {
        return;
    };
    let east = scene.host("h1", &[("zone", "east")]).await;
    let west = scene.host("h2", &[("zone", "west")]).await;
    let _manager = scene.manager("m1").await;
    let agent = "{ name: agent, type: component, properties: { image: 'x:1' }, \
        traits: [{ type: daemonscaler, properties: { instances: 3, spread: [{ name: e, requirements: { zone: east } }] } }] }";
    scene.bring_up(&Manifest::plain("ops", agent)).await;
    assert_eq!(east.running(), ["ops-agent 3 x:1"]);
    assert!(west.running().is_empty());
    // One that comes later gets it too.
    let late = scene.host("h3", &[("zone", "east")]).await;
    scene.told(&["h3: scale ops-agent to 3 of x:1"]).await;
    scene.status_is("ops", StatusType::Deployed).await;
    assert_eq!(late.running(), ["ops-agent 3 x:1"]);
    assert!(west.running().is_empty());
}

#[tokio::test]
async fn a_spread_is_shared_by_weight() {
    let Some(scene) = Scene::start().await else {
        return;
    };
    let east = scene.host("h1", &[("zone", "east")]).await;
    let west = scene.host("h2", &[("zone", "west")]).await;
    let _manager = scene.manager("m1").await;
    let web = "{ name: web, type: component, properties: { image: 'x:1' }, \
        traits: [{ type: spreadscaler, properties: { instances: 10, spread: \
        [{ name: e, weight: 80, requirements: { zone: east } }, { name: w, weight: 20, requirements: { zone: west } }] } }] }";
    scene.bring_up(&Manifest::plain("shop", web)).await;
    assert_eq!(east.running(), ["shop-web 8 x:1"]);
    assert_eq!(west.running(), ["shop-web 2 x:1"]);
}

#[tokio::test]
async fn the_status_tells_what_is_missing() {
    let Some(scene) = Scene::start().await else {
        return;
    };
    let _manager = scene.manager("m1").await;
    let web = "{ name: web, type: component, properties: { image: 'x:1' }, \
        traits: [{ type: spreadscaler, properties: { instances: 1, spread: [{ name: e, requirements: { zone: east } }] } }] }";
    scene.deploy(&Manifest::plain("shop", web)).await;
    // Nobody is there.
    let status = eventually(async || {
        let status = scene.status("shop").await;
        let is_told = matches!(status.info.kind, StatusType::Waiting | StatusType::Failed)
            && !status.scalers.is_empty();
        if is_told { Ok(status) } else { Err(status) }
    })
    .await;
    assert!(!status.info.message.is_empty(), "{status:?}");
    // Somebody is, but not where it is to run.
    let west = scene.host("h1", &[("zone", "west")]).await;
    let status = scene.status_is("shop", StatusType::Failed).await;
    assert!(status.info.message.contains("zone"), "{status:?}");
    assert_eq!(status.weft_problems[0].code, "PLN001", "{status:?}");
    let east = scene.host("h2", &[("zone", "east")]).await;
    east.miss("x:1");
    // The host cannot get the image, and is asked again now and then.
    let status = eventually(async || {
        let status = scene.status("shop").await;
        let problem = status.weft_problems.first();
        if problem.is_some_and(|problem| problem.code == "ART001") {
            Ok(status)
        } else {
            Err(status)
        }
    })
    .await;
    assert_eq!(status.info.kind, StatusType::Failed);
    assert_eq!(status.info.message, "`x:1` is not in its registry");
    assert_eq!(status.weft_problems[0].hints, ["push it"]);
    east.find_all();
    let status = scene.status_is("shop", StatusType::Deployed).await;
    assert_eq!(status.weft_problems, []);
    assert_eq!(east.running(), ["shop-web 1 x:1"]);
    assert!(west.running().is_empty());
}

#[tokio::test]
async fn two_applications_do_not_share_an_id() {
    let Some(scene) = Scene::start().await else {
        return;
    };
    let host = scene.host("h1", &[]).await;
    let _manager = scene.manager("m1").await;
    let claims = |image: &str| {
        format!("{{ name: web, type: component, properties: {{ id: web, image: '{image}' }} }}")
    };
    scene
        .bring_up(&Manifest::plain("first", &claims("x:1")))
        .await;
    scene.put(&Manifest::plain("second", &claims("y:1"))).await;
    let refused = scene.ask("deploy.second", "").await;
    assert_eq!(refused["result"], "error", "{refused}");
    assert!(refused["message"].as_str().unwrap().contains("first"));
    assert_eq!(host.running(), ["web 1 x:1"]);
}

#[tokio::test]
async fn what_hosts_say_of_what_runs_is_in_the_status() {
    let Some(scene) = Scene::start().await else {
        return;
    };
    let host = scene.host("h1", &[]).await;
    let manager = scene.manager("m1").await;
    scene.bring_up(&Manifest::shop("x:1")).await;
    scene.log.take();
    host.tell_health("shop-kv", false).await;
    scene.status_is("shop", StatusType::Unhealthy).await;
    let problem = Problem {
        code: "LNK003".into(),
        subject: "shop-web".to_owned(),
        message: "the target does not offer what is asked of it".to_owned(),
        hints: Vec::new(),
    };
    host.complain("shop-web", Some(&problem));
    let status = scene.status_is("shop", StatusType::Failed).await;
    assert_eq!(status.info.message, problem.message);
    assert_eq!(status.weft_problems[0].code, "LNK003");
    host.complain("shop-web", None);
    scene.status_is("shop", StatusType::Unhealthy).await;
    host.tell_health("shop-kv", true).await;
    scene.status_is("shop", StatusType::Deployed).await;
    // It is told, and nothing is done about it.
    manager.plans(1).await;
    assert_eq!(scene.log.texts(), Vec::<String>::new());
}
