//! Calls between an end of Weft and one of 1.9, which is written here message by message (spec §4.3).

use std::time::Duration;

use async_nats::{Client, Message, Subscriber};
use bytes::Bytes;
use futures::StreamExt as _;
use weft_wrpc::encode::{Future, Stream};
use weft_wrpc::stream::{Outgoing, future, stream};
use weft_wrpc::{
    CallError, CallOptions, Endpoint, Export, Exports, Function, Options, ServeOptions, StreamError,
};

use crate::call::prefix;
use crate::server::{Server, settled, until, within};

const INSTANCE: &str = "wasmcloud:example/adder@0.1.0";

/// A 1.9 end: an inbox, as `_INBOX.AAA`.
struct Legacy {
    client: Client,
    inbox: String,
    messages: Subscriber,
}

impl Legacy {
    async fn new(server: &Server) -> Self {
        let client = server.client().await;
        let inbox = client.new_inbox();
        let messages = client.subscribe(format!("{inbox}.>")).await.unwrap();
        settled(&client).await;
        Self {
            client,
            inbox,
            messages,
        }
    }

    async fn next(&mut self) -> Message {
        within(self.messages.next()).await.unwrap()
    }

    async fn publish(&self, subject: &str, payload: &[u8]) {
        let payload = Bytes::copy_from_slice(payload);
        self.client
            .publish(subject.to_owned(), payload)
            .await
            .unwrap();
    }

    async fn request(&self, function: &str, root: &str, payload: &[u8]) {
        let subject = format!("{}.wrpc.0.0.1.{INSTANCE}.{function}", prefix());
        let (root, payload) = (root.to_owned(), Bytes::copy_from_slice(payload));
        let mut headers = async_nats::HeaderMap::new();
        headers.insert("source-id", "legacy");
        headers.insert("link-name", "default");
        let sent = self
            .client
            .publish_with_reply_and_headers(subject, root, headers, payload);
        sent.await.unwrap();
    }

    /// Accepts a call with a root of this end, and gives the root of the caller.
    async fn accept(&self, request: &Message, root: &str) -> String {
        let caller = request.reply.clone().unwrap();
        let accept = self
            .client
            .publish_with_reply(caller.clone(), root.to_owned(), Bytes::new());
        accept.await.unwrap();
        caller.to_string()
    }
}

fn adder() -> Function {
    Function::typed::<(u32, u32), (u32,)>(&prefix(), INSTANCE, "add").unwrap()
}

async fn serve(endpoint: &Endpoint, export: Export, options: ServeOptions) -> Exports {
    let exports = endpoint.serve(&prefix(), vec![export], options).await;
    settled(endpoint.nats()).await;
    exports.unwrap()
}

async fn serve_adder(server: &Server, options: ServeOptions) -> Exports {
    let export = Export::typed::<(u32, u32), (u32,)>(INSTANCE, "add").unwrap();
    serve(&server.endpoint().await, export, options).await
}

async fn listen(legacy: &Legacy, function: &Function) -> Subscriber {
    let subject = function.subject().to_owned();
    let group = prefix().as_str().to_owned();
    let requests = legacy.client.queue_subscribe(subject, group).await.unwrap();
    settled(&legacy.client).await;
    requests
}

#[tokio::test(flavor = "multi_thread")]
async fn a_1_9_caller_is_answered_in_its_form() {
    let Some(server) = Server::start().await else {
        return;
    };
    let mut exports = serve_adder(&server, ServeOptions::default()).await;
    let mut legacy = Legacy::new(&server).await;
    let root = format!("{}.c1", legacy.inbox);
    legacy.request("add", &root, &[0x01, 0xac, 0x02]).await;
    let mut call = within(exports.accept()).await.unwrap();
    let accept = legacy.next().await;
    assert_eq!(
        (accept.subject.as_str(), accept.payload.len()),
        (root.as_str(), 0)
    );
    assert!(accept.headers.is_none());
    let peer = accept.reply.unwrap();
    // The answer does not wait for the end of the parameters, as that of 1.9 does not.
    let (a, b): (u32, u32) = within(call.decode()).await.unwrap();
    call.answer(&(a + b,)).await.unwrap();
    assert_eq!(call.context().source_id.as_deref(), Some("legacy"));
    assert!(!call.understands_failures());
    for expected in [&[0xad_u8, 0x02][..], &[]] {
        let result = legacy.next().await;
        assert_eq!(result.subject.as_str(), format!("{root}.results"));
        assert_eq!(result.payload.as_ref(), expected);
        assert!(result.headers.is_none());
    }
    legacy.publish(&format!("{peer}.params"), &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_of_a_1_9_caller_come_in_pieces() {
    let Some(server) = Server::start().await else {
        return;
    };
    let mut exports = serve_adder(&server, ServeOptions::default()).await;
    let mut legacy = Legacy::new(&server).await;
    let root = format!("{}.c1", legacy.inbox);
    legacy.request("add", &root, &[]).await;
    let mut call = within(exports.accept()).await.unwrap();
    let peer = legacy.next().await.reply.unwrap();
    for piece in [&[0x01_u8, 0xac][..], &[0x02], &[]] {
        legacy.publish(&format!("{peer}.params"), piece).await;
    }
    assert_eq!(within(call.decode::<(u32, u32)>()).await, Ok((1, 300)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_an_empty_end_to_a_1_9_caller() {
    let Some(server) = Server::start().await else {
        return;
    };
    let options = ServeOptions {
        concurrent_max: 1,
        waiting_max: 1,
        waiting_timeout: Duration::from_millis(200),
        ..ServeOptions::default()
    };
    let mut exports = serve_adder(&server, options).await;
    let mut legacy = Legacy::new(&server).await;
    let roots = ["a", "b", "c"].map(|name| format!("{}.{name}", legacy.inbox));
    for root in &roots {
        legacy.request("add", root, &[1, 1]).await;
    }
    let first = within(exports.accept()).await.unwrap();
    let accept = legacy.next().await;
    assert_eq!(accept.subject.as_str(), roots[0]);
    assert!(accept.reply.is_some());
    // The second waits for its turn, there is no room for the third, and nobody's turn comes in time.
    let refused = async {
        for root in [&roots[2], &roots[1]] {
            let refusal = legacy.next().await;
            assert_eq!(refusal.subject.as_str(), root);
            assert!(refusal.reply.is_none() && refusal.payload.is_empty());
        }
    };
    tokio::select! {
        () = refused => {}
        _ = exports.accept() => panic!("two calls run at once"),
    }
    drop(first);
    let end = legacy.next().await;
    assert_eq!(end.subject.as_str(), format!("{}.results", roots[0]));
    assert!(end.payload.is_empty());
    // There is room again.
    legacy.request("add", &roots[1], &[1, 1]).await;
    within(exports.accept()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_1_9_callee_is_called_in_its_form() {
    let Some(server) = Server::start().await else {
        return;
    };
    let mut legacy = Legacy::new(&server).await;
    let mut requests = listen(&legacy, &adder()).await;
    let caller = server.endpoint().await;
    let (function, options) = (adder(), CallOptions::default());
    let call = caller.call::<_, (u32,)>(&function, &(1_u32, 300_u32), &options);
    let serve = async {
        let request = within(requests.next()).await.unwrap();
        assert_eq!(request.payload.as_ref(), [0x01, 0xac, 0x02]);
        let root = format!("{}.s1", legacy.inbox);
        let caller = legacy.accept(&request, &root).await;
        // The end of the parameters always comes.
        let end = legacy.next().await;
        assert_eq!(end.subject.as_str(), format!("{root}.params"));
        assert!(end.payload.is_empty());
        let results = format!("{caller}.results");
        for piece in [&[0xad_u8][..], &[0x02], &[]] {
            legacy.publish(&results, piece).await;
        }
    };
    let (answer, ()) = tokio::join!(call, serve);
    assert_eq!(answer, Ok((301,)));
    // And one that gives up.
    let call = caller.call::<_, (u32,)>(&function, &(1_u32, 300_u32), &options);
    let serve = async {
        let request = within(requests.next()).await.unwrap();
        let caller = legacy
            .accept(&request, &format!("{}.s2", legacy.inbox))
            .await;
        legacy.publish(&format!("{caller}.results"), &[]).await;
    };
    let (answer, ()) = tokio::join!(call, serve);
    assert_eq!(answer, Err(CallError::NoResults));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_1_9_callee_without_results_is_done_at_its_end() {
    let Some(server) = Server::start().await else {
        return;
    };
    let legacy = Legacy::new(&server).await;
    let function = Function::typed::<(), ()>(&prefix(), INSTANCE, "nothing").unwrap();
    let mut requests = listen(&legacy, &function).await;
    let caller = server.endpoint().await;
    let options = CallOptions::default();
    let call = caller.call::<_, ()>(&function, &(), &options);
    tokio::pin!(call);
    let request = tokio::select! {
        answer = &mut call => panic!("{answer:?}"),
        request = requests.next() => request.unwrap(),
    };
    let root = legacy
        .accept(&request, &format!("{}.s1", legacy.inbox))
        .await;
    settled(&legacy.client).await;
    let pending = tokio::time::timeout(Duration::from_millis(50), &mut call).await;
    assert!(pending.is_err(), "the callee is still at work");
    legacy.publish(&format!("{root}.results"), &[]).await;
    assert_eq!(within(call).await, Ok(()));
}

/// As the `wrpc:http` request: a record with a stream and a future.
#[derive(Debug)]
struct Body {
    body: Stream<u8>,
    trailers: Future<Option<String>>,
}

struct BodyOut {
    body: Outgoing,
    trailers: Outgoing,
}

weft_wrpc::record!(encode BodyOut { body, trailers });
weft_wrpc::record!(decode Body { body, trailers });

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_a_1_9_caller_are_read_and_answered() {
    let Some(server) = Server::start().await else {
        return;
    };
    let endpoint = server.endpoint().await;
    let export = Export::typed::<(Body,), (Result<Body, u8>,)>(INSTANCE, "echo").unwrap();
    let mut exports = serve(&endpoint, export, ServeOptions::default()).await;
    let mut legacy = Legacy::new(&server).await;
    let root = format!("{}.c1", legacy.inbox);
    legacy.request("echo", &root, &[0, 0]).await;
    let mut call = within(exports.accept()).await.unwrap();
    let peer = legacy.next().await.reply.unwrap();
    let (mut params,): (Body,) = within(call.decode()).await.unwrap();
    // As recorded: the end of the path above those of the streams comes too.
    let messages: [(&str, &[u8]); 8] = [
        ("", &[]),
        (".0.1", &[1, 1]),
        (".0.1", b"t"),
        (".0.0", b"\x0ahello"),
        (".0.0", b" body\0"),
        (".0", &[]),
        (".0.1", &[]),
        (".0.0", &[]),
    ];
    for (path, payload) in messages {
        legacy
            .publish(&format!("{peer}.params{path}"), payload)
            .await;
    }
    let mut body = Vec::new();
    while let Some(part) = within(params.body.reader.next_bytes()).await.unwrap() {
        body.extend_from_slice(&part);
    }
    assert_eq!(body, b"hello body");
    let trailers = within(params.trailers.get()).await;
    assert_eq!(trailers.unwrap().as_deref(), Some("t"));

    let ((mut out, body), (end, trailers)) = (stream(), future());
    let answer: (Result<BodyOut, u8>,) = (Ok(BodyOut { body, trailers }),);
    call.answer(&answer).await.unwrap();
    out.write_bytes("ab".into()).await.unwrap();
    out.finish().await.unwrap();
    end.write(&None::<String>).await.unwrap();
    let expected: [(&str, &[u8]); 7] = [
        ("", &[0, 0, 0]),
        ("", &[]),
        (".0.0", b"\x02ab"),
        (".0.0", &[0]),
        (".0.0", &[]),
        (".0.1", &[0]),
        (".0.1", &[]),
    ];
    for (path, payload) in expected {
        let message = legacy.next().await;
        assert_eq!(message.subject.as_str(), format!("{root}.results{path}"));
        assert_eq!(message.payload.as_ref(), payload);
        assert!(message.headers.is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_1_9_sender_that_is_too_fast_fails_its_call_alone() {
    let Some(server) = Server::start().await else {
        return;
    };
    let options = Options {
        call_bytes_max: 256 * 1024,
        ..Options::default()
    };
    let endpoint = server.endpoint_with(options).await;
    let export = Export::typed::<(Stream<u8>,), ()>(INSTANCE, "sink").unwrap();
    let mut exports = serve(&endpoint, export, ServeOptions::default()).await;
    let mut legacy = Legacy::new(&server).await;
    for root in ["c1", "c2"] {
        let root = format!("{}.{root}", legacy.inbox);
        legacy.request("sink", &root, &[0]).await;
        let mut call = within(exports.accept()).await.unwrap();
        let peer = legacy.next().await.reply.unwrap();
        let (mut params,): (Stream<u8>,) = within(call.decode()).await.unwrap();
        let path = format!("{peer}.params.0");
        if root.ends_with("c1") {
            // A chunk of a mebibyte, more of which comes than may be held.
            legacy.publish(&path, &[0x80, 0x80, 0x40]).await;
            for _ in 0..8 {
                legacy.publish(&path, &vec![1; 64 * 1024]).await;
            }
            settled(&legacy.client).await;
            settled(endpoint.nats()).await;
            let error = within(async {
                loop {
                    if let Err(error) = params.reader.next_bytes().await {
                        break error;
                    }
                }
            });
            assert_eq!(error.await, StreamError::Overflow);
        } else {
            legacy.publish(&path, &[1, 9]).await;
            let part = within(params.reader.next_bytes()).await;
            assert_eq!(part, Ok(Some(Bytes::from_static(&[9]))));
        }
        drop((params, call));
        until("all memory is given back", || {
            endpoint.buffered_bytes() == 0
        })
        .await;
        while legacy.next().await.subject.as_str() != format!("{root}.results") {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_1_9_sender_may_pause() {
    let Some(server) = Server::start().await else {
        return;
    };
    let idle = Duration::from_millis(20);
    let options = Options {
        stream_idle_timeout: idle,
        ..Options::default()
    };
    let endpoint = server.endpoint_with(options).await;
    let export = Export::typed::<(Stream<u8>,), ()>(INSTANCE, "sink").unwrap();
    let mut exports = serve(&endpoint, export, ServeOptions::default()).await;
    let mut legacy = Legacy::new(&server).await;
    let root = format!("{}.c1", legacy.inbox);
    legacy.request("sink", &root, &[0]).await;
    let mut call = within(exports.accept()).await.unwrap();
    let peer = legacy.next().await.reply.unwrap();
    let (mut params,): (Stream<u8>,) = within(call.decode()).await.unwrap();
    // Longer than an end of Weft may pause; this is what is tested.
    let waited = tokio::time::timeout(idle * 10, params.reader.next_bytes()).await;
    assert!(waited.is_err(), "{waited:?}");
    legacy.publish(&format!("{peer}.params.0"), &[1, 9]).await;
    let part = within(params.reader.next_bytes()).await;
    assert_eq!(part, Ok(Some(Bytes::from_static(&[9]))));
}

#[tokio::test(flavor = "multi_thread")]
async fn small_messages_of_a_1_9_sender_count_what_they_take() {
    let Some(server) = Server::start().await else {
        return;
    };
    let bytes_max = 64 * 1024;
    let options = Options {
        call_bytes_max: bytes_max,
        ..Options::default()
    };
    let endpoint = server.endpoint_with(options).await;
    let export = Export::typed::<(Stream<u8>,), ()>(INSTANCE, "sink").unwrap();
    let mut exports = serve(&endpoint, export, ServeOptions::default()).await;
    let mut legacy = Legacy::new(&server).await;
    let root = format!("{}.c1", legacy.inbox);
    legacy.request("sink", &root, &[0]).await;
    let mut call = within(exports.accept()).await.unwrap();
    let peer = legacy.next().await.reply.unwrap();
    let (mut params,): (Stream<u8>,) = within(call.decode()).await.unwrap();
    let path = format!("{peer}.params.0");
    // A chunk of a mebibyte, of which far less comes than may be held, but byte by byte.
    legacy.publish(&path, &[0x80, 0x80, 0x40]).await;
    for _ in 0..1000 {
        legacy.publish(&path, &[1]).await;
    }
    settled(&legacy.client).await;
    // Nobody reads, so that what comes fills all there is, and the next message is one too many.
    until("all room is taken", || {
        endpoint.buffered_bytes() + 512 > bytes_max
    })
    .await;
    settled(endpoint.nats()).await;
    settled(endpoint.nats()).await;
    let error = within(async {
        loop {
            if let Err(error) = params.reader.next_bytes().await {
                break error;
            }
        }
    });
    assert_eq!(error.await, StreamError::Overflow);
    drop((params, call));
    until("all memory is given back", || {
        endpoint.buffered_bytes() == 0
    })
    .await;
}
