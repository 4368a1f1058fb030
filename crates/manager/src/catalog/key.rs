//! Keys of the bucket of applications.
//!
//! | key | entry |
//! |---|---|
//! | `app.{name}` | an [`ApplicationRecord`](super::record::ApplicationRecord) |
//! | `rev.{name}.{id}` | a [`RevisionRecord`](super::revision::RevisionRecord) |
//! | `status.{name}` | a [`StatusRecord`](super::status::StatusRecord) |
//!
//! A name stands in its key so that people can read it. What a key cannot hold is written as `=` and two hexadecimal
//! digits for each byte, and where that becomes too long, the name is replaced by `==` and its digest. Hence no two names
//! have one key. The entries have the name itself.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};
use weft_model::digest::Digest;
use weft_model::id::ApplicationName;

use super::record::RevisionId;

const APPLICATION: &str = "app.";
const REVISION: &str = "rev.";
const STATUS: &str = "status.";
/// The longest name that is written out in a key, in bytes.
const TOKEN_BYTES_MAX: usize = 200;

/// What an entry holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Application,
    Revision,
    Status,
    /// Nothing that this version knows.
    Other,
}

/// The key of the record of an application.
pub(crate) fn application(name: &ApplicationName) -> String {
    format!("{APPLICATION}{}", token(name.as_str()))
}

/// The key of a revision of an application.
pub(crate) fn revision(name: &ApplicationName, id: &RevisionId) -> String {
    format!("{REVISION}{}.{}", token(name.as_str()), id.as_str())
}

/// The key of the status of an application.
pub(crate) fn status(name: &ApplicationName) -> String {
    format!("{STATUS}{}", token(name.as_str()))
}

/// What the entry `key` holds.
pub(crate) fn kind(key: &str) -> Kind {
    if key.starts_with(APPLICATION) {
        Kind::Application
    } else if key.starts_with(REVISION) {
        Kind::Revision
    } else if key.starts_with(STATUS) {
        Kind::Status
    } else {
        Kind::Other
    }
}

/// `text` as one token of a key.
fn token(text: &str) -> String {
    let mut token = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') {
            token.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(token, "={byte:02X}");
        }
    }
    if token.len() <= TOKEN_BYTES_MAX {
        return token;
    }
    let digest = Digest::from_bytes(Sha256::digest(text.as_bytes()).into());
    format!("=={}", digest.to_hex())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> ApplicationName {
        text.parse().unwrap()
    }

    #[test]
    fn names_stand_in_keys_as_far_as_they_can() {
        assert_eq!(application(&name("my-app_2")), "app.my-app_2");
        assert_eq!(status(&name("größe")), "status.gr=C3=B6=C3=9Fe");
        let id = RevisionId::new("01J");
        assert_eq!(revision(&name("a"), &id), "rev.a.01J");
        let long = application(&name(&"ö".repeat(128)));
        assert_eq!(long.len(), "app.==".len() + 64);
        assert_eq!(kind(&long), Kind::Application);
        assert_eq!(kind("rev.a.01J"), Kind::Revision);
        assert_eq!(kind("status.a"), Kind::Status);
        assert_eq!(kind("other"), Kind::Other);
    }

    proptest! {
        #[test]
        fn no_two_names_have_one_key(texts in proptest::collection::vec("[a-zA-Z0-9_=öäπ-]{1,90}", 1..20)) {
            let mut keys = BTreeMap::new();
            for text in texts {
                let key = token(&text);
                prop_assert!(key.len() <= TOKEN_BYTES_MAX);
                prop_assert!(key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_=".contains(&byte)));
                let other = keys.insert(key, text.clone());
                prop_assert!(other.is_none_or(|other| other == text));
            }
        }
    }
}
