//! Waiting for what becomes of a request.

use weft_protocol::event::Event;

use super::expected::{Expected, Outcome};
use crate::event::{Events, Item};
use crate::lattice::Lattice;
use crate::request::RequestError;

/// How many events may wait to be looked at.
const CAPACITY: usize = 4096;

/// The outcomes of requests that are sent after this was made: the subscription stands before the request does, so that
/// no outcome is missed, however quick it is. Dropping it ends the following.
#[derive(Debug)]
pub struct Outcomes {
    events: Events,
}

/// What is heard of a request.
#[derive(Debug)]
#[non_exhaustive]
pub enum Heard {
    /// The outcome, and the event that tells it.
    Outcome(Outcome, Box<Event>),
    /// Events were lost, the outcome maybe among them: NATS was unreachable, or too much happened at once. What is there
    /// has to be looked at.
    Lost,
}

// ===== impl Outcomes =====

impl Outcomes {
    /// Follows what happens in `lattice` from now on.
    ///
    /// # Errors
    ///
    /// [`RequestError`] when NATS is unreachable.
    pub async fn follow(lattice: &Lattice) -> Result<Self, RequestError> {
        let events = Events::follow(lattice, CAPACITY).await?;
        Ok(Self { events })
    }

    /// The next that is heard of what is `expected`; `None` once the connection is closed. Cancel safe.
    pub async fn next(&mut self, expected: &Expected) -> Option<Heard> {
        loop {
            match self.events.next().await? {
                Item::Event(event) => {
                    if let Some(outcome) = expected.outcome(&event) {
                        return Some(Heard::Outcome(outcome, event));
                    }
                }
                Item::Lagged { .. } | Item::Interrupted => return Some(Heard::Lost),
                Item::Malformed { .. } => {}
            }
        }
    }
}
