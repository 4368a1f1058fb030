//! What nobody in their senses would send, to whoever listens.

use serde_json::Value;
use weft_model::id::HostId;
use weft_testkit::{BrokerKind, Manifest, Site, free_address, guest, http, in_time};

/// Subjects of the control interface that read their bodies; `H` stands for the host.
const CONTROL: [&str; 15] = [
    "host.stop.H",
    "component.scale.H",
    "component.update.H",
    "provider.start.H",
    "provider.stop.H",
    "label.put.H",
    "label.del.H",
    "link.put",
    "link.del",
    "config.put.nonsense",
    "config.put.SECRET_nonsense",
    "registry.put",
    "component.auction",
    "provider.auction",
    "nonsense.H",
];
const APPLICATION: [&str; 7] = [
    "put",
    "get.shop",
    "del.shop",
    "versions.shop",
    "deploy.shop",
    "undeploy.shop",
    "status.shop",
];

#[tokio::test]
async fn hostile_bodies_harm_nobody_on_the_embedded_broker() {
    hostile_bodies_harm_nobody(BrokerKind::Embedded).await;
}

#[tokio::test]
async fn hostile_bodies_harm_nobody_on_nats_server() {
    hostile_bodies_harm_nobody(BrokerKind::Server).await;
}

async fn hostile_bodies_harm_nobody(kind: BrokerKind) {
    let Some((site, node)) = Site::start(kind).await else {
        return;
    };
    let address = free_address();
    let shop = Manifest::http("shop-window", &guest::path("hello-http"), address);
    site.bring_up(&shop).await;
    let before = state(&site).await;

    ask_the_host(&site, &node.host()).await;
    ask_the_manager(&site).await;
    // Events and records that are none.
    for subject in [
        "wasmbus.evt.default.host_heartbeat",
        "wasmbus.evt.default.component_scaled",
        "$KV.LATTICEDATA_default.COMPONENT_nonsense",
        "$KV.CONFIGDATA_default.nonsense",
    ] {
        for body in bodies() {
            let sent = site.nats().publish(subject.to_owned(), body.into());
            in_time(sent).await.unwrap();
        }
    }
    for subject in [
        "$KV.LATTICEDATA_default.COMPONENT_nonsense",
        "$KV.CONFIGDATA_default.nonsense",
    ] {
        let mut headers = async_nats::HeaderMap::new();
        headers.insert("KV-Operation", "DEL");
        let gone = site
            .nats()
            .request_with_headers(subject.to_owned(), headers, "".into());
        in_time(gone).await.unwrap();
    }

    assert_eq!(state(&site).await, before);
    http::get(address, "/").await.unwrap().text();
    // Both still do what they are told.
    let other = free_address();
    site.bring_up(&Manifest::http("other", &guest::path("hello-http"), other))
        .await;
    http::get(other, "/").await.unwrap().text();
    site.undeploy("shop-window").await;
    http::is_gone(address).await;
}

async fn ask_the_host(site: &Site, host: &HostId) {
    for tail in CONTROL {
        let subject = format!(
            "wasmbus.ctl.v1.default.{}",
            tail.replace(".H", &format!(".{host}"))
        );
        for body in bodies() {
            let shown = shown(&body);
            let is_silent = tail.ends_with("auction") || tail.starts_with("nonsense");
            match in_time(site.nats().request(subject.clone(), body.into())).await {
                Ok(answer) => {
                    let answer: Value = serde_json::from_slice(&answer.payload).unwrap();
                    assert_eq!(answer["success"], false, "{subject} {shown}: {answer}");
                    let message = answer["message"].as_str().unwrap();
                    assert!(!message.is_empty() && message.len() < 2000, "{answer}");
                }
                // Nobody bids, and nobody is asked what nobody knows.
                Err(error) => assert!(is_silent, "{subject} {shown}: {error}"),
            }
        }
    }
}

async fn ask_the_manager(site: &Site) {
    for tail in APPLICATION {
        let subject = format!("wadm.api.default.model.{tail}");
        for body in bodies() {
            let shown = shown(&body);
            let answer = site.ask(&subject, body).await;
            let result = answer["result"].as_str().unwrap_or_default();
            // The status of an application that does not exist is that of one that does not run.
            let is_nothing = answer["status"]["status"]["type"] == "undeployed";
            assert!(
                ["error", "notfound", "noop"].contains(&result) || is_nothing,
                "{subject} {shown}: {answer}"
            );
        }
    }
}

/// Everything that a hostile request could have left behind.
async fn state(site: &Site) -> Vec<String> {
    let mut state = site.links().await;
    state.extend(site.keys("LATTICEDATA_default").await);
    state.extend(site.keys("CONFIGDATA_default").await);
    let applications = site.ask("wadm.api.default.model.get", "").await;
    let list = applications.as_array().cloned().unwrap_or_default();
    state.extend(list.iter().map(|one| one["name"].to_string()));
    let hosts = site
        .lattice()
        .control()
        .ping_expecting(1, weft_testkit::DEADLINE)
        .await
        .unwrap();
    for host in hosts {
        state.push(format!("{:?}", host.labels));
        state.extend(site.running(&host.host().unwrap()).await);
    }
    state
}

fn bodies() -> Vec<Vec<u8>> {
    // The largest message that a server takes by default, with room for the envelope.
    const BYTES: usize = (1 << 20) - 1024;
    let long = "x".repeat(BYTES - 64);
    vec![
        b"not json".to_vec(),
        b"\xff\xfe\0\0".to_vec(),
        b"[".repeat(BYTES),
        b"{\"a\":".repeat(BYTES / 5),
        b"7".to_vec(),
        b"[[]]".to_vec(),
        format!("\"{long}\"").into_bytes(),
        format!(r#"{{"version":{{"a":"{long}"}},"key":[],"component_id":7,"provider_id":{{}},"source_id":[],"host_id":[],"timeout":"soon"}}"#).into_bytes(),
    ]
}

fn shown(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(20)]).into_owned()
}
