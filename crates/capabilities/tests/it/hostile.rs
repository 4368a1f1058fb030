//! Guests that misbehave: the caller gets a typed answer or a cut, and nobody else notices.

use std::process::Command;
use std::time::Duration;

use futures::future::{self, Either};
use http::{Method, StatusCode};
use weft_engine::{LoadError, Options};
use weft_model::limits::LimitOverrides;

use crate::client::{Answer, Protocol, get, request, send};
use crate::site::{Site, load, no_limits};

const MEMORY: u64 = 32 << 20;

/// Limits that end hostile calls soon.
fn tight() -> LimitOverrides {
    LimitOverrides {
        memory_bytes_max: Some(MEMORY),
        call_duration_max: Some(Duration::from_millis(500)),
        call_cpu_max: Some(Duration::from_millis(200)),
        response_body_bytes_max: Some(1 << 20),
        ..LimitOverrides::default()
    }
}

#[track_caller]
fn assert_refused(answer: &Answer, status: StatusCode, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert!(answer.text().contains(code), "{}", answer.text());
    assert!(answer.is_complete);
}

#[tokio::test]
async fn what_fails_before_its_head_is_answered_for() {
    let mut site = Site::start();
    let program = site.run("hostile", 10, tight()).await;
    let address = site.address("hostile");
    for (path, status, code, kind) in [
        ("/loop", StatusCode::GATEWAY_TIMEOUT, "CAL003", "cpu"),
        ("/never", StatusCode::GATEWAY_TIMEOUT, "CAL002", "deadline"),
        (
            "/recursion",
            StatusCode::INTERNAL_SERVER_ERROR,
            "CAL006",
            "trapped",
        ),
        (
            "/panic",
            StatusCode::INTERNAL_SERVER_ERROR,
            "CAL006",
            "trapped",
        ),
        (
            "/silent",
            StatusCode::INTERNAL_SERVER_ERROR,
            "CAL007",
            "no_answer",
        ),
    ] {
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let answer = send(address, protocol, request(Method::GET, path, "")).await;
            assert_refused(&answer, status, code);
        }
        assert!(
            program.stats().failures.contains_key(kind),
            "{path} is not counted as {kind}"
        );
    }
    assert_eq!(get(address, "/ok").await.text(), "ok");
    assert_eq!(program.stats().instances, 0);
}

#[tokio::test]
async fn what_fails_after_its_head_is_cut_and_counted() {
    let mut site = Site::start();
    let program = site.run("hostile", 10, tight()).await;
    let address = site.address("hostile");
    let mut cut = 0;
    for path in ["/no-finish", "/partial-then-loop", "/flood"] {
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let answer = send(address, protocol, request(Method::GET, path, "")).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}");
            assert!(
                !answer.is_complete,
                "{path} {protocol:?} ended as if it were whole"
            );
            cut += 1;
            assert_eq!(site.server.stats().cut, cut, "{path} {protocol:?}");
        }
    }
    assert_eq!(get(address, "/ok").await.text(), "ok");
    // Guests that were cut off may still be on their way out.
    while program.stats().instances > 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn memory_and_tables_end_at_their_limits() {
    let mut site = Site::start();
    site.run("hostile", 10, tight()).await;
    let answer = get(site.address("hostile"), "/memory").await;
    let bytes: u64 = answer
        .text()
        .split(' ')
        .find_map(|word| word.parse().ok())
        .unwrap();
    assert!(bytes <= MEMORY && bytes > MEMORY / 2, "{bytes}");

    // Eight memories share one limit.
    site.run("many-memories", 10, tight()).await;
    let answer = get(site.address("many-memories"), "/").await;
    let pages: u64 = answer.text().parse().unwrap();
    assert!(pages * 65_536 <= MEMORY, "{pages} pages");

    let limits = LimitOverrides {
        table_elements_max: Some(5000),
        ..tight()
    };
    site.run("table-bomb", 10, limits).await;
    let answer = get(site.address("table-bomb"), "/").await;
    let elements: u64 = answer.text().parse().unwrap();
    assert!(elements <= 5000, "{elements} elements");
}

#[tokio::test]
async fn what_does_not_fit_the_pool_is_refused_with_the_numbers() {
    let site = Site::start();
    let error = load(&site.engine, "many-instances").await.err().unwrap();
    let LoadError::TooManyParts { reason } = &error else {
        panic!("{error}");
    };
    assert!(reason.contains("900") && reason.contains("128"), "{reason}");
}

#[tokio::test]
async fn a_resource_of_another_component_is_refused_by_name() {
    let site = Site::start();
    let error = load(&site.engine, "resourceful").await.err().unwrap();
    assert!(
        error.to_string().contains("acme:resources/things@1.0.0"),
        "{error}"
    );
    assert!(error.to_string().contains("a resource"), "{error}");
}

#[tokio::test]
async fn endless_loops_leave_their_neighbours_their_share() {
    let mut site = Site::start();
    let limits = LimitOverrides {
        call_cpu_max: Some(Duration::from_secs(30)),
        ..LimitOverrides::default()
    };
    let looping = site.run("hostile", 10, limits).await;
    site.run("hello-http", 10, no_limits()).await;
    let (bad, good) = (site.address("hostile"), site.address("hello-http"));
    let loops = future::join_all((0..3).map(|_| get(bad, "/loop")));
    let neighbour = async {
        while looping.stats().instances < 3 {
            tokio::task::yield_now().await;
        }
        for _ in 0..20 {
            assert_eq!(get(good, "/").await.text(), "hello");
        }
        assert_eq!(
            looping.stats().instances,
            3,
            "the loops ended before the test did"
        );
    };
    // The loops are far from their end when the neighbour has had its answers.
    match future::select(std::pin::pin!(loops), std::pin::pin!(neighbour)).await {
        Either::Left((answers, _)) => panic!("the loops ended first: {answers:?}"),
        Either::Right(((), _)) => {}
    }
}

#[tokio::test]
async fn a_full_component_says_when_to_come_back() {
    let mut site = Site::start();
    let limits = LimitOverrides {
        queue_length_max: Some(0),
        call_duration_max: Some(Duration::from_secs(30)),
        ..LimitOverrides::default()
    };
    let program = site.run("hostile", 2, limits).await;
    let address = site.address("hostile");
    let busy = future::join_all((0..2).map(|_| get(address, "/never")));
    let third = async {
        while program.stats().instances < 2 {
            tokio::task::yield_now().await;
        }
        get(address, "/ok").await
    };
    match future::select(std::pin::pin!(busy), std::pin::pin!(third)).await {
        Either::Left((answers, _)) => panic!("{answers:?}"),
        Either::Right((answer, _)) => {
            assert_refused(&answer, StatusCode::SERVICE_UNAVAILABLE, "CAL001");
            assert_eq!(answer.headers["retry-after"], "1");
        }
    }
}

#[tokio::test]
async fn a_client_that_goes_away_frees_the_instance() {
    let mut site = Site::start();
    let program = site.run("hostile", 2, no_limits()).await;
    let address = site.address("hostile");
    let left = get(address, "/never");
    let watching = async {
        while program.stats().instances == 0 {
            tokio::task::yield_now().await;
        }
    };
    match future::select(Box::pin(left), std::pin::pin!(watching)).await {
        Either::Left((answer, _)) => panic!("{answer:?}"),
        Either::Right(((), left)) => drop(left),
    }
    while program.stats().instances > 0 {
        tokio::task::yield_now().await;
    }
}

/// Set for the process that measures its own memory.
const CHILD: &str = "WEFT_TEST_MEMORY_CHILD";

#[test]
fn memory_returns_to_the_ceiling_of_the_pool() {
    if std::env::var_os(CHILD).is_some() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(fill_and_measure());
        return;
    }
    // In a process of its own, where no other test takes memory meanwhile.
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "hostile::memory_returns_to_the_ceiling_of_the_pool",
            "--nocapture",
        ])
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

async fn fill_and_measure() {
    let mut options = Options::default();
    options.pool.warm_slots_max = 8;
    let ceiling = options.pool.resident_bytes_max();
    let mut site = Site::with(options, weft_capabilities::http_server::Options::default());
    let program = site.run("hostile", 40, tight()).await;
    let address = site.address("hostile");
    assert_eq!(get(address, "/ok").await.text(), "ok");
    let before = resident_bytes();
    for _ in 0..3 {
        future::join_all((0..40).map(|_| get(address, "/memory"))).await;
    }
    while program.stats().instances > 0 {
        tokio::task::yield_now().await;
    }
    let grown = resident_bytes().saturating_sub(before);
    // The allocator and the threads keep some of their own.
    let slack = 24 << 20;
    assert!(
        grown <= ceiling + slack,
        "{} MiB more than before, the pool may keep {} MiB",
        grown >> 20,
        ceiling >> 20
    );
}

/// What this process has in memory (`/proc/self/statm`, second field, in pages of 4 KiB).
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}
