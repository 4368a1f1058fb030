//! Reading several streams as one.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::{Stream, StreamExt};

/// Streams read in turn. After everything that waited was read, the turn begins with the first stream again, so that of
/// items that come in together those of earlier streams are read first; none is left waiting for good.
pub(super) struct Merge<S> {
    streams: Vec<S>,
    /// Whose turn it is.
    next: usize,
}

// ===== impl Merge =====

impl<S> Merge<S> {
    pub(super) fn new(streams: Vec<S>) -> Self {
        Self { streams, next: 0 }
    }

    /// The streams that have not ended.
    pub(super) fn streams_mut(&mut self) -> &mut [S] {
        &mut self.streams
    }
}

impl<S: Stream + Unpin> Stream for Merge<S> {
    type Item = S::Item;

    /// Ends when all streams have ended.
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        for _ in 0..self.streams.len() {
            let index = self.next % self.streams.len();
            match self.streams[index].poll_next_unpin(cx) {
                Poll::Ready(Some(item)) => {
                    self.next = (index + 1) % self.streams.len();
                    return Poll::Ready(Some(item));
                }
                // The next stream is in its place now.
                Poll::Ready(None) => {
                    self.streams.remove(index);
                    self.next = index;
                }
                Poll::Pending => self.next = (index + 1) % self.streams.len(),
            }
        }
        self.next = 0;
        if self.streams.is_empty() {
            Poll::Ready(None)
        } else {
            Poll::Pending
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use tokio::sync::mpsc;

    use super::*;

    struct Receiver(mpsc::Receiver<u32>);

    impl Stream for Receiver {
        type Item = u32;

        fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<u32>> {
            self.0.poll_recv(cx)
        }
    }

    fn read_all(merge: &mut Merge<Receiver>) -> Vec<u32> {
        std::iter::from_fn(|| merge.next().now_or_never().flatten()).collect()
    }

    #[test]
    fn items_that_come_together_are_read_from_the_first_stream_on() {
        let (senders, streams): (Vec<_>, Vec<_>) = (0..3)
            .map(|_| {
                let (sender, receiver) = mpsc::channel(8);
                (sender, Receiver(receiver))
            })
            .unzip();
        let mut merge = Merge::new(streams);
        let send = |stream: usize, item| senders[stream].try_send(item).unwrap();
        send(2, 20);
        send(0, 1);
        assert_eq!(read_all(&mut merge), [1, 20]);
        // A flood on the first stream does not hold up the last.
        for item in 1..=4 {
            send(0, item);
        }
        send(2, 20);
        send(1, 10);
        assert_eq!(read_all(&mut merge), [1, 10, 20, 2, 3, 4]);
        send(1, 10);
        send(0, 1);
        assert_eq!(read_all(&mut merge), [1, 10]);
        // One that has ended is in nobody's way.
        let mut senders = senders;
        drop(senders.remove(1));
        senders[1].try_send(20).unwrap();
        assert_eq!(read_all(&mut merge), [20]);
        drop(senders);
        assert_eq!(merge.next().now_or_never(), Some(None));
    }
}
