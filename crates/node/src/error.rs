//! Why a node does not start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use weft_lattice::ConnectError;
use weft_model::problem::Coded;

use crate::run_file::RunFileError;

/// Why a node does not start. Nothing is left running.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The data directory, or something in it, cannot be used.
    #[error("cannot use `{path}`", path = path.display())]
    DataDir {
        /// The path in question.
        path: PathBuf,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// Another process uses the data directory.
    #[error("the data directory `{path}` is in use{by}", path = path.display(), by = by(*.pid))]
    DataDirInUse {
        /// The directory.
        path: PathBuf,
        /// The process, where it is known.
        pid: Option<u32>,
    },
    /// The data directory belongs to somebody else, or others may write to it.
    #[error("the data directory `{path}` is not private: it belongs to or can be written by somebody else", path = path.display())]
    DataDirForeign {
        /// The directory.
        path: PathBuf,
    },
    /// The key of the host is damaged.
    #[error("the host's key in `{path}` is damaged", path = path.display())]
    HostKey {
        /// The file.
        path: PathBuf,
    },
    /// The seed that is to make the host's id is none. It is not told: it may be one of another kind.
    #[error("the seed that was given is not that of a host's key")]
    HostSeed,
    /// The pages about this process cannot be served.
    #[error("cannot serve `/livez` and `/readyz` at {address}")]
    AdminAddress {
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// The address of the embedded broker is in use.
    #[error("{address} is in use: {occupant} answers there")]
    BrokerAddress {
        /// The address.
        address: SocketAddr,
        /// Who answers there, for people.
        occupant: String,
    },
    /// HTTP cannot be served at the address that links without one share.
    #[error("cannot serve HTTP at {address}")]
    HttpAddress {
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        #[source]
        source: io::Error,
    },
    /// The embedded broker does not start for another reason.
    #[error("cannot start the embedded broker")]
    Broker(#[source] weft_broker::Error),
    /// There is no key for this node's own connections to the embedded broker.
    #[error("cannot make a key for the connections of this process to the embedded broker")]
    OwnKey,
    /// The lattice cannot be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The host does not start.
    #[error("cannot start the host")]
    Host(#[from] weft_host::StartError),
    /// The manager does not start.
    #[error("cannot start the manager")]
    Manager(#[from] weft_manager::StartError),
    /// Other processes cannot be told of this one.
    #[error(transparent)]
    RunFile(#[from] RunFileError),
}

fn by(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" by process {pid}"))
        .unwrap_or_default()
}

impl Coded for StartError {
    fn code(&self) -> &'static str {
        match self {
            Self::DataDir { .. } => "DAT001",
            Self::DataDirInUse { .. } => "DAT002",
            Self::DataDirForeign { .. } => "DAT003",
            Self::HostKey { .. } | Self::HostSeed => "DAT004",
            Self::AdminAddress { .. } => "NOD003",
            Self::RunFile(error) => error.code(),
            Self::BrokerAddress { .. } => "BRK001",
            Self::HttpAddress { .. } => "HTP001",
            Self::Broker(_) | Self::OwnKey => "BRK002",
            Self::Connect(error) => error.code(),
            Self::Host(_) => "NOD001",
            Self::Manager(_) => "NOD002",
        }
    }

    fn subject(&self) -> String {
        match self {
            Self::DataDir { path, .. }
            | Self::DataDirInUse { path, .. }
            | Self::DataDirForeign { path }
            | Self::HostKey { path } => path.display().to_string(),
            Self::BrokerAddress { address, .. }
            | Self::AdminAddress { address, .. }
            | Self::HttpAddress { address, .. } => address.to_string(),
            Self::HostSeed => "host".to_owned(),
            Self::Connect(error) => error.subject(),
            Self::RunFile(error) => error.subject(),
            Self::Broker(error) => broker_subject(error),
            Self::OwnKey => "broker".to_owned(),
            Self::Host(_) => "host".to_owned(),
            Self::Manager(_) => "manager".to_owned(),
        }
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::DataDir { .. } => vec!["name another directory with `--data-dir`".to_owned()],
            Self::DataDirInUse { path, .. } => vec![
                format!("stop it with `weft down --data-dir {}`", path.display()),
                "or name another directory with `--data-dir`".to_owned(),
            ],
            Self::DataDirForeign { path } => vec![
                format!("make it private: `chmod 700 {}`", path.display()),
                "or name another directory with `--data-dir`".to_owned(),
            ],
            Self::HostKey { path } => vec![format!(
                "remove `{}`: the host gets a new id",
                path.display()
            )],
            Self::HostSeed => vec![
                "give the seed of a server's nkey, which begins with `SN`, or none to keep the id of the data directory"
                    .to_owned(),
            ],
            Self::AdminAddress { .. } => {
                vec!["serve them elsewhere with `--http-admin`, or leave it out".to_owned()]
            }
            Self::BrokerAddress { address, .. } => vec![
                format!("join it with `weft up --nats-url nats://{address}`"),
                "or listen elsewhere: `weft up --listen 127.0.0.1:0`".to_owned(),
            ],
            Self::HttpAddress { address, source } => {
                let elsewhere =
                    "serve it elsewhere: `weft up --http 127.0.0.1:0` takes a free port".to_owned();
                let who = match source.kind() {
                    io::ErrorKind::AddrInUse => format!(
                        "see who has the port: `ss -ltnp 'sport = :{}'`",
                        address.port()
                    ),
                    io::ErrorKind::PermissionDenied => "use a port of 1024 or above".to_owned(),
                    _ => "check that the address belongs to this machine".to_owned(),
                };
                vec![elsewhere, who]
            }
            Self::Connect(error) => error.hints(),
            Self::RunFile(error) => error.hints(),
            Self::Broker(error) => broker_hints(error),
            Self::OwnKey | Self::Host(_) | Self::Manager(_) => Vec::new(),
        }
    }
}

/// What an error of the broker is about.
fn broker_subject(error: &weft_broker::Error) -> String {
    match error {
        weft_broker::Error::Unauthenticated { address }
        | weft_broker::Error::Tls { address, .. }
        | weft_broker::Error::AddressInUse { address }
        | weft_broker::Error::Listen { address, .. } => address.to_string(),
        weft_broker::Error::DataDir { path, .. }
        | weft_broker::Error::StoreLocked { path }
        | weft_broker::Error::StoreVersion { path } => path.display().to_string(),
        _ => "broker".to_owned(),
    }
}

/// What to do about an error of the broker.
fn broker_hints(error: &weft_broker::Error) -> Vec<String> {
    let hints: &[&str] = match error {
        weft_broker::Error::Unauthenticated { .. } => &[
            "ask clients for credentials with `--auth`, or for certificates with `--tls-client-ca`",
            "or let everybody in with `--allow-unauthenticated`, where the network keeps strangers out",
        ],
        weft_broker::Error::Listen { source, .. }
            if source.kind() == io::ErrorKind::PermissionDenied =>
        {
            &["use a port of 1024 or above"]
        }
        weft_broker::Error::AddressInUse { .. } => {
            &["serve the pages for those who watch elsewhere: `--monitor 127.0.0.1:0`"]
        }
        weft_broker::Error::Listen { .. } => &["check that the address belongs to this machine"],
        weft_broker::Error::Auth(_) => {
            &["see that the files in the directory `auth` of the data directory belong to you"]
        }
        weft_broker::Error::Tls { .. } => {
            &["name files in PEM that fit together with `--tls-cert` and `--tls-key`"]
        }
        _ => &[],
    };
    hints.iter().map(|&hint| hint.to_owned()).collect()
}
