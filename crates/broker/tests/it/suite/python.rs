//! The behaviours as another client library sees them: the directory `behaviours`, which names each and says what failed.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::server::{self, Server, behaviours};

/// Longest run of the behaviours of one module.
const PATIENCE: Duration = Duration::from_mins(5);

behaviours!(core, streams, consumers, queues, sources, buckets, objects);

async fn core(server: Server) {
    all_hold(server, "core", 14).await;
}

async fn streams(server: Server) {
    all_hold(server, "streams", 12).await;
}

async fn consumers(server: Server) {
    all_hold(server, "consumers", 16).await;
}

async fn queues(server: Server) {
    all_hold(server, "queues", 6).await;
}

async fn sources(server: Server) {
    all_hold(server, "sources", 5).await;
}

async fn buckets(server: Server) {
    all_hold(server, "buckets", 12).await;
}

async fn objects(server: Server) {
    all_hold(server, "objects", 9).await;
}

/// Runs the behaviours of one module, of which there are so many.
async fn all_hold(server: Server, module: &str, count: usize) {
    let Some(python) = server::python() else {
        server::report_skipped(
            "no interpreter with nats-py was installed by `cargo xtask test`, and WEFT_NATS_PYTHON names none",
        );
        return;
    };
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/suite/behaviours");
    let (major, minor) = server.version();
    let kind = if server.is_embedded() {
        "weft"
    } else {
        "nats-server"
    };
    let run = Command::new(python)
        // Compiled files would lie among the sources.
        .arg("-B")
        .arg(program)
        .args([server.url(), &major.to_string(), &minor.to_string()])
        .args([kind, module])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, run)
        .await
        .expect("the behaviours came to no end")
        .unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    let counted = |word: &str| report.lines().filter(|line| line.starts_with(word)).count();
    assert!(
        output.status.success() && counted("FAILED ") == 0,
        "{report}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // A program that ran nothing proves nothing.
    assert_eq!(counted("ok "), count, "{report}");
}
