//! Every way to prove who one is, and to encrypt.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use serde_json::{Value, json};
use weft_lattice::{Credentials, Lattice, Options, Secret, TlsIdentity};
use weft_model::problem::Coded;

use crate::server::Server;

/// A nats-server with this configuration.
async fn start(config: String) -> Option<Server> {
    Server::start_own(move |store: &Path| {
        let file = store.join("nats.conf");
        std::fs::write(&file, &config).unwrap();
        vec!["-c".to_owned(), file.display().to_string()]
    })
    .await
}

async fn connect(server: &Server, change: impl FnOnce(&mut Options)) -> Result<(), &'static str> {
    let mut options = server.options();
    change(&mut options);
    match Lattice::connect(options, server.tasks()).await {
        Ok(lattice) => {
            lattice.flush().await.unwrap();
            Ok(())
        }
        Err(error) => {
            assert!(!error.hints().is_empty());
            Err(error.code())
        }
    }
}

/// A file of the certificates that were made for the tests of the broker.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../broker/tests/it/certificates")
        .join(name)
}

fn jwt(key: &KeyPair, subject: &str, nats: Value) -> String {
    let claims = json!({ "jti": "X", "iat": 1_700_000_000, "iss": key.public_key(),
        "name": "n", "sub": subject, "nats": nats });
    let header = r#"{"typ":"JWT","alg":"ed25519-nkey"}"#;
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let signature = key.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[tokio::test]
async fn a_seed_lets_in() {
    let key = KeyPair::new_user();
    let seed = key.seed().unwrap();
    let config = format!(
        "authorization {{ users = [ {{ nkey: {} }} ] }}",
        key.public_key()
    );
    let Some(server) = start(config).await else {
        return;
    };
    let with = async |seed: String| {
        let credentials = Credentials::Nkey(Secret::new(seed));
        connect(&server, |options| options.credentials = credentials).await
    };
    // As it comes from a file.
    assert_eq!(with(format!("{seed}\n")).await, Ok(()));
    assert_eq!(
        with(KeyPair::new_user().seed().unwrap()).await,
        Err("NET002")
    );
    assert_eq!(
        with(KeyPair::new_account().seed().unwrap()).await,
        Err("NET005")
    );
    assert_eq!(with("nonsense".to_owned()).await, Err("NET005"));
}

#[tokio::test]
async fn a_jwt_and_its_seed_let_in() {
    let (operator, account, user) = (
        KeyPair::new_operator(),
        KeyPair::new_account(),
        KeyPair::new_user(),
    );
    let unlimited = json!({ "subs": -1, "data": -1, "payload": -1, "imports": -1,
        "exports": -1, "wildcards": true, "conn": -1, "leaf": -1 });
    let config = format!(
        "operator: {}\nresolver: MEMORY\nresolver_preload {{ {}: {} }}",
        jwt(
            &operator,
            &operator.public_key(),
            json!({ "type": "operator", "version": 2 })
        ),
        account.public_key(),
        jwt(
            &operator,
            &account.public_key(),
            json!({ "limits": unlimited, "type": "account", "version": 2 })
        ),
    );
    let Some(server) = start(config).await else {
        return;
    };
    let claims = json!({ "pub": {}, "sub": {}, "subs": -1, "data": -1, "payload": -1,
        "type": "user", "version": 2 });
    let text = jwt(&account, &user.public_key(), claims);
    let with = async |seed: String| {
        let credentials = Credentials::Jwt {
            jwt: text.clone(),
            seed: Secret::new(seed),
        };
        connect(&server, |options| options.credentials = credentials).await
    };
    assert_eq!(with(user.seed().unwrap()).await, Ok(()));
    assert_eq!(
        with(KeyPair::new_user().seed().unwrap()).await,
        Err("NET002")
    );

    let dir = tempfile::tempdir().unwrap();
    let creds = dir.path().join("user.creds");
    let content = format!(
        "-----BEGIN NATS USER JWT-----\n{text}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
        user.seed().unwrap()
    );
    std::fs::write(&creds, content).unwrap();
    let by_file = Credentials::File(creds);
    assert_eq!(
        connect(&server, |options| options.credentials = by_file).await,
        Ok(())
    );
}

#[tokio::test]
async fn both_sides_show_their_certificates() {
    let config = format!(
        "tls {{ cert_file: {:?}, key_file: {:?}, ca_file: {:?}, verify: true }}",
        file("server.pem"),
        file("server.key"),
        file("ca.pem")
    );
    let Some(server) = start(config).await else {
        return;
    };
    let identity = |name: &str| TlsIdentity {
        cert_file: file(&format!("{name}.pem")),
        key_file: file(&format!("{name}.key")),
    };
    let with = async |ca: &str, name: Option<&str>| {
        connect(&server, |options| {
            options.tls.is_required = true;
            options.tls.ca_file = Some(file(ca));
            options.tls.identity = name.map(identity);
        })
        .await
    };
    assert_eq!(with("ca.pem", Some("client")).await, Ok(()));
    let untrusted = with("other-ca.pem", Some("client")).await;
    assert_eq!(untrusted, Err("NET004"));
    assert!(with("ca.pem", Some("stranger")).await.is_err());
    assert!(with("ca.pem", None).await.is_err());
    assert_eq!(with("missing.pem", None).await, Err("NET004"));
    assert_eq!(with("ca.pem", Some("missing")).await, Err("NET004"));
}
