//! Key-value buckets, with a stock client: what goes beyond putting and getting.

use std::time::Duration;

use async_nats::jetstream::kv::{self, Operation};
use futures::{StreamExt, TryStreamExt};

use crate::server::{Server, behaviours, until, within};

behaviours!(
    values_are_put_and_got,
    the_history_of_a_key_is_kept,
    deletes_and_purges_can_name_the_revision_they_end,
    watchers_see_marks_of_deletes_and_purges,
    a_watch_can_be_taken_up_again,
    a_watch_of_some_keys_sees_only_those,
    a_watch_tells_how_much_is_left,
    values_expire_and_watchers_are_not_told,
    keys_and_values_have_limits,
);

async fn bucket(server: &Server, history: i64) -> kv::Store {
    server
        .bucket(kv::Config {
            bucket: "b".to_owned(),
            history,
            storage: async_nats::jetstream::stream::StorageType::Memory,
            ..kv::Config::default()
        })
        .await
}

async fn next(watch: &mut kv::Watch) -> (String, u64, Operation, String) {
    let entry = within(watch.next()).await.unwrap().unwrap();
    let value = String::from_utf8_lossy(&entry.value).into_owned();
    (entry.key, entry.revision, entry.operation, value)
}

fn seen(
    key: &str,
    revision: u64,
    operation: Operation,
    value: &str,
) -> (String, u64, Operation, String) {
    (key.to_owned(), revision, operation, value.to_owned())
}

async fn values_are_put_and_got(server: Server) {
    let bucket = bucket(&server, 1).await;
    for key in ["k", "a.b.c", "with-dash_and/slash=and.dots", "1"] {
        assert_eq!(bucket.get(key).await.unwrap(), None);
        let revision = bucket.put(key, "one".into()).await.unwrap();
        assert_eq!(bucket.get(key).await.unwrap(), Some("one".into()));
        let revision = bucket.update(key, "two".into(), revision).await.unwrap();
        assert!(
            bucket
                .update(key, "three".into(), revision - 1)
                .await
                .is_err()
        );
        assert!(bucket.create(key, "three".into()).await.is_err());
        bucket.delete(key).await.unwrap();
        assert_eq!(bucket.get(key).await.unwrap(), None);
        bucket.create(key, "four".into()).await.unwrap();
        bucket.purge(key).await.unwrap();
        bucket.create(key, "five".into()).await.unwrap();
        let entry = bucket.entry(key).await.unwrap().unwrap();
        assert_eq!(
            (&entry.value[..], entry.operation),
            (&b"five"[..], Operation::Put)
        );
    }
}

async fn the_history_of_a_key_is_kept(server: Server) {
    let bucket = bucket(&server, 3).await;
    for value in ["1", "2", "3", "4"] {
        bucket.put("k", value.into()).await.unwrap();
    }
    let history = async || -> Vec<(u64, Operation)> {
        let history = within(bucket.history("k")).await.unwrap();
        let entries: Vec<kv::Entry> = within(history.try_collect()).await.unwrap();
        entries
            .into_iter()
            .map(|entry| (entry.revision, entry.operation))
            .collect()
    };
    assert_eq!(
        history().await,
        [
            (2, Operation::Put),
            (3, Operation::Put),
            (4, Operation::Put)
        ]
    );
    bucket.delete("k").await.unwrap();
    assert_eq!(
        history().await,
        [
            (3, Operation::Put),
            (4, Operation::Put),
            (5, Operation::Delete)
        ]
    );
    bucket.purge("k").await.unwrap();
    assert_eq!(history().await, [(6, Operation::Purge)]);
    let old = bucket.entry_for_revision("k", 6).await.unwrap().unwrap();
    assert_eq!(old.operation, Operation::Purge);
    assert!(bucket.entry_for_revision("k", 4).await.unwrap().is_none());
}

async fn deletes_and_purges_can_name_the_revision_they_end(server: Server) {
    let bucket = bucket(&server, 5).await;
    let first = bucket.put("k", "1".into()).await.unwrap();
    let second = bucket.put("k", "2".into()).await.unwrap();
    assert!(
        bucket
            .delete_expect_revision("k", Some(first))
            .await
            .is_err()
    );
    assert!(
        bucket
            .purge_expect_revision("k", Some(first))
            .await
            .is_err()
    );
    assert_eq!(bucket.get("k").await.unwrap(), Some("2".into()));
    bucket
        .delete_expect_revision("k", Some(second))
        .await
        .unwrap();
    assert_eq!(bucket.get("k").await.unwrap(), None);
    bucket
        .purge_expect_revision("k", Some(second + 1))
        .await
        .unwrap();
}

async fn watchers_see_marks_of_deletes_and_purges(server: Server) {
    let bucket = bucket(&server, 5).await;
    bucket.put("k", "1".into()).await.unwrap();
    let mut watch = bucket.watch("k").await.unwrap();
    bucket.put("k", "2".into()).await.unwrap();
    bucket.delete("k").await.unwrap();
    bucket.put("k", "4".into()).await.unwrap();
    bucket.purge("k").await.unwrap();
    for expected in [
        seen("k", 2, Operation::Put, "2"),
        seen("k", 3, Operation::Delete, ""),
        seen("k", 4, Operation::Put, "4"),
        seen("k", 5, Operation::Purge, ""),
    ] {
        assert_eq!(next(&mut watch).await, expected);
    }
}

async fn a_watch_can_be_taken_up_again(server: Server) {
    let bucket = bucket(&server, 5).await;
    for value in ["1", "2", "3"] {
        bucket.put("k", value.into()).await.unwrap();
    }
    let mut watch = bucket.watch_from_revision("k", 1).await.unwrap();
    assert_eq!(next(&mut watch).await, seen("k", 1, Operation::Put, "1"));
    assert_eq!(next(&mut watch).await, seen("k", 2, Operation::Put, "2"));
    drop(watch);
    bucket.delete("k").await.unwrap();
    // Another one goes on after the last revision that was seen.
    let mut watch = bucket.watch_from_revision("k", 3).await.unwrap();
    assert_eq!(next(&mut watch).await, seen("k", 3, Operation::Put, "3"));
    assert_eq!(next(&mut watch).await, seen("k", 4, Operation::Delete, ""));
    bucket.put("k", "5".into()).await.unwrap();
    assert_eq!(next(&mut watch).await, seen("k", 5, Operation::Put, "5"));
    // And one that begins after the end sees what comes then.
    let mut watch = bucket.watch_all_from_revision(6).await.unwrap();
    bucket.put("other", "6".into()).await.unwrap();
    assert_eq!(
        next(&mut watch).await,
        seen("other", 6, Operation::Put, "6")
    );
}

async fn a_watch_of_some_keys_sees_only_those(server: Server) {
    let bucket = bucket(&server, 1).await;
    let mut below = bucket.watch("a.>").await.unwrap();
    let mut level = bucket.watch("a.*").await.unwrap();
    let mut all = bucket.watch_all().await.unwrap();
    for key in ["a", "a.b", "a.b.c", "b.c", "a.z"] {
        bucket.put(key, "x".into()).await.unwrap();
    }
    for (watch, expected) in [
        (&mut below, &[2, 3, 5][..]),
        (&mut level, &[2, 5]),
        (&mut all, &[1, 2, 3, 4, 5]),
    ] {
        for revision in expected {
            assert_eq!(next(watch).await.1, *revision);
        }
    }
}

async fn a_watch_tells_how_much_is_left(server: Server) {
    let bucket = bucket(&server, 1).await;
    for key in ["a", "b", "c"] {
        bucket.put(key, "x".into()).await.unwrap();
    }
    let mut watch = bucket.watch_with_history(">").await.unwrap();
    for left in [2, 1, 0] {
        let entry = within(watch.next()).await.unwrap().unwrap();
        assert_eq!((entry.delta, entry.seen_current), (left, left == 0));
    }
}

async fn values_expire_and_watchers_are_not_told(server: Server) {
    let bucket = server
        .bucket(kv::Config {
            bucket: "b".to_owned(),
            history: 1,
            max_age: Duration::from_millis(300),
            ..kv::Config::default()
        })
        .await;
    let mut watch = bucket.watch_all().await.unwrap();
    bucket.put("k", "1".into()).await.unwrap();
    assert_eq!(next(&mut watch).await, seen("k", 1, Operation::Put, "1"));
    until("it expired", async || {
        bucket.get("k").await.unwrap().is_none()
    })
    .await;
    // What expired can be created, and that is what the watch sees next.
    bucket.create("k", "2".into()).await.unwrap();
    assert_eq!(next(&mut watch).await, seen("k", 2, Operation::Put, "2"));
}

async fn keys_and_values_have_limits(server: Server) {
    let bucket = server
        .bucket(kv::Config {
            bucket: "b".to_owned(),
            history: 1,
            max_value_size: 10,
            ..kv::Config::default()
        })
        .await;
    assert!(bucket.put("k", "12345678901".into()).await.is_err());
    bucket.put("k", "1234567890".into()).await.unwrap();
    for key in ["", ".a", "a.", "a b", "a*", ">"] {
        assert!(bucket.put(key, "x".into()).await.is_err(), "{key:?}");
    }
}
