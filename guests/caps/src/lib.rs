//! Blobs and messages over HTTP. `/blob`, `/publish` and `/request` do what a component did when wasmCloud 1.9.2 was
//! recorded; the others do one thing each, with parameters in the query. Answers with results as Rust prints them.
//!
//! It is handed messages too: one with `ping` in it is answered where an answer is wanted, one of a subject that ends in `fail`
//! is refused, any other is passed on to `caps.noted`.

use bindings::exports::wasmcloud::messaging::handler;
use bindings::wasi::blobstore::blobstore;
use bindings::wasi::blobstore::container::Container;
use bindings::wasi::blobstore::types::{IncomingValue, ObjectId, OutgoingValue};
use bindings::wasmcloud::messaging::consumer;
use bindings::wasmcloud::messaging::types::BrokerMessage;
use face::{Answer, Request, answer};
use wasip2::exports::http::incoming_handler;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};
use wasip2::io::streams::StreamError;

mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit/blobstore", "../../wit/messaging"],
        inline: "
            package test:caps;

            world caps {
                import wasi:blobstore/types@0.2.0-draft;
                import wasi:blobstore/container@0.2.0-draft;
                import wasi:blobstore/blobstore@0.2.0-draft;
                import wasmcloud:messaging/consumer@0.2.0;
                export wasmcloud:messaging/handler@0.2.0;
            }
        ",
        world: "test:caps/caps",
        with: {
            "wasi:io/error@0.2.12": wasip2::io::error,
            "wasi:io/poll@0.2.12": wasip2::io::poll,
            "wasi:io/streams@0.2.12": wasip2::io::streams,
        },
        generate_all,
    });
}

wasip2::http::proxy::export!(Caps);
bindings::export!(Caps with_types_in bindings);

struct Caps;

/// How much is written at once, in bytes.
const PIECE_BYTES: usize = 4096;

impl handler::Guest for Caps {
    fn handle_message(message: BrokerMessage) -> Result<(), String> {
        if message.subject.ends_with("fail") {
            return Err("refused by the component".to_owned());
        }
        let reply = match message.reply_to {
            Some(subject) => BrokerMessage {
                subject,
                body: [b"echo:", message.body.as_slice()].concat(),
                reply_to: None,
            },
            None if message.body == b"hello" => return Ok(()),
            None => BrokerMessage {
                subject: "caps.noted".to_owned(),
                body: message.body,
                reply_to: Some(message.subject),
            },
        };
        consumer::publish(&reply)
    }
}

impl incoming_handler::Guest for Caps {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let request = Request::new(request);
        let text = match request.path() {
            "/" => "caps".to_owned(),
            "/blob" => format!("{:?}", recorded()),
            "/publish" => {
                let subject = request.query("subject").unwrap_or("caps.out").to_owned();
                let body = b"published".to_vec();
                let reply_to = request.query("reply").map(str::to_owned);
                let message = BrokerMessage {
                    subject,
                    body,
                    reply_to,
                };
                format!("{:?}", consumer::publish(&message))
            }
            "/request" => {
                let subject = request.query("subject").unwrap_or("caps.svc");
                let timeout = u32::try_from(request.number("timeout", 2000)).unwrap_or(u32::MAX);
                let answer = consumer::request(subject, b"question", timeout);
                let answer = answer.map(|message| {
                    let body = String::from_utf8_lossy(&message.body).into_owned();
                    (!message.subject.is_empty(), body)
                });
                format!("{answer:?}")
            }
            "/read" => return read(&request, out),
            _ => match one(&request) {
                Some(text) => text,
                None => return answer(out, 404, "no such operation"),
            },
        };
        answer(out, 200, text);
    }
}

/// What the recorded component did.
fn recorded() -> Result<String, String> {
    let name = "box".to_owned();
    if !blobstore::container_exists(&name)? {
        blobstore::create_container(&name)?;
    }
    let container = blobstore::get_container(&name)?;
    write(&container, "a.txt", b"hello blob", true)?;
    let has = container.has_object("a.txt")?;
    let size = container.object_info("a.txt").map(|info| info.size);
    let part = container.get_data("a.txt", 0, 4)?;
    let part = IncomingValue::incoming_value_consume_sync(part)?;
    let part = String::from_utf8_lossy(&part).into_owned();
    let names = container.list_objects()?;
    let (names, end) = names.read_stream_object_names(10)?;
    container.delete_objects(&["a.txt".to_owned()])?;
    let gone = !container.has_object("a.txt")?;
    blobstore::delete_container(&name)?;
    Ok(format!(
        "has={has} size={size:?} part={part:?} names={names:?} end={end} gone={gone}"
    ))
}

/// Writes an object, up to its end where `finishes`.
fn write(container: &Container, name: &str, bytes: &[u8], finishes: bool) -> Result<(), String> {
    let value = OutgoingValue::new_outgoing_value();
    let body = value
        .outgoing_value_write_body()
        .map_err(|()| "no body".to_owned())?;
    container.write_data(name, &value)?;
    let mut written = Ok(());
    for piece in bytes.chunks(PIECE_BYTES) {
        written = body.blocking_write_and_flush(piece);
        if written.is_err() {
            break;
        }
    }
    drop(body);
    if !finishes {
        return Ok(());
    }
    let finished = OutgoingValue::finish(value);
    match written {
        // Why is told at the end.
        Ok(()) | Err(StreamError::Closed) => finished,
        Err(error) => finished.and(Err(format!("{error:?}"))),
    }
}

fn id(request: &Request, container: &str, key: &str) -> ObjectId {
    ObjectId {
        container: container.to_owned(),
        object: request.query(key).unwrap_or_default().to_owned(),
    }
}

/// One operation; `None` when there is none of this name.
fn one(request: &Request) -> Option<String> {
    let name = request.query("container").unwrap_or("box").to_owned();
    let done = match request.path() {
        "/create" => blobstore::create_container(&name).map(drop),
        "/delete-container" => blobstore::delete_container(&name),
        "/copy" => {
            let (from, to) = (id(request, &name, "from"), id(request, &name, "to"));
            blobstore::copy_object(&from, &to)
        }
        "/move" => {
            let (from, to) = (id(request, &name, "from"), id(request, &name, "to"));
            blobstore::move_object(&from, &to)
        }
        _ => match blobstore::get_container(&name) {
            Ok(container) => return in_container(request, &container),
            Err(error) => Err(error),
        },
    };
    Some(format!("{done:?}"))
}

fn in_container(request: &Request, container: &Container) -> Option<String> {
    let object = request.query("object").unwrap_or_default();
    let size = usize::try_from(request.number("size", 0)).unwrap_or(usize::MAX);
    Some(match request.path() {
        "/write" => format!("{:?}", write(container, object, &pattern(size), true)),
        "/abandon" => format!("{:?}", write(container, object, &pattern(size), false)),
        "/has" => format!("{:?}", container.has_object(object)),
        "/info" => format!("{:?}", container.object_info(object).map(|info| info.size)),
        "/container-info" => format!("{:?}", container.info().map(|info| info.name)),
        "/size" => {
            let end = request.number("end", u64::MAX);
            let value = container.get_data(object, request.number("start", 0), end);
            format!("{:?}", value.map(|value| value.size()))
        }
        "/names" => {
            let count = request.number("count", 10);
            let names = container.list_objects().and_then(|names| {
                names.skip_stream_object_names(request.number("skip", 0))?;
                names.read_stream_object_names(count)
            });
            format!("{names:?}")
        }
        "/delete" => format!("{:?}", container.delete_object(object)),
        "/clear" => format!("{:?}", container.clear()),
        _ => return None,
    })
}

/// Bytes that are not all alike.
fn pattern(size: usize) -> Vec<u8> {
    (0..size).map(|at| b'a' + (at % 23) as u8).collect()
}

/// Answers with bytes of an object, as they come.
fn read(request: &Request, out: ResponseOutparam) {
    let name = request.query("container").unwrap_or("box").to_owned();
    let object = request.query("object").unwrap_or_default();
    let (start, end) = (request.number("start", 0), request.number("end", u64::MAX));
    let body = blobstore::get_container(&name)
        .and_then(|container| container.get_data(object, start, end))
        .and_then(IncomingValue::incoming_value_consume_async);
    let body = match body {
        Ok(body) => body,
        Err(error) => return answer(out, 500, error),
    };
    let mut answer = Answer::begin(out, 200, &[]);
    while let Ok(bytes) = body.blocking_read(64 * 1024) {
        if answer.write(&bytes).is_err() {
            return;
        }
    }
    answer.finish();
}
