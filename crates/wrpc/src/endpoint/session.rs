//! What one end knows of a call while it runs.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use async_nats::{Message, Subject};
use bytes::{Bytes, BytesMut};

use super::liveness::{Liveness, Look};
use super::slot::{End, Slot, charge, held_bytes};
use super::{Budget, Endpoint};
use crate::codec::leb;
use crate::failure::Failure;
use crate::header::{self, AcceptHeader};
use crate::subject::{ALIVE, Tail};
use crate::ty::{Addressed, Path};

/// A call as one end sees it. Internal; public types only hold it.
pub struct Session {
    endpoint: Endpoint,
    id: u64,
    root: Subject,
    state: Mutex<State>,
}

/// Which dialect the peer speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Form {
    /// That of 1.9.
    Plain,
    /// With windows, counts and failures.
    Weft,
}

/// Why a session came to an early end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Break {
    /// The peer says so.
    Failure(Failure),
    /// More came than there is room for.
    Overflow,
    /// The connection was closed.
    Connection,
    /// The peer is gone, or knows nothing of the call.
    Gone,
}

/// What a wait for a message gave.
#[derive(Debug)]
pub(crate) enum Arrival {
    Data(Bytes),
    End,
    Lost,
    Broken(Break),
}

struct State {
    form: Form,
    peer: Option<Subject>,
    /// The first message to the root.
    has_reply: bool,
    reply: Option<Message>,
    reply_waker: Option<Waker>,
    broken: Option<Break>,
    /// That of the tuple.
    root: Slot,
    /// Those of streams and futures.
    slots: Vec<Slot>,
    senders: Vec<Sender>,
    /// What is taken from the budget by the tuple and by streams without windows.
    taken: usize,
    liveness: Liveness,
}

/// What this end may send on a path.
struct Sender {
    path: Path,
    granted: u64,
    sent: u64,
    is_closed: bool,
    waker: Option<Waker>,
}

// ===== impl Session =====

impl Session {
    pub(crate) fn new(endpoint: &Endpoint, form: Form) -> Arc<Self> {
        Self::with(endpoint, form, Liveness::default())
    }

    /// That of a caller. Those who may work on the call are asked on `callees`; only ends of Weft get the request of one that
    /// `is_short`.
    pub(crate) fn of_caller(
        endpoint: &Endpoint,
        callees: Option<Subject>,
        is_short: bool,
    ) -> Arc<Self> {
        Self::with(endpoint, Form::Weft, Liveness::of_caller(callees, is_short))
    }

    fn with(endpoint: &Endpoint, form: Form, liveness: Liveness) -> Arc<Self> {
        let (id, root) = endpoint.reserve_root();
        Arc::new(Self {
            endpoint: endpoint.clone(),
            id,
            root,
            state: Mutex::new(State {
                form,
                peer: None,
                has_reply: false,
                reply: None,
                reply_waker: None,
                broken: None,
                root: Slot::new(Path::ROOT),
                slots: Vec::new(),
                senders: Vec::new(),
                taken: 0,
                liveness,
            }),
        })
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn root(&self) -> &Subject {
        &self.root
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Which dialect the peer speaks, as far as is known.
    pub(crate) fn form(&self) -> Form {
        self.lock().form
    }

    /// Makes queues for the streams and futures of a tuple that is going to come.
    pub(crate) fn expect(&self, tuple: &Addressed) {
        let mut state = self.lock();
        for asynchronous in tuple.asynchronous() {
            if !state
                .slots
                .iter()
                .any(|slot| slot.path == asynchronous.path)
            {
                state.slots.push(Slot::new(asynchronous.path));
            }
        }
    }

    /// Sets memory aside for what the peer may send on each path before anything is consumed; `false` when there is
    /// too little.
    pub(crate) fn open_windows(&self, size: u64) -> bool {
        let mut state = self.lock();
        let bytes = usize::try_from(size).unwrap_or(usize::MAX);
        for slot in &mut state.slots {
            if !self.endpoint.budget().take(bytes) {
                return false;
            }
            slot.open_window(size);
        }
        true
    }

    /// Who the peer is, for callees, who know from the beginning.
    pub(crate) fn set_peer(&self, peer: Subject) {
        let mut state = self.lock();
        state.peer = Some(peer);
        state.has_reply = true;
    }

    /// Nobody got the request; another one follows, which ends of 1.9 may get as well.
    pub(crate) fn begin_again(&self) {
        let mut state = self.lock();
        state.has_reply = false;
        state.liveness.expect_no_claim();
    }

    /// Asks the peer whether it is there, or breaks the call off when it was asked in vain too often.
    pub(super) fn check_liveness(&self) {
        let mut state = self.lock();
        if state.broken.is_some() {
            return;
        }
        let question = match (&state.peer, &state.liveness.callees) {
            (Some(peer), _) if state.form == Form::Weft => {
                (format!("{peer}.{ALIVE}").into(), Bytes::new())
            }
            // A callee of 1.9 would know nothing of it.
            (None, Some(callees)) if !state.has_reply => {
                let root = Bytes::copy_from_slice(self.root.as_bytes());
                (callees.clone(), root)
            }
            _ => return,
        };
        let has_peer = state.peer.is_some();
        match state.liveness.look(has_peer) {
            Look::Quiet => {}
            Look::Ask => {
                drop(state);
                let reply = Subject::from(format!("{}.{ALIVE}", self.root));
                self.endpoint.ask_now(question.0, reply, question.1);
            }
            Look::Gone => state.break_off(Break::Gone),
        }
    }

    pub(crate) fn break_off(&self, reason: Break) {
        let mut state = self.lock();
        if state.broken.is_none() {
            state.broken = Some(reason);
        }
        state.wake_all();
    }

    pub(crate) fn broken(&self) -> Option<Break> {
        self.lock().broken.clone()
    }

    /// Takes a message to the root or below it. Never waits.
    pub(super) fn receive(&self, tail: Tail, message: Message) {
        let mut state = self.lock();
        if tail == Tail::Alive {
            match message.reply {
                Some(reply) => self.endpoint.publish_now(reply, None, Bytes::new()),
                None if message.status.is_none() => state.liveness.claim(),
                None if state.peer.is_none() => state.liveness.nobody_hears(),
                None => {}
            }
            return;
        }
        state.liveness.hear();
        match tail {
            Tail::Alive => {}
            Tail::Root => state.receive_root(self.endpoint.budget(), message),
            Tail::Data(path) => {
                if let Some(failure) =
                    header::parse_failure(message.headers.as_ref(), &message.payload)
                {
                    state.break_off(Break::Failure(failure));
                } else {
                    self.receive_data(&mut state, path, message);
                }
            }
            Tail::Window(path) => state.receive_window(path, &message.payload),
        }
    }

    fn receive_data(&self, state: &mut State, path: Path, message: Message) {
        let State { root, slots, .. } = state;
        let Some(slot) = find(root, slots, path) else {
            // Peers of 1.9 also end the paths above those of streams.
            return;
        };
        if slot.is_over() {
            return;
        }
        if message.payload.is_empty() {
            return slot.end(header::parse_count(message.headers.as_ref()));
        }
        let length = message.payload.len();
        let has_room = match slot.window() {
            Some(window) => window.receive(length),
            None => {
                let max = self.endpoint.options().call_bytes_max;
                let bytes = held_bytes(length);
                let has_room = state.taken + bytes <= max && self.endpoint.budget().take(bytes);
                if has_room {
                    state.taken += bytes;
                }
                has_room
            }
        };
        if has_room {
            slot.push(message.payload);
        } else {
            state.break_off(Break::Overflow);
        }
    }

    /// The first message to the root.
    pub(crate) fn poll_reply(&self, cx: &mut Context<'_>) -> Poll<Result<Message, Break>> {
        let mut state = self.lock();
        if let Some(message) = state.reply.take() {
            return Poll::Ready(Ok(message));
        }
        if let Some(reason) = &state.broken {
            return Poll::Ready(Err(reason.clone()));
        }
        state.reply_waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// The next message on a path. What the peer may send is renewed as messages are taken.
    pub(crate) fn poll_next(&self, path: Path, cx: &mut Context<'_>) -> Poll<Arrival> {
        let mut state = self.lock();
        let State {
            root,
            slots,
            broken,
            taken,
            peer,
            ..
        } = &mut *state;
        let Some(slot) = find(root, slots, path) else {
            return Poll::Ready(Arrival::End);
        };
        if let Some((payload, given)) = slot.pop() {
            self.endpoint.budget().give(given);
            *taken -= given;
            let grant = self.renew(slot);
            let peer = grant.and_then(|_| peer.clone());
            drop(state);
            if let (Some(grant), Some(peer)) = (grant, peer) {
                send_window(&self.endpoint, &peer, path, Some(grant));
            }
            return Poll::Ready(Arrival::Data(payload));
        }
        match slot.ended() {
            Some(End::Complete) => return Poll::Ready(Arrival::End),
            Some(End::Lost) => return Poll::Ready(Arrival::Lost),
            None => {}
        }
        if let Some(reason) = broken {
            return Poll::Ready(Arrival::Broken(reason.clone()));
        }
        slot.wait(cx.waker());
        Poll::Pending
    }

    /// What the peer may send from now on, if it is time to tell. The window grows while there is room.
    fn renew(&self, slot: &mut Slot) -> Option<u64> {
        if slot.is_over() {
            return None;
        }
        let window = slot.window().filter(|window| window.is_due())?;
        let size = window.size;
        let larger = (size * 2)
            .min(self.endpoint.options().window_bytes_max)
            .max(size);
        let more = usize::try_from(larger - size).unwrap_or(usize::MAX);
        let size = if self.endpoint.budget().take(more) {
            larger
        } else {
            size
        };
        Some(window.grant(size))
    }

    /// Nobody reads a path any more; a peer that asks for permission is told.
    pub(crate) fn drop_reader(&self, path: Path) {
        let mut state = self.lock();
        let State { slots, taken, .. } = &mut *state;
        let Some(slot) = slots.iter_mut().find(|slot| slot.path == path) else {
            return;
        };
        let (had_window, was_over) = (slot.window().is_some(), slot.is_over());
        let given = slot.drop_reader();
        self.endpoint.budget().give(given);
        if !had_window {
            *taken -= given;
        }
        let peer = state.peer.clone().filter(|_| state.form == Form::Weft);
        drop(state);
        if let Some(peer) = peer.filter(|_| !was_over) {
            send_window(&self.endpoint, &peer, path, None);
        }
    }

    /// Begins to send on a path, of which `granted` is permitted already.
    pub(crate) fn open_sender(&self, path: Path, granted: u64) {
        let mut state = self.lock();
        state.senders.push(Sender {
            path,
            granted,
            sent: 0,
            is_closed: false,
            waker: None,
        });
    }

    /// Waits until a message of `length` may be sent on a path, and counts it; `false` when nobody reads it any more.
    pub(crate) fn poll_send(
        &self,
        path: Path,
        length: usize,
        cx: &mut Context<'_>,
    ) -> Poll<Result<bool, Break>> {
        let mut state = self.lock();
        let State {
            senders, broken, ..
        } = &mut *state;
        if let Some(reason) = broken {
            return Poll::Ready(Err(reason.clone()));
        }
        let Some(sender) = senders.iter_mut().find(|sender| sender.path == path) else {
            return Poll::Ready(Ok(false));
        };
        if sender.is_closed {
            return Poll::Ready(Ok(false));
        }
        // As long as anything is permitted one message is, so that a window may be smaller than a message.
        if sender.sent < sender.granted {
            sender.sent += charge(length);
            return Poll::Ready(Ok(true));
        }
        sender.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.endpoint.forget(self.id);
        let state = self.state.get_mut();
        let state = state.unwrap_or_else(PoisonError::into_inner);
        let taken: usize = state.slots.iter().map(Slot::taken).sum();
        self.endpoint.budget().give(taken + state.root.taken());
        let peer = state.peer.take().filter(|_| state.form == Form::Weft);
        let Some(peer) = peer else {
            return;
        };
        // Streams that nobody has even begun to read.
        for slot in &state.slots {
            if !slot.is_over() {
                send_window(&self.endpoint, &peer, slot.path, None);
            }
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}

fn find<'a>(root: &'a mut Slot, slots: &'a mut [Slot], path: Path) -> Option<&'a mut Slot> {
    if path.is_root() {
        return Some(root);
    }
    slots.iter_mut().find(|slot| slot.path == path)
}

/// Tells the peer how much it may send on a path, or that nobody reads it.
fn send_window(endpoint: &Endpoint, peer: &Subject, path: Path, granted: Option<u64>) {
    let mut subject = format!("{peer}.w");
    path.push_to(&mut subject);
    let mut payload = BytesMut::new();
    if let Some(granted) = granted {
        leb::put_unsigned(&mut payload, granted);
    }
    endpoint.publish_now(subject, None, payload.freeze());
}

// ===== impl State =====

impl State {
    /// The first message says who the peer is; after it only a failure comes here.
    fn receive_root(&mut self, budget: &Budget, message: Message) {
        let headers = message.headers.as_ref();
        if self.has_reply {
            if let Some(failure) = header::parse_failure(headers, &message.payload) {
                self.break_off(Break::Failure(failure));
            }
            return;
        }
        self.has_reply = true;
        self.peer.clone_from(&message.reply);
        if AcceptHeader::parse(headers).is_some() {
            self.form = Form::Weft;
        } else if message.status.is_none() {
            // What NATS says in place of the peer says nothing of it: the request may be made again.
            self.form = Form::Plain;
            // Nobody is going to ask for permission.
            for slot in &mut self.slots {
                budget.give(slot.close_window());
            }
        }
        self.reply = Some(message);
        if let Some(waker) = self.reply_waker.take() {
            waker.wake();
        }
    }

    fn receive_window(&mut self, path: Path, payload: &[u8]) {
        let Some(sender) = self.senders.iter_mut().find(|sender| sender.path == path) else {
            return;
        };
        match leb::parse_unsigned(payload) {
            // It never takes back.
            Some(granted) => sender.granted = sender.granted.max(granted),
            None => sender.is_closed = true,
        }
        if let Some(waker) = sender.waker.take() {
            waker.wake();
        }
    }

    fn break_off(&mut self, reason: Break) {
        if self.broken.is_none() {
            self.broken = Some(reason);
        }
        self.wake_all();
    }

    fn wake_all(&mut self) {
        for waker in self.reply_waker.take().into_iter().chain(
            self.senders
                .iter_mut()
                .filter_map(|sender| sender.waker.take()),
        ) {
            waker.wake();
        }
        self.root.wake();
        for slot in &mut self.slots {
            slot.wake();
        }
    }
}
