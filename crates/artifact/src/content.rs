//! What bytes are.

use crate::par;

/// What the bytes of an artifact are, told by how they begin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ContentKind {
    /// WebAssembly: a component or a core module.
    Component,
    /// A provider archive.
    Archive,
}

impl ContentKind {
    /// What `bytes` are; `None` when they are neither. The first 512 bytes are enough.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(b"\0asm") {
            Some(Self::Component)
        } else {
            par::is_archive(bytes).then_some(Self::Archive)
        }
    }
}
