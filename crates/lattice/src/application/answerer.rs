//! Who answers the application API.

use std::time::Duration;

use bytes::Bytes;
use weft_protocol::subject::ApplicationOperation;
use weft_protocol::wire;

use super::Client;
use crate::message::Headers;
use crate::request::RequestError;

/// Who answers the application API of a lattice.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Answerer {
    /// A manager of Weft, with this id.
    Weft(String),
    /// A manager of another kind, such as a wadm.
    Other,
}

// ===== impl Client =====

impl Client {
    /// Who answers; `None` when nobody does within `limit`. Of several managers one answers, and another may the next
    /// time.
    ///
    /// A mere observer that follows all subjects keeps the server from saying that nobody is there: then the answer takes
    /// as long as `limit`.
    ///
    /// # Errors
    ///
    /// [`RequestError`] when it cannot be asked.
    pub async fn answerer(&self, limit: Duration) -> Result<Option<Answerer>, RequestError> {
        let subjects = self.lattice.application_subjects();
        let subject = subjects.render(&ApplicationOperation::GetAll);
        let answer = self
            .lattice
            .request_within(limit, &subject, &Headers::new(), Bytes::new())
            .await;
        match answer {
            Ok(message) => Ok(Some(match message.headers.get(wire::header::MANAGER) {
                Some(id) => Answerer::Weft(id.clone()),
                None => Answerer::Other,
            })),
            Err(RequestError::NoResponders { .. } | RequestError::TimedOut { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
