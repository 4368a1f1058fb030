//! Where a consumer begins.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::flow::Window;
use super::{Acks, Consumer, Position, Saved};
use crate::jetstream::clock::{Now, WallTime};
use crate::jetstream::config::{ConsumerConfig, DeliverPolicy};
use crate::jetstream::stream::{Filters, Index};

/// The messages that a consumer of "last per subject" begins with: those that were last when it was made.
#[derive(Debug)]
pub(super) struct SkipList {
    /// In order; all at most `upto`.
    pub(super) seqs: VecDeque<u64>,
    /// The last sequence of the stream at that time.
    pub(super) upto: u64,
}

impl Consumer {
    /// A new consumer with a checked configuration.
    pub(crate) fn new(
        now: Now,
        stream: Arc<str>,
        name: Arc<str>,
        config: ConsumerConfig,
        index: &Index,
    ) -> Self {
        let filters = Filters::new(config.filters());
        let (next, skip) = start(&config, &filters, index);
        let first = skip.as_ref().and_then(|skip| skip.seqs.front().copied());
        let before = Position {
            consumer: 0,
            stream: first.unwrap_or(next) - 1,
        };
        let mut consumer = Self {
            stream,
            name,
            window: config.flow_control.then(Window::new),
            config,
            filters,
            created: now.wall,
            next,
            skip,
            num_pending: 0,
            delivered: before,
            floor: before,
            last_delivered: None,
            last_acked: None,
            acks: Acks::default(),
            given_up: BTreeSet::new(),
            is_active: false,
            heartbeat_due: None,
            waiting: VecDeque::new(),
            idle_since: Some(now.tick),
        };
        consumer.recount(index);
        consumer
    }

    /// A consumer as it was before the last start. Messages that await an acknowledgement get their full time
    /// again.
    pub(crate) fn restore(
        now: Now,
        stream: Arc<str>,
        name: Arc<str>,
        config: ConsumerConfig,
        created: WallTime,
        saved: &Saved,
        index: &Index,
    ) -> Self {
        let mut consumer = Self::new(now, stream, name, config, index);
        consumer.created = created;
        consumer.next = saved.next.max(index.first_seq()).max(1);
        consumer.skip = saved.skip_upto.map(|upto| SkipList {
            seqs: saved.skip.iter().copied().collect(),
            upto,
        });
        consumer.delivered = saved.delivered;
        consumer.floor = saved.floor;
        for pending in &saved.pending {
            if index.get(pending.stream_seq).is_some() {
                let due = now.tick.plus(consumer.ack_wait(pending.redeliveries));
                consumer.acks.restore(pending, due);
            }
        }
        let given_up = saved.given_up.iter().copied();
        consumer.given_up = given_up.filter(|seq| index.get(*seq).is_some()).collect();
        consumer.recount(index);
        consumer
    }

    /// Counts anew what is still to be delivered.
    pub(super) fn recount(&mut self, index: &Index) {
        let (skipped, from) = match &mut self.skip {
            Some(skip) => {
                skip.seqs.retain(|seq| index.get(*seq).is_some());
                (skip.seqs.len() as u64, self.next.max(skip.upto + 1))
            }
            None => (0, self.next),
        };
        self.num_pending = skipped + index.count_from(from, &self.filters);
    }
}

/// The first sequence to look at, and what to deliver before it.
fn start(config: &ConsumerConfig, filters: &Filters, index: &Index) -> (u64, Option<SkipList>) {
    let (first, last) = (index.first_seq(), index.last_seq());
    let wanted = match config.deliver_policy {
        DeliverPolicy::All => first,
        DeliverPolicy::New => last + 1,
        DeliverPolicy::Last => {
            let of_filter = filters.each().filter_map(|filter| index.last_of(filter));
            if filters.is_all() {
                last
            } else {
                of_filter.max().unwrap_or(last + 1)
            }
        }
        DeliverPolicy::LastPerSubject => {
            let skip = SkipList {
                seqs: index.last_per_subject(filters).into(),
                upto: last,
            };
            return (last + 1, Some(skip).filter(|skip| !skip.seqs.is_empty()));
        }
        DeliverPolicy::ByStartSequence => config.opt_start_seq,
        DeliverPolicy::ByStartTime => {
            let time = config.opt_start_time.as_deref().and_then(WallTime::parse);
            time.map_or(first, |time| index.seq_at(time))
        }
    };
    let next = if first == 0 {
        1
    } else {
        wanted.clamp(first, last + 1)
    };
    (next, None)
}
