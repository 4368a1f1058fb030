//! `wasi:blobstore` as a provider serves it: `wrpc:blobstore` (spec §4.9). Bodies are streamed, as fast as the other end takes
//! them.
//!
//! Implement [`Store`], and serve it by [`exports`]. What it fails with is a text that the component is told.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::future::ready;
use futures::stream::{self, BoxStream, StreamExt as _};
use weft_model::problem::render_chain;
use weft_wrpc::encode::{Future as Pending, Payload, Stream};
use weft_wrpc::stream::{Outgoing, future, stream};
use weft_wrpc::{Failure, FailureCode, StreamError, StreamReader, StreamWriter, record};

use crate::serve::{Call, Exports, Streamed};

/// The instance.
pub const BLOBSTORE: &str = "wrpc:blobstore/blobstore@0.2.0";

/// What an operation answers; an error is a text that the component is told.
type Told<T> = Result<T, String>;
/// How something ends that goes on after its answer.
type Ended = Pending<Told<()>>;
type Data = (Stream<u8>, Ended);
type Listing = (Stream<String>, Ended);
/// A stream and its end on their way out.
type Going = (Outgoing, Outgoing);

/// Containers of objects. The link of the [`Call`] says where they are.
///
/// Every method fails with a text that the component is told. Methods with defaults do what others can do, one step after the
/// other.
pub trait Store: Send + Sync + 'static {
    /// Makes a container.
    fn create_container(
        &self,
        call: &Call,
        name: String,
    ) -> impl Future<Output = Result<(), String>> + Send;

    /// Deletes a container and its objects.
    fn delete_container(
        &self,
        call: &Call,
        name: String,
    ) -> impl Future<Output = Result<(), String>> + Send;

    /// What is known of a container.
    fn container_info(
        &self,
        call: &Call,
        name: String,
    ) -> impl Future<Output = Result<ContainerInfo, String>> + Send;

    /// The names of the objects of a container, those at the places `range` among them all.
    fn list_objects(
        &self,
        call: &Call,
        container: String,
        range: Range<u64>,
    ) -> impl Future<Output = Result<Names, String>> + Send;

    /// What is known of an object.
    fn object_info(
        &self,
        call: &Call,
        id: ObjectId,
    ) -> impl Future<Output = Result<ObjectInfo, String>> + Send;

    /// The bytes of an object at the places `range`, as far as there are any.
    fn read_object(
        &self,
        call: &Call,
        id: ObjectId,
        range: Range<u64>,
    ) -> impl Future<Output = Result<Body, String>> + Send;

    /// Writes an object, in the place of one that is there. When `data` ends with an error there is nothing to be written.
    fn write_object(
        &self,
        call: &Call,
        id: ObjectId,
        data: Body,
    ) -> impl Future<Output = Result<(), String>> + Send;

    /// Deletes an object; one that is not there is no error.
    fn delete_object(
        &self,
        call: &Call,
        id: ObjectId,
    ) -> impl Future<Output = Result<(), String>> + Send;

    /// Whether there is a container of this name.
    fn container_exists(
        &self,
        call: &Call,
        name: String,
    ) -> impl Future<Output = Result<bool, String>> + Send {
        async move { Ok(self.container_info(call, name).await.is_ok()) }
    }

    /// Whether there is an object.
    fn has_object(
        &self,
        call: &Call,
        id: ObjectId,
    ) -> impl Future<Output = Result<bool, String>> + Send {
        async move { Ok(self.object_info(call, id).await.is_ok()) }
    }

    /// Deletes all objects of a container.
    fn clear_container(
        &self,
        call: &Call,
        container: String,
    ) -> impl Future<Output = Result<(), String>> + Send {
        async move {
            let mut names = self
                .list_objects(call, container.clone(), 0..u64::MAX)
                .await?;
            while let Some(objects) = names.next().await {
                self.delete_objects(call, container.clone(), objects?)
                    .await?;
            }
            Ok(())
        }
    }

    /// Deletes several objects of a container.
    fn delete_objects(
        &self,
        call: &Call,
        container: String,
        objects: Vec<String>,
    ) -> impl Future<Output = Result<(), String>> + Send {
        async move {
            for object in objects {
                let container = container.clone();
                self.delete_object(call, ObjectId { container, object })
                    .await?;
            }
            Ok(())
        }
    }

    /// Copies an object, in the place of one that is there.
    fn copy_object(
        &self,
        call: &Call,
        source: ObjectId,
        destination: ObjectId,
    ) -> impl Future<Output = Result<(), String>> + Send {
        async move {
            let data = self.read_object(call, source, 0..u64::MAX).await?;
            self.write_object(call, destination, data).await
        }
    }

    /// The same; afterwards the first one is gone.
    fn move_object(
        &self,
        call: &Call,
        source: ObjectId,
        destination: ObjectId,
    ) -> impl Future<Output = Result<(), String>> + Send {
        async move {
            self.copy_object(call, source.clone(), destination).await?;
            self.delete_object(call, source).await
        }
    }
}

/// Where an object is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ObjectId {
    /// Its container.
    pub container: String,
    /// Its name in the container.
    pub object: String,
}

record!(ObjectId { container, object });

/// What is known of a container.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ContainerInfo {
    /// When it was made, in seconds since 1970.
    pub created_at: u64,
}

record!(ContainerInfo {
    created_at: "created-at"
});

/// What is known of an object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ObjectInfo {
    /// When it was made, in seconds since 1970.
    pub created_at: u64,
    /// Its bytes.
    pub size: u64,
}

record!(ObjectInfo {
    created_at: "created-at",
    size
});

/// The bytes of an object, in pieces.
pub type Body = Pieces<Bytes>;
/// Names of objects, some at a time.
pub type Names = Pieces<Vec<String>>;

/// What comes in pieces. It ends with an error where it is incomplete.
pub struct Pieces<T>(BoxStream<'static, Result<T, String>>);

// ===== impl Pieces =====

impl<T> Pieces<T> {
    /// The pieces of a stream, which are taken as fast as the other end takes them.
    pub fn new(pieces: impl stream::Stream<Item = Result<T, String>> + Send + 'static) -> Self {
        Self(pieces.boxed())
    }

    /// The next piece; `None` at the end. Cancel safe.
    pub async fn next(&mut self) -> Option<Result<T, String>> {
        self.0.next().await
    }
}

impl Body {
    /// All of it.
    ///
    /// # Errors
    ///
    /// Where it has more than `bytes_max`, or is incomplete.
    pub async fn collect(mut self, bytes_max: usize) -> Result<Bytes, String> {
        let mut bytes = BytesMut::new();
        while let Some(piece) = self.next().await {
            let piece = piece?;
            if bytes.len() + piece.len() > bytes_max {
                return Err(format!("an object has at most {bytes_max} bytes"));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes.freeze())
    }

    /// What a component writes.
    fn arriving(reader: StreamReader) -> Self {
        Self::new(stream::unfold(Some(reader), |reader| async move {
            let mut reader = reader?;
            match reader.next_bytes().await {
                Ok(Some(bytes)) => Some((Ok(bytes), Some(reader))),
                Ok(None) => None,
                Err(error) => Some((Err(render_chain(&error)), None)),
            }
        }))
    }
}

impl<T: Send + 'static> From<T> for Pieces<T> {
    fn from(piece: T) -> Self {
        Self::new(stream::iter([Ok(piece)]))
    }
}

impl<T> fmt::Debug for Pieces<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pieces").finish_non_exhaustive()
    }
}

/// Serves a store.
pub fn exports<S: Store>(store: Arc<S>) -> Exports {
    macro_rules! function {
        ($exports:expr, $name:literal, $method:ident($($param:ident: $ty:ty),+)) => {{
            let store = Arc::clone(&store);
            $exports.function(BLOBSTORE, $name, move |call, ($($param,)+): ($($ty,)+)| {
                let store = Arc::clone(&store);
                async move { Ok(store.$method(&call, $($param),+).await) }
            })
        }};
    }
    let exports = Exports::new();
    let exports = function!(exports, "clear-container", clear_container(name: String));
    let exports = function!(exports, "container-exists", container_exists(name: String));
    let exports = function!(exports, "create-container", create_container(name: String));
    let exports = function!(exports, "delete-container", delete_container(name: String));
    let exports = function!(exports, "get-container-info", container_info(name: String));
    let exports =
        function!(exports, "copy-object", copy_object(source: ObjectId, destination: ObjectId));
    let exports =
        function!(exports, "move-object", move_object(source: ObjectId, destination: ObjectId));
    let exports = function!(exports, "delete-object", delete_object(id: ObjectId));
    let exports = function!(
        exports,
        "delete-objects",
        delete_objects(container: String, objects: Vec<String>)
    );
    let exports = function!(exports, "get-object-info", object_info(id: ObjectId));
    let exports = function!(exports, "has-object", has_object(id: ObjectId));
    streams(store, exports)
}

/// Adds the functions that have streams.
fn streams<S: Store>(store: Arc<S>, exports: Exports) -> Exports {
    let (reading, listing) = (Arc::clone(&store), Arc::clone(&store));
    exports
        .function(
            BLOBSTORE,
            "get-container-data",
            move |call, (id, start, end): (ObjectId, u64, u64)| {
                let store = Arc::clone(&reading);
                async move {
                    let body = store.read_object(&call, id, start..end).await;
                    Ok(outgoing::<Data, _>(body))
                }
            },
        )
        .function(
            BLOBSTORE,
            "list-container-objects",
            move |call, (name, limit, offset): (String, Option<u64>, Option<u64>)| {
                let store = Arc::clone(&listing);
                async move {
                    let begin = offset.unwrap_or(0);
                    let end = limit.map_or(u64::MAX, |limit| begin.saturating_add(limit));
                    let names = store.list_objects(&call, name, begin..end);
                    Ok(outgoing::<Listing, _>(names.await))
                }
            },
        )
        .function(
            BLOBSTORE,
            "write-container-data",
            move |call, (id, data): (ObjectId, Stream<u8>)| {
                let store = Arc::clone(&store);
                async move {
                    // Answered at once: the component writes when it has the answer.
                    let (ended, outgoing) = future();
                    let writing = async move {
                        let data = Body::arriving(data.reader);
                        let how = store.write_object(&call, id, data).await;
                        // Nobody may wait for it any more.
                        let _ = ended.write(&how).await;
                    };
                    Ok(Streamed::<Told<Ended>, Told<Outgoing>>::new(
                        Ok(outgoing),
                        writing,
                    ))
                }
            },
        )
}

/// Pieces on their way out, as a result of the type `T`.
fn outgoing<T: Payload, P: Piece>(pieces: Told<Pieces<P>>) -> Streamed<Told<T>, Told<Going>> {
    let pieces = match pieces {
        Ok(pieces) => pieces,
        Err(text) => return Streamed::new(Err(text), ready(())),
    };
    let ((writer, data), (ended, ended_out)) = (stream(), future());
    Streamed::new(Ok((data, ended_out)), async move {
        let how = send(pieces, writer).await;
        // Nobody may wait for it any more.
        let _ = ended.write(&how).await;
    })
}

async fn send<P: Piece>(mut pieces: Pieces<P>, mut writer: StreamWriter) -> Told<()> {
    let gone = |error: StreamError| render_chain(&error);
    while let Some(piece) = pieces.next().await {
        match piece {
            Ok(piece) => piece.send(&mut writer).await.map_err(gone)?,
            Err(text) => {
                writer.fail(&Failure::new(FailureCode::Trap, text.clone()));
                return Err(text);
            }
        }
    }
    writer.finish().await.map_err(gone)
}

/// A part of a stream that goes out.
trait Piece: Send + 'static {
    fn send(
        self,
        writer: &mut StreamWriter,
    ) -> impl Future<Output = Result<(), StreamError>> + Send;
}

impl Piece for Bytes {
    async fn send(self, writer: &mut StreamWriter) -> Result<(), StreamError> {
        writer.write_bytes(self).await
    }
}

impl Piece for Vec<String> {
    async fn send(self, writer: &mut StreamWriter) -> Result<(), StreamError> {
        writer.write(&self).await
    }
}
