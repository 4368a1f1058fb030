//! Claims and credentials, over the control interface.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt;
use nkeys::KeyPair;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use weft_artifact::claims::{self, ComponentClaims, Times};
use weft_lattice::bucket::{Bucket, BucketOptions};
use weft_testkit::{BrokerKind, Join, Member, Site, eventually, guest, in_time};

/// The events of a lattice.
struct Events(async_nats::Subscriber);

// ===== impl Events =====

impl Events {
    async fn follow(site: &Site) -> Self {
        let events = site.nats().subscribe("wasmbus.evt.default.>").await;
        site.nats().flush().await.unwrap();
        Self(events.unwrap())
    }

    /// The next outcome of scaling `id`, with the name of its event.
    async fn outcome(&mut self, id: &str) -> (String, Value) {
        in_time(async {
            loop {
                let message = self.0.next().await.unwrap();
                let name = message.subject.rsplit('.').next().unwrap().to_owned();
                let event: Value = serde_json::from_slice(&message.payload).unwrap();
                let data = &event["data"];
                if name.starts_with("component_scale") && data["component_id"] == id {
                    return (name, data.clone());
                }
            }
        })
        .await
    }
}

/// Scales a component, and gives the outcome.
async fn scale(site: &Site, node: &Member, id: &str, image: &str, count: u32) -> (String, Value) {
    let mut events = Events::follow(site).await;
    let host = node.host();
    let body = json!({
        "component_id": id, "component_ref": image, "count": count, "host_id": host.as_str(),
        "annotations": {}, "config": [], "allow_update": true,
    });
    let subject = format!("wasmbus.ctl.v1.default.component.scale.{host}");
    let answer = site.ask(&subject, body.to_string()).await;
    assert_eq!(answer["success"], true, "{answer}");
    events.outcome(id).await
}

#[tokio::test]
async fn claims_are_told_kept_and_served_as_1_9_does() {
    let Some((site, node)) = Site::start(BrokerKind::Embedded).await else {
        return;
    };
    let (module, account) = (KeyPair::new_module().public_key(), KeyPair::new_account());
    let said = ComponentClaims {
        name: Some("Page".to_owned()),
        version: Some("1.2.0".to_owned()),
        revision: Some(7),
        tags: Some(vec!["web".to_owned(), "hello".to_owned()]),
        ..ComponentClaims::default()
    };
    let times = Times {
        expires_at: Some(4_000_000_000),
        ..Times::default()
    };
    let unsigned = guest::bytes("hello-http");
    let signed = claims::sign(&unsigned, &module, said, times, &account).unwrap();
    let image = format!("file://{}", site.file("signed.wasm", &signed).display());
    let (name, event) = scale(&site, &node, "page", &image, 3).await;
    assert_eq!(name, "component_scaled", "{event}");
    let issuer = account.public_key();
    let told = json!({
        "call_alias": null, "issuer": issuer, "tags": ["web", "hello"], "name": "Page", "version": "1.2.0",
        "revision": 7, "not_before_human": "never", "expires_human": "4000000000",
    });
    assert_eq!(event["claims"], told);
    assert_eq!(event["public_key"], module.as_str());

    check_inventory_and_bucket(&site, &node, &module, &issuer).await;
    check_reply(&site, &module, &issuer).await;

    // One that was changed after it was signed.
    let mut changed = signed.clone();
    let at = changed.windows(6).position(|bytes| bytes == b"memory");
    changed[at.unwrap()] = b'n';
    let image = format!("file://{}", site.file("changed.wasm", &changed).display());
    let (name, event) = scale(&site, &node, "changed", &image, 1).await;
    assert_eq!(name, "component_scale_failed", "{event}");
    assert_eq!(event["weft_code"], "ART025", "{event}");
    let error = event["error"].as_str().unwrap();
    assert!(
        error.contains("cannot trust") && error.contains("was signed"),
        "{event}"
    );

    // A stop needs no image, and tells whose it was.
    let (name, event) = scale(&site, &node, "page", "127.0.0.1:1/none:1", 0).await;
    assert_eq!(
        (name.as_str(), &event["max_instances"]),
        ("component_scaled", &json!(0))
    );
    assert_eq!(event["public_key"], module.as_str());
}

async fn claims_bucket(site: &Site) -> Bucket {
    let options = BucketOptions::default();
    in_time(Bucket::open(site.lattice(), "LATTICEDATA_default", options))
        .await
        .unwrap()
}

/// What the host says that it runs, and what it keeps.
async fn check_inventory_and_bucket(site: &Site, node: &Member, module: &str, issuer: &str) {
    let inventory = site
        .ask(
            &format!("wasmbus.ctl.v1.default.host.get.{}", node.host()),
            "",
        )
        .await;
    let entry = &inventory["response"]["components"][0];
    assert_eq!(
        (&entry["name"], &entry["revision"]),
        (&json!("Page"), &json!(7))
    );
    let bucket = claims_bucket(site).await;
    let kept = bucket
        .get(&format!("CLAIMS_{module}"))
        .await
        .unwrap()
        .unwrap();
    let kept: Value = serde_json::from_slice(&kept.value).unwrap();
    let expected = json!({
        "call_alias": "", "issuer": issuer, "name": "Page", "revision": "7", "subject": module,
        "tags": ["web", "hello"], "version": "1.2.0",
    });
    assert_eq!(kept, expected);
}

/// What `claims.get` answers.
async fn check_reply(site: &Site, module: &str, issuer: &str) {
    let bucket = claims_bucket(site).await;
    // Beside it, what hands wrote: with short names, a number, and something that cannot be read.
    bucket
        .put(
            "CLAIMS_VHAND",
            r#"{"iss":"A","name":"hand","rev":2,"version":""}"#,
        )
        .await
        .unwrap();
    bucket.put("CLAIMS_VBAD", "[]").await.unwrap();
    let answer = site.ask("wasmbus.ctl.v1.default.claims.get", "").await;
    let list = answer["response"].as_array().unwrap();
    let by_subject: BTreeMap<&str, &Value> = list
        .iter()
        .map(|entry| (entry["subject"].as_str().unwrap(), entry))
        .collect();
    assert_eq!(by_subject.len(), 2, "{answer}");
    let expected = json!({
        "call_alias": "", "iss": issuer, "issuer": issuer, "name": "Page", "rev": "7", "revision": "7",
        "sub": module, "subject": module, "tags": "web,hello", "version": "1.2.0",
    });
    assert_eq!(*by_subject[module], expected);
    assert_eq!(by_subject["VHAND"]["revision"], "2");
    assert_eq!(by_subject["VHAND"]["config_schema"], "");
}

/// A registry that has one component, for whoever has the right user.
struct Registry {
    name: String,
    /// How often the component was downloaded.
    downloads: Arc<Mutex<usize>>,
}

// ===== impl Registry =====

impl Registry {
    async fn start(wasm: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let name = listener.local_addr().unwrap().to_string();
        let downloads = Arc::default();
        let served = (Arc::new(wasm), Arc::clone(&downloads));
        #[expect(clippy::disallowed_methods, reason = "a server of a test")]
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, served.clone()));
            }
        });
        Self { name, downloads }
    }
}

/// Answers one request, and closes the connection.
async fn answer(mut stream: TcpStream, (wasm, downloads): (Arc<Vec<u8>>, Arc<Mutex<usize>>)) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else {
            return;
        };
        request.push(byte);
    }
    let request = String::from_utf8(request).unwrap();
    let path = request.split(' ').nth(1).unwrap().to_owned();
    let digest = weft_artifact::digest(&wasm);
    let manifest = json!({
        "schemaVersion": 2,
        "config": {"mediaType": "application/vnd.wasm.config.v0+json", "digest": digest.to_string(), "size": 2},
        "layers": [{"mediaType": "application/wasm", "digest": digest.to_string(), "size": wasm.len()}],
    })
    .to_string();
    let login = format!("basic {}", STANDARD.encode("ada:secret")).to_lowercase();
    let (status, body) = if !request.to_lowercase().contains(&login) {
        ("401 Unauthorized", Vec::new())
    } else if path.contains("/manifests/") {
        ("200 OK", manifest.into_bytes())
    } else {
        *downloads.lock().unwrap() += 1;
        ("200 OK", wasm.to_vec())
    };
    let length = body.len();
    let digest = weft_artifact::digest(&body);
    let head = format!(
        "HTTP/1.1 {status}\r\nwww-authenticate: Basic realm=\"test\"\r\ndocker-content-digest: {digest}\r\n\
         content-type: application/vnd.oci.image.manifest.v1+json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    let _ = stream.write_all(head.as_bytes()).await;
    if !request.starts_with("HEAD") {
        let _ = stream.write_all(&body).await;
    }
    let _ = stream.shutdown().await;
}

#[tokio::test]
async fn credentials_put_into_the_lattice_are_used() {
    let registry = Registry::start(guest::bytes("hello-http")).await;
    let join = Join::full().insecure_registry(&registry.name);
    let Some((site, node)) = Site::start_with(BrokerKind::Embedded, join).await else {
        return;
    };
    let image = format!("{}/hello:1", registry.name);
    let (name, event) = scale(&site, &node, "page", &image, 1).await;
    assert_eq!(name, "component_scale_failed", "{event}");
    assert_eq!(event["weft_code"], "ART013", "{event}");

    let put = "wasmbus.ctl.v1.default.registry.put";
    let answer = site.ask(put, "[]").await;
    assert_eq!(answer["success"], false, "{answer}");
    let credentials =
        json!({ &registry.name: {"username": "ada", "password": "secret", "registryType": "oci"} });
    let answer = site.ask(put, credentials.to_string()).await;
    let expected = json!({"success": true, "message": "successfully put registries"});
    assert_eq!(answer, expected);
    let (name, event) = scale(&site, &node, "page", &image, 1).await;
    assert_eq!(name, "component_scaled", "{event}");

    // A second one of the same image finds its bytes in the cache.
    let (name, event) = scale(&site, &node, "other", &image, 1).await;
    assert_eq!(name, "component_scaled", "{event}");
    assert_eq!(*registry.downloads.lock().unwrap(), 1);
}

#[tokio::test]
async fn the_config_service_gives_credentials_at_the_start() {
    let registry = Registry::start(guest::bytes("hello-http")).await;
    let Some((mut site, _first)) = Site::start(BrokerKind::Embedded).await else {
        return;
    };
    let mut asked = site
        .nats()
        .subscribe("wasmbus.cfg.default.req")
        .await
        .unwrap();
    site.nats().flush().await.unwrap();
    let (nats, name) = (site.nats().clone(), registry.name.clone());
    let service = async {
        let request = asked.next().await.unwrap();
        let labels: Value = serde_json::from_slice(&request.payload).unwrap();
        let config =
            json!({"registryCredentials": {&name: {"username": "ada", "password": "secret"}}});
        let reply = request.reply.unwrap();
        nats.publish(reply, config.to_string().into())
            .await
            .unwrap();
        labels
    };
    let join = Join::host()
        .label("zone", "east")
        .insecure_registry(&registry.name)
        .asking_config_service();
    let (node, asked) = tokio::join!(site.join(join), service);
    assert_eq!(asked["labels"]["zone"], "east", "{asked}");
    let image = format!("{}/hello:1", registry.name);
    let (name, event) = scale(&site, &node, "page", &image, 1).await;
    assert_eq!(name, "component_scaled", "{event}");

    // Where there is no such service, the host starts all the same.
    drop(node);
    let late = site.join(Join::host().asking_config_service()).await;
    eventually(async || {
        let subject = format!("wasmbus.ctl.v1.default.host.get.{}", late.host());
        site.try_ask(&subject, "").await
    })
    .await;
}
