//! A store that runs elsewhere: `wrpc:keyvalue` (spec §4.9).

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use weft_engine::CallContext;
use weft_model::id::{EntityId, LinkName};
use weft_model::problem::render_chain;
use weft_wrpc::{
    CallError, CallOptions, Context, Decode, Encode, Endpoint, Function, FunctionError, Prefix,
};

use super::wire::{ATOMICS, BATCH, Failure, KeyResponse, STORE, Told};
use super::{Entries, Error, Found, KeyValue, Page, check_key, check_value};
use crate::remote::{Wire, wire_context};

/// The store of a provider or component elsewhere, as one component reaches it by one link.
pub struct Remote {
    shared: Arc<Shared>,
    /// What its operations are part of; `None` outside of any call, where each has the time that the wire gives a call.
    call: Option<CallContext>,
}

struct Shared {
    endpoint: Endpoint,
    source: EntityId,
    link_name: LinkName,
    functions: Functions,
}

struct Functions {
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
        let shared = Shared {
            functions: Functions::new(&wire.prefix(target.as_str())?)?,
            endpoint: wire.endpoint().clone(),
            source: source.clone(),
            link_name: link_name.clone(),
        };
        Ok(Self {
            shared: Arc::new(shared),
            call: None,
        })
    }

    fn functions(&self) -> &Functions {
        &self.shared.functions
    }

    fn options(&self) -> CallOptions {
        let Shared {
            source, link_name, ..
        } = &*self.shared;
        match &self.call {
            Some(call) => CallOptions {
                timeout: call.remaining(),
                context: wire_context(source.as_str(), link_name, call),
            },
            None => CallOptions {
                context: Context {
                    source_id: Some(source.to_string()),
                    link_name: Some(link_name.to_string()),
                    ..Context::default()
                },
                ..CallOptions::default()
            },
        }
    }

    async fn call<T: Decode>(
        &self,
        function: &Function,
        params: &(impl Encode + Sync),
    ) -> Result<T, Error> {
        let options = self.options();
        let endpoint = &self.shared.endpoint;
        let called: Result<(Told<T>,), CallError> = endpoint.call(function, params, &options).await;
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
    fn for_call(self: Arc<Self>, context: &CallContext) -> Arc<dyn KeyValue> {
        Arc::new(Self {
            shared: Arc::clone(&self.shared),
            call: Some(context.clone()),
        })
    }

    fn get<'a>(
        &'a self,
        bucket: &'a str,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Bytes>, Error>> {
        async move {
            check_key(key)?;
            self.call(&self.functions().get, &(bucket, key)).await
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
            self.call(&self.functions().set, &(bucket, key, value))
                .await
        }
        .boxed()
    }

    fn delete<'a>(&'a self, bucket: &'a str, key: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            check_key(key)?;
            self.call(&self.functions().delete, &(bucket, key)).await
        }
        .boxed()
    }

    fn exists<'a>(&'a self, bucket: &'a str, key: &'a str) -> BoxFuture<'a, Result<bool, Error>> {
        async move {
            check_key(key)?;
            self.call(&self.functions().exists, &(bucket, key)).await
        }
        .boxed()
    }

    fn list_keys<'a>(
        &'a self,
        bucket: &'a str,
        cursor: Option<u64>,
    ) -> BoxFuture<'a, Result<Page, Error>> {
        async move {
            let function = &self.functions().list_keys;
            let page: KeyResponse = self.call(function, &(bucket, cursor)).await?;
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
            let params = (bucket, key, delta);
            self.call(&self.functions().increment, &params).await
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
            self.call(&self.functions().get_many, &(bucket, keys)).await
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
            self.call(&self.functions().set_many, &(bucket, entries))
                .await
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
            self.call(&self.functions().delete_many, &(bucket, keys))
                .await
        }
        .boxed()
    }
}

// ===== impl Functions =====

impl Functions {
    fn new(prefix: &Prefix) -> Result<Self, FunctionError> {
        type Answer<T> = (Told<T>,);
        type OfKey = (String, String);
        type OfKeys = (String, Vec<String>);
        type Listing = (String, Option<u64>);
        type Increment = (String, String, u64);
        Ok(Self {
            get: Function::typed::<OfKey, Answer<Option<Bytes>>>(prefix, STORE, "get")?,
            set: Function::typed::<(String, String, Bytes), Answer<()>>(prefix, STORE, "set")?,
            delete: Function::typed::<OfKey, Answer<()>>(prefix, STORE, "delete")?,
            exists: Function::typed::<OfKey, Answer<bool>>(prefix, STORE, "exists")?,
            list_keys: Function::typed::<Listing, Answer<KeyResponse>>(prefix, STORE, "list-keys")?,
            increment: Function::typed::<Increment, Answer<u64>>(prefix, ATOMICS, "increment")?,
            get_many: Function::typed::<OfKeys, Answer<Found>>(prefix, BATCH, "get-many")?,
            set_many: Function::typed::<(String, Entries), Answer<()>>(prefix, BATCH, "set-many")?,
            delete_many: Function::typed::<OfKeys, Answer<()>>(prefix, BATCH, "delete-many")?,
        })
    }
}
