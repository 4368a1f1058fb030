//! The handle through which everything of a lattice is reached.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{PublishErrorKind, RequestErrorKind, StatusCode};
use bytes::Bytes;
use futures::StreamExt;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use weft_model::id::{HostId, LatticeName};
use weft_protocol::subject::{ApplicationSubjects, ControlSubjects};
use weft_runtime::Tasks;

use crate::application;
use crate::connection::{self, ConnectError, Connection, ConnectionState};
use crate::control;
use crate::event;
use crate::message::{Headers, Message, write_headers};
use crate::options::Options;
use crate::request::RequestError;
use crate::subscription::Subscription;

/// How many answers [`Lattice::gather`] collects at most.
const GATHER_MESSAGES_MAX: usize = 10_000;

/// A connection to one lattice. Cheap to clone; all clones share the connection, which is closed with the last.
#[derive(Clone)]
pub struct Lattice {
    inner: Arc<Inner>,
}

struct Inner {
    client: async_nats::Client,
    connection: watch::Receiver<Connection>,
    tasks: Tasks,
    name: LatticeName,
    control: ControlSubjects,
    application: ApplicationSubjects,
    /// First tokens of JetStream's requests.
    jetstream_prefix: String,
    jetstream_domain: Option<String>,
    request_timeout: Duration,
}

// ===== impl Lattice =====

impl Lattice {
    /// Connects to NATS. What is spawned for the lattice later is spawned through `tasks`.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] when no server can be reached or none accepts the credentials. Once connected, a lost connection
    /// is made again in the background: see [`Self::connection`].
    pub async fn connect(options: Options, tasks: &Tasks) -> Result<Self, ConnectError> {
        let (client, connection) = connection::connect(&options).await?;
        let control = ControlSubjects::new(&options.control_prefix, &options.lattice);
        let application = ApplicationSubjects::new(&options.application_prefix, &options.lattice);
        let jetstream_prefix = match &options.jetstream_domain {
            Some(domain) => format!("$JS.{domain}.API"),
            None => "$JS.API".to_owned(),
        };
        let inner = Inner {
            client,
            connection,
            tasks: tasks.clone(),
            name: options.lattice,
            control,
            application,
            jetstream_prefix,
            jetstream_domain: options.jetstream_domain,
            request_timeout: options.request_timeout,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The name of the lattice.
    pub fn name(&self) -> &LatticeName {
        &self.inner.name
    }

    /// The JetStream domain of the lattice's state; `None` where it is that of the servers.
    pub fn jetstream_domain(&self) -> Option<&str> {
        self.inner.jetstream_domain.as_deref()
    }

    /// What is known of the connection, now and whenever it changes.
    pub fn connection(&self) -> watch::Receiver<Connection> {
        self.inner.connection.clone()
    }

    /// How long a request may take.
    pub fn request_timeout(&self) -> Duration {
        self.inner.request_timeout
    }

    /// The largest message that the server takes, in bytes.
    pub fn payload_bytes_max(&self) -> usize {
        self.inner.client.max_payload()
    }

    /// Asks hosts.
    pub fn control(&self) -> control::Client {
        control::Client::new(self.clone())
    }

    /// Asks managers.
    pub fn applications(&self) -> application::Client {
        application::Client::new(self.clone())
    }

    /// Publishes events in the name of `source`.
    pub fn event_publisher(&self, source: HostId) -> event::Publisher {
        event::Publisher::new(self.clone(), source)
    }

    /// The NATS client underneath, for the data plane, which speaks NATS itself.
    pub fn nats(&self) -> &async_nats::Client {
        &self.inner.client
    }

    /// Sends a message that nobody has to answer. Returns when it is handed to the connection; see [`Self::flush`].
    ///
    /// # Errors
    ///
    /// [`RequestError`] when the message cannot be sent, also when NATS is unreachable for longer than the request
    /// timeout and too much waits to be sent.
    pub async fn publish(
        &self,
        subject: &str,
        headers: &Headers,
        payload: Bytes,
    ) -> Result<(), RequestError> {
        self.send(subject, None, headers, payload).await
    }

    /// Waits until everything sent before, subscriptions included, has reached the server of this connection.
    ///
    /// # Errors
    ///
    /// [`RequestError`] when that takes longer than the request timeout.
    pub async fn flush(&self) -> Result<(), RequestError> {
        // The client's own flush ends at the socket. A server acts on what a connection sends in order, so its word that
        // nobody listens to a fresh subject comes after all that was sent before.
        let nobody = self.new_inbox();
        match self.request(&nobody, &Headers::new(), Bytes::new()).await {
            Ok(_) | Err(RequestError::NoResponders { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Sends what waits to be sent and closes the connection, for all clones: their subscriptions, watches and intakes end.
    pub async fn close(&self) {
        // It fails when the connection is closed already.
        let _ = self.inner.client.drain().await;
        let mut connection = self.connection();
        let closed = connection.wait_for(|now| now.state == ConnectionState::Closed);
        let _ = timeout(self.inner.request_timeout, closed).await;
    }

    /// Sends a request and waits for the first answer, up to the request timeout.
    ///
    /// While NATS is unreachable nothing is sent: a request that nobody waits for any more is not acted upon later.
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub async fn request(
        &self,
        subject: &str,
        headers: &Headers,
        payload: Bytes,
    ) -> Result<Message, RequestError> {
        self.request_within(self.inner.request_timeout, subject, headers, payload)
            .await
    }

    /// As [`Self::request`], with another timeout.
    ///
    /// # Errors
    ///
    /// [`RequestError`].
    pub async fn request_within(
        &self,
        limit: Duration,
        subject: &str,
        headers: &Headers,
        payload: Bytes,
    ) -> Result<Message, RequestError> {
        let deadline = Instant::now() + limit;
        self.wait_until_connected(deadline, subject).await?;
        let bytes = payload.len();
        let mut request = async_nats::Request::new()
            .payload(payload)
            .timeout(Some(limit));
        if let Some(headers) = write_headers(headers) {
            request = request.headers(headers);
        }
        let answer = self.inner.client.send_request(subject.to_owned(), request);
        let timed_out = || RequestError::TimedOut {
            subject: subject.to_owned(),
            timeout: limit,
        };
        match timeout_at(deadline, answer).await {
            Ok(Ok(message)) => Ok(message.into()),
            Ok(Err(error)) => Err(match error.kind() {
                RequestErrorKind::TimedOut => timed_out(),
                RequestErrorKind::NoResponders => RequestError::NoResponders {
                    subject: subject.to_owned(),
                },
                RequestErrorKind::InvalidSubject => RequestError::Subject {
                    subject: subject.to_owned(),
                },
                RequestErrorKind::MaxPayloadExceeded => self.too_large(subject, bytes),
                RequestErrorKind::Other => RequestError::Failed {
                    subject: subject.to_owned(),
                    source: error.into(),
                },
            }),
            Err(_) => Err(timed_out()),
        }
    }

    /// Sends a request that several may answer, and collects answers until `window` has passed, `expected` have come, or
    /// it is known that nobody answers. At most 10,000 are collected.
    ///
    /// # Errors
    ///
    /// [`RequestError`] when the request cannot be sent. No answers at all are no error.
    pub async fn gather(
        &self,
        subject: &str,
        payload: Bytes,
        window: Duration,
        expected: Option<usize>,
    ) -> Result<Vec<Message>, RequestError> {
        let deadline = Instant::now() + window;
        self.wait_until_connected(deadline, subject).await?;
        let inbox = self.inner.client.new_inbox();
        let mut answers = self.subscribe_client(&inbox, None).await?;
        self.send(subject, Some(inbox), &Headers::new(), payload)
            .await?;
        let limit = expected.unwrap_or(usize::MAX).min(GATHER_MESSAGES_MAX);
        let mut messages = Vec::new();
        while messages.len() < limit {
            match timeout_at(deadline, answers.next()).await {
                Ok(Some(answer)) if answer.status == Some(StatusCode::NO_RESPONDERS) => break,
                Ok(Some(answer)) => messages.push(answer.into()),
                Ok(None) | Err(_) => break,
            }
        }
        Ok(messages)
    }

    /// Follows `subject`, which may have wildcards, as a member of `queue` if one is given.
    ///
    /// # Errors
    ///
    /// [`RequestError`] when the subject or queue is malformed or the connection is closed.
    pub async fn subscribe(
        &self,
        subject: &str,
        queue: Option<&str>,
    ) -> Result<Subscription, RequestError> {
        Ok(Subscription::new(
            self.subscribe_client(subject, queue).await?,
        ))
    }

    /// A fresh subject of our own to get answers on.
    pub(crate) fn new_inbox(&self) -> String {
        self.inner.client.new_inbox()
    }

    pub(crate) fn tasks(&self) -> &Tasks {
        &self.inner.tasks
    }

    pub(crate) fn control_subjects(&self) -> &ControlSubjects {
        &self.inner.control
    }

    pub(crate) fn application_subjects(&self) -> &ApplicationSubjects {
        &self.inner.application
    }

    pub(crate) fn jetstream_prefix(&self) -> &str {
        &self.inner.jetstream_prefix
    }

    /// [`Self::jetstream_prefix`] where it is that of a domain.
    pub(crate) fn jetstream_domain_prefix(&self) -> Option<&str> {
        let is_in_domain = self.inner.jetstream_domain.is_some();
        is_in_domain.then_some(self.inner.jetstream_prefix.as_str())
    }

    pub(crate) async fn subscribe_client(
        &self,
        subject: &str,
        queue: Option<&str>,
    ) -> Result<async_nats::Subscriber, RequestError> {
        let client = &self.inner.client;
        let subscribed = async {
            match queue {
                None => client.subscribe(subject.to_owned()).await,
                Some(queue) => {
                    client
                        .queue_subscribe(subject.to_owned(), queue.to_owned())
                        .await
                }
            }
        };
        match timeout(self.inner.request_timeout, subscribed).await {
            Ok(Ok(subscriber)) => Ok(subscriber),
            Ok(Err(error)) => Err(match error.kind() {
                async_nats::SubscribeErrorKind::InvalidSubject
                | async_nats::SubscribeErrorKind::InvalidQueueName => RequestError::Subject {
                    subject: subject.to_owned(),
                },
                async_nats::SubscribeErrorKind::Other => RequestError::Failed {
                    subject: subject.to_owned(),
                    source: error.into(),
                },
            }),
            Err(_) => Err(RequestError::Disconnected {
                subject: subject.to_owned(),
            }),
        }
    }

    /// Hands a message to the connection.
    pub(crate) async fn send(
        &self,
        subject: &str,
        reply: Option<String>,
        headers: &Headers,
        payload: Bytes,
    ) -> Result<(), RequestError> {
        let client = &self.inner.client;
        let bytes = payload.len();
        let to = subject.to_owned();
        let sent = async {
            match (reply, write_headers(headers)) {
                (None, None) => client.publish(to, payload).await,
                (None, Some(headers)) => client.publish_with_headers(to, headers, payload).await,
                (Some(reply), None) => client.publish_with_reply(to, reply, payload).await,
                (Some(reply), Some(headers)) => {
                    client
                        .publish_with_reply_and_headers(to, reply, headers, payload)
                        .await
                }
            }
        };
        match timeout(self.inner.request_timeout, sent).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(match error.kind() {
                PublishErrorKind::MaxPayloadExceeded => self.too_large(subject, bytes),
                PublishErrorKind::InvalidSubject => RequestError::Subject {
                    subject: subject.to_owned(),
                },
                PublishErrorKind::Send => RequestError::Failed {
                    subject: subject.to_owned(),
                    source: error.into(),
                },
            }),
            Err(_) => Err(RequestError::Disconnected {
                subject: subject.to_owned(),
            }),
        }
    }

    /// Waits until NATS is reachable, up to `deadline`.
    async fn wait_until_connected(
        &self,
        deadline: Instant,
        subject: &str,
    ) -> Result<(), RequestError> {
        let mut connection = self.connection();
        let connected = connection.wait_for(|connection| {
            matches!(
                connection.state,
                ConnectionState::Connected | ConnectionState::Closed
            )
        });
        let is_connected = match timeout_at(deadline, connected).await {
            Ok(Ok(connection)) => connection.state == ConnectionState::Connected,
            Ok(Err(_)) | Err(_) => false,
        };
        if is_connected {
            Ok(())
        } else {
            Err(RequestError::Disconnected {
                subject: subject.to_owned(),
            })
        }
    }

    fn too_large(&self, subject: &str, bytes: usize) -> RequestError {
        RequestError::TooLarge {
            subject: subject.to_owned(),
            bytes,
            bytes_max: self.payload_bytes_max(),
        }
    }
}

impl fmt::Debug for Lattice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lattice")
            .field("name", &self.inner.name)
            .field("connection", &*self.inner.connection.borrow())
            .finish_non_exhaustive()
    }
}
