//! What names and keys may be.

use super::error::BucketError;

/// The longest key or name of a bucket, in bytes.
pub(super) const KEY_BYTES_MAX: usize = 512;

/// Checks the name of a bucket.
pub(super) fn check_bucket(name: &str) -> Result<(), BucketError> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if (1..=KEY_BYTES_MAX).contains(&name.len()) && name.bytes().all(is_allowed) {
        Ok(())
    } else {
        Err(BucketError::Name {
            bucket: name.chars().take(KEY_BYTES_MAX).collect(),
        })
    }
}

/// Checks a key: tokens of letters, digits, `-`, `_`, `=` and `/`, joined by dots.
pub(super) fn check(key: &str) -> Result<(), BucketError> {
    let is_allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=' | b'/');
    let is_token = |token: &str| !token.is_empty() && token.bytes().all(is_allowed);
    if key.len() <= KEY_BYTES_MAX && key.split('.').all(is_token) {
        Ok(())
    } else {
        Err(BucketError::Key {
            key: key.chars().take(KEY_BYTES_MAX).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_tokens_joined_by_dots() {
        for good in ["COMPONENT_my_app-web", "a.b", "x/y=z"] {
            assert!(check(good).is_ok(), "{good:?} was refused");
        }
        let long = "x".repeat(KEY_BYTES_MAX + 1);
        for bad in ["", ".", "a.", ".a", "a..b", "a b", "a*", ">", "ä", &long] {
            assert!(check(bad).is_err(), "{bad:?} was accepted");
        }
        assert!(check_bucket("LATTICEDATA_my-lattice").is_ok());
        for bad in ["", "a.b", "a b", "ä", &long] {
            assert!(check_bucket(bad).is_err(), "{bad:?} was accepted");
        }
    }
}
