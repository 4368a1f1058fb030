//! Who gets in, and who does not.

use std::time::{Duration, SystemTime};

use async_nats::{ConnectErrorKind, ConnectOptions};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::StreamExt;
use nkeys::KeyPair;
use serde_json::json;
use weft_broker::{
    Auth, AuthError, Broker, Error, Limits, NewUser, Options, PasswordHash, Permissions, User,
    UserCredentials, UserStore,
};

use crate::protocol::Raw;
use crate::server::{PATIENCE, Server, on_each_guarded, until, within};

/// Cheap enough for tests.
const COST: u32 = 4;

pub(crate) fn hash(password: &str) -> PasswordHash {
    PasswordHash::with_cost(password, COST).unwrap()
}

/// On a free port, with a short patience for clients that say nothing.
pub(crate) fn guarded(auth: Auth) -> Options {
    Options {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        auth: Some(auth),
        limits: Limits {
            auth_timeout: Duration::from_millis(500),
            ..Limits::default()
        },
        ..Options::default()
    }
}

/// A broker whose account is in a directory, and the store of its users.
async fn with_store() -> (Server, UserStore, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let store = UserStore::open(dir.path().join("auth")).unwrap();
    let server = Server::broker_of(guarded(Auth::in_directory(store.directory()))).await;
    (server, store, dir)
}

fn new_user(name: &str) -> NewUser {
    NewUser {
        name: name.to_owned(),
        ..NewUser::default()
    }
}

fn by_credentials(credentials: &UserCredentials) -> ConnectOptions {
    ConnectOptions::with_credentials(&credentials.render()).unwrap()
}

async fn works(client: async_nats::Client) {
    let mut echo = client.subscribe("echo").await.unwrap();
    client.publish("echo", "x".into()).await.unwrap();
    within(echo.next()).await.unwrap();
}

async fn is_refused(options: ConnectOptions, server: &Server) {
    let error = within(options.connect(server.url())).await.unwrap_err();
    assert!(
        matches!(
            error.kind(),
            ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication
        ),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_or_a_key_lets_in() {
    let key = KeyPair::new_user();
    let seed = key.seed().unwrap();
    let password = hash("s3cret");
    let config = format!(
        "authorization {{ timeout: 0.5, users = [ {{ user: ada, password: \"{}\" }}, {{ nkey: {} }} ] }}",
        password.as_str().unwrap(),
        key.public_key()
    );
    let auth = Auth::default()
        .with_user(User::password("ada", password))
        .with_user(User::nkey("machine", key.public_key()));
    on_each_guarded(guarded(auth), &config, async |server: Server| {
        let with_password = |password: &str| {
            ConnectOptions::with_user_and_password("ada".to_owned(), password.to_owned())
        };
        works(with_password("s3cret").connect(server.url()).await.unwrap()).await;
        let by_key = ConnectOptions::with_nkey(seed.clone());
        works(by_key.connect(server.url()).await.unwrap()).await;

        is_refused(with_password("wrong"), &server).await;
        is_refused(with_password("wrong"), &server).await;
        let other = KeyPair::new_user().seed().unwrap();
        is_refused(ConnectOptions::with_nkey(other), &server).await;
        is_refused(ConnectOptions::with_token("s3cret".to_owned()), &server).await;
        is_refused(ConnectOptions::new(), &server).await;
        works(with_password("s3cret").connect(server.url()).await.unwrap()).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_lets_in() {
    for token in [hash("t0ken"), PasswordHash::in_memory("t0ken").unwrap()] {
        let config = "authorization { token: t0ken }";
        let auth = Auth::default().with_user(User::token("any", token));
        on_each_guarded(guarded(auth), config, async |server: Server| {
            let right = ConnectOptions::with_token("t0ken".to_owned());
            works(right.connect(server.url()).await.unwrap()).await;
            is_refused(ConnectOptions::with_token("token".to_owned()), &server).await;
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_says_nothing_or_the_wrong_thing_is_told() {
    let config = "authorization { timeout: 0.5, users = [ { user: ada, password: s3cret } ] }";
    let auth = Auth::default().with_user(User::password("ada", hash("s3cret")));
    on_each_guarded(guarded(auth), config, async |server: Server| {
        const VIOLATION: &str = "-ERR 'Authorization Violation'\r\n";
        let (mut silent, info) = Raw::greeted(server.address()).await;
        assert_eq!(info["auth_required"], true);
        silent.expect_end("-ERR 'Authentication Timeout'\r\n").await;

        for operation in ["PING\r\n", "SUB a 1\r\n", "PUB a 1\r\nx\r\n"] {
            let mut raw = Raw::connect(&server).await;
            raw.send(operation).await;
            raw.expect_end(VIOLATION).await;
        }
        for claim in [
            "\"user\":\"ada\"",
            "\"user\":\"ada\",\"pass\":\"wrong\"",
            "\"user\":\"nobody\",\"pass\":\"s3cret\"",
            "\"auth_token\":\"s3cret\"",
            "\"jwt\":\"a.b.c\",\"sig\":\"x\"",
            "\"nkey\":\"UAAA\",\"sig\":\"x\"",
        ] {
            let mut raw = Raw::with_claim(&server, claim).await;
            raw.expect_end(VIOLATION).await;
        }
        let mut raw = Raw::with_claim(&server, "\"user\":\"ada\",\"pass\":\"s3cret\"").await;
        raw.expect("PONG\r\n").await;
        // What came behind the credentials is done, in whatever portions it comes.
        let mut raw = Raw::connect(&server).await;
        raw.send("CONNECT {\"verbose\":false,\"user\":\"ada\",")
            .await;
        raw.ask(
            "\"pass\":\"s3cret\"}\r\nSUB a 1\r\nPUB a 1\r\nx\r\n",
            "MSG a 1 1\r\nx\r\n",
        )
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_let_in_until_they_are_revoked() {
    let (server, store, dir) = with_store().await;
    // Made while the broker runs, and not told to it.
    let ada = store.add(&new_user("ada")).unwrap();
    let file = dir.path().join("ada.creds");
    ada.write(&file).unwrap();
    let by_file = ConnectOptions::with_credentials_file(&file).await.unwrap();
    let client = by_file.connect(server.url()).await.unwrap();
    works(client).await;

    let bob = store.add(&new_user("bob")).unwrap();
    let mut connected = signed_in(&server, &bob).await;
    connected.expect("PONG\r\n").await;
    store.revoke("bob").unwrap();
    server.handle().reload().await.unwrap();
    connected
        .expect_end("-ERR 'User Authentication Revoked'\r\n")
        .await;
    is_refused(by_credentials(&bob), &server).await;
    works(by_credentials(&ada).connect(server.url()).await.unwrap()).await;
    // Another may have the name.
    let bob = store.add(&new_user("bob")).unwrap();
    works(by_credentials(&bob).connect(server.url()).await.unwrap()).await;
}

/// Connects with credentials, without a client library.
async fn signed_in(server: &Server, credentials: &UserCredentials) -> Raw {
    let (mut raw, info) = Raw::greeted(server.address()).await;
    let key = KeyPair::from_seed(credentials.seed()).unwrap();
    let nonce = info["nonce"].as_str().unwrap();
    let signature = URL_SAFE_NO_PAD.encode(key.sign(nonce.as_bytes()).unwrap());
    let claim = json!({ "verbose": false, "jwt": credentials.jwt(), "sig": signature });
    raw.send(&format!("CONNECT {claim}\r\nPING\r\n")).await;
    raw
}

#[tokio::test(flavor = "multi_thread")]
async fn users_that_are_changed_in_the_list_are_noticed_by_themselves() {
    let (server, store, _dir) = with_store().await;
    store
        .add_password(&new_user("ada"), hash("s3cret"))
        .unwrap();
    let options = || ConnectOptions::with_user_and_password("ada".to_owned(), "s3cret".to_owned());
    until("the new user is let in", || async {
        options().connect(server.url()).await.is_ok()
    })
    .await;
    let mut raw = Raw::with_claim(&server, "\"user\":\"ada\",\"pass\":\"s3cret\"").await;
    raw.expect("PONG\r\n").await;
    store.revoke("ada").unwrap();
    raw.expect_end("-ERR 'User Authentication Revoked'\r\n")
        .await;

    store.add_token(&new_user("any"), hash("t0ken")).unwrap();
    let key = KeyPair::new_user();
    store
        .add_nkey(&new_user("machine"), &key.public_key())
        .unwrap();
    server.handle().reload().await.unwrap();
    let token = ConnectOptions::with_token("t0ken".to_owned());
    works(token.connect(server.url()).await.unwrap()).await;
    // A damaged list changes nothing.
    std::fs::write(store.directory().join("users.json"), "{").unwrap();
    let error = server.handle().reload().await.unwrap_err();
    assert!(matches!(error, AuthError::Users { .. }), "{error:?}");
    let by_key = ConnectOptions::with_nkey(key.seed().unwrap());
    works(by_key.connect(server.url()).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_end_when_they_say() {
    let (server, store, _dir) = with_store().await;
    let user = |name: &str, left: Duration| NewUser {
        expires: Some(SystemTime::now() + left),
        ..new_user(name)
    };
    let past = store.add(&user("past", Duration::ZERO)).unwrap();
    is_refused(by_credentials(&past), &server).await;
    let short = store.add(&user("short", Duration::from_secs(2))).unwrap();
    let mut raw = signed_in(&server, &short).await;
    raw.expect("PONG\r\n").await;
    raw.expect_end("-ERR 'User Authentication Expired'\r\n")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jwt_is_worth_nothing_without_its_seed_or_from_another_account() {
    let (server, store, dir) = with_store().await;
    let ada = store.add(&new_user("ada")).unwrap();
    let eve = store.add(&new_user("eve")).unwrap();
    // The JWT of one and the seed of the other.
    let mixed = eve.render().replace(eve.jwt(), ada.jwt());
    is_refused(ConnectOptions::with_credentials(&mixed).unwrap(), &server).await;
    // Without a signature.
    let mut raw = Raw::with_claim(&server, &format!("\"jwt\":\"{}\"", ada.jwt())).await;
    raw.expect_end("-ERR 'Authorization Violation'\r\n").await;
    let foreign = UserStore::open(dir.path().join("foreign")).unwrap();
    let mallory = foreign.add(&new_user("mallory")).unwrap();
    is_refused(by_credentials(&mallory), &server).await;
    // What is signed for one connection is not for another.
    let (_raw, first) = Raw::greeted(server.address()).await;
    let (_raw, second) = Raw::greeted(server.address()).await;
    assert_ne!(first["nonce"], second["nonce"]);
}

/// A JWT as the tools of nats-server make it.
fn jwt(key: &KeyPair, subject: &str, nats: serde_json::Value) -> String {
    let claims = json!({
        "jti": "UX5VMDUPOWNBZZV4HIXZ5HRO7ECX4PEFFNFHLMZ4TIB2HNFRZOTQ",
        "iat": 1_700_000_000,
        "iss": key.public_key(),
        "name": "by-hand",
        "sub": subject,
        "nats": nats,
    });
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"ed25519-nkey"}"#),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let signature = key.sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_of_one_account_are_good_for_both_servers() {
    let dir = tempfile::tempdir().unwrap();
    let store = UserStore::open(dir.path()).unwrap();
    let ours = store.add(&new_user("ours")).unwrap();
    let seed = std::fs::read_to_string(dir.path().join("account.nk")).unwrap();
    let account = KeyPair::from_seed(seed.trim()).unwrap();
    let key = KeyPair::new_user();
    let limits = json!({ "subs": -1, "data": -1, "payload": -1, "type": "user", "version": 2,
        "pub": {}, "sub": {}, "issuer_account": account.public_key() });
    let theirs = ours
        .render()
        .replace(ours.jwt(), &jwt(&account, &key.public_key(), limits))
        .replace(ours.seed(), &key.seed().unwrap());

    let operator = KeyPair::new_operator();
    let unlimited = json!({ "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1,
        "wildcards": true, "conn": -1, "leaf": -1 });
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
    let auth = Auth::in_directory(dir.path());
    on_each_guarded(guarded(auth), &config, async |server: Server| {
        for credentials in [&ours.render(), &theirs] {
            let options = ConnectOptions::with_credentials(credentials).unwrap();
            works(options.connect(server.url()).await.unwrap()).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_of_a_broker_always_gets_in() {
    let server = Server::broker_of(guarded(Auth::default())).await;
    is_refused(ConnectOptions::new(), &server).await;
    let everything = Permissions::default();
    let minted = server.handle().mint_user("node", &everything, None);
    let credentials = minted.unwrap().unwrap();
    works(
        by_credentials(&credentials)
            .connect(server.url())
            .await
            .unwrap(),
    )
    .await;
    let open = Server::broker().await;
    assert!(
        open.handle()
            .mint_user("node", &everything, None)
            .unwrap()
            .is_none()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_wrong_passwords_keeps_nobody_else_out() {
    const FLOOD: usize = 300;
    // A real hash: some 300 of them take half a minute.
    let slow = PasswordHash::new("s3cret").unwrap();
    let auth = Auth::default()
        .with_user(User::password("victim", slow.clone()))
        .with_user(User::password("ada", slow));
    let server = Server::broker_of(guarded(auth)).await;
    let login = |user: &str| {
        ConnectOptions::with_user_and_password(user.to_owned(), "s3cret".to_owned())
            // A comparison takes as long as the machine needs for it.
            .connection_timeout(PATIENCE)
    };
    let victim = login("victim").connect(server.url()).await.unwrap();
    let mut flood = Vec::new();
    for number in 0..FLOOD {
        let claim = format!("\"user\":\"victim\",\"pass\":\"{number}\"");
        flood.push(Raw::with_claim(&server, &claim).await);
    }
    works(victim).await;
    // Somebody who was never here, and somebody who was.
    works(within(login("ada").connect(server.url())).await.unwrap()).await;
    works(within(login("victim").connect(server.url())).await.unwrap()).await;
    // All of them end, most because their time is up.
    until("the flood is over", || async {
        server.handle().stats().connections_unauthorized == FLOOD as u64
    })
    .await;
}

#[tokio::test]
async fn nobody_listens_to_the_world_without_asking_who_is_there() {
    let open = |address: &str| Options {
        listen: vec![address.parse().unwrap()],
        ..Options::default()
    };
    for address in ["0.0.0.0:0", "[::]:0", "[::ffff:10.0.0.1]:0"] {
        let error = Broker::start(open(address)).await.unwrap_err();
        assert!(matches!(error, Error::Unauthenticated { .. }), "{error:?}");
    }
    let told = Options {
        allow_unauthenticated: true,
        ..open("0.0.0.0:0")
    };
    Broker::start(told).await.unwrap();
    let asking = Options {
        auth: Some(Auth::default()),
        ..open("0.0.0.0:0")
    };
    Broker::start(asking).await.unwrap();
    Broker::start(open("[::ffff:127.0.0.1]:0")).await.unwrap();
}

#[tokio::test]
async fn a_key_that_is_none_is_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("account.nk"), "SUAnonsense").unwrap();
    let error = Broker::start(guarded(Auth::in_directory(dir.path())))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Auth(AuthError::AccountKey { path }) if path.ends_with("account.nk")),
        "{error:?}"
    );
}
