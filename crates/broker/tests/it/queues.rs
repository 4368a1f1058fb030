//! Streams whose messages go once somebody has had them.

use async_nats::jetstream::consumer::{AckPolicy, Consumer, DeliverPolicy, pull};
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, Stream};
use async_nats::jetstream::{self, AckKind};
use futures::StreamExt;
use serde_json::{Value, json};

use crate::server::{PATIENCE, Server, on_each_server, until, within};

async fn stream(server: &Server, config: Config) -> (jetstream::Context, Stream) {
    let jetstream = server.jetstream().await;
    let config = Config {
        name: "Q".to_owned(),
        subjects: vec!["q.>".to_owned()],
        ..config
    };
    let stream = jetstream.create_stream(config).await.unwrap();
    (jetstream, stream)
}

async fn queue(server: &Server) -> (jetstream::Context, Stream) {
    let retention = RetentionPolicy::WorkQueue;
    let config = Config {
        retention,
        ..Config::default()
    };
    stream(server, config).await
}

async fn of_interest(server: &Server) -> (jetstream::Context, Stream) {
    let retention = RetentionPolicy::Interest;
    let config = Config {
        retention,
        ..Config::default()
    };
    stream(server, config).await
}

async fn publish(jetstream: &jetstream::Context, subject: &str) -> Option<u64> {
    let ack = jetstream.publish(subject.to_owned(), "x".into()).await;
    let ack = within(ack.unwrap().into_future()).await;
    ack.ok().map(|ack| ack.sequence)
}

async fn consumer(stream: &Stream, name: &str, config: pull::Config) -> Consumer<pull::Config> {
    let config = pull::Config {
        durable_name: Some(name.to_owned()),
        ..config
    };
    stream.create_consumer(config).await.unwrap()
}

/// The next message. It waits for one: a server may acknowledge a message before its consumers know of it.
async fn next(consumer: &Consumer<pull::Config>) -> Option<jetstream::Message> {
    let batch = consumer.batch().max_messages(1).expires(PATIENCE);
    let mut messages = batch.messages().await.unwrap();
    within(messages.next()).await.map(Result::unwrap)
}

async fn until_held(stream: &Stream, expected: u64) {
    until(&format!("{expected} messages are left"), || async {
        let info = stream.get_info().await.unwrap();
        info.state.messages == expected
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn work_goes_when_it_is_done() {
    on_each_server(|server| async move {
        let (jetstream, stream) = queue(&server).await;
        for _ in 0..4 {
            publish(&jetstream, "q.a").await.unwrap();
        }
        let worker = consumer(&stream, "w", pull::Config::default()).await;
        next(&worker).await.unwrap().double_ack().await.unwrap();
        until_held(&stream, 3).await;
        let refused = next(&worker).await.unwrap();
        refused.ack_with(AckKind::Nak(None)).await.unwrap();
        // Servers need not have seen the refusal before they send the next.
        let mut again = next(&worker).await.unwrap();
        if again.info().unwrap().delivered == 1 {
            again.ack_with(AckKind::Nak(None)).await.unwrap();
            again = next(&worker).await.unwrap();
        }
        assert_eq!(again.info().unwrap().delivered, 2);
        again.ack_with(AckKind::Term).await.unwrap();
        until_held(&stream, 2).await;
        stream.delete_consumer("w").await.unwrap();
        // Without a worker, work waits.
        publish(&jetstream, "q.a").await.unwrap();
        until_held(&stream, 3).await;
        let worker = consumer(&stream, "v", pull::Config::default()).await;
        let batch = worker.batch().max_messages(3).expires(PATIENCE);
        let mut messages = batch.messages().await.unwrap();
        for _ in 0..3 {
            let message = within(messages.next()).await.unwrap().unwrap();
            assert_eq!(message.info().unwrap().delivered, 1);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_share_no_messages() {
    on_each_server(|server| async move {
        // Older servers overlook filters that only cross.
        if !server.has_2_10() {
            return;
        }
        let (_, _stream) = queue(&server).await;
        let client = server.client().await;
        let create = async |name: &str, config: Value| {
            let body = json!({ "stream_name": "Q", "config": config }).to_string();
            let subject = format!("$JS.API.CONSUMER.DURABLE.CREATE.Q.{name}");
            let answer = within(client.request(subject, body.into())).await.unwrap();
            let answer: Value = serde_json::from_slice(&answer.payload).unwrap();
            answer["error"]["err_code"].as_u64()
        };
        let named = |name: &str, ack: &str, filter: &str, deliver: &str| {
            json!({
                "durable_name": name, "ack_policy": ack, "filter_subject": filter, "deliver_policy": deliver,
            })
        };
        let checks = [
            ("a", named("a", "none", "", "all"), Some(10084)),
            ("a", named("a", "all", "", "all"), Some(10098)),
            ("a", named("a", "explicit", "", "new"), Some(10101)),
            ("a", named("a", "explicit", "q.a.>", "all"), None),
            ("b", named("b", "explicit", "", "all"), Some(10099)),
            ("b", named("b", "explicit", "q.*.x", "all"), Some(10100)),
            ("b", named("b", "explicit", "q.b", "all"), None),
            ("b", named("b", "explicit", "q.c", "all"), None),
            ("b", named("b", "explicit", "q.>", "all"), Some(10100)),
        ];
        for (name, config, expected) in checks {
            let described = config.to_string();
            assert_eq!(create(name, config).await, expected, "{described}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_takes_more_once_work_is_done() {
    on_each_server(|server| async move {
        let config = Config {
            retention: RetentionPolicy::WorkQueue,
            discard: DiscardPolicy::New,
            max_messages: 1,
            ..Config::default()
        };
        let (jetstream, stream) = stream(&server, config).await;
        assert_eq!(publish(&jetstream, "q.a").await, Some(1));
        assert_eq!(publish(&jetstream, "q.a").await, None);
        let worker = consumer(&stream, "w", pull::Config::default()).await;
        next(&worker).await.unwrap().double_ack().await.unwrap();
        until_held(&stream, 0).await;
        assert!(publish(&jetstream, "q.a").await.is_some());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn work_survives_a_restart_and_done_work_does_not() {
    let mut server = Server::broker().await;
    let (jetstream, stream) = queue(&server).await;
    for _ in 0..3 {
        publish(&jetstream, "q.a").await.unwrap();
    }
    let worker = consumer(&stream, "w", pull::Config::default()).await;
    next(&worker).await.unwrap().double_ack().await.unwrap();
    server.restart().await;
    let stream = server.jetstream().await.get_stream("Q").await.unwrap();
    assert_eq!(stream.cached_info().state.messages, 2);
    let worker = stream.get_consumer("w").await.unwrap();
    let message = next(&worker).await.unwrap();
    assert_eq!(message.info().unwrap().stream_sequence, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_waits_for_is_not_kept() {
    on_each_server(|server| async move {
        let (jetstream, stream) = of_interest(&server).await;
        assert_eq!(publish(&jetstream, "q.a").await, Some(1));
        assert_eq!(publish(&jetstream, "q.a").await, Some(2));
        let info = stream.get_info().await.unwrap();
        assert_eq!(info.state.messages, 0);
        assert_eq!(
            (info.state.first_sequence, info.state.last_sequence),
            (3, 2)
        );
        let filter_subject = "q.a".to_owned();
        let config = pull::Config {
            filter_subject,
            ..pull::Config::default()
        };
        let consumer = consumer(&stream, "c", config).await;
        publish(&jetstream, "q.b").await.unwrap();
        publish(&jetstream, "q.a").await.unwrap();
        until_held(&stream, 1).await;
        let message = next(&consumer).await.unwrap();
        assert_eq!(message.info().unwrap().stream_sequence, 4);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_stays_until_all_who_want_it_had_it() {
    on_each_server(|server| async move {
        let (jetstream, stream) = of_interest(&server).await;
        let filtered = |filter: &str| pull::Config {
            filter_subject: filter.to_owned(),
            ..pull::Config::default()
        };
        let all = consumer(&stream, "all", filtered("q.>")).await;
        let some = consumer(&stream, "some", filtered("q.a")).await;
        for subject in ["q.a", "q.b", "q.a"] {
            publish(&jetstream, subject).await.unwrap();
        }
        for _ in 0..3 {
            next(&all).await.unwrap().double_ack().await.unwrap();
        }
        // Only one of them wanted the second.
        until_held(&stream, 2).await;
        next(&some).await.unwrap().double_ack().await.unwrap();
        until_held(&stream, 1).await;
        // Whoever has gone wants nothing any more.
        stream.delete_consumer("some").await.unwrap();
        until_held(&stream, 0).await;
        // A new one waits for what comes.
        let config = pull::Config {
            deliver_policy: DeliverPolicy::New,
            ..filtered("q.b")
        };
        let late = consumer(&stream, "late", config).await;
        publish(&jetstream, "q.b").await.unwrap();
        next(&all).await.unwrap().double_ack().await.unwrap();
        until_held(&stream, 1).await;
        next(&late).await.unwrap().double_ack().await.unwrap();
        until_held(&stream, 0).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_acknowledgements_a_delivery_is_enough() {
    on_each_server(|server| async move {
        let (jetstream, stream) = of_interest(&server).await;
        let config = pull::Config {
            ack_policy: AckPolicy::None,
            ..pull::Config::default()
        };
        let consumer = consumer(&stream, "c", config).await;
        for _ in 0..3 {
            publish(&jetstream, "q.a").await.unwrap();
        }
        until_held(&stream, 3).await;
        next(&consumer).await.unwrap();
        until_held(&stream, 2).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_of_messages_nobody_wanted_are_never_used_again() {
    let mut server = Server::broker().await;
    let (jetstream, _) = of_interest(&server).await;
    assert_eq!(publish(&jetstream, "q.a").await, Some(1));
    server.restart().await;
    let jetstream = server.jetstream().await;
    assert_eq!(publish(&jetstream, "q.a").await, Some(2));
}
