//! Providers: archives from registries and files to executables.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use nkeys::KeyPair;
use weft_artifact::claims::{self, ComponentClaims, ProviderClaims, Times};
use weft_artifact::par::{Builder, Compression, Target};
use weft_artifact::progress::Silent;
use weft_artifact::{Artifacts, Executable, FetchError};
use weft_model::problem::Coded as _;

use crate::fixture::{component, open, pull, reference};
use crate::misbehaving::Registry;

const PAR: &str = "application/vnd.wasmcloud.provider.archive.layer.v1+par";
const SCRIPT: &[u8] = b"#!/bin/sh\necho provider\n";

fn archive() -> Vec<u8> {
    let claims = ProviderClaims {
        name: Some("echo".to_owned()),
        ..ProviderClaims::default()
    };
    let mut archive = Vec::new();
    Builder::new(claims)
        .executable(Target::current(), SCRIPT.to_vec())
        .executable("mips-other".parse().unwrap(), vec![0; 1000])
        .write(
            &mut archive,
            Compression::Gzip,
            &KeyPair::new_service().public_key(),
            Times::default(),
            &KeyPair::new_account(),
        )
        .unwrap();
    archive
}

async fn provider(artifacts: &Artifacts, text: &str) -> Result<Executable, FetchError> {
    artifacts
        .provider(&reference(text), None, &Target::current(), Arc::new(Silent))
        .await
}

#[tokio::test]
async fn the_executable_for_this_platform_is_unpacked_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::start().await;
    let archive = archive();
    registry.put("1", PAR, &archive);
    let text = format!("{}/echo:1", registry.name());
    let artifacts = open(dir.path(), &registry.name());
    let first = provider(&artifacts, &text).await.unwrap();
    assert_eq!(first.claims.name(), Some("echo"));
    assert_eq!(first.archive, weft_artifact::digest(&archive));
    assert_eq!(fs::read(&first.path).unwrap(), SCRIPT);
    assert_eq!(
        fs::metadata(&first.path).unwrap().permissions().mode() & 0o777,
        0o755
    );

    // A damaged executable is not run, but unpacked again.
    fs::write(&first.path, "other").unwrap();
    let second = provider(&artifacts, &text).await.unwrap();
    assert_eq!((second.digest, &second.path), (first.digest, &first.path));
    assert_eq!(fs::read(&second.path).unwrap(), SCRIPT);
    assert_eq!(registry.requests("/blobs/").len(), 1);

    let other = artifacts
        .provider(
            &reference(&text),
            None,
            &"riscv64-linux".parse().unwrap(),
            Arc::new(Silent),
        )
        .await;
    assert_eq!(other.unwrap_err().code(), "ART028");
}

#[tokio::test]
async fn a_provider_is_read_from_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("echo.par.gz");
    fs::write(&path, archive()).unwrap();
    let text = format!("file://{}", path.display());
    let artifacts = open(dir.path(), "none:1");
    for _ in 0..2 {
        let executable = provider(&artifacts, &text).await.unwrap();
        assert_eq!(fs::read(&executable.path).unwrap(), SCRIPT);
    }
    fs::write(&path, component(1, 10)).unwrap();
    assert_eq!(
        provider(&artifacts, &text).await.unwrap_err().code(),
        "ART027"
    );
    fs::remove_file(&path).unwrap();
    assert_eq!(
        provider(&artifacts, &text).await.unwrap_err().code(),
        "ART001"
    );
}

#[tokio::test]
async fn an_archive_damaged_on_disk_is_noticed_and_pulled_again() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::start().await;
    let archive = archive();
    let digest = weft_artifact::digest(&archive);
    registry.put("1", PAR, &archive);
    let text = format!("{}/echo:1", registry.name());
    let artifacts = open(dir.path(), &registry.name());
    let executable = provider(&artifacts, &text).await.unwrap();
    fs::remove_file(&executable.path).unwrap();
    let blob = dir.path().join(format!("cache/sha256-{}", digest.to_hex()));
    fs::write(&blob, "x".repeat(archive.len())).unwrap();
    assert_eq!(
        fs::read(provider(&artifacts, &text).await.unwrap().path).unwrap(),
        SCRIPT
    );
    assert_eq!(registry.requests("/blobs/").len(), 2);
}

#[tokio::test]
async fn the_claims_of_a_component_come_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::start().await;
    let claims = ComponentClaims {
        name: Some("web".to_owned()),
        ..ComponentClaims::default()
    };
    let (module, account) = (KeyPair::new_module().public_key(), KeyPair::new_account());
    let signed = claims::sign(
        &component(1, 10),
        &module,
        claims,
        Times::default(),
        &account,
    )
    .unwrap();
    registry.put("good", "application/wasm", &signed);
    let position = signed.windows(3).position(|bytes| bytes == b"xxx").unwrap();
    let mut changed = signed.clone();
    changed[position] = b'y';
    registry.put("bad", "application/wasm", &changed);
    let artifacts = open(dir.path(), &registry.name());
    let good = pull(&artifacts, &format!("{}/x:good", registry.name()))
        .await
        .unwrap();
    assert_eq!(good.claims.unwrap().name(), Some("web"));
    let bad = pull(&artifacts, &format!("{}/x:bad", registry.name()))
        .await
        .unwrap_err();
    assert_eq!(bad.code(), "ART025");
}
