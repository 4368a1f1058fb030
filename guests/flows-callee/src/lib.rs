//! Reads and gives streams and futures of every kind that passes between components.

use bindings::exports::test::flows::calls::{Guest, Parcel};
use bindings::{wit_future, wit_stream};
use wasip3::spawn_local;
use wit_bindgen::{FutureReader, StreamReader, StreamResult, StreamWriter};

mod bindings {
    wit_bindgen::generate!({ path: "../wit/flows.wit", world: "callee" });

    export!(Callee);
    use super::Callee;
}

/// What is read and written at once.
const PART: usize = 16 << 10;

struct Callee;

/// The next elements, or none at the end.
async fn read<T: 'static>(from: &mut StreamReader<T>) -> Vec<T> {
    loop {
        let (result, items) = from.read(Vec::with_capacity(PART)).await;
        if !items.is_empty() || result == StreamResult::Dropped {
            return items;
        }
    }
}

/// Passes on what comes, changed.
async fn pass<T: 'static>(
    mut from: StreamReader<T>,
    mut to: StreamWriter<T>,
    change: impl Fn(T) -> T,
) {
    loop {
        let items = read(&mut from).await;
        if items.is_empty() {
            return;
        }
        let changed = items.into_iter().map(&change).collect();
        if !to.write_all(changed).await.is_empty() {
            return;
        }
    }
}

impl Guest for Callee {
    async fn echo(data: StreamReader<u8>) -> StreamReader<u8> {
        let (writer, reader) = wit_stream::new();
        spawn_local(pass(data, writer, |byte| byte));
        reader
    }

    async fn count(mut data: StreamReader<u8>) -> u64 {
        let mut count = 0;
        loop {
            let items = read(&mut data).await;
            if items.is_empty() {
                return count;
            }
            count += items.len() as u64;
        }
    }

    async fn taste(mut data: StreamReader<u8>, bytes: u64) -> u64 {
        let mut count = 0;
        while count < bytes {
            let items = read(&mut data).await;
            if items.is_empty() {
                break;
            }
            count += items.len() as u64;
        }
        count
    }

    async fn produce(bytes: u64) -> StreamReader<u8> {
        let (mut writer, reader) = wit_stream::new();
        spawn_local(async move {
            let mut left = bytes;
            while left > 0 {
                let part = usize::try_from(left).unwrap_or(PART).min(PART);
                if !writer.write_all(vec![b'x'; part]).await.is_empty() {
                    return;
                }
                left -= part as u64;
            }
        });
        reader
    }

    async fn breaks() -> StreamReader<u8> {
        let (mut writer, reader) = wit_stream::new();
        spawn_local(async move {
            writer.write_all(b"some".to_vec()).await;
            panic!("as it is to");
        });
        reader
    }

    async fn doubles(
        a: StreamReader<u16>,
        b: StreamReader<i64>,
        c: StreamReader<f64>,
    ) -> (StreamReader<u16>, StreamReader<i64>, StreamReader<f64>) {
        let (of_a, a_doubled) = wit_stream::new();
        let (of_b, b_doubled) = wit_stream::new();
        let (of_c, c_doubled) = wit_stream::new();
        spawn_local(pass(a, of_a, |item| item * 2));
        spawn_local(pass(b, of_b, |item| item * 2));
        spawn_local(pass(c, of_c, |item| item * 2.0));
        (a_doubled, b_doubled, c_doubled)
    }

    async fn capitals(words: StreamReader<String>) -> StreamReader<String> {
        let (writer, reader) = wit_stream::new();
        spawn_local(pass(words, writer, |word| word.to_uppercase()));
        reader
    }

    async fn reverse(lists: StreamReader<Vec<u8>>) -> StreamReader<Vec<u8>> {
        let (writer, reader) = wit_stream::new();
        spawn_local(pass(lists, writer, |mut list| {
            list.reverse();
            list
        }));
        reader
    }

    async fn others(
        a: StreamReader<bool>,
        b: StreamReader<i8>,
        c: StreamReader<f32>,
    ) -> (StreamReader<bool>, StreamReader<i8>, StreamReader<f32>) {
        let (of_a, a_changed) = wit_stream::new();
        let (of_b, b_changed) = wit_stream::new();
        let (of_c, c_changed) = wit_stream::new();
        spawn_local(pass(a, of_a, |item: bool| !item));
        spawn_local(pass(b, of_b, |item: i8| -item));
        spawn_local(pass(c, of_c, |item: f32| -item));
        (a_changed, b_changed, c_changed)
    }

    async fn greet(name: FutureReader<String>) -> FutureReader<String> {
        let (writer, reader) = wit_future::new(String::new);
        spawn_local(async move {
            let name = name.await;
            // Nobody reads it, then.
            let _ = writer.write(format!("hello {name}")).await;
        });
        reader
    }

    async fn forward(parcel: Parcel, fail: bool) -> Result<Parcel, String> {
        let receipt = parcel.receipt.await;
        if fail {
            return Err(format!("no {receipt}"));
        }
        let body = parcel.body.map(|body| {
            let (writer, reader) = wit_stream::new();
            spawn_local(pass(body, writer, |byte: u8| byte.to_ascii_uppercase()));
            reader
        });
        let (writer, reader) = wit_future::new(String::new);
        spawn_local(async move {
            let _ = writer.write(format!("got {receipt}")).await;
        });
        Ok(Parcel {
            name: format!("{} again", parcel.name),
            body,
            receipt: reader,
        })
    }
}
