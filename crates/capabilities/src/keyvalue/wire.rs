//! `wrpc:keyvalue` as the wire has it (spec §11.2), and stores of this host served by it.

use std::sync::Arc;

use bytes::Bytes;
use weft_wrpc::{Decode, Encode, Export, Failure as WireFailure, FailureCode, Incoming, Tuple};

use super::{BATCH_KEYS_MAX, Backend, Entries, Error, Found, KeyValue, check_bucket};

pub(super) const STORE: &str = "wrpc:keyvalue/store@0.2.0-draft";
pub(super) const ATOMICS: &str = "wrpc:keyvalue/atomics@0.2.0-draft";
pub(super) const BATCH: &str = "wrpc:keyvalue/batch@0.2.0-draft";

/// What an operation answers.
pub(super) type Told<T> = Result<T, Failure>;

/// `error` of the wire.
pub(super) enum Failure {
    NoSuchStore,
    AccessDenied,
    Other(String),
}
weft_wrpc::variant!(Failure {
    NoSuchStore: "no-such-store",
    AccessDenied: "access-denied",
    Other(String): "other",
});

pub(super) struct KeyResponse {
    pub(super) keys: Vec<String>,
    pub(super) cursor: Option<u64>,
}
weft_wrpc::record!(KeyResponse { keys, cursor });

/// Chooses the backend for a source and a link name; `None` where no link allows the call.
pub type Choose = dyn Fn(&str, &str) -> Option<Arc<Backend>> + Send + Sync;

/// The functions of a store.
pub(crate) fn exports() -> Vec<Export> {
    fn export<P: Tuple, R: Tuple>(instance: &str, name: &str) -> Export {
        Export::typed::<P, R>(instance, name).expect("plain types can cross the wire")
    }
    vec![
        export::<(String, String), (Told<Option<Bytes>>,)>(STORE, "get"),
        export::<(String, String, Bytes), (Told<()>,)>(STORE, "set"),
        export::<(String, String), (Told<()>,)>(STORE, "delete"),
        export::<(String, String), (Told<bool>,)>(STORE, "exists"),
        export::<(String, Option<u64>), (Told<KeyResponse>,)>(STORE, "list-keys"),
        export::<(String, String, u64), (Told<u64>,)>(ATOMICS, "increment"),
        export::<(String, Vec<String>), (Told<Found>,)>(BATCH, "get-many"),
        export::<(String, Entries), (Told<()>,)>(BATCH, "set-many"),
        export::<(String, Vec<String>), (Told<()>,)>(BATCH, "delete-many"),
    ]
}

/// Does one operation on the backend that `choose` gives its caller.
pub(crate) async fn answer(choose: Arc<Choose>, mut incoming: Incoming) {
    let (source, link_name) = {
        let context = incoming.context();
        let link_name = context.link_name.clone();
        (
            context.source_id.clone().unwrap_or_default(),
            link_name.unwrap_or_else(|| "default".to_owned()),
        )
    };
    let Some(backend) = choose(&source, &link_name) else {
        let text = format!("no link `{link_name}` of `{source}` leads here");
        let failure = WireFailure::new(FailureCode::Denied, text);
        return incoming.fail(&failure);
    };
    let function = incoming.function().to_owned();
    let done = operate(&*backend.0, &function, &mut incoming).await;
    if let Err(failure) = done {
        incoming.fail(&failure);
    }
}

async fn operate(
    store: &dyn KeyValue,
    function: &str,
    incoming: &mut Incoming,
) -> Result<(), WireFailure> {
    match function {
        "get" => {
            let (bucket, key): (String, String) = params(incoming).await?;
            let value = checked(&bucket, store.get(&bucket, &key)).await;
            reply(incoming, value).await
        }
        "set" => {
            let (bucket, key, value): (String, String, Bytes) = params(incoming).await?;
            let done = checked(&bucket, store.set(&bucket, &key, value)).await;
            reply(incoming, done).await
        }
        "delete" => {
            let (bucket, key): (String, String) = params(incoming).await?;
            let done = checked(&bucket, store.delete(&bucket, &key)).await;
            reply(incoming, done).await
        }
        "exists" => {
            let (bucket, key): (String, String) = params(incoming).await?;
            let is_there = checked(&bucket, store.exists(&bucket, &key)).await;
            reply(incoming, is_there).await
        }
        "list-keys" => {
            let (bucket, cursor): (String, Option<u64>) = params(incoming).await?;
            let page = checked(&bucket, store.list_keys(&bucket, cursor)).await;
            let page = page.map(|page| KeyResponse {
                keys: page.keys,
                cursor: page.cursor,
            });
            reply(incoming, page).await
        }
        "increment" => {
            let (bucket, key, delta): (String, String, u64) = params(incoming).await?;
            let sum = checked(&bucket, store.increment(&bucket, &key, delta)).await;
            reply(incoming, sum).await
        }
        _ => operate_many(store, function, incoming).await,
    }
}

async fn operate_many(
    store: &dyn KeyValue,
    function: &str,
    incoming: &mut Incoming,
) -> Result<(), WireFailure> {
    match function {
        "get-many" => {
            let (bucket, keys): (String, Vec<String>) = params(incoming).await?;
            check_count(keys.len())?;
            let found = checked(&bucket, store.get_many(&bucket, keys)).await;
            reply(incoming, found).await
        }
        "set-many" => {
            let (bucket, pairs): (String, Entries) = params(incoming).await?;
            check_count(pairs.len())?;
            let done = checked(&bucket, store.set_many(&bucket, pairs)).await;
            reply(incoming, done).await
        }
        "delete-many" => {
            let (bucket, keys): (String, Vec<String>) = params(incoming).await?;
            check_count(keys.len())?;
            let done = checked(&bucket, store.delete_many(&bucket, keys)).await;
            reply(incoming, done).await
        }
        _ => Err(WireFailure::new(FailureCode::NoSuchFunction, "")),
    }
}

async fn checked<T>(
    bucket: &str,
    operation: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    check_bucket(bucket)?;
    operation.await
}

fn check_count(keys: usize) -> Result<(), WireFailure> {
    if keys > BATCH_KEYS_MAX {
        let error = Error::Batch { keys };
        return Err(WireFailure::new(FailureCode::Codec, error.to_string()));
    }
    Ok(())
}

async fn params<P: Decode>(incoming: &mut Incoming) -> Result<P, WireFailure> {
    let params = incoming.decode().await;
    params.map_err(|error| {
        let text = weft_model::problem::render_chain(&error);
        WireFailure::new(FailureCode::Codec, text)
    })
}

async fn reply<T: Encode>(
    incoming: &mut Incoming,
    done: Result<T, Error>,
) -> Result<(), WireFailure> {
    let told = done.map_err(|error| match error {
        Error::NoSuchStore => Failure::NoSuchStore,
        Error::AccessDenied => Failure::AccessDenied,
        error => Failure::Other(error.to_string()),
    });
    // That the connection is closed shows at the caller.
    let _ = incoming.answer(&(told,)).await;
    Ok(())
}
