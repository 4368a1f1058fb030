//! What a real host of 1.9.2 sent to real providers, sent to ours.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;

use async_nats::Subject;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::StreamExt as _;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use weft_provider::wrpc::Decode;
use weft_provider::wrpc::codec::Input;
use weft_provider::wrpc::encode::{Future, Stream};
use weft_provider::wrpc::stream::{future, stream};
use weft_provider::{Caller, HookResult, Options, Provider, Start, read_host_data};

use crate::host::Host;
use crate::server::{settled, within};
use crate::subject::{MemoryStore, Told, Witness};

pub(crate) fn read(name: &str) -> Option<String> {
    let directory = std::env::var_os("WEFT_VECTORS").map_or_else(
        || {
            PathBuf::from(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/../../../shared/vectors"
            ))
        },
        PathBuf::from,
    );
    let text = std::fs::read_to_string(directory.join(name));
    if text.is_err() {
        let text = format!("SKIPPED: `{name}` is missing; name its directory in WEFT_VECTORS");
        let _ = writeln!(std::io::stderr(), "{text}");
    }
    text.ok()
}

fn messages() -> Option<Vec<Value>> {
    let text = read("providers-1.9.2.jsonl")?;
    Some(
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
    )
}

pub(crate) fn payload(message: &Value) -> Bytes {
    if let Some(text) = message["data"].as_str() {
        return text.to_owned().into();
    }
    let hex = message["hex"].as_str().unwrap();
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

pub(crate) fn subject(message: &Value) -> &str {
    message["subject"].as_str().unwrap_or_default()
}

#[tokio::test]
async fn host_data_of_1_9_is_read() {
    let Some(text) = read("hostdata-1.9.2.json") else {
        return;
    };
    let recorded: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(recorded.len(), 6);
    for value in recorded {
        let line = STANDARD.encode(value.to_string()) + "\r\n";
        let data = read_host_data(line.as_bytes(), 1 << 20).await.unwrap();
        let mut written = serde_json::to_value(&data).unwrap();
        // What is optional and `null` is left out by some.
        for (key, recorded) in value.as_object().unwrap() {
            assert_eq!(written[key].take(), *recorded, "{key}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_answers_a_host_of_1_9_as_its_own_provider_did() {
    let Some(recorded) = messages() else { return };
    let Some(mut host) = Host::start().await else {
        return;
    };
    host.data["config"] = json!({"url": "redis://127.0.0.1:6399"});
    let running = host.run_until_healthy(MemoryStore::default()).await;
    let own = host.provider_key.public_key();
    let mut calls = 0;
    for message in &recorded {
        let subject = subject(message);
        if let Some(function) = subject.strip_prefix("default.kv.wrpc.0.0.1.") {
            let headers = message["headers"].as_object().unwrap();
            let headers: Vec<(&str, &str)> = headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
                .collect();
            let answer = host.call_plain(function, &headers, payload(message)).await;
            let root = message["reply"].as_str().unwrap();
            let results = format!("{root}.results");
            let expected = recorded.iter().find(|one| self::subject(one) == results);
            let mut expected = payload(expected.unwrap()).to_vec();
            if function.ends_with("list-keys") {
                // Ours are in order.
                expected = b"\x00\x02\x04hits\x01k\x00".to_vec();
            }
            assert_eq!(answer, expected, "{function}");
            calls += 1;
        } else if let Some(tail) = subject.strip_prefix("wasmbus.rpc.default.kv.") {
            match message["reply"].as_str() {
                Some(reply) => {
                    let body = payload(message);
                    let body = String::from_utf8_lossy(&body);
                    let answer = host.request(&format!("kv.{tail}"), &body).await.unwrap();
                    let expected = recorded.iter().find(|one| self::subject(one) == reply);
                    assert_eq!(answer.payload, payload(expected.unwrap()), "{tail}");
                }
                None => host.tell(&format!("kv.{tail}"), &parse(message)).await,
            }
        } else if subject.starts_with("wasmbus.rpc.default.XCNK") {
            host.tell(&format!("{own}.linkdefs.put"), &parse(message))
                .await;
        }
    }
    assert_eq!(calls, 7);
    // The last of it was the request to end.
    running.ended().await.unwrap();
}

fn parse(message: &Value) -> Value {
    serde_json::from_slice(&payload(message)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_a_host_of_1_9_are_understood() {
    let Some(recorded) = messages() else { return };
    let Some(mut host) = Host::start().await else {
        return;
    };
    host.data["provider_key"] = json!("httpsrv");
    host.data["config"] = json!({"routing_mode": "address"});
    let (witness, mut log) = Witness::new();
    let running = host.run(witness, Options::default()).await;
    let Told::Init { .. } = log.next().await else {
        panic!("told before the start");
    };
    let own = format!("{}.linkdefs.put", host.provider_key.public_key());
    for message in &recorded {
        let subject = subject(message);
        if subject.starts_with("wasmbus.rpc.default.XDPF") {
            host.tell(&own, &parse(message)).await;
            let told = Told::Put {
                is_target: false,
                peer: "caller".to_owned(),
                name: "default".to_owned(),
                config: BTreeMap::from([("address".to_owned(), "127.0.0.1:8095".to_owned())]),
                password: None,
            };
            assert_eq!(log.next().await, told);
        } else if let Some(tail) = subject.strip_prefix("wasmbus.rpc.default.httpsrv.") {
            if message["reply"].is_null() {
                host.tell(&format!("httpsrv.{tail}"), &parse(message)).await;
                settled(&host.nats).await;
            }
            match tail {
                "linkdefs.del" => {
                    let (peer, name) = ("caller".to_owned(), "default".to_owned());
                    assert_eq!(log.next().await, Told::Deleted { peer, name });
                }
                "config.update" if parse(message)["extra"] == "1" => {
                    assert!(matches!(log.next().await, Told::Config(_)));
                }
                _ => {}
            }
        }
    }
    assert_eq!(log.rest(), []);
    running.signal.request();
    running.ended().await.unwrap();
}

type Fields = Vec<(String, Vec<Bytes>)>;
type Text = Option<String>;
type Request = (
    Stream<u8>,
    Future<Option<Fields>>,
    Method,
    Text,
    Option<Scheme>,
    Text,
    Fields,
);
type Response = (Stream<u8>, Future<Option<Fields>>, u16, Fields);
/// As it stands in the first message, with a zero for each stream that follows.
type RecordedRequest = (bool, bool, Method, Text, Option<Scheme>, Text, Fields);

const HANDLER: &str = "wrpc:http/incoming-handler@0.1.0";

enum Method {
    Get,
    Head,
    Post,
}
weft_provider::wrpc::enumeration!(Method {
    Get: "get",
    Head: "head",
    Post: "post"
});

enum Scheme {
    Http,
    Https,
}
weft_provider::wrpc::enumeration!(Scheme {
    Http: "HTTP",
    Https: "HTTPS"
});

/// Gives its caller away.
struct Server {
    caller: std::sync::Mutex<Option<oneshot::Sender<Caller>>>,
}

impl Provider for Server {
    async fn init(&self, start: Start) -> HookResult {
        let sender = self.caller.lock().unwrap().take();
        let _ = sender.unwrap().send(start.caller);
        Ok(())
    }
}

/// Answers the recorded `call` as the component of 1.9 did. Gives what came on the subjects of its parameters.
async fn component(
    host: &Host,
    recorded: &[Value],
    call: &Value,
    calls: &mut async_nats::Subscriber,
) -> BTreeMap<String, Vec<u8>> {
    let ours = host.nats.new_inbox();
    let mut params = host.nats.subscribe(format!("{ours}.>")).await.unwrap();
    let found = within(calls.next()).await.unwrap();
    let headers = found.headers.unwrap();
    for (name, value) in call["headers"].as_object().unwrap() {
        let sent = headers.get(name.as_str()).unwrap();
        assert_eq!(sent.as_str(), value.as_str().unwrap(), "{name}");
    }
    // Beside those there is only what ends of Weft say to each other.
    let extra = headers
        .iter()
        .filter(|(name, _)| name.to_string() != "weft-c");
    assert_eq!(extra.count(), 2, "{headers:?}");
    assert_eq!(found.payload, payload(call));
    let reply = found.reply.unwrap();
    for message in recorded {
        let root = call["reply"].as_str().unwrap();
        if let Some(tail) = subject(message).strip_prefix(root) {
            let to = Subject::from(format!("{reply}{tail}"));
            let (from, payload) = (ours.clone(), payload(message));
            match tail {
                "" => host.nats.publish_with_reply(to, from, payload).await,
                _ => host.nats.publish(to, payload).await,
            }
            .unwrap();
        }
    }
    let mut came: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut ends = 0;
    // That of the tuple, that of the body, that of the trailers.
    while ends < 3 {
        let message = within(params.next()).await.unwrap();
        let tail = message.subject.strip_prefix(ours.as_str()).unwrap();
        ends += u32::from(message.payload.is_empty());
        let bytes = came.entry(tail.to_owned()).or_default();
        bytes.extend_from_slice(&message.payload);
    }
    came
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_of_1_9_is_called_as_its_own_provider_did() {
    let Some(recorded) = messages() else { return };
    let Some(mut host) = Host::start().await else {
        return;
    };
    host.data["provider_key"] = json!("httpsrv");
    let (sender, caller) = oneshot::channel();
    let caller_mutex = std::sync::Mutex::new(Some(sender));
    let server = Server {
        caller: caller_mutex,
    };
    let running = host.run(server, Options::default()).await;
    let caller = within(caller).await.unwrap();

    let subject_of_calls = format!("default.caller.wrpc.0.0.1.{HANDLER}.handle");
    let mut posts = recorded
        .iter()
        .filter(|one| subject(one) == subject_of_calls);
    let post = posts.nth(1).unwrap();
    let mut calls = host.nats.subscribe(subject_of_calls.clone()).await.unwrap();
    settled(&host.nats).await;

    // The request without its streams, as it was recorded.
    let input = Input::from(payload(post));
    let recorded_request = RecordedRequest::decode(&mut input.reader()).unwrap();
    let (_, _, method, path, scheme, authority, fields) = recorded_request;
    let (mut body, body_out) = stream();
    let (trailers, trailers_out) = future();
    let params = ((
        body_out,
        trailers_out,
        method,
        path,
        scheme,
        authority,
        fields,
    ),);
    let component_called = caller.component("caller");
    let handle =
        component_called.function::<(Request,), Result<Response, String>>(HANDLER, "handle");
    let handle = handle.unwrap();
    let writing = async {
        body.write_bytes(Bytes::from_static(b"hello body"))
            .await
            .unwrap();
        body.finish().await.unwrap();
        trailers.write(&None::<Fields>).await.unwrap();
    };
    let answering = component(&host, &recorded, post, &mut calls);
    let all = async { tokio::join!(handle.call(&params), writing, answering) };
    let (response, (), came) = within(Box::pin(all)).await;
    assert_eq!(came[".params"], b"");
    assert_eq!(came[".params.0.0"], b"\x0ahello body\0");
    assert_eq!(came[".params.0.1"], b"\0");

    let (mut body, trailers, status, _) = response.unwrap().unwrap();
    let mut text = Vec::new();
    while let Some(bytes) = within(body.reader.next_bytes()).await.unwrap() {
        text.extend_from_slice(&bytes);
    }
    let expected = "try /ints /floats /shapes /outcome /nested /text /nothing /big /kv";
    assert_eq!((status, text.as_slice()), (200, expected.as_bytes()));
    assert_eq!(within(trailers.get()).await.unwrap(), None);
    running.signal.request();
    running.ended().await.unwrap();
}
