//! Words, numbers and times.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use strsim::osa_distance;

/// Bytes of a word that is compared with others; longer ones are nobody's misspelling.
const NEAREST_BYTES_MAX: usize = 256;
/// How many similar names are offered.
const NEAREST_MAX: usize = 2;
/// The last second that has a form with four digits for the year.
const SECOND_MAX: u64 = 253_402_300_799;

/// `number` and its noun: `1 problem`, `2 problems`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// A size: `412 B`, `1.2 KiB`, `3.0 GiB`.
pub(crate) fn render_bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut tenths = u128::from(bytes) * 10;
    let mut unit = "";
    for next in UNITS {
        if tenths < 10_240 {
            break;
        }
        tenths /= 1024;
        unit = next;
    }
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

/// A moment, in seconds since 1970, as RFC 3339 in UTC.
pub(crate) fn render_time(seconds: u64) -> String {
    let time = UNIX_EPOCH + Duration::from_secs(seconds.min(SECOND_MAX));
    humantime::format_rfc3339_seconds(time).to_string()
}

/// How long something took: `412 ms`, `1.2 s`, `2 min 5 s`.
pub(crate) fn render_elapsed(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    match seconds {
        0 => format!("{} ms", elapsed.as_millis()),
        1..60 => format!("{seconds}.{} s", elapsed.subsec_millis() / 100),
        _ => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

/// How long something has been there, in its two largest units: `3d 4h`, `5m 12s`.
pub(crate) fn render_uptime(uptime: Duration) -> String {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let mut rest = uptime.as_secs();
    let parts: Vec<String> = UNITS
        .iter()
        .map(|(seconds, unit)| {
            let count = rest / seconds;
            rest %= seconds;
            (count, unit)
        })
        .skip_while(|(count, _)| *count == 0)
        .take(2)
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    if parts.is_empty() {
        "0s".to_owned()
    } else {
        parts.join(" ")
    }
}

/// `words` as a list in a sentence: `a`, `b` and `c`, each between backticks.
pub(crate) fn join_words<W: AsRef<str>>(words: &[W]) -> String {
    let quoted: Vec<String> = words
        .iter()
        .map(|word| format!("`{}`", printable(word.as_ref())))
        .collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// `key=value` for each entry, joined by commas.
pub(crate) fn render_pairs(pairs: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    pairs.join(",")
}

/// The candidates that `word` was probably meant to be, nearest first: at most [`NEAREST_MAX`], each at most one edit
/// away for each three letters, or beginning with `word`.
pub(crate) fn nearest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Vec<&'c str> {
    if word.is_empty() || word.len() > NEAREST_BYTES_MAX {
        return Vec::new();
    }
    let distance_max = (word.chars().count() / 3).max(1);
    let word = word.to_lowercase();
    let mut near: Vec<(usize, &str)> = candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= NEAREST_BYTES_MAX)
        .filter_map(|candidate| {
            let lower = candidate.to_lowercase();
            let distance = osa_distance(&word, &lower);
            if distance <= distance_max {
                Some((distance, candidate))
            } else if lower.starts_with(&word) {
                Some((distance_max + 1, candidate))
            } else {
                None
            }
        })
        .collect();
    near.sort_unstable();
    near.dedup();
    near.truncate(NEAREST_MAX);
    near.into_iter().map(|(_, candidate)| candidate).collect()
}

/// `text` in one line that is safe to print: what controls a terminal becomes a space, and white space in a row one.
///
/// Texts from the lattice were written by anybody.
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if !character.is_control() && character != ' ' {
            out.push(character);
        } else if !out.ends_with(' ') {
            out.push(' ');
        }
    }
    out.trim().to_owned()
}

/// As [`printable`], but keeps the indentation.
pub(crate) fn printable_line(text: &str) -> String {
    let indent = text.len() - text.trim_start_matches(' ').len();
    format!("{}{}", &text[..indent], printable(text))
}

/// `url` without a user and password, fit to be shown.
pub(crate) fn without_user(url: &str) -> String {
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), url),
    };
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}{host}")
}

/// `text`, cut to `characters_max` with a mark where it was cut.
pub(crate) fn shorten(text: &str, characters_max: usize) -> String {
    match text.char_indices().nth(characters_max) {
        None => text.to_owned(),
        Some(_) => {
            let kept: String = text
                .chars()
                .take(characters_max.saturating_sub(1))
                .collect();
            format!("{kept}…")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_to_what_matters() {
        let check = |millis, elapsed: &str, uptime: &str| {
            let duration = Duration::from_millis(millis);
            assert_eq!(render_elapsed(duration), elapsed);
            assert_eq!(render_uptime(duration), uptime);
        };
        check(7, "7 ms", "0s");
        check(1_290, "1.2 s", "1s");
        check(125_000, "2 min 5 s", "2m 5s");
        check(90_000_000, "1500 min 0 s", "1d 1h");
        check(86_400_000, "1440 min 0 s", "1d 0h");
    }

    #[test]
    fn words_make_a_sentence() {
        assert_eq!(count(1, "problem"), "1 problem");
        assert_eq!(count(0, "problem"), "0 problems");
        assert_eq!(join_words::<&str>(&[]), "");
        assert_eq!(join_words(&["a"]), "`a`");
        assert_eq!(join_words(&["a", "b", "c"]), "`a`, `b` and `c`");
    }

    #[test]
    fn similar_names_are_offered() {
        let known = ["guestbook", "guestroom", "shop", "guest"];
        assert_eq!(nearest("guestbok", known), ["guestbook"]);
        assert_eq!(nearest("GUEST", known), ["guest", "guestbook"]);
        assert_eq!(nearest("bank", known), [""; 0]);
        assert_eq!(nearest("", known), [""; 0]);
    }

    #[test]
    fn users_of_urls_are_not_shown() {
        let check = |url: &str, expected: &str| assert_eq!(without_user(url), expected);
        check("nats://ada:p@ss@host:4222", "nats://host:4222");
        check("tls://token@host", "tls://host");
        check("host:4222", "host:4222");
    }

    #[test]
    fn what_controls_a_terminal_is_not_printed() {
        assert_eq!(printable("a\u{1b}[31mb\n\n  c\u{7}"), "a [31mb c");
        assert_eq!(printable_line("  a\tb "), "  a b");
        assert_eq!(shorten("größer", 4), "grö…");
        assert_eq!(shorten("groß", 4), "groß");
    }
}
