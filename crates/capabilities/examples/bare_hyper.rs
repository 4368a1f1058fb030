//! What HTTP costs without components: hyper on the threads and sockets that the HTTP server of Weft has, answering
//! every request at once. `cargo xtask bench http` takes it as the measure.
//!
//! `bare_hyper ADDRESS` serves until it is killed.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::thread;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::runtime;
use tokio::task::LocalSet;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BODY: &[u8] = b"hello";
const BACKLOG: i32 = 1024;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let address: SocketAddr = std::env::args()
        .nth(1)
        .ok_or("usage: bare_hyper ADDRESS")?
        .parse()?;
    let threads = thread::available_parallelism()?.get();
    let servers: Vec<_> = (0..threads)
        .map(|_| {
            let socket = bind(address)?;
            Ok(thread::spawn(move || serve(socket)))
        })
        .collect::<std::io::Result<_>>()?;
    for server in servers {
        server.join().map_err(|_| "a thread panicked")??;
    }
    Ok(())
}

fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    #[cfg(target_os = "linux")]
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn serve(socket: TcpListener) -> Result<(), Failure> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, async move {
        let socket = tokio::net::TcpListener::from_std(socket)?;
        loop {
            let (stream, _) = socket.accept().await?;
            stream.set_nodelay(true)?;
            tokio::task::spawn_local(async move {
                let service = service_fn(|_| async {
                    let mut answer = hyper::Response::new(Full::new(Bytes::from_static(BODY)));
                    let text = HeaderValue::from_static("text/plain");
                    answer.headers_mut().insert(CONTENT_TYPE, text);
                    Ok::<_, Infallible>(answer)
                });
                // A client that went away is no news.
                let _ = http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    })
}
