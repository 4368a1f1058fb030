//! Pulling, and what the cache does.

use std::fs;
use std::process::Command;
use std::sync::Arc;

use weft_artifact::progress::{Silent, Step};
use weft_artifact::registry::RegistryError;
use weft_artifact::{Artifacts, FetchError, Options};
use weft_model::problem::Coded as _;

use crate::fixture::{Listener, component, open, options, pull, reference, until};
use crate::misbehaving::{Fault, Registry};

const WASM: &str = "application/wasm";
/// Tells a child process which registry, and which directory for the cache, it has.
const CHILD_REGISTRY: &str = "WEFT_TEST_REGISTRY";
const CHILD_DIR: &str = "WEFT_TEST_DIR";

#[tokio::test]
async fn what_is_cached_is_not_downloaded_again() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::start().await;
    let wasm = component(1, 200_000);
    registry.put("1", WASM, &wasm);
    let text = format!("oci://{}/x:1", registry.name());
    let artifacts = open(dir.path(), &registry.name());
    let listener = Arc::new(Listener::default());
    let first = artifacts
        .component(&reference(&text), None, listener.clone())
        .await
        .unwrap();
    assert_eq!(first.artifact.bytes, wasm);
    let (steps, total) = (listener.steps(), wasm.len() as u64);
    assert_eq!(steps.first(), Some(&Step::Resolving));
    assert!(
        steps.contains(&Step::Downloading {
            bytes: total,
            total
        }),
        "{steps:?}"
    );
    assert_eq!(steps.last(), Some(&Step::Done));

    // A tag is looked up each time; its bytes are there.
    let second = pull(&open(dir.path(), &registry.name()), &text)
        .await
        .unwrap();
    assert_eq!(second.artifact.bytes, wasm);
    assert_eq!(registry.requests("/manifests/1").len(), 2);
    assert_eq!(registry.requests("/blobs/").len(), 1);

    // Pinned to a digest, or with the digest of the bytes known, the registry is not asked.
    let before = registry.requests("").len();
    let pinned = format!("{}/x@{}", registry.name(), first.manifest.unwrap());
    assert_eq!(
        pull(&artifacts, &pinned).await.unwrap().artifact.bytes,
        wasm
    );
    let expected = Some(first.artifact.digest);
    assert_eq!(
        artifacts
            .component(&reference(&text), expected, Arc::new(Silent))
            .await
            .unwrap()
            .artifact
            .bytes,
        wasm
    );
    assert_eq!(registry.requests("").len(), before);
}

#[tokio::test]
async fn content_in_several_layers_is_joined() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::start().await;
    let wasm = component(1, 10_000);
    let (first, second) = wasm.split_at(4_000);
    registry.put_joined("1", &[first, second]);
    let text = format!("{}/x:1", registry.name());
    let artifacts = open(dir.path(), &registry.name());
    let pulled = pull(&artifacts, &text).await.unwrap();
    assert_eq!(pulled.artifact.bytes, wasm);
    // Again, with a part that is damaged on disk.
    let part = format!("cache/sha256-{}", weft_artifact::digest(first).to_hex());
    fs::write(dir.path().join(part), "x".repeat(first.len())).unwrap();
    assert_eq!(pull(&artifacts, &text).await.unwrap().artifact.bytes, wasm);
    assert_eq!(registry.requests("/blobs/").len(), 3);
}

#[tokio::test]
async fn a_tag_that_moved_is_pulled_anew() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::start().await;
    let text = format!("{}/x:1", registry.name());
    let artifacts = open(dir.path(), &registry.name());
    registry.put("1", WASM, &component(1, 10));
    let first = pull(&artifacts, &text).await.unwrap();
    registry.put("1", WASM, &component(2, 10));
    let second = pull(&artifacts, &text).await.unwrap();
    assert_eq!(second.artifact.bytes, component(2, 10));
    // A revision that was made of the first does not silently become the second.
    let expected = Some(weft_artifact::digest(b"other"));
    let changed = artifacts
        .component(&reference(&text), expected, Arc::new(Silent))
        .await;
    assert!(matches!(changed, Err(FetchError::Changed { .. })));
    let expected = Some(first.artifact.digest);
    let kept = artifacts
        .component(&reference(&text), expected, Arc::new(Silent))
        .await;
    assert_eq!(kept.unwrap().artifact.bytes, component(1, 10));
}

#[tokio::test]
async fn what_is_cached_is_used_while_the_registry_is_away() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::start().await;
    let wasm = component(1, 10);
    registry.put("1", WASM, &wasm);
    let text = format!("{}/x:1", registry.name());
    let artifacts = open(dir.path(), &registry.name());
    assert!(!pull(&artifacts, &text).await.unwrap().is_stale);
    let other = format!("{}/y:2", registry.name());
    registry.fail("/manifests/1", 1, Fault::Status(401, Vec::new()));
    let refused = pull(&artifacts, &text).await.unwrap_err();
    assert_eq!(refused.code(), "ART013", "a refusal is no outage");
    drop(registry);
    let stale = pull(&artifacts, &text).await.unwrap();
    assert!(stale.is_stale);
    assert_eq!(stale.artifact.bytes, wasm);
    let unknown = pull(&artifacts, &other).await.unwrap_err();
    assert_eq!(unknown.code(), "ART011", "{unknown}");
}

#[tokio::test]
async fn latest_is_refused_also_where_it_is_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::start().await;
    registry.put("latest", WASM, &component(1, 10));
    let name = registry.name();
    let mut settings = options(dir.path(), &name);
    let artifacts = Artifacts::open(settings.clone()).unwrap();
    settings.registry.allows_latest = true;
    let lenient = Artifacts::open(settings).unwrap();
    for text in [format!("{name}/x"), format!("{name}/x:latest")] {
        assert_eq!(pull(&artifacts, &text).await.unwrap_err().code(), "ART010");
        pull(&lenient, &text).await.unwrap();
    }
}

#[tokio::test]
async fn tags_in_capitals_are_found_where_the_tools_of_1_9_put_them() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::start().await;
    registry.put("v1-rc", WASM, &component(1, 10));
    registry.put("V2", WASM, &component(2, 10));
    let artifacts = open(dir.path(), &registry.name());
    for (tag, number) in [("V1-RC", 1), ("V2", 2)] {
        let pulled = pull(&artifacts, &format!("{}/X:{tag}", registry.name()))
            .await
            .unwrap();
        assert_eq!(pulled.artifact.bytes, component(number, 10));
    }
}

#[tokio::test]
async fn images_of_something_else_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::start().await;
    registry.put("text", "text/plain", b"text");
    registry.put("tar", "application/vnd.oci.image.layer.v1.tar", b"text");
    registry.put(
        "old",
        "application/vnd.module.wasm.content.layer.v1+wasm",
        &component(1, 10),
    );
    let artifacts = open(dir.path(), &registry.name());
    for tag in ["text", "tar"] {
        let error = pull(&artifacts, &format!("{}/x:{tag}", registry.name())).await;
        assert_eq!(error.unwrap_err().code(), "ART017");
    }
    pull(&artifacts, &format!("{}/x:old", registry.name()))
        .await
        .unwrap();
}

#[tokio::test]
async fn pulls_of_one_reference_are_one_download() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::start().await;
    let wasm = component(1, 100_000);
    registry.put("1", WASM, &wasm);
    registry.fail("/blobs/", 1, Fault::Gate);
    let text = format!("{}/x:1", registry.name());
    let artifacts = open(dir.path(), &registry.name());
    let listener = Arc::new(Listener::default());
    let reference = reference(&text);
    let pulls = (0..8).map(|_| artifacts.component(&reference, None, listener.clone()));
    let all = futures::future::join_all(pulls);
    let open_gate = async {
        let is_waiting = || {
            listener
                .steps()
                .iter()
                .filter(|step| **step == Step::Waiting)
                .count()
                == 7
        };
        until("all but one to wait", is_waiting).await;
        registry.state().gate.add_permits(1);
    };
    let (all, ()) = tokio::join!(all, open_gate);
    for pulled in all {
        assert_eq!(pulled.unwrap().artifact.bytes, wasm);
    }
    assert_eq!(registry.requests("").len(), 3);
}

#[tokio::test]
async fn a_pull_that_is_cancelled_is_taken_over() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::start().await;
    registry.put("1", WASM, &component(1, 10));
    registry.fail("/blobs/", 1, Fault::Hang);
    let text = format!("{}/x:1", registry.name());
    let artifacts = open(dir.path(), &registry.name());
    let reference = reference(&text);
    let listener = Arc::new(Listener::default());
    let mut first = Box::pin(artifacts.component(&reference, None, Arc::new(Silent)));
    let second = artifacts.component(&reference, None, listener.clone());
    let cancel_first = async move {
        let is_hanging = until("one to hang and one to wait", || {
            !registry.requests("/blobs/").is_empty() && !listener.steps().is_empty()
        });
        tokio::select! {
            _ = &mut first => panic!("the first pull hangs"),
            () = is_hanging => drop(first),
        }
        registry
    };
    // Polled in this order, so that the first is the one that asks.
    let (registry, second) = tokio::join!(cancel_first, second);
    assert_eq!(second.unwrap().artifact.bytes, component(1, 10));
    assert_eq!(registry.requests("/blobs/").len(), 2);
}

#[tokio::test]
async fn a_damaged_cache_heals() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::start().await;
    let wasm = component(1, 1000);
    registry.put("1", WASM, &wasm);
    let text = format!("{}/x:1", registry.name());
    let artifacts = open(dir.path(), &registry.name());
    pull(&artifacts, &text).await.unwrap();
    for file in fs::read_dir(dir.path().join("cache")).unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let length = usize::try_from(fs::metadata(&path).unwrap().len()).unwrap();
            fs::write(&path, "x".repeat(length)).unwrap();
        }
    }
    assert_eq!(pull(&artifacts, &text).await.unwrap().artifact.bytes, wasm);
    assert_eq!(registry.requests("/blobs/").len(), 2);
}

#[tokio::test]
async fn the_cache_stays_within_its_size() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::start().await;
    let artifacts = Artifacts::open(Options {
        store_bytes_max: 60_000,
        ..options(dir.path(), &registry.name())
    })
    .unwrap();
    for number in 0..6 {
        registry.put("1", WASM, &component(number, 20_000));
        let pulled = pull(&artifacts, &format!("{}/x:1", registry.name()))
            .await
            .unwrap();
        assert_eq!(pulled.artifact.bytes, component(number, 20_000));
    }
    let files = fs::read_dir(dir.path().join("cache")).unwrap();
    let bytes: u64 = files
        .map(|file| file.unwrap().metadata().unwrap())
        .filter(fs::Metadata::is_file)
        .map(|metadata| metadata.len())
        .sum();
    assert!(bytes <= 61_000, "{bytes}");
}

#[tokio::test]
async fn two_processes_that_pull_at_once_download_once() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::start().await;
    let wasm = component(1, 500_000);
    let digest = registry.put("1", WASM, &wasm);
    registry.fail("/blobs/", 1, Fault::Gate);
    let name = registry.name();
    let children: Vec<_> = (0..2)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "pulls::child_process_pulls", "--ignored"])
                .env(CHILD_REGISTRY, &name)
                .env(CHILD_DIR, dir.path())
                .spawn()
                .unwrap()
        })
        .collect();
    // Both have asked what the tag means, and one for the bytes: the other waits for it.
    until("both processes", || {
        registry.requests("/manifests/1").len() == 2 && !registry.requests("/blobs/").is_empty()
    })
    .await;
    registry.state().gate.add_permits(1);
    let ended = tokio::task::spawn_blocking(|| {
        children
            .into_iter()
            .map(|mut child| child.wait().unwrap())
            .collect::<Vec<_>>()
    });
    for status in ended.await.unwrap() {
        assert!(status.success());
    }
    assert_eq!(
        registry.requests("/blobs/"),
        [format!("GET /v2/x/blobs/{digest} - ")]
    );
}

#[tokio::test]
#[ignore = "run as a child process by another test"]
async fn child_process_pulls() {
    let (Ok(registry), Ok(dir)) = (std::env::var(CHILD_REGISTRY), std::env::var(CHILD_DIR)) else {
        return;
    };
    let artifacts = open(dir.as_ref(), &registry);
    let pulled = pull(&artifacts, &format!("{registry}/x:1")).await.unwrap();
    assert_eq!(pulled.artifact.bytes, component(1, 500_000));
}

#[tokio::test]
async fn references_that_are_no_images_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let artifacts = open(dir.path(), "127.0.0.1:1");
    for text in ["a.b/", "a.b/c:", "a.b/c@sha256:0", "a.b/../c:1"] {
        let error = pull(&artifacts, text).await;
        assert!(
            matches!(error, Err(FetchError::Pull(RegistryError::Name { .. }))),
            "{text}"
        );
    }
    let builtin = pull(&artifacts, "wasmcloud+builtin://http-server").await;
    assert!(matches!(builtin, Err(FetchError::Builtin { .. })));
}
