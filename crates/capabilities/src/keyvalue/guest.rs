//! The guest side of `wasi:keyvalue`: host functions onto [`KeyValue`](super::KeyValue).

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use wasmtime::component::{HasSelf, Linker, Resource, ResourceTableError};
use weft_engine::{Denial, Family, StoreContext};
use weft_model::interface::InterfaceName;

use super::{BATCH_KEYS_MAX, Backend, Error, KeyValue, Page, check_bucket};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit/keyvalue",
        world: "wasi:keyvalue/imports",
        imports: { default: async | trappable },
        with: { "wasi:keyvalue/store.bucket": super::Bucket },
        trappable_error_type: { "wasi:keyvalue/store.error" => super::Failure },
    });
}

use bindings::wasi::keyvalue::{atomics, batch, store};

static STORE: LazyLock<InterfaceName> = LazyLock::new(|| crate::interface("wasi:keyvalue/store"));
static ATOMICS: LazyLock<InterfaceName> =
    LazyLock::new(|| crate::interface("wasi:keyvalue/atomics"));
static BATCH: LazyLock<InterfaceName> = LazyLock::new(|| crate::interface("wasi:keyvalue/batch"));

/// Serves the family to guests.
pub struct Guest;

/// A bucket that a guest has opened.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Bucket {
    name: Arc<str>,
}

/// Why a host function fails.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub enum Failure {
    /// The guest broke the rules of handles and traps.
    Trap(ResourceTableError),
    /// The guest is told.
    Told(store::Error),
}

type Answer<T> = Result<T, Failure>;

// ===== impl Guest =====

impl Family for Guest {
    fn interfaces(&self) -> Vec<InterfaceName> {
        vec![STORE.clone(), ATOMICS.clone(), BATCH.clone()]
    }

    fn link(&self, linker: &mut Linker<StoreContext>) -> wasmtime::Result<()> {
        store::add_to_linker::<_, HasSelf<_>>(linker, |context| context)?;
        atomics::add_to_linker::<_, HasSelf<_>>(linker, |context| context)?;
        batch::add_to_linker::<_, HasSelf<_>>(linker, |context| context)
    }
}

// ===== impl Bucket =====

impl Bucket {
    /// The bucket of this name, as if it had been opened.
    pub(super) fn new(name: String) -> Self {
        Self { name: name.into() }
    }
}

// ===== impl Failure =====

impl From<ResourceTableError> for Failure {
    fn from(error: ResourceTableError) -> Self {
        Self::Trap(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Told(match error {
            Error::NoSuchStore => store::Error::NoSuchStore,
            Error::AccessDenied => store::Error::AccessDenied,
            error => store::Error::Other(error.to_string()),
        })
    }
}

impl From<Arc<Denial>> for Failure {
    fn from(denial: Arc<Denial>) -> Self {
        Self::Told(store::Error::Other(format!("{denial}; {}", denial.hint())))
    }
}

// ===== impl StoreContext =====

/// The backend for `interface` as the instance's call uses it, and the name of the bucket.
fn operation(
    context: &mut StoreContext,
    interface: &InterfaceName,
    bucket: &Resource<Bucket>,
) -> Answer<(Arc<dyn KeyValue>, Arc<str>)> {
    let name = Arc::clone(&context.table().get(bucket)?.name);
    let backend = context.backend::<Backend>(interface)?;
    let store = Arc::clone(&backend.0).for_call(&context.outgoing_call());
    Ok((store, name))
}

/// The same for an operation of the batch interface on so many keys.
fn batch_operation(
    context: &mut StoreContext,
    bucket: &Resource<Bucket>,
    keys: usize,
) -> Answer<(Arc<dyn KeyValue>, Arc<str>)> {
    if keys > BATCH_KEYS_MAX {
        return Err(Error::Batch { keys }.into());
    }
    operation(context, &BATCH, bucket)
}

impl store::Host for StoreContext {
    fn convert_error(&mut self, failure: Failure) -> wasmtime::Result<store::Error> {
        match failure {
            Failure::Trap(error) => Err(error.into()),
            Failure::Told(error) => Ok(error),
        }
    }

    async fn open(&mut self, identifier: String) -> Answer<Resource<Bucket>> {
        check_bucket(&identifier)?;
        // Whether there is a link shows with the first operation, as in 1.9 (spec §4.9).
        Ok(self.table().push(Bucket {
            name: identifier.into(),
        })?)
    }
}

impl store::HostBucket for StoreContext {
    async fn get(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<Option<Vec<u8>>> {
        let (backend, name) = operation(self, &STORE, &bucket)?;
        Ok(backend.get(&name, &key).await?.map(Vec::from))
    }

    async fn set(&mut self, bucket: Resource<Bucket>, key: String, value: Vec<u8>) -> Answer<()> {
        let (backend, name) = operation(self, &STORE, &bucket)?;
        Ok(backend.set(&name, &key, value.into()).await?)
    }

    async fn delete(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<()> {
        let (backend, name) = operation(self, &STORE, &bucket)?;
        Ok(backend.delete(&name, &key).await?)
    }

    async fn exists(&mut self, bucket: Resource<Bucket>, key: String) -> Answer<bool> {
        let (backend, name) = operation(self, &STORE, &bucket)?;
        Ok(backend.exists(&name, &key).await?)
    }

    async fn list_keys(
        &mut self,
        bucket: Resource<Bucket>,
        cursor: Option<u64>,
    ) -> Answer<store::KeyResponse> {
        let (backend, name) = operation(self, &STORE, &bucket)?;
        let Page { keys, cursor } = backend.list_keys(&name, cursor).await?;
        Ok(store::KeyResponse { keys, cursor })
    }

    async fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        self.table().delete(bucket)?;
        Ok(())
    }
}

impl atomics::Host for StoreContext {
    async fn increment(
        &mut self,
        bucket: Resource<Bucket>,
        key: String,
        delta: u64,
    ) -> Answer<u64> {
        let (backend, name) = operation(self, &ATOMICS, &bucket)?;
        Ok(backend.increment(&name, &key, delta).await?)
    }
}

impl batch::Host for StoreContext {
    async fn get_many(
        &mut self,
        bucket: Resource<Bucket>,
        keys: Vec<String>,
    ) -> Answer<Vec<Option<(String, Vec<u8>)>>> {
        let (backend, name) = batch_operation(self, &bucket, keys.len())?;
        let found = backend.get_many(&name, keys).await?;
        let to_guest = |(key, value): (String, Bytes)| (key, Vec::from(value));
        Ok(found.into_iter().map(|one| one.map(to_guest)).collect())
    }

    async fn set_many(
        &mut self,
        bucket: Resource<Bucket>,
        entries: Vec<(String, Vec<u8>)>,
    ) -> Answer<()> {
        let (backend, name) = batch_operation(self, &bucket, entries.len())?;
        let entries = entries.into_iter().map(|(key, value)| (key, value.into()));
        Ok(backend.set_many(&name, entries.collect()).await?)
    }

    async fn delete_many(&mut self, bucket: Resource<Bucket>, keys: Vec<String>) -> Answer<()> {
        let (backend, name) = batch_operation(self, &bucket, keys.len())?;
        Ok(backend.delete_many(&name, keys).await?)
    }
}
