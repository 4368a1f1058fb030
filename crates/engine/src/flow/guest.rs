//! From the streams and futures of a store to flows, and back.

use std::convert::Infallible;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::vec;

use bytes::Bytes;
use tokio::sync::mpsc;
use wasmtime::component::{
    ComponentType, Destination, FutureAny, FutureConsumer, FutureProducer, FutureReader, Lift,
    Lower, ResourceAny, Source, StreamAny, StreamConsumer, StreamProducer, StreamReader,
    StreamResult, Val, VecBuffer,
};
use wasmtime::{AsContextMut as _, StoreContextMut};

use super::channel::{FlowSender, channel};
use super::input;
use super::shape::{Element, FlowKind, Shape};
use super::{Chunk, Flow, FlowError};
use crate::call::CallClock;
use crate::context::StoreContext;
use crate::error::CallError;

/// Bytes that are taken from a guest at once.
const CHUNK_BYTES_MAX: usize = 64 << 10;
/// Numbers that are taken from a guest at once.
const CHUNK_NUMBERS_MAX: usize = 8 << 10;
/// Strings and lists that are taken from a guest at once; each may be as large as its memory.
const CHUNK_LISTS_MAX: usize = 16;

/// Stands for the flows that go out of a store: each holds a clone until it has ended.
#[derive(Clone)]
pub(crate) struct Open {
    _held: mpsc::Sender<Infallible>,
}

/// Tells when they all have.
pub(crate) struct Ended(mpsc::Receiver<Infallible>);

/// An element of a flow, as Wasmtime moves it.
trait Item: ComponentType + Lift + Lower + Send + Sync + Sized + 'static {
    /// How many are taken from a guest at once.
    const CHUNK_MAX: usize;

    fn chunk(items: Vec<Self>) -> Chunk;

    /// `None` for a chunk of something else.
    fn items(chunk: Chunk) -> Option<Vec<Self>>;

    /// Takes some from a guest, at least one where there is one.
    fn read(
        mut source: Source<'_, Self>,
        mut store: StoreContextMut<'_, StoreContext>,
    ) -> wasmtime::Result<Chunk> {
        let count = source.remaining(store.as_context_mut());
        let mut items = Vec::with_capacity(count.min(Self::CHUNK_MAX));
        source.read(store, &mut items)?;
        Ok(Self::chunk(items))
    }

    /// Gives some to a guest; what is left over.
    fn write(
        mut destination: Destination<'_, Self, VecBuffer<Self>>,
        _store: StoreContextMut<'_, StoreContext>,
        chunk: Chunk,
    ) -> Result<Option<Chunk>, FlowError> {
        let items = Self::items(chunk).ok_or_else(mismatch)?;
        destination.set_buffer(items.into());
        Ok(None)
    }
}

/// Writes into a guest what a flow gives.
struct Producer<T> {
    flow: Flow,
    /// What the guest has not asked for yet.
    pending: Option<Chunk>,
    clock: Arc<CallClock>,
    item: PhantomData<fn() -> T>,
}

/// Makes a flow of what a guest writes.
struct Consumer<T> {
    /// `None` once it is dropped.
    sender: Option<FlowSender>,
    clock: Arc<CallClock>,
    item: PhantomData<fn() -> T>,
    _open: Option<Open>,
}

// ===== impl Open =====

impl Open {
    pub(crate) fn new() -> (Self, Ended) {
        let (sender, receiver) = mpsc::channel(1);
        (Self { _held: sender }, Ended(receiver))
    }
}

impl Ended {
    /// Waits until no flow is open any more.
    pub(crate) async fn wait(mut self) {
        let None = self.0.recv().await;
    }
}

/// Runs `$body` with `$item` as the type of an element.
macro_rules! with_item {
    ($element:expr, $item:ident => $body:expr) => {
        match $element {
            Element::Bool => with_item!(@ $item = bool, $body),
            Element::U8 => with_item!(@ $item = u8, $body),
            Element::U16 => with_item!(@ $item = u16, $body),
            Element::U32 => with_item!(@ $item = u32, $body),
            Element::U64 => with_item!(@ $item = u64, $body),
            Element::S8 => with_item!(@ $item = i8, $body),
            Element::S16 => with_item!(@ $item = i16, $body),
            Element::S32 => with_item!(@ $item = i32, $body),
            Element::S64 => with_item!(@ $item = i64, $body),
            Element::F32 => with_item!(@ $item = f32, $body),
            Element::F64 => with_item!(@ $item = f64, $body),
            Element::Char => with_item!(@ $item = char, $body),
            Element::String => with_item!(@ $item = String, $body),
            Element::Bytes => with_item!(@ $item = Vec<u8>, $body),
        }
    };
    (@ $item:ident = $type:ty, $body:expr) => {{
        type $item = $type;
        $body
    }};
}

/// Takes the flows out of values that come from a guest. Their places are left with something that is nothing.
///
/// `open` is held by each until it has ended. What a guest gives away is read while its store runs.
pub(crate) fn detach(
    mut store: StoreContextMut<'_, StoreContext>,
    shapes: &[Shape],
    values: &mut [Val],
    open: Option<&Open>,
) -> wasmtime::Result<Vec<Flow>> {
    let mut flows = Vec::new();
    for (shape, value) in shapes.iter().zip(values) {
        shape.visit(value, &mut |shape, place| -> wasmtime::Result<()> {
            let value = std::mem::replace(place, Val::Bool(false));
            flows.push(detach_one(store.as_context_mut(), shape, value, open)?);
            Ok(())
        })?;
    }
    Ok(flows)
}

fn detach_one(
    store: StoreContextMut<'_, StoreContext>,
    shape: &Shape,
    value: Val,
    open: Option<&Open>,
) -> wasmtime::Result<Flow> {
    let clock = Arc::clone(&store.data().clock);
    match (shape, value) {
        (Shape::Flow(_, element), Val::Stream(stream)) => {
            with_item!(*element, T => detach_stream::<T>(store, stream, *element, clock, open))
        }
        (Shape::Flow(_, element), Val::Future(future)) => {
            with_item!(*element, T => detach_future::<T>(store, future, *element, clock, open))
        }
        (_, Val::Resource(resource)) => detach_input(store, resource, open),
        _ => Err(wasmtime::format_err!("a value is not of its type")),
    }
}

fn detach_stream<T: Item>(
    store: StoreContextMut<'_, StoreContext>,
    stream: StreamAny,
    element: Element,
    clock: Arc<CallClock>,
    open: Option<&Open>,
) -> wasmtime::Result<Flow> {
    let (sender, flow) = channel(FlowKind::Stream, element);
    let consumer = Consumer::<T>::new(sender, clock, open);
    stream.try_into_stream_reader()?.pipe(store, consumer)?;
    Ok(flow)
}

fn detach_future<T: Item>(
    store: StoreContextMut<'_, StoreContext>,
    future: FutureAny,
    element: Element,
    clock: Arc<CallClock>,
    open: Option<&Open>,
) -> wasmtime::Result<Flow> {
    let (sender, flow) = channel(FlowKind::Future, element);
    let consumer = Consumer::<T>::new(sender, clock, open);
    future.try_into_future_reader()?.pipe(store, consumer)?;
    Ok(flow)
}

fn detach_input(
    mut store: StoreContextMut<'_, StoreContext>,
    resource: ResourceAny,
    open: Option<&Open>,
) -> wasmtime::Result<Flow> {
    let resource = resource.try_into_resource(store.as_context_mut())?;
    let stream = store.data_mut().table().delete(resource)?;
    let clock = Arc::clone(&store.data().clock);
    Ok(input::flow(stream, clock, open.cloned()))
}

/// Puts flows into the places that [`detach`] left, for a guest.
pub(crate) fn attach(
    mut store: StoreContextMut<'_, StoreContext>,
    shapes: &[Shape],
    values: &mut [Val],
    flows: Vec<Flow>,
) -> wasmtime::Result<()> {
    let mut flows = flows.into_iter();
    for (shape, value) in shapes.iter().zip(values) {
        shape.visit(value, &mut |shape, place| -> wasmtime::Result<()> {
            *place = attach_one(store.as_context_mut(), shape, &mut flows)?;
            Ok(())
        })?;
    }
    Ok(())
}

fn attach_one(
    mut store: StoreContextMut<'_, StoreContext>,
    shape: &Shape,
    flows: &mut vec::IntoIter<Flow>,
) -> wasmtime::Result<Val> {
    let wanted = match shape {
        Shape::Flow(kind, element) => (*kind, *element),
        _ => (FlowKind::Stream, Element::U8),
    };
    let flow = flows
        .next()
        .filter(|flow| (flow.kind, flow.element) == wanted)
        .ok_or_else(|| wasmtime::format_err!("a stream or future is not of its type"))?;
    let clock = Arc::clone(&store.data().clock);
    match shape {
        Shape::Flow(FlowKind::Stream, element) => with_item!(*element, T => {
            let producer = Producer::<T>::new(flow, clock);
            let reader = StreamReader::new(store.as_context_mut(), producer)?;
            Ok(Val::Stream(reader.try_into_stream_any(store)?))
        }),
        Shape::Flow(FlowKind::Future, element) => with_item!(*element, T => {
            let producer = Producer::<T>::new(flow, clock);
            let reader = FutureReader::new(store.as_context_mut(), producer)?;
            Ok(Val::Future(reader.try_into_future_any(store)?))
        }),
        _ => {
            let stream = input::stream(flow, clock);
            let resource = store.data_mut().table().push(stream)?;
            let resource = ResourceAny::try_from_resource(resource, store)?;
            Ok(Val::Resource(resource))
        }
    }
}

fn mismatch() -> FlowError {
    FlowError::new("elements of another type came")
}

/// What a guest traps with whose flow broke off: it has no other way to learn of that.
fn broken(error: FlowError) -> wasmtime::Error {
    wasmtime::Error::new(CallError::Flow {
        reason: error.reason,
    })
}

// ===== impl Producer =====

impl<T> Producer<T> {
    fn new(flow: Flow, clock: Arc<CallClock>) -> Self {
        Self {
            flow,
            pending: None,
            clock,
            item: PhantomData,
        }
    }
}

impl<T: Item> StreamProducer<StoreContext> for Producer<T> {
    type Item = T;
    type Buffer = VecBuffer<T>;

    fn poll_produce<'a>(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut store: StoreContextMut<'a, StoreContext>,
        destination: Destination<'a, T, VecBuffer<T>>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let this = self.get_mut();
        let chunk = match this.pending.take() {
            Some(chunk) => chunk,
            None => match this.flow.poll_next(context) {
                Poll::Ready(Ok(Some(chunk))) => chunk,
                Poll::Ready(Ok(None)) => return Poll::Ready(Ok(StreamResult::Dropped)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(broken(error))),
                Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
                Poll::Pending => return Poll::Pending,
            },
        };
        this.clock.note_movement();
        if destination.remaining(store.as_context_mut()) == Some(0) {
            // The guest asks whether there is anything.
            this.pending = Some(chunk);
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        this.pending = T::write(destination, store, chunk).map_err(broken)?;
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

impl<T: Item> FutureProducer<StoreContext> for Producer<T> {
    type Item = T;

    fn poll_produce(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        _store: StoreContextMut<'_, StoreContext>,
        finish: bool,
    ) -> Poll<wasmtime::Result<Option<T>>> {
        let this = self.get_mut();
        let chunk = match this.flow.poll_next(context) {
            Poll::Ready(chunk) => chunk.map_err(broken)?,
            Poll::Pending if finish => return Poll::Ready(Ok(None)),
            Poll::Pending => return Poll::Pending,
        };
        this.clock.note_movement();
        let Some(chunk) = chunk else {
            return Poll::Ready(Err(broken(FlowError::new("it ended without a value"))));
        };
        let value = T::items(chunk).and_then(|items| items.into_iter().next());
        Poll::Ready(value.map(Some).ok_or_else(|| broken(mismatch())))
    }
}

// ===== impl Consumer =====

impl<T> Consumer<T> {
    fn new(sender: FlowSender, clock: Arc<CallClock>, open: Option<&Open>) -> Self {
        Self {
            sender: Some(sender),
            clock,
            item: PhantomData,
            _open: open.cloned(),
        }
    }

    /// The sender once there is room; `None` when nobody reads any more.
    fn poll_sender(&mut self, context: &mut Context<'_>) -> Poll<Option<&mut FlowSender>> {
        let Some(sender) = &mut self.sender else {
            return Poll::Ready(None);
        };
        let is_read = ready!(sender.poll_ready(context));
        Poll::Ready(is_read.then_some(sender))
    }
}

impl<T: Item> StreamConsumer<StoreContext> for Consumer<T> {
    type Item = T;

    fn poll_consume(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut store: StoreContextMut<'_, StoreContext>,
        source: Source<'_, T>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let this = self.get_mut();
        let sender = match this.poll_sender(context) {
            Poll::Ready(Some(sender)) => sender,
            Poll::Ready(None) => return Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => return Poll::Pending,
        };
        if source.remaining(store.as_context_mut()) > 0 {
            sender.send_now(T::read(source, store)?);
            this.clock.note_movement();
        }
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

impl<T: Item> FutureConsumer<StoreContext> for Consumer<T> {
    type Item = T;

    fn poll_consume(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        store: StoreContextMut<'_, StoreContext>,
        mut source: Source<'_, T>,
        finish: bool,
    ) -> Poll<wasmtime::Result<()>> {
        let this = self.get_mut();
        match this.poll_sender(context) {
            Poll::Ready(sender) => {
                // Taken also when nobody reads it: writing a future cannot fail.
                let mut value = None;
                source.read(store, &mut value)?;
                if let (Some(sender), Some(value)) = (sender, value) {
                    sender.send_now(T::chunk(vec![value]));
                }
                this.clock.note_movement();
                Poll::Ready(Ok(()))
            }
            Poll::Pending if finish => Poll::Ready(Ok(())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        // A guest ends what it writes by dropping its end. When its store goes, what it writes is broken off.
        if let Some(sender) = self.sender.take()
            && !self.clock.is_over()
        {
            sender.finish();
        }
    }
}

// ===== impl Item =====

macro_rules! items {
    ($($type:ty: $case:ident, $max:ident;)+) => {
        $(
            impl Item for $type {
                const CHUNK_MAX: usize = $max;

                fn chunk(items: Vec<Self>) -> Chunk {
                    Chunk::$case(items)
                }

                fn items(chunk: Chunk) -> Option<Vec<Self>> {
                    match chunk {
                        Chunk::$case(items) => Some(items),
                        _ => None,
                    }
                }
            }
        )+
    };
}

items! {
    bool: Bool, CHUNK_NUMBERS_MAX;
    u16: U16, CHUNK_NUMBERS_MAX;
    u32: U32, CHUNK_NUMBERS_MAX;
    u64: U64, CHUNK_NUMBERS_MAX;
    i8: S8, CHUNK_NUMBERS_MAX;
    i16: S16, CHUNK_NUMBERS_MAX;
    i32: S32, CHUNK_NUMBERS_MAX;
    i64: S64, CHUNK_NUMBERS_MAX;
    f32: F32, CHUNK_NUMBERS_MAX;
    f64: F64, CHUNK_NUMBERS_MAX;
    char: Char, CHUNK_NUMBERS_MAX;
    String: String, CHUNK_LISTS_MAX;
    Vec<u8>: Bytes, CHUNK_LISTS_MAX;
}

/// Bytes are copied as a whole.
impl Item for u8 {
    const CHUNK_MAX: usize = CHUNK_BYTES_MAX;

    fn chunk(items: Vec<Self>) -> Chunk {
        Chunk::U8(items.into())
    }

    fn items(chunk: Chunk) -> Option<Vec<Self>> {
        match chunk {
            Chunk::U8(items) => Some(items.into()),
            _ => None,
        }
    }

    fn read(
        source: Source<'_, Self>,
        store: StoreContextMut<'_, StoreContext>,
    ) -> wasmtime::Result<Chunk> {
        let mut source = source.as_direct(store);
        let bytes = source.remaining();
        let taken = Bytes::copy_from_slice(&bytes[..bytes.len().min(CHUNK_BYTES_MAX)]);
        source.mark_read(taken.len());
        Ok(Chunk::U8(taken))
    }

    fn write(
        destination: Destination<'_, Self, VecBuffer<Self>>,
        store: StoreContextMut<'_, StoreContext>,
        chunk: Chunk,
    ) -> Result<Option<Chunk>, FlowError> {
        let Chunk::U8(mut bytes) = chunk else {
            return Err(mismatch());
        };
        let mut destination = destination.as_direct(store, bytes.len());
        let place = destination.remaining();
        let given = bytes.split_to(bytes.len().min(place.len()));
        place[..given.len()].copy_from_slice(&given);
        destination.mark_written(given.len());
        Ok(Some(bytes).filter(|left| !left.is_empty()).map(Chunk::U8))
    }
}
