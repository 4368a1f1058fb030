//! A component on this host that stands for a broker: it exports `wasmcloud:messaging/consumer@0.2.0`.

use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::time;
use wasmtime::component::Val;
use weft_engine::{CallContext, CallError, ExportTarget, Failed, Program};

use super::{CONSUMER, Error, Message, Messaging, check, request_timeout};

/// A component as a broker.
pub struct Local {
    publish: ExportTarget,
    request: ExportTarget,
}

// ===== impl Local =====

impl Local {
    /// `program` as a broker; `None` where it exports no `consumer`, or one of other types.
    pub fn new(program: &Arc<Program>) -> Option<Self> {
        let exports = program.world().exports().iter();
        let position = exports
            .map(|export| export.interface.to_string())
            .position(|name| name == CONSUMER)?;
        let names = program.world().exports()[position].functions();
        let mut targets = names.map(|(name, _)| name).zip(program.targets(position));
        let mut target = |wanted: &str| targets.find(|(name, _)| *name == wanted);
        // In the order of their names.
        let ((_, publish), (_, request)) = (target("publish")?, target("request")?);
        Some(Self { publish, request })
    }
}

impl Messaging for Local {
    fn publish<'a>(
        &'a self,
        context: &'a CallContext,
        message: Message,
    ) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            check(&message.subject, &message.body)?;
            let params = vec![record(message)];
            let answer = self.publish.call_apart(context.clone(), params).await;
            told(answer)?;
            Ok(())
        }
        .boxed()
    }

    fn request<'a>(
        &'a self,
        context: &'a CallContext,
        subject: String,
        body: Bytes,
        timeout_ms: u32,
    ) -> BoxFuture<'a, Result<Message, Error>> {
        async move {
            check(&subject, &body)?;
            let params = vec![Val::String(subject), list(&body), Val::U32(timeout_ms)];
            let call = self.request.call_apart(context.clone(), params);
            let timeout = request_timeout(context, timeout_ms);
            let answer = time::timeout(timeout, call).await;
            let answer = told(answer.map_err(|_| Error::Timeout)?)?;
            answer.and_then(|value| message(*value)).ok_or_else(strange)
        }
        .boxed()
    }
}

/// What is within a `result<_, string>`.
fn told(answer: Result<Vec<Val>, Failed>) -> Result<Option<Box<Val>>, Error> {
    let results = answer.map_err(|failed| match failed.into_error() {
        CallError::Deadline => Error::Timeout,
        error => Error::Unreachable(error.to_string().into()),
    })?;
    match results.into_iter().next() {
        Some(Val::Result(Ok(value))) => Ok(value),
        Some(Val::Result(Err(Some(text)))) => match *text {
            Val::String(text) => Err(Error::Told(text.into())),
            _ => Err(strange()),
        },
        _ => Err(strange()),
    }
}

fn strange() -> Error {
    Error::Unreachable("it answers with other types than it should".into())
}

fn record(message: Message) -> Val {
    let reply_to = message.reply_to.map(|text| Box::new(Val::String(text)));
    let fields = [
        ("subject", Val::String(message.subject)),
        ("body", list(&message.body)),
        ("reply-to", Val::Option(reply_to)),
    ];
    Val::Record(fields.map(|(name, value)| (name.to_owned(), value)).into())
}

fn list(bytes: &Bytes) -> Val {
    Val::List(bytes.iter().copied().map(Val::U8).collect())
}

fn message(value: Val) -> Option<Message> {
    let Val::Record(fields) = value else {
        return None;
    };
    let mut message = Message::default();
    for (name, value) in fields {
        match (name.as_str(), value) {
            ("subject", Val::String(subject)) => message.subject = subject,
            ("body", Val::List(bytes)) => {
                let byte = |value| match value {
                    Val::U8(byte) => Some(byte),
                    _ => None,
                };
                message.body = bytes.into_iter().map(byte).collect::<Option<Bytes>>()?;
            }
            ("reply-to", Val::Option(Some(value))) => match *value {
                Val::String(text) => message.reply_to = Some(text),
                _ => return None,
            },
            ("reply-to", Val::Option(None)) => {}
            _ => return None,
        }
    }
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_the_same_as_values_and_back() {
        for reply_to in [None, Some("there".to_owned())] {
            let before = Message {
                subject: "s".to_owned(),
                body: Bytes::from_static(b"\0b"),
                reply_to,
            };
            assert_eq!(message(record(before.clone())), Some(before));
        }
        assert_eq!(message(Val::Bool(true)), None);
    }
}
