//! Calls functions with streams and futures across a link, one path each; `/both?N` counts N bytes in both directions at once.

use bindings::test::flows::calls::{self, Parcel};
use bindings::{wit_future, wit_stream};
use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Fields, Request, Response};
use wasip3::spawn_local;
use wit_bindgen::{FutureReader, StreamReader, StreamResult, StreamWriter};

mod bindings {
    wit_bindgen::generate!({ path: "../wit/flows.wit", world: "caller" });
}

wasip3::http::service::export!(Caller);

/// What is read and written at once.
const PART: usize = 16 << 10;

struct Caller;

impl Guest for Caller {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let target = request.get_path_with_query().unwrap_or_default();
        let (path, number) = target.split_once('?').unwrap_or((&target, "0"));
        let bytes: u64 = number.parse().unwrap_or_default();
        let text = match path {
            "/echo-body" => {
                let (_, transmitted) = wasip3::wit_future::new(|| Ok(()));
                let (body, _trailers) = Request::consume_body(request, transmitted);
                return Ok(respond(calls::echo(body).await));
            }
            "/produce" => return Ok(respond(calls::produce(bytes).await)),
            "/breaks" => return Ok(respond(calls::breaks().await)),
            "/count" => calls::count(zeros(bytes)).await.to_string(),
            "/taste" => taste(bytes).await,
            "/both" => {
                let mut back = calls::echo(zeros(bytes)).await;
                count(&mut back).await.to_string()
            }
            // One that reads a little and drops the rest.
            "/sip" => {
                let mut stream = calls::produce(bytes).await;
                let (_, some) = stream.read(Vec::with_capacity(10)).await;
                some.len().to_string()
            }
            "/doubles" => doubles().await,
            "/capitals" => {
                let words = [
                    "a".to_owned(),
                    "bc".repeat(3),
                    String::new(),
                    "é".to_owned(),
                ];
                let words = calls::capitals(of(words.to_vec())).await;
                format!("{:?}", words.collect().await)
            }
            "/reverse" => {
                let lists = calls::reverse(of(vec![vec![1, 2, 3], vec![], vec![9]])).await;
                format!("{:?}", lists.collect().await)
            }
            "/others" => others().await,
            "/greet" => calls::greet(later("you")).await.await,
            "/forward" => forward(false).await,
            "/refuse" => forward(true).await,
            _ => "no such path".to_owned(),
        };
        Ok(respond(of(text.into_bytes())))
    }
}

async fn taste(bytes: u64) -> String {
    let (mut writer, reader) = wit_stream::new();
    // Far more than is read; it ends when nobody reads it.
    let write = async { while writer.write_all(vec![0; PART]).await.is_empty() {} };
    let (tasted, ()) = futures::join!(calls::taste(reader, bytes), write);
    format!("{}", tasted >= bytes)
}

async fn doubles() -> String {
    let (a, b, c) = calls::doubles(
        of(vec![1, 300, 32_767]),
        of(vec![-1, 1 << 40, i64::MIN / 2]),
        of(vec![0.5, -1e300]),
    )
    .await;
    let (a, b, c) = futures::join!(a.collect(), b.collect(), c.collect());
    format!("{a:?} {b:?} {c:?}")
}

async fn others() -> String {
    let (a, b, c) = calls::others(
        of(vec![true, false]),
        of(vec![1, -100]),
        of(vec![1.5, -0.25]),
    )
    .await;
    let (a, b, c) = futures::join!(a.collect(), b.collect(), c.collect());
    format!("{a:?} {b:?} {c:?}")
}

async fn forward(fail: bool) -> String {
    let parcel = Parcel {
        name: "p".to_owned(),
        body: Some(of(b"body".to_vec())),
        receipt: later("r"),
    };
    match calls::forward(parcel, fail).await {
        Ok(parcel) => {
            let body = match parcel.body {
                Some(body) => body.collect().await,
                None => Vec::new(),
            };
            let body = String::from_utf8(body).unwrap_or_default();
            format!("{} {body} {}", parcel.name, parcel.receipt.await)
        }
        Err(error) => error,
    }
}

async fn count(from: &mut StreamReader<u8>) -> u64 {
    let mut count = 0;
    loop {
        let (result, items) = from.read(Vec::with_capacity(PART)).await;
        count += items.len() as u64;
        if items.is_empty() && result == StreamResult::Dropped {
            return count;
        }
    }
}

/// A stream of zeros.
fn zeros(bytes: u64) -> StreamReader<u8> {
    let (mut writer, reader) = wit_stream::new();
    spawn_local(async move {
        let mut left = bytes;
        while left > 0 {
            let part = usize::try_from(left).unwrap_or(PART).min(PART);
            if !writer.write_all(vec![0; part]).await.is_empty() {
                return;
            }
            left -= part as u64;
        }
    });
    reader
}

/// A stream of these items.
fn of<T: bindings::wit_stream::StreamPayload>(items: Vec<T>) -> StreamReader<T> {
    let (writer, reader) = wit_stream::new();
    spawn_local(write(writer, items));
    reader
}

async fn write<T: 'static>(mut writer: StreamWriter<T>, items: Vec<T>) {
    writer.write_all(items).await;
}

/// A future of a text that is there only after the call has begun.
fn later(text: &'static str) -> FutureReader<String> {
    let (writer, reader) = wit_future::new(String::new);
    spawn_local(async move {
        let _ = writer.write(text.to_owned()).await;
    });
    reader
}

fn respond(contents: StreamReader<u8>) -> Response {
    let (_, ended) = wasip3::wit_future::new(|| Ok(None));
    let (response, _sent) = Response::new(Fields::new(), Some(contents), ended);
    response
}
