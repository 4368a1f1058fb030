//! Every key-value operation over HTTP, with its parameters in the query: `bucket` (else `default`), `key`, `value`,
//! `delta`, `cursor`, and for many keys at once `keys=a,b` and `pairs=a:1,b:2`. Answers with the result as Rust prints it;
//! values are shown as text.

use bindings::wasi::keyvalue::store::{self, Bucket, Error};
use bindings::wasi::keyvalue::{atomics, batch};
use face::{Request, answer};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

mod bindings {
    wit_bindgen::generate!({ path: "../../wit/keyvalue", world: "wasi:keyvalue/imports" });
}

wasip2::http::proxy::export!(User);

struct User;

impl Guest for User {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let request = Request::new(request);
        let text = match store::open(request.query("bucket").unwrap_or("default")) {
            Ok(bucket) => operate(&bucket, &request),
            Err(error) => Some(format!("open: {error:?}")),
        };
        match text {
            Some(text) => answer(out, 200, text),
            None => answer(out, 404, "no such operation"),
        }
    }
}

fn operate(bucket: &Bucket, request: &Request) -> Option<String> {
    let key = request.query("key").unwrap_or_default();
    let text = match request.path() {
        "/get" => format!("{:?}", bucket.get(key).map(|value| value.map(text_of))),
        "/set" => {
            let value = request.query("value").unwrap_or_default();
            format!("{:?}", bucket.set(key, value.as_bytes()))
        }
        "/set-size" => {
            let length = usize::try_from(request.number("bytes", 0)).unwrap_or(usize::MAX);
            format!("{:?}", bucket.set(key, &vec![b'x'; length]))
        }
        "/delete" => format!("{:?}", bucket.delete(key)),
        "/exists" => format!("{:?}", bucket.exists(key)),
        "/increment" => {
            let delta = request.number("delta", 1);
            format!("{:?}", atomics::increment(bucket, key, delta))
        }
        "/keys" => {
            let cursor = request
                .query("cursor")
                .and_then(|cursor| cursor.parse().ok());
            format!(
                "{:?}",
                bucket
                    .list_keys(cursor)
                    .map(|page| (page.keys, page.cursor))
            )
        }
        "/all-keys" => format!("{:?}", all_keys(bucket)),
        "/get-many" => {
            let values = batch::get_many(bucket, &list(request, "keys"));
            let values = values.map(|values| {
                let values = values.into_iter();
                values
                    .map(|pair| pair.map(|(key, value)| (key, text_of(value))))
                    .collect::<Vec<_>>()
            });
            format!("{values:?}")
        }
        "/set-many" => {
            let pairs: Vec<(String, Vec<u8>)> = list(request, "pairs")
                .iter()
                .filter_map(|pair| pair.split_once(':'))
                .map(|(key, value)| (key.to_owned(), value.as_bytes().to_vec()))
                .collect();
            format!("{:?}", batch::set_many(bucket, &pairs))
        }
        "/delete-many" => format!("{:?}", batch::delete_many(bucket, &list(request, "keys"))),
        _ => return None,
    };
    Some(text)
}

/// All keys in order, page after page.
fn all_keys(bucket: &Bucket) -> Result<Vec<String>, Error> {
    let mut keys = Vec::new();
    let mut cursor = None;
    loop {
        let page = bucket.list_keys(cursor)?;
        keys.extend(page.keys);
        cursor = page.cursor;
        if cursor.is_none() {
            keys.sort();
            return Ok(keys);
        }
    }
}

fn list(request: &Request, name: &str) -> Vec<String> {
    let text = request.query(name).unwrap_or_default();
    text.split(',')
        .filter(|item| !item.is_empty())
        .map(str::to_owned)
        .collect()
}

fn text_of(value: Vec<u8>) -> String {
    String::from_utf8_lossy(&value).into_owned()
}
