//! Key-value buckets, with a stock client.

use std::collections::BTreeSet;
use std::time::Duration;

use async_nats::jetstream::kv::{self, CreateErrorKind, Operation, UpdateErrorKind};
use futures::{StreamExt, TryStreamExt};

use crate::server::{Server, on_each_server, until, within};

fn config(history: i64) -> kv::Config {
    kv::Config {
        bucket: "b".to_owned(),
        history,
        ..kv::Config::default()
    }
}

async fn keys(bucket: &kv::Store) -> BTreeSet<String> {
    let keys = within(bucket.keys()).await.unwrap();
    within(keys.try_collect()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_put_and_got() {
    on_each_server(|server| async move {
        let bucket = server.bucket(config(1)).await;
        assert_eq!(bucket.get("k").await.unwrap(), None);
        assert_eq!(bucket.put("k", "one".into()).await.unwrap(), 1);
        assert_eq!(bucket.put("k", "two".into()).await.unwrap(), 2);
        assert_eq!(bucket.get("k").await.unwrap(), Some("two".into()));
        let entry = bucket.entry("k").await.unwrap().unwrap();
        assert_eq!((entry.revision, entry.operation), (2, Operation::Put));
        assert_eq!(bucket.put("empty", "".into()).await.unwrap(), 3);
        assert_eq!(bucket.get("empty").await.unwrap(), Some("".into()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_needs_the_revision_it_replaces() {
    on_each_server(|server| async move {
        let bucket = server.bucket(config(1)).await;
        let first = bucket.put("k", "one".into()).await.unwrap();
        let second = bucket.update("k", "two".into(), first).await.unwrap();
        let error = bucket.update("k", "late".into(), first).await.unwrap_err();
        assert_eq!(error.kind(), UpdateErrorKind::WrongLastRevision);
        assert_eq!(bucket.get("k").await.unwrap(), Some("two".into()));
        assert_eq!(bucket.update("k", "three".into(), second).await.unwrap(), 3);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_created_only_if_absent_or_deleted() {
    on_each_server(|server| async move {
        let bucket = server.bucket(config(1)).await;
        bucket.create("k", "one".into()).await.unwrap();
        let error = bucket.create("k", "two".into()).await.unwrap_err();
        assert_eq!(error.kind(), CreateErrorKind::AlreadyExists);
        bucket.delete("k").await.unwrap();
        assert_eq!(bucket.get("k").await.unwrap(), None);
        bucket.create("k", "three".into()).await.unwrap();
        assert_eq!(bucket.get("k").await.unwrap(), Some("three".into()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_kept_as_deep_as_asked_for() {
    on_each_server(|server| async move {
        let bucket = server.bucket(config(3)).await;
        for value in ["1", "2", "3", "4"] {
            bucket.put("k", value.into()).await.unwrap();
        }
        bucket.put("other", "x".into()).await.unwrap();
        bucket.delete("k").await.unwrap();
        let history: Vec<kv::Entry> =
            within(within(bucket.history("k")).await.unwrap().try_collect())
                .await
                .unwrap();
        let values: Vec<(u64, &[u8], Operation)> = history
            .iter()
            .map(|entry| (entry.revision, &entry.value[..], entry.operation))
            .collect();
        assert_eq!(
            values,
            [
                (3, &b"3"[..], Operation::Put),
                (4, b"4", Operation::Put),
                (6, b"", Operation::Delete)
            ]
        );
        let old = bucket.entry_for_revision("k", 3).await.unwrap().unwrap();
        assert_eq!(old.value, "3");
        assert!(bucket.entry_for_revision("k", 1).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_leaves_only_its_mark() {
    on_each_server(|server| async move {
        let bucket = server.bucket(config(5)).await;
        for value in ["1", "2", "3"] {
            bucket.put("k", value.into()).await.unwrap();
        }
        bucket.purge("k").await.unwrap();
        let history: Vec<kv::Entry> =
            within(within(bucket.history("k")).await.unwrap().try_collect())
                .await
                .unwrap();
        assert_eq!(history.len(), 1);
        assert_eq!(history[0].operation, Operation::Purge);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_those_that_have_values() {
    on_each_server(|server| async move {
        let bucket = server.bucket(config(2)).await;
        assert_eq!(keys(&bucket).await, BTreeSet::new());
        for key in ["a", "b.c", "b.d", "gone"] {
            bucket.put(key, "x".into()).await.unwrap();
        }
        bucket.put("a", "y".into()).await.unwrap();
        bucket.delete("gone").await.unwrap();
        let expected = ["a", "b.c", "b.d"].map(str::to_owned).into();
        assert_eq!(keys(&bucket).await, expected);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn watchers_see_what_they_asked_for() {
    on_each_server(|server| async move {
        let bucket = server.bucket(config(5)).await;
        bucket.put("a", "1".into()).await.unwrap();
        bucket.put("b", "2".into()).await.unwrap();
        let mut updates = bucket.watch_all().await.unwrap();
        let mut one = bucket.watch("a").await.unwrap();
        let mut with_history = bucket.watch_with_history(">").await.unwrap();
        let mut since = bucket.watch_all_from_revision(2).await.unwrap();
        bucket.put("a", "3".into()).await.unwrap();
        bucket.delete("b").await.unwrap();
        bucket.put("a", "5".into()).await.unwrap();
        for (watch, expected) in [
            (&mut updates, &[3, 4, 5][..]),
            (&mut one, &[3, 5]),
            (&mut with_history, &[1, 2, 3, 4, 5]),
            (&mut since, &[2, 3, 4, 5]),
        ] {
            for revision in expected {
                let entry = within(watch.next()).await.unwrap().unwrap();
                assert_eq!(entry.revision, *revision);
                assert_eq!(entry.bucket, "b");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_watcher_can_follow_several_keys() {
    on_each_server(|server| async move {
        if !server.has_2_10() {
            return;
        }
        let bucket = server.bucket(config(1)).await;
        let mut watch = bucket.watch_many(["a", "c.>"]).await.unwrap();
        for key in ["a", "b", "c.d"] {
            bucket.put(key, "x".into()).await.unwrap();
        }
        assert_eq!(within(watch.next()).await.unwrap().unwrap().key, "a");
        assert_eq!(within(watch.next()).await.unwrap().unwrap().key, "c.d");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_gets_a_large_bucket_whole_and_in_order() {
    on_each_server(|server| async move {
        let bucket = server.bucket(config(1)).await;
        let jetstream = server.jetstream().await;
        // More than the first window of flow control.
        let value = bytes::Bytes::from(vec![b'v'; 16 * 1024]);
        let mut acks = Vec::new();
        for key in 0..400 {
            let subject = format!("$KV.b.key{key}");
            acks.push(jetstream.publish(subject, value.clone()).await.unwrap());
        }
        for ack in acks {
            within(ack.into_future()).await.unwrap();
        }
        let mut watch = bucket.watch_with_history(">").await.unwrap();
        for key in 0..400 {
            let entry = within(watch.next()).await.unwrap().unwrap();
            assert_eq!(entry.key, format!("key{key}"));
            assert_eq!(entry.value.len(), value.len());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_grow_old() {
    on_each_server(|server| async move {
        let bucket = server
            .bucket(kv::Config {
                max_age: Duration::from_millis(500),
                ..config(1)
            })
            .await;
        bucket.put("k", "x".into()).await.unwrap();
        assert_eq!(bucket.get("k").await.unwrap(), Some("x".into()));
        until("the value is gone", || async {
            bucket.get("k").await.unwrap().is_none()
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_of_a_bucket_are_kept() {
    on_each_server(|server| async move {
        if !server.has_2_10() {
            // 2.9 lets buckets grow beyond their size.
            return;
        }
        let bucket = server
            .bucket(kv::Config {
                max_value_size: 10,
                max_bytes: 1000,
                ..config(1)
            })
            .await;
        assert!(bucket.put("k", "12345678901".into()).await.is_err());
        let mut stored = 0;
        while bucket
            .put(format!("key{stored}"), "1234567890".into())
            .await
            .is_ok()
        {
            stored += 1;
            assert!(stored < 100, "the bucket never fills up");
        }
        // A key that is there may still change.
        bucket.put("key0", "0987654321".into()).await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_tells_its_state() {
    on_each_server(|server| async move {
        let bucket = server.bucket(config(4)).await;
        for key in ["a", "b", "a"] {
            bucket.put(key, "x".into()).await.unwrap();
        }
        let jetstream = server.jetstream().await;
        let status = jetstream
            .get_key_value("b")
            .await
            .unwrap()
            .status()
            .await
            .unwrap();
        assert_eq!(
            (status.values(), status.history(), status.bucket()),
            (3, 4, "b")
        );
        jetstream.delete_key_value("b").await.unwrap();
        assert!(jetstream.get_key_value("b").await.is_err());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_in_memory_work_alike() {
    on_each_server(|server| async move {
        let bucket = server
            .bucket(kv::Config {
                storage: async_nats::jetstream::stream::StorageType::Memory,
                ..config(2)
            })
            .await;
        bucket.put("k", "1".into()).await.unwrap();
        bucket.put("k", "2".into()).await.unwrap();
        assert_eq!(bucket.get("k").await.unwrap(), Some("2".into()));
        assert_eq!(keys(&bucket).await, ["k".to_owned()].into());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_writers_lose_nothing() {
    on_each_server(|server| async move {
        let counter = server.bucket(config(1)).await;
        counter.put("n", "0".into()).await.unwrap();
        let rounds = 100;
        let mut writers = tokio::task::JoinSet::new();
        for _ in 0..2 {
            let jetstream = server.jetstream().await;
            writers.spawn(async move {
                let counter = jetstream.get_key_value("b").await.unwrap();
                let mut conflicts = 0;
                for _ in 0..rounds {
                    conflicts += increment(&counter).await;
                }
                conflicts
            });
        }
        let conflicts: u32 = within(writers.join_all()).await.into_iter().sum();
        let total = counter.get("n").await.unwrap().unwrap();
        assert_eq!(
            total,
            (2 * rounds).to_string(),
            "after {conflicts} conflicts"
        );
    })
    .await;
}

/// Adds one by compare-and-set, and returns how often somebody else was first.
async fn increment(counter: &kv::Store) -> u32 {
    let mut conflicts = 0;
    loop {
        let entry = counter.entry("n").await.unwrap().unwrap();
        let value: u32 = String::from_utf8_lossy(&entry.value).parse().unwrap();
        let next = (value + 1).to_string().into();
        match counter.update("n", next, entry.revision).await {
            Ok(_) => return conflicts,
            Err(error) => assert_eq!(error.kind(), UpdateErrorKind::WrongLastRevision),
        }
        conflicts += 1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_with_a_life_of_their_own_expire() {
    let server = Server::broker().await;
    let jetstream = server.jetstream().await;
    let config = async_nats::jetstream::stream::Config {
        name: "KV_t".to_owned(),
        subjects: vec!["$KV.t.>".to_owned()],
        max_messages_per_subject: 1,
        allow_direct: true,
        allow_message_ttl: true,
        ..Default::default()
    };
    jetstream.create_stream(config).await.unwrap();
    let bucket = jetstream.get_key_value("t").await.unwrap();
    bucket.put("stays", "x".into()).await.unwrap();
    bucket
        .create_with_ttl("goes", "x".into(), Duration::from_secs(1))
        .await
        .unwrap();
    until("the value is gone", || async {
        bucket.get("goes").await.unwrap().is_none()
    })
    .await;
    assert!(bucket.get("stays").await.unwrap().is_some());
}
