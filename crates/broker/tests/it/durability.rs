//! What was acknowledged is there, whatever happens to the process.

use std::fmt::Write as _;
use std::time::Duration;

use async_nats::jetstream::{self, kv};
use weft_broker::{Broker, JetStreamOptions, Options};

use crate::server::{Server, until, within};

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_finds_everything() {
    let mut server = Server::broker().await;
    let config = kv::Config {
        bucket: "b".to_owned(),
        history: 3,
        description: "kept".to_owned(),
        ..kv::Config::default()
    };
    let bucket = server.bucket(config).await;
    for number in 0..50 {
        let value = bytes::Bytes::from(vec![b'v'; number * 100]);
        bucket
            .put(format!("key{}", number % 7), value)
            .await
            .unwrap();
    }
    bucket.delete("key1").await.unwrap();
    bucket.purge("key2").await.unwrap();
    let before = describe(&server).await;
    for _ in 0..2 {
        server.restart().await;
        assert_eq!(describe(&server).await, before);
    }
    let bucket = server.jetstream().await.get_key_value("b").await.unwrap();
    assert_eq!(bucket.put("key1", "new".into()).await.unwrap(), 53);
    assert_eq!(server.handle().stats().storage.corrupt_records, 0);
}

/// Everything a client can learn of the bucket.
async fn describe(server: &Server) -> String {
    let bucket = server.jetstream().await.get_key_value("b").await.unwrap();
    let mut text = format!(
        "{:?} {:?}\n",
        bucket.stream.cached_info().config,
        bucket.stream.cached_info().state
    );
    for key in 0..7 {
        let entry = bucket.entry(format!("key{key}")).await.unwrap().unwrap();
        let (revision, operation) = (entry.revision, entry.operation);
        let (len, created) = (entry.value.len(), entry.created);
        writeln!(text, "{key} {revision} {operation:?} {len} {created}").unwrap();
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_not_used_again_after_a_restart() {
    let mut server = Server::broker().await;
    let jetstream = server.jetstream().await;
    let config = || jetstream::stream::Config {
        name: "S".to_owned(),
        ..Default::default()
    };
    let stream = jetstream.create_stream(config()).await.unwrap();
    for _ in 0..3 {
        within(
            jetstream
                .publish("S", "x".into())
                .await
                .unwrap()
                .into_future(),
        )
        .await
        .unwrap();
    }
    stream.delete_message(3).await.unwrap();
    server.restart().await;
    let jetstream = server.jetstream().await;
    let ack = jetstream.publish("S", "x".into()).await.unwrap();
    assert_eq!(within(ack.into_future()).await.unwrap().sequence, 4);
    let stream = jetstream.get_stream("S").await.unwrap();
    stream.purge().await.unwrap();
    server.restart().await;
    let jetstream = server.jetstream().await;
    let ack = jetstream.publish("S", "x".into()).await.unwrap();
    assert_eq!(within(ack.into_future()).await.unwrap().sequence, 5);
    // A stream of the same name begins anew, whatever is left of the old one.
    jetstream.delete_stream("S").await.unwrap();
    jetstream.create_stream(config()).await.unwrap();
    server.restart().await;
    let stream = server.jetstream().await.get_stream("S").await.unwrap();
    assert_eq!(stream.cached_info().state.messages, 0);
    assert_eq!(stream.cached_info().state.last_sequence, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn message_ids_are_remembered_over_a_restart() {
    let mut server = Server::broker().await;
    let mut sequences = Vec::new();
    for _ in 0..2 {
        let jetstream = server.jetstream().await;
        let config = jetstream::stream::Config {
            name: "S".to_owned(),
            ..Default::default()
        };
        jetstream.get_or_create_stream(config).await.unwrap();
        let mut headers = async_nats::HeaderMap::new();
        headers.insert("Nats-Msg-Id", "one");
        let ack = jetstream
            .publish_with_headers("S", headers, "x".into())
            .await
            .unwrap();
        sequences.push(within(ack.into_future()).await.unwrap().sequence);
        server.restart().await;
    }
    assert_eq!(sequences, [1, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_costs_what_stood_there_and_is_counted() {
    let mut server = Server::broker().await;
    let bucket = server
        .bucket(kv::Config {
            bucket: "b".to_owned(),
            ..kv::Config::default()
        })
        .await;
    for number in 0..100 {
        let key = format!("key{number}");
        bucket.put(key, vec![b'v'; 200].into()).await.unwrap();
    }
    server.stop();
    let segment = server.data_dir().join("log/0000000001.seg");
    let mut bytes = std::fs::read(&segment).unwrap();
    let at = memchr::memmem::find(&bytes, b"key50").unwrap();
    bytes[at + 1] ^= 0xff;
    std::fs::write(&segment, bytes).unwrap();
    server.restart().await;
    assert_eq!(server.handle().stats().storage.corrupt_records, 1);
    let bucket = server.jetstream().await.get_key_value("b").await.unwrap();
    for number in 0..100 {
        let value = bucket.get(format!("key{number}")).await.unwrap();
        assert_eq!(value.is_some(), number != 50, "key{number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_synced_stream_is_forced_to_the_disk_before_the_answer() {
    let dir = tempfile::tempdir().unwrap();
    let mut jetstream = JetStreamOptions::new(dir.path());
    jetstream.synced_streams = vec!["SYNC*".to_owned()];
    jetstream.sync_interval = Duration::from_secs(3600);
    let handle = Broker::start(Options {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        jetstream: Some(jetstream),
        ..Options::default()
    })
    .await
    .unwrap();
    let context = jetstream::new(async_nats::connect(handle.client_url()).await.unwrap());
    for name in ["SYNCED", "LAZY"] {
        let config = jetstream::stream::Config {
            name: name.to_owned(),
            ..Default::default()
        };
        context.create_stream(config).await.unwrap();
    }
    let syncs = || handle.stats().storage.syncs;
    let before = syncs();
    within(
        context
            .publish("LAZY", "x".into())
            .await
            .unwrap()
            .into_future(),
    )
    .await
    .unwrap();
    assert_eq!(syncs(), before);
    within(
        context
            .publish("SYNCED", "x".into())
            .await
            .unwrap()
            .into_future(),
    )
    .await
    .unwrap();
    assert_eq!(syncs(), before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_answer_waits_for_is_forced_to_the_disk_soon() {
    let dir = tempfile::tempdir().unwrap();
    let mut jetstream = JetStreamOptions::new(dir.path());
    jetstream.sync_interval = Duration::from_millis(20);
    let handle = Broker::start(Options {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        jetstream: Some(jetstream),
        ..Options::default()
    })
    .await
    .unwrap();
    let context = jetstream::new(async_nats::connect(handle.client_url()).await.unwrap());
    let config = jetstream::stream::Config {
        name: "LAZY".to_owned(),
        ..Default::default()
    };
    context.create_stream(config).await.unwrap();
    for _ in 0..3 {
        let before = handle.stats().storage.syncs;
        within(
            context
                .publish("LAZY", "x".into())
                .await
                .unwrap()
                .into_future(),
        )
        .await
        .unwrap();
        until("the message is on the disk", || async {
            handle.stats().storage.syncs > before
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_arrive_together_are_forced_to_the_disk_together() {
    const MESSAGES: u64 = 2000;
    let dir = tempfile::tempdir().unwrap();
    let mut jetstream = JetStreamOptions::new(dir.path());
    jetstream.synced_streams = vec!["*".to_owned()];
    let handle = Broker::start(Options {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        jetstream: Some(jetstream),
        ..Options::default()
    })
    .await
    .unwrap();
    let client = async_nats::connect(handle.client_url()).await.unwrap();
    let context = jetstream::context::ContextBuilder::new()
        .max_ack_inflight(MESSAGES as usize)
        .build(client);
    let config = jetstream::stream::Config {
        name: "S".to_owned(),
        ..Default::default()
    };
    context.create_stream(config).await.unwrap();
    let before = handle.stats().storage.syncs;
    let mut acks = Vec::new();
    for _ in 0..MESSAGES {
        acks.push(context.publish("S", "x".into()).await.unwrap());
    }
    for ack in acks {
        within(ack.into_future()).await.unwrap();
    }
    let syncs = handle.stats().storage.syncs - before;
    // Each is on the disk, and none waited for its own turn there.
    assert!(
        (1..MESSAGES / 4).contains(&syncs),
        "{syncs} for {MESSAGES} messages"
    );
}
