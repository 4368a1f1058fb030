use std::convert::Infallible;

use weft_lattice::Lattice;
use weft_lattice::bucket::{
    Bucket, BucketError, BucketOptions, RetryError, Storage, Update, Updated,
};
use weft_model::problem::Coded;
use weft_protocol::state::lattice_bucket;

use crate::server::{Server, in_time};

pub(crate) async fn open(lattice: &Lattice) -> Bucket {
    let name = lattice_bucket(lattice.name());
    Bucket::open_or_create(lattice, &name, BucketOptions::default())
        .await
        .unwrap()
}

#[tokio::test]
async fn entries_are_written_and_read() {
    let Some(server) = Server::start().await else {
        return;
    };
    let bucket = open(&server.connect().await).await;
    assert_eq!(bucket.revision().await.unwrap(), 0);
    assert_eq!(bucket.get("a").await.unwrap(), None);
    assert_eq!(bucket.put("a", "1").await.unwrap(), 1);
    assert_eq!(bucket.put("a", "2").await.unwrap(), 2);
    let entry = bucket.get("a").await.unwrap().unwrap();
    assert_eq!(
        (entry.key.as_str(), entry.value.as_ref(), entry.revision),
        ("a", &b"2"[..], 2)
    );
    assert_eq!(bucket.put("empty", "").await.unwrap(), 3);
    assert_eq!(bucket.get("empty").await.unwrap().unwrap().value, "");
    assert_eq!(bucket.delete("a", None).await.unwrap(), 4);
    assert_eq!(bucket.get("a").await.unwrap(), None);
    assert_eq!(bucket.purge("empty", None).await.unwrap(), 5);
    assert_eq!(bucket.get("empty").await.unwrap(), None);
    assert_eq!(bucket.revision().await.unwrap(), 5);
}

#[tokio::test]
async fn a_write_against_another_revision_is_a_conflict() {
    let Some(server) = Server::start().await else {
        return;
    };
    let bucket = open(&server.connect().await).await;
    let check = |result: Result<u64, BucketError>, expected: u64| {
        let error = result.unwrap_err();
        assert_eq!(error.code(), "LAT010");
        assert!(
            matches!(error, BucketError::Conflict { expected: e, .. } if e == expected),
            "{error:?}"
        );
    };
    let first = bucket.create("a", "1").await.unwrap();
    check(bucket.create("a", "2").await, 0);
    let second = bucket.update("a", "2", first).await.unwrap();
    check(bucket.update("a", "3", first).await, first);
    check(bucket.update("never", "3", 7).await, 7);
    check(bucket.delete("a", Some(first)).await, first);
    check(bucket.purge("a", Some(first)).await, first);
    assert_eq!(bucket.get("a").await.unwrap().unwrap().value, "2");
    bucket.delete("a", Some(second)).await.unwrap();
    // A key that was removed can be made again.
    let third = bucket.create("a", "3").await.unwrap();
    bucket.purge("a", Some(third)).await.unwrap();
    bucket.create("a", "4").await.unwrap();
}

#[tokio::test]
async fn keys_and_entries_are_listed() {
    let Some(server) = Server::start().await else {
        return;
    };
    let bucket = open(&server.connect().await).await;
    assert!(in_time(bucket.keys()).await.unwrap().is_empty());
    for number in 0..300 {
        let value = format!("{number}").repeat(100);
        bucket
            .put(&format!("COMPONENT_{number}"), value)
            .await
            .unwrap();
    }
    bucket.delete("COMPONENT_7", None).await.unwrap();
    bucket.purge("COMPONENT_8", None).await.unwrap();
    bucket.put("COMPONENT_9", "new").await.unwrap();
    let keys = in_time(bucket.keys()).await.unwrap();
    assert_eq!(keys.len(), 298);
    assert!(!keys.contains("COMPONENT_7") && keys.contains("COMPONENT_9"));
    let entries = in_time(bucket.entries()).await.unwrap();
    assert!(entries.keys().eq(&keys));
    assert_eq!(entries["COMPONENT_9"].value, "new");
    assert_eq!(entries["COMPONENT_299"].value.len(), 300);
}

#[tokio::test]
async fn a_bucket_that_is_there_is_used_as_it_is() {
    let Some(server) = Server::start().await else {
        return;
    };
    let lattice = server.connect().await;
    let name = lattice_bucket(lattice.name());
    let options = BucketOptions {
        history: 5,
        storage: Storage::Memory,
        ..BucketOptions::default()
    };
    let first = Bucket::open_or_create(&lattice, &name, options)
        .await
        .unwrap();
    first.put("a", "1").await.unwrap();
    let second = open(&lattice).await;
    assert_eq!(second.get("a").await.unwrap().unwrap().value, "1");
    assert_eq!(second.name(), name);
}

#[tokio::test]
async fn a_reader_does_not_make_the_bucket() {
    let Some(server) = Server::start().await else {
        return;
    };
    let lattice = server.connect().await;
    let name = lattice_bucket(lattice.name());
    for _ in 0..2 {
        let error = Bucket::open(&lattice, &name, BucketOptions::default())
            .await
            .unwrap_err();
        assert!(matches!(error, BucketError::Missing { .. }), "{error:?}");
    }
    open(&lattice).await.put("a", "1").await.unwrap();
    let bucket = Bucket::open(&lattice, &name, BucketOptions::default())
        .await
        .unwrap();
    assert_eq!(bucket.get("a").await.unwrap().unwrap().value, "1");
}

#[tokio::test]
async fn many_may_open_a_new_bucket_at_once() {
    let Some(server) = Server::start().await else {
        return;
    };
    let lattice = server.connect().await;
    let buckets = futures::future::join_all((0..8).map(|_| open(&lattice))).await;
    buckets[0].put("a", "1").await.unwrap();
    for bucket in &buckets {
        assert_eq!(bucket.get("a").await.unwrap().unwrap().value, "1");
    }
}

#[tokio::test]
async fn changes_of_many_writers_add_up() {
    let Some(server) = Server::start().await else {
        return;
    };
    let bucket = open(&server.connect().await).await;
    let writer = async || {
        for _ in 0..10 {
            let updated = bucket.retry_update("counter", |entry| {
                let count: u32 = match entry {
                    Some(entry) => std::str::from_utf8(&entry.value).unwrap().parse().unwrap(),
                    None => 0,
                };
                Ok::<_, Infallible>(Update::Put((count + 1).to_string().into()))
            });
            updated.await.unwrap();
        }
    };
    in_time(futures::future::join_all((0..6).map(|_| writer()))).await;
    assert_eq!(bucket.get("counter").await.unwrap().unwrap().value, "60");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_can_keep_delete_and_refuse() {
    let Some(server) = Server::start().await else {
        return;
    };
    let bucket = open(&server.connect().await).await;
    let update = async |update: Update| {
        bucket
            .retry_update("a", |_| Ok::<_, Infallible>(update.clone()))
            .await
            .unwrap()
    };
    assert_eq!(update(Update::Keep).await, Updated::Kept { revision: None });
    assert_eq!(
        update(Update::Delete).await,
        Updated::Kept { revision: None }
    );
    assert_eq!(
        update(Update::Put("1".into())).await,
        Updated::Written { revision: 1 }
    );
    assert_eq!(
        update(Update::Keep).await,
        Updated::Kept { revision: Some(1) }
    );
    assert_eq!(
        update(Update::Delete).await,
        Updated::Written { revision: 2 }
    );
    assert_eq!(
        update(Update::Put("2".into())).await,
        Updated::Written { revision: 3 }
    );
    let refused = bucket
        .retry_update("a", |_| Err(std::fmt::Error))
        .await
        .unwrap_err();
    assert!(matches!(refused, RetryError::Update(std::fmt::Error)));
    // Somebody else writes between every read and write.
    let mut round = 0;
    let contended = bucket.retry_update("a", |_| {
        round += 1;
        let (bucket, value) = (bucket.clone(), format!("other {round}"));
        std::thread::scope(|scope| {
            let runtime = tokio::runtime::Handle::current();
            scope
                .spawn(move || runtime.block_on(bucket.put("a", value)))
                .join()
                .unwrap()
                .unwrap();
        });
        Ok::<_, Infallible>(Update::Put("mine".into()))
    });
    let contended = in_time(contended).await.unwrap_err();
    assert!(
        matches!(contended, RetryError::Contended { .. }),
        "{contended:?}"
    );
}

#[tokio::test]
async fn sizes_and_names_are_bounded() {
    let Some(server) = Server::start().await else {
        return;
    };
    let lattice = server.connect().await;
    let name = lattice_bucket(lattice.name());
    let options = BucketOptions {
        value_bytes_max: 10,
        ..BucketOptions::default()
    };
    let small = Bucket::open_or_create(&lattice, &name, options)
        .await
        .unwrap();
    let error = small.put("a", "12345678901").await.unwrap_err();
    assert!(
        matches!(error, BucketError::Value { bytes: 11, .. }),
        "{error:?}"
    );
    open(&lattice).await.put("a", "12345678901").await.unwrap();
    let error = small.get("a").await.unwrap_err();
    assert!(
        matches!(error, BucketError::Value { bytes: 11, .. }),
        "{error:?}"
    );
    let error = small.put("a b", "").await.unwrap_err();
    assert!(matches!(error, BucketError::Key { .. }), "{error:?}");
    let named = Bucket::open_or_create(&lattice, "a.b", BucketOptions::default()).await;
    assert!(matches!(named, Err(BucketError::Name { .. })), "{named:?}");
}

#[tokio::test]
async fn a_server_without_jetstream_is_told() {
    let Some(server) = Server::start_own(|_| Vec::new()).await else {
        return;
    };
    let lattice = server.connect().await;
    let opened = Bucket::open_or_create(&lattice, "x", BucketOptions::default()).await;
    let error = opened.unwrap_err();
    assert_eq!(error.code(), "LAT012", "{error:?}");
    assert!(error.hints()[0].contains("-js"));
}

#[tokio::test]
async fn a_bucket_that_is_gone_is_told() {
    let Some(server) = Server::start().await else {
        return;
    };
    let lattice = server.connect().await;
    let bucket = open(&lattice).await;
    delete_stream(&lattice, &bucket).await;
    let error = bucket.put("a", "1").await.unwrap_err();
    assert!(matches!(error, BucketError::Missing { .. }), "{error:?}");
    let error = bucket.get("a").await.unwrap_err();
    assert!(matches!(error, BucketError::Missing { .. }), "{error:?}");
}

/// Removes the stream under `bucket`, as `wash down --purge-jetstream` does.
pub(crate) async fn delete_stream(lattice: &Lattice, bucket: &Bucket) {
    let subject = format!("$JS.API.STREAM.DELETE.KV_{}", bucket.name());
    let headers = weft_lattice::Headers::new();
    lattice
        .request(&subject, &headers, "".into())
        .await
        .unwrap();
}
