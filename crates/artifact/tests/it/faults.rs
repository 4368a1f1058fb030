//! Registries that misbehave.

use std::fs;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use weft_artifact::registry::{Credential, RegistryError, Secret};
use weft_artifact::{Artifacts, FetchError, Options};
use weft_model::problem::{Coded as _, Problem};

use crate::fixture::{component, open, options, pull};
use crate::misbehaving::{Fault, Registry, redirect};

const WASM: &str = "application/wasm";

/// A registry with the component `x:1`, the reference to it, and its bytes.
async fn registry() -> (Registry, String, Vec<u8>) {
    let registry = Registry::start().await;
    let wasm = component(1, 300_000);
    registry.put("1", WASM, &wasm);
    let reference = format!("{}/x:1", registry.name());
    (registry, reference, wasm)
}

fn failure(result: Result<weft_artifact::Component, FetchError>) -> RegistryError {
    match result {
        Err(FetchError::Pull(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_corrupted_blob_is_refused_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let (registry, reference, wasm) = registry().await;
    let artifacts = open(dir.path(), &registry.name());
    for fault in [Fault::Corrupt, Fault::TooMuch] {
        registry.fail("/blobs/", 1, fault);
        let error = pull(&artifacts, &reference).await.unwrap_err();
        assert_eq!(error.code(), "ART018");
        let message = error.to_string();
        let digest = weft_artifact::digest(&wasm).to_string();
        for part in [&registry.name(), &reference, &digest] {
            assert!(message.contains(part), "{message}");
        }
    }
    // Nothing of it stayed.
    assert_eq!(
        pull(&artifacts, &reference).await.unwrap().artifact.bytes,
        wasm
    );
}

#[tokio::test]
async fn a_corrupted_manifest_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (registry, reference, _) = registry().await;
    let artifacts = open(dir.path(), &registry.name());
    registry.fail("/manifests/sha256", 1, Fault::Corrupt);
    assert_eq!(failure(pull(&artifacts, &reference).await).code(), "ART018");
}

#[tokio::test]
async fn a_pull_that_breaks_off_goes_on_where_it_ended() {
    let dir = tempfile::tempdir().unwrap();
    let (registry, reference, wasm) = registry().await;
    let artifacts = open(dir.path(), &registry.name());
    registry.fail("/blobs/", 1, Fault::CutAfter(100_000));
    assert_eq!(
        pull(&artifacts, &reference).await.unwrap().artifact.bytes,
        wasm
    );
    let requests = registry.requests("/blobs/");
    assert_eq!(requests.len(), 2, "{requests:?}");
    assert!(requests[1].contains("bytes="), "{requests:?}");
}

#[tokio::test]
async fn a_pull_starts_over_where_parts_are_not_given() {
    let dir = tempfile::tempdir().unwrap();
    let (registry, reference, wasm) = registry().await;
    let artifacts = open(dir.path(), &registry.name());
    registry.fail("/blobs/", 1, Fault::CutAfter(100_000));
    registry.fail("/blobs/", 1, Fault::IgnoreRange);
    assert_eq!(
        pull(&artifacts, &reference).await.unwrap().artifact.bytes,
        wasm
    );
}

#[tokio::test]
async fn what_another_process_left_is_used_and_checked() {
    let dir = tempfile::tempdir().unwrap();
    let (registry, reference, wasm) = registry().await;
    let settings = options(dir.path(), &registry.name());
    registry.fail("/blobs/", 4, Fault::CutAfter(50_000));
    let once = Options {
        registry: weft_artifact::registry::Options {
            attempts_max: 1,
            ..settings.registry.clone()
        },
        ..settings.clone()
    };
    let error = pull(&Artifacts::open(once).unwrap(), &reference)
        .await
        .unwrap_err();
    assert_eq!(error.code(), "ART021", "{error}");
    let left: Vec<_> = fs::read_dir(dir.path().join("cache/partial"))
        .unwrap()
        .collect();
    let left = left[0].as_ref().unwrap().path();
    assert!(fs::metadata(&left).unwrap().len() > 0);
    // Damaged meanwhile: it is noticed at the end, and the whole is asked for again.
    fs::write(&left, "x".repeat(1000)).unwrap();
    let artifacts = Artifacts::open(settings).unwrap();
    assert_eq!(
        pull(&artifacts, &reference).await.unwrap().artifact.bytes,
        wasm
    );
    assert!(!left.exists());
}

#[tokio::test]
async fn what_fails_in_passing_is_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let (registry, reference, wasm) = registry().await;
    let artifacts = open(dir.path(), &registry.name());
    let busy = |status| Fault::Status(status, vec![("retry-after", "1".to_owned())]);
    registry.fail("/manifests/1", 2, busy(503));
    registry.fail("/manifests/sha256", 2, busy(500));
    registry.fail("/blobs/", 3, busy(429));
    assert_eq!(
        pull(&artifacts, &reference).await.unwrap().artifact.bytes,
        wasm
    );
    assert_eq!(registry.requests("").len(), 3 + 3 + 4);
}

#[tokio::test]
async fn what_does_not_pass_is_not_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let (registry, reference, _) = registry().await;
    let artifacts = open(dir.path(), &registry.name());
    registry.fail("/blobs/", 1, Fault::Status(418, Vec::new()));
    let error = failure(pull(&artifacts, &reference).await);
    assert_eq!(error.code(), "ART015");
    assert!(
        error.to_string().ends_with("\"OOPS on purpose\""),
        "{error}"
    );
    let missing = format!("{}/x:2", registry.name());
    assert_eq!(failure(pull(&artifacts, &missing).await).code(), "ART014");
    assert_eq!(registry.requests("/manifests/2").len(), 1);
    // And what passes too late is given up.
    registry.fail("/blobs/", 100, Fault::Status(503, Vec::new()));
    assert_eq!(failure(pull(&artifacts, &reference).await).code(), "ART015");
    assert_eq!(registry.requests("/blobs/").len(), 1 + 4);
}

#[tokio::test]
async fn a_silent_registry_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let (registry, reference, _) = registry().await;
    let mut settings = options(dir.path(), &registry.name());
    settings.registry.idle_timeout = Duration::from_millis(50);
    settings.registry.attempts_max = 2;
    let artifacts = Artifacts::open(settings.clone()).unwrap();
    registry.fail("/manifests/", 2, Fault::Hang);
    let error = failure(pull(&artifacts, &reference).await);
    assert_eq!(error.code(), "ART011");
    assert!(
        Problem::new(&error).message.contains("silent for 50ms"),
        "{error}"
    );

    settings.registry.idle_timeout = Duration::from_secs(30);
    settings.registry.pull_timeout = Duration::from_millis(50);
    let artifacts = Artifacts::open(settings).unwrap();
    registry.fail("/blobs/", 1, Fault::Hang);
    assert_eq!(failure(pull(&artifacts, &reference).await).code(), "ART021");
}

#[tokio::test]
async fn an_image_that_is_too_large_is_not_downloaded() {
    let dir = tempfile::tempdir().unwrap();
    let (registry, reference, _) = registry().await;
    let artifacts = Artifacts::open(Options {
        artifact_bytes_max: 200_000,
        ..options(dir.path(), &registry.name())
    })
    .unwrap();
    assert_eq!(failure(pull(&artifacts, &reference).await).code(), "ART019");
    assert!(registry.requests("/blobs/").is_empty());
    // Nor more than it says it has.
    registry.put_sized("lies", WASM, &component(2, 500_000), 1_000);
    let lies = format!("{}/x:lies", registry.name());
    assert_eq!(failure(pull(&artifacts, &lies).await).code(), "ART018");
}

#[tokio::test]
async fn redirections_are_followed_without_credentials() {
    let dir = tempfile::tempdir().unwrap();
    let (registry, reference, wasm) = registry().await;
    let storage = Registry::start().await;
    storage.put("1", WASM, &wasm);
    let place = format!(
        "http://{}/blobs/{}",
        storage.name(),
        weft_artifact::digest(&wasm)
    );
    registry.fail("/blobs/", 1, redirect(&place));
    let basic = format!("Basic {}", STANDARD.encode("u:p"));
    registry.lock(&basic, "Basic realm=\"x\"");
    let artifacts = open(dir.path(), &registry.name());
    let credential = Credential::Basic {
        username: "u".to_owned(),
        password: Secret::new("p"),
    };
    artifacts.put_credentials([(registry.name(), credential)].into());
    assert_eq!(
        pull(&artifacts, &reference).await.unwrap().artifact.bytes,
        wasm
    );
    let requests = storage.requests("/blobs/");
    assert!(
        requests.len() == 1 && !requests[0].contains("Basic"),
        "{requests:?}"
    );

    registry.fail("/manifests/", 100, redirect("/v2/x/manifests/1"));
    assert_eq!(failure(pull(&artifacts, &reference).await).code(), "ART016");
}

#[tokio::test]
async fn tokens_are_fetched_with_the_credentials() {
    let dir = tempfile::tempdir().unwrap();
    let (registry, reference, wasm) = registry().await;
    let challenge = format!(
        "Bearer realm=\"http://{}/token\",service=\"s\"",
        registry.name()
    );
    registry.lock("Bearer t1", &challenge);
    registry.give_token(&format!("Basic {}", STANDARD.encode("u:p")), "t1");

    let artifacts = open(dir.path(), &registry.name());
    let error = failure(pull(&artifacts, &reference).await);
    assert_eq!(error.code(), "ART013");
    assert!(error.to_string().contains("with no credentials"), "{error}");
    assert!(error.hints()[0].contains("docker login"));

    let put = |credential| artifacts.put_credentials([(registry.name(), credential)].into());
    put(Credential::Basic {
        username: "u".to_owned(),
        password: Secret::new("wrong"),
    });
    let error = failure(pull(&artifacts, &reference).await);
    assert!(
        error.to_string().contains("put into the lattice"),
        "{error}"
    );

    put(Credential::Basic {
        username: "u".to_owned(),
        password: Secret::new("p"),
    });
    assert_eq!(
        pull(&artifacts, &reference).await.unwrap().artifact.bytes,
        wasm
    );
    let asked = registry.requests("/token");
    assert!(
        asked[0].contains("service=s&scope=repository%3Ax%3Apull"),
        "{asked:?}"
    );
    // One token is enough for all requests.
    assert_eq!(asked.len(), 3, "{asked:?}");
}

#[tokio::test]
async fn a_token_that_was_put_is_sent_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let (registry, reference, wasm) = registry().await;
    registry.lock("Bearer mine", "Bearer realm=\"http://127.0.0.1:1/token\"");
    let artifacts = open(dir.path(), &registry.name());
    let token = Credential::Bearer(Secret::new("mine"));
    artifacts.put_credentials([(registry.name(), token)].into());
    assert_eq!(
        pull(&artifacts, &reference).await.unwrap().artifact.bytes,
        wasm
    );
}

#[tokio::test]
async fn a_registry_without_tls_is_not_spoken_to_unless_allowed() {
    let dir = tempfile::tempdir().unwrap();
    let (registry, reference, _) = registry().await;
    let artifacts = open(dir.path(), "elsewhere:1");
    let error = failure(pull(&artifacts, &reference).await);
    assert_eq!(error.code(), "ART012");
    assert!(
        error.hints()[0].contains("--allowed-insecure"),
        "{:?}",
        error.hints()
    );
    assert!(registry.requests("").is_empty());
}
