//! Messages go out.

use bytes::Bytes;

use super::{Consumer, Delivery, Effect, Notice};
use crate::jetstream::clock::{Nanos, Now};
use crate::jetstream::config::{AckPolicy, Retention};
use crate::jetstream::names::ACK_PREFIX;
use crate::jetstream::stream::{Entry, Index, Scan};

/// Messages of one portion, so that consumers take turns.
const PORTION: usize = 256;

/// Messages looked at for one delivery, before others get their turn.
const SCAN_MAX: usize = 16 * 1024;

/// The message that goes next.
#[derive(Debug, Clone, Copy)]
enum Candidate {
    Redelivery {
        seq: u64,
        redeliveries: u64,
    },
    /// From the list that a "last per subject" consumer begins with.
    Listed {
        seq: u64,
    },
    New {
        seq: u64,
    },
}

enum Peeked {
    Candidate(Candidate),
    /// Nothing is left.
    End,
    /// Too many messages await their acknowledgement.
    Full,
    /// The search has to go on later.
    Unfinished,
}

// ---------------------------------------------------------------------------------------------------------

impl Consumer {
    pub(super) fn deliver(&mut self, now: Now, index: &Index, effects: &mut Vec<Effect>) {
        let before = effects.len();
        let has_more = self.deliver_portion(now, index, effects);
        if effects.len() > before {
            effects.push(Effect::Save);
        }
        if has_more {
            effects.push(Effect::Ready);
        }
    }

    /// Delivers some messages. True if there may be more to deliver at once.
    fn deliver_portion(&mut self, now: Now, index: &Index, effects: &mut Vec<Effect>) -> bool {
        for _ in 0..PORTION {
            if !self.has_receiver() {
                return false;
            }
            match self.peek(index, effects) {
                Peeked::Candidate(candidate) => {
                    if !self.send(now, index, candidate, effects) {
                        return false;
                    }
                }
                Peeked::Full => return false,
                Peeked::End => {
                    self.end_one_shots(now, effects);
                    return false;
                }
                Peeked::Unfinished => return true,
            }
        }
        self.has_receiver()
    }

    /// Finds the next message without taking it.
    fn peek(&mut self, index: &Index, effects: &mut Vec<Effect>) -> Peeked {
        while let Some(seq) = self.acks.next_redelivery() {
            let redeliveries = self.acks.get(seq).map_or(0, |pending| pending.redeliveries);
            if index.get(seq).is_none() {
                self.acks.remove(seq);
            } else if self.is_exhausted(redeliveries) {
                self.give_up(index, seq, redeliveries, effects);
            } else {
                return Peeked::Candidate(Candidate::Redelivery {
                    seq,
                    redeliveries: redeliveries + 1,
                });
            }
        }
        if self.is_full() {
            return Peeked::Full;
        }
        if let Some(seq) = self.next_listed(index) {
            return Peeked::Candidate(Candidate::Listed { seq });
        }
        let found = if self.num_pending == 0 {
            // What is stored is for others, however much it is.
            Scan::End
        } else {
            index.next(self.next, &self.filters, SCAN_MAX)
        };
        match found {
            Scan::Found(entry) => Peeked::Candidate(Candidate::New { seq: entry.seq }),
            Scan::Unfinished { next } => {
                self.next = next;
                Peeked::Unfinished
            }
            Scan::End => {
                self.next = self.next.max(index.last_seq() + 1);
                Peeked::End
            }
        }
    }

    fn next_listed(&mut self, index: &Index) -> Option<u64> {
        let skip = self.skip.as_mut()?;
        while let Some(seq) = skip.seqs.front() {
            if index.get(*seq).is_some() {
                return Some(*seq);
            }
            skip.seqs.pop_front();
        }
        self.skip = None;
        None
    }

    /// Sends a message to whoever is next. False if nobody takes it.
    fn send(
        &mut self,
        now: Now,
        index: &Index,
        candidate: Candidate,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let (seq, redeliveries) = match candidate {
            Candidate::Redelivery { seq, redeliveries } => (seq, redeliveries),
            Candidate::Listed { seq } | Candidate::New { seq } => (seq, 0),
        };
        let Some(entry) = index.get(seq) else {
            return false;
        };
        let pending = match candidate {
            Candidate::Redelivery { .. } => self.num_pending,
            Candidate::Listed { .. } | Candidate::New { .. } => self.num_pending.saturating_sub(1),
        };
        let reply = self.ack_subject(&entry, redeliveries + 1, pending);
        let len = self.wire_len(&entry, &reply);
        let to = if self.config.is_push() {
            self.deliver_subject()
        } else {
            match self.next_request(now, len, effects) {
                Some(to) => to,
                None => return false,
            }
        };
        self.taken(now, candidate, pending);
        effects.push(Effect::Deliver(Delivery {
            to: to.clone(),
            seq,
            reply,
            headers_only: self.config.headers_only,
        }));
        if self.config.ack_policy == AckPolicy::None {
            effects.push(Effect::Settled { seq });
        }
        self.finish_request(now, &to, effects);
        self.control_flow(len, effects);
        true
    }

    /// Accounts for a message that goes out.
    fn taken(&mut self, now: Now, candidate: Candidate, pending: u64) {
        self.delivered.consumer += 1;
        self.num_pending = pending;
        let (seq, redeliveries) = match candidate {
            Candidate::Redelivery { seq, redeliveries } => (seq, redeliveries),
            Candidate::Listed { seq } => {
                if let Some(skip) = &mut self.skip {
                    skip.seqs.pop_front();
                }
                (seq, 0)
            }
            Candidate::New { seq } => {
                self.next = seq + 1;
                (seq, 0)
            }
        };
        self.delivered.stream = self.delivered.stream.max(seq);
        let due = now.tick.plus(self.ack_wait(redeliveries));
        match (self.config.ack_policy, candidate) {
            (AckPolicy::None, _) => self.floor = self.delivered,
            (_, Candidate::Redelivery { .. }) => self.acks.redelivered(seq, due),
            (_, Candidate::Listed { .. } | Candidate::New { .. }) => {
                self.acks.delivered(seq, self.delivered.consumer, due);
            }
        }
        self.last_delivered = Some(now.wall);
        self.heartbeat_due = self.next_heartbeat(now);
        if !self.config.is_push() {
            self.idle_since = Some(now.tick);
        }
    }

    /// Where the receiver acknowledges; it reads from there what the message is.
    fn ack_subject(&self, entry: &Entry<'_>, deliveries: u64, pending: u64) -> String {
        format!(
            "{ACK_PREFIX}{}.{}.{deliveries}.{}.{}.{}.{pending}",
            self.stream,
            self.name,
            entry.seq,
            self.delivered.consumer + 1,
            entry.time.0
        )
    }

    /// Bytes of a delivery, as limits count them.
    fn wire_len(&self, entry: &Entry<'_>, reply: &str) -> usize {
        let body_len = if self.config.headers_only {
            0
        } else {
            entry.body_len as usize
        };
        entry.subject.len() + reply.len() + entry.header_len as usize + body_len
    }

    /// Time to acknowledge a message that was delivered again so many times.
    pub(super) fn ack_wait(&self, redeliveries: u64) -> Nanos {
        self.config.ack_wait_after(redeliveries)
    }

    /// Whether a message that was delivered again so many times may not be delivered once more.
    pub(super) fn is_exhausted(&self, redeliveries: u64) -> bool {
        u64::try_from(self.config.max_deliver).is_ok_and(|max| redeliveries + 1 >= max)
    }

    /// Gives up a message that was delivered as often as it may be.
    pub(super) fn give_up(
        &mut self,
        index: &Index,
        seq: u64,
        redeliveries: u64,
        effects: &mut Vec<Effect>,
    ) {
        self.acks.remove(seq);
        if index.retention() != Retention::Limits {
            self.given_up.insert(seq);
        }
        self.move_floor();
        effects.push(Effect::Notice(Notice::MaxDeliveries {
            stream_seq: seq,
            deliveries: redeliveries + 1,
        }));
        effects.push(Effect::Save);
    }

    pub(super) fn request_reply(&self) -> Option<&Bytes> {
        self.waiting.front().map(|request| &request.reply)
    }
}
