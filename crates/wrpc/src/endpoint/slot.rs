//! What has arrived on one path and is not consumed.

use std::collections::VecDeque;
use std::task::Waker;

use bytes::Bytes;

use crate::ty::Path;

/// What a message costs beside its payload: its place in queues, and the buffer that it may keep in memory.
const MESSAGE_OVERHEAD_BYTES: usize = 256;

/// What a message of `length` bytes counts, at both ends.
pub(crate) fn charge(length: usize) -> u64 {
    held_bytes(length) as u64
}

/// The same as memory.
pub(super) fn held_bytes(length: usize) -> usize {
    length + MESSAGE_OVERHEAD_BYTES
}

/// The queue of one path.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) path: Path,
    queue: VecDeque<Bytes>,
    /// How many messages came, the end not counted.
    messages: u64,
    end: Option<End>,
    waker: Option<Waker>,
    /// Set aside for the path, when the sender asks for permission.
    window: Option<Window>,
    /// Taken from the budget for what is in the queue, when the sender does not.
    taken: usize,
    is_dropped: bool,
}

/// What a sender may send.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// How much may be on its way; so much is taken from the budget.
    pub(super) size: u64,
    granted: u64,
    received: u64,
    consumed: u64,
}

/// How a path ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum End {
    Complete,
    /// The end counts other messages than came.
    Lost,
}

// ===== impl Slot =====

impl Slot {
    pub(super) fn new(path: Path) -> Self {
        Self {
            path,
            queue: VecDeque::new(),
            messages: 0,
            end: None,
            waker: None,
            window: None,
            taken: 0,
            is_dropped: false,
        }
    }

    pub(super) fn open_window(&mut self, size: u64) {
        self.window = Some(Window {
            size,
            granted: size,
            received: 0,
            consumed: 0,
        });
    }

    /// No permission is asked for; how much of the budget that gives back. Nothing has come yet.
    pub(super) fn close_window(&mut self) -> usize {
        let size = self.window.take().map_or(0, |window| window.size);
        usize::try_from(size).unwrap_or(usize::MAX)
    }

    pub(super) fn window(&mut self) -> Option<&mut Window> {
        self.window.as_mut()
    }

    /// What is taken from the budget for this path.
    pub(super) fn taken(&self) -> usize {
        let window = self.window.map_or(0, |window| window.size);
        self.taken + usize::try_from(window).unwrap_or(usize::MAX)
    }

    /// Whether messages are of no use any more.
    pub(super) fn is_over(&self) -> bool {
        self.is_dropped || self.end.is_some()
    }

    pub(super) fn push(&mut self, payload: Bytes) {
        if self.window.is_none() {
            self.taken += held_bytes(payload.len());
        }
        self.messages += 1;
        self.queue.push_back(payload);
        self.wake();
    }

    /// The end came, which counts `expected` messages if it counts them.
    pub(super) fn end(&mut self, expected: Option<u64>) {
        let is_complete = expected.is_none_or(|expected| expected == self.messages);
        self.end = Some(if is_complete {
            End::Complete
        } else {
            End::Lost
        });
        self.wake();
    }

    /// The next message, and how much of the budget it gives back. Pieces of a tuple are held on to until the tuple is
    /// complete, and count for as long as the call.
    pub(super) fn pop(&mut self) -> Option<(Bytes, usize)> {
        let payload = self.queue.pop_front()?;
        let length = payload.len();
        match &mut self.window {
            Some(window) => {
                window.consumed += charge(length);
                Some((payload, 0))
            }
            None if self.path.is_root() => Some((payload, 0)),
            None => {
                let given = held_bytes(length);
                self.taken -= given;
                Some((payload, given))
            }
        }
    }

    pub(super) fn ended(&self) -> Option<End> {
        self.end
    }

    pub(super) fn wait(&mut self, waker: &Waker) {
        match &mut self.waker {
            Some(old) => old.clone_from(waker),
            None => self.waker = Some(waker.clone()),
        }
    }

    pub(super) fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// Nobody reads any more; what is queued is dropped, and how much of the budget that gives back.
    pub(super) fn drop_reader(&mut self) -> usize {
        let taken = self.taken();
        self.is_dropped = true;
        self.queue = VecDeque::new();
        self.window = None;
        self.taken = 0;
        taken
    }
}

// ===== impl Window =====

impl Window {
    /// A message came; `false` when it was not permitted.
    pub(super) fn receive(&mut self, length: usize) -> bool {
        // The first message is always permitted, however large: a window may be smaller than a message.
        self.received += charge(length);
        self.received - charge(length) < self.granted
    }

    /// Whether enough was consumed to tell the sender.
    pub(super) fn is_due(&self) -> bool {
        self.consumed + self.size >= self.granted + self.size / 2
    }

    /// Lets the sender send on, with a window of `size`; what it may have sent in all from now on.
    pub(super) fn grant(&mut self, size: u64) -> u64 {
        self.size = size;
        self.granted = self.consumed + size;
        self.granted
    }
}
