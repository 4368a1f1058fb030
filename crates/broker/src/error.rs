//! Why a broker does not start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::auth::AuthError;
use crate::storage::OpenError;
use crate::tls::TlsError;

/// Why a broker does not start. Nothing is left behind: no socket, no thread, no lock.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The options name no address.
    #[error("no address to listen on")]
    NoAddress,
    /// A limit is out of its bounds.
    #[error("limit {name} is out of bounds")]
    Limit {
        /// The field of [`crate::Limits`].
        name: &'static str,
    },
    /// The address is reachable from other machines, and everybody may connect.
    #[error("{address} is reachable from other machines, and clients need no credentials")]
    Unauthenticated {
        /// The address that was asked for.
        address: SocketAddr,
    },
    /// Who may connect cannot be found out.
    #[error("cannot read who may connect")]
    Auth(#[from] AuthError),
    /// Connections to an address cannot be encrypted.
    #[error("cannot encrypt connections to {address}")]
    Tls {
        /// The address that was asked for.
        address: SocketAddr,
        /// Why not.
        source: Box<TlsError>,
    },
    /// Another program listens there.
    #[error("address {address} is in use")]
    AddressInUse {
        /// The address that was asked for.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The data directory cannot be created, read or written.
    #[error("data directory {} cannot be used", path.display())]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process has the store open.
    #[error("store in {} is in use by another process", path.display())]
    StoreLocked {
        /// The data directory.
        path: PathBuf,
    },
    /// The store was written by a version with another format.
    #[error("store in {} has a format that this version cannot read", path.display())]
    StoreVersion {
        /// The data directory.
        path: PathBuf,
    },
    /// A thread cannot be started.
    #[error("cannot start a thread for the streams")]
    Thread {
        /// What the system said.
        source: io::Error,
    },
}

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Directory { path, source } => Self::DataDir { path, source },
            OpenError::Locked { path } => Self::StoreLocked { path },
            OpenError::Version { path } => Self::StoreVersion { path },
        }
    }
}
