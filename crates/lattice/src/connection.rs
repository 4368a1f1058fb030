//! The connection to NATS and whether it stands.

mod error;

pub use error::ConnectError;

use std::error::Error;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{ConnectErrorKind, ConnectOptions, Event, ServerAddr, rustls};
use nkeys::{KeyPair, KeyPairType};
use percent_encoding::percent_decode_str;
use tokio::sync::watch;
use tracing::{debug, info, warn};
use ulid::Ulid;
use weft_runtime::field;

use crate::options::{Credentials, Options, Secret};

/// How many messages of one subscription may wait in the client; more are dropped and counted in
/// [`Connection::slow_consumers`].
const SUBSCRIPTION_CAPACITY: usize = 16_384;
/// The longest pause between two attempts to reconnect, before jitter.
const RECONNECT_DELAY_MAX: Duration = Duration::from_secs(4);

/// What is known of the connection to NATS.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Connection {
    /// Whether it stands.
    pub state: ConnectionState,
    /// How often it was made; above one it was lost and made again.
    pub connects: u64,
    /// How many messages the client dropped because a subscription was not read fast enough.
    pub slow_consumers: u64,
}

/// Whether the connection to NATS stands. It begins as connected; while it is disconnected the client tries again, with
/// pauses of up to some seconds, until the lattice is dropped, which closes it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ConnectionState {
    /// It stands.
    Connected,
    /// It was lost and is being made again.
    Disconnected,
    /// It was closed and stays so.
    Closed,
}

/// Connects as `options` say.
pub(crate) async fn connect(
    options: &Options,
) -> Result<(async_nats::Client, watch::Receiver<Connection>), ConnectError> {
    let servers = parse_urls(&options.urls)?;
    let (sender, receiver) = watch::channel(Connection {
        state: ConnectionState::Connected,
        connects: 1,
        slow_consumers: 0,
    });
    let client = connect_options(options, &servers, sender)
        .await?
        .connect(servers.clone())
        .await
        .map_err(|error| {
            let servers = servers
                .iter()
                .map(render_server)
                .collect::<Vec<_>>()
                .join(", ");
            match error.kind() {
                ConnectErrorKind::ServerParse => ConnectError::Url {
                    url: servers,
                    source: error.into(),
                },
                ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
                    ConnectError::Refused { servers }
                }
                ConnectErrorKind::Tls => ConnectError::Tls {
                    servers,
                    source: error.into(),
                },
                // A certificate that is not trusted, and an alert of the server, come as errors of reading.
                ConnectErrorKind::Io if is_tls(&error) => ConnectError::Tls {
                    servers,
                    source: error.into(),
                },
                ConnectErrorKind::Dns
                | ConnectErrorKind::TimedOut
                | ConnectErrorKind::Io
                | ConnectErrorKind::MaxReconnects => ConnectError::Unreachable {
                    servers,
                    source: error.into(),
                },
            }
        })?;
    Ok((client, receiver))
}

/// Whether an error comes from the encryption, however it is wrapped.
fn is_tls(error: &(dyn Error + 'static)) -> bool {
    let mut link = Some(error);
    while let Some(error) = link {
        // The source of such an error is that of what it wraps.
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        if error.is::<rustls::Error>()
            || wrapped.is_some_and(|wrapped| wrapped.is::<rustls::Error>())
        {
            return true;
        }
        link = error.source();
    }
    false
}

async fn connect_options(
    options: &Options,
    servers: &[ServerAddr],
    sender: watch::Sender<Connection>,
) -> Result<ConnectOptions, ConnectError> {
    let sender = Arc::new((sender, options.client_name.clone()));
    let mut connect = ConnectOptions::new()
        .name(&options.client_name)
        .connection_timeout(options.connect_timeout)
        .request_timeout(Some(options.request_timeout))
        .subscription_capacity(SUBSCRIPTION_CAPACITY)
        .max_reconnects(None)
        .reconnect_delay_callback(|attempts| reconnect_delay(attempts, Ulid::generate().random()))
        .event_callback(move |event| {
            let sender = Arc::clone(&sender);
            async move { record(&sender.0, &sender.1, &event) }
        })
        .require_tls(options.tls.is_required || options.tls.is_first);
    if options.tls.is_first {
        connect = connect.tls_first();
    }
    for path in options.tls.files() {
        check_readable(path).await?;
    }
    if let Some(path) = &options.tls.ca_file {
        connect = connect.add_root_certificates(path.clone());
    }
    if let Some(identity) = &options.tls.identity {
        connect =
            connect.add_client_certificate(identity.cert_file.clone(), identity.key_file.clone());
    }
    match (&options.credentials, credentials_in(servers)) {
        (Credentials::Anonymous, Some(credentials)) => authenticate(connect, &credentials).await,
        (credentials, _) => authenticate(connect, credentials).await,
    }
}

/// What the first URL with a user says about who somebody is: a user with a password, or a token. The client does not look
/// there itself.
fn credentials_in(servers: &[ServerAddr]) -> Option<Credentials> {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    servers.iter().find_map(|server| {
        let user = decode(server.username()?);
        Some(match server.password() {
            Some(password) => Credentials::Password {
                user,
                password: Secret::new(decode(password)),
            },
            None => Credentials::Token(Secret::new(user)),
        })
    })
}

/// A file that cannot be read is told by name here; later it would be one of many reasons not to connect.
async fn check_readable(path: &Path) -> Result<(), ConnectError> {
    let owned = path.to_owned();
    let opened = tokio::task::spawn_blocking(move || std::fs::File::open(owned).map(drop));
    match opened.await {
        Ok(Err(source)) => Err(ConnectError::TlsFile {
            path: path.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}

async fn authenticate(
    connect: ConnectOptions,
    credentials: &Credentials,
) -> Result<ConnectOptions, ConnectError> {
    Ok(match credentials {
        Credentials::Anonymous => connect,
        Credentials::Password { user, password } => {
            connect.user_and_password(user.clone(), password.reveal().to_owned())
        }
        Credentials::Token(token) => connect.token(token.reveal().to_owned()),
        Credentials::Nkey(seed) => connect.nkey(parse_seed(seed)?.1),
        Credentials::Jwt { jwt, seed } => {
            let (key, _) = parse_seed(seed)?;
            let key = Arc::new(key);
            connect.jwt(jwt.clone(), move |nonce| {
                let key = Arc::clone(&key);
                async move { key.sign(&nonce).map_err(async_nats::AuthError::new) }
            })
        }
        Credentials::File(path) => {
            connect
                .credentials_file(path)
                .await
                .map_err(|source| ConnectError::Credentials {
                    path: path.clone(),
                    source,
                })?
        }
    })
}

/// The key of a user's seed, and the seed.
fn parse_seed(seed: &Secret) -> Result<(KeyPair, String), ConnectError> {
    let seed = seed.reveal().trim();
    match KeyPair::from_seed(seed) {
        Ok(key) if key.key_pair_type() == KeyPairType::User => Ok((key, seed.to_owned())),
        _ => Err(ConnectError::Seed),
    }
}

fn parse_urls(urls: &[String]) -> Result<Vec<ServerAddr>, ConnectError> {
    if urls.is_empty() {
        return Err(ConnectError::NoUrl);
    }
    urls.iter()
        .map(|url| {
            url.parse().map_err(|source: io::Error| ConnectError::Url {
                // A text that is no URL may still hold a password before its `@`.
                url: url.rsplit('@').next().unwrap_or_default().to_owned(),
                source: source.into(),
            })
        })
        .collect()
}

/// The address without user and password.
fn render_server(server: &ServerAddr) -> String {
    format!("{}://{}:{}", server.scheme(), server.host(), server.port())
}

/// The pause before attempt number `attempts`: doubles from 20 ms up to a maximum, plus up to a quarter, chosen by
/// `random`, so that the members of a lattice do not all come back at once.
fn reconnect_delay(attempts: usize, random: u128) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1))
        .unwrap_or(u32::MAX)
        .min(16);
    let delay = Duration::from_millis(10 << doublings).min(RECONNECT_DELAY_MAX);
    let quarter = u64::try_from(delay.as_millis() / 4).unwrap_or(u64::MAX);
    let jitter = u64::try_from(random % u128::from(quarter + 1)).unwrap_or_default();
    delay + Duration::from_millis(jitter)
}

/// Writes down and logs what the client says of its connection, which has a name among those of a process.
fn record(sender: &watch::Sender<Connection>, connection: &str, event: &Event) {
    match event {
        Event::Connected => {
            let mut is_new = false;
            sender.send_if_modified(|connection| {
                // The client also tells of the first connection, which is counted from the start.
                is_new = connection.state != ConnectionState::Connected;
                if is_new {
                    connection.state = ConnectionState::Connected;
                    connection.connects += 1;
                }
                is_new
            });
            if is_new {
                info!(connection, "NATS is reachable again");
            }
        }
        Event::Disconnected => {
            sender.send_modify(|connection| connection.state = ConnectionState::Disconnected);
            warn!(connection, "NATS is unreachable, trying again");
        }
        Event::Closed => {
            sender.send_modify(|connection| connection.state = ConnectionState::Closed);
        }
        Event::SlowConsumer(_) => {
            let mut dropped = 0;
            sender.send_modify(|connection| {
                connection.slow_consumers += 1;
                dropped = connection.slow_consumers;
            });
            // A flood of messages does not become a flood of records.
            if dropped.is_power_of_two() {
                warn!(
                    connection,
                    dropped, "A subscription was not read fast enough, messages were dropped"
                );
            }
        }
        Event::LameDuckMode | Event::Draining => {
            info!(connection, event = %event, "NATS server is about to stop")
        }
        Event::ServerError(error) => {
            warn!(connection, { field::ERROR } = %error, "NATS server reports an error")
        }
        Event::ClientError(error) => {
            // An attempt to reach NATS again fails as often as it is made; that it is unreachable was said.
            if sender.borrow().state == ConnectionState::Disconnected {
                debug!(connection, { field::ERROR } = %error, "NATS is still unreachable");
            } else {
                warn!(connection, { field::ERROR } = %error, "NATS client reports an error");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_bound() {
        assert_eq!(reconnect_delay(1, 0), Duration::from_millis(10));
        assert_eq!(reconnect_delay(4, 0), Duration::from_millis(80));
        for random in [0, 7, u128::MAX] {
            let delay = reconnect_delay(usize::MAX, random);
            assert!(delay >= RECONNECT_DELAY_MAX && delay <= RECONNECT_DELAY_MAX * 5 / 4);
        }
    }

    #[test]
    fn a_password_in_a_url_is_not_told() {
        let error = parse_urls(&["nats://u:p4ss@[bad".to_owned()]).unwrap_err();
        assert!(!error.to_string().contains("p4ss"), "{error}");
        let servers = parse_urls(&["nats://u:p4ss@example.org".to_owned()]).unwrap();
        assert_eq!(render_server(&servers[0]), "nats://example.org:4222");
        assert!(matches!(parse_urls(&[]), Err(ConnectError::NoUrl)));
    }

    #[test]
    fn a_url_says_who_somebody_is() {
        let found = |urls: &[&str]| {
            let urls: Vec<_> = urls.iter().map(|&url| url.to_owned()).collect();
            credentials_in(&parse_urls(&urls).unwrap())
        };
        assert!(found(&["nats://a:4222", "b"]).is_none());
        match found(&["nats://a", "nats://ada:p%40ss@b:4222"]) {
            Some(Credentials::Password { user, password }) => {
                assert_eq!((user.as_str(), password.reveal()), ("ada", "p@ss"));
            }
            other => panic!("{other:?}"),
        }
        match found(&["nats://t0k@a"]) {
            Some(Credentials::Token(token)) => assert_eq!(token.reveal(), "t0k"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn loss_and_return_are_recorded() {
        let (sender, receiver) = watch::channel(Connection {
            state: ConnectionState::Connected,
            connects: 1,
            slow_consumers: 0,
        });
        record(&sender, "test", &Event::Connected);
        assert_eq!(receiver.borrow().connects, 1);
        record(&sender, "test", &Event::Disconnected);
        assert_eq!(receiver.borrow().state, ConnectionState::Disconnected);
        record(&sender, "test", &Event::Connected);
        record(&sender, "test", &Event::SlowConsumer(3));
        let connection = receiver.borrow().clone();
        assert_eq!(connection.state, ConnectionState::Connected);
        assert_eq!((connection.connects, connection.slow_consumers), (2, 1));
    }
}
