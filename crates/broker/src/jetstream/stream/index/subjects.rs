//! The subjects of a stream, and the sequences of each.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use super::Subject;
use crate::subject;

/// A subject of one stream, as long as it has messages.
pub(super) type SubjectId = u32;

#[derive(Debug, Default)]
pub(super) struct Subjects {
    /// Ordered by name, so that the subjects under a prefix stand together.
    by_name: BTreeMap<Subject, SubjectId>,
    states: Vec<SubjectState>,
    free: Vec<SubjectId>,
}

#[derive(Debug)]
pub(crate) struct SubjectState {
    pub(super) name: Subject,
    pub(super) seqs: Seqs,
}

/// Growing sequences. Most subjects of a bucket have exactly one.
#[derive(Debug)]
pub(super) enum Seqs {
    One(u64),
    Many(VecDeque<u64>),
}

// ---------------------------------------------------------------------------------------------------------

impl Subjects {
    /// The sequences of `names`, each of which is there once; `seqs` has them in order, with the index of its name.
    pub(super) fn restored(
        names: &[Subject],
        seqs: impl Iterator<Item = (SubjectId, u64)> + Clone,
    ) -> Self {
        // Side by side in one piece of memory first, in which it is quick to put each where it belongs.
        let mut ends = vec![0; names.len()];
        for (id, _) in seqs.clone() {
            ends[id as usize] += 1;
        }
        let mut all = 0;
        for end in &mut ends {
            all += std::mem::replace(end, all);
        }
        let mut sorted = vec![0; all];
        for (id, seq) in seqs {
            let end = &mut ends[id as usize];
            sorted[*end] = seq;
            *end += 1;
        }
        let mut subjects = Self::default();
        let mut by_name = Vec::with_capacity(names.len());
        let mut start = 0;
        for ((id, name), end) in (0..).zip(names).zip(ends) {
            let seqs = Seqs::restored(&sorted[start..end]);
            start = end;
            match seqs {
                Some(_) => by_name.push((name.clone(), id)),
                None => subjects.free.push(id),
            }
            subjects.states.push(SubjectState {
                name: name.clone(),
                seqs: seqs.unwrap_or(Seqs::One(0)),
            });
        }
        subjects.by_name = by_name.into_iter().collect();
        subjects
    }

    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    pub(super) fn get(&self, name: &[u8]) -> Option<&SubjectState> {
        self.by_name.get(name).map(|id| self.state(*id))
    }

    pub(super) fn name(&self, id: SubjectId) -> &Subject {
        &self.state(id).name
    }

    /// The subjects matched by `filter`, ordered by name.
    pub(super) fn matching<'a>(
        &'a self,
        filter: &'a [u8],
    ) -> impl Iterator<Item = &'a SubjectState> {
        let prefix = literal_prefix(filter);
        let end = if prefix.len() == filter.len() {
            Bound::Included(prefix)
        } else {
            Bound::Unbounded
        };
        self.by_name
            .range::<[u8], _>((Bound::Included(prefix), end))
            .take_while(move |(name, _)| name.starts_with(prefix))
            .filter(move |(name, _)| subject::matches(name, filter))
            .map(|(_, id)| self.state(*id))
    }

    pub(super) fn add(&mut self, name: &Subject, seq: u64) -> SubjectId {
        if let Some(id) = self.by_name.get(name) {
            let id = *id;
            self.states[id as usize].seqs.push(seq);
            return id;
        }
        let state = SubjectState {
            name: name.clone(),
            seqs: Seqs::One(seq),
        };
        let id = match self.free.pop() {
            Some(id) => {
                self.states[id as usize] = state;
                id
            }
            None => {
                self.states.push(state);
                SubjectId::try_from(self.states.len() - 1)
                    .expect("four thousand million subjects do not fit into memory")
            }
        };
        self.by_name.insert(name.clone(), id);
        id
    }

    /// Removes one sequence of a subject, and the subject with its last.
    pub(super) fn remove(&mut self, id: SubjectId, seq: u64) -> Subject {
        let state = &mut self.states[id as usize];
        let name = state.name.clone();
        if state.seqs.remove(seq) {
            self.by_name.remove(&name);
            self.free.push(id);
        }
        name
    }

    fn state(&self, id: SubjectId) -> &SubjectState {
        &self.states[id as usize]
    }
}

impl Seqs {
    /// `None` for none.
    fn restored(seqs: &[u64]) -> Option<Self> {
        match seqs {
            [] => None,
            [only] => Some(Self::One(*only)),
            many => Some(Self::Many(many.to_vec().into())),
        }
    }

    pub(super) fn len(&self) -> u64 {
        match self {
            Self::One(_) => 1,
            Self::Many(seqs) => seqs.len() as u64,
        }
    }

    pub(super) fn first(&self) -> u64 {
        match self {
            Self::One(seq) => *seq,
            Self::Many(seqs) => seqs.front().copied().unwrap_or_default(),
        }
    }

    pub(super) fn last(&self) -> u64 {
        match self {
            Self::One(seq) => *seq,
            Self::Many(seqs) => seqs.back().copied().unwrap_or_default(),
        }
    }

    pub(super) fn at_or_after(&self, seq: u64) -> Option<u64> {
        match self {
            Self::One(only) => Some(*only).filter(|only| *only >= seq),
            Self::Many(seqs) => seqs.get(seqs.partition_point(|held| *held < seq)).copied(),
        }
    }

    pub(super) fn count_from(&self, seq: u64) -> u64 {
        match self {
            Self::One(only) => u64::from(*only >= seq),
            Self::Many(seqs) => (seqs.len() - seqs.partition_point(|held| *held < seq)) as u64,
        }
    }

    pub(super) fn each(&self) -> impl Iterator<Item = u64> {
        let (one, many) = match self {
            Self::One(seq) => (Some(*seq), None),
            Self::Many(seqs) => (None, Some(seqs.iter().copied())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    /// Those before `end`.
    pub(super) fn before(&self, end: u64) -> Vec<u64> {
        self.each().take_while(|seq| *seq < end).collect()
    }

    fn push(&mut self, seq: u64) {
        match self {
            Self::One(first) => *self = Self::Many(VecDeque::from([*first, seq])),
            Self::Many(seqs) => seqs.push_back(seq),
        }
    }

    /// True if none is left.
    fn remove(&mut self, seq: u64) -> bool {
        match self {
            Self::One(_) => true,
            Self::Many(seqs) => {
                let at = seqs.partition_point(|held| *held < seq);
                if seqs.get(at) == Some(&seq) {
                    seqs.remove(at);
                }
                match (seqs.len(), seqs.front().copied()) {
                    (0, _) => true,
                    (1, Some(only)) => {
                        *self = Self::One(only);
                        false
                    }
                    _ => false,
                }
            }
        }
    }
}

/// The part of a filter before its first wildcard token.
fn literal_prefix(filter: &[u8]) -> &[u8] {
    let mut end = 0;
    for token in subject::tokens(filter) {
        if token == b"*" || token == b">" {
            return &filter[..end];
        }
        end += token.len() + 1;
    }
    filter
}
