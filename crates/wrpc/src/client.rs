//! Calls that go out.

mod error;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{HeaderMap, Message, StatusCode, Subject};
use bytes::Bytes;
use tokio::time::{Instant, timeout_at};
use weft_runtime::TaskKind;

use crate::codec::{Encoded, Input, Progress, Reader, Scan};
use crate::encode::{Decode, Encode};
use crate::endpoint::{Arrival, Break, Dialect, Endpoint, Form, Session};
use crate::function::Function;
use crate::header::{self, AcceptHeader, CallHeader, Context};
use crate::route::{self, Answerer};
use crate::short;
use crate::stream::Link;
use crate::ty::{Addressed, Path, Type};

pub use error::CallError;

/// How many calls may be within each other.
pub const DEPTH_MAX: u32 = 16;
/// The time of a call for which nothing else is said: that of 1.9 for a handshake (spec §4.8).
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

/// How long the answer to a question may take whether short calls arrive; without one they do not.
const ROUTE_TIMEOUT: Duration = Duration::from_secs(5);

/// What a call carries beside its parameters.
#[derive(Clone, Debug)]
pub struct CallOptions {
    /// How long the whole call may take, until its results are there; streams among them may come later. A callee of
    /// Weft is told how much is left.
    pub timeout: Duration,
    /// Who calls. Its depth is that of the caller: zero where no call is behind this one.
    pub context: Context,
}

/// What a call sends, and to whom.
struct Request<'a> {
    function: &'a Function,
    params: Encoded,
    /// The request in the short form, which is tried first.
    short: Option<Bytes>,
    call: CallHeader,
    context: &'a Context,
}

/// The results of a call.
#[derive(Debug)]
pub struct Reply {
    bytes: Input,
    session: Arc<Session>,
}

/// Tells the callee when its caller has gone away.
struct CancelGuard<'a> {
    function: &'a Function,
    session: &'a Arc<Session>,
    is_armed: bool,
}

// ===== impl CallOptions =====

impl Default for CallOptions {
    fn default() -> Self {
        Self {
            timeout: TIMEOUT_DEFAULT,
            context: Context::default(),
        }
    }
}

// ===== impl Endpoint =====

impl Endpoint {
    /// Calls a function with a tuple of parameters and decodes the tuple of its results.
    ///
    /// Dropping the future gives the call up, which a callee of Weft is told.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn call<P: Encode + ?Sized, R: Decode>(
        &self,
        function: &Function,
        params: &P,
        options: &CallOptions,
    ) -> Result<R, CallError> {
        let params = Encoded::of(params).map_err(CallError::Params)?;
        let reply = self.invoke(function, params, options).await?;
        reply.decode()
    }

    /// Calls a function with parameters that are encoded already. Streams among them are written while the call runs,
    /// by whoever has their writers; the call does not wait for them.
    ///
    /// Dropping the future gives the call up, which a callee of Weft is told.
    ///
    /// # Errors
    ///
    /// See [`CallError`].
    pub async fn invoke(
        &self,
        function: &Function,
        params: Encoded,
        options: &CallOptions,
    ) -> Result<Reply, CallError> {
        let depth = options.context.depth.saturating_add(1);
        if depth > DEPTH_MAX {
            return Err(CallError::TooDeep);
        }
        let bytes = params.bytes.len();
        if bytes > self.options().call_bytes_max {
            return Err(CallError::TooLarge { bytes });
        }
        let is_weft = self.options().dialect == Dialect::Weft;
        let results = function.signature.results();
        let window_size = self.options().window_bytes_min;
        let call = CallHeader {
            is_complete: true,
            remaining: Some(options.timeout),
            depth,
            window: (is_weft && !results.is_plain()).then_some(window_size),
        };
        let short = self.short_request(function, &params.bytes, &call, &options.context);
        let is_short = short.is_some();
        let callees = is_weft.then(|| function.cancellations.clone());
        let session = Session::of_caller(self, callees, is_short);
        if !results.is_plain() {
            session.expect(results);
            if is_weft && !session.open_windows(window_size) {
                return Err(CallError::NoMemory);
            }
        }
        if !self.register(&session) {
            return Err(CallError::Connection);
        }
        let mut guard = CancelGuard {
            function,
            session: &session,
            is_armed: true,
        };
        let request = Request {
            function,
            params,
            short,
            call,
            context: &options.context,
        };
        // Instants too far off to be told are as good as none.
        let deadline = Instant::now().checked_add(options.timeout);
        let reply = {
            // In its place: what a call waits with is large.
            let run = pin!(self.run(&session, request));
            match deadline {
                Some(deadline) => timeout_at(deadline, run)
                    .await
                    .unwrap_or(Err(CallError::Deadline)),
                None => run.await,
            }
        };
        if is_short && matches!(reply, Err(CallError::Deadline | CallError::Gone)) {
            function.route.lost();
        }
        guard.is_armed = reply
            .as_ref()
            .is_err_and(|error| error.leaves_callee_running());
        let bytes = reply?;
        drop(guard);
        Ok(Reply { bytes, session })
    }

    async fn run(&self, session: &Arc<Session>, request: Request<'_>) -> Result<Input, CallError> {
        let Request {
            function,
            mut params,
            short,
            call,
            context,
        } = request;
        let mut reply = None;
        if let Some(short) = short {
            reply = self.ask_short(function, session, short).await?;
        }
        let reply = match reply {
            Some(reply) => {
                params.bytes.clear();
                reply
            }
            None => {
                let rest = &mut params.bytes;
                self.ask_full(function, session, rest, call, context)
                    .await?
            }
        };
        let results = function.signature.results();
        let Some(peer) = check_reply(&reply)? else {
            return Ok(reply.payload.into());
        };
        let accept = AcceptHeader::parse(reply.headers.as_ref());
        if accept.is_none() || !params.bytes.is_empty() {
            self.send_params(peer, params.bytes, accept.is_some())
                .await
                .map_err(|_| CallError::Connection)?;
        }
        let form = if accept.is_some() {
            Form::Weft
        } else {
            Form::Plain
        };
        let accept = accept.unwrap_or_default();
        for (path, outgoing) in params.outgoing {
            session.open_sender(path, accept.window.unwrap_or(0));
            let mut subject = format!("{peer}.params");
            path.push_to(&mut subject);
            outgoing.connect(Link {
                endpoint: self.clone(),
                session: Some(Arc::clone(session)),
                subject: subject.into(),
                path,
                form,
            });
        }
        if accept.is_complete {
            return Ok(reply.payload.into());
        }
        receive_tuple(session, results, reply.payload).await
    }

    /// The request in the short form, where this call takes it.
    fn short_request(
        &self,
        function: &Function,
        params: &[u8],
        call: &CallHeader,
        context: &Context,
    ) -> Option<Bytes> {
        let is_asked = self.options().dialect == Dialect::Weft
            && params.len() <= short::PARAMS_BYTES_MAX
            && function.route.next() == route::Form::Short;
        let request = is_asked.then(|| short::render(call, context, params))?;
        (request.len() <= self.nats().max_payload()).then_some(request)
    }

    /// Sends a request in the short form, and waits for the first answer; `None` when it came to nobody.
    async fn ask_short(
        &self,
        function: &Function,
        session: &Arc<Session>,
        request: Bytes,
    ) -> Result<Option<Message>, CallError> {
        let (subject, root) = (function.short_subject.clone(), session.root().clone());
        let sent = self.nats().publish_with_reply(subject, root, request).await;
        sent.map_err(|_| CallError::Connection)?;
        let reply = poll_fn(|cx| session.poll_reply(cx)).await?;
        if reply.status != Some(StatusCode::NO_RESPONDERS) {
            return Ok(Some(reply));
        }
        function.route.lost();
        session.begin_again();
        Ok(None)
    }

    /// Sends a request in the full form, and waits for the first answer. What is left of the parameters did not fit it.
    async fn ask_full(
        &self,
        function: &Function,
        session: &Arc<Session>,
        params: &mut Bytes,
        mut call: CallHeader,
        context: &Context,
    ) -> Result<Message, CallError> {
        let mut headers = HeaderMap::new();
        context.render(&mut headers);
        let header_length = header::wire_length(&headers) + CallHeader::WIRE_BYTES_MAX;
        let room = self.nats().max_payload().saturating_sub(header_length);
        call.is_complete = params.len() <= room;
        let is_weft = self.options().dialect == Dialect::Weft;
        if is_weft {
            call.render(&mut headers);
        }
        let first = params.split_to(params.len().min(room));
        let (subject, root) = (function.subject.clone(), session.root().clone());
        let sent = self
            .nats()
            .publish_with_reply_and_headers(subject, root, headers, first);
        sent.await.map_err(|_| CallError::Connection)?;
        let reply = poll_fn(|cx| session.poll_reply(cx)).await?;
        if is_weft
            && let Some(answerer) = answerer(&reply)
            && function.route.answered(answerer)
        {
            self.ask_route(function);
        }
        Ok(reply)
    }

    /// Finds out whether short calls of a function arrive, while others go on.
    fn ask_route(&self, function: &Function) {
        let (endpoint, route) = (self.clone(), Arc::clone(&function.route));
        let subject = function.short_subject.clone();
        let task = async move {
            let answer = endpoint
                .ask(subject, short::question(), ROUTE_TIMEOUT)
                .await;
            route.asked(answer.is_some_and(|answer| answer.status.is_none()));
        };
        self.tasks().spawn(TaskKind::Helper, "wrpc route", task);
    }

    /// Sends what did not fit the request, and the end.
    async fn send_params(
        &self,
        peer: &Subject,
        rest: Bytes,
        counts: bool,
    ) -> Result<(), async_nats::PublishError> {
        let subject = Subject::from(format!("{peer}.params"));
        self.send_tuple(&subject, rest, counts).await
    }

    /// Sends the bytes of a tuple and its end.
    pub(crate) async fn send_tuple(
        &self,
        subject: &Subject,
        mut bytes: Bytes,
        counts: bool,
    ) -> Result<(), async_nats::PublishError> {
        let max = self.nats().max_payload().max(1);
        let mut messages = 0;
        while !bytes.is_empty() {
            let message = bytes.split_to(bytes.len().min(max));
            let is_large = message.len() == max;
            self.nats().publish(subject.clone(), message).await?;
            messages += 1;
            if is_large {
                // What is handed over and not yet written is bounded by this.
                let _ = self.nats().flush().await;
            }
        }
        if counts {
            let headers = header::render_count(messages);
            return self
                .nats()
                .publish_with_headers(subject.clone(), headers, Bytes::new())
                .await;
        }
        self.nats().publish(subject.clone(), Bytes::new()).await
    }
}

/// Who the first message is of, unless it is NATS.
fn answerer(reply: &Message) -> Option<Answerer> {
    if reply.status.is_some() {
        return None;
    }
    // Ends of 1.9 always begin with an accept.
    let is_plain = reply.reply.is_some() && AcceptHeader::parse(reply.headers.as_ref()).is_none();
    Some(if is_plain {
        Answerer::Plain
    } else {
        Answerer::Weft
    })
}

/// Whether the first message is an accept, and whose; `None` when it is the answer.
fn check_reply(reply: &Message) -> Result<Option<&Subject>, CallError> {
    match reply.status {
        None => {}
        Some(StatusCode::NO_RESPONDERS) => return Err(CallError::NoResponders),
        Some(status) => {
            return Err(CallError::Status {
                status: status.as_u16(),
            });
        }
    }
    if let Some(failure) = header::parse_failure(reply.headers.as_ref(), &reply.payload) {
        return Err(CallError::Failed(failure));
    }
    Ok(reply.reply.as_ref())
}

/// Waits until a tuple has come as a whole. One without members is there when its end is.
pub(crate) async fn receive_tuple(
    session: &Session,
    tuple: &Addressed,
    first: Bytes,
) -> Result<Input, CallError> {
    let mut scan = Scan::new(tuple.ty());
    let mut bytes = Input::new();
    let is_empty = matches!(tuple.ty(), Type::Tuple(members) if members.is_empty());
    let mut piece = first;
    loop {
        let progress = scan.push(&piece).map_err(CallError::Results)?;
        match progress {
            Progress::Done { used } if !is_empty => {
                bytes.push(piece.split_to(used));
                return Ok(bytes);
            }
            Progress::Done { .. } => {}
            Progress::More => bytes.push(piece),
        }
        if is_empty {
            scan = Scan::new(tuple.ty());
        }
        piece = match poll_fn(|cx| session.poll_next(Path::ROOT, cx)).await {
            Arrival::Data(piece) => piece,
            Arrival::End if is_empty => return Ok(bytes),
            Arrival::End => return Err(CallError::NoResults),
            Arrival::Lost => return Err(CallError::Lost),
            Arrival::Broken(reason) => return Err(reason.into()),
        };
    }
}

// ===== impl Reply =====

impl Reply {
    /// A reader of the tuple of results. Streams in it come as they are read.
    pub fn reader(&self) -> Reader<'_> {
        Reader::new(&self.bytes, Some(&self.session))
    }

    /// The bytes of the tuple.
    pub fn bytes(&self) -> &Input {
        &self.bytes
    }

    /// Decodes the tuple of results.
    ///
    /// # Errors
    ///
    /// [`CallError::Results`] when the bytes are no such results.
    pub fn decode<R: Decode>(&self) -> Result<R, CallError> {
        let mut reader = self.reader();
        let results = R::decode(&mut reader).map_err(CallError::Results)?;
        reader.finish().map_err(CallError::Results)?;
        Ok(results)
    }
}

// ===== impl CancelGuard =====

impl Drop for CancelGuard<'_> {
    fn drop(&mut self) {
        if self.is_armed {
            let root = Bytes::copy_from_slice(self.session.root().as_bytes());
            self.session
                .endpoint()
                .publish_now(self.function.cancellations.clone(), None, root);
        }
    }
}

impl From<Break> for CallError {
    fn from(reason: Break) -> Self {
        match reason {
            Break::Failure(failure) => Self::Failed(failure),
            Break::Overflow => Self::NoMemory,
            Break::Connection => Self::Connection,
            Break::Gone => Self::Gone,
        }
    }
}
