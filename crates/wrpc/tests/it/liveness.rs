//! Ends that are killed, and ends that are only slow.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use weft_runtime::Shutdown;
use weft_wrpc::encode::Stream;
use weft_wrpc::server::dispatch;
use weft_wrpc::stream::stream;
use weft_wrpc::{CallError, CallOptions, Export, Function, Options, ServeOptions, StreamError};

use crate::call::prefix;
use crate::server::{Server, settled, within};

const INSTANCE: &str = "test:alive/calls@0.1.0";
/// Questions come so often that a test need not wait long for three of them.
const INTERVAL: Duration = Duration::from_millis(30);

fn options() -> Options {
    Options {
        liveness_interval: INTERVAL,
        ..Options::default()
    }
}

fn echo() -> Function {
    Function::typed::<(Bytes,), (Bytes,)>(&prefix(), INSTANCE, "echo").unwrap()
}

fn sink() -> Function {
    Function::typed::<(Stream<u8>,), (u64,)>(&prefix(), INSTANCE, "sink").unwrap()
}

fn exports() -> Vec<Export> {
    vec![
        Export::typed::<(Bytes,), (Bytes,)>(INSTANCE, "echo").unwrap(),
        Export::typed::<(Stream<u8>,), (u64,)>(INSTANCE, "sink").unwrap(),
    ]
}

/// Far more than any of these tests takes.
fn patient() -> CallOptions {
    CallOptions {
        timeout: Duration::from_secs(600),
        ..CallOptions::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callee_that_is_killed_is_noticed_long_before_the_deadline() {
    let Some(server) = Server::start().await else {
        return;
    };
    let callee = server.endpoint_with(options()).await;
    let name = prefix();
    let serving = callee.serve(&name, exports(), ServeOptions::default());
    let mut serving = serving.await.unwrap();
    settled(callee.nats()).await;
    let caller = server.endpoint_with(options()).await;
    let params = (Bytes::from_static(b"x"),);
    let (function, options) = (echo(), patient());
    let spy = server.client().await;
    let mut requests = spy.subscribe(function.subject().to_owned()).await.unwrap();
    settled(&spy).await;
    let call = caller.call::<_, (Bytes,)>(&function, &params, &options);
    let killed = async {
        let running = serving.accept().await.unwrap();
        // Once it has said that it works on the call.
        let root = requests.next().await.unwrap().reply.unwrap();
        let mut answers = spy.subscribe(format!("{root}.a")).await.unwrap();
        answers.next().await.unwrap();
        // As when its process is killed: nothing more is heard of its connection.
        callee.nats().drain().await.unwrap();
        running
    };
    let (answer, _running) = within(async { tokio::join!(call, killed) }).await;
    assert_eq!(answer, Err(CallError::Gone));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_nobody_works_on_is_given_up() {
    let Some(server) = Server::start().await else {
        return;
    };
    let function = echo();
    // Takes the call, and hears questions without an answer, as hosts do that do not work on it.
    let client = server.client().await;
    let mut taken = Vec::new();
    for subject in [function.subject(), "weft.rpc.cancel.>"] {
        taken.push(client.subscribe(subject.to_owned()).await.unwrap());
    }
    settled(&client).await;
    let caller = server.endpoint_with(options()).await;
    let (params, options) = ((Bytes::new(),), patient());
    let answer = within(caller.call::<_, (Bytes,)>(&function, &params, &options)).await;
    assert_eq!(answer, Err(CallError::Gone));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callee_of_1_9_that_is_busy_is_waited_for() {
    let Some(server) = Server::start().await else {
        return;
    };
    let function = echo();
    // Takes the call, and knows no questions.
    let client = server.client().await;
    let mut requests = client
        .subscribe(function.subject().to_owned())
        .await
        .unwrap();
    settled(&client).await;
    let caller = server.endpoint_with(options()).await;
    let (params, options) = ((Bytes::from_static(b"x"),), patient());
    let call = caller.call::<_, (Bytes,)>(&function, &params, &options);
    let busy = async {
        let request = requests.next().await.unwrap();
        // Long enough for many more questions than may stay without an answer; this is what is tested.
        tokio::time::sleep(INTERVAL * 30).await;
        let root = request.reply.unwrap();
        let accept = client.publish_with_reply(root.clone(), client.new_inbox(), Bytes::new());
        accept.await.unwrap();
        for payload in ["\x01x", ""] {
            let result = client.publish(format!("{root}.results"), payload.into());
            result.await.unwrap();
        }
    };
    let (answer, ()) = within(async { tokio::join!(call, busy) }).await;
    assert_eq!(answer, Ok(params.clone()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callee_that_is_slow_is_waited_for() {
    let Some(server) = Server::start().await else {
        return;
    };
    let callee = server.endpoint_with(options()).await;
    let name = prefix();
    let serving = callee.serve(&name, exports(), ServeOptions::default());
    let mut serving = serving.await.unwrap();
    settled(callee.nats()).await;
    let caller = server.endpoint_with(options()).await;
    let params = (Bytes::from_static(b"x"),);
    let (function, options) = (echo(), patient());
    let call = caller.call::<_, (Bytes,)>(&function, &params, &options);
    let slow = async {
        let mut running = serving.accept().await.unwrap();
        // Long enough for many more questions than may stay without an answer; this is what is tested.
        tokio::time::sleep(INTERVAL * 30).await;
        running.answer(&params).await.unwrap();
    };
    let (answer, ()) = within(async { tokio::join!(call, slow) }).await;
    assert_eq!(answer, Ok(params.clone()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reader_of_a_stream_that_is_killed_is_noticed_by_its_writer() {
    let Some(server) = Server::start().await else {
        return;
    };
    let callee = server.endpoint_with(options()).await;
    let name = prefix();
    let serving = callee.serve(&name, exports(), ServeOptions::default());
    let mut serving = serving.await.unwrap();
    settled(callee.nats()).await;
    let caller = server.endpoint_with(options()).await;
    let (function, options) = (sink(), patient());
    let (mut writer, outgoing) = stream();
    let params = (outgoing,);
    let call = caller.call::<_, (u64,)>(&function, &params, &options);
    let write = async {
        loop {
            if let Err(error) = writer.write_bytes(Bytes::from(vec![0; 1 << 16])).await {
                return error;
            }
        }
    };
    let killed = async {
        let mut running = serving.accept().await.unwrap();
        let (mut stream,): (Stream<u8>,) = running.decode().await.unwrap();
        stream.reader.next_bytes().await.unwrap();
        callee.nats().drain().await.unwrap();
        (running, stream)
    };
    let (answer, error, _running) = within(async { tokio::join!(call, write, killed) }).await;
    assert_eq!(answer, Err(CallError::Gone));
    assert!(
        matches!(error, StreamError::Gone | StreamError::Closed),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn no_call_is_lost_when_one_of_two_that_serve_is_drained_under_load() {
    let Some(server) = Server::start().await else {
        return;
    };
    let (tasks, shutdown) = (server.tasks(), Shutdown::default());
    let mut served = Vec::new();
    for number in 0..2 {
        let endpoint = server.endpoint().await;
        let options = ServeOptions {
            concurrent_max: 4096,
            shutdown: if number == 0 {
                shutdown.clone()
            } else {
                Shutdown::default()
            },
            ..ServeOptions::default()
        };
        let name = prefix();
        let serving = endpoint.serve(&name, exports(), options).await.unwrap();
        settled(endpoint.nats()).await;
        served.push(dispatch(serving, tasks, |mut call| async move {
            let params: (Bytes,) = call.decode().await.unwrap();
            call.answer(&params).await.unwrap();
        }));
    }
    let second = served.pop().unwrap();
    let first = served.pop().unwrap();
    let caller = server.endpoint().await;
    let (function, options) = (echo(), CallOptions::default());
    let params = (Bytes::from_static(b"x"),);
    let load = async {
        for round in 0..200 {
            if round == 100 {
                shutdown.request();
            }
            let calls = (0..64).map(|_| caller.call::<_, (Bytes,)>(&function, &params, &options));
            for answer in futures::future::join_all(calls).await {
                assert_eq!(answer.as_ref(), Ok(&params), "round {round}");
            }
        }
    };
    within(async {
        tokio::select! {
            () = load => {}
            () = async { tokio::join!(first, second); } => panic!("the second ended"),
        }
    })
    .await;
}
