//! Streams and futures on their way between components.
//!
//! Those of Wasmtime belong to a store, and no two components share one. A [`Flow`] belongs to none: it is taken out of the
//! store of whoever gives it away and put into that of whoever gets it, or read by who carries it to another host. Nothing is
//! buffered beyond a few chunks: a guest that writes waits until its reader has taken what was written before.
//!
//! The element types are a closed set, since a host cannot read or make streams of types that it was not compiled for.

mod channel;
mod guest;
mod input;
mod shape;

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

pub use channel::{FlowSender, channel};
pub(crate) use guest::{Open, attach, detach};
pub use shape::{Element, FlowKind};
pub(crate) use shape::{Shape, Shapes, UnsupportedFlow};

/// Elements of a flow, in their order.
#[derive(Clone, Debug, PartialEq)]
pub enum Chunk {
    /// `bool`.
    Bool(Vec<bool>),
    /// `u8`.
    U8(Bytes),
    /// `u16`.
    U16(Vec<u16>),
    /// `u32`.
    U32(Vec<u32>),
    /// `u64`.
    U64(Vec<u64>),
    /// `s8`.
    S8(Vec<i8>),
    /// `s16`.
    S16(Vec<i16>),
    /// `s32`.
    S32(Vec<i32>),
    /// `s64`.
    S64(Vec<i64>),
    /// `f32`.
    F32(Vec<f32>),
    /// `f64`.
    F64(Vec<f64>),
    /// `char`.
    Char(Vec<char>),
    /// `string`.
    String(Vec<String>),
    /// `list<u8>`.
    Bytes(Vec<Vec<u8>>),
}

/// Why a flow ends before its end.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{reason}")]
pub struct FlowError {
    /// What happened.
    pub reason: Arc<str>,
}

/// What a flow comes from.
pub trait FlowSource: Send + 'static {
    /// The next chunk, which is not empty; `None` at the end. Not asked again after either an error or the end.
    ///
    /// # Errors
    ///
    /// [`FlowError`] when the flow was broken off.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Chunk>, FlowError>>;
}

/// A stream or future that is in no store. A future gives one chunk with one element. Dropping it tells who writes that nobody
/// reads any more.
pub struct Flow {
    kind: FlowKind,
    element: Element,
    source: Box<dyn FlowSource>,
    is_ended: bool,
}

// ===== impl Chunk =====

impl Chunk {
    /// How many elements it has.
    pub fn len(&self) -> usize {
        match self {
            Self::Bool(items) => items.len(),
            Self::U8(items) => items.len(),
            Self::U16(items) => items.len(),
            Self::U32(items) => items.len(),
            Self::U64(items) => items.len(),
            Self::S8(items) => items.len(),
            Self::S16(items) => items.len(),
            Self::S32(items) => items.len(),
            Self::S64(items) => items.len(),
            Self::F32(items) => items.len(),
            Self::F64(items) => items.len(),
            Self::Char(items) => items.len(),
            Self::String(items) => items.len(),
            Self::Bytes(items) => items.len(),
        }
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

// ===== impl FlowError =====

impl FlowError {
    /// An error for this reason.
    pub fn new(reason: impl Into<Arc<str>>) -> Self {
        Self {
            reason: reason.into(),
        }
    }

    /// Something else came than what the flow is of.
    pub(crate) fn mismatch(element: Element) -> Self {
        Self::new(format!("an element that is no `{element}` came"))
    }
}

// ===== impl Flow =====

impl Flow {
    /// A flow from `source`, whose chunks are of `element`.
    pub fn new(kind: FlowKind, element: Element, source: impl FlowSource) -> Self {
        Self {
            kind,
            element,
            source: Box::new(source),
            is_ended: false,
        }
    }

    /// Whether it is a stream or a future.
    pub fn kind(&self) -> FlowKind {
        self.kind
    }

    /// What it is of.
    pub fn element(&self) -> Element {
        self.element
    }

    /// The next chunk, never empty; `None` at the end, and after an error. Cancel safe.
    ///
    /// # Errors
    ///
    /// [`FlowError`] when the flow was broken off.
    pub async fn next(&mut self) -> Result<Option<Chunk>, FlowError> {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    /// See [`Self::next`].
    pub fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Chunk>, FlowError>> {
        if self.is_ended {
            return Poll::Ready(Ok(None));
        }
        let next = std::task::ready!(self.source.poll_next(context));
        self.is_ended = !matches!(next, Ok(Some(_)));
        Poll::Ready(next)
    }
}

impl fmt::Debug for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flow")
            .field("kind", &self.kind)
            .field("element", &self.element)
            .finish_non_exhaustive()
    }
}
