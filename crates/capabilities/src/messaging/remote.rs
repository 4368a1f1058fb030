//! A broker that runs elsewhere: `wasmcloud:messaging/consumer@0.2.0`.

use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use weft_engine::CallContext;
use weft_model::id::{EntityId, LinkName};
use weft_model::problem::render_chain;
use weft_wrpc::{
    CallError, CallOptions, Decode, Encode, Endpoint, Failure, FailureCode, Function, FunctionError,
};

use super::{CONSUMER, Error, Message, Messaging, check, request_timeout};
use crate::remote::{Wire, wire_context};

/// The broker of a provider or component elsewhere, as one component reaches it by one link.
pub struct Remote {
    endpoint: Endpoint,
    source: EntityId,
    link_name: LinkName,
    publish: Function,
    request: Function,
}

type Told<T> = Result<T, String>;

// ===== impl Remote =====

impl Remote {
    /// The broker `target`, as `source` reaches it by the link `link_name`.
    ///
    /// # Errors
    ///
    /// [`FunctionError`] when the ids make no subject.
    pub fn new(
        wire: &Wire,
        source: &EntityId,
        target: &EntityId,
        link_name: &LinkName,
    ) -> Result<Self, FunctionError> {
        type Request = (String, Bytes, u32);
        let prefix = wire.prefix(target.as_str())?;
        Ok(Self {
            publish: Function::typed::<(Message,), (Told<()>,)>(&prefix, CONSUMER, "publish")?,
            request: Function::typed::<Request, (Told<Message>,)>(&prefix, CONSUMER, "request")?,
            endpoint: wire.endpoint().clone(),
            source: source.clone(),
            link_name: link_name.clone(),
        })
    }

    async fn call<T: Decode>(
        &self,
        function: &Function,
        context: &CallContext,
        timeout: Duration,
        params: &(impl Encode + Sync),
    ) -> Result<T, Error> {
        let options = CallOptions {
            timeout,
            context: wire_context(self.source.as_str(), &self.link_name, context),
        };
        let called: Result<(Told<T>,), CallError> =
            self.endpoint.call(function, params, &options).await;
        match called {
            Ok((Ok(value),)) => Ok(value),
            Ok((Err(text),)) => Err(Error::Told(text.into())),
            Err(
                CallError::Deadline
                | CallError::Failed(Failure {
                    code: FailureCode::Deadline,
                    ..
                }),
            ) => Err(Error::Timeout),
            Err(CallError::Failed(failure)) if failure.code == FailureCode::Denied => {
                Err(Error::Denied(failure.message.into()))
            }
            Err(error) => Err(Error::Unreachable(render_chain(&error).into())),
        }
    }
}

impl Messaging for Remote {
    fn publish<'a>(
        &'a self,
        context: &'a CallContext,
        message: Message,
    ) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            check(&message.subject, &message.body)?;
            let timeout = context.remaining();
            self.call(&self.publish, context, timeout, &(message,))
                .await
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
            let timeout = request_timeout(context, timeout_ms);
            let params = (subject, body, timeout_ms);
            self.call(&self.request, context, timeout, &params).await
        }
        .boxed()
    }
}
