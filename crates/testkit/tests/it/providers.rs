//! Providers that are processes of their own.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use futures::StreamExt;
use futures::future::join_all;
use serde_json::{Value, json};
use weft_lattice::protocol::application::StatusType;
use weft_model::id::HostId;
use weft_testkit::{BrokerKind, Join, Manifest, Member, Provider, Site, eventually, in_time};

const PROVIDER: &str = env!("CARGO_BIN_EXE_weft-test-provider");

/// The provider `id` on one host, and how it is reached.
struct Remote<'a> {
    site: &'a Site,
    host: HostId,
    id: &'static str,
}

// ===== impl Remote =====

impl<'a> Remote<'a> {
    /// Starts it over the control interface.
    async fn start(site: &'a Site, node: &Member, id: &'static str, configs: &[&str]) -> Self {
        let remote = Self {
            site,
            host: node.host(),
            id,
        };
        let image = image(Path::new(PROVIDER));
        let answer = remote.ask_to_start(&image, configs).await;
        assert_eq!(answer["success"], true, "{answer}");
        remote
    }

    async fn ask_to_start(&self, image: &str, configs: &[&str]) -> Value {
        let body = json!({
            "provider_id": self.id, "provider_ref": image, "host_id": self.host.as_str(),
            "config": configs, "annotations": {},
        });
        self.control("provider.start", &body).await
    }

    async fn stop(&self) -> Value {
        let body = json!({ "provider_id": self.id, "host_id": self.host.as_str() });
        self.control("provider.stop", &body).await
    }

    async fn control(&self, operation: &str, body: &Value) -> Value {
        let subject = format!("wasmbus.ctl.v1.default.{operation}.{}", self.host);
        self.site.ask(&subject, body.to_string()).await
    }

    /// Waits until what it knows is as wanted.
    async fn state_when(&self, is_it: impl Fn(&Value) -> bool) -> Value {
        let subject = format!("test.{}.{}.state", self.host, self.id);
        eventually(async || match self.site.try_ask(&subject, "").await {
            Ok(state) if is_it(&state) => Ok(state),
            Ok(state) => Err(state.to_string()),
            Err(error) => Err(error.to_string()),
        })
        .await
    }

    async fn order(&self, what: &'static str) {
        let subject = format!("test.{}.{}.do", self.host, self.id);
        self.site
            .nats()
            .publish(subject, what.into())
            .await
            .unwrap();
    }

    /// Its entry in the inventory of its host; null where it has none.
    async fn entry(&self) -> Value {
        let subject = format!("wasmbus.ctl.v1.default.host.get.{}", self.host);
        let inventory = self.site.ask(&subject, "").await;
        let providers = inventory["response"]["providers"].as_array().unwrap();
        let mut providers = providers.iter();
        providers
            .find(|entry| entry["id"] == self.id)
            .cloned()
            .unwrap_or_default()
    }

    /// Waits until its entry in the inventory of its host is as wanted.
    async fn entry_when(&self, is_it: impl Fn(&Value) -> bool) -> Value {
        eventually(async || {
            let entry = self.entry().await;
            if is_it(&entry) {
                Ok(entry)
            } else {
                Err(entry.to_string())
            }
        })
        .await
    }
}

/// Events of a lattice.
struct Events(async_nats::Subscriber);

// ===== impl Events =====

impl Events {
    async fn follow(site: &Site) -> Self {
        let events = site.nats().subscribe("wasmbus.evt.default.>").await;
        site.nats().flush().await.unwrap();
        Self(events.unwrap())
    }

    /// Waits for the next event `name` about the provider `id`, and gives its data.
    async fn next(&mut self, name: &str, id: &str) -> Value {
        let subject = format!("wasmbus.evt.default.{name}");
        in_time(async {
            loop {
                let message = self.0.next().await.unwrap();
                let event: Value = serde_json::from_slice(&message.payload).unwrap();
                if *message.subject == *subject && event["data"]["provider_id"] == id {
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

async fn put_config(site: &Site, name: &str, key: &str, value: &str) {
    let subject = format!("wasmbus.ctl.v1.default.config.put.{name}");
    let answer = site.ask(&subject, json!({ key: value }).to_string()).await;
    assert_eq!(answer["success"], true, "{answer}");
}

async fn put_link(site: &Site, source: &str, target: &str, config: &str) {
    let body = json!({
        "source_id": source, "target": target, "name": "default", "wit_namespace": "wasi",
        "wit_package": "keyvalue", "interfaces": ["store"], "source_config": [], "target_config": [config],
    });
    let answer = site
        .ask("wasmbus.ctl.v1.default.link.put", body.to_string())
        .await;
    assert_eq!(answer["success"], true, "{answer}");
}

fn url(state: &Value) -> &str {
    state["links"][0]["target_config"]["url"]
        .as_str()
        .unwrap_or_default()
}

fn signal(pid: &Value, signal: &str) {
    let killed = Command::new("kill")
        .args([signal, &pid.to_string()])
        .status();
    assert!(killed.unwrap().success());
}

/// Whether there is a process with this number that has not ended.
fn is_alive(pid: &Value) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(')').next().unwrap_or_default().trim_start();
    !state.is_empty() && !state.starts_with('Z')
}

#[tokio::test]
async fn a_provider_that_is_killed_comes_back_with_its_links_on_the_embedded_broker() {
    comes_back(BrokerKind::Embedded).await;
}

#[tokio::test]
async fn a_provider_that_is_killed_comes_back_with_its_links_on_nats_server() {
    comes_back(BrokerKind::Server).await;
}

async fn comes_back(kind: BrokerKind) {
    let Some((site, node)) = Site::start(kind).await else {
        return;
    };
    let mut events = Events::follow(&site).await;
    put_config(&site, "own", "color", "red").await;
    put_config(&site, "store", "url", "redis://one").await;
    put_link(&site, "web", "kv", "store").await;
    let kv = Remote::start(&site, &node, "kv", &["own"]).await;
    let started = events.next("provider_started", "kv").await;
    assert_eq!(started["image_ref"], image(Path::new(PROVIDER)));
    let first = kv.state_when(|_| true).await;
    let given = &first["host_data"];
    assert_eq!(given["host_id"], kv.host.as_str());
    assert_eq!(given["config"], json!({ "color": "red" }));
    assert_eq!(
        given["link_definitions"][0]["target_config"]["url"],
        "redis://one"
    );
    assert_eq!(first["environment"], json!(["RUST_LOG"]));

    // A link that comes while it runs is not in its host data.
    put_link(&site, "api", "kv", "store").await;
    kv.state_when(|state| state["links"].as_array().unwrap().len() == 2)
        .await;
    events.next("health_check_passed", "kv").await;
    signal(&first["pid"], "-9");
    let died = events.next("weft_provider_died", "kv").await;
    assert_eq!(
        (&died["signal"], &died["next_attempt_ms"]),
        (&json!(9), &json!(0))
    );
    let restarted = events.next("weft_provider_restarted", "kv").await;
    assert_eq!(restarted["restarts"], 1);
    let second = kv.state_when(|state| state["pid"] != first["pid"]).await;
    assert_eq!(second["links"], second["host_data"]["link_definitions"]);
    assert_eq!(second["links"].as_array().unwrap().len(), 2);
    let entry = kv
        .entry_when(|entry| entry["annotations"]["weft.state"] == "running")
        .await;
    assert_eq!(entry["annotations"]["weft.restarts"], "1");
    assert_eq!(entry["annotations"]["weft.last-exit"], "signal 9");
    assert_eq!(entry["annotations"]["weft.pid"], second["pid"].to_string());

    assert_eq!(kv.stop().await["success"], true);
    assert!(!is_alive(&second["pid"]));
    assert_eq!(kv.entry().await, Value::Null);
}

#[tokio::test]
async fn one_that_crashes_at_its_start_is_held_back_and_shown_until_its_config_is_right_on_the_embedded_broker()
 {
    is_held_back(BrokerKind::Embedded).await;
}

#[tokio::test]
async fn one_that_crashes_at_its_start_is_held_back_and_shown_until_its_config_is_right_on_nats_server()
 {
    is_held_back(BrokerKind::Server).await;
}

async fn is_held_back(kind: BrokerKind) {
    let Some((site, node)) = Site::start(kind).await else {
        return;
    };
    let mut events = Events::follow(&site).await;
    let provider = |behaviour| {
        let provider = Provider::new("kv", &image(Path::new(PROVIDER)));
        Manifest::new("shop").provider(provider.config("how", "behaviour", behaviour))
    };
    site.deploy(&provider("crash")).await;
    let looped = events.next("weft_provider_crash_loop", "shop-kv").await;
    assert_eq!(looped["exit_status"], 3);
    assert!(looped["next_attempt_ms"].as_u64().unwrap() > 0);
    let status = site
        .status_when("shop", |status| {
            status.info.kind == StatusType::Failed
                && status.info.message.contains("5 times in a row")
        })
        .await;
    assert_eq!(status.weft_problems[0].code, "PRV013");
    let kv = Remote {
        site: &site,
        host: node.host(),
        id: "shop-kv",
    };
    assert_eq!(kv.entry().await["annotations"]["weft.state"], "crash-loop");

    // Nothing but its config changes, and that is what its next process is started with.
    let version = site.deploy(&provider("fine")).await;
    site.is_up("shop", &version).await;
    kv.state_when(|state| state["config"]["behaviour"] == "fine")
        .await;
}

#[tokio::test]
async fn a_stop_lets_it_answer_what_it_has_under_way_on_the_embedded_broker() {
    finishes(BrokerKind::Embedded).await;
}

#[tokio::test]
async fn a_stop_lets_it_answer_what_it_has_under_way_on_nats_server() {
    finishes(BrokerKind::Server).await;
}

async fn finishes(kind: BrokerKind) {
    let Some((site, node)) = Site::start(kind).await else {
        return;
    };
    let kv = Remote::start(&site, &node, "kv", &[]).await;
    kv.state_when(|_| true).await;
    let calls = (0..100).map(|_| site.nats().request("default.kv.wait", "".into()));
    let mut calls = Box::pin(join_all(calls));
    let state = kv.state_when(|state| state["waiting"] == 100);
    let stop = async {
        in_time(state).await;
        let stop = kv.stop();
        let release = async {
            kv.entry_when(|entry| entry["annotations"]["weft.state"] == "stopping")
                .await;
            kv.order("release").await;
        };
        let (stopped, ()) = tokio::join!(stop, release);
        assert_eq!(stopped["success"], true, "{stopped}");
    };
    let (answers, ()) = in_time(async { tokio::join!(&mut calls, stop) }).await;
    for answer in answers {
        assert_eq!(answer.unwrap().payload, "released");
    }
}

#[tokio::test]
async fn changes_of_configs_reach_the_processes_on_all_hosts_on_the_embedded_broker() {
    hears_of_changes(BrokerKind::Embedded).await;
}

#[tokio::test]
async fn changes_of_configs_reach_the_processes_on_all_hosts_on_nats_server() {
    hears_of_changes(BrokerKind::Server).await;
}

async fn hears_of_changes(kind: BrokerKind) {
    let Some((mut site, one)) = Site::start(kind).await else {
        return;
    };
    let two = site.join(Join::host()).await;
    put_config(&site, "own", "color", "red").await;
    put_config(&site, "store", "url", "redis://0").await;
    put_link(&site, "web", "kv", "store").await;
    let kvs = [
        Remote::start(&site, &one, "kv", &["own"]).await,
        Remote::start(&site, &two, "kv", &["own"]).await,
    ];
    for kv in &kvs {
        kv.state_when(|state| url(state) == "redis://0").await;
    }
    put_config(&site, "own", "color", "blue").await;
    // What is told of links that are gone is heard by both, and both are to have the link all the same.
    for round in 1..=5 {
        put_config(&site, "store", "url", &format!("redis://{round}")).await;
    }
    for kv in &kvs {
        let is_new =
            |state: &Value| url(state) == "redis://5" && state["config"]["color"] == "blue";
        kv.state_when(is_new).await;
    }
    let body = json!({ "source_id": "web", "name": "default", "wit_namespace": "wasi", "wit_package": "keyvalue" });
    site.ask("wasmbus.ctl.v1.default.link.del", body.to_string())
        .await;
    for kv in &kvs {
        kv.state_when(|state| state["links"] == json!([])).await;
    }
}

#[tokio::test]
async fn one_that_answers_nothing_any_more_is_started_again() {
    let Some((site, node)) = Site::start(BrokerKind::Embedded).await else {
        return;
    };
    let mut events = Events::follow(&site).await;
    let kv = Remote::start(&site, &node, "kv", &[]).await;
    events.next("health_check_passed", "kv").await;
    kv.order("sick").await;
    events.next("health_check_failed", "kv").await;
    kv.entry_when(|entry| entry["annotations"]["weft.state"] == "unhealthy")
        .await;
    let first = kv.state_when(|_| true).await;
    kv.order("hang").await;
    events.next("weft_provider_hangs", "kv").await;
    events.next("weft_provider_restarted", "kv").await;
    kv.state_when(|state| state["pid"] != first["pid"]).await;
    assert!(!is_alive(&first["pid"]));
}

#[tokio::test]
async fn none_outlives_its_host() {
    let Some((mut site, _manager)) = Site::start(BrokerKind::Embedded).await else {
        return;
    };
    let mut node = site.join(Join::host()).await;
    let pid = async |node: &Member| {
        let kv = Remote::start(&site, node, "kv", &[]).await;
        kv.state_when(|_| true).await["pid"].clone()
    };
    let is_gone = async |pid: Value| {
        eventually(async || {
            if is_alive(&pid) {
                Err(pid.clone())
            } else {
                Ok(())
            }
        })
        .await;
    };
    let stopped = pid(&node).await;
    node.stop().await;
    assert!(!is_alive(&stopped));
    node.resume().await;
    let cut_off = pid(&node).await;
    node.crash().await;
    is_gone(cut_off).await;
}

#[tokio::test]
async fn what_may_not_or_cannot_run_is_told() {
    let Some((mut site, node)) = Site::start(BrokerKind::Embedded).await else {
        return;
    };
    let strict = site.join(Join::host().without_providers()).await;
    let mut events = Events::follow(&site).await;
    let mut check =
        async |node: &Member, id: &'static str, path: &Path, configs: &[&str], code: &str| {
            let remote = Remote {
                site: &site,
                host: node.host(),
                id,
            };
            let answer = remote.ask_to_start(&image(path), configs).await;
            assert_eq!(answer["success"], true, "{answer}");
            let failed = events.next("provider_start_failed", id).await;
            assert_eq!(failed["weft_code"], code, "{failed}");
            assert_eq!(remote.entry().await, Value::Null);
        };
    let program: PathBuf = PROVIDER.into();
    check(&strict, "a", &program, &[], "HST009").await;
    check(&node, "b", &program, &["SECRET_key"], "HST008").await;
    let text = site.file("text", b"#!/no/such/interpreter");
    std::fs::set_permissions(&text, PermissionsExt::from_mode(0o755)).unwrap();
    check(&node, "c", &text, &[], "PRV011").await;
    check(&node, "d", &site.directory().join("none"), &[], "ART001").await;
    for id in ["1", "2", "3"] {
        let provider = Remote::start(&site, &node, id, &[]).await;
        provider.state_when(|_| true).await;
    }
    check(&node, "e", &program, &[], "PRV012").await;
}
