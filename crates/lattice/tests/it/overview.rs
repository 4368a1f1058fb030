use bytes::Bytes;
use weft_lattice::StreamKind;
use weft_lattice::protocol::state::lattice_bucket;

use crate::bucket::open;
use crate::server::Server;

#[tokio::test]
async fn a_server_tells_what_it_is_and_keeps() {
    let Some(server) = Server::start().await else {
        return;
    };
    let lattice = server.connect().await;
    let bucket = open(&lattice).await;
    for value in ["1", "2", "3"] {
        bucket.put("a", Bytes::from(value)).await.unwrap();
    }
    let info = lattice.server().await.unwrap();
    assert!(info.has_jetstream && !info.is_auth_required, "{info:?}");
    assert!(info.version.starts_with("2."), "{info:?}");
    let storage = lattice.storage().await.unwrap().unwrap();
    let name = format!("KV_{}", lattice_bucket(lattice.name()));
    let found = storage
        .streams
        .iter()
        .find(|stream| stream.name == name)
        .unwrap();
    assert_eq!(found.kind, StreamKind::Bucket);
    assert_eq!((found.messages, found.last_sequence), (1, 3));
    assert!(storage.file_bytes >= found.bytes && found.bytes > 0);
}

#[tokio::test]
async fn a_server_without_jetstream_keeps_nothing() {
    let Some(server) = Server::start_own(|_| Vec::new()).await else {
        return;
    };
    let lattice = server.connect().await;
    assert!(!lattice.server().await.unwrap().has_jetstream);
    assert_eq!(lattice.storage().await.unwrap(), None);
}
