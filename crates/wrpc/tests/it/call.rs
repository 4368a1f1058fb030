//! Calls between two ends of Weft.

use std::time::Duration;

use async_nats::HeaderMap;
use bytes::Bytes;
use futures::StreamExt as _;
use weft_runtime::{Shutdown, TaskKind};
use weft_wrpc::server::dispatch;
use weft_wrpc::{
    CallError, CallOptions, Context, Endpoint, Export, Exports, Failure, FailureCode, Function,
    Prefix, ServeOptions,
};

use crate::server::{Server, settled, until, within};

const NOTHING: (&str,) = ("",);
const INSTANCE: &str = "test:calls/echo@0.1.0";

pub(crate) fn prefix() -> Prefix {
    Prefix::new("default", "callee").unwrap()
}

fn export() -> Export {
    Export::typed::<(Bytes,), (Bytes,)>(INSTANCE, "echo").unwrap()
}

fn function() -> Function {
    Function::typed::<(Bytes,), (Bytes,)>(&prefix(), INSTANCE, "echo").unwrap()
}

async fn serve(server: &Server, options: ServeOptions) -> Exports {
    let endpoint = server.endpoint().await;
    let exports = endpoint.serve(&prefix(), vec![export()], options).await;
    settled(endpoint.nats()).await;
    exports.unwrap()
}

/// Serves an echo until the test ends.
async fn echo(server: &Server) {
    let exports = serve(server, ServeOptions::default()).await;
    let tasks = server.tasks().clone();
    let task = async move {
        dispatch(exports, &tasks, |mut call| async move {
            let params: (Bytes,) = call.decode().await.unwrap();
            call.answer(&params).await.unwrap();
        })
        .await;
    };
    server.tasks().spawn(TaskKind::Helper, "echo", task);
}

async fn call_echo(caller: &Endpoint, bytes: &Bytes) -> Result<(Bytes,), CallError> {
    let options = CallOptions::default();
    caller.call(&function(), &(bytes,), &options).await
}

fn options(timeout: Duration) -> CallOptions {
    CallOptions {
        timeout,
        ..CallOptions::default()
    }
}

fn failure(error: CallError) -> FailureCode {
    match error {
        CallError::Failed(failure) => failure.code,
        other => panic!("no failure of the callee: {other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_call_takes_two_messages() {
    let Some(server) = Server::start().await else {
        return;
    };
    echo(&server).await;
    let mut spy = server.client().await.subscribe(">").await.unwrap();
    let observer = server.client().await;
    settled(&observer).await;
    let caller = server.endpoint().await;
    let answer = within(call_echo(&caller, &"abc".into())).await;
    let (answer,) = answer.unwrap();
    assert_eq!(answer, "abc");
    observer.publish("end", Bytes::new()).await.unwrap();
    let mut calls = Vec::new();
    loop {
        let message = within(spy.next()).await.unwrap();
        match message.subject.as_str() {
            "end" => break,
            // Those of `settled`.
            _ if message.payload.is_empty() => {}
            // Whether later calls may be shorter.
            subject if subject.contains(".weft.1.") => {}
            _ => calls.push(message),
        }
    }
    assert_eq!(calls.len(), 2, "{calls:?}");
    assert_eq!(calls[0].subject, function().subject().into());
    assert_eq!(Some(&calls[1].subject), calls[0].reply.as_ref());
    assert!(calls[1].headers.is_none() && calls[1].reply.is_none());
    assert_eq!((caller.strays(), caller.buffered_bytes()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn large_parameters_and_results_come_in_pieces() {
    let Some(server) = Server::start_with("max_payload: 65536").await else {
        return;
    };
    echo(&server).await;
    let caller = server.endpoint().await;
    // Around the sizes at which another message is needed, and far beyond.
    for size in (65_200..65_600).step_by(40).chain([1_000_000]) {
        let sent = Bytes::from(vec![7; size]);
        let (answer,) = within(call_echo(&caller, &sent)).await.unwrap();
        assert_eq!(answer.len(), size);
    }
    until("all memory is given back", || caller.buffered_bytes() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_says_what_it_is() {
    let Some(server) = Server::start().await else {
        return;
    };
    let mut exports = serve(&server, ServeOptions::default()).await;
    let caller = server.endpoint().await;
    let (function, options) = (function(), CallOptions::default());
    let call = async || {
        let call = caller.call::<_, (Bytes,)>(&function, &NOTHING, &options);
        call.await.unwrap_err()
    };
    let (error, ()) = tokio::join!(call(), async {
        let mut call = exports.accept().await.unwrap();
        call.fail(&Failure::new(FailureCode::Denied, "not today"));
    });
    let denied = Failure::new(FailureCode::Denied, "not today");
    assert_eq!(error, CallError::Failed(denied));
    // Dropped, as it is when the task of the call panics.
    let (error, ()) = tokio::join!(call(), async {
        drop(exports.accept().await.unwrap());
    });
    assert_eq!(failure(error), FailureCode::Trap);
    drop(exports);
    until("nobody serves", || caller.strays() == 0).await;
    // The subscription is gone once the server knows.
    let error = within(async {
        loop {
            let options = self::options(Duration::from_secs(1));
            let call = caller.call::<_, (Bytes,)>(&function, &NOTHING, &options);
            match call.await.unwrap_err() {
                CallError::Deadline => {}
                error => break error,
            }
        }
    });
    assert_eq!(error.await, CallError::NoResponders);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_of_a_full_callee_is_told_at_once() {
    let Some(server) = Server::start().await else {
        return;
    };
    let options = ServeOptions {
        concurrent_max: 1,
        ..ServeOptions::default()
    };
    let mut exports = serve(&server, options).await;
    let caller = server.endpoint().await;
    let (function, options) = (function(), CallOptions::default());
    let call = || caller.call::<_, (Bytes,)>(&function, &NOTHING, &options);
    let first = call();
    tokio::pin!(first);
    let running = tokio::select! {
        _ = &mut first => panic!("nobody answered"),
        running = exports.accept() => running.unwrap(),
    };
    let error = tokio::select! {
        error = call() => error.unwrap_err(),
        _ = exports.accept() => panic!("two calls run at once"),
    };
    assert!(error.is_retriable());
    assert_eq!(failure(error), FailureCode::Overloaded);
    drop(running);
    assert_eq!(failure(first.await.unwrap_err()), FailureCode::Trap);
    assert_eq!(exports.free(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn context_and_remaining_time_cross_the_wire() {
    let Some(server) = Server::start().await else {
        return;
    };
    let mut exports = serve(&server, ServeOptions::default()).await;
    let caller = server.endpoint().await;
    let context = Context {
        source_id: Some("caller".to_owned()),
        link_name: Some("default".to_owned()),
        trace_parent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        trace_state: Some("a=b".to_owned()),
        depth: 3,
        ..Context::default()
    };
    let options = CallOptions {
        timeout: Duration::from_secs(15),
        context: context.clone(),
    };
    let (function, params) = (function(), (Bytes::new(),));
    let call = caller.call::<_, (Bytes,)>(&function, &params, &options);
    let (answer, ()) = tokio::join!(call, async {
        let mut call = exports.accept().await.unwrap();
        assert_eq!((call.instance(), call.function()), (INSTANCE, "echo"));
        assert!(call.deadline() <= tokio::time::Instant::now() + Duration::from_secs(15));
        assert_eq!(
            call.context(),
            &Context {
                depth: 4,
                ..context
            }
        );
        call.answer(&(Bytes::new(),)).await.unwrap();
    });
    answer.unwrap();
    let deep = CallOptions {
        context: Context {
            depth: 16,
            ..Context::default()
        },
        ..options
    };
    let call = caller.call::<_, (Bytes,)>(&function, &params, &deep).await;
    assert_eq!(call.unwrap_err(), CallError::TooDeep);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_ends_the_call() {
    let Some(server) = Server::start().await else {
        return;
    };
    let mut exports = serve(&server, ServeOptions::default()).await;
    let caller = server.endpoint().await;
    let (function, options) = (function(), CallOptions::default());
    let params = (Bytes::new(),);
    let call = caller.call::<_, (Bytes,)>(&function, &params, &options);
    let mut running = tokio::select! {
        _ = call => panic!("nobody answered"),
        running = exports.accept() => running.unwrap(),
    };
    // The future of the call is dropped by now.
    let cancellation = running.cancellation();
    if !cancellation.is_requested() {
        // It may have come before it was asked for: then the call is told at its next chance, its deadline.
        let call = caller.call::<_, (Bytes,)>(&function, &params, &options);
        let mut running = tokio::select! {
            _ = call => panic!("nobody answered"),
            running = async {
                let mut running = exports.accept().await.unwrap();
                running.cancellation();
                running
            } => running,
        };
        within(running.cancellation().requested()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callee_that_is_gone_is_a_deadline() {
    let Some(server) = Server::start().await else {
        return;
    };
    let exports = serve(&server, ServeOptions::default()).await;
    let caller = server.endpoint().await;
    let options = options(Duration::from_millis(300));
    let call = caller
        .call::<_, (Bytes,)>(&function(), &NOTHING, &options)
        .await;
    assert_eq!(call.unwrap_err(), CallError::Deadline);
    drop(exports);
    // A failure that comes after the deadline is no news.
    until("the memory is given back", || caller.buffered_bytes() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callee_stops_at_the_deadline_of_its_caller() {
    let Some(server) = Server::start().await else {
        return;
    };
    let exports = serve(&server, ServeOptions::default()).await;
    let tasks = server.tasks().clone();
    let (started, mut ended) = tokio::sync::mpsc::channel::<()>(1);
    server
        .tasks()
        .spawn(TaskKind::Helper, "callee", async move {
            dispatch(exports, &tasks, |call| {
                let started = started.clone();
                async move {
                    let _held = (call, started);
                    std::future::pending::<()>().await;
                }
            })
            .await;
        });
    let client = server.client().await;
    let inbox = client.new_inbox();
    let mut answers = client.subscribe(inbox.clone()).await.unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("weft-c", "e;d=50");
    let subject = function().subject().to_owned();
    client
        .publish_with_reply_and_headers(subject, inbox, headers, Bytes::from_static(&[0]))
        .await
        .unwrap();
    let answer = within(answers.next()).await.unwrap();
    let headers = answer.headers.unwrap();
    assert_eq!(headers.get("weft-e").unwrap().as_str(), "deadline");
    // The handler itself holds a sender as well.
    assert!(ended.try_recv().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_spread_over_those_who_serve() {
    let Some(server) = Server::start().await else {
        return;
    };
    let mut first = serve(&server, ServeOptions::default()).await;
    let mut second = serve(&server, ServeOptions::default()).await;
    let caller = server.endpoint().await;
    let (function, options) = (function(), CallOptions::default());
    let mut counts = [0, 0];
    for _ in 0..64 {
        let params = (Bytes::from_static(b"x"),);
        let call = caller.call::<_, (Bytes,)>(&function, &params, &options);
        tokio::pin!(call);
        let (index, mut incoming) = tokio::select! {
            _ = &mut call => panic!("nobody answered"),
            incoming = first.accept() => (0, incoming.unwrap()),
            incoming = second.accept() => (1, incoming.unwrap()),
        };
        counts[index] += 1;
        incoming.answer(&params).await.unwrap();
        within(call).await.unwrap();
    }
    assert!(counts.iter().all(|count| *count > 8), "{counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_ends_the_serving_and_what_came_is_answered() {
    let Some(server) = Server::start().await else {
        return;
    };
    let shutdown = Shutdown::default();
    let options = ServeOptions {
        shutdown: shutdown.clone(),
        ..ServeOptions::default()
    };
    let mut exports = serve(&server, options).await;
    let caller = server.endpoint().await;
    let (function, options) = (function(), CallOptions::default());
    let params = (Bytes::from_static(b"x"),);
    let call = || caller.call::<_, (Bytes,)>(&function, &params, &options);
    let serving = async {
        let mut running = exports.accept().await.unwrap();
        shutdown.request();
        assert!(exports.accept().await.is_none());
        running.answer(&params).await.unwrap();
    };
    let (answer, ()) = within(async { tokio::join!(call(), serving) }).await;
    assert_eq!(answer, Ok(params.clone()));
    assert_eq!(within(call()).await, Err(CallError::NoResponders));
}
