use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

const DEADLINE: Duration = Duration::from_secs(5);

#[derive(Debug)]
struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it broke")
    }
}

impl Error for Broken {}

fn info(name: &'static str, kind: TaskKind) -> TaskInfo {
    TaskInfo {
        name: name.into(),
        kind,
    }
}

/// Spawns a task that waits for the shutdown.
fn spawn_patient(tasks: &Tasks, kind: TaskKind, name: &'static str) {
    let shutdown = tasks.shutdown();
    tasks.spawn(kind, name, async move { shutdown.requested().await });
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_tasks_that_end() {
    let tasks = Tasks::new();
    spawn_patient(&tasks, TaskKind::Service, "service");
    let shutdown = tasks.shutdown();
    tasks.spawn(TaskKind::Job, "slow", async move {
        shutdown.requested().await;
        tokio::time::sleep(Duration::from_secs(4)).await;
    });
    assert_eq!(
        tasks.list(),
        [
            info("service", TaskKind::Service),
            info("slow", TaskKind::Job)
        ]
    );
    assert_eq!(tasks.drain(DEADLINE).await, Drained::default());
    assert_eq!(tasks.list(), []);
    assert_eq!(tasks.end().await, End::Requested);
}

#[tokio::test(start_paused = true)]
async fn a_drain_names_the_tasks_it_aborts() {
    let tasks = Tasks::new();
    spawn_patient(&tasks, TaskKind::Worker, "patient");
    tasks.spawn(TaskKind::Worker, "deaf", pending());
    tasks.spawn(TaskKind::Helper, "helper", pending());
    let started = tokio::time::Instant::now();
    let drained = tasks.drain(DEADLINE).await;
    assert_eq!(drained.aborted, [info("deaf", TaskKind::Worker)]);
    assert_eq!(drained.stuck, []);
    assert_eq!(started.elapsed(), DEADLINE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drain_names_tasks_that_block_their_thread() {
    let tasks = Tasks::new();
    let may_end = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&may_end);
    let (started, has_started) = tokio::sync::oneshot::channel();
    tasks.spawn(TaskKind::Job, "blocking", async move {
        started.send(()).unwrap();
        while !flag.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
    });
    has_started.await.unwrap();
    let drained = tasks.drain(Duration::ZERO).await;
    may_end.store(true, Ordering::Relaxed);
    assert_eq!(drained.stuck, [info("blocking", TaskKind::Job)]);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_ends_early_ends_the_run() {
    async fn check(spawn: impl FnOnce(&Tasks), cause: Cause) {
        let tasks = Tasks::new();
        spawn_patient(&tasks, TaskKind::Service, "other");
        spawn(&tasks);
        let task = info("service", TaskKind::Service);
        assert_eq!(tasks.end().await, End::Failed(Failure { task, cause }));
        assert_eq!(tasks.drain(DEADLINE).await, Drained::default());
    }
    const KIND: TaskKind = TaskKind::Service;
    check(
        |tasks| drop(tasks.spawn(KIND, "service", async {})),
        Cause::Returned,
    )
    .await;
    check(
        |tasks| drop(tasks.spawn_fallible(KIND, "service", async { Err(Broken) })),
        Cause::Error("it broke".to_owned()),
    )
    .await;
    check(
        |tasks| drop(tasks.spawn(KIND, "service", async { panic!("at {}", 7) })),
        Cause::Panicked("at 7".to_owned()),
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn other_kinds_fail_alone() {
    let tasks = Tasks::new();
    for kind in [TaskKind::Worker, TaskKind::Job, TaskKind::Helper] {
        let handle = tasks.spawn(kind, "panics", async { panic!("alone") });
        tasks.spawn_fallible(kind, "fails", async { Err(Broken) });
        tasks.spawn(kind, "returns", async {});
        tasks.inner.wait_for_none().await;
        assert!(handle.is_finished());
    }
    assert!(!tasks.shutdown().is_requested());
}

#[tokio::test(start_paused = true)]
async fn an_aborted_service_is_no_failure() {
    let tasks = Tasks::new();
    let handle = tasks.spawn(TaskKind::Service, "service", pending());
    drop(handle.into_guard());
    tasks.inner.wait_for_none().await;
    assert!(!tasks.shutdown().is_requested());
}

#[tokio::test(start_paused = true)]
async fn nothing_starts_after_a_drain() {
    let tasks = Tasks::new();
    tasks.drain(DEADLINE).await;
    let handle = tasks.spawn(TaskKind::Job, "late", async { panic!("it was polled") });
    assert!(handle.is_finished());
    handle.abort();
    assert_eq!(tasks.list(), []);
}

#[test]
fn an_error_is_told_with_its_causes() {
    #[derive(Debug)]
    struct Outer;
    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("cannot start")
        }
    }
    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&Broken)
        }
    }
    assert_eq!(render_chain(&Outer), "cannot start: it broke");
}
