//! The recordings of real providers, with our host in the place of theirs: it starts a provider of ours for each, which
//! takes what hosts tell, while calls go on as they were recorded.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use nkeys::KeyPair;
use serde_json::Value;
use weft_artifact::claims::{ProviderClaims, Times};
use weft_artifact::par::{Builder, Compression, Target};
use weft_node::Ended;
use weft_testkit::{BrokerKind, Join, Site, in_time};

use crate::recording::{
    CONTROL, Heard, compare, compare_outcome, first_by_subject, path_of, payload, rows,
};
use crate::replay::{Call, StandIns, calls};

const PROVIDER: &str = env!("CARGO_BIN_EXE_weft-test-provider");
const TOLD: &str = "wasmbus.rpc.default.";
/// As many providers as a recording starts.
const PROVIDERS: usize = 5;

/// What a recording is replayed with.
struct Plan {
    recording: &'static str,
    /// The recorded file of a component, and the guest in its place.
    component: (&'static str, &'static str),
    /// The component's id.
    id: &'static str,
    archives: &'static [&'static str],
    /// Providers that the component calls.
    called: &'static [&'static str],
    /// How many requests of the control interface, messages to providers and calls of the component there are.
    counts: [usize; 3],
}

const PROVIDERS_PLAN: Plan = Plan {
    recording: "providers-1.9.2.jsonl",
    component: ("/components/caller.wasm", "kinds-caller"),
    id: "caller",
    archives: &["keyvalue-redis", "http-server"],
    called: &["kv"],
    counts: [15, 11, 2],
};

/// A replay under way.
struct Replay<'a> {
    site: &'a Site,
    heard: Heard,
    differences: Vec<String>,
    counts: [usize; 3],
    previous: Option<Value>,
    stopped: Option<Value>,
}

#[tokio::test]
async fn a_host_of_real_providers_does_as_recorded_on_the_embedded_broker() {
    replay(BrokerKind::Embedded, &PROVIDERS_PLAN).await;
}

#[tokio::test]
async fn a_host_of_real_providers_does_as_recorded_on_nats_server() {
    replay(BrokerKind::Server, &PROVIDERS_PLAN).await;
}

async fn replay(kind: BrokerKind, plan: &Plan) {
    let first = Join::full().providers_max(PROVIDERS);
    let Some((site, mut node)) = Site::start_with(kind, first).await else {
        return;
    };
    let mut places = vec![(plan.component.0, path_of(plan.component.1))];
    let archives: Vec<(String, String)> = plan
        .archives
        .iter()
        .map(|name| (format!("/components/{name}.par.gz"), archive(&site, name)))
        .collect();
    let archives = archives
        .iter()
        .map(|(from, to)| (from.as_str(), to.clone()));
    places.extend(archives);
    let Some(rows) = rows(plan.recording, node.host().as_str(), &places) else {
        return;
    };
    let replies = first_by_subject(&rows);
    let calls = calls(&rows);
    let stand_ins = StandIns::start(site.nats(), &calls, plan.called).await;
    let mut calls = calls.iter();
    let mut replay = Replay {
        heard: Heard::follow(&site).await,
        site: &site,
        differences: Vec::new(),
        counts: [0; 3],
        previous: None,
        stopped: None,
    };
    for row in &rows {
        let subject = row["subject"].as_str().unwrap_or_default();
        if subject.starts_with(CONTROL) {
            let reply = replies[row["reply"].as_str().unwrap()];
            replay.ask(subject, row, reply).await;
        } else if subject.starts_with("wasmbus.evt.") {
            replay.expect_event(subject, row).await;
        } else if let Some(told) = subject.strip_prefix(TOLD) {
            replay.expect_told(told, row, plan.id).await;
        } else if subject.contains(".wrpc.0.0.1.") {
            let call = calls.next().unwrap();
            replay.call(call, plan.id).await;
        }
    }
    let ended = in_time(node.node().ended()).await;
    assert!(matches!(ended, Ended::HostStopped { .. }), "{ended:?}");
    node.stop().await;
    let recorded = replay.stopped.take().unwrap();
    replay
        .compare_event("wasmbus.evt.default.host_stopped", &recorded)
        .await;
    let mut differences = replay.differences;
    differences.extend(stand_ins.finish());
    assert!(differences.is_empty(), "{differences:#?}");
    assert_eq!(replay.counts, plan.counts);
}

// ===== impl Replay =====

impl Replay<'_> {
    async fn ask(&mut self, subject: &str, row: &Value, reply: &Value) {
        self.counts[0] += 1;
        let body = row["data"].as_str().unwrap_or_default();
        let ours = self.site.ask(subject, body).await;
        let recorded = payload(reply);
        let what = format!("{subject} {body}");
        compare(&what, &recorded, &ours, &mut self.differences);
        compare_outcome(&what, &recorded, &ours, &mut self.differences);
    }

    async fn expect_event(&mut self, subject: &str, row: &Value) {
        let recorded = payload(row);
        if subject.ends_with("host_stopped") {
            self.stopped = Some(recorded);
            return;
        }
        // The original tells a new component twice.
        if self.previous.replace(recorded["data"].clone()) == Some(recorded["data"].clone()) {
            return;
        }
        self.compare_event(subject, &recorded).await;
    }

    async fn compare_event(&mut self, subject: &str, recorded: &Value) {
        let ours = self.heard.like(subject, recorded).await;
        compare(subject, recorded, &ours, &mut self.differences);
    }

    /// What the host tells a provider is told by ours as well, with the very same body.
    async fn expect_told(&mut self, told: &str, row: &Value, component: &str) {
        let (receiver, what) = told.split_once('.').unwrap();
        // Components listen to nobody.
        if receiver == component {
            return;
        }
        self.counts[1] += 1;
        let body = row["data"].as_str().map(|text| {
            let body: Value = serde_json::from_str(text).unwrap();
            body
        });
        let is_key = receiver.starts_with('X') && receiver.len() == 56;
        let is_it = |subject: &str, ours: &Value| {
            let Some((to, kind)) = subject
                .strip_prefix(TOLD)
                .and_then(|told| told.split_once('.'))
            else {
                return false;
            };
            let is_receiver = to == receiver || is_key && to.starts_with('X') && to.len() == 56;
            is_receiver && kind == what && *ours == body.clone().unwrap_or_default()
        };
        self.heard.next(&format!("{told} {body:?}"), is_it).await;
    }

    /// Calls of the component are made; those that it makes itself are answered while it does.
    async fn call(&mut self, call: &Call, component: &str) {
        if call.target() == component {
            self.counts[2] += 1;
            self.differences.extend(call.make(self.site.nats()).await);
        }
    }
}

/// Packs the provider of tests as an archive, and gives its path.
fn archive(site: &Site, name: &str) -> String {
    let path = site.directory().join(format!("{name}.par.gz"));
    let claims = ProviderClaims {
        name: Some(name.to_owned()),
        vendor: "wasmCloud".to_owned(),
        revision: Some(0),
        version: Some("0.1.0".to_owned()),
        ..ProviderClaims::default()
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let times = Times {
        issued_at: now.as_secs(),
        ..Times::default()
    };
    let program = std::fs::read(Path::new(PROVIDER)).unwrap();
    let file = std::fs::File::create(&path).unwrap();
    Builder::new(claims)
        .executable(Target::current(), program)
        .write(
            file,
            Compression::None,
            &KeyPair::new_service().public_key(),
            times,
            &KeyPair::new_account(),
        )
        .unwrap();
    path.to_str().unwrap().to_owned()
}
