use std::sync::Arc;

use super::*;

async fn check_backend(store: &dyn KeyValue) {
    assert_eq!(store.get("b", "k").await.unwrap(), None);
    store.set("b", "k", Bytes::from_static(b"v")).await.unwrap();
    assert_eq!(store.get("b", "k").await.unwrap().unwrap(), "v");
    store.delete("b", "k").await.unwrap();
    store.delete("b", "k").await.unwrap();
    assert_eq!(store.get("b", "k").await.unwrap(), None);

    assert_eq!(store.increment("b", "n", 2).await.unwrap(), 2);
    assert_eq!(store.increment("b", "n", 3).await.unwrap(), 5);
    assert_eq!(store.get("b", "n").await.unwrap().unwrap(), "5");
    store.set("b", "n", Bytes::from_static(b"x")).await.unwrap();
    assert!(matches!(
        store.increment("b", "n", 1).await,
        Err(Error::NotANumber { .. })
    ));
    store
        .set("b", "n", u64::MAX.to_string().into())
        .await
        .unwrap();
    assert!(matches!(
        store.increment("b", "n", 1).await,
        Err(Error::Overflow { .. })
    ));
    store.delete("b", "n").await.unwrap();

    for n in 0..2500 {
        store
            .set("b", &format!("{n:04}"), Bytes::new())
            .await
            .unwrap();
    }
    let mut keys = Vec::new();
    let mut cursor = None;
    loop {
        let page = store.list_keys("b", cursor).await.unwrap();
        keys.extend(page.keys);
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(
        keys,
        (0..2500).map(|n| format!("{n:04}")).collect::<Vec<_>>()
    );
    assert!(matches!(
        store.list_keys("b", Some(99)).await,
        Err(Error::Cursor)
    ));

    assert!(matches!(
        store.get("b", "").await,
        Err(Error::Key { bytes: 0 })
    ));
    let long = "x".repeat(KEY_BYTES_MAX + 1);
    assert!(matches!(
        store.get("b", &long).await,
        Err(Error::Key { .. })
    ));
    let large = Bytes::from(vec![0; VALUE_BYTES_MAX + 1]);
    assert!(matches!(
        store.set("b", "k", large).await,
        Err(Error::Value { .. })
    ));
}

#[tokio::test]
async fn memory_is_a_key_value_store() {
    let memory = Memory::default();
    check_backend(&memory).await;
    memory
        .set("one", "k", Bytes::from_static(b"1"))
        .await
        .unwrap();
    assert_eq!(memory.get("two", "k").await.unwrap(), None);
}

#[tokio::test]
async fn embedded_is_a_key_value_store() {
    let dir = tempfile::tempdir().unwrap();
    let database = Database::open(dir.path()).unwrap();
    check_backend(&Embedded::new(database, "kv", None)).await;
}

#[tokio::test]
async fn providers_and_buckets_are_apart() {
    let dir = tempfile::tempdir().unwrap();
    let database = Database::open(dir.path()).unwrap();
    let (one, two) = (
        Embedded::new(database.clone(), "one", None),
        Embedded::new(database.clone(), "two", None),
    );
    one.set("b", "k", Bytes::from_static(b"1")).await.unwrap();
    assert_eq!(two.get("b", "k").await.unwrap(), None);
    assert_eq!(one.get("c", "k").await.unwrap(), None);
    assert!(one.list_keys("c", None).await.unwrap().keys.is_empty());

    let single = Embedded::new(database, "three", Some("all"));
    single
        .set("b", "k", Bytes::from_static(b"1"))
        .await
        .unwrap();
    assert_eq!(single.get("c", "k").await.unwrap().unwrap(), "1");
}

#[tokio::test]
async fn what_was_written_is_there_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    {
        let store = Embedded::new(Database::open(dir.path()).unwrap(), "kv", None);
        store.set("b", "k", Bytes::from_static(b"v")).await.unwrap();
    }
    let store = Embedded::new(Database::open(dir.path()).unwrap(), "kv", None);
    assert_eq!(store.get("b", "k").await.unwrap().unwrap(), "v");
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_increments_all_count() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Embedded::new(
        Database::open(dir.path()).unwrap(),
        "kv",
        None,
    ));
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let store = Arc::clone(&store);
            async move {
                for _ in 0..50 {
                    store.increment("b", "n", 1).await.unwrap();
                }
            }
        })
        .collect();
    futures::future::join_all(tasks).await;
    assert_eq!(store.get("b", "n").await.unwrap().unwrap(), "400");
}

#[tokio::test]
async fn a_batch_cannot_make_the_host_hold_more_than_its_bound() {
    let store = Memory::default();
    store
        .set("b", "k", vec![0; VALUE_BYTES_MAX].into())
        .await
        .unwrap();
    let get_many = |times| store.get_many("b", vec!["k".to_owned(); times]);
    assert_eq!(get_many(3).await.unwrap().len(), 3);
    assert!(matches!(get_many(4).await, Err(Error::BatchBytes)));
}

#[tokio::test]
async fn a_store_in_memory_holds_no_more_than_its_bound() {
    let store = Memory::new(1000);
    let value = || Bytes::from(vec![0; 300]);
    store.set("b", "one", value()).await.unwrap();
    store.set("b", "one", value()).await.unwrap();
    store.set("b", "two", value()).await.unwrap();
    assert!(matches!(
        store.set("b", "three", value()).await,
        Err(Error::Full { bytes_max: 1000 })
    ));
    store.delete("b", "one").await.unwrap();
    store.delete("b", "one").await.unwrap();
    store.set("b", "three", value()).await.unwrap();
}

#[tokio::test]
async fn the_name_of_a_bucket_is_bounded() {
    let dir = tempfile::tempdir().unwrap();
    let database = Database::open(&dir.path().join("d")).unwrap();
    let long = "b".repeat(100_000);
    let store = Embedded::new(database.clone(), "p", None);
    assert!(matches!(
        store.set(&long, "k", Bytes::new()).await,
        Err(Error::Bucket { bytes: 100_000 })
    ));
    assert!(matches!(
        Embedded::new(database, "p", Some(&long))
            .list_keys("b", None)
            .await,
        Err(Error::Bucket { .. })
    ));
}
