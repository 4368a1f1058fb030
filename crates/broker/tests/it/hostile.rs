//! Clients that mean no good, and those that cannot keep up.

use std::time::Duration;

use async_nats::jetstream;
use futures::StreamExt;
use weft_broker::Limits;

use crate::protocol::Raw;
use crate::server::{Server, settled, until, within};

/// Checks that the server still serves others.
async fn assert_serves(server: &Server) {
    let client = server.client().await;
    let mut subscription = client.subscribe("alive").await.unwrap();
    client.publish("alive", "x".into()).await.unwrap();
    within(subscription.next()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rubbish_is_cut_off() {
    let server = Server::broker().await;
    // A fixed sequence that looks like nothing in particular.
    let mut state = 1_u32;
    let mut rubbish = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    for _ in 0..50 {
        let mut raw = Raw::connect(&server).await;
        let bytes: Vec<u8> = (0..1000).map(|_| rubbish()).collect();
        raw.try_send(&bytes).await;
        raw.expect_end("-ERR 'Unknown Protocol Operation'\r\n")
            .await;
    }
    assert_serves(&server).await;
    until("all are gone", || async {
        server.handle().stats().connections <= 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_line_for_ever_costs_one_line() {
    let server = Server::broker().await;
    let mut raw = Raw::quiet(&server).await;
    raw.send("SUB ").await;
    // It is cut long before this ends.
    while raw.try_send(&[b'a'; 4096]).await {}
    raw.expect_end("-ERR 'maximum control line exceeded'\r\n")
        .await;
    assert_serves(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn announced_sizes_are_not_believed() {
    let server = Server::broker().await;
    for size in ["999999999", "2147483648", "18446744073709551616"] {
        let mut raw = Raw::quiet(&server).await;
        raw.send(&format!("PUB a {size}\r\n")).await;
        let words = if size.len() > 9 {
            ""
        } else {
            "-ERR 'Maximum Payload Violation'\r\n"
        };
        raw.expect_end(words).await;
    }
    assert_serves(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deep_subjects_are_subjects() {
    let server = Server::broker().await;
    let mut raw = Raw::quiet(&server).await;
    let deep = vec!["a"; 500].join(".");
    let wild = vec!["*"; 500].join(".");
    raw.send(&format!(
        "SUB {wild} 1\r\nSUB {deep} 2\r\nSUB a.> 3\r\nPING\r\n"
    ))
    .await;
    raw.expect("PONG\r\n").await;
    raw.send(&format!(
        "PUB {deep} 0\r\n\r\nUNSUB 1\r\nUNSUB 2\r\nUNSUB 3\r\n"
    ))
    .await;
    let mut sids = Vec::new();
    for _ in 0..3 {
        raw.expect(&format!("MSG {deep} ")).await;
        sids.push(raw.rest_of_line().await);
        raw.expect("\r\n").await;
    }
    sids.sort_unstable();
    assert_eq!(sids, ["1 0", "2 0", "3 0"]);
    raw.ask("PING\r\n", "PONG\r\n").await;
    assert_eq!(server.handle().stats().subscriptions, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_does_not_read_is_cut_and_counted() {
    let limits = Limits {
        pending_bytes_max: 4 * 1024 * 1024,
        ..Limits::default()
    };
    let server = Server::broker_with(limits).await;
    let mut slow = Raw::quiet(&server).await;
    slow.ask("SUB flood 1\r\nPING\r\n", "PONG\r\n").await;
    let quick = server.client().await;
    let mut received = quick.subscribe("flood").await.unwrap();
    settled(&quick).await;
    let publisher = server.client().await;
    let payload = bytes::Bytes::from(vec![b'x'; 100_000]);
    let flood = async {
        while server.handle().stats().slow_consumers == 0 {
            publisher.publish("flood", payload.clone()).await.unwrap();
        }
        publisher.publish("flood", "end".into()).await.unwrap();
        publisher.flush().await.unwrap();
    };
    let others = async { while within(received.next()).await.unwrap().payload != "end" {} };
    within(async { tokio::join!(flood, others) }).await;
    until("it is gone", || async {
        server.handle().stats().connections == 2
    })
    .await;
    let stats = server.handle().stats();
    assert_eq!(stats.slow_consumers, 1);
    assert!(stats.dropped > 0);
    assert_serves(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_stalls_is_cut_in_time() {
    let limits = Limits {
        write_timeout: Duration::from_millis(200),
        ..Limits::default()
    };
    let server = Server::broker_with(limits).await;
    let mut slow = Raw::quiet(&server).await;
    slow.ask("SUB flood 1\r\nPING\r\n", "PONG\r\n").await;
    let publisher = server.client().await;
    // Less than what may wait, but more than the sockets hold.
    for _ in 0..20 {
        publisher
            .publish("flood", vec![b'x'; 1_000_000].into())
            .await
            .unwrap();
    }
    until("it is cut", || async {
        server.handle().stats().slow_consumers == 1
    })
    .await;
    assert_serves(&server).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_subscriptions_do_not_slow_down_others() {
    let server = Server::broker().await;
    let mut raw = Raw::quiet(&server).await;
    let mut lines = String::new();
    for number in 0..50_000 {
        lines.push_str("SUB many.");
        lines.push_str(&number.to_string());
        lines.push(' ');
        lines.push_str(&number.to_string());
        lines.push_str("\r\n");
    }
    raw.send(&lines).await;
    raw.ask("PING\r\n", "PONG\r\n").await;
    assert_eq!(server.handle().stats().subscriptions, 50_000);
    raw.ask("PUB many.777 1\r\nx\r\n", "MSG many.777 777 1\r\nx\r\n")
        .await;
    drop(raw);
    until("all are gone", || async {
        server.handle().stats().subscriptions == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_without_measure_are_refused() {
    let server = Server::broker().await;
    let client = server.client().await;
    let deep = "a.".repeat(200_000) + "*";
    let many: Vec<String> = (0..50_000).map(|number| format!("b.{number}")).collect();
    let refused = async |subject: &str, body: serde_json::Value| {
        let body = body.to_string().into();
        let answer = client.request(subject.to_owned(), body).await.unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&answer.payload).unwrap();
        assert!(answer["error"]["err_code"].is_u64(), "{answer}");
    };
    for subjects in [vec![deep.clone()], many.clone()] {
        let body = serde_json::json!({"name": "S", "subjects": subjects});
        refused("$JS.API.STREAM.CREATE.S", body).await;
    }
    let config = jetstream::stream::Config {
        name: "S".to_owned(),
        ..Default::default()
    };
    let jetstream = server.jetstream().await;
    jetstream.create_stream(config).await.unwrap();
    for filters in [vec![deep], many] {
        let body = serde_json::json!({"stream_name": "S", "config": {"filter_subjects": filters}});
        refused("$JS.API.CONSUMER.CREATE.S", body).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_requests_to_the_api_are_answered() {
    let server = Server::broker().await;
    let client = server.client().await;
    for subject in [
        "$JS.API.STREAM.CREATE.S",
        "$JS.API.CONSUMER.CREATE.S",
        "$JS.API.CONSUMER.CREATE.S.c.f.>",
        "$JS.API.STREAM.INFO.S",
        "$JS.API.",
        "$JS.API.STREAM",
        "$JS.API.DIRECT.GET.S",
        "$JS.API.CONSUMER.MSG.NEXT.S.c",
    ] {
        for body in ["", "{", "[]", "\u{0}\u{1}", "{\"name\":{}}", "\"S\"", "123"] {
            // An answer or none: either way the engine lives on.
            let _ = tokio::time::timeout(
                Duration::from_millis(100),
                client.request(subject, body.into()),
            )
            .await;
        }
    }
    for subject in [
        "$JS.ACK.S.c.1.2.3.4.5",
        "$JS.ACK",
        "$JS.ACK.x",
        "$JS.FC.S.c.x",
        "$JS.FC.x",
    ] {
        client.publish(subject, "+ACK".into()).await.unwrap();
    }
    let account = server.jetstream().await.query_account().await.unwrap();
    assert_eq!(account.streams, 0);
}
