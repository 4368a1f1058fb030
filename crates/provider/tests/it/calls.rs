//! Calls that come in, in the form of 1.9 and in that of one message.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::json;
use weft_provider::keyvalue::{Error, KeyPage};
use weft_provider::messaging::{self, BrokerMessage, Consumer};
use weft_provider::wrpc::encode::Stream;
use weft_provider::wrpc::stream::stream;
use weft_provider::wrpc::{CallOptions, Context, Decode, Encode, Function, Prefix, Tuple};
use weft_provider::{Call, CallError, Exports, Failure, FailureCode, Provider, Streamed};

use crate::host::{Host, link};
use crate::server::within;
use crate::subject::MemoryStore;

const INSTANCE: &str = "wrpc:keyvalue/store@0.2.0-draft";

type Pairs = Vec<Option<(String, Bytes)>>;

/// Makes a call as ends of Weft do.
async fn call_weft<P: Tuple + Encode, R: Tuple + Decode>(
    host: &Host,
    instance: &str,
    name: &str,
    params: P,
) -> Result<R, CallError> {
    let endpoint = host.server.endpoint().await;
    let prefix = Prefix::new("default", "kv").unwrap();
    let function = Function::typed::<P, R>(&prefix, instance, name).unwrap();
    let options = CallOptions {
        context: Context {
            source_id: Some("caller".to_owned()),
            ..Context::default()
        },
        ..CallOptions::default()
    };
    within(endpoint.call(&function, &params, &options)).await
}

/// Says what it knows of its caller.
struct Curious;

impl Provider for Curious {
    fn exports(self: Arc<Self>) -> Exports {
        Exports::new()
            .function(INSTANCE, "who", |call, ()| async move {
                let url = call.link_config("url").unwrap_or("unknown");
                let link = call.link().map(|link| link.name.clone());
                Ok(format!(
                    "{} {} {url} {link:?}",
                    call.source(),
                    call.link_name()
                ))
            })
            .function(INSTANCE, "fail", |_, ()| async move {
                Err::<(), _>(Failure::new(FailureCode::Denied, "not you"))
            })
            .function(INSTANCE, "panic", |_, (text,): (String,)| async move {
                assert_eq!(text, "");
                Ok(())
            })
            .function(
                INSTANCE,
                "double",
                |_, (mut bytes,): (Stream<u8>,)| async move {
                    let (mut writer, outgoing) = stream();
                    let writing = async move {
                        while let Ok(Some(bytes)) = bytes.reader.next_bytes().await {
                            let doubled = [bytes.as_ref(), bytes.as_ref()].concat();
                            writer.write_bytes(doubled.into()).await.unwrap();
                        }
                        writer.finish().await.unwrap();
                    };
                    Ok(Streamed::<Result<Stream<u8>, String>, _>::new(
                        Ok::<_, String>(outgoing),
                        writing,
                    ))
                },
            )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_knows_its_caller_and_its_link() {
    let Some(mut host) = Host::start().await else {
        return;
    };
    host.data["link_definitions"] = json!([
        link("default", &json!({"url": "a"})),
        link("other", &json!({"url": "b"}))
    ]);
    let running = host.run_until_healthy(Curious).await;
    let who = format!("{INSTANCE}.who");
    for (headers, expected) in [
        (
            &[("source-id", "caller"), ("link-name", "other")][..],
            "caller other b Some(\"other\")",
        ),
        (
            &[("source-id", "caller")],
            "caller default a Some(\"default\")",
        ),
        (
            &[("source-id", "stranger")],
            "stranger default unknown None",
        ),
        (&[], "<unknown> default unknown None"),
    ] {
        let answer = host.call_plain(&who, headers, Bytes::new()).await;
        assert_eq!(answer.slice(1..), expected);
    }
    let (answer,): (String,) = call_weft(&host, INSTANCE, "who", ()).await.unwrap();
    assert_eq!(answer, "caller default a Some(\"default\")");
    host.shut_down(running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_told_and_end_nothing() {
    let Some(host) = Host::start().await else {
        return;
    };
    let running = host.run_until_healthy(Curious).await;
    let error = call_weft::<_, ()>(&host, INSTANCE, "fail", ()).await;
    let denied = Failure::new(FailureCode::Denied, "not you");
    assert_eq!(error, Err(CallError::Failed(denied)));
    let error = call_weft::<_, ()>(&host, INSTANCE, "panic", ("x".to_owned(),)).await;
    let is_trap = |failure: &Failure| failure.code == FailureCode::Trap;
    assert!(
        matches!(&error, Err(CallError::Failed(failure)) if is_trap(failure)),
        "{error:?}"
    );
    // A number where a text is expected.
    let error = call_weft::<_, ()>(&host, INSTANCE, "panic", (7_u64,)).await;
    let is_codec = |failure: &Failure| failure.code == FailureCode::Codec;
    assert!(
        matches!(&error, Err(CallError::Failed(failure)) if is_codec(failure)),
        "{error:?}"
    );
    // One of 1.9 sees an end without results in each case.
    for name in ["fail", "panic"] {
        let function = format!("{INSTANCE}.{name}");
        let answer = host
            .call_plain(&function, &[], Bytes::from_static(b"\x01x"))
            .await;
        assert_eq!(answer, "");
    }
    let () = call_weft(&host, INSTANCE, "panic", (String::new(),))
        .await
        .unwrap();
    host.shut_down(running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_come_in_and_go_out() {
    let Some(host) = Host::start().await else {
        return;
    };
    let running = host.run_until_healthy(Curious).await;
    let endpoint = host.server.endpoint().await;
    let prefix = Prefix::new("default", "kv").unwrap();
    let function = Function::typed::<(Stream<u8>,), (Result<Stream<u8>, String>,)>(
        &prefix, INSTANCE, "double",
    );
    let (mut writer, outgoing) = stream();
    let writing = async {
        writer
            .write_bytes(Bytes::from_static(b"abc"))
            .await
            .unwrap();
        writer.finish().await.unwrap();
    };
    let (function, params) = (function.unwrap(), (outgoing,));
    let options = CallOptions::default();
    let call = endpoint.call::<_, (Result<Stream<u8>, String>,)>(&function, &params, &options);
    let (answer, ()) = within(async { tokio::join!(call, writing) }).await;
    let mut stream = answer.unwrap().0.unwrap().reader;
    let mut doubled = Vec::new();
    while let Some(bytes) = within(stream.next_bytes()).await.unwrap() {
        doubled.extend_from_slice(&bytes);
    }
    assert_eq!(doubled, b"abcabc");
    host.shut_down(running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_served_by_its_trait() {
    let Some(host) = Host::start().await else {
        return;
    };
    let running = host.run_until_healthy(MemoryStore::default()).await;
    let text = |text: &str| text.to_owned();
    let pairs = vec![(text("a"), Bytes::from("1")), (text("b"), Bytes::from("2"))];
    let batch = "wrpc:keyvalue/batch@0.2.0-draft";
    let set: (Result<(), Error>,) = call_weft(&host, batch, "set-many", (text("s"), pairs))
        .await
        .unwrap();
    assert_eq!(set, (Ok(()),));
    let keys = vec![text("b"), text("c")];
    let got: (Result<Pairs, Error>,) = call_weft(&host, batch, "get-many", (text("s"), keys))
        .await
        .unwrap();
    assert_eq!(got.0.unwrap(), [Some((text("b"), "2".into())), None]);
    let page: (Result<KeyPage, Error>,) =
        call_weft(&host, INSTANCE, "list-keys", (text("s"), None::<u64>))
            .await
            .unwrap();
    assert_eq!(page.0.unwrap().keys, ["a", "b"]);
    let params = (text("locked"), text("k"), Bytes::new());
    let set: (Result<(), Error>,) = call_weft(&host, INSTANCE, "set", params).await.unwrap();
    assert_eq!(set, (Err(Error::AccessDenied),));
    host.shut_down(running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_is_served_by_its_trait() {
    struct Echo;
    impl Consumer for Echo {
        async fn request(
            &self,
            _: &Call,
            subject: String,
            body: Bytes,
            timeout_ms: u32,
        ) -> Result<BrokerMessage, String> {
            let reply_to = Some(timeout_ms.to_string());
            Ok(BrokerMessage {
                subject,
                body,
                reply_to,
            })
        }
        async fn publish(&self, _: &Call, message: BrokerMessage) -> Result<(), String> {
            Err(message.subject)
        }
    }
    impl Provider for Echo {
        fn exports(self: Arc<Self>) -> Exports {
            messaging::exports(self)
        }
    }
    let Some(host) = Host::start().await else {
        return;
    };
    let running = host.run_until_healthy(Echo).await;
    let function = "wasmcloud:messaging/consumer@0.2.0";
    // request("s", [1], 9), and publish({"s", [1], none}).
    let params = Bytes::from_static(b"\x01s\x01\x01\x09");
    let answer = host
        .call_plain(&format!("{function}.request"), &[], params)
        .await;
    assert_eq!(answer, &b"\x00\x01s\x01\x01\x01\x019"[..]);
    let params = Bytes::from_static(b"\x01s\x01\x01\x00");
    let answer = host
        .call_plain(&format!("{function}.publish"), &[], params)
        .await;
    assert_eq!(answer, &b"\x01\x01s"[..]);
    host.shut_down(running).await;
}
