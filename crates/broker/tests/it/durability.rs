//! What was acknowledged is there, whatever happens to the process.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use async_nats::jetstream::{self, kv};
use weft_broker::{Broker, JetStreamOptions, Options};

use crate::server::{Server, within};

/// Set in the process that is to be killed: the directory of its store.
const CHILD_DIR: &str = "WEFT_BROKER_CHILD_DIR";

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
    let journal = server.data_dir().join("tables/0.jnl");
    let mut bytes = std::fs::read(&journal).unwrap();
    let at = memchr::memmem::find(&bytes, b"key50").unwrap();
    bytes[at + 1] ^= 0xff;
    std::fs::write(&journal, bytes).unwrap();
    server.restart().await;
    assert_eq!(server.handle().stats().storage.corrupt_records, 1);
    let bucket = server.jetstream().await.get_key_value("b").await.unwrap();
    for number in 0..100 {
        let value = bucket.get(format!("key{number}")).await.unwrap();
        assert_eq!(value.is_some(), number != 50, "key{number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    for synced in ["", "*"] {
        let dir = tempfile::tempdir().unwrap();
        let mut acknowledged = 0;
        for round in 0..4 {
            acknowledged = publish_until_killed(dir.path(), synced, acknowledged, round).await;
        }
        assert!(acknowledged > 0);
    }
}

/// Starts a broker as another process, checks that it has `before` messages or more, publishes, and kills it.
/// Returns the last sequence that was acknowledged.
async fn publish_until_killed(dir: &std::path::Path, synced: &str, before: u64, round: u64) -> u64 {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "durability::broker_to_be_killed",
            "--ignored",
            "--nocapture",
        ])
        .env(CHILD_DIR, dir)
        .env("WEFT_BROKER_CHILD_SYNCED", synced)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let url = output
        .lines()
        .map_while(Result::ok)
        .find_map(|line| line.split("url=").nth(1).map(str::to_owned))
        .expect("the broker says where it listens");
    let jetstream = jetstream::new(async_nats::connect(url).await.unwrap());
    let config = jetstream::stream::Config {
        name: "S".to_owned(),
        subjects: vec!["s.*".to_owned()],
        ..Default::default()
    };
    let mut stream = jetstream.get_or_create_stream(config).await.unwrap();
    let state = &stream.info().await.unwrap().state;
    assert!(
        state.last_sequence >= before,
        "{before} were acknowledged, {state:?}"
    );
    assert_eq!(
        state.messages, state.last_sequence,
        "sequences without holes"
    );

    let (acknowledged, mut acks) = tokio::sync::mpsc::channel(256);
    let publishing = tokio::task::JoinSet::from_iter([async move {
        while let Ok(ack) = jetstream.publish("s.x", "payload".into()).await {
            if acknowledged.send(ack).await.is_err() {
                return;
            }
        }
    }]);
    let mut last = before;
    let kill_at = before + 500 + round * 100;
    while last < kill_at {
        last = within(acks.recv().await.unwrap().into_future())
            .await
            .unwrap()
            .sequence;
    }
    child.kill().unwrap();
    // Acknowledgements that were on their way count, too.
    while let Ok(Some(ack)) = tokio::time::timeout(Duration::from_millis(50), acks.recv()).await {
        match tokio::time::timeout(Duration::from_millis(50), ack.into_future()).await {
            Ok(Ok(ack)) => last = ack.sequence,
            _ => break,
        }
    }
    drop(publishing);
    child.wait().unwrap();
    last
}

/// Not a test: the process that [`nothing_acknowledged_is_lost_when_the_process_is_killed`] kills.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by another test"]
async fn broker_to_be_killed() {
    let Some(dir) = std::env::var_os(CHILD_DIR) else {
        return;
    };
    let mut jetstream = JetStreamOptions::new(dir);
    if let Ok(synced) = std::env::var("WEFT_BROKER_CHILD_SYNCED")
        && !synced.is_empty()
    {
        jetstream.synced_streams.push(synced);
    }
    let handle = Broker::start(Options {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        jetstream: Some(jetstream),
        ..Options::default()
    })
    .await
    .unwrap();
    writeln!(std::io::stdout(), "url={}", handle.client_url()).unwrap();
    std::future::pending::<()>().await;
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
