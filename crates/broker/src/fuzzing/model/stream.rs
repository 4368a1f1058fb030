//! What a stream does, told as simply as possible.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::SECOND;
use crate::jetstream::clock::Nanos;
use crate::subject;

/// What a message in a file counts for beside subject, headers and body.
const OVERHEAD: u64 = 30;
const HEADER_OVERHEAD: u64 = 4;

#[derive(Debug, Clone)]
pub(super) struct Config {
    pub(super) max_msgs: Option<u64>,
    pub(super) max_msgs_per_subject: Option<u64>,
    pub(super) max_bytes: Option<u64>,
    pub(super) max_msg_size: Option<u64>,
    pub(super) max_age: Nanos,
    pub(super) is_discard_new: bool,
    pub(super) is_discard_new_per_subject: bool,
    pub(super) duplicate_window: Nanos,
    pub(super) has_rollup: bool,
    pub(super) has_ttl: bool,
    pub(super) denies_delete: bool,
    pub(super) denies_purge: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Publish {
    pub(super) subject: &'static str,
    pub(super) body_len: usize,
    pub(super) id: Option<&'static str>,
    pub(super) expected_last: Option<u64>,
    pub(super) expected_last_of_subject: Option<u64>,
    pub(super) expected_last_id: Option<&'static str>,
    pub(super) rollup: Option<Rollup>,
    pub(super) ttl: Option<Ttl>,
    /// Makes bodies differ.
    pub(super) salt: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rollup {
    Subject,
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ttl {
    Never,
    Seconds(u64),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Stored(u64),
    Duplicate(u64),
    Refused,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) messages: u64,
    pub(super) bytes: u64,
    pub(super) first_seq: u64,
    pub(super) last_seq: u64,
    pub(super) subjects: u64,
    pub(super) deleted: Vec<u64>,
}

#[derive(Debug)]
pub(super) struct Model {
    pub(super) config: Config,
    messages: BTreeMap<u64, Message>,
    last_seq: u64,
    /// All was purged at some time.
    was_emptied: bool,
    /// Ids with their sequence and time, the latest last.
    ids: Vec<(&'static str, u64, Nanos)>,
    last_id: Option<&'static str>,
}

#[derive(Debug)]
struct Message {
    publish: Publish,
    time: Nanos,
}

// ---------------------------------------------------------------------------------------------------------

impl Config {
    pub(super) fn to_json(&self) -> Value {
        let limit = |value: Option<u64>| value.map_or_else(|| json!(-1), Value::from);
        json!({
            "name": "S",
            "subjects": ["s.>"],
            "allow_direct": true,
            "max_msgs": limit(self.max_msgs),
            "max_msgs_per_subject": limit(self.max_msgs_per_subject),
            "max_bytes": limit(self.max_bytes),
            "max_msg_size": limit(self.max_msg_size),
            "max_age": self.max_age,
            "discard": if self.is_discard_new { "new" } else { "old" },
            "discard_new_per_subject": self.is_discard_new_per_subject,
            "duplicate_window": self.duplicate_window,
            "allow_rollup_hdrs": self.has_rollup,
            "allow_msg_ttl": self.has_ttl,
            "deny_delete": self.denies_delete,
            "deny_purge": self.denies_purge,
        })
    }
}

impl Publish {
    /// The header block; empty if there is nothing to say.
    pub(super) fn header(&self) -> String {
        let rollup = self.rollup.map(|rollup| match rollup {
            Rollup::Subject => "sub".to_owned(),
            Rollup::All => "all".to_owned(),
        });
        let ttl = self.ttl.map(|ttl| match ttl {
            Ttl::Never => "never".to_owned(),
            Ttl::Seconds(seconds) => format!("{seconds}s"),
        });
        let expected_last = self.expected_last.map(|seq| seq.to_string());
        let of_subject = self.expected_last_of_subject.map(|seq| seq.to_string());
        let lines: String = [
            ("Nats-Msg-Id", self.id.map(str::to_owned)),
            ("Nats-Expected-Last-Sequence", expected_last),
            ("Nats-Expected-Last-Subject-Sequence", of_subject),
            (
                "Nats-Expected-Last-Msg-Id",
                self.expected_last_id.map(str::to_owned),
            ),
            ("Nats-Rollup", rollup),
            ("Nats-TTL", ttl),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name}: {}\r\n", value?)))
        .collect();
        match lines.as_str() {
            "" => lines,
            _ => format!("NATS/1.0\r\n{lines}\r\n"),
        }
    }

    pub(super) fn body(&self) -> String {
        let mut body = self.salt.to_string().repeat(20);
        body.truncate(self.body_len);
        body
    }

    fn size(&self) -> u64 {
        let header = self.header().len() as u64;
        let overhead = OVERHEAD + if header > 0 { HEADER_OVERHEAD } else { 0 };
        overhead + header + (self.subject.len() + self.body_len) as u64
    }
}

impl Model {
    pub(super) fn new(config: Config) -> Self {
        Self {
            config,
            messages: BTreeMap::new(),
            last_seq: 0,
            was_emptied: false,
            ids: Vec::new(),
            last_id: None,
        }
    }

    pub(super) fn last_seq(&self) -> u64 {
        self.last_seq
    }

    pub(super) fn last_of(&self, subject: &str) -> Option<u64> {
        self.seqs_of(subject).last().copied()
    }

    /// Sequence, subject and body.
    pub(super) fn get(&self, seq: u64) -> Option<(u64, String, String)> {
        let publish = &self.messages.get(&seq)?.publish;
        Some((seq, publish.subject.to_owned(), publish.body()))
    }

    pub(super) fn state(&self) -> State {
        let first = self.messages.keys().next().copied();
        let mut subjects: Vec<_> = self
            .messages
            .values()
            .map(|held| held.publish.subject)
            .collect();
        subjects.sort_unstable();
        subjects.dedup();
        let after_last = if self.last_seq == 0 && !self.was_emptied {
            0
        } else {
            self.last_seq + 1
        };
        State {
            messages: self.messages.len() as u64,
            bytes: self.bytes(),
            first_seq: first.unwrap_or(after_last),
            last_seq: self.last_seq,
            subjects: subjects.len() as u64,
            deleted: first
                .into_iter()
                .flat_map(|first| first..=self.last_seq)
                .filter(|seq| !self.messages.contains_key(seq))
                .collect(),
        }
    }

    pub(super) fn publish(&mut self, now: Nanos, publish: &Publish) -> Answer {
        if publish.ttl.is_some() && !self.config.has_ttl {
            return Answer::Refused;
        }
        let window = self.config.duplicate_window;
        self.ids.retain(|(_, _, time)| time + window > now);
        if let Some((_, seq, _)) = self
            .ids
            .iter()
            .rev()
            .find(|(id, ..)| Some(*id) == publish.id)
        {
            return Answer::Duplicate(*seq);
        }
        let last_of_subject = self.last_of(publish.subject).unwrap_or(0);
        let is_expected = publish.expected_last.is_none_or(|seq| seq == self.last_seq)
            && publish
                .expected_last_of_subject
                .is_none_or(|seq| seq == last_of_subject)
            && (publish.expected_last_id.is_none() || publish.expected_last_id == self.last_id);
        let is_allowed = publish.rollup.is_none() || self.config.has_rollup;
        if !is_expected || !is_allowed || self.is_too_large(publish) || !self.has_room(publish) {
            return Answer::Refused;
        }
        self.store(now, publish);
        Answer::Stored(self.last_seq)
    }

    pub(super) fn delete(&mut self, seq: u64) -> bool {
        !self.config.denies_delete && self.messages.remove(&seq).is_some()
    }

    /// How many were purged, if that is allowed.
    pub(super) fn purge(&mut self, filter: &str, before: u64, keep: u64) -> Option<u64> {
        if self.config.denies_purge {
            return None;
        }
        self.was_emptied |= filter.is_empty() && before == 0 && keep == 0;
        let filter = if filter.is_empty() { ">" } else { filter };
        let mut seqs: Vec<u64> = self
            .messages
            .iter()
            .filter(|(_, held)| {
                subject::matches(held.publish.subject.as_bytes(), filter.as_bytes())
            })
            .map(|(seq, _)| *seq)
            .collect();
        if before > 0 {
            seqs.retain(|seq| *seq < before);
        }
        let kept = usize::try_from(keep).unwrap();
        seqs.truncate(seqs.len().saturating_sub(kept));
        for seq in &seqs {
            self.messages.remove(seq);
        }
        Some(seqs.len() as u64)
    }

    /// Lets messages go whose time is over.
    pub(super) fn expire(&mut self, now: Nanos) {
        let max_age = self.config.max_age;
        self.messages.retain(|_, held| {
            let is_too_old = max_age > 0 && held.time + max_age <= now;
            match held.publish.ttl {
                Some(Ttl::Never) => true,
                Some(Ttl::Seconds(seconds)) => {
                    let ttl = i64::try_from(seconds).unwrap() * SECOND;
                    !is_too_old && held.time + ttl > now
                }
                None => !is_too_old,
            }
        });
    }

    /// Ids are known by what is stored.
    pub(super) fn restart(&mut self, now: Nanos) {
        let ids = self.messages.iter();
        self.ids = ids
            .filter_map(|(seq, held)| Some((held.publish.id?, *seq, held.time)))
            .collect();
        self.last_id = self
            .messages
            .values()
            .next_back()
            .and_then(|held| held.publish.id);
        self.expire(now);
    }

    fn store(&mut self, now: Nanos, publish: &Publish) {
        self.last_seq += 1;
        let seq = self.last_seq;
        self.last_id = publish.id;
        if let Some(id) = publish.id {
            self.ids.push((id, seq, now));
        }
        let message = Message {
            publish: publish.clone(),
            time: now,
        };
        match publish.rollup {
            Some(Rollup::All) => self.messages.clear(),
            Some(Rollup::Subject) => {
                self.messages
                    .retain(|_, held| held.publish.subject != publish.subject);
            }
            None => {}
        }
        self.messages.insert(seq, message);
        let of_subject = self.seqs_of(publish.subject);
        let kept = self.config.max_msgs_per_subject.unwrap_or(u64::MAX);
        let surplus = (of_subject.len() as u64).saturating_sub(kept);
        for old in of_subject.iter().take(usize::try_from(surplus).unwrap()) {
            self.messages.remove(old);
        }
        while self.messages.len() as u64 > self.config.max_msgs.unwrap_or(u64::MAX)
            || self.bytes() > self.config.max_bytes.unwrap_or(u64::MAX)
        {
            self.messages.pop_first();
        }
    }

    fn is_too_large(&self, publish: &Publish) -> bool {
        let len = publish.header().len() + publish.body_len;
        self.config.max_msg_size.is_some_and(|max| len as u64 > max)
    }

    /// Whether a stream that discards what is new takes a message.
    fn has_room(&self, publish: &Publish) -> bool {
        if !self.config.is_discard_new {
            return true;
        }
        let of_subject = self.seqs_of(publish.subject);
        let replaced = self
            .config
            .max_msgs_per_subject
            .filter(|max| of_subject.len() as u64 >= *max)
            .and_then(|_| of_subject.first());
        if replaced.is_some() && self.config.is_discard_new_per_subject {
            return false;
        }
        let is_full = self
            .config
            .max_msgs
            .is_some_and(|max| self.messages.len() as u64 >= max);
        if is_full && replaced.is_none() {
            return false;
        }
        let size = publish.size();
        let is_over = self
            .config
            .max_bytes
            .is_some_and(|max| self.bytes() + size >= max);
        let freed = replaced.map_or(0, |seq| self.messages[seq].publish.size());
        !is_over || (replaced.is_some() && freed >= size)
    }

    fn bytes(&self) -> u64 {
        self.messages.values().map(|held| held.publish.size()).sum()
    }

    fn seqs_of(&self, subject: &str) -> Vec<u64> {
        self.messages
            .iter()
            .filter(|(_, held)| held.publish.subject == subject)
            .map(|(seq, _)| *seq)
            .collect()
    }
}
