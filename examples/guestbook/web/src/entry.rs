//! An entry of the book: what may be in it, how it is kept, how it looks as JSON.

use std::fmt;

/// The longest name, in characters.
const NAME_CHARS_MAX: usize = 50;
/// The longest message, in characters.
const MESSAGE_CHARS_MAX: usize = 500;

/// A signature in the book.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Entry {
    /// Who signed: one line, not empty.
    pub(crate) name: String,
    /// What they wrote: not empty, perhaps several lines.
    pub(crate) message: String,
    /// When, in seconds since 1970.
    pub(crate) signed_at: u64,
}

/// Why a signature is not accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Rejection {
    Name,
    Message,
}

impl Entry {
    /// An entry of what was sent, without the white space around it.
    pub(crate) fn new(
        name: Option<&String>,
        message: Option<&String>,
        signed_at: u64,
    ) -> Result<Self, Rejection> {
        let name = name.map_or("", |name| name.trim());
        if !is_within(name, NAME_CHARS_MAX) || name.contains(char::is_control) {
            return Err(Rejection::Name);
        }
        // Browsers end the lines of a form with both characters.
        let message = message
            .map_or("", |message| message.trim())
            .replace("\r\n", "\n");
        let has_control = message.contains(|c: char| c.is_control() && c != '\n');
        if !is_within(&message, MESSAGE_CHARS_MAX) || has_control {
            return Err(Rejection::Message);
        }
        Ok(Self {
            name: name.to_owned(),
            message,
            signed_at,
        })
    }

    /// The entry as it is kept: time and name on a line each, then the message.
    pub(crate) fn to_stored(&self) -> String {
        format!("{}\n{}\n{}", self.signed_at, self.name, self.message)
    }

    /// The entry that was kept; `None` for what is not one.
    pub(crate) fn from_stored(stored: &[u8]) -> Option<Self> {
        let mut parts = str::from_utf8(stored).ok()?.splitn(3, '\n');
        let signed_at = parts.next()?.parse().ok()?;
        let (name, message) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        Some(Self {
            name,
            message,
            signed_at,
        })
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => write!(f, "a name has 1 to {NAME_CHARS_MAX} characters on one line"),
            Self::Message => write!(f, "a message has 1 to {MESSAGE_CHARS_MAX} characters"),
        }
    }
}

/// The entries as a JSON array of objects.
pub(crate) fn render_json(entries: &[Entry]) -> String {
    let objects: Vec<String> = entries
        .iter()
        .map(|entry| {
            format!(
                r#"{{"name":{},"message":{},"signed_at":{}}}"#,
                json_string(&entry.name),
                json_string(&entry.message),
                entry.signed_at
            )
        })
        .collect();
    format!("[{}]", objects.join(","))
}

fn json_string(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => json.extend(['\\', character]),
            '\n' => json.push_str("\\n"),
            c if c.is_control() => json.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => json.push(c),
        }
    }
    json.push('"');
    json
}

fn is_within(text: &str, chars_max: usize) -> bool {
    !text.is_empty() && text.chars().count() <= chars_max
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, message: &str) -> Result<Entry, Rejection> {
        Entry::new(Some(&name.to_owned()), Some(&message.to_owned()), 7)
    }

    #[test]
    fn entries_are_trimmed_and_bounded() {
        let signed = entry(" Ada ", " one\r\ntwo ").unwrap();
        assert_eq!(
            (signed.name.as_str(), signed.message.as_str()),
            ("Ada", "one\ntwo")
        );
        assert!(entry(&"é".repeat(50), "x").is_ok());
        assert_eq!(entry(&"é".repeat(51), "x"), Err(Rejection::Name));
        assert_eq!(entry("two\nlines", "x"), Err(Rejection::Name));
        assert_eq!(entry("Ada", "  "), Err(Rejection::Message));
        assert_eq!(entry("Ada", &"x".repeat(501)), Err(Rejection::Message));
        assert_eq!(entry("Ada", "bell \u{7}"), Err(Rejection::Message));
        assert_eq!(Entry::new(None, None, 7), Err(Rejection::Name));
    }

    #[test]
    fn what_is_kept_is_read_back() {
        let signed = entry("Ada", "one\ntwo\n\nthree").unwrap();
        assert_eq!(
            Entry::from_stored(signed.to_stored().as_bytes()),
            Some(signed)
        );
        for broken in [&b""[..], b"7", b"7\nAda", b"x\nAda\nhello", b"\xff"] {
            assert_eq!(Entry::from_stored(broken), None);
        }
    }

    #[test]
    fn json_is_escaped() {
        let signed = entry("A\"da\\", "one\ntwo").unwrap();
        assert_eq!(
            render_json(&[signed]),
            r#"[{"name":"A\"da\\","message":"one\ntwo","signed_at":7}]"#
        );
        assert_eq!(render_json(&[]), "[]");
    }
}
