//! Components that are told of changes of keys: `wasi:keyvalue/watcher`, served as `wrpc:keyvalue/watcher` (spec §4.9).

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use wasmtime::Store;
use wasmtime::component::{ResourceAny, Val};
use weft_engine::{ExportTarget, Program, StoreContext};
use weft_wrpc::{Export, Failure, FailureCode, Incoming};

use super::guest::Bucket;
use super::{Error, check_bucket, check_key};
use crate::remote::exported::{Exported, codec_failure, invoke};

/// The instance on the wire.
const WATCHER: &str = "wrpc:keyvalue/watcher@0.2.0-draft";
/// The export that is served so.
const EXPORT: &str = "wasi:keyvalue/watcher@0.2.0-draft";
/// The largest value that a component is told of, in bytes. As a value of dynamic type it takes some thirty times as much.
const WATCHED_BYTES_MAX: usize = 4 << 20;

/// What is served of `program`.
pub(crate) fn exported(program: &Arc<Program>) -> Vec<Exported> {
    let exports = program.world().exports();
    let found = exports
        .iter()
        .position(|export| export.interface.to_string() == EXPORT);
    let Some(position) = found else {
        return Vec::new();
    };
    let names = exports[position].functions().map(|(name, _)| name);
    let functions = names.zip(program.targets(position));
    functions
        .filter_map(|(name, target)| {
            let export = match name {
                "on-set" => Export::typed::<(String, String, Bytes), ()>(WATCHER, name),
                "on-delete" => Export::typed::<(String, String), ()>(WATCHER, name),
                _ => return None,
            };
            Some(Exported {
                interface: exports[position].interface.clone(),
                export: export.expect("plain types can cross the wire"),
                target,
                answer,
            })
        })
        .collect()
}

fn answer<'a>(
    target: &'a ExportTarget,
    incoming: &'a mut Incoming,
) -> BoxFuture<'a, Result<(), Failure>> {
    async move {
        let (bucket, key, value) = if incoming.function() == "on-set" {
            let params = incoming.decode::<(String, String, Bytes)>().await;
            let (bucket, key, value) = params.map_err(codec_failure)?;
            (bucket, key, Some(value))
        } else {
            let params = incoming.decode::<(String, String)>().await;
            let (bucket, key) = params.map_err(codec_failure)?;
            (bucket, key, None)
        };
        check(&bucket, &key, value.as_ref())
            .map_err(|error| Failure::new(FailureCode::Codec, error.to_string()))?;
        let made = invoke(target, incoming, move |store: &mut Store<StoreContext>| {
            let handle = store.data_mut().table().push(Bucket::new(bucket))?;
            let handle = ResourceAny::try_from_resource(handle, store)?;
            let mut params = vec![Val::Resource(handle), Val::String(key)];
            params.extend(value.map(|value| {
                let bytes = value.iter().copied();
                Val::List(bytes.map(Val::U8).collect())
            }));
            Ok(params)
        });
        made.await?;
        // That the connection is closed shows at the caller.
        let _ = incoming.answer(&()).await;
        Ok(())
    }
    .boxed()
}

fn check(bucket: &str, key: &str, value: Option<&Bytes>) -> Result<(), Error> {
    check_bucket(bucket)?;
    check_key(key)?;
    match value.map(Bytes::len) {
        Some(bytes) if bytes > WATCHED_BYTES_MAX => Err(Error::Watched { bytes }),
        _ => Ok(()),
    }
}
