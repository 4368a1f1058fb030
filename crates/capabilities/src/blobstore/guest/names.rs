//! Names of objects that guests read.

use std::collections::VecDeque;

use futures::StreamExt as _;

use crate::blobstore::{Error, NAMES_MAX, Names};

/// Bytes of names that one call reads, about.
const READ_BYTES_MAX: usize = 1 << 20;

/// A listing, as far as it was not read.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct ObjectNames {
    names: Names,
    ready: VecDeque<String>,
    is_ended: bool,
}

// ===== impl ObjectNames =====

impl ObjectNames {
    pub(super) fn new(names: Names) -> Self {
        Self {
            names,
            ready: VecDeque::new(),
            is_ended: false,
        }
    }

    /// Up to `len` names, and whether these are known to be the last.
    pub(super) async fn read(&mut self, len: u64) -> Result<(Vec<String>, bool), Error> {
        let len = usize::try_from(len).map_or(NAMES_MAX, |len| len.min(NAMES_MAX));
        let (mut read, mut bytes) = (Vec::new(), 0);
        while read.len() < len && bytes < READ_BYTES_MAX {
            let Some(name) = self.next().await? else {
                break;
            };
            bytes += name.len();
            read.push(name);
        }
        Ok((read, self.is_at_end()))
    }

    /// Leaves out up to `count` names; how many, and whether these are known to be the last.
    pub(super) async fn skip(&mut self, count: u64) -> Result<(u64, bool), Error> {
        let mut skipped = 0;
        while skipped < count && self.next().await?.is_some() {
            skipped += 1;
        }
        Ok((skipped, self.is_at_end()))
    }

    async fn next(&mut self) -> Result<Option<String>, Error> {
        while self.ready.is_empty() && !self.is_ended {
            match self.names.next().await {
                Some(Ok(names)) => self.ready.extend(names),
                Some(Err(error)) => {
                    self.is_ended = true;
                    return Err(error);
                }
                None => self.is_ended = true,
            }
        }
        Ok(self.ready.pop_front())
    }

    fn is_at_end(&self) -> bool {
        self.is_ended && self.ready.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    #[tokio::test]
    async fn names_are_read_and_left_out_across_pieces() {
        let pieces = [["a", "b"], ["c", "d"]].map(|piece| Ok(piece.map(str::to_owned).to_vec()));
        let mut names = ObjectNames::new(stream::iter(pieces).boxed());
        assert_eq!(names.skip(1).await.unwrap(), (1, false));
        let (read, is_end) = names.read(2).await.unwrap();
        assert_eq!(
            (read, is_end),
            (vec!["b".to_owned(), "c".to_owned()], false)
        );
        let (read, is_end) = names.read(9).await.unwrap();
        assert_eq!((read, is_end), (vec!["d".to_owned()], true));
        assert_eq!(names.skip(1).await.unwrap(), (0, true));
    }
}
