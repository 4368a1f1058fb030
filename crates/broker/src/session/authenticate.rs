//! Before a client may do anything: who it is.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;
use tokio::time::timeout_at;

use super::Session;
use crate::auth::{Checks, Gate, Identity, Refusal, Replies};
use crate::client::CloseReason;
use crate::wire::connect::Claim;
use crate::wire::parser::{Frame, Progress, Span};

/// Subjects whose check is remembered, per connection.
const REMEMBERED_MAX: usize = 256;

/// What a client is asked, to prove who it is.
#[derive(Debug, Clone)]
pub(crate) struct Challenge {
    pub(crate) gate: Arc<Gate>,
    pub(crate) nonce: String,
}

/// The permissions of one connection, and what was found out about subjects lately.
#[derive(Debug)]
pub(super) struct PublishChecks {
    checks: Arc<Checks>,
    remembered: HashMap<Box<[u8]>, bool>,
}

// ---------------------------------------------------------------------------------------------------------

impl Session {
    /// Waits for the client's `CONNECT`, and decides. What it sent behind stays in `buffer`.
    pub(super) async fn authenticate(
        &mut self,
        challenge: &Challenge,
        buffer: &mut BytesMut,
    ) -> Result<(), CloseReason> {
        let client = Arc::clone(&self.client);
        tokio::select! {
            biased;
            () = client.closing() => Err(CloseReason::ServerShutdown),
            result = self.identify(challenge, buffer) => result,
        }
    }

    /// The client has until `auth_timeout` is over to present something, and to have its turn where passwords are
    /// compared. How long a comparison takes is not up to the client, so that does not count.
    async fn identify(
        &mut self,
        challenge: &Challenge,
        buffer: &mut BytesMut,
    ) -> Result<(), CloseReason> {
        let turn_max = tokio::time::Instant::now() + self.bounds.auth_timeout;
        let Ok(first) = timeout_at(turn_max, self.first_operation(buffer)).await else {
            return Err(self.is_late());
        };
        let (json, len) = first?;
        let line = buffer.split_to(len);
        let json = &line[json];
        let claim = Claim::parse(json).map_err(|_| CloseReason::ProtocolViolation)?;
        let admitted = challenge.gate.admit(&claim, &challenge.nonce, turn_max);
        match admitted.await {
            Ok(identity) => self.adopt(identity),
            Err(Refusal::Late) => return Err(self.is_late()),
            Err(refusal) => {
                tracing::debug!(
                    client.id = self.client.id,
                    client.address = %self.client.address,
                    error = &refusal as &dyn std::error::Error,
                    "Refused client"
                );
                return Err(self.violation());
            }
        }
        // The list may have changed between the two.
        if let Some(identity) = self.client.identity.get()
            && !challenge.gate.is_current(identity)
        {
            return Err(self.violation());
        }
        self.connect(json)
    }

    /// Reads the client's first operation, which must be `CONNECT`: where its JSON is, and how long it is.
    async fn first_operation(
        &mut self,
        buffer: &mut BytesMut,
    ) -> Result<(Span, usize), CloseReason> {
        loop {
            // Anything else is refused at its first byte: none of it is to be kept.
            if buffer
                .first()
                .is_some_and(|first| !first.eq_ignore_ascii_case(&b'C'))
            {
                return Err(self.violation());
            }
            match self.parser.advance(buffer) {
                Ok(Progress::Frame {
                    frame: Frame::Connect { json },
                    len,
                }) => return Ok((json, len)),
                Ok(Progress::Frame { .. }) => return Err(self.violation()),
                Ok(Progress::More { .. }) => {}
                Err(error) => return Err(self.refuse(error)),
            }
            let ready = self.client.stream.readable().await;
            ready.map_err(|_| CloseReason::ClientGone)?;
            self.fill(buffer)?;
        }
    }

    /// Takes over who the client is and what it may do.
    fn adopt(&mut self, identity: Identity) {
        if let Some(max) = identity.subscriptions_max {
            self.bounds.subscriptions_max = self.bounds.subscriptions_max.min(max);
        }
        if let Some(max) = identity.payload_bytes_max {
            self.parser.limit_payload(max);
        }
        if let Some(checks) = &identity.checks {
            if let Some(responses) = checks.responses {
                // There is one identity per connection, so nothing is there yet.
                let _ = self.client.replies.set(Replies::new(responses));
            }
            self.checks = Some(Box::new(PublishChecks::new(Arc::clone(checks))));
        }
        tracing::debug!(client.id = self.client.id, user = %identity.name, "Admitted client");
        let _ = self.client.identity.set(identity);
    }

    /// Whether the client may publish under `subject`, which it is told if not.
    pub(super) fn check_publish(&mut self, subject: &[u8]) -> bool {
        let Some(checks) = &mut self.checks else {
            return true;
        };
        if checks.may_publish(subject) {
            return true;
        }
        let replies = self.client.replies.get();
        if replies.is_some_and(|replies| replies.may_answer(subject, Instant::now())) {
            return true;
        }
        self.error(&format!(
            "Permissions Violation for Publish to {}",
            quoted(subject)
        ));
        false
    }

    /// Whether the client may subscribe, which it is told if not. If it may: what it must not receive of it.
    pub(super) fn check_subscribe(
        &mut self,
        filter: &[u8],
        queue: Option<&[u8]>,
    ) -> Option<Vec<Box<[u8]>>> {
        let Some(checks) = &self.checks else {
            return Some(Vec::new());
        };
        if checks.checks.may_subscribe(filter, queue) {
            return Some(checks.checks.denied_within(filter));
        }
        let mut text = format!(
            "Permissions Violation for Subscription to {}",
            quoted(filter)
        );
        if let Some(queue) = queue {
            text = format!("{text} using queue {}", quoted(queue));
        }
        self.error(&text);
        None
    }

    fn is_late(&mut self) -> CloseReason {
        self.error("Authentication Timeout");
        self.router.counters.connections_unauthorized.add(1);
        CloseReason::Unauthorized
    }

    fn violation(&mut self) -> CloseReason {
        self.error("Authorization Violation");
        self.router.counters.connections_unauthorized.add(1);
        CloseReason::Unauthorized
    }
}

impl PublishChecks {
    fn new(checks: Arc<Checks>) -> Self {
        Self {
            checks,
            remembered: HashMap::new(),
        }
    }

    fn may_publish(&mut self, subject: &[u8]) -> bool {
        if let Some(known) = self.remembered.get(subject) {
            return *known;
        }
        let is_allowed = self.checks.may_publish(subject);
        if self.remembered.len() >= REMEMBERED_MAX {
            // Whoever publishes under many subjects pays for the checks; others have them all here.
            self.remembered.clear();
        }
        self.remembered.insert(subject.into(), is_allowed);
        is_allowed
    }
}

/// As the reference server quotes subjects.
fn quoted(subject: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(subject))
}
