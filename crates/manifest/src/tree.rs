//! A manifest as it was written: values with their places.

use std::rc::Rc;

use crate::span::Span;

/// A value and where it stands.
///
/// What an alias stands for is shared, not copied, so that a tree is never larger than its text. `weight` counts it as
/// if it were copied.
#[derive(Debug)]
pub(crate) struct Node {
    /// Where it stands. A list or mapping reaches from its first to its last item.
    pub(crate) span: Span,
    /// What reading it in full costs.
    pub(crate) weight: Weight,
    /// What it is.
    pub(crate) value: Value,
}

/// What a [`Node`] is.
#[derive(Debug)]
pub(crate) enum Value {
    /// A text or number.
    Scalar(Scalar),
    /// A sequence.
    List(Vec<Rc<Node>>),
    /// A mapping in the order of the text; its keys are unique.
    Map(Vec<Entry>),
}

/// A value without parts.
#[derive(Debug)]
pub(crate) struct Scalar {
    /// The text, with quotes and escapes resolved.
    pub(crate) text: String,
    /// Whether it was written without quotes, and so may be a number, boolean or null.
    pub(crate) is_plain: bool,
}

/// One pair of a mapping.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The key.
    pub(crate) key: String,
    /// Where the key stands.
    pub(crate) key_span: Span,
    /// The value.
    pub(crate) node: Rc<Node>,
}

/// How large a value is with all aliases written out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Weight {
    /// Values in it, itself included.
    pub(crate) nodes: usize,
    /// Bytes of all texts and keys in it.
    pub(crate) bytes: usize,
    /// Levels of lists and mappings in it, itself included.
    pub(crate) depth: usize,
}

/// What a scalar means (YAML 1.2 core schema, as far as serde_yaml 0.9 follows it).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Plain<'a> {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number below zero.
    Negative(i64),
    /// A whole number.
    Natural(u64),
    /// Another finite number.
    Float(f64),
    /// Anything else.
    Text(&'a str),
}

// ===== impl Node =====

impl Node {
    /// What the value is, in words for people.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
            Value::Scalar(scalar) => match scalar.resolve() {
                Plain::Null => "nothing",
                Plain::Bool(_) => "a boolean",
                Plain::Negative(_) | Plain::Natural(_) | Plain::Float(_) => "a number",
                Plain::Text(_) => "a text",
            },
        }
    }

    /// Whether the value is there but says nothing, as after `key:` at the end of a line.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar(scalar) if scalar.resolve() == Plain::Null)
    }
}

// ===== impl Scalar =====

impl Scalar {
    /// What the scalar means: quotes make it a text.
    pub(crate) fn resolve(&self) -> Plain<'_> {
        if self.is_plain {
            resolve(&self.text)
        } else {
            Plain::Text(&self.text)
        }
    }
}

// ===== impl Weight =====

impl Weight {
    /// The weight of a scalar of so many bytes.
    pub(crate) fn scalar(bytes: usize) -> Self {
        Self {
            nodes: 1,
            bytes,
            depth: 0,
        }
    }

    /// The weight of a list or mapping with these parts; `key_bytes` is the length of all its keys.
    pub(crate) fn container(parts: impl Iterator<Item = Self>, key_bytes: usize) -> Self {
        let empty = Self {
            nodes: 1,
            bytes: key_bytes,
            depth: 0,
        };
        let inner = parts.fold(empty, |sum, part| Self {
            nodes: sum.nodes.saturating_add(part.nodes),
            bytes: sum.bytes.saturating_add(part.bytes),
            depth: sum.depth.max(part.depth),
        });
        Self {
            depth: inner.depth.saturating_add(1),
            ..inner
        }
    }
}

/// What a text without quotes means.
fn resolve(text: &str) -> Plain<'_> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Plain::Null,
        "true" | "True" | "TRUE" => return Plain::Bool(true),
        "false" | "False" | "FALSE" => return Plain::Bool(false),
        _ => {}
    }
    whole_number(text)
        .or_else(|| float(text))
        .unwrap_or(Plain::Text(text))
}

/// Reads decimal, `0x`, `0o` and `0b` numbers. A leading zero makes digits a text, as in `007`.
fn whole_number(text: &str) -> Option<Plain<'_>> {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = ["0x", "0o", "0b"]
        .iter()
        .zip([16, 8, 2])
        .find_map(|(prefix, radix)| Some((radix, digits.strip_prefix(prefix)?)))
        .unwrap_or((10, digits));
    let is_number = !digits.is_empty()
        && digits.chars().all(|digit| digit.is_digit(radix))
        && (radix != 10 || digits == "0" || !digits.starts_with('0'));
    if !is_number {
        return None;
    }
    let magnitude = u64::from_str_radix(digits, radix).ok()?;
    if is_negative && magnitude != 0 {
        0_i64.checked_sub_unsigned(magnitude).map(Plain::Negative)
    } else {
        Some(Plain::Natural(magnitude))
    }
}

/// Reads numbers with a fraction or an exponent, and whole numbers that are too large for 64 bits. `inf` and `nan` stay
/// texts: JSON cannot say them.
fn float(text: &str) -> Option<Plain<'_>> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let has_leading_zero =
        unsigned.len() > 1 && unsigned.starts_with('0') && unsigned.as_bytes()[1].is_ascii_digit();
    let is_number = unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && unsigned.contains(|c: char| c.is_ascii_digit())
        && unsigned
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte))
        && !has_leading_zero;
    if !is_number {
        return None;
    }
    text.parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
        .map(Plain::Float)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Plain<'_>) {
        assert_eq!(resolve(text), expected, "{text:?}");
    }

    #[test]
    fn plain_texts_are_numbers_booleans_or_nothing_only_where_they_look_so() {
        check("", Plain::Null);
        check("~", Plain::Null);
        check("True", Plain::Bool(true));
        check("yes", Plain::Text("yes"));
        check("8080", Plain::Natural(8080));
        check("+7", Plain::Natural(7));
        check("-0", Plain::Natural(0));
        check("-12", Plain::Negative(-12));
        check("0x1F", Plain::Natural(31));
        check("0o17", Plain::Natural(15));
        check("007", Plain::Text("007"));
        check("00.5", Plain::Text("00.5"));
        check("0.10", Plain::Float(0.10));
        check(".5", Plain::Float(0.5));
        check("1e3", Plain::Float(1000.0));
        check("1e999", Plain::Text("1e999"));
        check(
            "18446744073709551616",
            Plain::Float(18_446_744_073_709_551_616.0),
        );
        check("-9223372036854775808", Plain::Negative(i64::MIN));
        check(".inf", Plain::Text(".inf"));
        check("nan", Plain::Text("nan"));
        check("-", Plain::Text("-"));
        check("1-2", Plain::Text("1-2"));
        check("v0.0.1", Plain::Text("v0.0.1"));
    }
}
