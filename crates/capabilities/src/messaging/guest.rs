//! The guest side of `wasmcloud:messaging@0.2.0`: host functions onto [`Messaging`].

use std::sync::{Arc, LazyLock};

use wasmtime::component::{HasSelf, Linker};
use weft_engine::{Family, StoreContext};
use weft_model::interface::InterfaceName;

use super::{Backend, Error, Message, Messaging, newer};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit/messaging",
        world: "wasmcloud:messaging/imports",
        imports: { default: async | trappable },
    });
}

use bindings::wasmcloud::messaging::{consumer, types};

pub(super) static CONSUMER_NAME: LazyLock<InterfaceName> =
    LazyLock::new(|| crate::interface("wasmcloud:messaging/consumer"));
pub(super) static HANDLER_NAME: LazyLock<InterfaceName> =
    LazyLock::new(|| crate::interface("wasmcloud:messaging/handler"));
pub(super) static TYPES: LazyLock<InterfaceName> =
    LazyLock::new(|| crate::interface("wasmcloud:messaging/types"));

/// Serves the family to guests.
pub struct Guest;

// ===== impl Guest =====

impl Family for Guest {
    fn interfaces(&self) -> Vec<InterfaceName> {
        vec![
            CONSUMER_NAME.clone(),
            TYPES.clone(),
            newer::PRODUCER.clone(),
            newer::REQUEST_REPLY.clone(),
        ]
    }

    fn link(&self, linker: &mut Linker<StoreContext>) -> wasmtime::Result<()> {
        types::add_to_linker::<_, HasSelf<_>>(linker, |context| context)?;
        consumer::add_to_linker::<_, HasSelf<_>>(linker, |context| context)?;
        newer::link(linker)
    }
}

/// The backend that the route of `interface` leads to now.
pub(super) fn backend(
    context: &StoreContext,
    interface: &InterfaceName,
) -> Result<Arc<dyn Messaging>, Error> {
    let backend = context.backend::<Backend>(interface);
    let denied = |denial: Arc<weft_engine::Denial>| {
        let text = format!("{denial}; {}", denial.hint());
        Error::Denied(text.into())
    };
    Ok(Arc::clone(&backend.map_err(denied)?.0))
}

/// Sends a message by the route of `interface`. The future holds nothing of the store, which others may not see.
pub(super) fn publish(
    context: &StoreContext,
    interface: &InterfaceName,
    message: Message,
) -> impl Future<Output = Result<(), Error>> + Send + use<> {
    let (backend, call) = (backend(context, interface), context.outgoing_call());
    async move { backend?.publish(&call, message).await }
}

/// Asks by the route of `interface`.
pub(super) fn request(
    context: &StoreContext,
    interface: &InterfaceName,
    subject: String,
    body: Vec<u8>,
    timeout_ms: u32,
) -> impl Future<Output = Result<Message, Error>> + Send + use<> {
    let (backend, call) = (backend(context, interface), context.outgoing_call());
    async move {
        let backend = backend?;
        let request = backend.request(&call, subject, body.into(), timeout_ms);
        request.await
    }
}

impl types::Host for StoreContext {}

impl consumer::Host for StoreContext {
    async fn request(
        &mut self,
        subject: String,
        body: Vec<u8>,
        timeout_ms: u32,
    ) -> wasmtime::Result<Result<types::BrokerMessage, String>> {
        let answer = request(self, &CONSUMER_NAME, subject, body, timeout_ms).await;
        Ok(answer
            .map(|message| types::BrokerMessage {
                subject: message.subject,
                body: message.body.into(),
                reply_to: message.reply_to,
            })
            .map_err(|error| error.to_string()))
    }

    async fn publish(
        &mut self,
        message: types::BrokerMessage,
    ) -> wasmtime::Result<Result<(), String>> {
        let message = Message {
            subject: message.subject,
            body: message.body.into(),
            reply_to: message.reply_to,
        };
        let published = publish(self, &CONSUMER_NAME, message).await;
        Ok(published.map_err(|error| error.to_string()))
    }
}
