//! What a real host and real providers of 1.9.2 sent: our codec reads it and writes the same.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;

use bytes::Bytes;
use serde_json::Value as Json;
use weft_wrpc::codec::{Input, Writer};
use weft_wrpc::{Type, Value};

/// A message of a call.
pub(crate) struct Recorded {
    pub(crate) subject: String,
    pub(crate) reply: Option<String>,
    pub(crate) payload: Bytes,
    /// Whether the payload was recorded, or was too long.
    pub(crate) is_whole: bool,
}

/// A call: its function, parameters and results.
struct Call {
    function: String,
    params: Bytes,
    results: Bytes,
}

fn directory() -> Option<PathBuf> {
    let directory = match std::env::var_os("WEFT_VECTORS") {
        Some(directory) => PathBuf::from(directory),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors"),
    };
    if directory.exists() {
        return Some(directory);
    }
    let text = "SKIPPED: there are no recordings; name their directory in WEFT_VECTORS";
    let _ = writeln!(std::io::stderr(), "{text}");
    None
}

pub(crate) fn read(name: &str) -> Option<Vec<Recorded>> {
    let text = std::fs::read_to_string(directory()?.join(name)).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    Some(lines.filter_map(|line: Json| parse(&line)).collect())
}

fn parse(line: &Json) -> Option<Recorded> {
    let payload = match (&line["hex"], &line["data"]) {
        (Json::String(hex), _) => (0..hex.len() / 2)
            .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
            .collect(),
        (_, Json::String(text)) => text.clone().into_bytes(),
        _ => Vec::new(),
    };
    Some(Recorded {
        subject: line["subject"].as_str()?.to_owned(),
        reply: line["reply"].as_str().map(str::to_owned),
        is_whole: line["len"].as_u64() == Some(payload.len() as u64),
        payload: payload.into(),
    })
}

/// The calls of a recording whose parameters came in one message.
fn calls(messages: &[Recorded]) -> Vec<Call> {
    let mut results: BTreeMap<&str, Vec<u8>> = BTreeMap::new();
    for message in messages {
        if let Some(root) = message.subject.strip_suffix(".results") {
            results
                .entry(root)
                .or_default()
                .extend_from_slice(&message.payload);
        }
    }
    let whole = messages.iter().filter(|message| message.is_whole);
    let calls = whole.filter_map(|message| {
        let (_, function) = message.subject.split_once(".wrpc.0.0.1.")?;
        let root = message.reply.as_deref()?;
        Some(Call {
            function: function.to_owned(),
            params: message.payload.clone(),
            results: results.remove(root).unwrap_or_default().into(),
        })
    });
    calls.collect()
}

/// `vectors.wit`.
pub(crate) fn kinds() -> BTreeMap<&'static str, (Type, Type)> {
    let colour = Type::enumeration(["red", "green", "blue"]);
    let perms = Type::flags(["read", "write", "exec", "a3", "a4", "a5", "a6", "a7", "a8"]);
    let point = Type::record([
        ("x", Type::S32),
        ("y", Type::S64),
        ("label", Type::option(Type::String)),
    ]);
    let shape = Type::variant([
        ("dot", None),
        ("circle", Some(Type::F64)),
        ("poly", Some(Type::list(point.clone()))),
        ("named", Some(Type::tuple([Type::String, Type::U8]))),
    ]);
    let ints = || {
        Type::tuple([
            Type::U8,
            Type::S8,
            Type::U16,
            Type::S16,
            Type::U32,
            Type::S32,
            Type::U64,
            Type::S64,
        ])
    };
    let floats = || Type::tuple([Type::F32, Type::F64, Type::Bool, Type::Char]);
    let texts = [Type::String, Type::bytes(), Type::list(Type::String)];
    let nested = [
        Type::option(Type::option(Type::U32)),
        Type::result(
            Some(Type::list(Type::option(Type::String))),
            Some(colour.clone()),
        ),
    ];
    let pair = Type::tuple([Type::U32, Type::String]);
    let one = |ty| Type::tuple([ty]);
    BTreeMap::from([
        ("nothing", (Type::tuple([]), Type::tuple([]))),
        ("ints", (ints(), one(ints()))),
        ("floats", (floats(), one(floats()))),
        ("text", (Type::tuple(texts), one(Type::String))),
        (
            "shapes",
            (
                Type::tuple([Type::list(shape.clone()), colour, perms]),
                one(Type::list(shape)),
            ),
        ),
        (
            "outcome",
            (
                one(Type::Bool),
                one(Type::result(Some(point), Some(Type::String))),
            ),
        ),
        (
            "nested",
            (Type::tuple(nested), one(Type::result(None, Some(pair)))),
        ),
    ])
}

/// Reads a value in pieces of every size and writes it again.
pub(crate) fn check(ty: &Type, bytes: &Bytes) -> Value {
    let mut last = None;
    for size in 1..=bytes.len().max(1) {
        let mut input = Input::new();
        for piece in bytes.chunks(size) {
            input.push(Bytes::copy_from_slice(piece));
        }
        let mut reader = input.reader();
        let value =
            Value::decode(ty, &mut reader).unwrap_or_else(|error| panic!("{error}: {bytes:x?}"));
        reader.finish().unwrap();
        let mut writer = Writer::new();
        value.encode(ty, &mut writer).unwrap();
        assert_eq!(writer.finish().unwrap().bytes(), bytes);
        last = Some(value);
    }
    last.unwrap()
}

#[test]
fn every_type_of_a_call_between_components_is_read_and_written_alike() {
    let Some(messages) = read("host-1.9.2.jsonl") else {
        return;
    };
    let kinds = kinds();
    let mut seen = BTreeMap::new();
    for call in calls(&messages) {
        let name = call
            .function
            .strip_prefix("demo:vectors/kinds@0.1.0.")
            .unwrap();
        let (params, results) = &kinds[name];
        let params = check(params, &call.params);
        // The real callee cannot decode every number, and then gives no results.
        if !call.results.is_empty() {
            let results = check(results, &call.results);
            if name == "ints" || name == "floats" {
                // These give back what they are given.
                assert_eq!(
                    format!("{:?}", Value::Tuple(vec![params])),
                    format!("{results:?}")
                );
            }
        }
        *seen.entry(name.to_owned()).or_insert(0) += 1;
    }
    let expected = [
        ("floats", 1),
        ("ints", 3),
        ("nested", 3),
        ("nothing", 1),
        ("outcome", 2),
        ("shapes", 1),
        ("text", 1),
    ];
    let expected = expected.map(|(name, count)| (name.to_owned(), count));
    assert_eq!(seen, BTreeMap::from(expected));
}
