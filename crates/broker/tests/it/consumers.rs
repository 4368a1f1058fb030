//! Consumers that are pulled from, and acknowledgements.

use std::time::Duration;

use async_nats::jetstream::consumer::{AckPolicy, Consumer, DeliverPolicy, pull, push};
use async_nats::jetstream::{self, AckKind};
use futures::{StreamExt, TryStreamExt};

use crate::server::{Server, on_each_server, within};

/// A stream with messages `s.0` to `s.{count - 1}`.
async fn filled(server: &Server, count: usize) -> jetstream::stream::Stream {
    let jetstream = server.jetstream().await;
    let stream = jetstream
        .create_stream(jetstream::stream::Config {
            name: "S".to_owned(),
            subjects: vec!["s.>".to_owned()],
            ..Default::default()
        })
        .await
        .unwrap();
    for number in 0..count {
        let ack = jetstream
            .publish(format!("s.{number}"), number.to_string().into())
            .await
            .unwrap();
        within(ack.into_future()).await.unwrap();
    }
    stream
}

async fn durable(
    stream: &jetstream::stream::Stream,
    config: pull::Config,
) -> Consumer<pull::Config> {
    let config = pull::Config {
        durable_name: Some("d".to_owned()),
        ack_policy: AckPolicy::Explicit,
        ..config
    };
    stream.create_consumer(config).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_are_fetched_and_acknowledged() {
    on_each_server(|server| async move {
        let stream = filled(&server, 10).await;
        let mut consumer = durable(&stream, pull::Config::default()).await;
        let mut messages = consumer.fetch().max_messages(4).messages().await.unwrap();
        for number in 0..4 {
            let message = within(messages.next()).await.unwrap().unwrap();
            let info = message.info().unwrap();
            assert_eq!(info.stream_sequence, number + 1);
            assert_eq!(info.pending, 9 - number);
            message.double_ack().await.unwrap();
        }
        let info = consumer.info().await.unwrap();
        assert_eq!((info.num_pending, info.num_ack_pending), (6, 0));
        assert_eq!(info.ack_floor.stream_sequence, 4);
        let rest: Vec<_> = within(
            consumer
                .fetch()
                .max_messages(100)
                .messages()
                .await
                .unwrap()
                .try_collect(),
        )
        .await
        .unwrap();
        assert_eq!(rest.len(), 6);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_pull_gets_what_comes() {
    on_each_server(|server| async move {
        let stream = filled(&server, 0).await;
        let consumer = durable(&stream, pull::Config::default()).await;
        let mut messages = consumer
            .stream()
            .max_messages_per_batch(10)
            .expires(Duration::from_secs(20))
            .heartbeat(Duration::from_secs(1))
            .messages()
            .await
            .unwrap();
        let publisher = server.jetstream().await;
        for number in 0..25 {
            publisher
                .publish(format!("s.{number}"), "x".into())
                .await
                .unwrap();
            let message = within(messages.next()).await.unwrap().unwrap();
            assert_eq!(message.subject.as_str(), format!("s.{number}"));
            message.ack().await.unwrap();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_or_forgotten_comes_again() {
    on_each_server(|server| async move {
        let stream = filled(&server, 3).await;
        let consumer = durable(
            &stream,
            pull::Config {
                ack_wait: Duration::from_millis(300),
                ..pull::Config::default()
            },
        )
        .await;
        let mut messages = consumer.messages().await.unwrap();
        let mut next = async || within(messages.next()).await.unwrap().unwrap();
        let refused = next().await;
        refused.ack_with(AckKind::Nak(None)).await.unwrap();
        let terminated = next().await;
        let (first, second) = (refused.info().unwrap(), terminated.info().unwrap());
        assert_eq!((first.stream_sequence, second.stream_sequence), (1, 2));
        terminated.ack_with(AckKind::Term).await.unwrap();
        // The third is neither acknowledged nor refused; the first comes again at once, the third later.
        let mut seen = Vec::new();
        while seen.len() < 3 {
            let message = next().await;
            let info = message.info().unwrap();
            if info.stream_sequence == 1 || info.delivered > 1 {
                message.ack().await.unwrap();
            }
            seen.push((info.stream_sequence, info.delivered));
        }
        seen.sort_unstable();
        assert_eq!(seen, [(1, 2), (3, 1), (3, 2)]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_consumer_is_told_apart_by_its_policy() {
    on_each_server(|server| async move {
        let stream = filled(&server, 5).await;
        for (policy, first) in [
            (DeliverPolicy::All, 1),
            (DeliverPolicy::Last, 5),
            (DeliverPolicy::ByStartSequence { start_sequence: 3 }, 3),
        ] {
            let client = server.client().await;
            let consumer = stream
                .create_consumer(push::Config {
                    deliver_subject: client.new_inbox(),
                    ack_policy: AckPolicy::None,
                    deliver_policy: policy,
                    ..push::Config::default()
                })
                .await
                .unwrap();
            let mut messages = consumer.messages().await.unwrap();
            for expected in first..=5 {
                let message = within(messages.next()).await.unwrap().unwrap();
                assert_eq!(message.info().unwrap().stream_sequence, expected);
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_durable_consumer_survives_a_restart() {
    let mut server = Server::broker().await;
    let stream = filled(&server, 10).await;
    let consumer = durable(&stream, pull::Config::default()).await;
    let mut messages = consumer.fetch().max_messages(5).messages().await.unwrap();
    for number in 0..5 {
        let message = within(messages.next()).await.unwrap().unwrap();
        if number < 4 {
            message.double_ack().await.unwrap();
        }
    }
    server.restart().await;
    let stream = server.jetstream().await.get_stream("S").await.unwrap();
    let mut consumer: Consumer<pull::Config> = stream.get_consumer("d").await.unwrap();
    let info = consumer.info().await.unwrap();
    assert_eq!(info.ack_floor.stream_sequence, 4);
    assert_eq!((info.num_ack_pending, info.num_pending), (1, 5));
    let mut messages = consumer.fetch().max_messages(1).messages().await.unwrap();
    let message = within(messages.next()).await.unwrap().unwrap();
    assert_eq!(message.info().unwrap().stream_sequence, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unused_consumer_goes() {
    on_each_server(|server| async move {
        let stream = filled(&server, 1).await;
        let consumer = stream
            .create_consumer(pull::Config {
                name: Some("e".to_owned()),
                inactive_threshold: Duration::from_millis(200),
                ..pull::Config::default()
            })
            .await
            .unwrap();
        assert_eq!(consumer.cached_info().name, "e");
        crate::server::until("the consumer is gone", || async {
            stream.consumer_info("e").await.is_err()
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_shares_what_is_pushed_and_may_want_headers_alone() {
    on_each_server(|server| async move {
        let stream = filled(&server, 0).await;
        let client = server.client().await;
        let deliver = client.new_inbox();
        let mut members = Vec::new();
        for _ in 0..2 {
            let member = client
                .queue_subscribe(deliver.clone(), "g".to_owned())
                .await;
            members.push(member.unwrap());
        }
        stream
            .create_consumer(push::Config {
                deliver_subject: deliver,
                deliver_group: Some("g".to_owned()),
                ack_policy: AckPolicy::None,
                headers_only: true,
                ..push::Config::default()
            })
            .await
            .unwrap();
        let publisher = server.jetstream().await;
        for number in 0..20 {
            let ack = publisher
                .publish(format!("s.{number}"), "12345".into())
                .await;
            within(ack.unwrap().into_future()).await.unwrap();
        }
        let mut seen = Vec::new();
        let mut members = futures::stream::select_all(members);
        while seen.len() < 20 {
            let message = within(members.next()).await.unwrap();
            assert!(message.payload.is_empty());
            let size = message.headers.as_ref().unwrap().get("Nats-Msg-Size");
            assert_eq!(size.unwrap().as_str(), "5");
            seen.push(message.subject.to_string());
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 20, "each came once");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ordered_consumer_gets_more_than_its_window() {
    on_each_server(|server| async move {
        let stream = filled(&server, 0).await;
        let publisher = server.jetstream().await;
        let body = vec![b'x'; 64 * 1024];
        let count = 100;
        for number in 0..count {
            let ack = publisher
                .publish(format!("s.{number}"), body.clone().into())
                .await;
            within(ack.unwrap().into_future()).await.unwrap();
        }
        let consumer = stream
            .create_consumer(push::OrderedConfig {
                deliver_subject: server.client().await.new_inbox(),
                ..push::OrderedConfig::default()
            })
            .await
            .unwrap();
        let mut messages = consumer.messages().await.unwrap();
        for number in 0..count {
            let message = within(messages.next()).await.unwrap().unwrap();
            assert_eq!(message.subject.as_str(), format!("s.{number}"));
            assert_eq!(message.payload.len(), body.len());
        }
    })
    .await;
}
