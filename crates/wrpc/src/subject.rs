//! Subjects of calls (spec §4.1, §4.2).

use std::fmt;
use std::sync::Arc;

use crate::route::Form;
use crate::ty::Path;

/// The protocol's name and version in every subject of a call.
const PROTOCOL: &str = "wrpc.0.0.1";
/// The same for calls in the short form.
const SHORT_PROTOCOL: &str = "weft.1";
/// What follows the root of an end that is asked whether it still knows a call, and that of the one who asks.
pub(crate) const ALIVE: &str = "a";
/// The longest subject of a function, in bytes: nats-server's control line is 4,096 bytes and holds a reply as well.
pub const SUBJECT_BYTES_MAX: usize = 1024;

/// Who is called: `{lattice}.{id}`. It is also the queue group of all who serve the same id.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Prefix(Arc<str>);

/// Why something is no subject.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SubjectError {
    /// An empty token, or a character that has a meaning in subjects or ends them.
    #[error("`{text}` cannot be part of a subject")]
    Token {
        /// The part.
        text: String,
    },
    /// Longer than [`SUBJECT_BYTES_MAX`].
    #[error("a subject of {bytes} bytes is too long, at most {SUBJECT_BYTES_MAX} are allowed")]
    TooLong {
        /// How long it would be.
        bytes: usize,
    },
}

/// What a message to a root of ours is, by what follows the root in its subject.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Tail {
    /// Nothing: an accept, an answer, a failure.
    Root,
    /// A part of the parameters or results.
    Data(Path),
    /// Permission to send on a path, or word that nobody reads it.
    Window(Path),
    /// Whether the call is still known, or the answer to that.
    Alive,
}

// ===== impl Prefix =====

impl Prefix {
    /// The prefix of what has `id` in `lattice`. An id with dots makes several tokens, as in 1.9.
    ///
    /// # Errors
    ///
    /// When one of them cannot be part of a subject.
    pub fn new(lattice: &str, id: &str) -> Result<Self, SubjectError> {
        check(lattice)?;
        check(id)?;
        Ok(Self(format!("{lattice}.{id}").into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id.
    pub fn id(&self) -> &str {
        self.0.split_once('.').map_or("", |(_, id)| id)
    }

    /// The subject of a function; one at the root of a world has an empty `instance`. `function` is the name of the
    /// wire, without `[method]` and its like: see [`wire_name`].
    ///
    /// # Errors
    ///
    /// When a part cannot be part of a subject, or all is too long.
    pub fn function(&self, instance: &str, function: &str) -> Result<String, SubjectError> {
        self.subject(PROTOCOL, instance, function)
    }

    /// The subject of the same function for calls in the short form.
    pub(crate) fn short_function(
        &self,
        instance: &str,
        function: &str,
    ) -> Result<String, SubjectError> {
        self.subject(SHORT_PROTOCOL, instance, function)
    }

    fn subject(
        &self,
        protocol: &str,
        instance: &str,
        function: &str,
    ) -> Result<String, SubjectError> {
        check(function)?;
        let subject = if instance.is_empty() {
            format!("{self}.{protocol}.{function}")
        } else {
            check(instance)?;
            format!("{self}.{protocol}.{instance}.{function}")
        };
        match subject.len() {
            0..=SUBJECT_BYTES_MAX => Ok(subject),
            bytes => Err(SubjectError::TooLong { bytes }),
        }
    }

    /// The patterns of all subjects of functions, in the full form and in the short one.
    pub(crate) fn functions(&self) -> [String; 2] {
        [PROTOCOL, SHORT_PROTOCOL].map(|protocol| format!("{self}.{protocol}.>"))
    }

    /// Instance and function of a subject with this prefix, and the form of what is sent to it.
    pub(crate) fn parse_function<'s>(&self, subject: &'s str) -> Option<(&'s str, Form)> {
        let tail = subject.strip_prefix(&*self.0)?.strip_prefix('.')?;
        let forms = [(PROTOCOL, Form::Full), (SHORT_PROTOCOL, Form::Short)];
        forms.into_iter().find_map(|(protocol, form)| {
            let function = tail.strip_prefix(protocol)?.strip_prefix('.')?;
            Some((function, form))
        })
    }

    /// Where callers of Weft say that they have given a call up.
    pub(crate) fn cancellations(&self) -> String {
        format!("weft.rpc.cancel.{self}")
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn check(text: &str) -> Result<(), SubjectError> {
    let is_token = |token: &str| {
        !token.is_empty()
            && !token
                .chars()
                .any(|c| matches!(c, '*' | '>') || c.is_whitespace() || c.is_control())
    };
    if text.split('.').all(is_token) {
        Ok(())
    } else {
        Err(SubjectError::Token {
            text: text.chars().take(256).collect(),
        })
    }
}

/// The name of a function on the wire: `[method]bucket.get` is `bucket.get`, `[constructor]bucket` is `bucket`.
pub fn wire_name(function: &str) -> &str {
    match function
        .strip_prefix('[')
        .and_then(|name| name.split_once(']'))
    {
        Some((_, name)) => name,
        None => function,
    }
}

// ===== impl Tail =====

impl Tail {
    /// Reads what follows a root; `None` for what is no part of a call. `data` is the name of the direction that comes
    /// in: callers get results, callees parameters, and as no root is both, either is taken.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let Some(text) = text.strip_prefix('.') else {
            return text.is_empty().then_some(Self::Root);
        };
        if text == ALIVE {
            return Some(Self::Alive);
        }
        let (kind, path) = text.split_once('.').unwrap_or((text, ""));
        // A dot at the end is no path.
        if path.is_empty() && kind.len() != text.len() {
            return None;
        }
        let path = Path::parse(path)?;
        match kind {
            "params" | "results" => Some(Self::Data(path)),
            "w" => Some(Self::Window(path)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_addressed_as_1_9_does() {
        let prefix = Prefix::new("default", "http-hello").unwrap();
        let subject = prefix.function("wrpc:http/incoming-handler@0.1.0", "handle");
        assert_eq!(
            subject.unwrap(),
            "default.http-hello.wrpc.0.0.1.wrpc:http/incoming-handler@0.1.0.handle"
        );
        let root = prefix
            .function("", wire_name("[method]bucket.get"))
            .unwrap();
        assert_eq!(root, "default.http-hello.wrpc.0.0.1.bucket.get");
        assert_eq!(wire_name("[constructor]bucket"), "bucket");
        for bad in ["", "a b", "a.*", "a..b", "x\r\nPUB y"] {
            assert!(
                prefix.function(bad, "f").is_err() != bad.is_empty(),
                "{bad}"
            );
            assert!(Prefix::new("default", bad).is_err(), "{bad}");
        }
        assert!(prefix.function(&"x".repeat(2000), "f").is_err());
    }

    #[test]
    fn tails_are_read_strictly() {
        let path = Path::ROOT.child(0).and_then(|path| path.child(12)).unwrap();
        let cases = [
            ("", Some(Tail::Root)),
            (".results", Some(Tail::Data(Path::ROOT))),
            (".params.0.12", Some(Tail::Data(path))),
            (".w.0.12", Some(Tail::Window(path))),
            (".a", Some(Tail::Alive)),
            (".a.0", None),
            (".results.", None),
            (".results.+1", None),
            (".results.0.0.0.0.0.0.0.0.0", None),
            (".other", None),
            ("x", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Tail::parse(text), expected, "{text}");
        }
    }
}
