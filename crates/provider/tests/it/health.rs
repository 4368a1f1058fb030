//! Health, and starts that fail.

use std::time::Duration;

use tokio::sync::oneshot;
use weft_provider::{Error, Health, HookResult, Options, Provider, Start};

use crate::host::Host;
use crate::subject::{Told, Witness};

#[tokio::test(flavor = "multi_thread")]
async fn health_is_what_the_provider_says() {
    let Some(host) = Host::start().await else {
        return;
    };
    let (witness, mut log) = Witness::new();
    let health = witness.health.clone();
    let running = host.run_until_healthy(witness).await;
    // On the id as 1.9 does, and on the key of the process.
    let own = format!("{}.health", host.provider_key.public_key());
    let answer = host.request(&own, "").await.unwrap();
    assert_eq!(answer.payload, r#"{"healthy":true}"#);
    *health.lock().unwrap() = Health::Unhealthy("no disk".to_owned());
    for subject in [own.as_str(), "kv.health"] {
        let answer = host.request(subject, "").await.unwrap();
        let expected = r#"{"healthy":false,"message":"no disk"}"#;
        assert_eq!(answer.payload, expected);
    }
    host.shut_down(running).await;
    assert!(matches!(log.next().await, Told::Init { .. }));
}

/// Takes as long to begin as it is let.
struct Slow {
    begun: std::sync::Mutex<Option<oneshot::Sender<()>>>,
}

impl Provider for Slow {
    async fn init(&self, _: Start) -> HookResult {
        let begun = self.begun.lock().unwrap().take();
        let _ = begun.unwrap().send(());
        std::future::pending().await
    }

    async fn health(&self) -> Health {
        panic!("asked before it has begun")
    }

    async fn shutdown(&self) -> HookResult {
        panic!("ended before it has begun")
    }
}

fn slow() -> (Slow, oneshot::Receiver<()>) {
    let (sender, begun) = oneshot::channel();
    let begun_mutex = std::sync::Mutex::new(Some(sender));
    (Slow { begun: begun_mutex }, begun)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_begins_can_be_asked_and_stopped() {
    let Some(host) = Host::start().await else {
        return;
    };
    let (slow, begun) = slow();
    let running = host.run(slow, Options::default()).await;
    begun.await.unwrap();
    let answer = host.request("kv.health", "").await.unwrap();
    let expected = r#"{"healthy":false,"message":"the provider is starting"}"#;
    assert_eq!(answer.payload, expected);
    host.shut_down(running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_ends_the_provider() {
    struct Failing;
    impl Provider for Failing {
        async fn init(&self, _: Start) -> HookResult {
            Err("no database".into())
        }
    }
    let Some(host) = Host::start().await else {
        return;
    };
    let running = host.run(Failing, Options::default()).await;
    let error = running.ended().await.unwrap_err();
    assert!(matches!(&error, Error::Init { source, .. } if source.to_string() == "no database"));

    let (slow, _begun) = slow();
    let mut options = Options::default();
    options.init_timeout = Duration::from_millis(1);
    let error = host.run(slow, options).await.ended().await.unwrap_err();
    assert!(matches!(error, Error::InitTimeout { .. }), "{error}");
}
