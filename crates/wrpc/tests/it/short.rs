//! Calls in the short form, which only ends of Weft take.

use std::cell::Cell;
use std::time::Duration;

use async_nats::{Message, Subscriber};
use bytes::Bytes;
use futures::StreamExt as _;
use weft_runtime::TaskKind;
use weft_wrpc::encode::Stream;
use weft_wrpc::observe::{ObserveOptions, Observer};
use weft_wrpc::server::dispatch;
use weft_wrpc::stream::stream;
use weft_wrpc::{
    CallError, CallOptions, Context, Endpoint, Export, FailureCode, Function, Options, Prefix,
    ServeOptions,
};

use crate::call::prefix;
use crate::server::{Server, settled, until, within};

const INSTANCE: &str = "test:short/calls@0.1.0";
const PART_BYTES: usize = 50_000;

fn function() -> Function {
    Function::typed::<(Bytes,), (String, Bytes)>(&prefix(), INSTANCE, "echo").unwrap()
}

fn short_subject(name: &str) -> String {
    format!("{}.weft.1.{INSTANCE}.{name}", prefix())
}

fn options() -> CallOptions {
    CallOptions {
        context: Context {
            source_id: Some("someone".to_owned()),
            link_name: Some("default".to_owned()),
            ..Context::default()
        },
        ..CallOptions::default()
    }
}

/// Answers with who calls, and what it got. What begins with `!` is never answered.
async fn serve(server: &Server, options: ServeOptions) {
    serve_as(&prefix(), server, options).await;
}

async fn serve_as(name: &Prefix, server: &Server, options: ServeOptions) {
    let endpoint = server.endpoint().await;
    let exports = vec![
        Export::typed::<(Bytes,), (String, Bytes)>(INSTANCE, "echo").unwrap(),
        Export::typed::<(Stream<u8>,), (u64,)>(INSTANCE, "count").unwrap(),
        Export::typed::<(u32,), (Stream<u8>,)>(INSTANCE, "parts").unwrap(),
    ];
    let exports = endpoint.serve(name, exports, options).await.unwrap();
    settled(endpoint.nats()).await;
    let tasks = server.tasks().clone();
    let task = dispatch_all(exports, tasks);
    server.tasks().spawn(TaskKind::Helper, "test serve", task);
}

async fn dispatch_all(exports: weft_wrpc::Exports, tasks: weft_runtime::Tasks) {
    dispatch(exports, &tasks, |mut call| async move {
        if call.function() == "count" {
            let (mut bytes,): (Stream<u8>,) = call.decode().await.unwrap();
            let mut count = 0;
            while let Some(part) = bytes.reader.next_bytes().await.unwrap() {
                count += part.len() as u64;
            }
            return call.answer(&(count,)).await.unwrap();
        }
        if call.function() == "parts" {
            let (count,): (u32,) = call.decode().await.unwrap();
            let (mut writer, outgoing) = stream();
            call.answer(&(outgoing,)).await.unwrap();
            for _ in 0..count {
                writer
                    .write_bytes(vec![1; PART_BYTES].into())
                    .await
                    .unwrap();
            }
            return writer.finish().await.unwrap();
        }
        let (bytes,): (Bytes,) = call.decode().await.unwrap();
        if bytes.starts_with(b"!") {
            std::future::pending::<()>().await;
        }
        let who = call.context().source_id.clone().unwrap_or_default();
        call.answer(&(who, bytes)).await.unwrap();
    })
    .await;
}

async fn echo(
    caller: &Endpoint,
    function: &Function,
    bytes: &Bytes,
) -> Result<(String, Bytes), CallError> {
    caller.call(function, &(bytes,), &options()).await
}

async fn listen(server: &Server, subject: String) -> Subscriber {
    let client = server.client().await;
    let messages = client.subscribe(subject).await.unwrap();
    settled(&client).await;
    messages
}

/// Calls until calls are short, and gives the first of them.
async fn warm_up(server: &Server, caller: &Endpoint, function: &Function) -> Message {
    let client = server.client().await;
    let mut short = client.subscribe(short_subject("echo")).await.unwrap();
    settled(&client).await;
    let message = within(async {
        loop {
            echo(caller, function, &"warm".into()).await.unwrap();
            while let Ok(message) = tokio::time::timeout(Duration::ZERO, short.next()).await {
                let message = message.unwrap();
                if message.payload.ends_with(b"warm") {
                    return message;
                }
            }
        }
    })
    .await;
    // As long as the server knows of it, a call to nobody is not refused.
    short.unsubscribe().await.unwrap();
    settled(&client).await;
    message
}

/// Accepts a call and sends its results, as ends of 1.9 do.
async fn answer_as_1_9(legacy: &async_nats::Client, request: &Message, results: &'static str) {
    let root = request.reply.clone().unwrap();
    let accept = legacy.publish_with_reply(root.clone(), legacy.new_inbox(), Bytes::new());
    accept.await.unwrap();
    for payload in [results, ""] {
        let sent = legacy.publish(format!("{root}.results"), payload.into());
        sent.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_become_short_and_say_the_same() {
    let Some(server) = Server::start().await else {
        return;
    };
    serve(&server, ServeOptions::default()).await;
    let (caller, function) = (server.endpoint().await, function());
    let message = warm_up(&server, &caller, &function).await;
    assert!(message.headers.is_none(), "{message:?}");
    let mut full = listen(&server, function.subject().to_owned()).await;
    // Small ones, and what is too large to be copied, or for a message.
    let mut small = 0;
    for size in [0, 100, 20_000, 3_000_000] {
        let sent = Bytes::from(vec![7; size]);
        let answer = within(echo(&caller, &function, &sent)).await;
        assert_eq!(answer, Ok(("someone".to_owned(), sent)));
        if size > 10_000 {
            while within(full.next()).await.unwrap().payload.len() < 10_000 {
                small += 1;
            }
        }
    }
    // One of the smaller may have been that which goes to all now and then.
    assert!(small <= 1, "{small}");
}

#[tokio::test(flavor = "multi_thread")]
async fn now_and_then_a_call_goes_to_all() {
    let Some(server) = Server::start().await else {
        return;
    };
    serve(&server, ServeOptions::default()).await;
    let (caller, function) = (server.endpoint().await, function());
    warm_up(&server, &caller, &function).await;
    // One of 1.9 joins those who serve the function, and answers whatever comes to it.
    let legacy = server.client().await;
    let group = prefix().as_str().to_owned();
    let subject = function.subject().to_owned();
    let mut requests = legacy.queue_subscribe(subject, group).await.unwrap();
    settled(&legacy).await;
    let answers = async {
        let mut count = 0;
        while count < 20 {
            let request = requests.next().await.unwrap();
            answer_as_1_9(&legacy, &request, "\x06legacy\x01x").await;
            count += 1;
        }
    };
    let mut calls_made = 0;
    let calls = async {
        loop {
            calls_made += 1;
            let (who, bytes) = echo(&caller, &function, &"x".into()).await.unwrap();
            assert!(["legacy", "someone"].contains(&who.as_str()));
            assert_eq!(bytes, "x");
        }
    };
    within(async {
        tokio::select! {
            () = answers => {}
            () = calls => {}
        }
    })
    .await;
    // It has half of all calls once it was noticed, not half of one in many.
    assert!(calls_made < 1000, "{calls_made}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_call_that_comes_to_nobody_is_made_again() {
    let Some(server) = Server::start().await else {
        return;
    };
    let serving = ServeOptions::default();
    let shutdown = serving.shutdown.clone();
    serve(&server, serving).await;
    let (caller, function) = (server.endpoint().await, function());
    warm_up(&server, &caller, &function).await;
    // Somebody of 1.9 takes its place.
    let legacy = server.client().await;
    let subject = function.subject().to_owned();
    let mut requests = legacy.subscribe(subject).await.unwrap();
    settled(&legacy).await;
    shutdown.request();
    let request = within(async {
        loop {
            let answer = async {
                let request = requests.next().await.unwrap();
                answer_as_1_9(&legacy, &request, "\x06legacy\x04once").await;
                request
            };
            let bytes = Bytes::from_static(b"once");
            // The one that drains may still answer some.
            tokio::select! {
                request = answer => return request,
                answered = echo(&caller, &function, &bytes) => { answered.unwrap(); }
            }
        }
    })
    .await;
    let headers = request.headers.unwrap();
    assert_eq!(headers.get("source-id").unwrap().as_str(), "someone");
    assert_eq!(request.payload.as_ref(), b"\x04once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_call_without_anybody_is_refused_at_once() {
    let Some(server) = Server::start().await else {
        return;
    };
    let serving = ServeOptions::default();
    let shutdown = serving.shutdown.clone();
    serve(&server, serving).await;
    let (caller, function) = (server.endpoint().await, function());
    warm_up(&server, &caller, &function).await;
    shutdown.request();
    within(async {
        loop {
            match echo(&caller, &function, &"x".into()).await {
                Ok(_) => {}
                Err(CallError::NoResponders) => break,
                Err(error) => panic!("{error}"),
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn short_calls_are_given_up_and_refused_as_others_are() {
    let Some(server) = Server::start().await else {
        return;
    };
    let serving = ServeOptions {
        concurrent_max: 1,
        ..ServeOptions::default()
    };
    serve(&server, serving).await;
    let (caller, function) = (server.endpoint().await, function());
    warm_up(&server, &caller, &function).await;
    let forever = Bytes::from_static(b"!");
    let mut short = listen(&server, short_subject("echo")).await;
    tokio::select! {
        _ = echo(&caller, &function, &forever) => panic!("nobody answers it"),
        message = within(short.next()) => assert!(message.unwrap().payload.ends_with(b"!")),
    }
    // It was given up, of which the callee hears in a moment.
    within(async {
        loop {
            match echo(&caller, &function, &"x".into()).await {
                Err(CallError::Failed(failure)) => {
                    assert_eq!(failure.code, FailureCode::Overloaded);
                }
                answer => break assert_eq!(answer.unwrap().1, "x"),
            }
        }
    })
    .await;
    let options = CallOptions {
        timeout: Duration::from_millis(200),
        ..options()
    };
    let params = (&forever,);
    let call = caller.call::<_, (String, Bytes)>(&function, &params, &options);
    let error = within(call).await.unwrap_err();
    let is_late = match &error {
        CallError::Failed(failure) => failure.code == FailureCode::Deadline,
        error => *error == CallError::Deadline,
    };
    assert!(is_late, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_follow_a_short_call() {
    let Some(server) = Server::start().await else {
        return;
    };
    serve(&server, ServeOptions::default()).await;
    let caller = server.endpoint().await;
    let count = Function::typed::<(Stream<u8>,), (u64,)>(&prefix(), INSTANCE, "count").unwrap();
    let mut short = listen(&server, short_subject("count")).await;
    within(async {
        loop {
            let (mut writer, outgoing) = stream();
            let (params, options) = ((outgoing,), options());
            let call = caller.call::<_, (u64,)>(&count, &params, &options);
            let write = async {
                for _ in 0..10 {
                    writer.write_bytes(vec![1; 50_000].into()).await.unwrap();
                }
                writer.finish().await.unwrap();
            };
            let (answer, ()) = tokio::join!(call, write);
            assert_eq!(answer, Ok((500_000,)));
            let message = tokio::time::timeout(Duration::from_millis(5), short.next()).await;
            // The first is the question whether such calls arrive.
            if message.is_ok_and(|message| message.unwrap().payload.len() > 1) {
                return;
            }
        }
    })
    .await;
    until("all memory is given back", || caller.buffered_bytes() == 0).await;
}

/// Reads all of a stream that is longer than what may be sent unasked.
async fn read_parts(caller: &Endpoint, function: &Function) {
    let options = options();
    let call = caller.call::<_, (Stream<u8>,)>(function, &(10_u32,), &options);
    let (mut bytes,) = call.await.unwrap();
    let mut count = 0;
    while let Some(part) = bytes.reader.next_bytes().await.unwrap() {
        count += part.len();
    }
    assert_eq!(count, 10 * PART_BYTES);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_come_whole_after_a_call_that_was_made_again() {
    let Some(server) = Server::start().await else {
        return;
    };
    let serving = ServeOptions::default();
    let shutdown = serving.shutdown.clone();
    serve(&server, serving).await;
    let caller = server.endpoint().await;
    let parts = Function::typed::<(u32,), (Stream<u8>,)>(&prefix(), INSTANCE, "parts").unwrap();
    let client = server.client().await;
    let mut short = client.subscribe(short_subject("parts")).await.unwrap();
    settled(&client).await;
    within(async {
        loop {
            read_parts(&caller, &parts).await;
            let message = tokio::time::timeout(Duration::from_millis(5), short.next()).await;
            if message.is_ok_and(|message| message.unwrap().payload.len() > 1) {
                return;
            }
        }
    })
    .await;
    short.unsubscribe().await.unwrap();
    // Another end of Weft takes its place, to which only calls with headers come.
    let other = Prefix::new("default", "other").unwrap();
    serve_as(&other, &server, ServeOptions::default()).await;
    let group = prefix().as_str().to_owned();
    let requests = client.queue_subscribe(parts.subject().to_owned(), group);
    let mut requests = requests.await.unwrap();
    settled(&client).await;
    let subject = parts
        .subject()
        .replacen(prefix().as_str(), other.as_str(), 1);
    let forwarded = Cell::new(0);
    let forward = async {
        loop {
            let request = requests.next().await.unwrap();
            let (reply, headers) = (request.reply.unwrap(), request.headers.unwrap());
            let payload = request.payload;
            let sent =
                client.publish_with_reply_and_headers(subject.clone(), reply, headers, payload);
            sent.await.unwrap();
            forwarded.set(forwarded.get() + 1);
        }
    };
    shutdown.request();
    // As long as the first end takes to go, and then some.
    let calls = async {
        while forwarded.get() < 3 {
            read_parts(&caller, &parts).await;
        }
    };
    within(async {
        tokio::select! {
            () = forward => {}
            () = calls => {}
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_sees_short_calls_as_others() {
    let Some(server) = Server::start().await else {
        return;
    };
    serve(&server, ServeOptions::default()).await;
    let (caller, function) = (server.endpoint().await, function());
    warm_up(&server, &caller, &function).await;
    let client = server.client().await;
    let observer = Observer::new(&client, &[prefix()], ObserveOptions::default()).await;
    let mut observer = observer.unwrap();
    settled(&client).await;
    let mut short = listen(&server, short_subject("echo")).await;
    within(echo(&caller, &function, &"seen".into()))
        .await
        .unwrap();
    assert!(
        within(short.next())
            .await
            .unwrap()
            .payload
            .ends_with(b"seen")
    );
    let seen = within(observer.next()).await.unwrap();
    assert_eq!(seen.function, format!("{INSTANCE}.echo"));
    assert_eq!(seen.context.source_id.as_deref(), Some("someone"));
    assert!(seen.is_weft);
    assert_eq!(seen.params.bytes.as_ref(), b"\x04seen");
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_in_the_form_of_1_9_ask_nothing() {
    let Some(server) = Server::start().await else {
        return;
    };
    serve(&server, ServeOptions::default()).await;
    let options = Options {
        dialect: weft_wrpc::Dialect::Plain,
        ..Options::default()
    };
    let (caller, function) = (server.endpoint_with(options).await, function());
    let mut short = listen(&server, short_subject("echo")).await;
    for _ in 0..3 {
        within(echo(&caller, &function, &"x".into())).await.unwrap();
    }
    settled(caller.nats()).await;
    let message = tokio::time::timeout(Duration::from_millis(50), short.next()).await;
    assert!(message.is_err(), "{message:?}");
}
