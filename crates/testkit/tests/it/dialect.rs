//! Every documented request (spec §1.1-1.4) by a client that knows nothing of Weft: answers are those of the original, word
//! by word; what Weft adds begins with `weft`.

use futures::{FutureExt, StreamExt};
use serde_json::{Value, json};
use weft_testkit::{BrokerKind, Site, eventually, in_time};

const CONTROL: &str = "wasmbus.ctl.v1.default.";

/// A client of a site with one host.
struct Client<'s> {
    site: &'s Site,
    host: String,
}

// ===== impl Client =====

impl Client<'_> {
    /// The answer, without what Weft adds.
    async fn ask(&self, subject: &str, body: &str) -> Value {
        let subject = format!("{CONTROL}{}", subject.replace("HOST", &self.host));
        let body = body.replace("HOST", &self.host);
        let mut answer = self.site.ask(&subject, body.as_str()).await;
        if let Some(fields) = answer.as_object_mut() {
            fields.retain(|key, _| !key.starts_with("weft"));
        }
        answer
    }

    /// Asserts that the request is done with this text, and without data.
    fn done(&self, subject: &str, body: &str, message: &str) -> impl Future<Output = ()> {
        self.answers(subject, body, json!({"success": true, "message": message}))
    }

    /// Asserts that the request is refused with this text.
    fn refused(&self, subject: &str, body: &str, message: &str) -> impl Future<Output = ()> {
        self.answers(subject, body, json!({"success": false, "message": message}))
    }

    /// Asserts that the request is answered with this data.
    fn data(&self, subject: &str, body: &str, data: Value) -> impl Future<Output = ()> {
        let data = json!({"success": true, "message": "", "response": data});
        self.answers(subject, body, data)
    }

    async fn answers(&self, subject: &str, body: &str, expected: Value) {
        let answer = self.ask(subject, body).await;
        assert_eq!(answer, expected, "{subject} {body}");
    }
}

async fn on_a_host(kind: BrokerKind, check: impl AsyncFnOnce(&Client<'_>)) {
    let Some((site, node)) = Site::start(kind).await else {
        return;
    };
    let client = Client {
        site: &site,
        host: node.host().to_string(),
    };
    check(&client).await;
}

#[tokio::test]
async fn configs_labels_and_links_are_answered_word_by_word() {
    on_a_host(BrokerKind::Embedded, async |client| {
        check_configs(client).await;
        check_labels(client).await;
        check_links(client).await;
    })
    .await;
}

async fn check_configs(client: &Client<'_>) {
    client
        .done(
            "config.put.words",
            r#"{"a":"1"}"#,
            "successfully put config",
        )
        .await;
    client.data("config.get.words", "", json!({"a": "1"})).await;
    client
        .done("config.get.none", "", "Configuration not found")
        .await;
    let map = "config data should be a map of string -> string";
    for body in [r#"{"a":1}"#, "[]", "{", ""] {
        client.refused("config.put.words", body, map).await;
    }
    client
        .done("config.del.words", "", "successfully deleted config")
        .await;
    client
        .done("config.del.words", "", "successfully deleted config")
        .await;
    // A dot makes another subject.
    for verb in ["get", "put", "del"] {
        let subject = format!("config.{verb}.a.b");
        client.refused(&subject, "{}", "unsupported subject").await;
    }
}

async fn check_labels(client: &Client<'_>) {
    client
        .done(
            "label.put.HOST",
            r#"{"key":"zone","value":"east"}"#,
            "successfully put label",
        )
        .await;
    client
        .done(
            "label.del.HOST",
            r#"{"key":"zone"}"#,
            "successfully deleted label",
        )
        .await;
    let none = "successfully deleted label (no such label)";
    client
        .done("label.del.HOST", r#"{"key":"zone"}"#, none)
        .await;
    let reserved = "hostcore.* labels cannot be set dynamically";
    for key in ["hostcore.os", "HostCore.x"] {
        let body = format!(r#"{{"key":"{key}","value":"x"}}"#);
        client.refused("label.put.HOST", &body, reserved).await;
    }
}

async fn check_links(client: &Client<'_>) {
    let link = |target: &str, interfaces: &str, configs: &str| {
        format!(
            r#"{{"source_id":"web","target":"{target}","wit_namespace":"wasi","wit_package":"keyvalue",
            "interfaces":[{interfaces}],"target_config":[{configs}]}}"#
        )
    };
    client.data("link.get", "", json!([])).await;
    client
        .done(
            "link.put",
            &link("kv", r#""store""#, ""),
            "successfully set link",
        )
        .await;
    let conflict = "link already exists with different target, consider deleting the existing link or using a different link name";
    client
        .refused("link.put", &link("other", r#""store""#, ""), conflict)
        .await;
    client
        .done(
            "link.put",
            &link("other", r#""atomics""#, ""),
            "successfully set link",
        )
        .await;
    let missing = link("kv", r#""store""#, r#""missing""#);
    let refused = client.ask("link.put", &missing).await;
    let message = refused["message"].as_str().unwrap();
    assert!(
        message.starts_with("Failed to validate configuration and secrets. "),
        "{refused}"
    );
    assert!(
        message.contains("missing") && refused["success"] == false,
        "{refused}"
    );
    let links = client.ask("link.get", "").await;
    let first = json!({"source_id": "web", "target": "kv", "name": "default", "wit_namespace": "wasi",
        "wit_package": "keyvalue", "interfaces": ["store"], "source_config": [], "target_config": []});
    assert_eq!(links["response"][0], first, "{links}");
    let key =
        r#"{"source_id":"web","name":"default","wit_namespace":"wasi","wit_package":"keyvalue"}"#;
    // Each deletes the first that it finds.
    client
        .done("link.del", key, "successfully deleted link")
        .await;
    client
        .done("link.del", key, "successfully deleted link")
        .await;
    client.data("link.get", "", json!([])).await;
    client
        .done("link.del", key, "successfully deleted link")
        .await;
    let unknown = key.replace("web", "nobody");
    client
        .done(
            "link.del",
            &unknown,
            "successfully deleted link (spec doesn't exist)",
        )
        .await;
}

#[tokio::test]
async fn components_and_providers_are_answered_word_by_word() {
    on_a_host(BrokerKind::Embedded, async |client| {
        client.done("component.scale.HOST", r#"{"component_id":"web"}"#, "").await;
        let malformed = "failed to deserialize component scale command";
        for body in ["{", "", r#"{"count":1}"#, r#"{"component_id":"web","count":-1}"#] {
            client.refused("component.scale.HOST", body, malformed).await;
        }
        let update = r#"{"component_id":"web","new_component_ref":"x:1","host_id":"HOST"}"#;
        client.refused("component.update.HOST", update, "component web not found").await;
        let start = r#"{"provider_id":"kv","provider_ref":"wasmcloud+builtin://keyvalue-memory","host_id":"HOST"}"#;
        client.done("provider.start.HOST", start, "successfully started provider").await;
        client.refused("provider.start.HOST", start, "provider with that ID is already running").await;
        // The older name of the id.
        let stop = r#"{"host_id":"HOST","provider_ref":"kv"}"#;
        client.done("provider.stop.HOST", stop, "successfully stopped provider").await;
        client.refused("provider.stop.HOST", stop, "provider with that ID is not running").await;
        client.data("claims.get", "", json!([])).await;
    })
    .await;
}

#[tokio::test]
async fn hosts_are_asked_word_by_word() {
    on_a_host(BrokerKind::Embedded, async |client| {
        let ping = client.ask("host.ping", "").await;
        assert_eq!(
            (&ping["success"], &ping["message"]),
            (&json!(true), &json!(""))
        );
        let told = &ping["response"];
        assert_eq!(told["id"], client.host.as_str(), "{ping}");
        for key in [
            "friendly_name",
            "lattice",
            "version",
            "uptime_human",
            "rpc_host",
            "ctl_host",
        ] {
            assert!(told[key].is_string(), "{key}: {ping}");
        }
        for key in ["hostcore.arch", "hostcore.os", "hostcore.osfamily"] {
            assert!(told["labels"][key].is_string(), "{key}: {ping}");
        }
        let inventory = client.ask("host.get.HOST", "").await;
        assert_eq!(inventory["response"]["host_id"], client.host.as_str());
        assert_eq!(inventory["response"]["components"], json!([]));
        assert_eq!(inventory["response"]["providers"], json!([]));
        for noun in ["host", "component", "provider", "label"] {
            let subject = format!("{noun}.foo.HOST");
            client.refused(&subject, "", "unsupported subject").await;
        }
        client.refused("link.foo", "", "unsupported subject").await;
        client
            .refused(
                "host.stop.HOST",
                r#"{"host_id":"NOTHER"}"#,
                "invalid host_id [NOTHER]",
            )
            .await;
        // Nobody of that id: NATS says so at once.
        let nobody = format!("{CONTROL}host.get.NOTHER");
        let answer = client.site.nats().request(nobody, "".into());
        let error = in_time(answer).await.unwrap_err();
        assert_eq!(error.kind(), async_nats::RequestErrorKind::NoResponders);
    })
    .await;
}

#[tokio::test]
async fn hosts_bid_where_they_may_and_are_silent_otherwise() {
    on_a_host(BrokerKind::Embedded, async |client| {
        let component = |constraints: Value| {
            json!({"component_ref": "x:1", "component_id": "web", "constraints": constraints})
        };
        let provider = |id: &str, constraints: Value| {
            json!({"provider_ref": "x:1", "provider_id": id, "constraints": constraints})
        };
        let bid = |mut auction: Value| {
            auction["host_id"] = json!(client.host);
            auction
        };
        let linux = json!({"hostcore.os": "linux"});
        let auction = component(linux.clone());
        client.data("component.auction", &auction.to_string(), bid(auction)).await;
        let auction = provider("kv", linux);
        client.data("provider.auction", &auction.to_string(), bid(auction)).await;

        let image = "wasmcloud+builtin://keyvalue-memory";
        let start = json!({"provider_id": "kv", "provider_ref": image});
        let started = "successfully started provider";
        client.done("provider.start.HOST", &start.to_string(), started).await;
        eventually(async || {
            let inventory = client.ask("host.get.HOST", "").await;
            let providers = inventory["response"]["providers"].to_string();
            if providers.contains("kv") { Ok(()) } else { Err(providers) }
        })
        .await;
        // It runs that already; it has another label.
        silent(client, "provider.auction", &provider("kv", json!({}))).await;
        silent(client, "component.auction", &component(json!({"zone": "west"}))).await;
        // A host that drains takes nothing new, and keeps what it has.
        let label = json!({"key": "weft.draining", "value": "true"}).to_string();
        client.done("label.put.HOST", &label, "successfully put label").await;
        silent(client, "component.auction", &component(json!({}))).await;
        silent(client, "provider.auction", &provider("kv2", json!({}))).await;
        let start = json!({"provider_id": "kv2", "provider_ref": image}).to_string();
        let drains = "this host drains, and does not start `kv2`";
        client.refused("provider.start.HOST", &start, drains).await;
        let scale = json!({"component_id": "web", "component_ref": "x:1", "count": 1}).to_string();
        let drains = "this host drains, and does not start `web`";
        client.refused("component.scale.HOST", &scale, drains).await;
        let stop = json!({"provider_id": "kv"}).to_string();
        client.done("provider.stop.HOST", &stop, "successfully stopped provider").await;
    })
    .await;
}

/// Asserts that nobody bids. What the host says about an auction comes before what it answers afterwards.
async fn silent(client: &Client<'_>, subject: &str, auction: &Value) {
    let nats = client.site.nats();
    let inbox = nats.new_inbox();
    let mut bids = nats.subscribe(inbox.clone()).await.unwrap();
    let subject = format!("{CONTROL}{subject}");
    let body = auction.to_string().into();
    nats.publish_with_reply(subject, inbox, body).await.unwrap();
    client.ask("host.get.HOST", "").await;
    let bid = bids.next().now_or_never();
    assert!(bid.is_none(), "somebody bids for {auction}: {bid:?}");
}
