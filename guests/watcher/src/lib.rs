//! Writes down, in the bucket `seen`, which keys were set and deleted, and in which bucket.

use bindings::exports::wasi::keyvalue::watcher::Guest;
use bindings::wasi::keyvalue::store::{self, Bucket};

mod bindings {
    wit_bindgen::generate!({ path: "../../wit/keyvalue", world: "wasi:keyvalue/watched" });
}

bindings::export!(Watcher with_types_in bindings);

struct Watcher;

impl Guest for Watcher {
    fn on_set(bucket: Bucket, key: String, value: Vec<u8>) {
        // The bucket is one to work on.
        bucket
            .set("last", key.as_bytes())
            .expect("the store takes what a watcher writes");
        note(&key, &value);
    }

    fn on_delete(_bucket: Bucket, key: String) {
        note(&key, b"deleted");
    }
}

fn note(key: &str, value: &[u8]) {
    let seen = store::open("seen").expect("the store has buckets");
    seen.set(key, value)
        .expect("the store takes what a watcher writes");
}
