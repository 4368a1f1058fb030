//! One address that is listened on.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::routing::Routes;

/// Connections that the kernel holds for a socket until they are accepted.
pub(super) const BACKLOG: i32 = 1024;

/// What connections of one address share.
pub(super) struct Listener {
    /// The address with its real port.
    pub(super) bound: SocketAddr,
    pub(super) routes: ArcSwap<Routes>,
}

/// An address that is listened on until this is dropped. Connections that are open then go on.
pub(super) struct Listening {
    pub(super) listener: Arc<Listener>,
    /// Those who accept end when this is gone.
    _accepting: watch::Sender<()>,
}

// ===== impl Listener =====

impl Listener {
    pub(super) fn new(bound: SocketAddr) -> Self {
        Self {
            bound,
            routes: ArcSwap::default(),
        }
    }
}

// ===== impl Listening =====

impl Listening {
    pub(super) fn new(listener: Arc<Listener>, accepting: watch::Sender<()>) -> Self {
        Self {
            listener,
            _accepting: accepting,
        }
    }
}

/// Binds `address` once for each of `count` threads. Where the system cannot share a port among sockets, the threads
/// share one socket.
pub(super) fn bind(address: SocketAddr, count: usize) -> io::Result<Vec<TcpListener>> {
    // A socket of its own first: sockets that share a port would share it with those of another process too.
    let probe = TcpListener::bind(address)?;
    let bound = probe.local_addr()?;
    #[cfg(target_os = "linux")]
    {
        drop(probe);
        (0..count)
            .map(|_| super::reuse_port_linux::bind(bound))
            .collect()
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = bound;
        probe.set_nonblocking(true)?;
        (0..count).map(|_| probe.try_clone()).collect()
    }
}
