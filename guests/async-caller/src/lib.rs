//! Calls plain and async functions across a link, one path each; `/both` has two calls under way at once.

use bindings::test::pending::calls::{self, Order};
use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Fields, Request, Response};
use wasip3::{spawn_local, wit_future, wit_stream};

mod bindings {
    wit_bindgen::generate!({ path: "../wit/pending.wit", world: "caller" });
}

wasip3::http::service::export!(Caller);

/// Longer than any test lasts.
const SLOW_MS: u32 = 600_000;

struct Caller;

impl Guest for Caller {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let target = request.get_path_with_query().unwrap_or_default();
        let text = match target.as_str() {
            "/later" => format!("{:?}", calls::later(order("ab", 2), 20).await),
            "/fails" => format!("{:?}", calls::later(order("ab", 0), 0).await),
            "/sum" => calls::sum(vec![1, 2, 1 << 40]).await.to_string(),
            "/slow" => format!("{:?}", calls::later(order("late", 1), SLOW_MS).await),
            "/now" => calls::now(&order("xy", 3)),
            "/both" => {
                let (slow, quick) = (
                    calls::later(order("slow", 1), 200),
                    calls::later(order("quick", 1), 20),
                );
                let (slow, quick) = futures::join!(slow, quick);
                format!("{slow:?} {quick:?}")
            }
            _ => "try /later /fails /sum /slow /now /both".to_owned(),
        };
        Ok(respond(text.into_bytes()))
    }
}

fn order(text: &str, times: u32) -> Order {
    Order {
        text: text.to_owned(),
        times,
        note: Some("no times".to_owned()),
    }
}

fn respond(bytes: Vec<u8>) -> Response {
    let (mut body, contents) = wit_stream::new();
    let (_, ended) = wit_future::new(|| Ok(None));
    let (response, _sent) = Response::new(Fields::new(), Some(contents), ended);
    spawn_local(async move {
        // A client that went away is no concern of a guest.
        let _unsent = body.write_all(bytes).await;
    });
    response
}
