//! What operators and clients of 1.9 do to hosts by hand: over the control interface, and in the buckets.

use std::net::SocketAddr;
use std::path::Path;

use futures::StreamExt;
use serde_json::{Value, json};
use weft_lattice::bucket::{Bucket, BucketOptions};
use weft_model::id::HostId;
use weft_node::Ended;
use weft_testkit::{
    BrokerKind, Join, Member, Site, eventually, free_address, guest, http, in_time,
};

/// A host, asked as a client of 1.9 asks it.
struct Asked<'a> {
    site: &'a Site,
    host: HostId,
}

/// Events of a lattice, from the time on at which this was made.
struct Events(async_nats::Subscriber);

// ===== impl Asked =====

impl<'a> Asked<'a> {
    fn new(site: &'a Site, node: &Member) -> Self {
        Self {
            site,
            host: node.host(),
        }
    }

    async fn ask(&self, operation: &str, body: &Value) -> Value {
        let subject = format!("wasmbus.ctl.v1.default.{operation}.{}", self.host);
        self.site.ask(&subject, body.to_string()).await
    }

    async fn lattice(&self, operation: &str, body: &Value) -> Value {
        let subject = format!("wasmbus.ctl.v1.default.{operation}");
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.site.ask(&subject, body).await
    }

    async fn scale(&self, id: &str, image: &str, count: u32, configs: &[&str]) -> Value {
        let body = json!({
            "component_id": id, "component_ref": image, "count": count, "host_id": self.host.as_str(),
            "config": configs, "annotations": {"a": "b"},
        });
        self.ask("component.scale", &body).await
    }

    /// A component that answers HTTP at `address`, with all that it takes.
    async fn serve(&self, id: &str, image: &str, configs: &[&str], address: SocketAddr) {
        let address = json!({ "address": address.to_string() });
        self.lattice(&format!("config.put.at-{id}"), &address).await;
        let provider = json!({
            "provider_id": "http", "provider_ref": "wasmcloud+builtin://http-server", "host_id": self.host.as_str(),
        });
        self.ask("provider.start", &provider).await;
        let link = json!({
            "source_id": "http", "target": id, "name": id, "wit_namespace": "wasi", "wit_package": "http",
            "interfaces": ["incoming-handler"], "source_config": [format!("at-{id}")],
        });
        let put = self.lattice("link.put", &link).await;
        assert_eq!(put["success"], true, "{put}");
        self.scale(id, image, 10, configs).await;
    }

    async fn inventory(&self) -> Value {
        self.ask("host.get", &Value::Null).await["response"].clone()
    }

    async fn put_by_hand(&self, bucket: &str, key: &str, value: &Value) {
        let bucket = Bucket::open(self.site.lattice(), bucket, BucketOptions::default());
        let bucket = in_time(bucket).await.unwrap();
        let value = value.to_string().into_bytes();
        bucket.put(key, value).await.unwrap();
    }
}

// ===== impl Events =====

impl Events {
    async fn follow(site: &Site) -> Self {
        let events = site.nats().subscribe("wasmbus.evt.default.>").await;
        site.nats().flush().await.unwrap();
        site.lattice().flush().await.unwrap();
        Self(events.unwrap())
    }

    /// The data of the next event `name` that is as wanted.
    async fn next(&mut self, name: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let subject = format!("wasmbus.evt.default.{name}");
        in_time(async {
            loop {
                let message = self.0.next().await.unwrap();
                let event: Value = serde_json::from_slice(&message.payload).unwrap();
                if message.subject.as_str() == subject && is_it(&event["data"]) {
                    return event["data"].clone();
                }
            }
        })
        .await
    }
}

fn image(path: &Path) -> String {
    format!("file://{}", path.display())
}

fn guest_image(name: &str) -> String {
    image(&guest::path(name))
}

async fn page_when(address: SocketAddr, is_it: impl Fn(&str) -> bool) {
    http::get_when(address, "/", |answer| {
        answer.status == 200 && is_it(&answer.body)
    })
    .await;
}

#[tokio::test]
async fn an_update_exchanges_what_runs_and_a_stop_needs_no_image() {
    let Some((site, node)) = Site::start_with(BrokerKind::Embedded, Join::host()).await else {
        return;
    };
    let host = Asked::new(&site, &node);
    let page = free_address();
    let old = site.file("web.wasm", &guest::bytes("hello-http"));
    host.serve("web", &image(&old), &[], page).await;
    page_when(page, |_| true).await;
    host.lattice("config.put.colour", &json!({"colour": "blue"}))
        .await;
    let mut events = Events::follow(&site).await;

    let same = json!({"component_id": "web", "new_component_ref": image(&old), "host_id": ""});
    let answer = host.ask("component.update", &same).await;
    assert_eq!(answer["success"], true);
    let text = format!("component web already updated to {}", image(&old));
    assert_eq!(answer["message"], text.as_str(), "{answer}");
    let new = guest_image("configured");
    let update = json!({"component_id": "web", "new_component_ref": new, "host_id": ""});
    let answer = host.ask("component.update", &update).await;
    assert_eq!(
        answer["message"],
        format!("component web updating from {} to {new}", image(&old)).as_str(),
        "{answer}"
    );
    let scaled = events.next("component_scaled", |_| true).await;
    assert_eq!(scaled["image_ref"], new.as_str(), "{scaled}");
    assert_eq!(scaled["max_instances"], 10);
    // Those that it had stay.
    assert_eq!(scaled["annotations"]["a"], "b");
    assert_eq!(http::get(page, "/").await.unwrap().body, "");
    let inventory = host.inventory().await;
    assert_eq!(inventory["components"].as_array().unwrap().len(), 1);
    assert_eq!(inventory["components"][0]["image_ref"], new.as_str());

    // Another config is taken up without another image, in the order of the requests.
    host.scale("web", &new, 10, &["colour"]).await;
    page_when(page, |body| body == "colour=blue\n").await;
    let unknown = json!({"component_id": "none", "new_component_ref": new, "host_id": ""});
    let answer = host.ask("component.update", &unknown).await;
    assert_eq!(answer["success"], false);
    assert!(
        answer["message"]
            .as_str()
            .unwrap()
            .starts_with("component none not found"),
        "{answer}"
    );

    // Back to a file that then goes away: a stop asks for none.
    host.scale("web", &image(&old), 10, &[]).await;
    std::fs::remove_file(&old).unwrap();
    for image in [image(&old), String::new()] {
        let answer = host.scale("web", &image, 0, &[]).await;
        assert_eq!(answer["success"], true, "{answer}");
        let stopped = events
            .next("component_scaled", |data| data["max_instances"] == 0)
            .await;
        assert_eq!(stopped["component_id"], "web");
    }
    assert_eq!(host.inventory().await["components"], json!([]));
}

#[tokio::test]
async fn requests_about_one_id_are_acted_upon_in_their_order() {
    let Some((site, node)) = Site::start_with(BrokerKind::Embedded, Join::host()).await else {
        return;
    };
    let host = Asked::new(&site, &node);
    let mut events = Events::follow(&site).await;
    let subject = format!("wasmbus.ctl.v1.default.component.scale.{}", node.host());
    for count in 1..=20_u32 {
        let body = json!({
            "component_id": "web", "component_ref": guest_image("hello-http"), "count": count,
        });
        let body = body.to_string().into();
        site.nats().publish(subject.clone(), body).await.unwrap();
    }
    for count in 1..=20 {
        let scaled = events.next("component_scaled", |_| true).await;
        assert_eq!(scaled["max_instances"], count, "{scaled}");
    }
    let entry = &host.inventory().await["components"][0];
    assert_eq!(entry["max_instances"], 20);
}

#[tokio::test]
async fn what_is_no_operation_is_answered_as_1_9_does() {
    let Some((site, mut node)) = Site::start_with(BrokerKind::Embedded, Join::host()).await else {
        return;
    };
    let host = Asked::new(&site, &node);
    for operation in [
        "host.dance",
        "component.dance",
        "provider.dance",
        "label.dance",
    ] {
        let answer = host.ask(operation, &json!({})).await;
        assert_eq!(answer["success"], false, "{operation}");
        assert_eq!(answer["message"], "unsupported subject", "{operation}");
        assert!(answer.get("response").is_none(), "{operation}");
    }
    for operation in [
        "link.dance",
        "config.put.a.b",
        "config.get.a.b.c",
        "config.dance.x",
    ] {
        let answer = host.lattice(operation, &json!({})).await;
        assert_eq!(answer["message"], "unsupported subject", "{operation}");
    }
    let other = format!("N{}", "A".repeat(55));
    let stop = json!({"host_id": other, "timeout": 100});
    let answer = host.ask("host.stop", &stop).await;
    assert_eq!(answer["success"], false);
    let text = answer["message"].as_str().unwrap();
    assert!(text.starts_with("invalid host_id"), "{answer}");
    // It runs on, and is stopped by its own id.
    let stop = json!({"host_id": node.host().as_str(), "timeout": 1500});
    let answer = host.ask("host.stop", &stop).await;
    assert_eq!(answer["message"], "successfully handled stop host");
    match in_time(node.node().ended()).await {
        Ended::HostStopped { timeout } => {
            assert_eq!(timeout.map(|timeout| timeout.as_millis()), Some(1500));
        }
        ended => panic!("{ended:?}"),
    }
    node.stop().await;
}

#[tokio::test]
async fn auctions_are_won_by_labels_by_those_who_take_part() {
    let first = Join::host().label("zone", "east");
    let Some((mut site, east)) = Site::start_with(BrokerKind::Embedded, first).await else {
        return;
    };
    let _west = site.join(Join::host().label("zone", "west")).await;
    let _shy = site
        .join(Join::host().label("zone", "east").without_auctions())
        .await;
    let host = Asked::new(&site, &east);
    let bids = async |kind: &str, body: &Value| {
        let subject = format!("wasmbus.ctl.v1.default.{kind}.auction");
        let gathered = site.lattice().gather(
            &subject,
            body.to_string().into(),
            std::time::Duration::from_millis(700),
            None,
        );
        let mut bids: Vec<Value> = in_time(gathered)
            .await
            .unwrap()
            .iter()
            .map(|bid| serde_json::from_slice(&bid.payload).unwrap())
            .collect();
        assert!(bids.len() <= 1, "{bids:?}");
        bids.pop().map(|bid: Value| bid["response"].clone())
    };
    let image = guest_image("hello-http");
    let east_only = json!({"zone": "east", "hostcore.os": std::env::consts::OS});
    let auction = json!({"component_ref": image, "component_id": "web", "constraints": east_only});
    let expected = json!({
        "component_ref": image, "component_id": "web", "constraints": east_only, "host_id": east.host().as_str(),
    });
    assert_eq!(bids("component", &auction).await, Some(expected));
    let nowhere =
        json!({"component_ref": image, "component_id": "web", "constraints": {"zone": "north"}});
    assert_eq!(bids("component", &nowhere).await, None);
    let provider = json!({"provider_ref": "wasmcloud+builtin://http-server", "provider_id": "http", "constraints": east_only});
    let bid = bids("provider", &provider).await.unwrap();
    assert_eq!(bid["provider_id"], "http");

    // Who runs it does not bid for it. A label that is put counts, and is told until the host ends.
    host.scale("web", &image, 1, &[]).await;
    eventually(async || match site.running(&east.host()).await {
        running if running == ["web"] => Ok(()),
        running => Err(running),
    })
    .await;
    assert_eq!(bids("component", &auction).await, None);
    let mut events = Events::follow(&site).await;
    host.ask("label.put", &json!({"key": "disk", "value": "fast"}))
        .await;
    let changed = events.next("labels_changed", |_| true).await;
    assert_eq!(changed["labels"]["disk"], "fast");
    let disk =
        json!({"component_ref": image, "component_id": "other", "constraints": {"disk": "fast"}});
    assert!(bids("component", &disk).await.is_some());
    for _ in 0..2 {
        let beat = events.next("host_heartbeat", |_| true).await;
        if beat["host_id"] == east.host().as_str() {
            assert_eq!(beat["labels"]["disk"], "fast");
            assert_eq!(beat["components"][0]["id"], "web");
        }
    }
    let reserved = json!({"key": "HOSTCORE.os", "value": "beos"});
    let answer = host.ask("label.put", &reserved).await;
    assert_eq!(answer["success"], false, "{answer}");
}

#[tokio::test]
async fn hand_edits_of_the_buckets_count() {
    let Some((site, node)) = Site::start_with(BrokerKind::Server, Join::host()).await else {
        return;
    };
    let host = Asked::new(&site, &node);
    let (page, other) = (free_address(), free_address());
    host.lattice("config.put.own", &json!({"colour": "red"}))
        .await;
    host.serve("web", &guest_image("configured"), &["own"], page)
        .await;
    page_when(page, |body| body == "colour=red\n").await;
    let colour = json!({"colour": "green"});
    host.put_by_hand("CONFIGDATA_default", "own", &colour).await;
    page_when(page, |body| body == "colour=green\n").await;

    // A config of a link, and then the link itself.
    let address = json!({ "address": other.to_string() });
    host.put_by_hand("CONFIGDATA_default", "at-web", &address)
        .await;
    page_when(other, |body| body == "colour=green\n").await;
    let bucket = Bucket::open(
        site.lattice(),
        "LATTICEDATA_default",
        BucketOptions::default(),
    );
    let bucket = in_time(bucket).await.unwrap();
    let entry = bucket.get("COMPONENT_http").await.unwrap().unwrap();
    let mut record: Value = serde_json::from_slice(&entry.value).unwrap();
    record["links"] = json!([]);
    // Fields that nobody knows, and entries that nobody understands, are left alone.
    record["note"] = json!("by hand");
    host.put_by_hand("LATTICEDATA_default", "COMPONENT_http", &record)
        .await;
    host.put_by_hand("LATTICEDATA_default", "LINKDEF_x", &json!("?"))
        .await;
    eventually(async || match http::get(other, "/").await {
        Ok(answer) if answer.status == 200 => Err(format!("{answer:?}")),
        _ => Ok(()),
    })
    .await;
    let link = json!({
        "source_id": "http", "target": "web", "name": "web", "wit_namespace": "wasi", "wit_package": "http",
        "interfaces": ["incoming-handler"], "source_config": ["at-web"],
    });
    let put = host.lattice("link.put", &link).await;
    assert_eq!(put["success"], true, "{put}");
    page_when(other, |_| true).await;
    let entry = bucket.get("COMPONENT_http").await.unwrap().unwrap();
    let record: Value = serde_json::from_slice(&entry.value).unwrap();
    assert_eq!(record["note"], "by hand");
}

#[tokio::test]
async fn a_server_that_comes_back_without_its_store_is_noticed_and_filled_again() {
    let Some((mut site, node)) = Site::start_with(BrokerKind::Server, Join::host()).await else {
        return;
    };
    let page = free_address();
    let host = Asked::new(&site, &node);
    host.serve("web", &guest_image("hello-http"), &[], page)
        .await;
    page_when(page, |_| true).await;
    site.server().kill();
    // What is there is there.
    http::get(page, "/").await.unwrap().text();
    site.server().resume().await;
    let host = Asked::new(&site, &node);
    eventually(
        async || match site.try_ask("wasmbus.ctl.v1.default.link.get", "").await {
            Ok(links)
                if links["response"]
                    .as_array()
                    .is_some_and(|links| links.len() == 1) =>
            {
                Ok(())
            }
            other => Err(format!("{other:?}")),
        },
    )
    .await;
    http::get(page, "/").await.unwrap().text();
    let inventory = host.inventory().await;
    assert_eq!(inventory["components"][0]["id"], "web");

    site.server().kill();
    site.server().wipe();
    site.server().resume().await;
    // Without its link it is not reached any more, as everybody sees.
    eventually(async || match http::get(page, "/").await {
        Ok(answer) if answer.status == 200 => Err(format!("{answer:?}")),
        _ => Ok(()),
    })
    .await;
    let host = Asked::new(&site, &node);
    let links = host.lattice("link.get", &Value::Null).await;
    assert_eq!(links["response"], json!([]));
    host.serve("web", &guest_image("hello-http"), &[], page)
        .await;
    page_when(page, |_| true).await;
}

#[tokio::test]
async fn a_lattice_has_a_domain_and_subjects_of_its_own() {
    let first = Join::full().in_domain("hub").on_prefix("acme.ctl");
    let Some((site, node)) = Site::start_with(BrokerKind::Server, first).await else {
        return;
    };
    let pinged = site.ask("acme.ctl.v1.default.host.ping", "").await;
    let summary = &pinged["response"];
    assert_eq!(summary["id"], node.host().as_str(), "{pinged}");
    assert_eq!(summary["js_domain"], "hub");
    assert!(summary["ctl_host"].as_str().unwrap().starts_with("nats://"));
    assert_eq!(summary["rpc_host"], summary["ctl_host"]);
    let silent = site.try_ask("wasmbus.ctl.v1.default.host.ping", "").await;
    assert!(silent.is_err(), "{silent:?}");
    let put = site
        .ask(
            "acme.ctl.v1.default.config.put.own",
            json!({"a": "b"}).to_string(),
        )
        .await;
    assert_eq!(put["success"], true, "{put}");
    let got = site.ask("acme.ctl.v1.default.config.get.own", "").await;
    assert_eq!(got["response"], json!({"a": "b"}));
    assert_eq!(site.keys("CONFIGDATA_default").await, ["own"]);
}
