//! What a stream is told.

use super::{Publish, Purge, Release, Remove, Update};

/// What happens to a stream.
#[derive(Debug)]
pub(crate) enum Input<'a> {
    Publish(Publish<'a>),
    Remove(Remove),
    Release(Release),
    Purge(Purge),
    Update(Update),
    /// Time has passed: see [`super::Stream::deadline`].
    Tick,
}
