//! Publishing and following the events of a lattice (spec §2).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use futures::StreamExt;
use tokio::sync::{mpsc, watch};
use tracing::debug;
use ulid::Ulid;
use weft_model::id::HostId;
use weft_protocol::event::{Data, Event, EventTime, render_event_id};
use weft_protocol::json::DecodeError;
use weft_protocol::subject::events_subject;
use weft_runtime::{TaskGuard, TaskKind, field};

use crate::connection::Connection;
use crate::lattice::Lattice;
use crate::message::Headers;
use crate::request::RequestError;

/// Publishes events in the name of one host. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Publisher {
    lattice: Lattice,
    source: HostId,
}

/// The events of a lattice from the moment of following on, in the order in which the server sent them. Dropping it ends
/// the following.
#[derive(Debug)]
pub struct Events {
    receiver: mpsc::Receiver<Item>,
    /// How many items found no place, since the last time it was told.
    dropped: Arc<AtomicU64>,
    connection: watch::Receiver<Connection>,
    /// How often the connection had been made when it was last told.
    connects: u64,
    _guard: TaskGuard,
}

/// One thing that [`Events`] tells.
#[derive(Debug)]
#[non_exhaustive]
pub enum Item {
    /// An event.
    Event(Box<Event>),
    /// The reader was too slow, and events were dropped. A reader that keeps state reads it anew.
    Lagged {
        /// How many.
        dropped: u64,
    },
    /// NATS was unreachable, and events of that time are lost. A reader that keeps state reads it anew.
    Interrupted,
    /// A message on an event subject that is not understood.
    Malformed {
        /// Its subject.
        subject: String,
        /// Why.
        error: DecodeError,
    },
}

// ===== impl Publisher =====

impl Publisher {
    pub(crate) fn new(lattice: Lattice, source: HostId) -> Self {
        Self { lattice, source }
    }

    /// Publishes `data` with a fresh id and the time of now, and returns the event. Events are not acknowledged: nobody
    /// may have read it.
    ///
    /// # Errors
    ///
    /// [`RequestError`] when the event cannot be sent.
    pub async fn publish(&self, data: Data) -> Result<Event, RequestError> {
        let event = Event::new(
            render_event_id(Ulid::generate().into()),
            &self.source,
            now(),
            data,
        );
        let subject = event.subject(self.lattice.name());
        self.lattice
            .publish(&subject, &Headers::new(), event.encode().into())
            .await?;
        Ok(event)
    }
}

/// The time of now; the beginning of 1970 where the clock stands before it, and its end of range after it.
fn now() -> EventTime {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH);
    EventTime::since_epoch(elapsed.unwrap_or_default()).unwrap_or(EventTime::MAX)
}

// ===== impl Events =====

impl Events {
    /// Follows the events of `lattice`; up to `capacity` may wait to be read, at least one.
    ///
    /// The subscription stands at the server when this returns.
    ///
    /// # Errors
    ///
    /// [`RequestError`] when NATS is unreachable.
    pub async fn follow(lattice: &Lattice, capacity: usize) -> Result<Self, RequestError> {
        let subject = events_subject(lattice.name());
        let mut connection = lattice.connection();
        let connects = connection.borrow_and_update().connects;
        let mut subscriber = lattice.subscribe_client(&subject, None).await?;
        lattice.flush().await?;
        let (sender, receiver) = mpsc::channel(capacity.max(1));
        let dropped = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&dropped);
        let task = async move {
            while let Some(message) = subscriber.next().await {
                let item = match Event::decode(&message.payload) {
                    Ok(event) => Item::Event(Box::new(event)),
                    Err(error) => {
                        debug!({ field::SUBJECT } = %message.subject, { field::ERROR } = %error, "Event is not understood");
                        Item::Malformed {
                            subject: message.subject.into_string(),
                            error,
                        }
                    }
                };
                match sender.try_send(item) {
                    Ok(()) => {}
                    Err(mpsc::error::TrySendError::Full(_)) => {
                        counter.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(mpsc::error::TrySendError::Closed(_)) => return,
                }
            }
        };
        let guard = lattice
            .tasks()
            .spawn(TaskKind::Helper, "lattice.events", task)
            .into_guard();
        Ok(Self {
            receiver,
            dropped,
            connection,
            connects,
            _guard: guard,
        })
    }

    /// The next item; `None` once the connection is closed. That events were dropped or lost is told before the events
    /// that waited then. Cancel safe.
    pub async fn next(&mut self) -> Option<Item> {
        loop {
            let dropped = self.dropped.swap(0, Ordering::Relaxed);
            if dropped > 0 {
                return Some(Item::Lagged { dropped });
            }
            let connects = self.connection.borrow_and_update().connects;
            if connects != self.connects {
                self.connects = connects;
                return Some(Item::Interrupted);
            }
            tokio::select! {
                biased;
                Ok(()) = self.connection.changed() => {}
                item = self.receiver.recv() => return item,
            }
        }
    }
}
