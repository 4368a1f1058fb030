//! Flow control: how far a push consumer may run ahead of its receiver.

use bytes::Bytes;

use super::{Consumer, Effect};
use crate::jetstream::names::FLOW_CONTROL_PREFIX;
use crate::wire::headers;

/// Largest number of bytes in flight; the window begins at a sixteenth and doubles with every answer.
const WINDOW_LEN_MAX: usize = 32 * 1024 * 1024;

const BASE36: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Bytes in flight, and the request that the receiver has yet to answer.
#[derive(Debug)]
pub(super) struct Window {
    len_max: usize,
    in_flight: usize,
    request: Option<Request>,
    requests: u64,
}

#[derive(Debug)]
struct Request {
    subject: Bytes,
    /// Bytes that an answer confirms.
    covers: usize,
}

// ---------------------------------------------------------------------------------------------------------

impl Window {
    pub(super) fn new() -> Self {
        Self {
            len_max: WINDOW_LEN_MAX / 16,
            in_flight: 0,
            request: None,
            requests: 0,
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.in_flight > self.len_max
    }

    /// The request that an idle heartbeat repeats, for a receiver that lost it.
    pub(super) fn unanswered(&self) -> Option<&Bytes> {
        self.request.as_ref().map(|request| &request.subject)
    }

    /// Notes that `len` bytes were sent. True if the receiver is to be asked.
    fn sent(&mut self, len: usize) -> bool {
        self.in_flight += len;
        match &mut self.request {
            None => self.in_flight > self.len_max / 2,
            Some(request) => {
                if self.in_flight - request.covers >= self.len_max {
                    request.covers += len;
                }
                false
            }
        }
    }

    fn ask(&mut self, stream: &str, consumer: &str) -> Bytes {
        self.requests += 1;
        let mut number = self.requests;
        let mut token = *b"0000";
        for digit in token.iter_mut().rev() {
            *digit = BASE36[(number % 36) as usize];
            number /= 36;
        }
        let token = String::from_utf8_lossy(&token);
        let subject = Bytes::from(format!("{FLOW_CONTROL_PREFIX}{stream}.{consumer}.{token}"));
        self.request = Some(Request {
            subject: subject.clone(),
            covers: self.in_flight,
        });
        subject
    }

    /// Takes an answer. False if it answers nothing.
    fn answered(&mut self, subject: &[u8]) -> bool {
        let Some(request) = self.request.take_if(|request| request.subject == subject) else {
            return false;
        };
        self.in_flight = self.in_flight.saturating_sub(request.covers);
        self.len_max = (self.len_max * 2).min(WINDOW_LEN_MAX);
        true
    }
}

impl Consumer {
    /// Accounts for a delivery, and asks the receiver to confirm once half of the window is used.
    pub(super) fn control_flow(&mut self, len: usize, effects: &mut Vec<Effect>) {
        let Some(window) = &mut self.window else {
            return;
        };
        if window.sent(len) {
            let reply = window.ask(&self.stream, &self.name);
            effects.push(Effect::Status {
                to: self.deliver_subject(),
                reply: Some(reply),
                block: headers::status(100, "FlowControl Request"),
            });
        }
    }

    pub(super) fn flow_controlled(&mut self, subject: &[u8], effects: &mut Vec<Effect>) {
        if let Some(window) = &mut self.window
            && window.answered(subject)
        {
            self.ready(effects);
        }
    }
}
