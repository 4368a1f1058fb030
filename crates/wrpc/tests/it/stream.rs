//! Streams and futures between two ends of Weft.

use std::time::Duration;

use bytes::Bytes;
use weft_wrpc::encode::{Future, Stream};
use weft_wrpc::stream::{Outgoing, future, stream};
use weft_wrpc::{
    CallError, CallOptions, Endpoint, Export, Exports, Failure, FailureCode, Function, Options,
    ServeOptions, Signature, StreamError, Type,
};

use crate::call::prefix;
use crate::server::{Server, settled, until, within};

const INSTANCE: &str = "test:streams/echo@0.1.0";

fn signature() -> std::sync::Arc<Signature> {
    let params = [Type::stream(Type::U8), Type::future(Type::String)];
    let results = [
        Type::result(Some(Type::stream(Type::U8)), None),
        Type::stream(Type::String),
    ];
    Signature::new(params, results).unwrap().into()
}

type Params = (Stream<u8>, Future<String>);
type Results = (Result<Stream<u8>, ()>, Stream<String>);
type Answer = (Result<Outgoing, ()>, Outgoing);

async fn serve(server: &Server) -> Exports {
    let endpoint = server.endpoint().await;
    let export = Export {
        instance: INSTANCE.to_owned(),
        name: "echo".to_owned(),
        signature: signature(),
    };
    let exports = endpoint
        .serve(&prefix(), vec![export], ServeOptions::default())
        .await;
    settled(endpoint.nats()).await;
    exports.unwrap()
}

fn function() -> Function {
    Function::new(&prefix(), INSTANCE, "echo", signature()).unwrap()
}

/// Answers one call with what it is given.
async fn echo_once(exports: &mut Exports) {
    let mut call = exports.accept().await.unwrap();
    let (mut bytes, text): Params = call.decode().await.unwrap();
    let (mut bytes_out, first) = stream();
    let (mut texts_out, second) = stream();
    let answer: Answer = (Ok(first), second);
    call.answer(&answer).await.unwrap();
    let texts = async {
        let text = text.get().await.unwrap();
        for _ in 0..3 {
            texts_out.write(&[text.as_str(), ""]).await.unwrap();
        }
        texts_out.finish().await.unwrap();
    };
    let bytes = async {
        while let Some(part) = bytes.reader.next_bytes().await.unwrap() {
            bytes_out.write_bytes(part).await.unwrap();
        }
        bytes_out.finish().await.unwrap();
    };
    tokio::join!(texts, bytes);
}

/// Sends `parts` of bytes and gives the number of those that came back.
async fn call(caller: &Endpoint, part: Bytes, parts: usize) -> usize {
    let (mut bytes, first) = stream();
    let (text, second) = future();
    let (function, options) = (function(), CallOptions::default());
    let params = (first, second);
    let call = caller.call::<_, Results>(&function, &params, &options);
    let write = async {
        text.write("text").await.unwrap();
        for _ in 0..parts {
            bytes.write_bytes(part.clone()).await.unwrap();
        }
        bytes.finish().await.unwrap();
    };
    let read = async {
        let (bytes, mut texts) = call.await.unwrap();
        let mut bytes = bytes.unwrap();
        let mut read = 0;
        while let Some(part) = bytes.reader.next_bytes().await.unwrap() {
            read += part.len();
        }
        let mut found = Vec::new();
        while let Some(texts) = texts.next().await.unwrap() {
            found.extend(texts);
        }
        assert_eq!(found, ["text", "", "text", "", "text", ""]);
        read
    };
    tokio::join!(write, read).1
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_cross_in_both_directions() {
    let Some(server) = Server::start().await else {
        return;
    };
    let mut exports = serve(&server).await;
    let caller = server.endpoint().await;
    for (part, parts) in [(1, 0), (1, 3), (1000, 300), (100_000, 30), (3_000_000, 2)] {
        let part = Bytes::from(vec![7; part]);
        let length = part.len() * parts;
        let (read, ()) = within(Box::pin(async {
            tokio::join!(call(&caller, part, parts), echo_once(&mut exports))
        }))
        .await;
        assert_eq!(read, length);
    }
    until("all memory is given back", || caller.buffered_bytes() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_slows_its_writer_down() {
    let Some(server) = Server::start().await else {
        return;
    };
    let mut exports = serve(&server).await;
    let options = Options {
        window_bytes_max: 256 * 1024,
        ..Options::default()
    };
    let caller = server.endpoint_with(options).await;
    let (function, options) = (function(), CallOptions::default());
    let (bytes, text) = (stream(), future());
    let params = (bytes.1, text.1);
    let call = caller.call::<_, Results>(&function, &params, &options);
    let (results, (mut out, _call)) = tokio::join!(call, async {
        let mut call = exports.accept().await.unwrap();
        let (out, first) = stream();
        let (texts, second) = stream();
        let answer: Answer = (Ok(first), second);
        call.answer(&answer).await.unwrap();
        texts.finish().await.unwrap();
        (out, call)
    });
    let (bytes, _texts) = results.unwrap();
    let mut bytes = bytes.unwrap().reader;
    let part = Bytes::from(vec![1; 16 * 1024]);
    let mut written = 0;
    // Nobody reads: the writer comes to stand still.
    let stood = async {
        loop {
            out.write_bytes(part.clone()).await.unwrap();
            written += 1;
            assert!(written < 1000, "the writer is not slowed down");
        }
    };
    let patience = Duration::from_millis(300);
    assert!(tokio::time::timeout(patience, stood).await.is_err());
    assert!(caller.buffered_bytes() <= 2 * 256 * 1024);
    // Reading lets it go on.
    within(bytes.next_bytes()).await.unwrap();
    // A reader that goes away is an error of the writer.
    drop(bytes);
    let error = within(async {
        loop {
            if let Err(error) = out.write_bytes(part.clone()).await {
                break error;
            }
        }
    });
    assert_eq!(error.await, StreamError::Closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_fails_is_an_error_of_the_reader() {
    let Some(server) = Server::start().await else {
        return;
    };
    let mut exports = serve(&server).await;
    let caller = server.endpoint().await;
    let (function, options) = (function(), CallOptions::default());
    let (bytes, text) = (stream(), future());
    let params = (bytes.1, text.1);
    let call = caller.call::<_, Results>(&function, &params, &options);
    let (results, ()) = tokio::join!(call, async {
        let mut call = exports.accept().await.unwrap();
        let (mut out, first) = stream();
        let (texts, second) = stream();
        let answer: Answer = (Ok(first), second);
        call.answer(&answer).await.unwrap();
        out.write_bytes("part".into()).await.unwrap();
        out.fail(&Failure::new(FailureCode::Trap, "unreachable"));
        drop(texts);
    });
    let (bytes, _texts) = results.unwrap();
    let mut bytes = bytes.unwrap().reader;
    assert_eq!(within(bytes.next_bytes()).await, Ok(Some("part".into())));
    match within(bytes.next_bytes()).await {
        Err(StreamError::Failed(_)) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_a_call_that_never_began_is_closed() {
    let Some(server) = Server::start().await else {
        return;
    };
    let caller = server.endpoint().await;
    let (mut bytes, first) = stream();
    let (_text, second) = future();
    let (function, options) = (function(), CallOptions::default());
    let params = (first, second);
    let call = caller.call::<_, Results>(&function, &params, &options);
    assert_eq!(within(call).await.unwrap_err(), CallError::NoResponders);
    let written = within(bytes.write_bytes("x".into())).await;
    assert_eq!(written, Err(StreamError::Closed));
}
