//! A key-value provider in memory: `wasi:keyvalue` with store, atomics and batch.
//!
//! The config of a link may bound its buckets: `keys-max`, 10,000 keys unless it says so.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use weft_provider::keyvalue::{self, Error, KeyPage, Store};
use weft_provider::{Call, Exports, Provider};

type Result<T> = std::result::Result<T, Error>;
type Bucket = BTreeMap<String, Bytes>;

#[derive(Default)]
struct Memory {
    buckets: Mutex<BTreeMap<String, Bucket>>,
}

impl Memory {
    /// Does something with a bucket. Each caller and link has buckets of its own.
    fn with<T>(&self, call: &Call, bucket: &str, work: impl FnOnce(&mut Bucket) -> T) -> T {
        let name = format!("{}/{}/{bucket}", call.source(), call.link_name());
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        work(buckets.entry(name).or_default())
    }
}

/// Sets a value where there is room for its key.
fn put(call: &Call, bucket: &mut Bucket, key: String, value: Bytes) -> Result<()> {
    let max = call.link_config("keys-max").unwrap_or_default();
    if bucket.len() >= max.parse().unwrap_or(10_000) && !bucket.contains_key(&key) {
        return Err(Error::Other("the bucket is full".to_owned()));
    }
    bucket.insert(key, value);
    Ok(())
}

impl Store for Memory {
    async fn get(&self, call: &Call, bucket: String, key: String) -> Result<Option<Bytes>> {
        Ok(self.with(call, &bucket, |bucket| bucket.get(&key).cloned()))
    }

    async fn set(&self, call: &Call, bucket: String, key: String, value: Bytes) -> Result<()> {
        self.with(call, &bucket, |bucket| put(call, bucket, key, value))
    }

    async fn delete(&self, call: &Call, bucket: String, key: String) -> Result<()> {
        self.with(call, &bucket, |bucket| bucket.remove(&key));
        Ok(())
    }

    async fn list_keys(&self, call: &Call, bucket: String, _: Option<u64>) -> Result<KeyPage> {
        let keys = self.with(call, &bucket, |bucket| bucket.keys().cloned().collect());
        Ok(KeyPage { keys, cursor: None })
    }

    async fn increment(&self, call: &Call, bucket: String, key: String, by: u64) -> Result<u64> {
        self.with(call, &bucket, |bucket| {
            let text = str::from_utf8(bucket.get(&key).map_or(b"0", Bytes::as_ref));
            let number = text.ok().and_then(|text| text.parse::<u64>().ok());
            let sum = number.and_then(|number| number.checked_add(by));
            let sum = sum.ok_or_else(|| Error::Other("no number to add to".to_owned()))?;
            put(call, bucket, key, sum.to_string().into())?;
            Ok(sum)
        })
    }
}

impl Provider for Memory {
    fn exports(self: Arc<Self>) -> Exports {
        keyvalue::exports(self)
    }
}

fn main() -> ExitCode {
    weft_provider::main(Memory::default())
}
