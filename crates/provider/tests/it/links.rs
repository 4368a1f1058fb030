//! Links and configs as they come and go.

use serde_json::json;
use weft_provider::Options;

use crate::host::{Host, config, link};
use crate::server::settled;
use crate::subject::{Log, Told, Witness};

fn put(name: &str, value: &str) -> Told {
    Told::Put {
        is_target: true,
        peer: "caller".to_owned(),
        name: name.to_owned(),
        config: config("url", value),
        password: None,
    }
}

fn deleted(name: &str) -> Told {
    Told::Deleted {
        peer: "caller".to_owned(),
        name: name.to_owned(),
    }
}

fn init() -> Told {
    Told::Init {
        config: config("url", "one"),
        token: Some("t0k".to_owned()),
    }
}

/// Changes the config, which comes after all that was told before.
async fn everything_told(host: &Host, log: &mut Log, mark: &str) -> Vec<Told> {
    settled(&host.nats).await;
    host.tell("kv.config.update", &json!({ "mark": mark }))
        .await;
    let mut all = Vec::new();
    loop {
        match log.next().await {
            Told::Config(told) if told == config("mark", mark) => return all,
            told => all.push(told),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn links_are_told_once_and_again_when_they_change() {
    let Some(mut host) = Host::start().await else {
        return;
    };
    host.data["link_definitions"] = json!([link("first", &json!({"url": "a"}))]);
    let (witness, mut log) = Witness::new();
    let running = host.run_until_healthy(witness).await;
    assert_eq!(log.next().await, init());
    assert_eq!(log.next().await, put("first", "a"));

    // As the host knows it, with the copies for old SDKs.
    host.put_link(&link("first", &json!({"url": "a"}))).await;
    host.put_link(&link("second", &json!({"url": "b"}))).await;
    assert_eq!(log.next().await, put("second", "b"));
    host.put_link(&link("first", &json!({"url": "c"}))).await;
    assert_eq!(log.next().await, put("first", "c"));
    // Two links of the same pair: the other one stays.
    host.delete_link(&link("first", &json!({}))).await;
    assert_eq!(log.next().await, deleted("first"));
    host.put_link(&link("second", &json!({"url": "b"}))).await;
    host.delete_link(&link("first", &json!({}))).await;
    host.delete_link(&link("second", &json!({}))).await;
    assert_eq!(log.next().await, deleted("second"));
    assert_eq!(everything_told(&host, &mut log, "end").await, []);
    host.shut_down(running).await;
    assert_eq!(log.rest(), [Told::Shutdown]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_host_of_weft_changes_is_not_deleted_last() {
    let Some(host) = Host::start().await else {
        return;
    };
    let (witness, mut log) = Witness::new();
    let running = host.run_until_healthy(witness).await;
    assert_eq!(log.next().await, init());
    let own = host.provider_key.public_key();
    for round in 0..200 {
        let link = link("l", &json!({ "url": round.to_string() }));
        host.tell(&format!("{own}.linkdefs.del"), &link).await;
        host.tell(&format!("{own}.linkdefs.put"), &link).await;
    }
    for round in 0..200 {
        if round > 0 {
            assert_eq!(log.next().await, deleted("l"));
        }
        assert_eq!(log.next().await, put("l", &round.to_string()));
    }
    assert_eq!(everything_told(&host, &mut log, "end").await, []);
    host.shut_down(running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_was_refused_is_told_again() {
    let Some(host) = Host::start().await else {
        return;
    };
    let (witness, mut log) = Witness::new();
    let running = host.run_until_healthy(witness).await;
    assert_eq!(log.next().await, init());
    host.put_link(&link("l", &json!({"url": "a", "refuse": ""})))
        .await;
    host.put_link(&link("l", &json!({"url": "a", "panic": ""})))
        .await;
    for strange in [json!({}), json!([1]), json!({"source_id": "x"})] {
        let own = host.provider_key.public_key();
        host.tell(&format!("{own}.linkdefs.put"), &strange).await;
        host.tell("kv.linkdefs.del", &strange).await;
    }
    let mut foreign = link("l", &json!({"url": "a"}));
    foreign["target"] = json!("other");
    host.put_link(&foreign).await;
    assert_eq!(everything_told(&host, &mut log, "refused").await, []);
    host.put_link(&link("l", &json!({"url": "a"}))).await;
    assert_eq!(log.next().await, put("l", "a"));
    host.shut_down(running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_opened_on_the_side_of_the_provider() {
    let Some(host) = Host::start().await else {
        return;
    };
    let (witness, mut log) = Witness::new();
    let running = host.run_until_healthy(witness).await;
    assert_eq!(log.next().await, init());
    let password = |value: &str| json!({"password": {"kind": "String", "value": value}});
    let mut as_source = link("out", &json!({}));
    as_source["source_id"] = json!("kv");
    as_source["target"] = json!("callee");
    as_source["source_config"] = json!({"url": "s"});
    as_source["source_secrets"] = host.seal(&password("s3cr3t"));
    as_source["target_secrets"] = json!([1, 2, 3]);
    host.put_link(&as_source).await;
    let told = |value: &str| Told::Put {
        is_target: false,
        peer: "callee".to_owned(),
        name: "out".to_owned(),
        config: config("url", "s"),
        password: Some(value.to_owned()),
    };
    assert_eq!(log.next().await, told("s3cr3t"));
    // Sealed for another process: the link stays as it is.
    let other = host.key.seal(b"{}", &nkeys::XKey::new()).unwrap();
    as_source["source_secrets"] = json!(other);
    host.put_link(&as_source).await;
    // Sealed once more it is other bytes, but the same secret.
    as_source["source_secrets"] = host.seal(&password("s3cr3t"));
    host.put_link(&as_source).await;
    assert_eq!(everything_told(&host, &mut log, "sealed").await, []);
    as_source["source_secrets"] = host.seal(&password("n3w"));
    host.put_link(&as_source).await;
    assert_eq!(log.next().await, told("n3w"));
    host.shut_down(running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn configs_are_told_when_they_change() {
    let Some(host) = Host::start().await else {
        return;
    };
    let (witness, mut log) = Witness::new();
    let running = host.run(witness, Options::default()).await;
    assert_eq!(log.next().await, init());
    // As hosts of 1.9 do once after the start.
    host.tell("kv.config.update", &json!({"url": "one"})).await;
    host.tell("kv.config.update", &json!({"url": 1})).await;
    host.tell("kv.config.update", &json!({"url": "two"})).await;
    assert_eq!(log.next().await, Told::Config(config("url", "two")));
    host.wait_until_healthy().await;
    host.shut_down(running).await;
}
