//! The state of a lattice of several hosts: what many change at once, what a network that fails keeps back, what others
//! overwrite.

use std::time::Duration;

use async_nats::Request;
use futures::future::join_all;
use serde_json::{Value, json};
use weft_lattice::protocol::application::StatusType;
use weft_model::inventory::HostInventory;
use weft_testkit::{
    BrokerKind, Component, Join, Manifest, Member, Provider, Proxy, Scaler, Site, eventually,
    guest, http,
};

const CONTROL: &str = "wasmbus.ctl.v1.default";
/// How long a network fails.
const PARTITION: Duration = Duration::from_secs(10);
/// How many links are put at once.
const LINKS: usize = 50;
/// Where components may run.
const WORKER: Option<(&str, &str)> = Some(("role", "worker"));

fn worker() -> Join {
    Join::host().label("role", "worker")
}

async fn links_put_at_once(kind: BrokerKind) {
    let Some((mut site, _first)) = Site::start(kind).await else {
        return;
    };
    let _others = [site.join(Join::host()).await, site.join(Join::host()).await];
    let puts = (0..LINKS).map(|target| {
        let body = json!({
            "source_id": "web", "target": format!("store-{target:02}"), "name": format!("n{target}"),
            "wit_namespace": "wasi", "wit_package": "keyvalue", "interfaces": ["store"],
            "source_config": [], "target_config": [],
        });
        site.ask("wasmbus.ctl.v1.default.link.put", body.to_string())
    });
    for answer in join_all(puts).await {
        assert_eq!(answer["success"], true, "{answer}");
    }
    let expected: Vec<String> = (0..LINKS)
        .map(|target| format!("web -> store-{target:02}"))
        .collect();
    assert_eq!(site.links().await, expected);
}

#[tokio::test]
async fn links_that_are_put_at_once_by_different_hosts_all_survive_on_the_embedded_broker() {
    links_put_at_once(BrokerKind::Embedded).await;
}

#[tokio::test]
async fn links_that_are_put_at_once_by_different_hosts_all_survive_on_nats_server() {
    links_put_at_once(BrokerKind::Server).await;
}

/// The record of a component, as a plain client reads it.
async fn record(site: &Site, id: &str) -> Value {
    let subject =
        format!("$JS.API.DIRECT.GET.KV_LATTICEDATA_default.$KV.LATTICEDATA_default.COMPONENT_{id}");
    let answer = site.nats().request(subject, "".into()).await.unwrap();
    serde_json::from_slice(&answer.payload).unwrap_or_default()
}

#[tokio::test]
async fn a_link_that_a_host_of_1_9_overwrote_is_put_again() {
    let Some((site, _node)) = Site::start(BrokerKind::Server).await else {
        return;
    };
    let manifest = Manifest::new("shop").with(
        Component::new("web", &guest::path("kinds-caller"))
            .scaler(&Scaler::Spread(1, None))
            .link("callee", "demo", "vectors", &["kinds"])
            .link("kv", "wasi", "keyvalue", &["store", "atomics"]),
    );
    let manifest = manifest
        .with(
            Component::new("callee", &guest::path("kinds-callee")).scaler(&Scaler::Spread(1, None)),
        )
        .provider(Provider::new("kv", "wasmcloud+builtin://keyvalue-memory"));
    site.bring_up(&manifest).await;
    let before = record(&site, "shop-web").await;
    assert_eq!(before["links"].as_array().unwrap().len(), 2, "{before}");
    // It had read the record before the second link came, adds one of its own, and writes without looking.
    let foreign = json!({
        "source_id": "shop-web", "target": "other", "name": "other", "wit_namespace": "a",
        "wit_package": "b", "interfaces": ["c"], "source_config": [], "target_config": [],
    });
    let mut overwritten = before.clone();
    overwritten["links"] = json!([before["links"][0], foreign]);
    site.nats()
        .publish(
            "$KV.LATTICEDATA_default.COMPONENT_shop-web",
            overwritten.to_string().into(),
        )
        .await
        .unwrap();
    // Both are there again, and what is not the manager's stays.
    eventually(async || {
        let links = site.links().await;
        let expected = [
            "shop-web -> other",
            "shop-web -> shop-callee",
            "shop-web -> shop-kv",
        ];
        if links == expected {
            Ok(())
        } else {
            Err(links)
        }
    })
    .await;
}

/// Which network fails.
#[derive(Clone, Copy)]
enum Failure {
    /// Nothing passes, and nobody is told.
    Silent,
    /// Connections break.
    Loud,
}

fn instances(inventory: &HostInventory) -> u32 {
    inventory
        .components
        .iter()
        .map(|component| component.instances_max)
        .sum()
}

fn greeted(greeting: &str) -> Manifest {
    Manifest::new("shop")
        .with(
            Component::new("web", &guest::path("configured"))
                .config("greeting", "greeting", greeting)
                .scaler(&Scaler::Spread(4, WORKER)),
        )
        .provider(
            Provider::http("http")
                .serve("web", None)
                .scaler(&Scaler::Spread(2, WORKER)),
        )
}

/// Puts a link. A host that nobody knows to be gone may be given the request, and then nobody answers.
async fn put_link(site: &Site, body: &Value) {
    let answer = eventually(async || {
        let question = Request::new().payload(body.to_string().into());
        let question = question.timeout(Some(Duration::from_secs(2)));
        let subject = format!("{CONTROL}.link.put");
        let answer = site.nats().send_request(subject, question).await;
        answer.map_err(|error| error.to_string())
    })
    .await;
    let answer: Value = serde_json::from_slice(&answer.payload).unwrap();
    assert_eq!(answer["success"], true, "{answer}");
}

async fn partition(kind: BrokerKind, failure: Failure) {
    // The manager's host runs nothing of it.
    let Some((mut site, manager)) = Site::start(kind).await else {
        return;
    };
    let mut proxy: Proxy = site.proxy().await;
    let far = site.join_behind(&proxy, worker()).await;
    let near = site.join(worker()).await;
    site.bring_up(&greeted("hello")).await;
    let all = async |members: &[&Member]| {
        let mut all = Vec::new();
        for member in members {
            all.push(instances(&site.inventory(&member.host()).await));
        }
        all
    };
    assert_eq!(all(&[&far, &near]).await.iter().sum::<u32>(), 4);
    http::get(far.http(), "/").await.unwrap().text();

    match failure {
        Failure::Silent => proxy.hold(),
        Failure::Loud => proxy.cut(),
    }
    // Its share moves; whoever reaches it by HTTP is answered all the while.
    eventually(async || match all(&[&near]).await[..] {
        [4] => Ok(()),
        ref other => Err(other.to_vec()),
    })
    .await;
    assert_eq!(
        http::get(far.http(), "/").await.unwrap().text(),
        "greeting=hello\n"
    );
    // What changes meanwhile, it does not hear of.
    let version = site.deploy(&greeted("again")).await;
    let body = json!({
        "source_id": "shop-web", "target": "by-hand", "name": "by-hand", "wit_namespace": "a",
        "wit_package": "b", "interfaces": ["c"], "source_config": [], "target_config": [],
    });
    put_link(&site, &body).await;
    http::get_when(near.http(), "/", |answer| answer.body == "greeting=again\n").await;
    proxy.lasts(PARTITION).await;
    proxy.heal();

    // It is counted again, and told what it missed; nothing runs twice.
    http::get_when(far.http(), "/", |answer| answer.body == "greeting=again\n").await;
    site.is_up("shop", &version).await;
    eventually(async || match all(&[&far, &near]).await[..] {
        [one, other] if one + other == 4 && one > 0 => Ok(()),
        ref other => Err(other.to_vec()),
    })
    .await;
    assert_eq!(
        site.links().await,
        ["shop-http -> shop-web", "shop-web -> by-hand"]
    );
    assert_eq!(site.running(&manager.host()).await, [""; 0]);
    let status = site.status_when("shop", |status| status.info.kind == StatusType::Deployed);
    status.await;
}

#[tokio::test]
async fn a_network_that_fails_in_silence_heals_on_the_embedded_broker() {
    partition(BrokerKind::Embedded, Failure::Silent).await;
}

#[tokio::test]
async fn a_network_that_breaks_connections_heals_on_nats_server() {
    partition(BrokerKind::Server, Failure::Loud).await;
}
