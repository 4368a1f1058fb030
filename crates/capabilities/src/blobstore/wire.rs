//! `wrpc:blobstore` as the wire has it (spec §11.2).
//!
//! What the recordings of 1.9.2 show beside the signatures: bodies and listings come with a future that says whether they are
//! whole, and a write answers at once with a future that says how it has ended.

use weft_wrpc::encode::{Future, Stream};
use weft_wrpc::{Encode, Type, Typed, codec, record};

use super::{ObjectId, ObjectInfo};

/// The instance.
pub(super) const BLOBSTORE: &str = "wrpc:blobstore/blobstore@0.2.0";

/// What an operation answers.
pub(super) type Told<T> = Result<T, String>;
/// How something ends that goes on after its answer.
pub(super) type Ended = Future<Told<()>>;
/// A body, and how it ends.
pub(super) type Data = (Stream<u8>, Ended);
/// Names of objects, and how they end.
pub(super) type Listing = (Stream<String>, Ended);

/// Where an object is.
#[derive(Clone, Copy)]
pub(super) struct Id<'a>(pub(super) &'a ObjectId);

/// What is known of a container.
pub(super) struct ContainerInfo {
    pub(super) created_at: u64,
}
record!(ContainerInfo {
    created_at: "created-at"
});

record!(ObjectInfo {
    created_at: "created-at",
    size
});

impl Typed for Id<'_> {
    fn ty() -> Type {
        Type::record([("container", Type::String), ("object", Type::String)])
    }
}

impl Encode for Id<'_> {
    fn encode(&self, writer: &mut codec::Writer) {
        writer.at(0, |writer| writer.string(&self.0.container));
        writer.at(1, |writer| writer.string(&self.0.object));
    }
}
