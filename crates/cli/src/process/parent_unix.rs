//! The process that started this one.

/// The id of the process that started this one, or of the one that took it over.
pub(super) fn parent_id() -> u32 {
    std::os::unix::process::parent_id()
}
