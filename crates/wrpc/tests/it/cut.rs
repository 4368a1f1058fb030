//! Streams and futures of any type that can be carried, however their messages are cut.

use bytes::Bytes;
use futures::StreamExt as _;
use weft_wrpc::{Export, Incoming, ServeOptions, Signature, Type, Value};

use crate::call::prefix;
use crate::codec::{encode, numbers, value};
use crate::server::{Server, settled, within};

const INSTANCE: &str = "test:cut/flows@0.1.0";
/// How many random streams are sent.
const CASES: u64 = 300;

/// The types that elements may have.
fn elements() -> Vec<Type> {
    vec![
        Type::Bool,
        Type::U8,
        Type::U16,
        Type::U32,
        Type::U64,
        Type::S8,
        Type::S16,
        Type::S32,
        Type::S64,
        Type::F32,
        Type::F64,
        Type::Char,
        Type::String,
        Type::bytes(),
    ]
}

fn unsigned(mut number: u64, bytes: &mut Vec<u8>) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// A served stream and future of one type, and a caller of 1.9 that is a bare client.
struct Bench {
    client: async_nats::Client,
    exports: weft_wrpc::Exports,
    root: String,
    accepts: async_nats::Subscriber,
    name: String,
}

impl Bench {
    async fn new(server: &Server, ty: &Type, number: usize) -> Self {
        let signature = Signature::new(
            [Type::stream(ty.clone()), Type::future(ty.clone())],
            std::iter::empty(),
        );
        let name = format!("take{number}");
        let export = Export {
            instance: INSTANCE.to_owned(),
            name: name.clone(),
            signature: signature.unwrap().into(),
        };
        let endpoint = server.endpoint().await;
        let target = prefix();
        let exports = endpoint.serve(&target, vec![export], ServeOptions::default());
        let exports = exports.await.unwrap();
        settled(endpoint.nats()).await;
        let client = server.client().await;
        let root = client.new_inbox();
        let accepts = client.subscribe(root.clone()).await.unwrap();
        Self {
            client,
            exports,
            root,
            accepts,
            name,
        }
    }

    /// A call that was accepted, and the root of its callee.
    async fn begin(&mut self) -> (Incoming, String) {
        let subject = format!("{}.wrpc.0.0.1.{INSTANCE}.{}", prefix(), self.name);
        let request =
            self.client
                .publish_with_reply(subject, self.root.clone(), Bytes::from_static(&[0, 0]));
        request.await.unwrap();
        let call = within(self.exports.accept()).await.unwrap();
        let accept = within(self.accepts.next()).await.unwrap();
        (call, accept.reply.unwrap().to_string())
    }

    /// Sends bytes in pieces of random lengths, and the end.
    async fn send(&self, subject: String, bytes: &[u8], next: &mut impl FnMut() -> u64) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let length = (1 + next() % 7 * (next() % 11)) as usize;
            let (piece, after) = rest.split_at(length.min(rest.len()));
            let piece = Bytes::copy_from_slice(piece);
            self.client.publish(subject.clone(), piece).await.unwrap();
            rest = after;
        }
        self.client.publish(subject, Bytes::new()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_and_futures_survive_however_they_are_cut() {
    let Some(server) = Server::start().await else {
        return;
    };
    for (number, ty) in elements().iter().enumerate() {
        let mut bench = Bench::new(&server, ty, number).await;
        for seed in 0..CASES / 14 {
            let next = &mut numbers(seed * 31 + number as u64);
            let (mut bytes, mut sent) = (Vec::new(), Vec::new());
            for _ in 0..next() % 5 {
                let count = 1 + next() % 4;
                unsigned(count, &mut bytes);
                for _ in 0..count {
                    let encoded = encode(&value(ty, next), ty);
                    sent.extend_from_slice(&encoded);
                    bytes.extend_from_slice(&encoded);
                }
            }
            bytes.push(0);
            let last = encode(&value(ty, next), ty);
            let (mut call, peer) = bench.begin().await;
            bench.send(format!("{peer}.params.0"), &bytes, next).await;
            bench.send(format!("{peer}.params.1"), &last, next).await;
            let mut reader = call.params().await.unwrap();
            let stream = reader.at(0, |reader| reader.stream(ty)).unwrap();
            let future = reader.at(1, |reader| reader.future(ty)).unwrap();
            let (mut stream, mut future) = (stream, future);
            let mut came = Vec::new();
            while let Some(elements) = within(stream.next_elements(ty)).await.unwrap() {
                let mut reader = elements.bytes.reader();
                for _ in 0..elements.count {
                    let value = Value::decode(ty, &mut reader).unwrap();
                    came.extend_from_slice(&encode(&value, ty));
                }
                reader.finish().unwrap();
            }
            assert_eq!(came, sent, "{ty}, seed {seed}");
            let came = within(future.read_bytes(ty)).await.unwrap();
            let came = Value::decode(ty, &mut came.reader()).unwrap();
            assert_eq!(encode(&came, ty), last, "{ty}, seed {seed}");
            call.answer(&()).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rubbish_in_streams_is_an_error_or_elements_and_never_more() {
    let Some(server) = Server::start().await else {
        return;
    };
    for (number, ty) in elements().iter().enumerate() {
        let mut bench = Bench::new(&server, ty, number).await;
        for seed in 0..CASES / 14 {
            let next = &mut numbers(seed * 17 + number as u64);
            let length = next() % 60;
            let rubbish: Vec<u8> = (0..length)
                .map(|_| match next() % 3 {
                    0 => 0xff,
                    1 => (next() % 4) as u8,
                    _ => next() as u8,
                })
                .collect();
            let (mut call, peer) = bench.begin().await;
            bench.send(format!("{peer}.params.0"), &rubbish, next).await;
            bench.send(format!("{peer}.params.1"), &rubbish, next).await;
            let mut reader = call.params().await.unwrap();
            let mut stream = reader.at(0, |reader| reader.stream(ty)).unwrap();
            let mut future = reader.at(1, |reader| reader.future(ty)).unwrap();
            let mut count = 0;
            while let Ok(Some(elements)) = within(stream.next_elements(ty)).await {
                count += elements.count;
                let mut reader = elements.bytes.reader();
                // Their ends are found without a look at what texts and choices hold.
                while reader.remaining() > 0 && Value::decode(ty, &mut reader).is_ok() {}
            }
            assert!(
                count <= length,
                "{ty}, seed {seed}: {count} elements of {length} bytes"
            );
            // Whether it is one is decided without waiting for more than there is.
            let _ = within(future.read_bytes(ty)).await;
            call.answer(&()).await.unwrap();
        }
    }
}
