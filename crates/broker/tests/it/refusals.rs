//! What the broker does not offer, it refuses.

use async_nats::jetstream::kv;
use async_nats::jetstream::stream::{Config, External, Placement, Republish, Source};
use serde_json::{Value, json};

use crate::server::Server;

/// Sends a request to the API, and returns the number of the error it is answered with.
async fn refused(client: &async_nats::Client, subject: &str, body: Value) -> u64 {
    let answer = client
        .request(format!("$JS.API.{subject}"), body.to_string().into())
        .await
        .unwrap();
    let answer: Value = serde_json::from_slice(&answer.payload).unwrap();
    let error = &answer["error"];
    assert!(
        error["description"]
            .as_str()
            .is_some_and(|text| !text.is_empty())
    );
    error["err_code"]
        .as_u64()
        .unwrap_or_else(|| panic!("not refused: {answer}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_need_more_than_one_server() {
    let server = Server::broker().await;
    let jetstream = server.jetstream().await;
    let source = || Source {
        name: "X".to_owned(),
        ..Source::default()
    };
    let name = || "S".to_owned();
    for config in [
        Config {
            mirror: Some(source()),
            ..Config::default()
        },
        Config {
            sources: Some(vec![Source {
                domain: Some("hub".to_owned()),
                ..source()
            }]),
            ..Config::default()
        },
        Config {
            sources: Some(vec![Source {
                external: Some(External {
                    api_prefix: "$JS.hub.API".to_owned(),
                    delivery_prefix: None,
                }),
                ..source()
            }]),
            ..Config::default()
        },
        Config {
            num_replicas: 3,
            ..Config::default()
        },
        Config {
            placement: Some(Placement {
                cluster: Some("C".to_owned()),
                tags: vec![],
            }),
            ..Config::default()
        },
        Config {
            republish: Some(Republish {
                source: ">".to_owned(),
                destination: "r.>".to_owned(),
                headers_only: false,
            }),
            ..Config::default()
        },
        Config {
            subject_delete_marker_ttl: Some(std::time::Duration::from_secs(2)),
            ..Config::default()
        },
    ] {
        let described = format!("{config:?}");
        let result = jetstream
            .create_stream(Config {
                name: name(),
                ..config
            })
            .await;
        let refusal = result.expect_err(&described).to_string();
        for place in ["nats-server", "weft lattice copy"] {
            assert!(refusal.contains(place), "{described}: {refusal}");
        }
    }
    assert_eq!(server.handle().stats().storage.streams, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_with_markers_are_not_even_asked_for() {
    let server = Server::broker().await;
    let result = server
        .jetstream()
        .await
        .create_key_value(kv::Config {
            bucket: "b".to_owned(),
            limit_markers: Some(std::time::Duration::from_secs(5)),
            ..kv::Config::default()
        })
        .await;
    let kind = result.unwrap_err().kind();
    assert_eq!(
        kind,
        async_nats::jetstream::context::CreateKeyValueErrorKind::LimitMarkersNotSupported
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn options_and_requests_by_name() {
    let server = Server::broker().await;
    let client = server.client().await;
    let jetstream = server.jetstream().await;
    jetstream
        .create_stream(Config {
            name: "S".to_owned(),
            ..Config::default()
        })
        .await
        .unwrap();
    let consumer = |config: Value| json!({ "stream_name": "S", "config": config });
    let checks = [
        (
            "STREAM.CREATE.T",
            json!({ "name": "T", "compression": "s2" }),
            10052,
        ),
        (
            "STREAM.CREATE.T",
            json!({ "name": "T", "allow_atomic": true }),
            10052,
        ),
        (
            "STREAM.CREATE.T",
            json!({ "name": "T", "sources": [{ "name": "S", "consumer": { "name": "c" } }] }),
            10052,
        ),
        (
            "STREAM.CREATE.T",
            json!({ "name": "T", "subject_transform": { "src": "a", "dest": "b", "more": 1 } }),
            10052,
        ),
        (
            "CONSUMER.CREATE.S",
            consumer(json!({ "replay_policy": "original" })),
            10012,
        ),
        (
            "CONSUMER.CREATE.S",
            consumer(json!({ "pause_until": "2030-01-01T00:00:00Z" })),
            10012,
        ),
        (
            "CONSUMER.CREATE.S",
            consumer(json!({ "priority_groups": ["g"], "priority_policy": "overflow" })),
            10012,
        ),
        (
            "CONSUMER.CREATE.S",
            consumer(json!({ "num_replicas": 3 })),
            10074,
        ),
        (
            "STREAM.SNAPSHOT.S",
            json!({ "deliver_subject": "x" }),
            10003,
        ),
        ("CONSUMER.PAUSE.S.c", json!({}), 10003),
        ("STREAM.PURGE.S", json!({ "since": "yesterday" }), 10003),
        (
            "STREAM.MSG.GET.S",
            json!({ "seq": 1, "start_time": "2030-01-01T00:00:00Z" }),
            10003,
        ),
    ];
    for (subject, body, code) in checks {
        let described = format!("{subject} {body}");
        assert_eq!(refused(&client, subject, body).await, code, "{described}");
    }
}
