//! The client against recordings: what it asks is what the reference client of 1.9 and the scripts of the recordings asked,
//! and the answers of a real host are read.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use futures::StreamExt;
use serde_json::Value;
use weft_lattice::Lattice;
use weft_lattice::control::ControlError;
use weft_lattice::protocol::control::{
    ComponentAuction, DeleteLabel, DeleteLink, Link, ProviderAuction, PutLabel, ScaleComponent,
    StartProvider, StopHost, StopProvider, UpdateComponent,
};
use weft_lattice::protocol::json;
use weft_lattice::protocol::subject::{ControlSubjects, Operation, SubjectPrefix};
use weft_model::application::Config;

use crate::server::{Server, in_time};

const PREFIX: &str = "wasmbus.ctl.v1.";
const LATTICE: &str = "default";
/// How long is waited for more than one answer.
const WINDOW: Duration = Duration::from_secs(1);

/// A request of a recording and its answer.
struct Exchange {
    subject: String,
    body: String,
    answer: Value,
}

fn exchanges(name: &str) -> Option<Vec<Exchange>> {
    let directory = std::env::var_os("WEFT_VECTORS").map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../../shared/vectors"
            ))
        },
        PathBuf::from,
    );
    let Ok(text) = std::fs::read_to_string(directory.join(name)) else {
        let text = format!("SKIPPED: `{name}` is missing; name its directory in WEFT_VECTORS");
        let _ = writeln!(std::io::stderr(), "{text}");
        return None;
    };
    let rows: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let text_of = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let answers: BTreeMap<String, String> = rows
        .iter()
        .map(|row| (text_of(row, "subject"), text_of(row, "data")))
        .collect();
    let requests = rows.iter().filter_map(|row| {
        let subject = text_of(row, "subject");
        // Some answers were not recorded.
        let answer = answers.get(row["reply"].as_str()?)?;
        subject.starts_with(PREFIX).then(|| Exchange {
            subject,
            body: text_of(row, "data"),
            answer: serde_json::from_str(answer).unwrap(),
        })
    });
    Some(requests.collect())
}

/// Asks what was asked, by the function for it. Gives whether it went well.
async fn ask(lattice: &Lattice, operation: &Operation, body: &str) -> Result<(), ControlError> {
    let client = lattice.control();
    let body = body.as_bytes();
    match operation {
        Operation::HostPing => client.ping_expecting(1, WINDOW).await.map(drop),
        Operation::HostGet(host) => client.inventory(host).await.map(|inventory| {
            assert!(inventory.skipped.is_empty(), "{:?}", inventory.skipped);
        }),
        Operation::HostStop(host) => {
            let stop: StopHost = json::decode(body).unwrap();
            let timeout = stop.timeout_ms.map(Duration::from_millis);
            client.stop_host(host, timeout).await
        }
        Operation::ComponentAuction => {
            let auction: ComponentAuction = json::decode(body).unwrap();
            client.auction_component(&auction, WINDOW).await.map(drop)
        }
        Operation::ProviderAuction => {
            let auction: ProviderAuction = json::decode(body).unwrap();
            client.auction_provider(&auction, WINDOW).await.map(drop)
        }
        Operation::ComponentScale(host) => {
            let scale: ScaleComponent = json::decode(body).unwrap();
            client.scale_component(host, &scale).await.map(drop)
        }
        Operation::ComponentUpdate(host) => {
            let update: UpdateComponent = json::decode(body).unwrap();
            client.update_component(host, &update).await.map(drop)
        }
        Operation::ProviderStart(host) => {
            let start: StartProvider = json::decode(body).unwrap();
            client.start_provider(host, &start).await
        }
        Operation::ProviderStop(host) => {
            let stop: StopProvider = json::decode(body).unwrap();
            client.stop_provider(host, &stop.provider().unwrap()).await
        }
        Operation::LabelPut(host) => {
            let label: PutLabel = json::decode(body).unwrap();
            client.put_label(host, &label.key, &label.value).await
        }
        Operation::LabelDelete(host) => {
            let label: DeleteLabel = json::decode(body).unwrap();
            client.delete_label(host, &label.key).await
        }
        other => ask_of_all(lattice, other, body).await,
    }
}

/// What is asked of any host.
async fn ask_of_all(
    lattice: &Lattice,
    operation: &Operation,
    body: &[u8],
) -> Result<(), ControlError> {
    let client = lattice.control();
    match operation {
        Operation::LinkGet => client.links().await.map(|links| {
            assert!(links.skipped.is_empty(), "{:?}", links.skipped);
        }),
        Operation::LinkPut => {
            let link: Link = json::decode(body).unwrap();
            client.put_link(&(&link).try_into().unwrap()).await
        }
        Operation::LinkDelete => {
            let link: DeleteLink = json::decode(body).unwrap();
            client.delete_link(&(&link).try_into().unwrap()).await
        }
        Operation::ConfigGet(name) => client.config(name).await.map(drop),
        Operation::ConfigPut(name) => {
            let config: Config = json::decode(body).unwrap();
            client.put_config(name, &config).await
        }
        Operation::ConfigDelete(name) => client.delete_config(name).await,
        Operation::ClaimsGet => client.claims().await.map(drop),
        other => panic!("{other:?} was not recorded"),
    }
}

/// Every recorded field is in what we send, with the recorded value, and nothing else is.
fn check_body(what: &str, recorded: &str, sent: &[u8]) {
    if recorded.is_empty() {
        assert_eq!(sent, b"", "{what}");
        return;
    }
    let recorded: Value = serde_json::from_str(recorded).unwrap();
    let sent: Value = serde_json::from_slice(sent).unwrap();
    assert_eq!(sent, recorded, "{what}");
}

async fn check(name: &str, expected: usize) {
    let (Some(exchanges), Some(server)) = (exchanges(name), Server::start().await) else {
        return;
    };
    let lattice = server.connect().await;
    let own = format!("{PREFIX}{}.", lattice.name());
    let mut requests = lattice.nats().subscribe(format!("{own}>")).await.unwrap();
    lattice.flush().await.unwrap();
    let subjects = ControlSubjects::new(&SubjectPrefix::control(), &LATTICE.parse().unwrap());
    let mut asked = 0;
    for exchange in exchanges {
        let Exchange {
            subject,
            body,
            answer,
        } = exchange;
        // A script sent what no client does.
        if body == "{" {
            continue;
        }
        let operation = subjects.parse(&subject).unwrap();
        let answering = async {
            let request = in_time(requests.next()).await.unwrap();
            let tail = request.subject.strip_prefix(own.as_str()).unwrap();
            let recorded = subject.strip_prefix(PREFIX).unwrap();
            assert_eq!(format!("{LATTICE}.{tail}"), recorded);
            check_body(&subject, &body, &request.payload);
            let reply = request.reply.unwrap();
            let answer = answer.to_string().into();
            lattice.nats().publish(reply, answer).await.unwrap();
        };
        let (outcome, ()) = tokio::join!(ask(&lattice, &operation, &body), answering);
        match (&outcome, answer["success"].as_bool().unwrap()) {
            (Ok(()), true) => {}
            (Err(ControlError::Refused { .. }), false) => {}
            other => panic!("{subject}: {other:?}"),
        }
        asked += 1;
    }
    assert_eq!(asked, expected);
}

#[tokio::test]
async fn a_host_is_asked_as_scripts_did() {
    check("host-1.9.2.jsonl", 27).await;
}

#[tokio::test]
async fn hosts_are_asked_as_the_client_of_1_9_does() {
    check("wadm-0.21.1.jsonl", 21).await;
}
