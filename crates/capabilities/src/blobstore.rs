//! `wasi:blobstore`: containers of objects (spec §11.2).
//!
//! A container handle of a guest is only a name; each operation goes to the backend that the route of
//! `wasi:blobstore/blobstore` names at that moment (spec §4.9). Bodies are streamed both ways: what is between a guest and a
//! backend elsewhere is bounded by the windows of the wire.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use weft_engine::CallContext;
use weft_model::interface::InterfaceName;

pub use self::guest::Guest;
pub use self::remote::Remote;

mod guest;
mod remote;
mod wire;

/// The longest name of a container, in bytes.
pub const CONTAINER_BYTES_MAX: usize = 1 << 10;
/// The longest name of an object, in bytes.
pub const OBJECT_BYTES_MAX: usize = 4 << 10;
/// Names of objects in one call that deletes several.
pub const OBJECTS_MAX: usize = 10_000;
/// The largest body that a guest takes as a whole, in bytes; larger ones are read as streams.
pub const CONSUMED_BYTES_MAX: usize = 64 << 20;
/// Names of objects that one call of a guest reads from a listing.
pub const NAMES_MAX: usize = 10_000;

/// What routes of `wasi:blobstore` lead to.
pub struct Backend(pub Arc<dyn Blobstore>);

/// The bytes of an object, in pieces. It ends with an error where it is incomplete.
pub type Body = BoxStream<'static, Result<Bytes, Error>>;
/// The names of objects, some at a time.
pub type Names = BoxStream<'static, Result<Vec<String>, Error>>;
/// Says how a write has ended, once all of its body is taken.
pub type Written = BoxFuture<'static, Result<(), Error>>;

/// Containers of objects.
///
/// Each operation is part of the call `context` of the store, and ends by its deadline. Dropping a future gives the operation
/// up; whether a change has happened is not known then.
pub trait Blobstore: Send + Sync + 'static {
    /// Deletes all objects of a container.
    fn clear_container<'a>(&'a self, context: &'a CallContext, name: &'a str) -> Answer<'a, ()>;

    /// Whether there is a container of this name.
    fn container_exists<'a>(&'a self, context: &'a CallContext, name: &'a str) -> Answer<'a, bool>;

    /// Makes a container.
    fn create_container<'a>(&'a self, context: &'a CallContext, name: &'a str) -> Answer<'a, ()>;

    /// Deletes a container and its objects.
    fn delete_container<'a>(&'a self, context: &'a CallContext, name: &'a str) -> Answer<'a, ()>;

    /// When a container was made, in seconds since 1970.
    fn container_info<'a>(&'a self, context: &'a CallContext, name: &'a str) -> Answer<'a, u64>;

    /// The names of all objects of a container.
    fn list_objects<'a>(
        &'a self,
        context: &'a CallContext,
        container: &'a str,
    ) -> Answer<'a, Names>;

    /// Copies an object, in the place of one that is there.
    fn copy_object<'a>(
        &'a self,
        context: &'a CallContext,
        source: &'a ObjectId,
        destination: &'a ObjectId,
    ) -> Answer<'a, ()>;

    /// The same; afterwards the first one is gone.
    fn move_object<'a>(
        &'a self,
        context: &'a CallContext,
        source: &'a ObjectId,
        destination: &'a ObjectId,
    ) -> Answer<'a, ()>;

    /// Deletes an object; one that is not there is no error.
    fn delete_object<'a>(&'a self, context: &'a CallContext, id: &'a ObjectId) -> Answer<'a, ()>;

    /// Deletes several objects of a container.
    fn delete_objects<'a>(
        &'a self,
        context: &'a CallContext,
        container: &'a str,
        objects: &'a [String],
    ) -> Answer<'a, ()>;

    /// Bytes of an object from `start` up to and without `end`, or its end.
    fn object_data<'a>(
        &'a self,
        context: &'a CallContext,
        id: &'a ObjectId,
        start: u64,
        end: u64,
    ) -> Answer<'a, Body>;

    /// What is known of an object.
    fn object_info<'a>(
        &'a self,
        context: &'a CallContext,
        id: &'a ObjectId,
    ) -> Answer<'a, ObjectInfo>;

    /// Whether there is an object.
    fn has_object<'a>(&'a self, context: &'a CallContext, id: &'a ObjectId) -> Answer<'a, bool>;

    /// Begins to write an object, in the place of one that is there. An object whose `body` ends with an error is not
    /// written.
    fn write_object<'a>(
        &'a self,
        context: &'a CallContext,
        id: &'a ObjectId,
        body: Body,
    ) -> Answer<'a, Written>;
}

/// What an operation answers.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, Error>>;

/// Where an object is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ObjectId {
    /// Its container.
    pub container: String,
    /// Its name in the container.
    pub object: String,
}

/// What is known of an object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ObjectInfo {
    /// When it was made, in seconds since 1970.
    pub created_at: u64,
    /// Its bytes.
    pub size: u64,
}

/// Why an operation failed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The name of the container is empty or longer than [`CONTAINER_BYTES_MAX`].
    #[error("the name of a container has 1 to {CONTAINER_BYTES_MAX} bytes, this one has {bytes}")]
    Container {
        /// Its length.
        bytes: usize,
    },
    /// The name of the object is empty or longer than [`OBJECT_BYTES_MAX`].
    #[error("the name of an object has 1 to {OBJECT_BYTES_MAX} bytes, this one has {bytes}")]
    Object {
        /// Its length.
        bytes: usize,
    },
    /// More than [`OBJECTS_MAX`] names in one call.
    #[error("one call deletes at most {OBJECTS_MAX} objects, this one names {objects}")]
    Objects {
        /// How many.
        objects: usize,
    },
    /// The range begins behind its end.
    #[error("the range from {start} to {end} ends before it begins")]
    Range {
        /// Its begin.
        start: u64,
        /// Its end.
        end: u64,
    },
    /// The container is not there.
    #[error("there is no container `{container}`")]
    NoContainer {
        /// Its name.
        container: String,
    },
    /// The body is larger than [`CONSUMED_BYTES_MAX`], and was asked for as a whole.
    #[error("the body has more than {CONSUMED_BYTES_MAX} bytes, read it as a stream")]
    TooLarge,
    /// The body of an outgoing value was asked for, or written, a second time.
    #[error("the body of a value is written once")]
    BodyTaken,
    /// A value was finished that is written nowhere.
    #[error("the value was finished, but `write-data` was never called with it")]
    NotWritten,
    /// The one who wrote the body gave it up.
    #[error("the value was not finished")]
    Unfinished,
    /// A store elsewhere says what is wrong.
    #[error("{0}")]
    Told(Arc<str>),
    /// A store elsewhere was not reached, or failed.
    #[error("the store, which does not run on this host, failed: {0}")]
    Unreachable(Arc<str>),
}

/// Whether `interface` is the one whose links lead to stores. They carry the calls of containers too (spec §4.9).
pub fn provides(interface: &InterfaceName) -> bool {
    *interface == *guest::BLOBSTORE
}

/// Whether `interface` is one of the family that needs no link of its own.
pub fn is_carried_along(interface: &InterfaceName) -> bool {
    *interface == *guest::CONTAINER || *interface == *guest::TYPES
}

/// Checks the name of a container.
fn check_container(name: &str) -> Result<(), Error> {
    let bytes = name.len();
    if bytes == 0 || bytes > CONTAINER_BYTES_MAX {
        return Err(Error::Container { bytes });
    }
    Ok(())
}

// ===== impl ObjectId =====

impl ObjectId {
    /// The object `object` of `container`.
    pub fn new(container: impl Into<String>, object: impl Into<String>) -> Self {
        Self {
            container: container.into(),
            object: object.into(),
        }
    }

    /// Checks both names.
    fn check(&self) -> Result<(), Error> {
        check_container(&self.container)?;
        let bytes = self.object.len();
        if bytes == 0 || bytes > OBJECT_BYTES_MAX {
            return Err(Error::Object { bytes });
        }
        Ok(())
    }
}
