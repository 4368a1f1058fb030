//! The behaviours as another client library sees them: `behaviours.py`, which names each and says what failed.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::server::{self, Server, behaviours};

/// Longest run of all behaviours.
const PATIENCE: Duration = Duration::from_mins(2);

behaviours!(all_hold_for_nats_py);

async fn all_hold_for_nats_py(server: Server) {
    let Some(python) = server::python() else {
        server::report_skipped(
            "no interpreter with nats-py was installed by `cargo xtask test`, and WEFT_NATS_PYTHON names none",
        );
        return;
    };
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/suite/behaviours.py");
    let (major, minor) = server.version();
    let run = Command::new(python)
        // Compiled files would lie among the sources.
        .arg("-B")
        .arg(program)
        .args([server.url(), &major.to_string(), &minor.to_string()])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(PATIENCE, run)
        .await
        .expect("the behaviours came to no end")
        .unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    let count = |word: &str| report.lines().filter(|line| line.starts_with(word)).count();
    assert!(
        output.status.success() && count("FAILED ") == 0,
        "{report}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // A program that ran nothing proves nothing.
    assert!(count("ok ") >= 25, "{report}");
}
