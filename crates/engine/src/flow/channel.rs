//! Flows that are written by somebody in this process.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use futures::channel::mpsc;
use futures::{SinkExt as _, Stream as _};

use super::{Chunk, Element, Flow, FlowError, FlowKind, FlowSource};

/// Chunks that a writer may be ahead of its reader, beside the one that each writer may always hand over.
const CHUNKS_AHEAD: usize = 1;

/// The writing end of a [`Flow`]. Dropped before [`Self::finish`], it breaks the flow off.
#[derive(Debug)]
pub struct FlowSender {
    chunks: mpsc::Sender<Chunk>,
    /// Set before the end, when that is not how the flow was to end.
    broken: Arc<OnceLock<FlowError>>,
    is_finished: bool,
}

struct Receiver {
    chunks: mpsc::Receiver<Chunk>,
    broken: Arc<OnceLock<FlowError>>,
}

/// A flow with its writing end. It holds [`CHUNKS_AHEAD`] chunks and one more.
pub fn channel(kind: FlowKind, element: Element) -> (FlowSender, Flow) {
    let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
    let broken = Arc::new(OnceLock::new());
    let source = Receiver {
        chunks: receiver,
        broken: Arc::clone(&broken),
    };
    let sender = FlowSender {
        chunks: sender,
        broken,
        is_finished: false,
    };
    (sender, Flow::new(kind, element, source))
}

// ===== impl FlowSender =====

impl FlowSender {
    /// Hands a chunk over; `false` when nobody reads any more. Empty chunks are passed over. When the future is dropped, the
    /// chunk may be lost.
    pub async fn send(&mut self, chunk: Chunk) -> bool {
        chunk.is_empty() || self.chunks.send(chunk).await.is_ok()
    }

    /// Waits until a chunk can be handed over; `false` when nobody reads any more.
    pub(crate) fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        Poll::Ready(ready!(self.chunks.poll_ready(context)).is_ok())
    }

    /// Hands a chunk over after [`Self::poll_ready`].
    pub(crate) fn send_now(&mut self, chunk: Chunk) {
        // That nobody reads any more shows when it is asked next.
        let _ = self.chunks.start_send(chunk);
    }

    /// Ends the flow.
    pub fn finish(mut self) {
        self.is_finished = true;
    }

    /// Breaks the flow off.
    pub fn fail(self, error: FlowError) {
        let _ = self.broken.set(error);
    }
}

impl Drop for FlowSender {
    fn drop(&mut self) {
        if !self.is_finished {
            let unfinished = FlowError::new("its writer ended without ending it");
            let _ = self.broken.set(unfinished);
        }
    }
}

// ===== impl Receiver =====

impl FlowSource for Receiver {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Chunk>, FlowError>> {
        let next = ready!(Pin::new(&mut self.chunks).poll_next(context));
        Poll::Ready(match (next, self.broken.get()) {
            (Some(chunk), _) => Ok(Some(chunk)),
            (None, Some(error)) => Err(error.clone()),
            (None, None) => Ok(None),
        })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::FutureExt as _;

    use super::*;

    fn chunk(text: &'static str) -> Chunk {
        Chunk::U8(Bytes::from_static(text.as_bytes()))
    }

    fn pair() -> (FlowSender, Flow) {
        channel(FlowKind::Stream, Element::U8)
    }

    #[tokio::test]
    async fn what_is_written_is_read_to_its_end() {
        let (mut sender, mut flow) = pair();
        assert!(sender.send(chunk("a")).await && sender.send(chunk("")).await);
        sender.finish();
        assert_eq!(flow.next().await, Ok(Some(chunk("a"))));
        assert_eq!(flow.next().await, Ok(None));
        assert_eq!(flow.next().await, Ok(None));
    }

    #[tokio::test]
    async fn a_writer_that_goes_away_breaks_it_off_after_what_it_wrote() {
        let (mut sender, mut flow) = pair();
        assert!(sender.send(chunk("a")).await);
        drop(sender);
        assert_eq!(flow.next().await, Ok(Some(chunk("a"))));
        assert!(flow.next().await.is_err());
        let (sender, mut flow) = pair();
        sender.fail(FlowError::new("because"));
        assert_eq!(flow.next().await, Err(FlowError::new("because")));
    }

    #[tokio::test]
    async fn a_writer_waits_for_its_reader_and_learns_that_it_is_gone() {
        let (mut sender, mut flow) = pair();
        let mut sent = 0;
        while sender.send(chunk("a")).now_or_never().is_some() {
            sent += 1;
            assert!(sent < 10, "the writer never waits");
        }
        assert_eq!(flow.next().await, Ok(Some(chunk("a"))));
        drop(flow);
        assert!(!sender.send(chunk("a")).await);
    }
}
