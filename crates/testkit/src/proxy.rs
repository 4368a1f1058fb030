//! A network that fails: what goes between a client and its server can be held up, or cut.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::site::free_address;

/// Bytes that are passed on at once.
const PIECE_BYTES: usize = 64 << 10;

/// Passes connections on to a server. They break when this is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    state: watch::Sender<State>,
    since: Instant,
    _tasks: JoinSet<()>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Open,
    /// Nothing passes, and nobody is told: as where a cable is pulled.
    Held,
    /// Connections are broken, and new ones are not taken.
    Cut,
}

// ===== impl Proxy =====

impl Proxy {
    /// Begins to pass connections on to `server`.
    pub async fn start(server: SocketAddr) -> Self {
        let address = free_address();
        let listener = TcpListener::bind(address).await.unwrap();
        let state = watch::Sender::new(State::Open);
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, server, state.subscribe()));
        Self {
            address,
            state,
            since: Instant::now(),
            _tasks: tasks,
        }
    }

    /// Where it takes connections.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Lets nothing pass any more, in silence.
    pub fn hold(&mut self) {
        self.set(State::Held);
    }

    /// Breaks all connections, and takes no new ones.
    pub fn cut(&mut self) {
        self.set(State::Cut);
    }

    /// Lets everything pass, and first what was held.
    pub fn heal(&mut self) {
        self.set(State::Open);
    }

    /// Waits until it has been as it is for so long.
    pub async fn lasts(&self, duration: Duration) {
        sleep_until(self.since + duration).await;
    }

    fn set(&mut self, state: State) {
        self.state.send_replace(state);
        self.since = Instant::now();
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, mut state: watch::Receiver<State>) {
    let mut connections = JoinSet::new();
    loop {
        let taken = tokio::select! {
            taken = listener.accept() => taken,
            Some(_) = connections.join_next() => continue,
        };
        let (client, _) = taken.unwrap();
        if *state.borrow() != State::Cut
            && let Ok(server) = TcpStream::connect(server).await
        {
            connections.spawn(pass(client, server, state.clone()));
        }
        state.mark_unchanged();
    }
}

/// Passes both directions of a connection on until one ends, or all are cut.
async fn pass(client: TcpStream, server: TcpStream, mut state: watch::Receiver<State>) {
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let there = pump(from_client, to_server, state.clone());
    let back = pump(from_server, to_client, state.clone());
    tokio::select! {
        () = there => {}
        () = back => {}
        _ = state.wait_for(|state| *state == State::Cut) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut state: watch::Receiver<State>) {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let Ok(length) = from.read(&mut piece).await else {
            return;
        };
        // An end of the connection does not pass either.
        if state.wait_for(|state| *state == State::Open).await.is_err() || length == 0 {
            return;
        }
        if to.write_all(&piece[..length]).await.is_err() {
            return;
        }
    }
}
