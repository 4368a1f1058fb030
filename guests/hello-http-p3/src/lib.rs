//! The same hello as `hello-http`, on WASI 0.3: `/echo` answers with the method and the target, `/echo-body` hands
//! the body and its trailers back while they arrive, `/trailers` ends its answer with a trailer.

use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Fields, Method, Request, Response};
use wasip3::{spawn_local, wit_future, wit_stream};

wasip3::http::service::export!(Hello);

struct Hello;

impl Guest for Hello {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let target = request
            .get_path_with_query()
            .unwrap_or_else(|| "/".to_owned());
        match target.split('?').next() {
            Some("/echo") => {
                let text = format!("{} {target}", method(&request));
                Ok(respond(text.into_bytes(), None))
            }
            Some("/echo-body") => {
                let (_, transmitted) = wit_future::new(|| Ok(()));
                let (body, trailers) = Request::consume_body(request, transmitted);
                let (response, _sent) = Response::new(Fields::new(), Some(body), trailers);
                Ok(response)
            }
            Some("/trailers") => {
                let trailer = ("x-checksum".to_owned(), b"5".to_vec());
                let trailers = Fields::from_list(&[trailer]).expect("the trailer is well-formed");
                Ok(respond(b"hello".to_vec(), Some(trailers)))
            }
            _ => Ok(respond(b"hello".to_vec(), None)),
        }
    }
}

fn respond(bytes: Vec<u8>, trailers: Option<Fields>) -> Response {
    let (mut body, contents) = wit_stream::new();
    let (end, ended) = wit_future::new(|| Ok(None));
    let (response, _sent) = Response::new(Fields::new(), Some(contents), ended);
    spawn_local(async move {
        // A client that went away is no concern of a guest.
        let _unsent = body.write_all(bytes).await;
        drop(body);
        let _ = end.write(Ok(trailers)).await;
    });
    response
}

fn method(request: &Request) -> String {
    match request.get_method() {
        Method::Get => "GET".to_owned(),
        Method::Head => "HEAD".to_owned(),
        Method::Post => "POST".to_owned(),
        Method::Put => "PUT".to_owned(),
        Method::Delete => "DELETE".to_owned(),
        Method::Connect => "CONNECT".to_owned(),
        Method::Options => "OPTIONS".to_owned(),
        Method::Trace => "TRACE".to_owned(),
        Method::Patch => "PATCH".to_owned(),
        Method::Other(name) => name,
    }
}
