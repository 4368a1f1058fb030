//! Components that are told of changes of keys.

use bytes::Bytes;
use futures::StreamExt as _;
use weft_testkit::{BrokerKind, Manifest, Provider, Site, free_address, http, in_time};

use crate::remote::{in_zone, part, zones};

const WATCHER: &str = "default.watch-watcher.wrpc.0.0.1.wrpc:keyvalue/watcher@0.2.0-draft";

/// Makes a call as a provider of 1.9 does, and waits for its end; `None` when nobody takes it.
async fn call(site: &Site, function: &str, params: &'static [u8]) -> Option<Bytes> {
    let nats = site.nats();
    let root = nats.new_inbox();
    let mut accepts = nats.subscribe(root.clone()).await.unwrap();
    let mut results = nats.subscribe(format!("{root}.results")).await.unwrap();
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("source-id", "redis");
    headers.insert("target-id", "watch-watcher");
    let subject = format!("{WATCHER}.{function}");
    let sent = nats.publish_with_reply_and_headers(subject, root, headers, params.into());
    sent.await.unwrap();
    let accept = in_time(accepts.next()).await.unwrap();
    let peer = accept.reply.filter(|_| accept.status.is_none())?;
    nats.publish(format!("{peer}.params"), Bytes::new())
        .await
        .unwrap();
    Some(in_time(results.next()).await.unwrap().payload)
}

#[tokio::test]
async fn a_watcher_is_told_what_is_set_and_deleted() {
    let Some((site, _members)) = zones(BrokerKind::Embedded).await else {
        return;
    };
    let address = free_address();
    let link = ("wasi", "keyvalue");
    let user = part("user", "kv-user", "a");
    let manifest = Manifest::new("watch")
        .with(part("watcher", "watcher", "b").link("store", link.0, link.1, &["store"]))
        .with(user.link("store", link.0, link.1, &["store", "atomics", "batch"]))
        .provider(in_zone(
            Provider::new("store", "wasmcloud+builtin://keyvalue-memory"),
            "c",
        ))
        .provider(in_zone(
            Provider::http("http").serve("user", Some(address)),
            "a",
        ));
    site.bring_up(&manifest).await;
    // A function without results ends with no byte.
    let told = call(&site, "on-set", b"\x01b\x01k\x03new").await;
    assert_eq!(told.unwrap(), "");
    let get = async |path: &str| http::get(address, path).await.unwrap().text();
    assert_eq!(get("/get?bucket=seen&key=k").await, "Ok(Some(\"new\"))");
    // The bucket that it was given is the one that the key is in.
    assert_eq!(get("/get?bucket=b&key=last").await, "Ok(Some(\"k\"))");
    let told = call(&site, "on-delete", b"\x01b\x01k").await;
    assert_eq!(told.unwrap(), "");
    assert_eq!(get("/get?bucket=seen&key=k").await, "Ok(Some(\"deleted\"))");
    assert!(call(&site, "on-other", b"").await.is_none());
}
