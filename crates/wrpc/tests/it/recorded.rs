//! Every call that was recorded, of every interface, with its streams and futures: each byte is read as what it is, and what
//! is read is written as the same bytes.

use std::collections::BTreeMap;

use bytes::Bytes;
use weft_wrpc::codec::{Progress, Scan};
use weft_wrpc::ty::Addressed;
use weft_wrpc::{Signature, Type};

use crate::vectors::{Recorded, check, kinds, read};

/// A call, with all that was said on each path below its roots. What was too long to be recorded is not there.
#[derive(Default)]
struct Call {
    params: BTreeMap<String, Vec<u8>>,
    results: BTreeMap<String, Vec<u8>>,
    is_whole: bool,
}

/// The calls of a recording, each with its function.
fn calls(messages: &[Recorded]) -> Vec<(String, Call)> {
    let mut calls: Vec<(String, Call)> = Vec::new();
    // Roots by the subject that they are: whose call, and whether of parameters.
    let mut roots: BTreeMap<&str, (usize, bool)> = BTreeMap::new();
    for message in messages {
        let subject = message.subject.as_str();
        if let Some((_, function)) = subject.split_once(".wrpc.0.0.1.") {
            let root = message.reply.as_deref().unwrap();
            roots.insert(root, (calls.len(), false));
            let mut call = Call {
                is_whole: true,
                ..Call::default()
            };
            call.params.insert(String::new(), message.payload.to_vec());
            calls.push((function.to_owned(), call));
        } else if let (Some(&(call, _)), Some(reply)) = (roots.get(subject), &message.reply) {
            roots.insert(reply, (call, true));
        } else if let Some((root, is_params, path)) = frame(subject) {
            let (index, of_params) = roots[root];
            assert_eq!(is_params, of_params, "{subject}");
            let call = &mut calls[index].1;
            call.is_whole &= message.is_whole;
            let side = if is_params {
                &mut call.params
            } else {
                &mut call.results
            };
            let piece = side.entry(path.to_owned()).or_default();
            piece.extend_from_slice(&message.payload);
        }
    }
    calls
}

fn frame(subject: &str) -> Option<(&str, bool, &str)> {
    let split = |side| subject.split_once(side);
    let (root, path, is_params) = match (split(".params"), split(".results")) {
        (Some((root, path)), _) => (root, path, true),
        (None, Some((root, path))) => (root, path, false),
        (None, None) => return None,
    };
    root.starts_with("_INBOX.")
        .then(|| (root, is_params, path.trim_start_matches('.')))
}

/// Reads and writes one side of a call.
fn check_side(what: &str, addressed: &Addressed, mut said: BTreeMap<String, Vec<u8>>) {
    let tuple = Bytes::from(said.remove("").unwrap_or_default());
    check(&pending(addressed.ty()), &tuple);
    for asynchronous in addressed.asynchronous() {
        let path: Vec<String> = asynchronous
            .path
            .indexes()
            .iter()
            .map(ToString::to_string)
            .collect();
        let Some(bytes) = said.remove(&path.join(".")) else {
            continue;
        };
        match &asynchronous.ty {
            Type::Stream(element) => check_stream(what, element, &bytes),
            Type::Future(payload) => check_elements(what, payload, 1, &bytes),
            other => panic!("{other}"),
        }
    }
    // What holds streams has an end of its own (spec §4.3), and says nothing.
    for (path, bytes) in said {
        assert_eq!(bytes, b"", "{what}: `{path}`");
    }
}

/// Chunks of elements, the last of which is empty (spec §4.5).
fn check_stream(what: &str, element: &Type, mut bytes: &[u8]) {
    loop {
        let (&count, rest) = bytes.split_first().expect("a stream has an end");
        // None of the recorded has as many as need a second byte.
        assert!(count < 0x80, "{what}");
        if count == 0 {
            assert_eq!(rest, b"", "{what}: more after the end");
            return;
        }
        let mut scan = Scan::elements(element, count.into());
        let Progress::Done { used } = scan.push(rest).unwrap() else {
            panic!("{what}: a chunk is not whole");
        };
        check_elements(what, element, count.into(), &rest[..used]);
        bytes = &rest[used..];
    }
}

fn check_elements(what: &str, ty: &Type, count: usize, bytes: &[u8]) {
    let all = Type::tuple(std::iter::repeat_n(ty.clone(), count));
    let value = check(&all, &Bytes::copy_from_slice(bytes));
    assert!(!format!("{value:?}").is_empty(), "{what}");
}

/// The same type, with what stands in the tuple for streams and futures that follow on their paths.
fn pending(ty: &Type) -> Type {
    match ty {
        Type::Stream(_) | Type::Future(_) => Type::enumeration(["pending"]),
        Type::Option(payload) => Type::option(pending(payload)),
        Type::Result { ok, err } => {
            Type::result(ok.as_deref().map(pending), err.as_deref().map(pending))
        }
        Type::Tuple(members) => Type::tuple(members.iter().map(pending)),
        Type::Record(fields) => {
            let fields = fields
                .iter()
                .map(|field| (field.name.clone(), pending(&field.ty)));
            Type::record(fields)
        }
        other => other.clone(),
    }
}

/// Functions by their full names.
fn signatures() -> BTreeMap<String, Signature> {
    let plain = kinds().into_iter().map(|(name, (params, results))| {
        let members = |ty| match ty {
            Type::Tuple(members) => members.to_vec(),
            other => panic!("{other}"),
        };
        let signature = Signature::new(members(params), members(results));
        (
            format!("demo:vectors/kinds@0.1.0.{name}"),
            signature.unwrap(),
        )
    });
    plain
        .chain(named("wrpc:keyvalue/", keyvalue()))
        .chain(named("wrpc:http/", http()))
        .chain(named("wasmcloud:messaging/", messaging()))
        .chain(named("wrpc:blobstore/blobstore@0.2.0.", blobstore()))
        .collect()
}

type Functions = Vec<(&'static str, Vec<Type>, Type)>;

fn named(prefix: &str, functions: Functions) -> impl Iterator<Item = (String, Signature)> {
    functions.into_iter().map(move |(name, params, result)| {
        let signature = Signature::new(params, [result]).unwrap();
        (format!("{prefix}{name}"), signature)
    })
}

fn fallible(ok: Option<Type>) -> Type {
    Type::result(ok, Some(Type::String))
}

fn keyvalue() -> Functions {
    let error = Type::variant([
        ("no-such-store", None),
        ("access-denied", None),
        ("other", Some(Type::String)),
    ]);
    let result = |ok| Type::result(ok, Some(error.clone()));
    let keys = Type::record([
        ("keys", Type::list(Type::String)),
        ("cursor", Type::option(Type::U64)),
    ]);
    let pair = || vec![Type::String, Type::String];
    vec![
        (
            "store@0.2.0-draft.get",
            pair(),
            result(Some(Type::option(Type::bytes()))),
        ),
        (
            "store@0.2.0-draft.set",
            vec![Type::String, Type::String, Type::bytes()],
            result(None),
        ),
        ("store@0.2.0-draft.delete", pair(), result(None)),
        ("store@0.2.0-draft.exists", pair(), result(Some(Type::Bool))),
        (
            "store@0.2.0-draft.list-keys",
            vec![Type::String, Type::option(Type::U64)],
            result(Some(keys)),
        ),
        (
            "atomics@0.2.0-draft.increment",
            vec![Type::String, Type::String, Type::U64],
            result(Some(Type::U64)),
        ),
    ]
}

fn http() -> Functions {
    let fields = Type::list(Type::tuple([Type::String, Type::list(Type::bytes())]));
    let body = |fields: &Type| {
        [
            ("body", Type::stream(Type::U8)),
            ("trailers", Type::future(Type::option(fields.clone()))),
        ]
    };
    let names = [
        "get", "head", "post", "put", "delete", "connect", "options", "trace", "patch",
    ];
    let method = names.map(|name| (name, None)).into_iter();
    let method = Type::variant(method.chain([("other", Some(Type::String))]));
    let scheme = Type::variant([
        ("HTTP", None),
        ("HTTPS", None),
        ("other", Some(Type::String)),
    ]);
    let request = Type::record(body(&fields).into_iter().chain([
        ("method", method),
        ("path-with-query", Type::option(Type::String)),
        ("scheme", Type::option(scheme)),
        ("authority", Type::option(Type::String)),
        ("headers", fields.clone()),
    ]));
    let response = Type::record(
        body(&fields)
            .into_iter()
            .chain([("status", Type::U16), ("headers", fields.clone())]),
    );
    let options = Type::record(
        [
            "connect-timeout",
            "first-byte-timeout",
            "between-bytes-timeout",
        ]
        .map(|name| (name, Type::option(Type::U64))),
    );
    // None was recorded but the first, which has no payload.
    let error = Type::enumeration(["DNS-timeout"]);
    let answer = || Type::result(Some(response.clone()), Some(error.clone()));
    vec![
        (
            "incoming-handler@0.1.0.handle",
            vec![request.clone()],
            answer(),
        ),
        (
            "outgoing-handler@0.1.0.handle",
            vec![request, Type::option(options)],
            answer(),
        ),
    ]
}

fn messaging() -> Functions {
    let message = Type::record([
        ("subject", Type::String),
        ("body", Type::bytes()),
        ("reply-to", Type::option(Type::String)),
    ]);
    vec![
        (
            "consumer@0.2.0.publish",
            vec![message.clone()],
            fallible(None),
        ),
        (
            "consumer@0.2.0.request",
            vec![Type::String, Type::bytes(), Type::U32],
            fallible(Some(message.clone())),
        ),
        (
            "handler@0.2.0.handle-message",
            vec![message],
            fallible(None),
        ),
    ]
}

fn blobstore() -> Functions {
    let object = || Type::record([("container", Type::String), ("object", Type::String)]);
    let outcome = || Type::future(fallible(None));
    let streamed = |element| Some(Type::tuple([Type::stream(element), outcome()]));
    let number = || Type::option(Type::U64);
    let metadata = Type::record([("created-at", Type::U64), ("size", Type::U64)]);
    vec![
        (
            "container-exists",
            vec![Type::String],
            fallible(Some(Type::Bool)),
        ),
        ("create-container", vec![Type::String], fallible(None)),
        ("delete-container", vec![Type::String], fallible(None)),
        (
            "list-container-objects",
            vec![Type::String, number(), number()],
            fallible(streamed(Type::String)),
        ),
        (
            "delete-objects",
            vec![Type::String, Type::list(Type::String)],
            fallible(None),
        ),
        (
            "get-container-data",
            vec![object(), Type::U64, Type::U64],
            fallible(streamed(Type::U8)),
        ),
        ("get-object-info", vec![object()], fallible(Some(metadata))),
        ("has-object", vec![object()], fallible(Some(Type::Bool))),
        (
            "write-container-data",
            vec![object(), Type::stream(Type::U8)],
            fallible(Some(outcome())),
        ),
    ]
}

fn check_all(name: &str, expected: usize) {
    let Some(messages) = read(name) else {
        return;
    };
    let signatures = signatures();
    let mut checked = 0;
    let mut cut = 0;
    for (function, call) in calls(&messages) {
        if !call.is_whole {
            cut += 1;
            continue;
        }
        let signature = &signatures[&function];
        check_side(&function, signature.params(), call.params);
        // A callee that cannot read its parameters gives no results.
        if call.results.get("").is_some_and(|tuple| !tuple.is_empty()) {
            check_side(&function, signature.results(), call.results);
        } else {
            assert!(function.starts_with("demo:"), "{function} has no results");
        }
        checked += 1;
    }
    assert_eq!((checked, checked + cut), (expected - cut, expected));
}

#[test]
fn calls_between_components_are_read_and_written_alike() {
    check_all("host-1.9.2.jsonl", 13);
}

#[test]
fn calls_of_providers_are_read_and_written_alike() {
    check_all("providers-1.9.2.jsonl", 9);
}

#[test]
fn calls_of_capabilities_are_read_and_written_alike() {
    check_all("capabilities-1.9.2.jsonl", 25);
}
