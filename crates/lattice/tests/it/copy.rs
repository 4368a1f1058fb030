use std::time::Duration;

use async_nats::jetstream::{self, consumer, kv, object_store, stream};
use futures::StreamExt;
use tokio::io::AsyncReadExt;
use weft_lattice::{CopyError, CopyOptions, CopyReport, Difference, Lattice, StreamReport, copy};
use weft_model::problem::Coded;

use crate::server::{Server, in_time};

/// Two servers, each with a connection.
struct Pair {
    _servers: [Server; 2],
    from: Lattice,
    to: Lattice,
}

impl Pair {
    async fn start() -> Option<Self> {
        let start = || {
            Server::start_own(|store| {
                ["-js", "-sd", &store.display().to_string()]
                    .map(str::to_owned)
                    .to_vec()
            })
        };
        let servers = [start().await?, start().await?];
        let (from, to) = (servers[0].connect().await, servers[1].connect().await);
        Some(Self {
            _servers: servers,
            from,
            to,
        })
    }

    fn source(&self) -> jetstream::Context {
        jetstream::new(self.from.nats().clone())
    }

    fn target(&self) -> jetstream::Context {
        jetstream::new(self.to.nats().clone())
    }

    async fn run(&self) -> Result<CopyReport, CopyError> {
        in_time(copy(&self.from, &self.to, &CopyOptions::default(), |_| {})).await
    }

    async fn run_one(&self) -> StreamReport {
        let report = self.run().await.unwrap();
        assert_eq!(report.streams.len(), 1, "{report:?}");
        report.streams.into_iter().next().unwrap()
    }
}

/// A bucket as clients make it; by hand, as the client that is used here asks for more than servers of 2.9 know.
async fn bucket(context: &jetstream::Context, history: i64) -> kv::Store {
    let config = stream::Config {
        name: "KV_b".to_owned(),
        subjects: vec!["$KV.b.>".to_owned()],
        max_messages_per_subject: history,
        discard: stream::DiscardPolicy::New,
        allow_rollup: true,
        deny_delete: true,
        allow_direct: true,
        ..stream::Config::default()
    };
    context.create_stream(config).await.unwrap();
    context.get_key_value("b").await.unwrap()
}

async fn work_stream(context: &jetstream::Context, retention: stream::RetentionPolicy) {
    let config = stream::Config {
        name: "work".to_owned(),
        subjects: vec!["work.>".to_owned()],
        retention,
        ..stream::Config::default()
    };
    context.create_stream(config).await.unwrap();
}

async fn pull(context: &jetstream::Context) -> consumer::PullConsumer {
    let work = context.get_stream("work").await.unwrap();
    let config = consumer::pull::Config {
        durable_name: Some("worker".to_owned()),
        ack_policy: consumer::AckPolicy::Explicit,
        ..consumer::pull::Config::default()
    };
    work.get_or_create_consumer("worker", config).await.unwrap()
}

async fn publish(context: &jetstream::Context, subject: &'static str, body: &'static str) {
    context
        .publish(subject, body.into())
        .await
        .unwrap()
        .await
        .unwrap();
}

async fn fetch(worker: &consumer::PullConsumer, count: usize) -> Vec<jetstream::Message> {
    let batch = worker
        .fetch()
        .max_messages(count)
        .expires(Duration::from_secs(2))
        .messages()
        .await
        .unwrap();
    batch.map(Result::unwrap).collect().await
}

fn bodies(messages: &[jetstream::Message]) -> Vec<&str> {
    messages
        .iter()
        .map(|message| std::str::from_utf8(&message.payload).unwrap())
        .collect()
}

fn check_difference(result: Result<CopyReport, CopyError>, expected: Difference) {
    let error = result.unwrap_err();
    assert_eq!(error.code(), "LAT023");
    assert!(
        matches!(error, CopyError::Different { difference, .. } if difference == expected),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_bucket_keeps_its_revisions() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    let source = bucket(&pair.source(), 2).await;
    for round in 0..5 {
        for key in ["x", "y.z"] {
            source
                .put(key, format!("{key}{round}").into())
                .await
                .unwrap();
        }
    }
    source.put("gone", "1".into()).await.unwrap();
    source.purge("gone").await.unwrap();
    let revision = source.put("big", vec![7; 900_000].into()).await.unwrap();
    source.delete("x").await.unwrap();

    let report = pair.run_one().await;
    assert_eq!(
        (report.copied, report.verified, report.is_new),
        (6, 6, true)
    );
    let target = pair.target().get_key_value("b").await.unwrap();
    let big = target.entry("big").await.unwrap().unwrap();
    assert_eq!((big.revision, big.value.len()), (revision, 900_000));
    assert_eq!(target.get("y.z").await.unwrap().unwrap(), "y.z4");
    assert_eq!(target.get("x").await.unwrap(), None);
    let history: Vec<_> = target.history("y.z").await.unwrap().collect().await;
    let revisions: Vec<u64> = history
        .into_iter()
        .map(|entry| entry.unwrap().revision)
        .collect();
    assert_eq!(revisions, [8, 10]);
    // It is a bucket like the first: history, direct gets, compare-and-set against revisions of the source.
    let status = target.status().await.unwrap();
    assert_eq!((status.history(), status.values()), (2, 6));
    target
        .update("big", "small".into(), revision)
        .await
        .unwrap();
    assert!(target.update("big", "late".into(), revision).await.is_err());
}

#[tokio::test]
async fn a_second_run_copies_what_is_new_and_removes_what_is_gone() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    let source = bucket(&pair.source(), 1).await;
    for key in ["a", "b", "c"] {
        source.put(key, "1".into()).await.unwrap();
    }
    assert_eq!(pair.run_one().await.copied, 3);
    let again = pair.run_one().await;
    assert_eq!(
        (again.copied, again.kept, again.removed, again.verified),
        (0, 3, 0, 3)
    );
    source.put("b", "2".into()).await.unwrap();
    source.put("d", "1".into()).await.unwrap();
    let mut options = CopyOptions::default();
    options.is_dry_run = true;
    let planned = copy(&pair.from, &pair.to, &options, |_| {}).await.unwrap();
    let planned = &planned.streams[0];
    assert_eq!((planned.copied, planned.kept, planned.removed), (2, 2, 1));
    let last = pair.run_one().await;
    assert_eq!(
        (last.copied, last.kept, last.removed, last.verified),
        (2, 2, 1, 4)
    );
    let target = pair.target().get_key_value("b").await.unwrap();
    assert_eq!(target.get("b").await.unwrap().unwrap(), "2");
    assert_eq!(target.status().await.unwrap().values(), 4);
}

#[tokio::test]
async fn another_stream_of_the_same_name_is_left_alone() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    let source = bucket(&pair.source(), 1).await;
    let target = bucket(&pair.target(), 1).await;
    source.put("a", "ours".into()).await.unwrap();
    source.put("b", "ours".into()).await.unwrap();
    target.put("a", "theirs".into()).await.unwrap();
    check_difference(pair.run().await, Difference::Other(1));
    let config = &pair
        .target()
        .get_stream("KV_b")
        .await
        .unwrap()
        .cached_info()
        .config
        .clone();
    assert_eq!(config.subjects, ["$KV.b.>"]);
    target.put("b", "theirs".into()).await.unwrap();
    target.put("c", "theirs".into()).await.unwrap();
    check_difference(pair.run().await, Difference::Ahead(3));
    assert_eq!(target.get("a").await.unwrap().unwrap(), "theirs");
}

#[tokio::test]
async fn an_object_is_whole() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    let config = || object_store::Config {
        bucket: "o".to_owned(),
        ..object_store::Config::default()
    };
    let source = pair.source().create_object_store(config()).await.unwrap();
    let content: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    source.put("file", &mut content.as_slice()).await.unwrap();
    pair.run_one().await;
    let target = pair.target().get_object_store("o").await.unwrap();
    let mut read = Vec::new();
    // Reading checks the digest that the object was put with.
    let mut object = target.get("file").await.unwrap();
    object.read_to_end(&mut read).await.unwrap();
    assert!(read == content);
}

#[tokio::test]
async fn work_that_is_not_done_is_there_and_done_once() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    let context = pair.source();
    work_stream(&context, stream::RetentionPolicy::WorkQueue).await;
    let worker = pull(&context).await;
    for body in ["done", "taken", "waiting", "last"] {
        publish(&context, "work.a", body).await;
    }
    let taken = fetch(&worker, 2).await;
    taken[0].double_ack().await.unwrap();

    let report = pair.run_one().await;
    assert_eq!((report.copied, report.consumers), (3, 1));
    let copied = pull(&pair.target()).await;
    let got = fetch(&copied, 3).await;
    assert_eq!(bodies(&got), ["taken", "waiting", "last"]);
    for message in &got {
        message.double_ack().await.unwrap();
    }
    let mut info = pair.target().get_stream("work").await.unwrap();
    assert_eq!(info.info().await.unwrap().state.messages, 0);
}

#[tokio::test]
async fn interest_is_kept_with_its_consumers() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    let context = pair.source();
    work_stream(&context, stream::RetentionPolicy::Interest).await;
    publish(&context, "work.a", "for nobody").await;
    let worker = pull(&context).await;
    for body in ["one", "two", "three"] {
        publish(&context, "work.a", body).await;
    }
    fetch(&worker, 1).await[0].double_ack().await.unwrap();

    let report = pair.run_one().await;
    assert_eq!((report.copied, report.consumers), (2, 1));
    let copied = pull(&pair.target()).await;
    assert_eq!(bodies(&fetch(&copied, 2).await), ["two", "three"]);
}

#[tokio::test]
async fn an_id_that_came_twice_is_copied_twice() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    let context = pair.source();
    let config = stream::Config {
        name: "ids".to_owned(),
        subjects: vec!["ids".to_owned()],
        duplicate_window: Duration::from_millis(100),
        ..stream::Config::default()
    };
    context.create_stream(config).await.unwrap();
    for _ in 0..2 {
        // The window has to pass before the id is taken again: time is what is tested.
        loop {
            let mut headers = async_nats::HeaderMap::new();
            headers.insert("Nats-Msg-Id", "same");
            let ack = context
                .publish_with_headers("ids", headers, "x".into())
                .await
                .unwrap()
                .await
                .unwrap();
            if !ack.duplicate {
                break;
            }
        }
    }
    let report = pair.run_one().await;
    assert_eq!((report.copied, report.verified), (2, 2));
}

#[tokio::test]
async fn a_stream_with_sources_goes_on_where_it_was() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    let context = pair.source();
    for name in ["a", "b"] {
        let config = stream::Config {
            name: name.to_owned(),
            subjects: vec![format!("{name}.>")],
            ..stream::Config::default()
        };
        context.create_stream(config).await.unwrap();
    }
    publish(&context, "a.1", "first").await;
    let config = stream::Config {
        name: "work".to_owned(),
        sources: Some(
            ["a", "b"]
                .map(|name| stream::Source {
                    name: name.to_owned(),
                    ..stream::Source::default()
                })
                .to_vec(),
        ),
        retention: stream::RetentionPolicy::WorkQueue,
        ..stream::Config::default()
    };
    context.create_stream(config).await.unwrap();
    let worker = pull(&context).await;
    let got = fetch(&worker, 1).await;
    assert_eq!(bodies(&got), ["first"]);
    got[0].double_ack().await.unwrap();

    // Taken by another name than that of its own subjects, and so copied with the stream that has them.
    pair.run().await.unwrap();
    publish(&pair.target(), "b.1", "second").await;
    let copied = pull(&pair.target()).await;
    // The first is in the copy of `a` but was done: it is not taken again.
    assert_eq!(bodies(&fetch(&copied, 1).await), ["second"]);
}

#[tokio::test]
async fn numbers_before_the_first_message_cost_nothing() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    let context = pair.source();
    let config = stream::Config {
        name: "late".to_owned(),
        subjects: vec!["late".to_owned()],
        ..stream::Config::default()
    };
    let mut late = context.create_stream(config).await.unwrap();
    late.purge().sequence(40_000_000).await.unwrap();
    publish(&context, "late", "x").await;
    let first = late.info().await.unwrap().state.first_sequence;
    assert_eq!(first, 40_000_000);
    assert_eq!(pair.run_one().await.copied, 1);
    let mut copied = pair.target().get_stream("late").await.unwrap();
    let state = copied.info().await.unwrap().state.clone();
    assert_eq!(
        (state.first_sequence, state.last_sequence, state.messages),
        (first, first, 1)
    );
}

#[tokio::test]
async fn only_named_streams_are_copied_and_unknown_ones_are_told() {
    let Some(pair) = Pair::start().await else {
        return;
    };
    bucket(&pair.source(), 1).await;
    let mut options = CopyOptions::default();
    options.streams = vec!["KV_c".to_owned()];
    let error = copy(&pair.from, &pair.to, &options, |_| {})
        .await
        .unwrap_err();
    assert_eq!(
        (error.code(), error.subject()),
        ("LAT022", "KV_c".to_owned())
    );
    options.streams = vec!["KV_b".to_owned()];
    let report = copy(&pair.from, &pair.to, &options, |_| {}).await.unwrap();
    assert_eq!(report.streams[0].name, "KV_b");
    assert_eq!(pair.target().stream_names().count().await, 1);
}
