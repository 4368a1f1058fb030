use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::KeyPair;

use super::jwt::{self, JwtError, Wanted};
use super::*;

const NOW: Duration = Duration::from_secs(2_000_000_000);

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + NOW
}

/// A JWT with these claims of the kind `user`, and these others.
fn signed(account: &KeyPair, header: &str, others: &str, nats: &str) -> String {
    let user = KeyPair::new_user().public_key();
    let issuer = account.public_key();
    let claims = format!(
        r#"{{"jti":"X","iat":1,"iss":"{issuer}","name":"n","sub":"{user}"{others},"nats":{{{nats}}}}}"#
    );
    let text = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims)
    );
    let signature = account.sign(text.as_bytes()).unwrap();
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

const HEADER: &str = r#"{"typ":"JWT","alg":"ed25519-nkey"}"#;
const USER: &str = r#""type":"user","version":2"#;

#[test]
fn what_is_rendered_is_read_again() {
    let account = KeyPair::new_account();
    let user = KeyPair::new_user().public_key();
    let permissions = Permissions {
        publish: SubjectRules {
            allow: vec!["a.>".to_owned()],
            deny: vec!["a.b".to_owned()],
        },
        subscribe: SubjectRules {
            allow: vec!["q workers".to_owned()],
            deny: vec![],
        },
        responses: Some(Responses {
            messages_max: None,
            ttl: Some(Duration::from_secs(5)),
        }),
    };
    let wanted = Wanted {
        name: "n\"ame",
        permissions: &permissions,
        expires: Some(now() + Duration::from_secs(60)),
    };
    let jwt = jwt::render(&account, &user, &wanted, "id".to_owned(), now()).unwrap();
    let read = jwt::verify(&jwt, &account, now()).unwrap();
    assert_eq!((read.name.as_str(), read.key), ("n\"ame", user));
    assert_eq!(read.permissions, permissions);
    assert_eq!(read.expires, Some(NOW.as_secs() + 60));
    let later = now() + Duration::from_secs(60);
    assert_eq!(jwt::verify(&jwt, &account, later), Err(JwtError::Expired));
    let other = KeyPair::new_account();
    assert_eq!(jwt::verify(&jwt, &other, now()), Err(JwtError::Issuer));
}

#[test]
fn the_form_of_other_tools_is_read() {
    let account = KeyPair::new_account();
    let nats = format!(
        r#""pub":{{}},"sub":{{}},"subs":10,"data":-1,"payload":1024,"issuer_account":"{}",
        "resp":{{"max":0,"ttl":0}},"allowed_connection_types":["STANDARD","WEBSOCKET"],"tags":["x"],{USER}"#,
        account.public_key()
    );
    let user = jwt::verify(&signed(&account, HEADER, "", &nats), &account, now()).unwrap();
    assert_eq!(user.subscriptions_max, Some(10));
    assert_eq!(user.payload_bytes_max, Some(1024));
    assert_eq!(user.permissions.responses, Some(Responses::default()));
    assert_eq!(user.expires, None);
}

#[test]
fn what_is_not_wholly_understood_is_refused() {
    let account = KeyPair::new_account();
    let check = |header: &str, others: &str, nats: &str, expected: JwtError| {
        let jwt = signed(&account, header, others, nats);
        assert_eq!(
            jwt::verify(&jwt, &account, now()),
            Err(expected),
            "{others} {nats}"
        );
    };
    check(
        r#"{"typ":"JWT","alg":"none"}"#,
        "",
        USER,
        JwtError::Malformed,
    );
    check(
        r#"{"typ":"JWT","alg":"ed25519"}"#,
        "",
        USER,
        JwtError::Malformed,
    );
    check(HEADER, r#","exp":5"#, USER, JwtError::Expired);
    check(HEADER, r#","exp":-5"#, USER, JwtError::Expired);
    check(HEADER, r#","nbf":2000000001"#, USER, JwtError::NotYet);
    check(
        HEADER,
        "",
        r#""type":"account","version":2"#,
        JwtError::Kind,
    );
    check(HEADER, "", r#""type":"user","version":1"#, JwtError::Kind);
    for restriction in [
        r#""src":["10.0.0.0/8"]"#,
        r#""times":[{"start":"01:00:00","end":"02:00:00"}]"#,
        r#""allowed_connection_types":["WEBSOCKET"]"#,
        r#""data":5"#,
    ] {
        check(
            HEADER,
            "",
            &format!("{restriction},{USER}"),
            JwtError::Restricted,
        );
    }
    for text in ["", ".", "..", "a.b.c", "e30.e30.e30", "\u{e9}.x.y"] {
        assert!(jwt::verify(text, &account, now()).is_err(), "{text}");
    }
}

#[test]
fn keys_of_other_kinds_are_no_users() {
    assert!(jwt::is_user_key(&KeyPair::new_user().public_key()));
    for text in [
        "",
        "U",
        "\u{e9}",
        &"U".repeat(56),
        &KeyPair::new_account().public_key(),
        &KeyPair::new_user().seed().unwrap(),
    ] {
        assert!(!jwt::is_user_key(text), "{text}");
    }
}

#[test]
fn the_list_of_users_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = UserStore::open(dir.path().join("auth")).unwrap();
    let ada = NewUser {
        name: "ada".to_owned(),
        permissions: Permissions {
            responses: Some(Responses::default()),
            ..Permissions::default()
        },
        expires: Some(now()),
    };
    let credentials = store.add(&ada).unwrap();
    let bob = NewUser {
        name: "bob".to_owned(),
        ..NewUser::default()
    };
    let hash = PasswordHash::with_cost("b0b-s", 4).unwrap();
    store.add_password(&bob, hash).unwrap();
    assert!(matches!(
        store.add_nkey(&bob, credentials.public_key()),
        Err(AuthError::UserExists { name }) if name == "bob"
    ));
    assert_eq!(store.revoke("bob").unwrap().kind, UserKind::Password);
    assert!(matches!(store.revoke("bob"), Err(AuthError::NoUser { .. })));

    let again = UserStore::open(dir.path().join("auth")).unwrap();
    assert_eq!(again.account(), store.account());
    let users = again.list().unwrap();
    assert_eq!(users.len(), 2);
    assert_eq!(
        (users[0].name.as_str(), users[0].expires),
        ("ada", Some(now()))
    );
    assert_eq!(users[0].permissions, ada.permissions);
    assert!(users[0].revoked.is_none() && users[1].revoked.is_some());
}

#[cfg(unix)]
#[test]
fn what_is_secret_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;

    let dir = tempfile::tempdir().unwrap();
    let store = UserStore::open(dir.path().join("auth")).unwrap();
    let user = NewUser {
        name: "ada".to_owned(),
        ..NewUser::default()
    };
    let credentials = store.add(&user).unwrap();
    let creds = dir.path().join("ada.creds");
    std::fs::write(&creds, "open to all").unwrap();
    credentials.write(&creds).unwrap();
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(store.directory()), 0o700);
    for file in ["account.nk", "users.json", "users.lock"] {
        assert_eq!(mode(&store.directory().join(file)), 0o600, "{file}");
    }
    assert_eq!(mode(&creds), 0o600);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[test]
fn secrets_are_not_printed() {
    let hash = PasswordHash::with_cost("p4ssword", 4).unwrap();
    let fast = PasswordHash::in_memory("t0ken").unwrap();
    let account = account::Account::new().unwrap();
    let credentials = account
        .mint(&Wanted {
            name: "n",
            permissions: &Permissions::default(),
            expires: None,
        })
        .unwrap();
    let auth = Auth::default()
        .with_user(User::password("u", hash.clone()))
        .with_user(User::token("t", fast));
    let printed = format!("{auth:?} {account:?} {credentials:?}");
    for secret in [
        hash.as_str().unwrap(),
        "p4ssword",
        "t0ken",
        credentials.seed(),
    ] {
        assert!(!printed.contains(secret), "{printed}");
    }
    for password in ["", "a\0b", &"x".repeat(73)] {
        assert!(matches!(
            PasswordHash::in_memory(password),
            Err(AuthError::Password)
        ));
    }
    for hash in ["", "plain", "$2a$11$short", "$6$x"] {
        assert!(hash.parse::<PasswordHash>().is_err());
    }
}
