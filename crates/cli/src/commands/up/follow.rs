//! What happens around a node while it runs, as changes.

use std::future::pending;

use tokio::sync::watch;
use weft_lattice::event::{Events, Item};
use weft_lattice::protocol::application::Status;
use weft_lattice::protocol::json;
use weft_lattice::protocol::subject::{parse_status_subject, statuses_subject};
use weft_lattice::{Connection, ConnectionState, Lattice, RequestError, Subscription};
use weft_node::Node;

use super::change::{self, ChangeView, Told};
use crate::ui::without_user;

/// Events that may wait to be told; more are left out.
const EVENTS_MAX: usize = 1024;

/// Everything that is told while a node runs.
pub(super) struct Changes {
    told: Told,
    lattice: Lattice,
    host_id: Option<String>,
    nats_url: String,
    /// `None` where no manager tells, or once the connection is closed.
    statuses: Option<Subscription>,
    events: Option<Events>,
    connection: watch::Receiver<Connection>,
    /// What was told of it last.
    state: ConnectionState,
}

// ===== impl Changes =====

impl Changes {
    /// Follows `node` from now on.
    pub(super) async fn follow(node: &Node) -> Result<Self, RequestError> {
        let lattice = node.lattice().clone();
        let summary = node.summary();
        let statuses = if summary.has_manager {
            let subject = statuses_subject(lattice.name());
            Some(lattice.subscribe(&subject, None).await?)
        } else {
            None
        };
        let events = match &summary.host {
            Some(_) => Some(Events::follow(&lattice, EVENTS_MAX).await?),
            None => None,
        };
        Ok(Self {
            told: Told::default(),
            host_id: summary.host.as_ref().map(|(id, _)| id.to_string()),
            nats_url: without_user(&summary.nats_url),
            statuses,
            events,
            connection: lattice.connection(),
            state: ConnectionState::Connected,
            lattice,
        })
    }

    /// The next change. Cancel safe.
    pub(super) async fn next(&mut self) -> ChangeView {
        loop {
            let status = async {
                match &mut self.statuses {
                    Some(statuses) => statuses.next().await,
                    None => pending().await,
                }
            };
            let event = async {
                match &mut self.events {
                    Some(events) => events.next().await,
                    None => pending().await,
                }
            };
            tokio::select! {
                message = status => match message {
                    None => self.statuses = None,
                    Some(message) => {
                        let name = parse_status_subject(self.lattice.name(), &message.subject);
                        let status = json::decode::<Status>(&message.payload);
                        if let (Ok(name), Ok(status)) = (name, status)
                            && let Some(change) = self.told.see(&name, &status)
                        {
                            return change;
                        }
                    }
                },
                item = event => match item {
                    None => self.events = None,
                    Some(Item::Event(event)) if Some(&event.source) == self.host_id.as_ref() => {
                        if let Some(change) = self.told.see_event(&event) {
                            return change;
                        }
                    }
                    // Of others, or left out: this is for people who watch, and they can ask.
                    Some(_) => {}
                },
                Ok(()) = self.connection.changed() => {
                    let state = self.connection.borrow_and_update().state;
                    if state != self.state {
                        self.state = state;
                        return change::of_connection(&self.nats_url, state);
                    }
                }
            }
        }
    }
}
