//! The end.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use serde_json::json;
use tokio::sync::{Semaphore, mpsc};
use weft_provider::wrpc::{CallOptions, Endpoint, Function, Prefix};
use weft_provider::{CallError, Exports, Options};

use crate::host::{HOST_ID, Host};
use crate::server::{settled, within};
use crate::subject::{Told, Witness};

const INSTANCE: &str = "test:calls/slow@0.1.0";

/// A function that tells that it was called, and answers when it may.
fn slow(called: mpsc::Sender<u32>, may: Arc<Semaphore>) -> Exports {
    let exports = Exports::new().function(INSTANCE, "quick", |_, ()| async move { Ok(()) });
    exports.function(INSTANCE, "slow", move |_, (number,): (u32,)| {
        let (called, may) = (called.clone(), Arc::clone(&may));
        async move {
            called.send(number).await.unwrap();
            may.acquire().await.unwrap().forget();
            Ok(number)
        }
    })
}

async fn call(endpoint: &Endpoint, number: u32) -> Option<u32> {
    let prefix = Prefix::new("default", "kv").unwrap();
    let function = Function::typed::<(u32,), (u32,)>(&prefix, INSTANCE, "slow").unwrap();
    let options = CallOptions::default();
    let answer: Result<(u32,), _> = endpoint.call(&function, &(number,), &options).await;
    answer.ok().map(|(answer,)| answer)
}

/// Waits until nobody serves calls any more.
async fn nobody_serves(endpoint: &Endpoint) {
    let prefix = Prefix::new("default", "kv").unwrap();
    let function = Function::typed::<(), ()>(&prefix, INSTANCE, "quick").unwrap();
    loop {
        let options = CallOptions::default();
        match endpoint.call::<_, ()>(&function, &(), &options).await {
            Ok(()) => {}
            Err(CallError::NoResponders) => return,
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_run_are_finished_before_the_host_is_answered() {
    let Some(host) = Host::start().await else {
        return;
    };
    let (sender, mut called) = mpsc::channel(100);
    let may = Arc::new(Semaphore::new(0));
    let (witness, mut log) = Witness::new();
    let witness = witness.serving(slow(sender, Arc::clone(&may)));
    let running = host.run_until_healthy(witness).await;
    assert!(matches!(log.next().await, Told::Init { .. }));
    let caller = host.server.endpoint().await;
    // Half of them in the form of 1.9.
    let weft = join_all((0..50).map(|number| call(&caller, number)));
    let plain = join_all((50..100).map(|number| {
        let params = vec![number].into();
        host.call_plain("test:calls/slow@0.1.0.slow", &[], params)
    }));
    let calls = async { tokio::join!(weft, plain) };
    let ending = async {
        for _ in 0..100 {
            within(called.recv()).await.unwrap();
        }
        // What names another host is for another process.
        let other = json!({"host_id": "NOTHER"});
        host.tell("kv.default.shutdown", &other).await;
        let subject = "wasmbus.rpc.default.kv.default.shutdown";
        let reply = host.nats.new_inbox();
        let mut answers = host.nats.subscribe(reply.clone()).await.unwrap();
        let body = json!({ "host_id": HOST_ID }).to_string().into();
        host.nats
            .publish_with_reply(subject, reply, body)
            .await
            .unwrap();
        // It takes nothing new, and says nothing while calls run.
        within(nobody_serves(&caller)).await;
        settled(&host.nats).await;
        use futures::{FutureExt as _, StreamExt as _};
        assert!(answers.next().now_or_never().is_none());
        assert_eq!(log.rest(), []);
        may.add_permits(100);
        let answer = within(answers.next()).await.unwrap();
        assert_eq!(answer.payload, "shutting down");
    };
    let ((weft, plain), ()) = within(Box::pin(async { tokio::join!(calls, ending) })).await;
    assert_eq!(weft, (0..50).map(Some).collect::<Vec<_>>());
    assert_eq!(plain, (50..100).map(|n| vec![n]).collect::<Vec<_>>());
    running.ended().await.unwrap();
    assert_eq!(log.rest(), [Told::Shutdown]);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_take_too_long_are_given_up() {
    let Some(host) = Host::start().await else {
        return;
    };
    let (sender, mut called) = mpsc::channel(100);
    let (witness, _log) = Witness::new();
    let witness = witness.serving(slow(sender, Arc::new(Semaphore::new(0))));
    let mut options = Options::default();
    options.drain_timeout = Duration::from_secs(600);
    options.signal_timeout = Duration::from_millis(1);
    let running = host.run(witness, options).await;
    host.wait_until_healthy().await;
    let caller = host.server.endpoint().await;
    let ending = async {
        within(called.recv()).await.unwrap();
        // The host is patient, the operating system is not.
        let signal = running.signal.clone();
        let hurry = async {
            nobody_serves(&caller).await;
            signal.request();
        };
        tokio::join!(host.shut_down(running), hurry);
    };
    let (answer, ()) = tokio::join!(call(&caller, 1), ending);
    assert_eq!(answer, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_a_provider_that_nobody_calls() {
    let Some(host) = Host::start().await else {
        return;
    };
    let (witness, mut log) = Witness::new();
    let running = host.run_until_healthy(witness).await;
    assert!(matches!(log.next().await, Told::Init { .. }));
    running.signal.request();
    running.ended().await.unwrap();
    assert_eq!(log.rest(), [Told::Shutdown]);
}
