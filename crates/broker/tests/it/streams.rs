//! Streams, with a stock client.

use async_nats::HeaderMap;
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::stream::{Config, DirectGetErrorKind, Stream};
use async_nats::jetstream::{self};
use futures::TryStreamExt;

use crate::server::{Server, on_each_server, within};

async fn stream(server: &Server, config: Config) -> (jetstream::Context, Stream) {
    let jetstream = server.jetstream().await;
    let config = Config {
        name: "S".to_owned(),
        subjects: vec!["s.>".to_owned()],
        ..config
    };
    let stream = jetstream.create_stream(config).await.unwrap();
    (jetstream, stream)
}

async fn publish(
    jetstream: &jetstream::Context,
    subject: &str,
    headers: &[(&str, &str)],
) -> Result<u64, PublishErrorKind> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, *value);
    }
    let ack = jetstream
        .publish_with_headers(subject.to_owned(), map, "x".into())
        .await
        .unwrap();
    match within(ack.into_future()).await {
        Ok(ack) => Ok(ack.sequence),
        Err(error) => Err(error.kind()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn publishers_can_state_what_they_expect() {
    on_each_server(|server| async move {
        let (jetstream, _stream) = stream(&server, Config::default()).await;
        assert_eq!(
            publish(&jetstream, "s.a", &[("Nats-Msg-Id", "one")]).await,
            Ok(1)
        );
        assert_eq!(
            publish(&jetstream, "s.a", &[("Nats-Msg-Id", "one")]).await,
            Ok(1)
        );
        assert_eq!(
            publish(&jetstream, "s.a", &[("Nats-Expected-Last-Sequence", "1")]).await,
            Ok(2)
        );
        for (name, value, kind) in [
            (
                "Nats-Expected-Last-Sequence",
                "1",
                PublishErrorKind::WrongLastSequence,
            ),
            (
                "Nats-Expected-Last-Subject-Sequence",
                "1",
                PublishErrorKind::WrongLastSequence,
            ),
            (
                "Nats-Expected-Last-Msg-Id",
                "two",
                PublishErrorKind::WrongLastMessageId,
            ),
        ] {
            assert_eq!(
                publish(&jetstream, "s.a", &[(name, value)]).await,
                Err(kind)
            );
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_got_deleted_and_purged() {
    on_each_server(|server| async move {
        let config = Config {
            allow_direct: true,
            ..Config::default()
        };
        let (jetstream, mut stream) = stream(&server, config).await;
        for subject in ["s.a", "s.b", "s.a", "s.c"] {
            publish(&jetstream, subject, &[("H", "v")]).await.unwrap();
        }
        let message = stream.get_raw_message(2).await.unwrap();
        assert_eq!((message.subject.as_str(), message.sequence), ("s.b", 2));
        assert_eq!(message.headers.get("H").unwrap().as_str(), "v");
        assert_eq!(
            stream
                .get_last_raw_message_by_subject("s.a")
                .await
                .unwrap()
                .sequence,
            3
        );
        let direct = stream
            .direct_get_next_for_subject("s.a", Some(2))
            .await
            .unwrap();
        assert_eq!((direct.sequence, &direct.payload[..]), (3, &b"x"[..]));
        let missing = stream.direct_get(99).await.unwrap_err();
        assert_eq!(missing.kind(), DirectGetErrorKind::NotFound);
        assert!(stream.delete_message(2).await.unwrap());
        assert!(stream.get_raw_message(2).await.is_err());
        assert_eq!(
            stream.purge().filter("s.a").keep(1).await.unwrap().purged,
            1
        );
        let info = stream.info().await.unwrap();
        assert_eq!(info.state.messages, 2);
        assert_eq!(
            (info.state.first_sequence, info.state.last_sequence),
            (3, 4)
        );
        assert_eq!(stream.purge().await.unwrap().purged, 2);
        assert_eq!(publish(&jetstream, "s.a", &[]).await, Ok(5));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_listed_changed_and_deleted() {
    on_each_server(|server| async move {
        let (jetstream, _stream) = stream(&server, Config::default()).await;
        for name in ["B", "A"] {
            let config = Config {
                name: name.to_owned(),
                ..Config::default()
            };
            jetstream.create_stream(config).await.unwrap();
        }
        let mut names: Vec<String> = within(jetstream.stream_names().try_collect())
            .await
            .unwrap();
        names.sort();
        assert_eq!(names, ["A", "B", "S"]);
        assert_eq!(jetstream.stream_by_subject("s.x").await.unwrap(), "S");
        let clash = Config {
            name: "C".to_owned(),
            subjects: vec!["s.*".to_owned()],
            ..Config::default()
        };
        assert!(jetstream.create_stream(clash).await.is_err());
        let changed = Config {
            name: "S".to_owned(),
            subjects: vec!["s.>".to_owned(), "t".to_owned()],
            ..Config::default()
        };
        let info = jetstream.update_stream(changed).await.unwrap();
        assert_eq!(info.config.subjects, ["s.>", "t"]);
        assert_eq!(publish(&jetstream, "t", &[]).await, Ok(1));
        jetstream.delete_stream("S").await.unwrap();
        assert!(jetstream.get_stream("S").await.is_err());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_messages_are_stored_whole() {
    on_each_server(|server| async move {
        let (jetstream, stream) = stream(&server, Config::default()).await;
        let payload: Vec<u8> = (0..900_000).map(|at| (at % 253) as u8).collect();
        let ack = jetstream
            .publish("s.big", payload.clone().into())
            .await
            .unwrap();
        assert_eq!(within(ack.into_future()).await.unwrap().sequence, 1);
        let message = stream.get_raw_message(1).await;
        // As base64 it would exceed the largest message, which servers handle as they like.
        drop(message);
        let mut consumer = stream
            .create_consumer(jetstream::consumer::pull::Config::default())
            .await
            .unwrap();
        let mut messages = consumer.fetch().max_messages(1).messages().await.unwrap();
        let message = within(futures::StreamExt::next(&mut messages))
            .await
            .unwrap()
            .unwrap();
        assert!(message.payload == payload, "it arrived changed");
        assert_eq!(consumer.info().await.unwrap().num_pending, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_tells_what_is_stored() {
    let server = Server::broker().await;
    let (jetstream, _stream) = stream(&server, Config::default()).await;
    publish(&jetstream, "s.a", &[]).await.unwrap();
    let account = jetstream.query_account().await.unwrap();
    assert_eq!((account.streams, account.consumers), (1, 0));
    assert!(account.storage > 0 && account.memory == 0);
    // No level of later options is announced.
    assert_eq!(account.requests.level, 0);
    let stats = server.handle().stats().storage;
    assert_eq!((stats.streams, stats.messages), (1, 1));
    assert_eq!(stats.bytes, account.storage);
}
