//! Debian's `docker-registry`: the distribution server, over HTTP, and over TLS with users.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use nkeys::KeyPair;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa};
use tempfile::TempDir;
use weft_artifact::claims::{ProviderClaims, Times};
use weft_artifact::par::{Builder, Compression, Target};
use weft_artifact::progress::Silent;
use weft_artifact::progress::Step;
use weft_artifact::registry::{Credential, PushOptions, Secret};
use weft_artifact::{Artifacts, Options};
use weft_model::problem::Coded as _;

use crate::fixture::{Listener, component, options, pull, reference};

const PROGRAM: &str = "docker-registry";
/// The password `secret` as the server wants it, cheap to check.
const PASSWORD_HASH: &str = "$2b$04$6WoqZcbx0vrF9/dRV5y6PulG72k.3mV/kR1NPJGMkdr3v9feBPwxm";

/// A server that runs for as long as this lives.
struct Server {
    child: Child,
    /// `127.0.0.1` with the port.
    name: String,
    dir: TempDir,
}

impl Server {
    /// A server without TLS; `None`, said aloud, where the program is missing.
    fn start() -> Option<Self> {
        Self::start_with(tempfile::tempdir().unwrap(), "", "")
    }

    /// A server with TLS, of an authority in `ca.pem`, that lets in the user `user` with the password `secret`.
    fn start_private() -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        let authority = CertifiedIssuer::self_signed(authority, key).unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let server = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let server = server.signed_by(&key, &authority).unwrap();
        fs::write(path("ca.pem"), authority.pem()).unwrap();
        fs::write(path("server.pem"), server.pem()).unwrap();
        fs::write(path("server.key"), key.serialize_pem()).unwrap();
        fs::write(path("users"), format!("user:{PASSWORD_HASH}\n")).unwrap();
        let tls = format!(
            "  tls:\n    certificate: {}\n    key: {}\n",
            path("server.pem").display(),
            path("server.key").display()
        );
        let auth = format!(
            "auth:\n  htpasswd:\n    realm: test\n    path: {}\n",
            path("users").display()
        );
        Self::start_with(dir, &tls, &auth)
    }

    #[expect(clippy::print_stderr, reason = "says what is left out")]
    fn start_with(dir: TempDir, tls: &str, auth: &str) -> Option<Self> {
        let config = dir.path().join("config.yml");
        let text = format!(
            "version: 0.1\nlog:\n  level: info\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:0\n{tls}{auth}",
            dir.path().join("data").display()
        );
        fs::write(&config, text).unwrap();
        let spawned = Command::new(PROGRAM)
            .arg("serve")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut child) = spawned else {
            eprintln!("left out: `{PROGRAM}` is not installed");
            return None;
        };
        let log = child.stderr.take().unwrap();
        let mut lines = BufReader::new(log).lines();
        let name = lines.by_ref().find_map(|line| {
            let line = line.unwrap();
            let address = line.split_once("listening on ")?.1;
            let end = address.find([',', '"', ' ']).unwrap_or(address.len());
            Some(address[..end].to_owned())
        });
        // Read on, or the server stops when the pipe is full.
        std::thread::spawn(move || lines.count());
        Some(Self {
            child,
            name: name.expect("the server says where it listens"),
            dir,
        })
    }

    fn image(&self, name: &str) -> String {
        format!("{}/{name}", self.name)
    }

    /// Settings that trust the authority of a private server.
    fn private_options(&self, dir: &Path) -> Options {
        let mut settings = options(dir, "none:1");
        settings.registry.ca_files = vec![self.dir.path().join("ca.pem")];
        settings
    }

    fn blob(&self, digest: &str) -> PathBuf {
        let hex = digest.strip_prefix("sha256:").unwrap();
        let blobs = self.dir.path().join("data/docker/registry/v2/blobs/sha256");
        blobs.join(&hex[..2]).join(hex).join("data")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

async fn push(
    artifacts: &Artifacts,
    text: &str,
    bytes: &[u8],
) -> Result<weft_artifact::registry::Pushed, weft_artifact::FetchError> {
    let bytes = Bytes::copy_from_slice(bytes);
    let settings = PushOptions {
        annotations: [(
            "org.opencontainers.image.source".to_owned(),
            "here".to_owned(),
        )]
        .into(),
        ..PushOptions::default()
    };
    artifacts
        .push(&reference(text), bytes, &settings, Arc::new(Silent))
        .await
}

#[tokio::test]
async fn what_is_pushed_is_pulled_over_http() {
    let Some(server) = Server::start() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::open(options(dir.path(), &server.name)).unwrap();
    let (text, wasm) = (server.image("acme/web:1.0"), component(1, 3_000_000));
    assert_eq!(pull(&artifacts, &text).await.unwrap_err().code(), "ART014");
    let listener = Arc::new(Listener::default());
    let settings = PushOptions::default();
    let bytes = Bytes::from(wasm.clone());
    artifacts
        .push(&reference(&text), bytes, &settings, listener.clone())
        .await
        .unwrap();
    let total = wasm.len() as u64;
    assert!(listener.steps().contains(&Step::Uploading {
        bytes: total,
        total
    }));
    // Again: the layer is there already.
    let pushed = push(&artifacts, &text, &wasm).await.unwrap();
    let pulled = pull(&artifacts, &text).await.unwrap();
    assert_eq!(pulled.artifact.bytes, wasm);
    assert_eq!(
        (pulled.manifest, pulled.artifact.digest),
        (Some(pushed.manifest), pushed.content)
    );
    let manifest = fs::read_to_string(server.blob(&pushed.manifest.to_string())).unwrap();
    for part in [
        "\"application/vnd.wasm.config.v0+json\"",
        "\"application/wasm\"",
        "image.source\":\"here\"",
    ] {
        assert!(manifest.contains(part), "{manifest}");
    }

    let empty = tempfile::tempdir().unwrap();
    let other = Artifacts::open(options(empty.path(), &server.name)).unwrap();
    let pinned = server.image(&format!("acme/web@{}", pushed.manifest));
    assert_eq!(pull(&other, &pinned).await.unwrap().artifact.bytes, wasm);
}

#[tokio::test]
async fn a_tag_with_capitals_is_pushed_in_lower_case_too() {
    let Some(server) = Server::start() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::open(options(dir.path(), &server.name)).unwrap();
    let wasm = component(1, 1000);
    let pushed = push(&artifacts, &server.image("web:V1-RC"), &wasm)
        .await
        .unwrap();
    for name in ["web:V1-RC", "web:v1-rc"] {
        let pulled = pull(&artifacts, &server.image(name)).await.unwrap();
        assert_eq!(pulled.manifest, Some(pushed.manifest), "{name}");
    }
}

#[tokio::test]
async fn a_blob_corrupted_in_the_registry_is_refused_and_named() {
    let Some(server) = Server::start() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::open(options(dir.path(), &server.name)).unwrap();
    let (text, wasm) = (server.image("web:1"), component(1, 100_000));
    let pushed = push(&artifacts, &text, &wasm).await.unwrap();
    let digest = pushed.content.to_string();
    let mut wrong = wasm.clone();
    wrong[5_000] ^= 1;
    fs::write(server.blob(&digest), &wrong).unwrap();
    let error = pull(&artifacts, &text).await.unwrap_err();
    assert_eq!(error.code(), "ART018");
    assert!(error.to_string().contains(&digest), "{error}");
}

#[tokio::test]
async fn a_private_registry_wants_its_authority_and_a_user() {
    let Some(server) = Server::start_private() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let (text, wasm) = (server.image("acme/web:1"), component(1, 1000));
    let with = |credential: Option<Credential>| {
        let mut settings = server.private_options(dir.path());
        settings
            .registry
            .credentials
            .extend(credential.map(|credential| (server.name.clone(), credential)));
        Artifacts::open(settings).unwrap()
    };
    let basic = |password: &str| {
        Some(Credential::Basic {
            username: "user".to_owned(),
            password: Secret::new(password),
        })
    };
    push(&with(basic("secret")), &text, &wasm).await.unwrap();
    assert_eq!(
        pull(&with(basic("secret")), &text)
            .await
            .unwrap()
            .artifact
            .bytes,
        wasm
    );
    for (credential, tried) in [
        (None, "no credentials"),
        (basic("wrong"), "the host's settings"),
    ] {
        let error = pull(&with(credential), &text).await.unwrap_err();
        assert_eq!(error.code(), "ART013");
        assert!(error.to_string().contains(tried), "{error}");
    }

    let docker = dir.path().join("config.json");
    let auth = STANDARD.encode("user:secret");
    fs::write(
        &docker,
        format!(r#"{{"auths":{{"{}":{{"auth":"{auth}"}}}}}}"#, server.name),
    )
    .unwrap();
    let mut settings = server.private_options(dir.path());
    settings.registry.docker_config = Some(docker);
    let artifacts = Artifacts::open(settings).unwrap();
    assert_eq!(pull(&artifacts, &text).await.unwrap().artifact.bytes, wasm);

    let empty = tempfile::tempdir().unwrap();
    let stranger = Artifacts::open(options(empty.path(), "none:1")).unwrap();
    let error = pull(&stranger, &text).await.unwrap_err();
    assert_eq!(error.code(), "ART012");
    assert!(
        error.hints()[0].contains("--tls-ca-path"),
        "{:?}",
        error.hints()
    );
    let plain = Artifacts::open(options(empty.path(), &server.name)).unwrap();
    let error = pull(&plain, &text).await.unwrap_err();
    assert_eq!(error.code(), "ART015");
    assert!(
        error.hints()[0].contains("--allowed-insecure"),
        "{:?}",
        error.hints()
    );
}

#[tokio::test]
async fn a_provider_archive_is_pushed_and_its_executable_pulled() {
    let Some(server) = Server::start() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::open(options(dir.path(), &server.name)).unwrap();
    let mut archive = Vec::new();
    Builder::new(ProviderClaims::default())
        .executable(Target::current(), b"program".to_vec())
        .write(
            &mut archive,
            Compression::Gzip,
            &KeyPair::new_service().public_key(),
            Times::default(),
            &KeyPair::new_account(),
        )
        .unwrap();
    let text = server.image("acme/echo:1");
    let pushed = push(&artifacts, &text, &archive).await.unwrap();
    let executable = artifacts
        .provider(
            &reference(&text),
            None,
            &Target::current(),
            Arc::new(Silent),
        )
        .await
        .unwrap();
    assert_eq!(executable.archive, pushed.content);
    assert_eq!(fs::read(executable.path).unwrap(), b"program");
    // And it is no component.
    assert_eq!(pull(&artifacts, &text).await.unwrap_err().code(), "ART017");
    assert_eq!(
        push(&artifacts, &text, b"text").await.unwrap_err().code(),
        "ART017"
    );
}
