//! A store that runs elsewhere: `wrpc:blobstore` (spec §4.9).

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt as _};
use futures::{FutureExt as _, TryFutureExt as _};
use weft_engine::CallContext;
use weft_model::id::{EntityId, LinkName};
use weft_model::problem::render_chain;
use weft_runtime::TaskKind;
use weft_wrpc::encode::{Future, Stream};
use weft_wrpc::stream::{Outgoing, StreamReader, stream};
use weft_wrpc::{
    CallError, CallOptions, Decode, Encode, Failure, FailureCode, Function, FunctionError, Prefix,
    StreamError, StreamWriter, Tuple,
};

use super::wire::{BLOBSTORE, ContainerInfo, Data, Ended, Id, Listing, Told};
use super::{
    Answer, Blobstore, Body, Error, Names, OBJECTS_MAX, ObjectId, ObjectInfo, Written,
    check_container,
};
use crate::remote::{Wire, wire_context};

/// The store of a provider or component elsewhere, as one component reaches it by one link.
pub struct Remote {
    wire: Wire,
    source: EntityId,
    link_name: LinkName,
    functions: Functions,
}

struct Functions {
    clear_container: Function,
    container_exists: Function,
    create_container: Function,
    delete_container: Function,
    get_container_info: Function,
    list_container_objects: Function,
    copy_object: Function,
    move_object: Function,
    delete_object: Function,
    delete_objects: Function,
    get_container_data: Function,
    get_object_info: Function,
    has_object: Function,
    write_container_data: Function,
}

/// What is still to come of a stream with a future behind it.
struct Coming {
    reader: StreamReader,
    ended: Option<Ended>,
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
        Ok(Self {
            functions: Functions::new(&wire.prefix(target.as_str())?)?,
            wire: wire.clone(),
            source: source.clone(),
            link_name: link_name.clone(),
        })
    }

    async fn call<T: Decode>(
        &self,
        context: &CallContext,
        function: &Function,
        params: &(impl Encode + Sync),
    ) -> Result<T, Error> {
        let options = CallOptions {
            timeout: context.remaining(),
            context: wire_context(self.source.as_str(), &self.link_name, context),
        };
        let endpoint = self.wire.endpoint();
        let called: Result<(Told<T>,), CallError> = endpoint.call(function, params, &options).await;
        match called {
            Ok((Ok(value),)) => Ok(value),
            Ok((Err(text),)) => Err(Error::Told(text.into())),
            Err(error) => Err(Error::Unreachable(render_chain(&error).into())),
        }
    }

    /// The same for an operation on a container.
    async fn on_container<T: Decode>(
        &self,
        context: &CallContext,
        function: &Function,
        name: &str,
    ) -> Result<T, Error> {
        check_container(name)?;
        self.call(context, function, &(name,)).await
    }

    /// The same for an operation on an object.
    async fn on_object<T: Decode>(
        &self,
        context: &CallContext,
        function: &Function,
        id: &ObjectId,
    ) -> Result<T, Error> {
        id.check()?;
        self.call(context, function, &(Id(id),)).await
    }

    async fn between(
        &self,
        context: &CallContext,
        function: &Function,
        source: &ObjectId,
        destination: &ObjectId,
    ) -> Result<(), Error> {
        source.check()?;
        destination.check()?;
        let params = (Id(source), Id(destination));
        self.call(context, function, &params).await
    }

    async fn write(
        &self,
        context: &CallContext,
        id: &ObjectId,
        body: Body,
    ) -> Result<Written, Error> {
        id.check()?;
        let (writer, outgoing) = stream();
        // The body is written while the call runs and after it, so by a task; it ends with what is returned.
        let tasks = self.wire.tasks();
        let pump = tasks.spawn(TaskKind::Helper, "blobstore.body", pump(body, writer));
        let pump = pump.into_guard();
        let function = &self.functions.write_container_data;
        let params: (Id<'_>, Outgoing) = (Id(id), outgoing);
        let ended: Ended = self.call(context, function, &params).await?;
        drop(params);
        Ok(async move {
            let _pump = pump;
            outcome(ended).await
        }
        .boxed())
    }
}

impl Blobstore for Remote {
    fn clear_container<'a>(&'a self, context: &'a CallContext, name: &'a str) -> Answer<'a, ()> {
        let function = &self.functions.clear_container;
        self.on_container(context, function, name).boxed()
    }

    fn container_exists<'a>(&'a self, context: &'a CallContext, name: &'a str) -> Answer<'a, bool> {
        let function = &self.functions.container_exists;
        self.on_container(context, function, name).boxed()
    }

    fn create_container<'a>(&'a self, context: &'a CallContext, name: &'a str) -> Answer<'a, ()> {
        let function = &self.functions.create_container;
        self.on_container(context, function, name).boxed()
    }

    fn delete_container<'a>(&'a self, context: &'a CallContext, name: &'a str) -> Answer<'a, ()> {
        let function = &self.functions.delete_container;
        self.on_container(context, function, name).boxed()
    }

    fn container_info<'a>(&'a self, context: &'a CallContext, name: &'a str) -> Answer<'a, u64> {
        let function = &self.functions.get_container_info;
        let info = self.on_container::<ContainerInfo>(context, function, name);
        info.map_ok(|info| info.created_at).boxed()
    }

    fn list_objects<'a>(
        &'a self,
        context: &'a CallContext,
        container: &'a str,
    ) -> Answer<'a, Names> {
        async move {
            check_container(container)?;
            let params = (container, None::<u64>, None::<u64>);
            let function = &self.functions.list_container_objects;
            let (names, ended): Listing = self.call(context, function, &params).await?;
            let names = Coming::new(names, ended);
            Ok(stream::try_unfold(names, Coming::next_names).boxed())
        }
        .boxed()
    }

    fn copy_object<'a>(
        &'a self,
        context: &'a CallContext,
        source: &'a ObjectId,
        destination: &'a ObjectId,
    ) -> Answer<'a, ()> {
        let function = &self.functions.copy_object;
        self.between(context, function, source, destination).boxed()
    }

    fn move_object<'a>(
        &'a self,
        context: &'a CallContext,
        source: &'a ObjectId,
        destination: &'a ObjectId,
    ) -> Answer<'a, ()> {
        let function = &self.functions.move_object;
        self.between(context, function, source, destination).boxed()
    }

    fn delete_object<'a>(&'a self, context: &'a CallContext, id: &'a ObjectId) -> Answer<'a, ()> {
        let function = &self.functions.delete_object;
        self.on_object(context, function, id).boxed()
    }

    fn delete_objects<'a>(
        &'a self,
        context: &'a CallContext,
        container: &'a str,
        objects: &'a [String],
    ) -> Answer<'a, ()> {
        async move {
            check_container(container)?;
            if objects.len() > OBJECTS_MAX {
                let objects = objects.len();
                return Err(Error::Objects { objects });
            }
            let function = &self.functions.delete_objects;
            self.call(context, function, &(container, objects)).await
        }
        .boxed()
    }

    fn object_data<'a>(
        &'a self,
        context: &'a CallContext,
        id: &'a ObjectId,
        start: u64,
        end: u64,
    ) -> Answer<'a, Body> {
        async move {
            id.check()?;
            if start > end {
                return Err(Error::Range { start, end });
            }
            let function = &self.functions.get_container_data;
            let params = (Id(id), start, end);
            let (data, ended): Data = self.call(context, function, &params).await?;
            let data = Coming::new(data, ended);
            Ok(stream::try_unfold(data, Coming::next_bytes).boxed())
        }
        .boxed()
    }

    fn object_info<'a>(
        &'a self,
        context: &'a CallContext,
        id: &'a ObjectId,
    ) -> Answer<'a, ObjectInfo> {
        let function = &self.functions.get_object_info;
        self.on_object(context, function, id).boxed()
    }

    fn has_object<'a>(&'a self, context: &'a CallContext, id: &'a ObjectId) -> Answer<'a, bool> {
        let function = &self.functions.has_object;
        self.on_object(context, function, id).boxed()
    }

    fn write_object<'a>(
        &'a self,
        context: &'a CallContext,
        id: &'a ObjectId,
        body: Body,
    ) -> Answer<'a, Written> {
        self.write(context, id, body).boxed()
    }
}

// ===== impl Functions =====

impl Functions {
    fn new(prefix: &Prefix) -> Result<Self, FunctionError> {
        type Name = (String,);
        type OfId = (Id<'static>,);
        type Between = (Id<'static>, Id<'static>);
        fn function<P: Tuple, T: weft_wrpc::encode::Payload>(
            prefix: &Prefix,
            name: &str,
        ) -> Result<Function, FunctionError> {
            Function::typed::<P, (Told<T>,)>(prefix, BLOBSTORE, name)
        }
        Ok(Self {
            clear_container: function::<Name, ()>(prefix, "clear-container")?,
            container_exists: function::<Name, bool>(prefix, "container-exists")?,
            create_container: function::<Name, ()>(prefix, "create-container")?,
            delete_container: function::<Name, ()>(prefix, "delete-container")?,
            get_container_info: function::<Name, ContainerInfo>(prefix, "get-container-info")?,
            list_container_objects: function::<(String, Option<u64>, Option<u64>), Listing>(
                prefix,
                "list-container-objects",
            )?,
            copy_object: function::<Between, ()>(prefix, "copy-object")?,
            move_object: function::<Between, ()>(prefix, "move-object")?,
            delete_object: function::<OfId, ()>(prefix, "delete-object")?,
            delete_objects: function::<(String, Vec<String>), ()>(prefix, "delete-objects")?,
            get_container_data: function::<(Id<'static>, u64, u64), Data>(
                prefix,
                "get-container-data",
            )?,
            get_object_info: function::<OfId, ObjectInfo>(prefix, "get-object-info")?,
            has_object: function::<OfId, bool>(prefix, "has-object")?,
            write_container_data: function::<(Id<'static>, Stream<u8>), Ended>(
                prefix,
                "write-container-data",
            )?,
        })
    }
}

// ===== impl Coming =====

impl Coming {
    fn new<T>(stream: Stream<T>, ended: Ended) -> Self {
        Self {
            reader: stream.reader,
            ended: Some(ended),
        }
    }

    async fn next_bytes(mut self) -> Result<Option<(Bytes, Self)>, Error> {
        let next = self.reader.next_bytes().await;
        self.or_end(next).await
    }

    async fn next_names(mut self) -> Result<Option<(Vec<String>, Self)>, Error> {
        let next = self.reader.next().await;
        self.or_end(next).await
    }

    /// What came next, and at the end whether that is all.
    async fn or_end<T>(
        mut self,
        next: Result<Option<T>, StreamError>,
    ) -> Result<Option<(T, Self)>, Error> {
        match next {
            Ok(Some(item)) => Ok(Some((item, self))),
            Ok(None) => match self.ended.take() {
                Some(ended) => outcome(ended).await.map(|()| None),
                None => Ok(None),
            },
            Err(error) => Err(broken(&error)),
        }
    }
}

/// How something has ended that went on after its answer.
fn outcome(ended: Future<Told<()>>) -> BoxFuture<'static, Result<(), Error>> {
    async move {
        match ended.get().await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(text)) => Err(Error::Told(text.into())),
            Err(error) => Err(broken(&error)),
        }
    }
    .boxed()
}

fn broken(error: &StreamError) -> Error {
    Error::Unreachable(render_chain(error).into())
}

/// Writes a body to its end, or until nobody reads it.
async fn pump(mut body: Body, mut writer: StreamWriter) {
    while let Some(piece) = body.next().await {
        match piece {
            Ok(bytes) => {
                if writer.write_bytes(bytes).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                return writer.fail(&Failure::new(FailureCode::Cancelled, error.to_string()));
            }
        }
    }
    // That nobody reads it shows in what is answered.
    let _ = writer.finish().await;
}
