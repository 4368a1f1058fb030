//! Flows of bytes as the input streams of WASI 0.2, and back.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::{BoxStream, unfold};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{DynInputStream, InputStream, Pollable, StreamError, StreamResult};

use super::guest::Open;
use super::shape::{Element, FlowKind};
use super::{Chunk, Flow, FlowError, FlowSource};
use crate::call::CallClock;

/// Bytes that are read at once.
const READ_BYTES: usize = 64 << 10;

/// What an input stream gives.
struct Read(BoxStream<'static, Result<Chunk, FlowError>>);

/// A flow that a guest of WASI 0.2 reads.
struct Input {
    flow: Flow,
    clock: Arc<CallClock>,
    next: Next,
}

enum Next {
    /// Nothing is there yet.
    Unknown,
    Bytes(Bytes),
    End,
    Broken(FlowError),
}

/// A flow of what `stream`, out of the table of its store, gives.
pub(super) fn flow(stream: DynInputStream, clock: Arc<CallClock>, open: Option<Open>) -> Flow {
    let chunks = unfold((Some(stream), open), move |(stream, open)| {
        let clock = Arc::clone(&clock);
        async move {
            let mut stream = stream?;
            loop {
                stream.ready().await;
                match stream.read(READ_BYTES) {
                    Ok(bytes) if bytes.is_empty() => {}
                    Ok(bytes) => {
                        clock.note_movement();
                        return Some((Ok(Chunk::U8(bytes)), (Some(stream), open)));
                    }
                    Err(StreamError::Closed) => return None,
                    Err(StreamError::LastOperationFailed(error) | StreamError::Trap(error)) => {
                        let error = FlowError::new(format!("{error:#}"));
                        return Some((Err(error), (None, open)));
                    }
                }
            }
        }
    });
    Flow::new(FlowKind::Stream, Element::U8, Read(chunks.boxed()))
}

/// An input stream that gives what `flow`, which is of bytes, does.
pub(super) fn stream(flow: Flow, clock: Arc<CallClock>) -> DynInputStream {
    Box::new(Input {
        flow,
        clock,
        next: Next::Unknown,
    })
}

impl FlowSource for Read {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Chunk>, FlowError>> {
        self.0.poll_next_unpin(context).map(Option::transpose)
    }
}

#[async_trait]
impl Pollable for Input {
    async fn ready(&mut self) {
        if !matches!(self.next, Next::Unknown) {
            return;
        }
        let next = poll_fn(|context| self.flow.poll_next(context)).await;
        self.clock.note_movement();
        self.next = match next {
            Ok(Some(Chunk::U8(bytes))) => Next::Bytes(bytes),
            Ok(Some(_)) => Next::Broken(FlowError::mismatch(Element::U8)),
            Ok(None) => Next::End,
            Err(error) => Next::Broken(error),
        };
    }
}

#[async_trait]
impl InputStream for Input {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        if let Next::Unknown = self.next {
            // Whatever is there already is to be read without waiting for it.
            let mut context = Context::from_waker(std::task::Waker::noop());
            let _ = self.ready().as_mut().poll(&mut context);
        }
        match &mut self.next {
            Next::Unknown => Ok(Bytes::new()),
            Next::Bytes(bytes) => {
                let read = bytes.split_to(bytes.len().min(size));
                if bytes.is_empty() {
                    self.next = Next::Unknown;
                }
                Ok(read)
            }
            Next::End => Err(StreamError::Closed),
            Next::Broken(error) => {
                let error = wasmtime::Error::new(error.clone());
                self.next = Next::End;
                Err(StreamError::LastOperationFailed(error))
            }
        }
    }
}
