//! What the host tells and asks over NATS (spec §§5.5–5.8).

use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tracing::warn;
use weft_lattice::{Lattice, Message, RequestError, Subscription};
use weft_model::id::EntityId;
use weft_model::problem::render_chain;
use weft_protocol::json;
use weft_protocol::provider::{LinkDefinition, ShutdownRequest};
use weft_protocol::subject::{ProviderMessage, ProviderSubjects};
use weft_runtime::{Shutdown, field};

use crate::host_data::Setup;
use crate::provider::Config;

/// How many changes may wait to be acted upon; more wait in the connection.
const CHANGES_MAX: usize = 1024;
/// How many messages of one subject are read before the others have their turn.
const BATCH_MAX: usize = 256;

/// The subscriptions of a provider.
pub(crate) struct Commands {
    pub(crate) changes: Changes,
    pub(crate) health: Health,
    pub(crate) stops: Stops,
}

/// Links and configs, as they change.
pub(crate) struct Changes {
    sources: Vec<Source>,
}

/// A subject on which changes come.
struct Source {
    messages: Subscription,
    decode: fn(&Message) -> Option<Change>,
}

/// A change to act upon.
pub(crate) enum Change {
    LinkDelete(LinkDefinition),
    LinkPut(LinkDefinition),
    Config(Config),
}

/// Questions for the health.
pub(crate) struct Health {
    shared: Subscription,
    /// On the curve key, where hosts of Weft ask this process and no other of the same provider.
    own: Option<Subscription>,
}

/// Requests to end.
pub(crate) struct Stops {
    requests: Subscription,
    host_id: String,
    signal: Shutdown,
}

/// Who asks for the end.
pub(crate) enum Stop {
    /// The host, and where it wants to be told.
    Host { reply: String },
    /// The operating system, or whoever runs the provider.
    Signal,
    /// Nobody: the connection is closed.
    Closed,
}

// ===== impl Commands =====

impl Commands {
    /// Follows all subjects of the provider. They stand at the server when this returns.
    pub(crate) async fn follow(
        lattice: &Lattice,
        setup: &Setup,
        signal: Shutdown,
    ) -> Result<Self, RequestError> {
        let subjects = ProviderSubjects::new(&setup.lattice);
        let follow = async |receiver: &EntityId, message| {
            let subject = subjects.render(receiver, message);
            lattice.subscribe(&subject, None).await
        };
        let id = &setup.provider;
        // Where there is a key, what is put under the id is a copy, which may be sealed for another process. Hosts of Weft also
        // delete under the key: on one subscription, so that a link that is deleted and put is not deleted last.
        let own = setup.receiver.as_ref();
        let puts = match own {
            Some(own) => {
                lattice
                    .subscribe(&links_subject(&subjects, own), None)
                    .await?
            }
            None => follow(id, ProviderMessage::LinkPut).await?,
        };
        let commands = Self {
            changes: Changes {
                sources: vec![
                    Source {
                        messages: follow(id, ProviderMessage::LinkDelete).await?,
                        decode: |message| decode(message, Change::LinkDelete),
                    },
                    Source {
                        messages: puts,
                        decode: decode_link,
                    },
                    Source {
                        messages: follow(id, ProviderMessage::ConfigUpdate).await?,
                        decode: |message| decode(message, Change::Config),
                    },
                ],
            },
            health: Health {
                shared: follow(id, ProviderMessage::Health).await?,
                own: match own {
                    Some(own) => Some(follow(own, ProviderMessage::Health).await?),
                    None => None,
                },
            },
            stops: Stops {
                requests: follow(id, ProviderMessage::Shutdown).await?,
                host_id: setup.data.host_id.clone(),
                signal,
            },
        };
        lattice.flush().await?;
        Ok(commands)
    }
}

// ===== impl Changes =====

impl Changes {
    /// A queue of changes, and what fills it, to be run beside what empties it.
    ///
    /// NATS does not order what comes on different subjects, but the order matters: a host that changes a link deletes it on one
    /// and puts it on another. So the subjects are read as they wake this task, each as far as there is something, and the queue
    /// is filled while changes are acted upon. What then may still come in another order are changes of one link that follow
    /// each other within the time that it takes to read a message.
    pub(crate) fn queue(self) -> (mpsc::Receiver<Change>, impl Future<Output = ()> + Send) {
        let (sender, receiver) = mpsc::channel(CHANGES_MAX);
        (receiver, self.fill(sender))
    }

    async fn fill(self, sender: mpsc::Sender<Change>) {
        // Its futures are polled in the order in which they were woken.
        let mut batches: FuturesUnordered<_> =
            self.sources.into_iter().map(Source::next_batch).collect();
        while let Some(batch) = batches.next().await {
            // The connection is closed where there is none.
            let Some((messages, source)) = batch else {
                return;
            };
            for change in messages.iter().filter_map(source.decode) {
                if sender.send(change).await.is_err() {
                    return;
                }
            }
            batches.push(source.next_batch());
        }
    }
}

// ===== impl Source =====

impl Source {
    /// What there is, once there is something.
    async fn next_batch(mut self) -> Option<(Vec<Message>, Self)> {
        let mut messages = vec![self.messages.next().await?];
        while messages.len() < BATCH_MAX
            && let Some(Some(message)) = self.messages.next().now_or_never()
        {
            messages.push(message);
        }
        Some((messages, self))
    }
}

/// The subject of all that `receiver` is told of links: what one sender tells there is heard in its order.
fn links_subject(subjects: &ProviderSubjects, receiver: &EntityId) -> String {
    let put = subjects.render(receiver, ProviderMessage::LinkPut);
    match put.rsplit_once('.') {
        Some((links, _)) => format!("{links}.*"),
        None => put,
    }
}

/// Reads what is told of a link, by the end of its subject.
fn decode_link(message: &Message) -> Option<Change> {
    let tail = message.subject.rsplit('.').next().unwrap_or_default();
    match tail {
        "put" => decode(message, Change::LinkPut),
        "del" => decode(message, Change::LinkDelete),
        _ => None,
    }
}

/// Reads a message. What cannot be read is nothing to act upon, and there is nobody to tell (spec §5.5).
fn decode<T: DeserializeOwned>(message: &Message, change: fn(T) -> Change) -> Option<Change> {
    match json::decode(&message.payload) {
        Ok(value) => Some(change(value)),
        Err(error) => {
            warn!(
                { field::SUBJECT } = message.subject,
                { field::ERROR } = render_chain(&error),
                "Message of the host cannot be read"
            );
            None
        }
    }
}

// ===== impl Health =====

impl Health {
    /// Where to answer the next question; `None` once the connection is closed.
    pub(crate) async fn next(&mut self) -> Option<String> {
        loop {
            let message = match &mut self.own {
                Some(own) => tokio::select! {
                    message = self.shared.next() => message,
                    message = own.next() => message,
                },
                None => self.shared.next().await,
            };
            if let Some(reply) = message?.reply {
                return Some(reply);
            }
        }
    }
}

// ===== impl Stops =====

impl Stops {
    /// Waits until somebody asks for the end. Requests that name another host are not for this process (spec §5.7).
    /// Cancel safe.
    pub(crate) async fn next(&mut self) -> Stop {
        loop {
            let message = tokio::select! {
                () = self.signal.requested() => return Stop::Signal,
                message = self.requests.next() => message,
            };
            let Some(message) = message else {
                return Stop::Closed;
            };
            if let Some(reply) = self.reply_of(message) {
                return Stop::Host { reply };
            }
        }
    }

    /// Waits until the host asks, again, leaving signals alone; forever once the connection is closed. Cancel safe.
    pub(crate) async fn next_of_host(&mut self) -> String {
        loop {
            let Some(message) = self.requests.next().await else {
                return std::future::pending().await;
            };
            if let Some(reply) = self.reply_of(message) {
                return reply;
            }
        }
    }

    pub(crate) fn signal(&self) -> Shutdown {
        self.signal.clone()
    }

    fn reply_of(&self, message: Message) -> Option<String> {
        let request: ShutdownRequest = match json::decode(&message.payload) {
            Ok(request) => request,
            Err(error) => {
                warn!(
                    { field::ERROR } = render_chain(&error),
                    "Request to end cannot be read"
                );
                return None;
            }
        };
        message.reply.filter(|_| request.host_id == self.host_id)
    }
}
