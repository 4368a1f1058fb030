//! A way to the server that can be cut.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use weft_runtime::{TaskKind, Tasks};

/// Passes connections on to a server while it is open.
pub(crate) struct Proxy {
    pub(crate) url: String,
    is_open: Arc<watch::Sender<bool>>,
}

impl Proxy {
    /// A proxy to the server at `url`, open.
    pub(crate) async fn start(url: &str, tasks: &Tasks) -> Self {
        let target = url.rsplit('/').next().unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let is_open = Arc::new(watch::Sender::new(true));
        let (state, spawner) = (Arc::clone(&is_open), tasks.clone());
        tasks.spawn(TaskKind::Helper, "proxy", async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                if *state.borrow() {
                    let connection = pass(client, target.clone(), state.subscribe());
                    spawner.spawn(TaskKind::Helper, "proxy connection", connection);
                }
            }
        });
        Self {
            url: format!("nats://{address}"),
            is_open,
        }
    }

    /// Ends all connections and refuses new ones.
    pub(crate) fn cut(&self) {
        self.is_open.send_replace(false);
    }

    /// Lets connections through again.
    pub(crate) fn mend(&self) {
        self.is_open.send_replace(true);
    }
}

async fn pass(mut client: TcpStream, target: String, mut is_open: watch::Receiver<bool>) {
    let mut server = TcpStream::connect(&target).await.unwrap();
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
        _ = is_open.wait_for(|is_open| !is_open) => {}
    }
}
