//! What the tests share: caches, components, and somebody who listens to progress.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use weft_artifact::progress::{Progress, Silent, Step};
use weft_artifact::{Artifacts, Component, FetchError, Options, registry};
use weft_model::reference::Reference;

/// A component of its own for each number, large enough to arrive in several pieces.
pub(crate) fn component(number: u32, bytes: usize) -> Vec<u8> {
    let padding = "x".repeat(bytes);
    wat::parse_str(format!(r#"(component (@custom "n{number}" "{padding}"))"#)).unwrap()
}

pub(crate) fn reference(text: &str) -> Reference {
    text.parse().unwrap()
}

/// Settings for a registry without TLS at `registry`, that try again at once.
pub(crate) fn options(dir: &Path, registry: &str) -> Options {
    Options {
        dir: Some(dir.join("cache")),
        registry: registry::Options {
            insecure: [registry.to_owned()].into(),
            retry_pause: Duration::from_millis(1),
            retry_pause_max: Duration::from_millis(5),
            ..registry::Options::default()
        },
        ..Options::default()
    }
}

pub(crate) fn open(dir: &Path, registry: &str) -> Artifacts {
    Artifacts::open(options(dir, registry)).unwrap()
}

pub(crate) async fn pull(artifacts: &Artifacts, text: &str) -> Result<Component, FetchError> {
    artifacts
        .component(&reference(text), None, Arc::new(Silent))
        .await
}

/// Keeps what it is told.
#[derive(Default)]
pub(crate) struct Listener {
    steps: Mutex<Vec<Step>>,
}

impl Listener {
    pub(crate) fn steps(&self) -> Vec<Step> {
        self.steps.lock().unwrap().clone()
    }
}

impl Progress for Listener {
    fn report(&self, _: &str, step: Step) {
        self.steps.lock().unwrap().push(step);
    }
}

/// Waits until `is_so`, or fails after half a minute.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(30), wait).await;
    assert!(waited.is_ok(), "waited in vain for {what}");
}
