//! The control interface against recordings of the original: the same requests, answers of the same shape.

use weft_node::Ended;
use weft_testkit::{BrokerKind, Site, free_address, http, in_time};

use crate::recording::{
    CONTROL, Heard, compare, compare_outcome, first_by_subject, path_of, payload, rows,
};

const RECORDING: &str = "host-1.9.2.jsonl";
/// The address of the recorded HTTP server.
const ADDRESS: &str = "127.0.0.1:8093";

#[tokio::test]
async fn recorded_requests_are_answered_as_recorded_on_the_embedded_broker() {
    answers_as_recorded(BrokerKind::Embedded).await;
}

#[tokio::test]
async fn recorded_requests_are_answered_as_recorded_on_nats_server() {
    answers_as_recorded(BrokerKind::Server).await;
}

async fn answers_as_recorded(kind: BrokerKind) {
    let Some((site, mut node)) = Site::start(kind).await else {
        return;
    };
    let page = free_address();
    let places = [
        (ADDRESS, page.to_string()),
        ("/components/callee.wasm", path_of("kinds-callee")),
        ("/components/caller.wasm", path_of("kinds-caller")),
    ];
    let Some(rows) = rows(RECORDING, node.host().as_str(), &places) else {
        return;
    };
    let replies = first_by_subject(&rows);
    let mut events = Heard::follow(&site).await;
    let mut differences = Vec::new();
    let mut answered = None;
    let mut requests = 0;
    let mut previous = None;
    let mut stopped = None;
    for row in &rows {
        let subject = row["subject"].as_str().unwrap_or_default();
        if let Some(note) = row["note"].as_str() {
            if let Some(target) = note.strip_prefix("HTTP ") {
                let target = target.split(' ').next().unwrap();
                answered = Some((note, http::get(page, target).await.unwrap()));
            } else if let Some(expected) = note.strip_prefix("response: ") {
                let (note, answer) = answered.take().unwrap();
                check_answer(note, expected, &answer, &mut differences);
            }
        } else if subject.starts_with(CONTROL) {
            requests += 1;
            let body = row["data"].as_str().unwrap_or_default();
            let ours = site.ask(subject, body).await;
            let reply = replies[row["reply"].as_str().unwrap()];
            let recorded = payload(reply);
            let what = format!("{subject} {body}");
            compare(&what, &recorded, &ours, &mut differences);
            compare_outcome(&what, &recorded, &ours, &mut differences);
        } else if subject.starts_with("wasmbus.evt.") {
            let recorded = payload(row);
            if subject.ends_with("host_stopped") {
                stopped = Some(recorded);
                continue;
            }
            // The original tells a new component twice.
            if previous.replace(recorded["data"].clone()) == Some(recorded["data"].clone()) {
                continue;
            }
            let ours = events.like(subject, &recorded).await;
            compare(subject, &recorded, &ours, &mut differences);
        }
    }
    assert!(requests >= 25, "{requests} requests in the recording");
    // The last request was to stop the host. Its process does so.
    let ended = in_time(node.node().ended()).await;
    assert!(matches!(ended, Ended::HostStopped { .. }), "{ended:?}");
    node.stop().await;
    let recorded = stopped.unwrap();
    let ours = events
        .like("wasmbus.evt.default.host_stopped", &recorded)
        .await;
    compare("host_stopped", &recorded, &ours, &mut differences);
    assert!(differences.is_empty(), "{differences:#?}");
}

#[tokio::test]
async fn heartbeats_are_events_with_the_inventory() {
    let Some((site, node)) = Site::start(BrokerKind::Embedded).await else {
        return;
    };
    let mut events = Heard::follow(&site).await;
    let event = events
        .next("heartbeat", |subject, _| {
            subject.ends_with(".host_heartbeat")
        })
        .await;
    assert_eq!(event["specversion"], "1.0");
    assert_eq!(event["type"], "com.wasmcloud.lattice.host_heartbeat");
    assert_eq!(event["source"], node.host().as_str());
    assert_eq!(event["datacontenttype"], "application/json");
    assert!(event["id"].is_string() && event["time"].is_string());
    let subject = format!("{CONTROL}host.get.{}", node.host());
    let inventory = site.ask(&subject, "").await;
    let mut differences = Vec::new();
    compare(
        "heartbeat",
        &inventory["response"],
        &event["data"],
        &mut differences,
    );
    assert!(differences.is_empty(), "{differences:#?}");
}

fn check_answer(note: &str, expected: &str, answer: &http::Answer, differences: &mut Vec<String>) {
    let is_right = if !expected.starts_with("ERR") {
        // The recording cuts long answers.
        answer.status == 200 && answer.body.starts_with(expected.trim_end())
    } else if note.contains("without") {
        // Interfaces with an error of their own tell it to the guest, which answers; others trap.
        answer.body.contains("no link lets") || answer.body.contains("LNK010")
    } else {
        // The original could not decode what it had encoded.
        answer.status == 200
    };
    if !is_right {
        differences.push(format!("{note}: {answer:?} instead of {expected}"));
    }
}
