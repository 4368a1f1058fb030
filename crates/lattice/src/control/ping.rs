//! Asking who is there, without waiting for the last one.

use async_nats::StatusCode;
use bytes::Bytes;
use futures::StreamExt;
use weft_protocol::control::HostSummary;
use weft_protocol::subject::Operation;

use super::{Client, ControlError, read_reply};
use crate::message::Headers;

/// The answers of hosts to one ping, as they come. Dropping it ends the waiting.
#[derive(Debug)]
pub struct Pings {
    answers: async_nats::Subscriber,
}

// ===== impl Client =====

impl Client {
    /// Asks all hosts who they are. Unlike [`Self::ping`], it gives each answer when it comes, and the reader decides how
    /// long to wait.
    ///
    /// # Errors
    ///
    /// [`ControlError`] when the request cannot be sent.
    pub async fn pings(&self) -> Result<Pings, ControlError> {
        let operation = Operation::HostPing;
        let subject = self.lattice.control_subjects().render(&operation);
        let inbox = self.lattice.new_inbox();
        let sent = async {
            let answers = self.lattice.subscribe_client(&inbox, None).await?;
            self.lattice
                .send(&subject, Some(inbox.clone()), &Headers::new(), Bytes::new())
                .await?;
            Ok(Pings { answers })
        };
        sent.await
            .map_err(|source| ControlError::Request { operation, source })
    }
}

// ===== impl Pings =====

impl Pings {
    /// The next host that answers; `None` when it is known that no more will. Answers that are no host's are left out.
    /// Cancel safe.
    pub async fn next(&mut self) -> Option<HostSummary> {
        loop {
            let answer = self.answers.next().await?;
            if answer.status == Some(StatusCode::NO_RESPONDERS) {
                return None;
            }
            let reply = read_reply::<HostSummary>(&Operation::HostPing, &answer.into());
            if let Ok(Some(summary)) = reply.map(|reply| reply.response) {
                return Some(summary);
            }
        }
    }
}
