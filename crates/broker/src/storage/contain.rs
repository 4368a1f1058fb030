//! The database panics at some kinds of damage. For us that is one more error.

use std::panic::{AssertUnwindSafe, catch_unwind};

use fjall::{Error, Guard, Iter, Slice};

/// Records in order, up to the first that cannot be read, whose error is the last item.
pub(super) struct Records(State);

enum State {
    Open(Iter),
    Failed(Error),
    Ended,
}

/// Runs `work`, and takes a panic for damage. What `work` was changing must not be used any more after that.
pub(super) fn contain<T>(work: impl FnOnce() -> fjall::Result<T>) -> fjall::Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Error::Unrecoverable))
}

impl Records {
    pub(super) fn new(open: impl FnOnce() -> Iter) -> Self {
        Self(match contain(|| Ok(open())) {
            Ok(iter) => State::Open(iter),
            Err(error) => State::Failed(error),
        })
    }
}

impl Iterator for Records {
    type Item = fjall::Result<(Slice, Slice)>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = match &mut self.0 {
            State::Open(iter) => contain(|| iter.next().map(Guard::into_inner).transpose()),
            _ => match std::mem::replace(&mut self.0, State::Ended) {
                State::Failed(error) => Err(error),
                _ => Ok(None),
            },
        };
        if !matches!(found, Ok(Some(_))) {
            self.0 = State::Ended;
        }
        found.transpose()
    }
}
