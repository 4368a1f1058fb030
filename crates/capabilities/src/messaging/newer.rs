//! `wasmcloud:messaging@0.3.0`, as far as the wire carries it (spec §4.9).

use std::sync::LazyLock;

use wasmtime::component::{HasSelf, Linker, Resource};
use weft_engine::StoreContext;
use weft_model::id::LinkName;
use weft_model::interface::InterfaceName;

use super::guest::{publish, request};
use super::{Error, Message};

mod bindings {
    wasmtime::component::bindgen!({
        path: "../../wit/messaging-0.3.0",
        world: "wasmcloud:messaging/imports",
        imports: { default: async | trappable },
        with: {
            "wasmcloud:messaging/types.client": super::Client,
            "wasmcloud:messaging/types.message": super::Held,
            "wasmcloud:messaging/request-reply.request-options": super::RequestOptions,
        },
    });
}

use bindings::wasmcloud::messaging::{producer, request_reply, types};

pub(super) static PRODUCER: LazyLock<InterfaceName> =
    LazyLock::new(|| crate::interface("wasmcloud:messaging/producer"));
pub(super) static REQUEST_REPLY: LazyLock<InterfaceName> =
    LazyLock::new(|| crate::interface("wasmcloud:messaging/request-reply"));
pub(super) static INCOMING_HANDLER: LazyLock<InterfaceName> =
    LazyLock::new(|| crate::interface("wasmcloud:messaging/incoming-handler"));

/// How long an answer is waited for: what 1.9 gives built-in interfaces (spec §4.8).
const TIMEOUT_MS: u32 = 10_000;
/// Pairs of metadata that a message has at most; further ones are left out. None of them crosses the wire.
const METADATA_MAX: usize = 1000;

/// A connection: the name of a link.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Client {
    name: String,
}

/// A message that a guest has.
#[derive(Clone, Debug, Default)]
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Held {
    topic: Option<String>,
    content_type: Option<String>,
    data: Vec<u8>,
    metadata: Option<Vec<(String, String)>>,
    reply_to: Option<String>,
}

/// How to ask. Only that there is something to it matters: it is refused.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct RequestOptions;

type Answer<T> = wasmtime::Result<Result<T, types::Error>>;

pub(super) fn link(linker: &mut Linker<StoreContext>) -> wasmtime::Result<()> {
    types::add_to_linker::<_, HasSelf<_>>(linker, |context| context)?;
    producer::add_to_linker::<_, HasSelf<_>>(linker, |context| context)?;
    request_reply::add_to_linker::<_, HasSelf<_>>(linker, |context| context)
}

/// Whether a connection is by the link that is chosen; there is no other (spec §4.9).
fn check_client(
    context: &mut StoreContext,
    client: &Resource<Client>,
) -> wasmtime::Result<Result<(), types::Error>> {
    let name = context.table().get(client)?.name.clone();
    let default = LinkName::default();
    let chosen = context.link_name(&PRODUCER).unwrap_or(&default);
    if name == chosen.as_str() || name.is_empty() && *chosen == default {
        return Ok(Ok(()));
    }
    Ok(Err(types::Error::Other(format!(
        "the connection is named `{name}`, but the link that is chosen for `{}` is `{chosen}`",
        *PRODUCER
    ))))
}

/// What goes out of a message; refused where it has what the wire does not carry.
fn outgoing(held: Held, subject: String) -> Result<Message, types::Error> {
    if held.metadata.is_some_and(|metadata| !metadata.is_empty()) {
        let text = "metadata of messages cannot be carried to this target";
        return Err(types::Error::Other(text.to_owned()));
    }
    Ok(Message {
        subject,
        body: held.data.into(),
        reply_to: None,
    })
}

impl From<Error> for types::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Timeout => Self::Timeout,
            Error::Denied(text) => Self::PermissionDenied(text.to_string()),
            Error::Unreachable(text) => Self::Connection(text.to_string()),
            error => Self::Other(error.to_string()),
        }
    }
}

impl From<Message> for Held {
    fn from(message: Message) -> Self {
        Self {
            topic: Some(message.subject),
            data: message.body.into(),
            reply_to: message.reply_to,
            ..Self::default()
        }
    }
}

impl producer::Host for StoreContext {
    async fn send(
        &mut self,
        client: Resource<Client>,
        topic: String,
        message: Resource<Held>,
    ) -> Answer<()> {
        let held = self.table().delete(message)?;
        if let Err(error) = check_client(self, &client)? {
            return Ok(Err(error));
        }
        let message = match outgoing(held, topic) {
            Ok(message) => message,
            Err(error) => return Ok(Err(error)),
        };
        let sent = publish(self, &PRODUCER, message).await;
        Ok(sent.map_err(types::Error::from))
    }
}

impl request_reply::Host for StoreContext {
    async fn request(
        &mut self,
        client: Resource<Client>,
        topic: String,
        message: Resource<Held>,
        options: Option<Resource<RequestOptions>>,
    ) -> Answer<Vec<Resource<Held>>> {
        let held = self.table().get(&message)?.clone();
        if let Some(options) = options {
            self.table().delete(options)?;
            let text = "options of requests cannot be carried to this target";
            return Ok(Err(types::Error::Other(text.to_owned())));
        }
        if let Err(error) = check_client(self, &client)? {
            return Ok(Err(error));
        }
        let message = match outgoing(held, topic) {
            Ok(message) => message,
            Err(error) => return Ok(Err(error)),
        };
        let (subject, body) = (message.subject, message.body.into());
        match request(self, &REQUEST_REPLY, subject, body, TIMEOUT_MS).await {
            Ok(answer) => Ok(Ok(vec![self.table().push(Held::from(answer))?])),
            Err(error) => Ok(Err(error.into())),
        }
    }

    async fn reply(&mut self, reply_to: Resource<Held>, message: Resource<Held>) -> Answer<()> {
        let held = self.table().delete(message)?;
        let Some(subject) = self.table().get(&reply_to)?.reply_to.clone() else {
            let text = "the message wants no answer";
            return Ok(Err(types::Error::Other(text.to_owned())));
        };
        let message = match outgoing(held, subject) {
            Ok(message) => message,
            Err(error) => return Ok(Err(error)),
        };
        let sent = publish(self, &REQUEST_REPLY, message).await;
        Ok(sent.map_err(types::Error::from))
    }
}

impl request_reply::HostRequestOptions for StoreContext {
    async fn new(&mut self) -> wasmtime::Result<Resource<RequestOptions>> {
        Ok(self.table().push(RequestOptions)?)
    }

    async fn set_timeout_ms(
        &mut self,
        options: Resource<RequestOptions>,
        _: u32,
    ) -> wasmtime::Result<()> {
        self.table().get(&options)?;
        Ok(())
    }

    async fn set_expected_replies(
        &mut self,
        options: Resource<RequestOptions>,
        _: u32,
    ) -> wasmtime::Result<()> {
        self.table().get(&options)?;
        Ok(())
    }

    async fn drop(&mut self, options: Resource<RequestOptions>) -> wasmtime::Result<()> {
        self.table().delete(options)?;
        Ok(())
    }
}

impl types::Host for StoreContext {}

impl types::HostClient for StoreContext {
    /// There is nothing to connect to: the link is looked up when something is sent.
    async fn connect(&mut self, name: String) -> Answer<Resource<Client>> {
        Ok(Ok(self.table().push(Client { name })?))
    }

    async fn disconnect(&mut self, client: Resource<Client>) -> Answer<()> {
        self.table().get(&client)?;
        Ok(Ok(()))
    }

    async fn drop(&mut self, client: Resource<Client>) -> wasmtime::Result<()> {
        self.table().delete(client)?;
        Ok(())
    }
}

impl types::HostMessage for StoreContext {
    async fn new(&mut self, data: Vec<u8>) -> wasmtime::Result<Resource<Held>> {
        let held = Held {
            data,
            ..Held::default()
        };
        Ok(self.table().push(held)?)
    }

    async fn topic(&mut self, message: Resource<Held>) -> wasmtime::Result<Option<String>> {
        Ok(self.table().get(&message)?.topic.clone())
    }

    async fn content_type(&mut self, message: Resource<Held>) -> wasmtime::Result<Option<String>> {
        Ok(self.table().get(&message)?.content_type.clone())
    }

    async fn set_content_type(
        &mut self,
        message: Resource<Held>,
        content_type: String,
    ) -> wasmtime::Result<()> {
        self.table().get_mut(&message)?.content_type = Some(content_type);
        Ok(())
    }

    async fn data(&mut self, message: Resource<Held>) -> wasmtime::Result<Vec<u8>> {
        Ok(self.table().get(&message)?.data.clone())
    }

    async fn set_data(&mut self, message: Resource<Held>, data: Vec<u8>) -> wasmtime::Result<()> {
        self.table().get_mut(&message)?.data = data;
        Ok(())
    }

    async fn metadata(
        &mut self,
        message: Resource<Held>,
    ) -> wasmtime::Result<Option<Vec<(String, String)>>> {
        Ok(self.table().get(&message)?.metadata.clone())
    }

    async fn add_metadata(
        &mut self,
        message: Resource<Held>,
        key: String,
        value: String,
    ) -> wasmtime::Result<()> {
        let message = self.table().get_mut(&message)?;
        let metadata = message.metadata.get_or_insert_default();
        if metadata.len() < METADATA_MAX {
            metadata.push((key, value));
        }
        Ok(())
    }

    async fn set_metadata(
        &mut self,
        message: Resource<Held>,
        mut metadata: Vec<(String, String)>,
    ) -> wasmtime::Result<()> {
        metadata.truncate(METADATA_MAX);
        self.table().get_mut(&message)?.metadata = Some(metadata);
        Ok(())
    }

    async fn remove_metadata(
        &mut self,
        message: Resource<Held>,
        key: String,
    ) -> wasmtime::Result<()> {
        if let Some(metadata) = &mut self.table().get_mut(&message)?.metadata {
            metadata.retain(|(other, _)| *other != key);
        }
        Ok(())
    }

    async fn drop(&mut self, message: Resource<Held>) -> wasmtime::Result<()> {
        self.table().delete(message)?;
        Ok(())
    }
}
