//! A call that came in.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_nats::Subject;
use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout_at};
use weft_runtime::Shutdown;

use super::Shared;
use crate::client::CallError;
use crate::codec::{self, Encoded, Input, Progress, Reader, Scan};
use crate::encode::{Decode, Encode};
use crate::endpoint::{Form, Session};
use crate::failure::{Failure, FailureCode};
use crate::function::Export;
use crate::header::{self, AcceptHeader, CallHeader, Context};
use crate::request::{Origin, Request};
use crate::stream::{Connector, Link};
use crate::ty::Path;

/// A call that came in, to be answered once.
///
/// Dropped without an answer it fails: as a trap, or, when its time is up or its caller has gone, as that. It holds its
/// place among the calls that run; who answers with streams keeps it until they are written.
#[derive(Debug)]
pub struct Incoming {
    shared: Arc<Shared>,
    export: Arc<Export>,
    origin: Origin,
    /// Read when it is asked for.
    context: OnceLock<Context>,
    /// What a caller of Weft says.
    call: Option<CallHeader>,
    reply: Subject,
    params: Params,
    session: Option<Arc<Session>>,
    is_accepted: bool,
    is_answered: bool,
    deadline: Instant,
    /// The host says that it works on the call, to callers who ask.
    is_registered: bool,
    _permit: OwnedSemaphorePermit,
}

/// Why the parameters of a call are not there.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ParamsError {
    /// They are not of the types of the function.
    #[error("the parameters are not of the types of the function")]
    Codec(#[from] codec::Error),
    /// They did not come in time.
    #[error("the parameters did not come in time")]
    Deadline,
    /// They came incomplete, or the call broke off.
    #[error("the parameters did not come as a whole")]
    Broken(#[source] CallError),
}

#[derive(Debug)]
enum Params {
    /// What came with the request.
    First(Bytes),
    Complete(Input),
}

// ===== impl Incoming =====

impl Incoming {
    /// Takes a call, and accepts it where its caller waits for that. `None` when it cannot be answered.
    pub(super) async fn begin(
        shared: Arc<Shared>,
        export: Arc<Export>,
        request: Request,
        permit: OwnedSemaphorePermit,
        execution_timeout: Duration,
    ) -> Option<Self> {
        let Request {
            root: reply,
            call,
            origin,
            params,
        } = request;
        let remaining = call.and_then(|call| call.remaining);
        let timeout = remaining.map_or(execution_timeout, |left| left.min(execution_timeout));
        let mut incoming = Self {
            origin,
            context: OnceLock::new(),
            shared,
            export,
            call,
            reply,
            params: Params::First(params),
            session: None,
            is_accepted: false,
            is_answered: false,
            deadline: Instant::now() + timeout,
            is_registered: call.is_some(),
            _permit: permit,
        };
        if incoming.is_registered {
            let root = incoming.reply.as_str().into();
            incoming.shared.running().insert(root, None);
        }
        match incoming.accept().await {
            Ok(()) => Some(incoming),
            Err(failure) => {
                incoming.fail(&failure);
                None
            }
        }
    }

    /// The instance that is called.
    pub fn instance(&self) -> &str {
        &self.export.instance
    }

    /// The function that is called, by its name on the wire.
    pub fn function(&self) -> &str {
        &self.export.name
    }

    /// What is called, as it was given to [`Endpoint::serve`].
    pub fn export(&self) -> &Arc<Export> {
        &self.export
    }

    /// Who calls. Its depth is the one to pass on with calls that this one makes.
    pub fn context(&self) -> &Context {
        self.context.get_or_init(|| {
            let depth = self.call.map_or(0, |call| call.depth);
            self.origin.context(depth)
        })
    }

    /// Whether the caller is told why a call fails.
    pub fn understands_failures(&self) -> bool {
        self.call.is_some()
    }

    /// When the time of the call is up.
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Is requested when the caller gives the call up, as callers of Weft say. Asked for before the call is worked on.
    pub fn cancellation(&mut self) -> Shutdown {
        self.is_registered = true;
        let mut running = self.shared.running();
        let cancellation = running.entry(self.reply.as_str().into()).or_default();
        cancellation.get_or_insert_default().clone()
    }

    /// Waits until the parameters have come, and gives a reader of their tuple. Streams in it come as they are read.
    /// Not cancel safe.
    ///
    /// # Errors
    ///
    /// See [`ParamsError`].
    pub async fn params(&mut self) -> Result<Reader<'_>, ParamsError> {
        if let Params::First(first) = &mut self.params {
            let first = std::mem::take(first);
            let is_complete = self.call.is_some_and(|call| call.is_complete);
            let input = match &self.session {
                Some(session) if !is_complete => {
                    let tuple = self.export.signature.params();
                    let receive = crate::client::receive_tuple(session, tuple, first);
                    match timeout_at(self.deadline, receive).await {
                        Ok(Ok(input)) => input,
                        Ok(Err(CallError::Results(error))) => return Err(error.into()),
                        Ok(Err(error)) => return Err(ParamsError::Broken(error)),
                        Err(_) => return Err(ParamsError::Deadline),
                    }
                }
                _ => first.into(),
            };
            self.params = Params::Complete(input);
        }
        match &self.params {
            Params::Complete(input) => Ok(Reader::new(input, self.session.as_ref())),
            Params::First(_) => Err(ParamsError::Deadline),
        }
    }

    /// Waits until the parameters have come, and decodes their tuple.
    ///
    /// # Errors
    ///
    /// See [`ParamsError`].
    pub async fn decode<P: Decode>(&mut self) -> Result<P, ParamsError> {
        let mut reader = self.params().await?;
        let params = P::decode(&mut reader)?;
        reader.finish()?;
        Ok(params)
    }

    /// Answers with a tuple of results. Streams in it may be written from then on.
    ///
    /// # Errors
    ///
    /// [`CallError::Connection`] when the connection is closed, [`CallError::Params`] when the results cannot be
    /// encoded.
    pub async fn answer<R: Encode + ?Sized>(&mut self, results: &R) -> Result<(), CallError> {
        let results = Encoded::of(results).map_err(CallError::Params)?;
        self.respond(results).await
    }

    /// Answers with results that are encoded already.
    ///
    /// # Errors
    ///
    /// [`CallError::Connection`] when the connection is closed.
    pub async fn respond(&mut self, results: Encoded) -> Result<(), CallError> {
        self.is_answered = true;
        let sent = match self.call {
            Some(call) => self.respond_weft(call, results).await,
            None => self.respond_plain(results).await,
        };
        sent.map_err(|_| CallError::Connection)
    }

    /// Answers that the call failed. A caller of 1.9 only sees that there are no results.
    pub fn fail(&mut self, failure: &Failure) {
        if std::mem::replace(&mut self.is_answered, true) {
            return;
        }
        let endpoint = &self.shared.endpoint;
        if self.call.is_some() {
            let (headers, payload) = header::render_failure(failure);
            endpoint.publish_now(self.reply.clone(), Some(headers), payload);
        } else if self.is_accepted {
            endpoint.publish_now(format!("{}.results", self.reply), None, Bytes::new());
        } else {
            endpoint.publish_now(self.reply.clone(), None, Bytes::new());
        }
    }

    /// Sends the accept where the caller waits for one: callers of 1.9 always, those of Weft when more is to come.
    async fn accept(&mut self) -> Result<(), Failure> {
        let export = Arc::clone(&self.export);
        let params = export.signature.params();
        let is_plain = params.is_plain();
        let is_complete = match (&self.call, &self.params) {
            (Some(call), _) => call.is_complete,
            (None, Params::Complete(_)) => true,
            (None, Params::First(first)) => {
                let progress = Scan::new(params.ty()).push(first);
                matches!(progress, Ok(Progress::Done { .. }))
            }
        };
        if is_complete && is_plain {
            if self.call.is_none() {
                // What else comes from the caller is only the end of its parameters, which nobody waits for.
                let (_, root) = self.shared.endpoint.reserve_root();
                self.publish_accept(root, None, Bytes::new()).await;
            }
            return Ok(());
        }
        let session = self.open_session()?;
        session.expect(params);
        let size = self.shared.endpoint.options().window_bytes_min;
        let accept = if self.call.is_some() {
            if !session.open_windows(size) {
                let text = "no memory is left for streams";
                return Err(Failure::new(FailureCode::Overloaded, text));
            }
            Some(AcceptHeader {
                is_complete: false,
                window: Some(size),
            })
        } else {
            None
        };
        self.publish_accept(session.root().clone(), accept, Bytes::new())
            .await;
        Ok(())
    }

    /// Forgets the call; what tells that it was given up, where somebody asked for that.
    fn unregister(&mut self) -> Option<Shutdown> {
        if !std::mem::take(&mut self.is_registered) {
            return None;
        }
        self.shared.running().remove(self.reply.as_str()).flatten()
    }

    fn open_session(&mut self) -> Result<Arc<Session>, Failure> {
        let form = match self.call {
            Some(_) => Form::Weft,
            None => Form::Plain,
        };
        let session = Session::new(&self.shared.endpoint, form);
        session.set_peer(self.reply.clone());
        if !self.shared.endpoint.register(&session) {
            let text = "the connection is closed";
            return Err(Failure::new(FailureCode::Cancelled, text));
        }
        self.session = Some(Arc::clone(&session));
        Ok(session)
    }

    async fn publish_accept(
        &mut self,
        root: Subject,
        accept: Option<AcceptHeader>,
        payload: Bytes,
    ) {
        self.is_accepted = true;
        let (nats, reply) = (self.shared.endpoint.nats(), self.reply.clone());
        // That the connection is closed shows when the results are sent.
        let _ = match accept {
            Some(accept) => {
                let headers = accept.render();
                nats.publish_with_reply_and_headers(reply, root, headers, payload)
                    .await
            }
            None => nats.publish_with_reply(reply, root, payload).await,
        };
    }

    async fn respond_weft(
        &mut self,
        call: CallHeader,
        results: Encoded,
    ) -> Result<(), async_nats::PublishError> {
        let endpoint = self.shared.endpoint.clone();
        let nats = endpoint.nats();
        let Encoded { bytes, outgoing } = results;
        let fits = bytes.len() + AcceptHeader::WIRE_BYTES_MAX <= nats.max_payload();
        if !self.is_accepted && fits && outgoing.is_empty() {
            // It is over, and nothing else is sent there.
            drop(self.unregister());
            let reply = std::mem::replace(&mut self.reply, Subject::from_static(""));
            return nats.publish(reply, bytes).await;
        }
        let subject = format!("{}.results", self.reply);
        if self.is_accepted {
            endpoint
                .send_tuple(&subject.clone().into(), bytes, true)
                .await?;
        } else if let Ok(session) = self.open_session() {
            let accept = AcceptHeader {
                is_complete: fits,
                window: None,
            };
            let payload = if fits { bytes.clone() } else { Bytes::new() };
            self.publish_accept(session.root().clone(), Some(accept), payload)
                .await;
            if !fits {
                endpoint
                    .send_tuple(&subject.clone().into(), bytes, true)
                    .await?;
            }
        }
        if let Some(session) = &self.session {
            for (path, _) in &outgoing {
                session.open_sender(*path, call.window.unwrap_or(0));
            }
        }
        self.connect(&subject, outgoing, Form::Weft);
        Ok(())
    }

    async fn respond_plain(&mut self, results: Encoded) -> Result<(), async_nats::PublishError> {
        let subject = format!("{}.results", self.reply);
        let endpoint = self.shared.endpoint.clone();
        endpoint
            .send_tuple(&subject.clone().into(), results.bytes, false)
            .await?;
        self.connect(&subject, results.outgoing, Form::Plain);
        Ok(())
    }

    fn connect(&self, results: &str, outgoing: Vec<(Path, Connector)>, form: Form) {
        for (path, outgoing) in outgoing {
            let mut subject = results.to_owned();
            path.push_to(&mut subject);
            outgoing.connect(Link {
                endpoint: self.shared.endpoint.clone(),
                session: self.session.clone(),
                subject: subject.into(),
                path,
                form,
            });
        }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        let cancellation = self.unregister();
        if self.is_answered {
            return;
        }
        let is_cancelled = cancellation.is_some_and(|cancellation| cancellation.is_requested());
        let (code, text) = if is_cancelled {
            (FailureCode::Cancelled, "the caller gave the call up")
        } else if self.deadline <= Instant::now() {
            (FailureCode::Deadline, "the time of the call was up")
        } else {
            (FailureCode::Trap, "the callee ended without an answer")
        };
        self.fail(&Failure::new(code, text));
    }
}
