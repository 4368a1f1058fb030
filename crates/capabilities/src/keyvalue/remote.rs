//! A store that runs elsewhere: `wrpc:keyvalue` (spec §4.9).

use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use weft_model::id::{EntityId, LinkName};
use weft_model::problem::render_chain;
use weft_wrpc::{
    CallError, CallOptions, Context, Decode, Encode, Endpoint, Function, FunctionError,
};

use super::wire::{ATOMICS, BATCH, Failure, KeyResponse, STORE, Told};
use super::{Entries, Error, Found, KeyValue, Page, check_key, check_value};
use crate::remote::Wire;

/// How long one operation may take: that of 1.9 for built-in interfaces (spec §4.8). The call that it is part of may
/// end before.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);

/// The store of a provider or component elsewhere, as one component reaches it by one link.
pub struct Remote {
    endpoint: Endpoint,
    context: Context,
    get: Function,
    set: Function,
    delete: Function,
    exists: Function,
    list_keys: Function,
    increment: Function,
    get_many: Function,
    set_many: Function,
    delete_many: Function,
}

// ===== impl Remote =====

impl Remote {
    /// The store `target`, as `source` reaches it by the link `link_name`.
    ///
    /// # Errors
    ///
    /// [`FunctionError`] when the ids make no subject.
    pub fn new(
        wire: &Wire,
        source: &EntityId,
        target: &EntityId,
        link_name: &LinkName,
    ) -> Result<Self, FunctionError> {
        type Answer<T> = (Told<T>,);
        let prefix = wire.prefix(target.as_str())?;
        Ok(Self {
            endpoint: wire.endpoint().clone(),
            context: Context {
                source_id: Some(source.to_string()),
                link_name: Some(link_name.to_string()),
                ..Context::default()
            },
            get: Function::typed::<(String, String), Answer<Option<Bytes>>>(&prefix, STORE, "get")?,
            set: Function::typed::<(String, String, Bytes), Answer<()>>(&prefix, STORE, "set")?,
            delete: Function::typed::<(String, String), Answer<()>>(&prefix, STORE, "delete")?,
            exists: Function::typed::<(String, String), Answer<bool>>(&prefix, STORE, "exists")?,
            list_keys: Function::typed::<(String, Option<u64>), Answer<KeyResponse>>(
                &prefix,
                STORE,
                "list-keys",
            )?,
            increment: Function::typed::<(String, String, u64), Answer<u64>>(
                &prefix,
                ATOMICS,
                "increment",
            )?,
            get_many: Function::typed::<(String, Vec<String>), Answer<Found>>(
                &prefix, BATCH, "get-many",
            )?,
            set_many: Function::typed::<(String, Entries), Answer<()>>(&prefix, BATCH, "set-many")?,
            delete_many: Function::typed::<(String, Vec<String>), Answer<()>>(
                &prefix,
                BATCH,
                "delete-many",
            )?,
        })
    }

    async fn call<T: Decode>(
        &self,
        function: &Function,
        params: &(impl Encode + Sync),
    ) -> Result<T, Error> {
        let options = CallOptions {
            timeout: OPERATION_TIMEOUT,
            context: self.context.clone(),
        };
        let called: Result<(Told<T>,), CallError> =
            self.endpoint.call(function, params, &options).await;
        match called {
            Ok((Ok(value),)) => Ok(value),
            Ok((Err(failure),)) => Err(match failure {
                Failure::NoSuchStore => Error::NoSuchStore,
                Failure::AccessDenied => Error::AccessDenied,
                Failure::Other(text) => Error::Told(text.into()),
            }),
            Err(error) => Err(Error::Unreachable(render_chain(&error).into())),
        }
    }
}

impl KeyValue for Remote {
    fn get<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Bytes>, Error>> {
        async move {
            check_key(key)?;
            self.call(&self.get, &(bucket, key)).await
        }
        .boxed()
    }

    fn set<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
        value: Bytes,
    ) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            check_key(key)?;
            check_value(&value)?;
            self.call(&self.set, &(bucket, key, value)).await
        }
        .boxed()
    }

    fn delete<'a>(&'a self, bucket: &'a str, key: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            check_key(key)?;
            self.call(&self.delete, &(bucket, key)).await
        }
        .boxed()
    }

    fn exists<'a>(&'a self, bucket: &'a str, key: &'a str) -> BoxFuture<'a, Result<bool, Error>> {
        async move {
            check_key(key)?;
            self.call(&self.exists, &(bucket, key)).await
        }
        .boxed()
    }

    fn list_keys<'a>(
        &'a self,
        bucket: &'a str,
        cursor: Option<u64>,
    ) -> BoxFuture<'a, Result<Page, Error>> {
        async move {
            let page: KeyResponse = self.call(&self.list_keys, &(bucket, cursor)).await?;
            Ok(Page {
                keys: page.keys,
                cursor: page.cursor,
            })
        }
        .boxed()
    }

    fn increment<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
        delta: u64,
    ) -> BoxFuture<'a, Result<u64, Error>> {
        async move {
            check_key(key)?;
            self.call(&self.increment, &(bucket, key, delta)).await
        }
        .boxed()
    }
    fn get_many<'a>(
        &'a self,
        bucket: &'a str,
        keys: Vec<String>,
    ) -> BoxFuture<'a, Result<Found, Error>> {
        async move {
            keys.iter().try_for_each(|key| check_key(key))?;
            self.call(&self.get_many, &(bucket, keys)).await
        }
        .boxed()
    }

    fn set_many<'a>(
        &'a self,
        bucket: &'a str,
        entries: Entries,
    ) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            for (key, value) in &entries {
                check_key(key)?;
                check_value(value)?;
            }
            self.call(&self.set_many, &(bucket, entries)).await
        }
        .boxed()
    }

    fn delete_many<'a>(
        &'a self,
        bucket: &'a str,
        keys: Vec<String>,
    ) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            keys.iter().try_for_each(|key| check_key(key))?;
            self.call(&self.delete_many, &(bucket, keys)).await
        }
        .boxed()
    }
}
