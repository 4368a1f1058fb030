//! Object stores, with a stock client.

use std::io::Cursor;

use async_nats::jetstream::object_store::{
    Config, GetErrorKind, InfoErrorKind, ObjectMetadata, ObjectStore,
};
use futures::{StreamExt, TryStreamExt};
use serde_json::json;
use tokio::io::AsyncReadExt;

use super::Api;
use crate::server::{Server, behaviours, within};

behaviours!(
    objects_are_put_and_got,
    large_objects_arrive_whole_and_in_their_chunks,
    objects_are_replaced_and_leave_nothing_behind,
    objects_are_listed,
    watchers_see_changes,
    deleted_objects_are_gone,
    links_lead_to_objects,
    descriptions_change_without_the_object,
    stores_are_sealed_and_deleted,
);

async fn store(server: &Server) -> ObjectStore {
    let config = Config {
        bucket: "b".to_owned(),
        ..Config::default()
    };
    let jetstream = server.jetstream().await;
    within(jetstream.create_object_store(config)).await.unwrap()
}

async fn put(store: &ObjectStore, name: &str, bytes: &[u8]) {
    within(store.put(name, &mut Cursor::new(bytes)))
        .await
        .unwrap();
}

async fn get(store: &ObjectStore, name: &str) -> Vec<u8> {
    let mut object = within(store.get(name)).await.unwrap();
    let mut bytes = Vec::new();
    within(object.read_to_end(&mut bytes)).await.unwrap();
    bytes
}

async fn messages(server: &Server) -> u64 {
    let api = Api::new(server).await;
    let info = api.done("STREAM.INFO.OBJ_b", json!({})).await;
    info["state"]["messages"].as_u64().unwrap()
}

async fn objects_are_put_and_got(server: Server) {
    let store = store(&server).await;
    for (name, bytes) in [
        ("small", &b"hello"[..]),
        ("empty", b""),
        ("a name with / spaces. and ünicode", b"x"),
    ] {
        put(&store, name, bytes).await;
        assert_eq!(get(&store, name).await, bytes, "{name}");
        let info = within(store.info(name)).await.unwrap();
        assert_eq!((info.name.as_str(), info.size), (name, bytes.len()));
        assert!(info.digest.unwrap().starts_with("SHA-256="));
        assert!(!info.deleted);
    }
    let missing = within(store.get("missing")).await.map(drop);
    assert_eq!(missing.unwrap_err().kind(), GetErrorKind::NotFound);
    let missing = within(store.info("missing")).await;
    assert_eq!(missing.unwrap_err().kind(), InfoErrorKind::NotFound);
}

async fn large_objects_arrive_whole_and_in_their_chunks(server: Server) {
    let store = store(&server).await;
    let bytes: Vec<u8> = (0..5_000_000_u32).map(|at| (at % 251) as u8).collect();
    put(&store, "big", &bytes).await;
    let info = within(store.info("big")).await.unwrap();
    assert_eq!(
        (info.size, info.chunks),
        (bytes.len(), bytes.len().div_ceil(128 * 1024))
    );
    // Its chunks, and what is known of it.
    assert_eq!(messages(&server).await, info.chunks as u64 + 1);
    assert!(get(&store, "big").await == bytes, "it arrived changed");
    let metadata = ObjectMetadata {
        name: "fine".to_owned(),
        description: Some("in small pieces".to_owned()),
        chunk_size: Some(1000),
        ..ObjectMetadata::default()
    };
    let part = &bytes[..100_500];
    within(store.put(metadata, &mut Cursor::new(part)))
        .await
        .unwrap();
    let info = within(store.info("fine")).await.unwrap();
    assert_eq!(
        (info.chunks, info.description.as_deref()),
        (101, Some("in small pieces"))
    );
    assert!(get(&store, "fine").await == part, "it arrived changed");
}

async fn objects_are_replaced_and_leave_nothing_behind(server: Server) {
    let store = store(&server).await;
    put(&store, "a", &[1; 300_000]).await;
    assert_eq!(messages(&server).await, 4);
    put(&store, "a", &[2; 10]).await;
    assert_eq!(get(&store, "a").await, [2; 10]);
    assert_eq!(messages(&server).await, 2);
}

async fn objects_are_listed(server: Server) {
    let store = store(&server).await;
    let names = async || -> Vec<String> {
        let list = within(store.list()).await.unwrap();
        let list: Vec<_> = within(list.try_collect()).await.unwrap();
        list.into_iter()
            .map(|info: async_nats::jetstream::object_store::ObjectInfo| info.name)
            .collect()
    };
    assert!(names().await.is_empty());
    for name in ["c", "a", "b"] {
        put(&store, name, b"x").await;
    }
    within(store.delete("a")).await.unwrap();
    assert_eq!(names().await, ["c", "b"]);
}

async fn watchers_see_changes(server: Server) {
    let store = store(&server).await;
    put(&store, "before", b"x").await;
    let mut changes = within(store.watch()).await.unwrap();
    let mut all = within(store.watch_with_history()).await.unwrap();
    put(&store, "a", b"x").await;
    within(store.delete("a")).await.unwrap();
    for (name, deleted) in [("a", false), ("a", true)] {
        let info = within(changes.next()).await.unwrap().unwrap();
        assert_eq!((info.name.as_str(), info.deleted), (name, deleted));
    }
    for (name, deleted) in [("before", false), ("a", false), ("a", true)] {
        let info = within(all.next()).await.unwrap().unwrap();
        assert_eq!((info.name.as_str(), info.deleted), (name, deleted));
    }
}

async fn deleted_objects_are_gone(server: Server) {
    let store = store(&server).await;
    put(&store, "a", &[1; 300_000]).await;
    within(store.delete("a")).await.unwrap();
    assert!(within(store.get("a")).await.is_err());
    // Only the mark is left.
    assert_eq!(messages(&server).await, 1);
    assert!(within(store.info("a")).await.unwrap().deleted);
    put(&store, "a", b"again").await;
    assert_eq!(get(&store, "a").await, b"again");
}

async fn links_lead_to_objects(server: Server) {
    let store = store(&server).await;
    put(&store, "target", b"here").await;
    let target = within(store.info("target")).await.unwrap();
    within(store.add_link("link", &target)).await.unwrap();
    assert_eq!(get(&store, "link").await, b"here");
}

async fn descriptions_change_without_the_object(server: Server) {
    let store = store(&server).await;
    put(&store, "a", b"x").await;
    let metadata = async_nats::jetstream::object_store::UpdateMetadata {
        name: "b".to_owned(),
        description: Some("renamed".to_owned()),
        ..Default::default()
    };
    within(store.update_metadata("a", metadata)).await.unwrap();
    assert_eq!(get(&store, "b").await, b"x");
    let info = within(store.info("b")).await.unwrap();
    assert_eq!(info.description.as_deref(), Some("renamed"));
}

async fn stores_are_sealed_and_deleted(server: Server) {
    let mut store = store(&server).await;
    put(&store, "a", b"x").await;
    within(store.seal()).await.unwrap();
    let refused = within(store.put("b", &mut Cursor::new(b"y"))).await;
    assert!(refused.is_err());
    assert_eq!(get(&store, "a").await, b"x");
    let jetstream = server.jetstream().await;
    within(jetstream.delete_object_store("b")).await.unwrap();
    assert!(within(jetstream.get_object_store("b")).await.is_err());
}
