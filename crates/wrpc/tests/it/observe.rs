//! Calls as somebody who only listens sees them.

use bytes::Bytes;
use weft_wrpc::observe::{ObserveOptions, Observer, Outcome};
use weft_wrpc::server::dispatch;
use weft_wrpc::{
    CallOptions, Dialect, Export, Failure, FailureCode, Function, Options, ServeOptions,
};

use crate::call::prefix;
use crate::server::{Server, settled, within};

const INSTANCE: &str = "test:seen/calls@0.1.0";

fn function() -> Function {
    Function::typed::<(Bytes,), (Bytes,)>(&prefix(), INSTANCE, "echo").unwrap()
}

/// Serves echoes; what begins with `!` fails.
async fn serve(server: &Server) {
    let endpoint = server.endpoint().await;
    let export = Export::typed::<(Bytes,), (Bytes,)>(INSTANCE, "echo").unwrap();
    let name = prefix();
    let exports = endpoint.serve(&name, vec![export], ServeOptions::default());
    let exports = exports.await.unwrap();
    settled(endpoint.nats()).await;
    let tasks = server.tasks().clone();
    server
        .tasks()
        .spawn(weft_runtime::TaskKind::Helper, "test serve", async move {
            dispatch(exports, &tasks, |mut call| async move {
                let params: (Bytes,) = call.decode().await.unwrap();
                if params.0.starts_with(b"!") {
                    call.fail(&Failure::new(FailureCode::Denied, "not you"));
                } else {
                    call.answer(&params).await.unwrap();
                }
            })
            .await;
        });
}

async fn observer(server: &Server) -> Observer {
    let client = server.client().await;
    let observer = Observer::new(&client, &[prefix()], ObserveOptions::default()).await;
    settled(&client).await;
    observer.unwrap()
}

async fn call(server: &Server, dialect: Dialect, payload: Bytes) {
    let options = Options {
        dialect,
        ..Options::default()
    };
    let caller = server.endpoint_with(options).await;
    let mut options = CallOptions::default();
    options.context.source_id = Some("someone".to_owned());
    // That some fail is what is looked at.
    let _ = within(caller.call::<_, (Bytes,)>(&function(), &(payload,), &options)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_both_forms_are_seen_to_their_ends() {
    let Some(server) = Server::start().await else {
        return;
    };
    serve(&server).await;
    let mut observer = observer(&server).await;
    for (dialect, is_weft) in [(Dialect::Weft, true), (Dialect::Plain, false)] {
        // One that fits a message, and one of several.
        for length in [3, 3_000_000] {
            call(&server, dialect, Bytes::from(vec![7; length])).await;
            let seen = within(observer.next()).await.unwrap();
            assert_eq!(seen.callee, prefix());
            assert_eq!(seen.function, format!("{INSTANCE}.echo"));
            assert_eq!(seen.context.source_id.as_deref(), Some("someone"));
            assert_eq!(seen.is_weft, is_weft);
            assert_eq!(seen.outcome, Outcome::Answered);
            let bytes = length as u64 + if length > 127 { 4 } else { 1 };
            assert_eq!((seen.params.total, seen.results.total), (bytes, bytes));
            assert_eq!(seen.params.is_complete(), length == 3);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_seen_as_far_as_the_callee_tells_them() {
    let Some(server) = Server::start().await else {
        return;
    };
    serve(&server).await;
    let mut observer = observer(&server).await;
    call(&server, Dialect::Weft, Bytes::from_static(b"!")).await;
    let seen = within(observer.next()).await.unwrap();
    let Outcome::Failed(failure) = seen.outcome else {
        panic!("{seen:?}");
    };
    assert_eq!(
        (failure.code, &*failure.message),
        (FailureCode::Denied, "not you")
    );
    call(&server, Dialect::Plain, Bytes::from_static(b"!")).await;
    let seen = within(observer.next()).await.unwrap();
    assert_eq!(seen.outcome, Outcome::NoResults);
}
