//! Rules and generation of names (spec §9.3, §9.9).

use strsim::osa_distance;
use weft_model::id::ApplicationName;

/// The longest word for which a near one is looked for, in bytes.
const NEAREST_BYTES_MAX: usize = 64;

/// The id of a component, provider or inline config: application and name, each lower-cased and with everything but
/// ASCII letters and digits replaced by `_`, joined by `-` (spec §9.9).
pub(crate) fn generated_id(application: &ApplicationName, name: &str) -> String {
    format!("{}-{}", sanitized(application.as_str()), sanitized(name))
}

fn sanitized(text: &str) -> String {
    text.to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect()
}

/// Whether `key` may be the key of an annotation or label: `[prefix/]name`, the prefix a DNS name of at most 253
/// bytes, the name at most 63 letters, digits, `-`, `_` and `.` that begins and ends with a letter or digit.
pub(crate) fn is_metadata_key(key: &str) -> bool {
    match key.split_once('/') {
        Some((prefix, name)) => is_dns_name(prefix) && is_label(name),
        None => is_label(key),
    }
}

fn is_dns_name(text: &str) -> bool {
    text.len() <= 253
        && text.split('.').all(|part| {
            part.len() <= 63
                && part.starts_with(|c: char| c.is_ascii_alphabetic())
                && part.ends_with(|c: char| c.is_ascii_alphanumeric())
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
}

fn is_label(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// The candidate that `word` was probably meant to be: at most one edit away for each three letters. Ties go to the
/// first.
pub(crate) fn nearest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    if word.len() > NEAREST_BYTES_MAX {
        return None;
    }
    let distance_max = (word.chars().count() / 3).max(1);
    let word = word.to_lowercase();
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= NEAREST_BYTES_MAX)
        .map(|candidate| (osa_distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|&(distance, _)| distance <= distance_max)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_made_as_wadm_makes_them() {
        let check = |application: &str, name: &str, expected: &str| {
            assert_eq!(generated_id(&application.parse().unwrap(), name), expected);
        };
        check("my-app", "http-hello", "my_app-http_hello");
        check(
            "My.App".replace('.', "_").as_str(),
            "KV store",
            "my_app-kv_store",
        );
        check("hello-app", "größe", "hello_app-gr__e");
    }

    #[test]
    fn keys_have_a_dns_prefix_and_a_short_name() {
        for good in [
            "version",
            "app.oam.io/implements",
            "experimental.wasmcloud.dev/shared",
            "weft.digest/http-hello",
            &"k".repeat(63),
        ] {
            assert!(is_metadata_key(good), "{good:?} was refused");
        }
        for bad in [
            "",
            "a b",
            "/x",
            "x/",
            "a/b/c",
            "-a",
            "a-",
            "1x.y/z",
            "a..b/c",
            &"k".repeat(64),
        ] {
            assert!(!is_metadata_key(bad), "{bad:?} was accepted");
        }
    }

    #[test]
    fn the_nearest_word_is_a_few_letters_away() {
        let known = ["image", "id", "config", "secrets"];
        assert_eq!(nearest("imgae", known), Some("image"));
        assert_eq!(nearest("Configs", known), Some("config"));
        assert_eq!(nearest("volume", known), None);
    }
}
