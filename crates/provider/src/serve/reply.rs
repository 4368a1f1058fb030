//! What a function answers.

use std::fmt;
use std::marker::PhantomData;

use futures::FutureExt as _;
use futures::future::{BoxFuture, ready};
use weft_wrpc::codec::{self, Encoded, Writer};
use weft_wrpc::encode::Payload;
use weft_wrpc::{Encode, Type};

/// What a function answers: a value, or [`Streamed`].
pub trait Reply: Send + 'static {
    /// The type of the result; `None` where there is none.
    fn ty() -> Option<Type>;

    /// The result, and what is done once it is on its way.
    fn into_parts(self) -> (Result<Encoded, codec::Error>, BoxFuture<'static, ()>);
}

/// A result with streams or futures that go out: a value `V` for the type `T`, and what writes the streams.
///
/// ```
/// use bytes::Bytes;
/// use weft_provider::wrpc::encode::Stream;
/// use weft_provider::wrpc::stream::{Outgoing, stream};
/// use weft_provider::{Exports, Streamed};
///
/// // count: func(to: u8) -> result<stream<u8>, string>
/// let exports = Exports::new().function("example:numbers/count@0.1.0", "count", |_, (to,): (u8,)| async move {
///     let (mut writer, outgoing) = stream();
///     let writing = async move {
///         for number in 0..to {
///             if writer.write_bytes(Bytes::from(vec![number])).await.is_err() {
///                 return; // Nobody reads any more.
///             }
///         }
///         let _ = writer.finish().await;
///     };
///     Ok(Streamed::<Result<Stream<u8>, String>, _>::new(Ok::<_, String>(outgoing), writing))
/// });
/// ```
pub struct Streamed<T, V> {
    value: V,
    writing: BoxFuture<'static, ()>,
    ty: PhantomData<fn() -> T>,
}

/// A value as the tuple of one that results are, or of none for `()`.
struct Results<'a, V>(&'a V);

// ===== impl Reply =====

impl<V: Payload + Encode + Send + 'static> Reply for V {
    fn ty() -> Option<Type> {
        V::payload_ty()
    }

    fn into_parts(self) -> (Result<Encoded, codec::Error>, BoxFuture<'static, ()>) {
        (Results(&self).encoded(), ready(()).boxed())
    }
}

impl<T, V> Reply for Streamed<T, V>
where
    T: Payload + 'static,
    V: Encode + Send + 'static,
{
    fn ty() -> Option<Type> {
        T::payload_ty()
    }

    fn into_parts(self) -> (Result<Encoded, codec::Error>, BoxFuture<'static, ()>) {
        let Self { value, writing, .. } = self;
        let results = Results(&value).encoded();
        // A stream that is dropped before its result is on its way has nobody to read it.
        let writing = async move {
            drop(value);
            writing.await;
        };
        (results, writing.boxed())
    }
}

// ===== impl Streamed =====

impl<T, V> Streamed<T, V> {
    /// A result, and what writes its streams. `writing` begins when the result is on its way; the call counts as running
    /// until it ends.
    pub fn new(value: V, writing: impl Future<Output = ()> + Send + 'static) -> Self {
        Self {
            value,
            writing: writing.boxed(),
            ty: PhantomData,
        }
    }
}

impl<T, V: fmt::Debug> fmt::Debug for Streamed<T, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Streamed").field(&self.value).finish()
    }
}

// ===== impl Results =====

impl<V: Encode> Results<'_, V> {
    fn encoded(&self) -> Result<Encoded, codec::Error> {
        let mut writer = Writer::new();
        writer.at(0, |writer| self.0.encode(writer));
        writer.finish()
    }
}
