use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use weft_lattice::bucket::{
    Bucket, BucketError, BucketOptions, Change, Watch, WatchError, WatchOptions,
};
use weft_lattice::{ConnectionState, Headers, Lattice, RequestError};
use weft_protocol::state::lattice_bucket;

use crate::bucket::{delete_stream, open};
use crate::proxy::Proxy;
use crate::server::{DEADLINE, Server, in_time};

fn watch(bucket: &Bucket) -> Watch {
    bucket.watch(WatchOptions {
        heartbeat: Duration::from_millis(200),
        ..WatchOptions::default()
    })
}

/// A short form of the next change.
async fn next(watch: &mut Watch) -> String {
    render(in_time(watch.next()).await.unwrap())
}

fn render(change: Change) -> String {
    match change {
        Change::Put(entry) => {
            let value = String::from_utf8(entry.value.to_vec()).unwrap();
            format!("{}={value}@{}", entry.key, entry.revision)
        }
        Change::Deleted { key, .. } => format!("{key} deleted"),
        Change::Listed { revision } => format!("listed@{revision}"),
        other => format!("{other:?}"),
    }
}

async fn changes(watch: &mut Watch, count: usize) -> Vec<String> {
    let mut changes = Vec::new();
    for _ in 0..count {
        changes.push(next(watch).await);
    }
    changes
}

/// Removes all consumers of `bucket`.
async fn delete_consumers(lattice: &Lattice, bucket: &Bucket) {
    let stream = format!("KV_{}", bucket.name());
    let ask = async |subject: String| {
        let answer = lattice.request(&subject, &Headers::new(), "".into()).await;
        serde_json::from_slice::<serde_json::Value>(&answer.unwrap().payload).unwrap()
    };
    let names = ask(format!("$JS.API.CONSUMER.NAMES.{stream}")).await;
    let consumers = names["consumers"].as_array().unwrap();
    assert!(!consumers.is_empty());
    for consumer in consumers {
        let consumer = consumer.as_str().unwrap();
        let deleted = ask(format!("$JS.API.CONSUMER.DELETE.{stream}.{consumer}")).await;
        assert_eq!(deleted["success"], true);
    }
}

#[tokio::test]
async fn what_is_there_is_told_first_and_then_what_changes() {
    let Some(server) = Server::start().await else {
        return;
    };
    let bucket = open(&server.connect().await).await;
    bucket.put("a", "1").await.unwrap();
    bucket.put("gone", "1").await.unwrap();
    bucket.put("b", "1").await.unwrap();
    bucket.delete("gone", None).await.unwrap();
    let mut watch = watch(&bucket);
    assert_eq!(changes(&mut watch, 3).await, ["a=1@1", "b=1@3", "listed@4"]);
    bucket.put("a", "2").await.unwrap();
    bucket.purge("b", None).await.unwrap();
    bucket.delete("never", None).await.unwrap();
    bucket.put("b", "3").await.unwrap();
    assert_eq!(
        changes(&mut watch, 3).await,
        ["a=2@5", "b deleted", "b=3@8"]
    );
    assert_eq!(watch.listings(), 1);
}

#[tokio::test]
async fn an_empty_bucket_is_listed_at_once() {
    let Some(server) = Server::start().await else {
        return;
    };
    let bucket = open(&server.connect().await).await;
    let mut watch = watch(&bucket);
    assert_eq!(next(&mut watch).await, "listed@0");
    bucket.put("a", "1").await.unwrap();
    assert_eq!(next(&mut watch).await, "a=1@1");
}

#[tokio::test]
async fn the_reader_has_passed_a_write_when_it_asks_for_more() {
    let Some(server) = Server::start().await else {
        return;
    };
    let bucket = open(&server.connect().await).await;
    let mut watch = watch(&bucket);
    let mut passed = watch.passed();
    assert_eq!(next(&mut watch).await, "listed@0");
    let revision = bucket.put("a", "1").await.unwrap();
    assert_eq!(next(&mut watch).await, "a=1@1");
    // Told, but not acted upon yet.
    let behind = passed.reached(revision, Duration::ZERO).await.unwrap_err();
    assert_eq!((behind.wanted, behind.passed), (1, 0));
    let removal = bucket.delete("never", None).await.unwrap();
    let (reached, _) = tokio::join!(
        passed.reached(removal, DEADLINE),
        tokio::time::timeout(Duration::from_millis(500), watch.next()),
    );
    reached.unwrap();
    assert_eq!(passed.revision(), removal);
    drop(watch);
    assert!(passed.reached(100, DEADLINE).await.is_err());
}

#[tokio::test]
async fn a_lost_consumer_is_made_again_without_missing_a_change() {
    let Some(server) = Server::start().await else {
        return;
    };
    let lattice = server.connect().await;
    let bucket = open(&lattice).await;
    bucket.put("a", "1").await.unwrap();
    bucket.put("b", "1").await.unwrap();
    bucket.put("c", "1").await.unwrap();
    let mut watch = watch(&bucket);
    assert_eq!(changes(&mut watch, 4).await.last().unwrap(), "listed@3");
    delete_consumers(&lattice, &bucket).await;
    bucket.put("b", "2").await.unwrap();
    bucket.put("b", "3").await.unwrap();
    bucket.delete("c", None).await.unwrap();
    assert_eq!(changes(&mut watch, 2).await, ["b=3@5", "c deleted"]);
    assert_eq!(watch.listings(), 2);
    bucket.put("a", "2").await.unwrap();
    assert_eq!(next(&mut watch).await, "a=2@7");
}

#[tokio::test]
async fn changes_while_the_server_was_unreachable_are_told() {
    let Some(server) = Server::start().await else {
        return;
    };
    let proxy = Proxy::start(&server.url, server.tasks()).await;
    let mut options = server.options();
    options.urls = vec![proxy.url.clone()];
    let far = server.connect_with(options).await;
    let near = open(&server.connect().await).await;
    near.put("a", "1").await.unwrap();
    near.put("b", "1").await.unwrap();
    let mut watch = watch(&open(&far).await);
    assert_eq!(changes(&mut watch, 3).await, ["a=1@1", "b=1@2", "listed@2"]);
    proxy.cut();
    let mut connection = far.connection();
    in_time(connection.wait_for(|now| now.state == ConnectionState::Disconnected))
        .await
        .unwrap();
    near.put("a", "2").await.unwrap();
    near.purge("b", None).await.unwrap();
    let last = near.put("c", "1").await.unwrap();
    proxy.mend();
    let mut told = changes(&mut watch, 3).await;
    told.sort();
    assert_eq!(told, ["a=2@3", "b deleted", "c=1@5"]);
    assert!(watch.listings() >= 2);
    let mut passed = watch.passed();
    let more = async { watch.next().await };
    let (reached, _) = tokio::join!(
        passed.reached(last, DEADLINE),
        tokio::time::timeout(Duration::from_millis(500), more),
    );
    reached.unwrap();
}

#[tokio::test]
async fn a_bucket_made_anew_replaces_what_was_told() {
    let Some(server) = Server::start().await else {
        return;
    };
    let lattice = server.connect().await;
    let bucket = open(&lattice).await;
    for key in ["a", "b", "c"] {
        bucket.put(key, "old").await.unwrap();
    }
    let mut watch = watch(&bucket);
    assert_eq!(changes(&mut watch, 4).await.last().unwrap(), "listed@3");
    delete_stream(&lattice, &bucket).await;
    open(&lattice).await.put("b", "new").await.unwrap();
    let mut told = changes(&mut watch, 3).await;
    told.sort();
    assert_eq!(told, ["a deleted", "b=new@1", "c deleted"]);
    bucket.put("a", "new").await.unwrap();
    assert_eq!(next(&mut watch).await, "a=new@2");
    let more = tokio::time::timeout(Duration::from_millis(300), watch.next()).await;
    assert!(more.is_err(), "{more:?}");
    assert_eq!(watch.passed().revision(), 2);
}

#[tokio::test]
async fn a_bucket_that_is_gone_is_made_again() {
    let Some(server) = Server::start().await else {
        return;
    };
    let lattice = server.connect().await;
    let bucket = open(&lattice).await;
    bucket.put("a", "old").await.unwrap();
    let mut watch = watch(&bucket);
    assert_eq!(changes(&mut watch, 2).await, ["a=old@1", "listed@1"]);
    delete_stream(&lattice, &bucket).await;
    assert_eq!(next(&mut watch).await, "a deleted");
    bucket.put("a", "new").await.unwrap();
    assert_eq!(next(&mut watch).await, "a=new@1");
}

#[tokio::test]
async fn a_slow_reader_gets_the_latest_state_of_many_keys() {
    let Some(server) = Server::start().await else {
        return;
    };
    let lattice = server.connect().await;
    let bucket = open(&lattice).await;
    let value = "x".repeat(2000);
    let mut watch = watch(&bucket);
    assert_eq!(next(&mut watch).await, "listed@0");
    let write = async |round: u32| {
        let puts = (0..1000).map(|number| {
            let value = format!("{round}{value}");
            let bucket = &bucket;
            async move { bucket.put(&format!("k{number}"), value).await.unwrap() }
        });
        futures::future::join_all(puts).await
    };
    for round in 0..3 {
        in_time(write(round)).await;
    }
    let last = bucket.put("last", "1").await.unwrap();
    let mut state = BTreeMap::new();
    loop {
        match in_time(watch.next()).await.unwrap() {
            Change::Put(entry) => {
                let is_last = entry.revision == last;
                state.insert(entry.key, entry.value);
                if is_last {
                    break;
                }
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(state.len(), 1001);
    assert!(
        state
            .iter()
            .all(|(key, value)| key == "last" || value[0] == b'2')
    );
}

#[tokio::test]
async fn a_dropped_call_loses_nothing() {
    let Some(server) = Server::start().await else {
        return;
    };
    let bucket = open(&server.connect().await).await;
    for number in 0..50 {
        bucket.put(&format!("k{number}"), "1").await.unwrap();
    }
    let mut watch = watch(&bucket);
    let mut told = Vec::new();
    let deadline = tokio::time::Instant::now() + DEADLINE;
    // Every call is dropped right after it was polled.
    while told.len() < 51 {
        assert!(tokio::time::Instant::now() < deadline, "{told:?}");
        tokio::select! {
            biased;
            change = watch.next() => told.push(render(change.unwrap())),
            () = tokio::task::yield_now() => {}
        }
    }
    assert_eq!(told[0], "k0=1@1");
    assert_eq!(told[50], "listed@50");
}

#[tokio::test]
async fn keys_and_values_are_bounded() {
    let Some(server) = Server::start().await else {
        return;
    };
    let lattice = server.connect().await;
    let options = BucketOptions {
        value_bytes_max: 10,
        ..BucketOptions::default()
    };
    let name = lattice_bucket(lattice.name());
    let small = Bucket::open_or_create(&lattice, &name, options)
        .await
        .unwrap();
    let bucket = open(&lattice).await;
    let mut watch = small.watch(WatchOptions {
        keys_max: 2,
        ..WatchOptions::default()
    });
    assert_eq!(next(&mut watch).await, "listed@0");
    bucket.put("a", "much too long").await.unwrap();
    let error = in_time(watch.next()).await.unwrap_err();
    assert!(
        matches!(error, WatchError::Entry(BucketError::Value { .. })),
        "{error:?}"
    );
    bucket.put("b", "1").await.unwrap();
    assert_eq!(next(&mut watch).await, "b=1@2");
    bucket.put("c", "1").await.unwrap();
    let error = in_time(watch.next()).await.unwrap_err();
    assert!(
        matches!(
            error,
            WatchError::Entry(BucketError::TooManyKeys { keys_max: 2, .. })
        ),
        "{error:?}"
    );
    // What is followed already goes on to be.
    bucket.put("b", "2").await.unwrap();
    assert_eq!(next(&mut watch).await, "b=2@4");
}

#[tokio::test]
async fn a_watch_survives_a_restart_of_the_server() {
    let Some(mut server) = Server::start().await else {
        return;
    };
    let lattice = server.connect().await;
    let bucket = open(&lattice).await;
    bucket.put("a", "1").await.unwrap();
    let mut watch = watch(&bucket);
    assert_eq!(changes(&mut watch, 2).await, ["a=1@1", "listed@1"]);
    if !server.restart().await {
        return;
    }
    let mut connection = lattice.connection();
    in_time(connection.wait_for(|now| now.connects == 2))
        .await
        .unwrap();
    let (told, _) = in_time(async { tokio::join!(next(&mut watch), bucket.put("a", "2")) }).await;
    assert_eq!(told, "a=2@2");
    assert!(watch.listings() >= 2);
}

#[tokio::test]
async fn a_watch_ends_when_the_lattice_is_closed() {
    let Some(server) = Server::start().await else {
        return;
    };
    let lattice = server.connect().await;
    let mut watch = watch(&open(&lattice).await);
    assert_eq!(next(&mut watch).await, "listed@0");
    lattice.close().await;
    let error = in_time(watch.next()).await.unwrap_err();
    assert!(matches!(error, WatchError::Closed { .. }), "{error:?}");
    let error = lattice.flush().await.unwrap_err();
    assert!(
        matches!(error, RequestError::Disconnected { .. }),
        "{error:?}"
    );
    assert_eq!(lattice.connection().borrow().state, ConnectionState::Closed);
}

#[tokio::test]
async fn purges_at_once_are_all_told() {
    let Some(server) = Server::start().await else {
        return;
    };
    let bucket = open(&server.connect().await).await;
    let mut watch = watch(&bucket);
    assert_eq!(next(&mut watch).await, "listed@0");
    let keys: Vec<String> = (0..8).map(|number| format!("k{number}")).collect();
    let mut present = BTreeSet::new();
    for round in 0..20 {
        for key in &keys {
            bucket.put(key, "1").await.unwrap();
        }
        let purges = keys.iter().map(|key| bucket.purge(key, None));
        for purged in futures::future::join_all(purges).await {
            purged.unwrap();
        }
        let end = format!("end{round}");
        bucket.put(&end, "1").await.unwrap();
        loop {
            match in_time(watch.next()).await.unwrap() {
                Change::Put(entry) if entry.key == end => break,
                Change::Put(entry) if !entry.key.starts_with("end") => {
                    present.insert(entry.key);
                }
                Change::Deleted { key, .. } => {
                    present.remove(&key);
                }
                _ => {}
            }
        }
        assert_eq!(present, BTreeSet::new(), "round {round}");
    }
}
