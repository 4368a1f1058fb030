//! What a target has, compared with what it should have.

use std::cmp::Ordering;

use super::error::{CopyError, Difference};
use super::reader::Reader;
use super::record::Record;

/// Most messages that are removed in one run; a target that differs in more is not worth keeping.
const REMOVED_MAX: usize = 1_000_000;
/// How often progress is told, in messages.
pub(super) const TELL_EVERY: u64 = 256;

/// What a comparison found.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    /// Messages that are the same.
    pub(super) same: u64,
    /// Messages of the target that the source has no more: number and subject.
    pub(super) surplus: Vec<(u64, String)>,
    /// The first message that the source has and the target does not.
    pub(super) missing: Option<u64>,
}

/// What two messages, each the next of its side, are to each other.
#[derive(Debug, Eq, PartialEq)]
enum Pair {
    Same,
    Other,
    /// The source has no message with the target's number.
    Surplus,
    /// The target has no message with the source's number.
    Missing,
}

// ---------------------------------------------------------------------------------------------------------

/// Reads both sides and compares.
pub(super) async fn compare(
    stream: &str,
    mut source: Reader<'_>,
    mut target: Reader<'_>,
    tell: &mut dyn FnMut(u64),
) -> Result<Comparison, CopyError> {
    let mut comparison = Comparison::default();
    let (mut left, mut right) = (source.next().await?, target.next().await?);
    loop {
        let (pair, number) = match (&left, &right) {
            (None, None) => return Ok(comparison),
            (Some(source), None) => (Pair::Missing, source.sequence),
            (None, Some(target)) => (Pair::Surplus, target.sequence),
            (Some(source), Some(target)) => {
                (pair(source, target), source.sequence.min(target.sequence))
            }
        };
        if number.is_multiple_of(TELL_EVERY) {
            tell(number);
        }
        match pair {
            Pair::Same => {
                comparison.same += 1;
                left = source.next().await?;
                right = target.next().await?;
            }
            Pair::Other => return Err(different(stream, Difference::Other(number))),
            Pair::Missing => {
                comparison.missing.get_or_insert(number);
                left = source.next().await?;
            }
            Pair::Surplus => {
                if comparison.surplus.len() == REMOVED_MAX {
                    return Err(different(stream, Difference::Left(number)));
                }
                comparison
                    .surplus
                    .extend(right.take().map(|record| (record.sequence, record.subject)));
                right = target.next().await?;
            }
        }
    }
}

pub(super) fn different(stream: &str, difference: Difference) -> CopyError {
    CopyError::Different {
        stream: stream.to_owned(),
        difference,
    }
}

fn pair(source: &Record, target: &Record) -> Pair {
    match source.sequence.cmp(&target.sequence) {
        Ordering::Less => Pair::Missing,
        Ordering::Greater => Pair::Surplus,
        Ordering::Equal if source.is_same(target) => Pair::Same,
        Ordering::Equal => Pair::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_paired_by_number_and_compared_by_content() {
        let record = |sequence, payload: &'static str| Record {
            sequence,
            subject: "a".to_owned(),
            headers: Vec::new(),
            payload: payload.into(),
        };
        assert_eq!(pair(&record(3, "x"), &record(3, "x")), Pair::Same);
        assert_eq!(pair(&record(3, "x"), &record(3, "y")), Pair::Other);
        assert_eq!(pair(&record(2, "x"), &record(3, "x")), Pair::Missing);
        assert_eq!(pair(&record(4, "x"), &record(3, "x")), Pair::Surplus);
    }
}
