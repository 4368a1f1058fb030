//! Answers with its config: everything at `/`, one value at `/get?key=`, and the same through the interface's earlier
//! name under `/runtime`.

use bindings::wasi::config::{runtime, store};
use face::{Request, answer};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

mod bindings {
    wit_bindgen::generate!({ path: "../../wit/config", world: "wasi:config/imports" });
}

wasip2::http::proxy::export!(Configured);

struct Configured;

impl Guest for Configured {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let request = Request::new(request);
        let key = request.query("key").unwrap_or_default();
        let text = match request.path() {
            "/get" => format!("{:?}", store::get(key)),
            "/runtime" => render(runtime::get_all()),
            "/runtime/get" => format!("{:?}", runtime::get(key)),
            _ => render(store::get_all()),
        };
        answer(out, 200, text);
    }
}

/// One line for each key, in the order of the keys.
fn render<E: std::fmt::Debug>(values: Result<Vec<(String, String)>, E>) -> String {
    match values {
        Ok(mut values) => {
            values.sort();
            let lines: Vec<String> = values
                .iter()
                .map(|(key, value)| format!("{key}={value}\n"))
                .collect();
            lines.concat()
        }
        Err(error) => format!("{error:?}"),
    }
}
