//! Reading a rule.

use super::{Cut, Mistake, Part, Transform, TransformError};
use crate::subject;

impl Transform {
    /// Reads a rule. An empty source stands for every subject; an empty destination makes no rule.
    pub(crate) fn parse(source: &str, destination: &str) -> Result<Option<Self>, TransformError> {
        let filter = if source.is_empty() { ">" } else { source };
        if !subject::is_valid_filter(filter.as_bytes()) {
            return Err(TransformError::Source(source.to_owned()));
        }
        if destination.is_empty() {
            return Ok(None);
        }
        let mut tokens: Vec<&str> = destination.split('.').collect();
        let keeps_rest = tokens.last() == Some(&">");
        if keeps_rest {
            tokens.pop();
        }
        let source_tokens: Vec<&[u8]> = subject::tokens(filter.as_bytes()).collect();
        let has_rest = source_tokens.last() == Some(&&b">"[..]);
        let is_plain = |token: &&str| {
            !token.is_empty()
                && *token != "*"
                && *token != ">"
                && (is_function(token) || !token.bytes().any(|byte| byte.is_ascii_whitespace()))
        };
        if keeps_rest != has_rest
            || !tokens.iter().all(is_plain)
            || tokens.len() + source_tokens.len() > subject::TOKENS_MAX
        {
            return Err(TransformError::Destination);
        }
        let wildcards: Vec<usize> = source_tokens
            .iter()
            .enumerate()
            .filter(|(_, token)| **token == b"*")
            .map(|(at, _)| at)
            .collect();
        let parts: Result<_, _> = tokens
            .into_iter()
            .map(|token| {
                Part::parse(token, &wildcards).map_err(|what| TransformError::Token {
                    what,
                    token: token.to_owned(),
                })
            })
            .collect();
        Ok(Some(Self {
            parts: parts?,
            rest_from: has_rest.then(|| source_tokens.len() - 1),
            source: filter.as_bytes().into(),
        }))
    }
}

impl Part {
    /// `wildcards` are the positions of the wildcards in the source.
    fn parse(token: &str, wildcards: &[usize]) -> Result<Self, Mistake> {
        let literal = || Ok(Self::Literal(token.as_bytes().into()));
        // Numbers after a dollar sign are the older way to write wildcards.
        if let Some(number) = token.strip_prefix('$') {
            return match number.parse::<usize>() {
                Ok(number) => Ok(Self::Wildcard(position(number, wildcards)?)),
                Err(_) => literal(),
            };
        }
        let Some(call) = token
            .strip_prefix("{{")
            .and_then(|rest| rest.strip_suffix("}}"))
        else {
            return literal();
        };
        let (name, arguments) = call
            .trim()
            .split_once('(')
            .and_then(|(name, rest)| Some((name.trim_end(), rest.strip_suffix(')')?)))
            .ok_or(Mistake::Function)?;
        let arguments: Vec<&str> = arguments.split(',').map(str::trim).collect();
        Self::of_function(&name.to_ascii_lowercase(), &arguments, wildcards)
    }

    fn of_function(name: &str, arguments: &[&str], wildcards: &[usize]) -> Result<Self, Mistake> {
        let cut = |how: Cut| {
            let [token, len] = exactly(arguments)?;
            Ok(Self::Cut {
                token: position(number(token)?, wildcards)?,
                how,
                len: number(len)?,
            })
        };
        match name {
            "wildcard" => {
                let [index] = exactly(arguments)?;
                if index.is_empty() {
                    return Err(Mistake::TooFew);
                }
                Ok(Self::Wildcard(position(number(index)?, wildcards)?))
            }
            "partition" => {
                let (count, of) = arguments.split_first().ok_or(Mistake::TooFew)?;
                if of.is_empty() {
                    return Err(Mistake::TooFew);
                }
                let count = count.parse().ok().filter(|count| *count > 0);
                let of: Result<_, _> = of
                    .iter()
                    .map(|index| position(number(index)?, wildcards))
                    .collect();
                Ok(Self::Partition {
                    count: count.ok_or(Mistake::Argument)?,
                    of: of?,
                })
            }
            "splitfromleft" => cut(Cut::SplitFromLeft),
            "splitfromright" => cut(Cut::SplitFromRight),
            "slicefromleft" => cut(Cut::SliceFromLeft),
            "slicefromright" => cut(Cut::SliceFromRight),
            "left" => cut(Cut::Left),
            "right" => cut(Cut::Right),
            "split" => {
                let [token, delimiter] = exactly(arguments)?;
                if delimiter.is_empty() || delimiter.contains([' ', '.']) {
                    return Err(Mistake::Argument);
                }
                Ok(Self::Split {
                    token: position(number(token)?, wildcards)?,
                    delimiter: delimiter.as_bytes().into(),
                })
            }
            _ => Err(Mistake::Function),
        }
    }
}

fn is_function(token: &str) -> bool {
    token.starts_with("{{") && token.ends_with("}}")
}

fn exactly<'a, const N: usize>(arguments: &[&'a str]) -> Result<[&'a str; N], Mistake> {
    arguments.try_into().map_err(|_| {
        if arguments.len() < N {
            Mistake::TooFew
        } else {
            Mistake::TooMany
        }
    })
}

fn number(text: &str) -> Result<usize, Mistake> {
    text.parse().map_err(|_| Mistake::Argument)
}

/// Where in the source the wildcard with this number stands, counted from one.
fn position(number: usize, wildcards: &[usize]) -> Result<usize, Mistake> {
    let at = number.checked_sub(1).ok_or(Mistake::Index)?;
    wildcards.get(at).copied().ok_or(Mistake::Index)
}
