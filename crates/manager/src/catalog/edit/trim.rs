//! Something that an application left is gone.

use super::Change;
use crate::catalog::record::{ApplicationRecord, RevisionId};

/// Forgets the remnants for which `is_needed` does not hold. An application that was deleted goes altogether when it has
/// none and `is_gone` says that nothing of it runs. `None` when there is nothing to forget.
pub(crate) fn trim(
    before: &ApplicationRecord,
    is_needed: impl Fn(&RevisionId) -> bool,
    is_gone: bool,
) -> Option<Change> {
    let mut record = before.clone();
    record.remnants.retain(is_needed);
    if record.is_deleted && record.remnants.is_empty() && is_gone {
        return Some(Change::new(before, None));
    }
    (record != *before).then(|| Change::new(before, Some(record)))
}
