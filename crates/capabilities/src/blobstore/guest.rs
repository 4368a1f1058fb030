//! The guest side of `wasi:blobstore`: host functions onto [`Blobstore`](super::Blobstore).

use std::sync::{Arc, LazyLock};

use wasmtime::component::{HasSelf, Linker, Resource};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream};
use weft_engine::{Family, StoreContext};
use weft_model::interface::InterfaceName;

use self::incoming::BodyInput;
#[expect(unreachable_pub, reason = "the generated bindings re-export them")]
pub use self::{incoming::IncomingValue, names::ObjectNames, outgoing::OutgoingValue};
use super::{Backend, Blobstore, Error, ObjectId, check_container};

mod incoming;
mod names;
mod outgoing;

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit/blobstore",
        world: "wasi:blobstore/imports",
        imports: { default: async | trappable },
        with: {
            "wasi:io": wasmtime_wasi::p2::bindings::io,
            "wasi:blobstore/container.container": super::Container,
            "wasi:blobstore/container.stream-object-names": super::ObjectNames,
            "wasi:blobstore/types.incoming-value": super::IncomingValue,
            "wasi:blobstore/types.outgoing-value": super::OutgoingValue,
        },
    });
}

use bindings::wasi::blobstore::{blobstore, container, types};

pub(super) static BLOBSTORE: LazyLock<InterfaceName> =
    LazyLock::new(|| crate::interface("wasi:blobstore/blobstore"));
pub(super) static CONTAINER: LazyLock<InterfaceName> =
    LazyLock::new(|| crate::interface("wasi:blobstore/container"));
pub(super) static TYPES: LazyLock<InterfaceName> =
    LazyLock::new(|| crate::interface("wasi:blobstore/types"));

/// Serves the family to guests.
pub struct Guest;

/// A container that a guest has.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Container {
    name: Arc<str>,
}

/// What host functions answer: a trap outside, and inside what the guest is told.
type Answer<T> = wasmtime::Result<Result<T, String>>;

// ===== impl Guest =====

impl Family for Guest {
    fn interfaces(&self) -> Vec<InterfaceName> {
        vec![BLOBSTORE.clone(), CONTAINER.clone(), TYPES.clone()]
    }

    fn link(&self, linker: &mut Linker<StoreContext>) -> wasmtime::Result<()> {
        types::add_to_linker::<_, HasSelf<_>>(linker, |context| context)?;
        container::add_to_linker::<_, HasSelf<_>>(linker, |context| context)?;
        blobstore::add_to_linker::<_, HasSelf<_>>(linker, |context| context)
    }
}

/// The backend that the route leads to now.
fn backend(context: &StoreContext) -> Result<Arc<dyn Blobstore>, String> {
    let backend = context.backend::<Backend>(&BLOBSTORE);
    let backend = backend.map_err(|denial| format!("{denial}; {}", denial.hint()))?;
    Ok(Arc::clone(&backend.0))
}

/// Does an operation on the backend; what fails is as the guest is told of it.
macro_rules! operate {
    ($context:expr, $method:ident($($argument:expr),+)) => {
        match backend($context) {
            Ok(backend) => {
                let call = $context.outgoing_call();
                let done = backend.$method(&call, $($argument),+).await;
                done.map_err(|error| error.to_string())
            }
            Err(text) => Err(text),
        }
    };
}

fn name(context: &mut StoreContext, container: &Resource<Container>) -> wasmtime::Result<Arc<str>> {
    Ok(Arc::clone(&context.table().get(container)?.name))
}

impl blobstore::Host for StoreContext {
    async fn create_container(&mut self, name: String) -> Answer<Resource<Container>> {
        let made = operate!(self, create_container(&name));
        match made {
            Ok(()) => self.enter(name),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn get_container(&mut self, name: String) -> Answer<Resource<Container>> {
        let found = operate!(self, container_exists(&name));
        match found {
            Ok(true) => self.enter(name),
            Ok(false) => Ok(Err(Error::NoContainer { container: name }.to_string())),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn delete_container(&mut self, name: String) -> Answer<()> {
        Ok(operate!(self, delete_container(&name)))
    }

    async fn container_exists(&mut self, name: String) -> Answer<bool> {
        Ok(operate!(self, container_exists(&name)))
    }

    async fn copy_object(&mut self, src: types::ObjectId, dest: types::ObjectId) -> Answer<()> {
        let (source, destination) = (ObjectId::from(src), ObjectId::from(dest));
        Ok(operate!(self, copy_object(&source, &destination)))
    }

    async fn move_object(&mut self, src: types::ObjectId, dest: types::ObjectId) -> Answer<()> {
        let (source, destination) = (ObjectId::from(src), ObjectId::from(dest));
        Ok(operate!(self, move_object(&source, &destination)))
    }
}

/// Makes handles of containers.
trait Enter {
    fn enter(&mut self, name: String) -> Answer<Resource<Container>>;
}

impl Enter for StoreContext {
    fn enter(&mut self, name: String) -> Answer<Resource<Container>> {
        if let Err(error) = check_container(&name) {
            return Ok(Err(error.to_string()));
        }
        let name = name.into();
        Ok(Ok(self.table().push(Container { name })?))
    }
}

impl container::Host for StoreContext {}

impl container::HostContainer for StoreContext {
    async fn name(&mut self, container: Resource<Container>) -> Answer<String> {
        Ok(Ok(name(self, &container)?.to_string()))
    }

    async fn info(&mut self, container: Resource<Container>) -> Answer<types::ContainerMetadata> {
        let name = name(self, &container)?;
        let created_at = operate!(self, container_info(&name));
        Ok(created_at.map(|created_at| types::ContainerMetadata {
            name: name.to_string(),
            created_at,
        }))
    }

    async fn get_data(
        &mut self,
        container: Resource<Container>,
        object: String,
        start: u64,
        end: u64,
    ) -> Answer<Resource<IncomingValue>> {
        let id = ObjectId::new(&*name(self, &container)?, object);
        let body = operate!(self, object_data(&id, start, end));
        match body {
            Ok(body) => {
                let value = IncomingValue::new(id, start..end, body);
                Ok(Ok(self.table().push(value)?))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    async fn write_data(
        &mut self,
        container: Resource<Container>,
        object: String,
        data: Resource<OutgoingValue>,
    ) -> Answer<()> {
        let id = ObjectId::new(&*name(self, &container)?, object);
        let body = match self.table().get(&data)?.read() {
            Ok(body) => body,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let written = operate!(self, write_object(&id, body));
        match written {
            Ok(written) => {
                self.table().get_mut(&data)?.set_written(written);
                Ok(Ok(()))
            }
            Err(error) => Ok(Err(error)),
        }
    }

    async fn list_objects(
        &mut self,
        container: Resource<Container>,
    ) -> Answer<Resource<ObjectNames>> {
        let name = name(self, &container)?;
        let names = operate!(self, list_objects(&name));
        match names {
            Ok(names) => Ok(Ok(self.table().push(ObjectNames::new(names))?)),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn delete_object(
        &mut self,
        container: Resource<Container>,
        object: String,
    ) -> Answer<()> {
        let id = ObjectId::new(&*name(self, &container)?, object);
        Ok(operate!(self, delete_object(&id)))
    }

    async fn delete_objects(
        &mut self,
        container: Resource<Container>,
        objects: Vec<String>,
    ) -> Answer<()> {
        let name = name(self, &container)?;
        Ok(operate!(self, delete_objects(&name, &objects)))
    }

    async fn has_object(&mut self, container: Resource<Container>, object: String) -> Answer<bool> {
        let id = ObjectId::new(&*name(self, &container)?, object);
        Ok(operate!(self, has_object(&id)))
    }

    async fn object_info(
        &mut self,
        container: Resource<Container>,
        object: String,
    ) -> Answer<types::ObjectMetadata> {
        let id = ObjectId::new(&*name(self, &container)?, object);
        let info = operate!(self, object_info(&id));
        Ok(info.map(|info| types::ObjectMetadata {
            name: id.object,
            container: id.container,
            created_at: info.created_at,
            size: info.size,
        }))
    }

    async fn clear(&mut self, container: Resource<Container>) -> Answer<()> {
        let name = name(self, &container)?;
        Ok(operate!(self, clear_container(&name)))
    }

    async fn drop(&mut self, container: Resource<Container>) -> wasmtime::Result<()> {
        self.table().delete(container)?;
        Ok(())
    }
}

impl container::HostStreamObjectNames for StoreContext {
    async fn read_stream_object_names(
        &mut self,
        names: Resource<ObjectNames>,
        len: u64,
    ) -> Answer<(Vec<String>, bool)> {
        let read = self.table().get_mut(&names)?.read(len).await;
        Ok(read.map_err(|error| error.to_string()))
    }

    async fn skip_stream_object_names(
        &mut self,
        names: Resource<ObjectNames>,
        count: u64,
    ) -> Answer<(u64, bool)> {
        let skipped = self.table().get_mut(&names)?.skip(count).await;
        Ok(skipped.map_err(|error| error.to_string()))
    }

    async fn drop(&mut self, names: Resource<ObjectNames>) -> wasmtime::Result<()> {
        self.table().delete(names)?;
        Ok(())
    }
}

impl types::Host for StoreContext {}

impl types::HostOutgoingValue for StoreContext {
    async fn new_outgoing_value(&mut self) -> wasmtime::Result<Resource<OutgoingValue>> {
        Ok(self.table().push(OutgoingValue::default())?)
    }

    async fn outgoing_value_write_body(
        &mut self,
        value: Resource<OutgoingValue>,
    ) -> wasmtime::Result<Result<Resource<DynOutputStream>, ()>> {
        let Some(stream) = self.table().get_mut(&value)?.stream() else {
            return Ok(Err(()));
        };
        Ok(Ok(self.table().push(stream)?))
    }

    async fn finish(&mut self, value: Resource<OutgoingValue>) -> Answer<()> {
        let value = self.table().delete(value)?;
        Ok(value.finish().await.map_err(|error| error.to_string()))
    }

    async fn drop(&mut self, value: Resource<OutgoingValue>) -> wasmtime::Result<()> {
        self.table().delete(value)?;
        Ok(())
    }
}

impl types::HostIncomingValue for StoreContext {
    async fn incoming_value_consume_sync(
        &mut self,
        value: Resource<IncomingValue>,
    ) -> Answer<Vec<u8>> {
        let value = self.table().delete(value)?;
        Ok(value.consume().await.map_err(|error| error.to_string()))
    }

    async fn incoming_value_consume_async(
        &mut self,
        value: Resource<IncomingValue>,
    ) -> Answer<Resource<DynInputStream>> {
        let value = self.table().delete(value)?;
        let stream: DynInputStream = Box::new(BodyInput::new(value));
        Ok(Ok(self.table().push(stream)?))
    }

    /// What the interface has no error for is asked of the store when it is wanted, and traps where it is not known.
    async fn size(&mut self, value: Resource<IncomingValue>) -> wasmtime::Result<u64> {
        let (id, range) = self.table().get(&value)?.place();
        let info = operate!(self, object_info(&id));
        let size = info.map_err(wasmtime::Error::msg)?.size;
        Ok(size.min(range.end).saturating_sub(range.start))
    }

    async fn drop(&mut self, value: Resource<IncomingValue>) -> wasmtime::Result<()> {
        self.table().delete(value)?;
        Ok(())
    }
}

impl From<types::ObjectId> for ObjectId {
    fn from(id: types::ObjectId) -> Self {
        Self::new(id.container, id.object)
    }
}
