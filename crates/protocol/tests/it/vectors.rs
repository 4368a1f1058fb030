//! Reads the recordings of a real 1.9 lattice.
//!
//! They are not part of the repository: `WEFT_VECTORS` names their directory, by default `../shared/vectors` beside it.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use serde_json::Value;

/// A message of a recording.
pub(crate) struct Message {
    pub(crate) subject: String,
    pub(crate) reply: Option<String>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) payload: Vec<u8>,
    /// Whether the payload was longer: backtraces were cut out of two replies, and what came after them with it; what is too
    /// long to be recorded is left out.
    pub(crate) is_cut: bool,
}

/// A line of a recording.
pub(crate) enum Line {
    /// What is done next, or what HTTP answered.
    Note,
    /// What crossed NATS.
    Message(Message),
}

fn directory() -> PathBuf {
    match std::env::var_os("WEFT_VECTORS") {
        Some(directory) => directory.into(),
        None => PathBuf::from(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../shared/vectors"
        )),
    }
}

/// The text of the file `name`; `None`, with a word about it, when there are no recordings at all.
pub(crate) fn load(name: &str) -> Option<String> {
    let directory = directory();
    if !directory.is_dir() {
        // Past the test harness, which keeps what passing tests print to itself.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: no recordings in `{}`; set WEFT_VECTORS to their directory",
            directory.display()
        );
        return None;
    }
    let path = directory.join(name);
    let text = std::fs::read_to_string(&path);
    Some(text.unwrap_or_else(|error| panic!("cannot read `{}`: {error}", path.display())))
}

/// All lines of the recording `name`; `None` as for [`load`].
pub(crate) fn lines(name: &str) -> Option<Vec<Line>> {
    let text = load(name)?;
    Some(text.lines().map(parse_line).collect())
}

fn parse_line(line: &str) -> Line {
    let line: Value = serde_json::from_str(line).unwrap();
    if line.get("note").is_some() {
        return Line::Note;
    }
    let payload = match (line.get("data"), line.get("hex")) {
        (Some(data), _) => data.as_str().unwrap().as_bytes().to_vec(),
        (None, Some(hex)) => parse_hex(hex.as_str().unwrap()),
        (None, None) => Vec::new(),
    };
    let headers = line.get("headers").cloned().unwrap_or_default();
    let is_cut = line["len"].as_u64().unwrap() > payload.len() as u64;
    Line::Message(Message {
        subject: line["subject"].as_str().unwrap().to_owned(),
        reply: line
            .get("reply")
            .map(|reply| reply.as_str().unwrap().to_owned()),
        headers: serde_json::from_value(headers).unwrap_or_default(),
        payload,
        is_cut,
    })
}

fn parse_hex(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|index| u8::from_str_radix(&hex[index..index + 2], 16).unwrap())
        .collect()
}
