//! What a user may publish and receive.

use async_nats::ConnectOptions;
use futures::StreamExt;
use weft_broker::{Auth, Options, Permissions, Responses, SubjectRules, User};

use crate::protocol::Raw;
use crate::security::{guarded, hash};
use crate::server::{Server, on_each_guarded, within};

fn rules(allow: &[&str], deny: &[&str]) -> SubjectRules {
    let owned = |rules: &[&str]| rules.iter().map(|&rule| rule.to_owned()).collect();
    SubjectRules {
        allow: owned(allow),
        deny: owned(deny),
    }
}

/// `admin`, who may do everything, and `limited`; as options and as a configuration of nats-server.
fn users(permissions: &Permissions) -> (Options, String) {
    let list = |rules: &[String]| format!("{rules:?}");
    let of = |rules: &SubjectRules| {
        let mut text = format!("deny: {}", list(&rules.deny));
        if !rules.allow.is_empty() {
            text = format!("allow: {}, {text}", list(&rules.allow));
        }
        text
    };
    let mut parts = Vec::new();
    if permissions.publish != SubjectRules::default() {
        parts.push(format!("publish: {{ {} }}", of(&permissions.publish)));
    }
    if permissions.subscribe != SubjectRules::default() {
        parts.push(format!("subscribe: {{ {} }}", of(&permissions.subscribe)));
    }
    if permissions.responses.is_some() {
        parts.push("allow_responses: true".to_owned());
    }
    let config = parts.join("\n");
    let config = format!(
        "authorization {{ users = [
            {{ user: admin, password: s3cret }}
            {{ user: limited, password: s3cret, permissions: {{ {config} }} }}
        ] }}"
    );
    let limited = User::password("limited", hash("s3cret")).with_permissions(permissions.clone());
    let auth = Auth::default()
        .with_user(User::password("admin", hash("s3cret")))
        .with_user(limited);
    (guarded(auth), config)
}

async fn raw(server: &Server, user: &str) -> Raw {
    let claim = format!("\"user\":\"{user}\",\"pass\":\"s3cret\"");
    let mut raw = Raw::with_claim(server, &claim).await;
    raw.expect("PONG\r\n").await;
    raw
}

fn violation(what: &str) -> String {
    format!("-ERR 'Permissions Violation for {what}'\r\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_allowed_is_published() {
    let permissions = Permissions {
        publish: rules(&["a.>", "b"], &["a.secret.*"]),
        ..Permissions::default()
    };
    let (options, config) = users(&permissions);
    on_each_guarded(options, &config, async |server: Server| {
        let mut limited = raw(&server, "limited").await;
        limited.send("SUB > 1\r\n").await;
        for subject in ["c", "a", "a.secret.x"] {
            // Twice: the second time it is known.
            for _ in 0..2 {
                let denied = violation(&format!("Publish to \"{subject}\""));
                limited
                    .ask(&format!("PUB {subject} 1\r\nx\r\n"), &denied)
                    .await;
            }
        }
        let headers = "HPUB c 12 12\r\nNATS/1.0\r\n\r\n\r\n";
        limited.ask(headers, &violation("Publish to \"c\"")).await;
        let large = "x".repeat(20_000);
        let denied = violation("Publish to \"c\"");
        limited
            .ask(&format!("PUB c 20000\r\n{large}\r\n"), &denied)
            .await;
        for subject in ["a.x", "a.secret", "a.secret.x.y", "b"] {
            for _ in 0..2 {
                let message = format!("MSG {subject} 1 1\r\nx\r\n");
                limited
                    .ask(&format!("PUB {subject} 1\r\nx\r\n"), &message)
                    .await;
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_allowed_is_received() {
    let permissions = Permissions {
        subscribe: rules(&["a.>", "_INBOX.>"], &["a.secret.>"]),
        ..Permissions::default()
    };
    let (options, config) = users(&permissions);
    on_each_guarded(options, &config, async |server: Server| {
        let mut limited = raw(&server, "limited").await;
        for filter in [">", "*.x", "b", "a.secret.x", "a.secret.>"] {
            let denied = violation(&format!("Subscription to \"{filter}\""));
            limited.ask(&format!("SUB {filter} 1\r\n"), &denied).await;
        }
        // Of what is allowed, the denied part is kept back, from groups too.
        limited
            .ask("SUB a.> 1\r\nSUB a.*.x workers 2\r\nPING\r\n", "PONG\r\n")
            .await;
        let mut admin = raw(&server, "admin").await;
        admin
            .ask(
                "PUB a.secret.x 1\r\nx\r\nPUB a.secret 1\r\ny\r\nPING\r\n",
                "PONG\r\n",
            )
            .await;
        limited.expect("MSG a.secret 1 1\r\ny\r\n").await;
        limited.ask("PING\r\n", "PONG\r\n").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_allowed_by_name() {
    let permissions = Permissions {
        subscribe: rules(&["jobs workers.*", "news"], &["jobs workers.bad"]),
        ..Permissions::default()
    };
    let (options, config) = users(&permissions);
    on_each_guarded(options, &config, async |server: Server| {
        let mut limited = raw(&server, "limited").await;
        for (arguments, told) in [
            ("jobs 1", "Subscription to \"jobs\""),
            (
                "jobs others 1",
                "Subscription to \"jobs\" using queue \"others\"",
            ),
            (
                "jobs workers.bad 1",
                "Subscription to \"jobs\" using queue \"workers.bad\"",
            ),
        ] {
            limited
                .ask(&format!("SUB {arguments}\r\n"), &violation(told))
                .await;
        }
        limited
            .ask(
                "SUB jobs workers.a 1\r\nSUB news any 2\r\nPING\r\n",
                "PONG\r\n",
            )
            .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_only_answer_answers_once() {
    let permissions = Permissions {
        subscribe: rules(&["service"], &[]),
        responses: Some(Responses::default()),
        ..Permissions::default()
    };
    let (options, config) = users(&permissions);
    on_each_guarded(options, &config, async |server: Server| {
        let mut service = raw(&server, "limited").await;
        service.ask("SUB service 1\r\nPING\r\n", "PONG\r\n").await;
        let mut admin = raw(&server, "admin").await;
        admin.ask("SUB in.* 2\r\nPING\r\n", "PONG\r\n").await;
        let denied = violation("Publish to \"in.1\"");
        service.ask("PUB in.1 1\r\nx\r\n", &denied).await;
        admin.send("PUB service in.1 1\r\nq\r\n").await;
        service.expect("MSG service 1 in.1 1\r\nq\r\n").await;
        service.send("PUB in.1 1\r\nx\r\n").await;
        admin.expect("MSG in.1 2 1\r\nx\r\n").await;
        service.ask("PUB in.1 1\r\nx\r\n", &denied).await;
        service
            .ask("PUB in.2 1\r\nx\r\n", &violation("Publish to \"in.2\""))
            .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_are_reached_by_subjects_like_all_else() {
    let permissions = Permissions {
        publish: rules(
            &["$JS.API.>", "$KV.settings.>"],
            &["$JS.API.STREAM.DELETE.>"],
        ),
        subscribe: rules(&["_INBOX.>"], &[]),
        responses: None,
    };
    let (options, _) = users(&permissions);
    let server = Server::broker_of(options).await;
    let connect = async |user: &str| {
        let options = ConnectOptions::with_user_and_password(user.to_owned(), "s3cret".to_owned());
        async_nats::jetstream::new(options.connect(server.url()).await.unwrap())
    };
    let limited = connect("limited").await;
    let admin = connect("admin").await;
    let bucket = limited
        .create_key_value(async_nats::jetstream::kv::Config {
            bucket: "settings".to_owned(),
            ..Default::default()
        })
        .await
        .unwrap();
    let mut watcher = bucket.watch_all().await.unwrap();
    bucket.put("a", "1".into()).await.unwrap();
    let entry = within(watcher.next()).await.unwrap().unwrap();
    assert_eq!((entry.key.as_str(), &entry.value[..]), ("a", &b"1"[..]));
    // Nobody answers, as nobody was asked.
    let mut hasty = limited.clone();
    hasty.set_timeout(std::time::Duration::from_millis(100));
    assert!(hasty.delete_stream("KV_settings").await.is_err());
    let kept = admin.get_stream("KV_settings").await.unwrap();
    assert_eq!(kept.cached_info().state.messages, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_may_ask_who_it_is() {
    let permissions = Permissions {
        publish: rules(&["a.>", "$SYS.REQ.USER.INFO"], &["a.secret"]),
        subscribe: rules(&["b", "_INBOX.>"], &[]),
        responses: Some(Responses::default()),
    };
    let (options, config) = users(&permissions);
    on_each_guarded(options, &config, async |server: Server| {
        let ask = async |user: &str| {
            let connect = ConnectOptions::with_user_and_password(user.into(), "s3cret".into());
            let client = connect.connect(server.url()).await.unwrap();
            if client.server_info().version.starts_with("2.9.") {
                return None;
            }
            let asked = client.request("$SYS.REQ.USER.INFO", "".into());
            let answer = within(asked).await.unwrap().payload;
            let answer: serde_json::Value = serde_json::from_slice(&answer).unwrap();
            assert_eq!(answer["server"]["ver"], client.server_info().version);
            assert_eq!(answer["data"]["user"], user);
            assert_eq!(answer["data"]["account"], "$G");
            Some(answer["data"]["permissions"].clone())
        };
        let Some(limited) = ask("limited").await else {
            return;
        };
        let expected = serde_json::json!({
            "publish": { "allow": ["a.>", "$SYS.REQ.USER.INFO"], "deny": ["a.secret"] },
            "subscribe": { "allow": ["b", "_INBOX.>"] },
            "responses": { "max": 1, "ttl": 120_000_000_000_i64 },
        });
        assert_eq!(limited, expected);
        assert_eq!(ask("admin").await, Some(serde_json::Value::Null));
    })
    .await;
}
