//! What pure crates do not know.

use super::edges::PURE;
use super::{Finding, Source};

/// Words that stand for what a pure crate does not know, and what that is.
const UNKNOWN: [(&str, &str); 13] = [
    ("std::fs", "files"),
    ("std::net", "sockets"),
    ("std::env", "the environment"),
    ("std::thread", "threads"),
    ("Instant::now", "a clock"),
    ("SystemTime", "a clock"),
    ("Timestamp::now", "a clock"),
    ("async fn", "asynchronous code"),
    ("async move", "asynchronous code"),
    ("tokio", "asynchronous code"),
    ("tracing::", "a log"),
    ("HashMap", "an order that differs from run to run"),
    ("HashSet", "an order that differs from run to run"),
];

pub(super) fn check(sources: &[Source]) -> Vec<Finding> {
    sources
        .iter()
        .filter(|source| {
            let name = source
                .crate_dir()
                .file_name()
                .and_then(|name| name.to_str());
            source.is_production() && name.is_some_and(|name| PURE.contains(&name))
        })
        .flat_map(|source| {
            source
                .production()
                .lines()
                .enumerate()
                .flat_map(move |(number, line)| {
                    UNKNOWN
                        .iter()
                        .filter(move |(word, _)| {
                            !line.trim_start().starts_with("//") && line.contains(word)
                        })
                        .map(move |(word, what)| {
                            let text = format!(
                                "line {}: `{word}`: a pure crate knows no {what}",
                                number + 1
                            );
                            Finding::new(&source.path, text)
                        })
                })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_in_a_pure_crate_is_found() {
        let source = |path: &str| Source {
            path: path.into(),
            text:
                "// SystemTime\nlet now = SystemTime::now();\n#[cfg(test)]\nmod tests { HashMap }"
                    .to_owned(),
        };
        let findings = check(&[
            source("crates/planner/src/a.rs"),
            source("crates/host/src/a.rs"),
        ]);
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(findings[0].text.starts_with("line 2"));
    }
}
