//! The message that a call begins with, in either form.

use async_nats::{HeaderMap, Message, Subject};
use bytes::Bytes;

use crate::header::{CallHeader, Context};
use crate::route::Form;
use crate::short::{self, Short, Texts};

/// What came to the subject of a function.
#[derive(Debug)]
pub(crate) enum Received {
    Call(Request),
    /// Whoever has this root asks whether short calls arrive, and wants an empty message as the answer.
    Question(Subject),
}

/// A call that somebody wants.
#[derive(Debug)]
pub(crate) struct Request {
    /// The root of the caller.
    pub(crate) root: Subject,
    /// What a caller of Weft says.
    pub(crate) call: Option<CallHeader>,
    pub(crate) origin: Origin,
    /// The parameters, as far as they came with it.
    pub(crate) params: Bytes,
}

/// Where the context of a call is read from.
#[derive(Debug)]
pub(crate) enum Origin {
    Headers(Option<HeaderMap>),
    Texts(Texts),
}

// ===== impl Received =====

impl Received {
    /// Reads a message; `None` when it makes no sense, or nobody waits for an answer.
    pub(crate) fn read(form: Form, message: Message) -> Option<Self> {
        let root = message.reply?;
        let request = match form {
            Form::Full => Request {
                root,
                call: CallHeader::parse(message.headers.as_ref()),
                origin: Origin::Headers(message.headers),
                params: message.payload,
            },
            Form::Short => match short::parse(message.payload)? {
                Short::Question => return Some(Self::Question(root)),
                Short::Call {
                    call,
                    texts,
                    params,
                } => Request {
                    root,
                    call: Some(call),
                    origin: Origin::Texts(texts),
                    params,
                },
            },
        };
        Some(Self::Call(request))
    }
}

// ===== impl Origin =====

impl Origin {
    /// The context of a call at `depth`.
    pub(crate) fn context(&self, depth: u32) -> Context {
        match self {
            Self::Headers(headers) => Context::parse(headers.as_ref(), depth),
            Self::Texts(texts) => texts.context(depth),
        }
    }
}
