//! Subjects: dot-separated tokens; in a filter `*` stands for one token and a final `>` for one or more.
//!
//! Subjects are bytes, as the protocol never promised UTF-8.

mod index;
#[cfg(test)]
mod tests;

pub(crate) use index::{Entry, SubjectIndex};

const DOT: u8 = b'.';

/// Most tokens of a filter.
pub(crate) const TOKENS_MAX: usize = 512;

/// The tokens of a subject, empty ones included.
pub(crate) fn tokens(subject: &[u8]) -> impl Iterator<Item = &[u8]> {
    subject.split(|byte| *byte == DOT)
}

/// Whether `filter` may be subscribed to: no empty token, no white space, `>` only at the end, and not so many
/// tokens that a tree of them would be too deep.
pub(crate) fn is_valid_filter(filter: &[u8]) -> bool {
    let mut ended = false;
    for (at, token) in tokens(filter).enumerate() {
        if at >= TOKENS_MAX
            || ended
            || token.is_empty()
            || token.iter().any(u8::is_ascii_whitespace)
        {
            return false;
        }
        ended = token == b">";
    }
    true
}

/// Whether some token of `subject` is `*` or `>`.
pub(crate) fn has_wildcard(subject: &[u8]) -> bool {
    // Most subjects hold neither byte at all, which is much quicker to see than their tokens.
    memchr::memchr2(b'*', b'>', subject).is_some()
        && tokens(subject).any(|token| token == b"*" || token == b">")
}

/// Whether `subject` is valid and without wildcards: what a message may be published under.
pub(crate) fn is_valid_literal(subject: &[u8]) -> bool {
    is_valid_filter(subject) && !has_wildcard(subject)
}

/// Whether the literal `subject` is matched by `filter`.
pub(crate) fn matches(subject: &[u8], filter: &[u8]) -> bool {
    is_subset(subject, filter)
}

/// Whether everything that `inner` matches is matched by `outer` too.
pub(crate) fn is_subset(inner: &[u8], outer: &[u8]) -> bool {
    let mut inner = tokens(inner);
    for outer_token in tokens(outer) {
        let Some(inner_token) = inner.next() else {
            return false;
        };
        match outer_token {
            b">" => return true,
            b"*" if inner_token != b">" => {}
            _ if inner_token == outer_token => {}
            _ => return false,
        }
    }
    inner.next().is_none()
}

/// Whether some literal subject is matched by both filters.
pub(crate) fn collide(left: &[u8], right: &[u8]) -> bool {
    let (mut left, mut right) = (tokens(left), tokens(right));
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (None, _) | (_, None) => return false,
            (Some(b">"), _) | (_, Some(b">")) => return true,
            (Some(b"*"), _) | (_, Some(b"*")) => {}
            (Some(a), Some(b)) if a == b => {}
            _ => return false,
        }
    }
}

/// Whether `name` may name a stream or a consumer: not empty, no dot, wildcard or white space.
pub(crate) fn is_valid_name(name: &str) -> bool {
    !name.is_empty()
        && !name.bytes().any(|byte| {
            matches!(byte, b'.' | b'*' | b'>') || byte.is_ascii_whitespace() || byte == 0
        })
}
