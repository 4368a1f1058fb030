//! Messages of `wasmcloud:messaging@0.3.0` over HTTP, with parameters in the query. Answers with results as Rust prints them.
//!
//! It is handed messages too: one is answered where an answer is wanted, one of a topic that ends in `fail` is refused.

use bindings::exports::wasmcloud::messaging::incoming_handler as messages;
use bindings::wasmcloud::messaging::producer;
use bindings::wasmcloud::messaging::request_reply::{self, RequestOptions};
use bindings::wasmcloud::messaging::types::{Client, Error, Message};
use face::{Request, answer};
use wasip2::exports::http::incoming_handler;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit/messaging-0.3.0"],
        inline: "
            package test:messenger;

            world messenger {
                import wasmcloud:messaging/types@0.3.0;
                import wasmcloud:messaging/producer@0.3.0;
                import wasmcloud:messaging/request-reply@0.3.0;
                export wasmcloud:messaging/incoming-handler@0.3.0;
            }
        ",
        world: "test:messenger/messenger",
        generate_all,
    });
}

wasip2::http::proxy::export!(Messenger);
bindings::export!(Messenger with_types_in bindings);

struct Messenger;

impl messages::Guest for Messenger {
    fn handle(message: Message) -> Result<(), Error> {
        let topic = message.topic().unwrap_or_default();
        if topic.ends_with("fail") {
            return Err(Error::Other("refused by the messenger".to_owned()));
        }
        let body = [topic.as_bytes(), b":", message.data().as_slice()].concat();
        request_reply::reply(&message, Message::new(&body))
    }
}

impl incoming_handler::Guest for Messenger {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let request = Request::new(request);
        answer(out, 200, format!("{:?}", operate(&request)));
    }
}

fn operate(request: &Request) -> Result<String, Error> {
    let client = Client::connect(request.query("client").unwrap_or_default())?;
    let topic = request.query("topic").unwrap_or("caps.out").to_owned();
    let message = Message::new(b"newer");
    message.set_content_type("text/plain");
    if request.query("metadata").is_some() {
        message.add_metadata("key", "value");
    }
    if request.path() == "/send" {
        producer::send(&client, &topic, message)?;
        return Ok("sent".to_owned());
    }
    let options = request.query("options").map(|_| RequestOptions::new());
    let answers = request_reply::request(&client, &topic, &message, options)?;
    let answers = answers.iter().map(Message::data);
    let answers = answers.map(|data| String::from_utf8_lossy(&data).into_owned());
    Ok(answers.collect::<Vec<_>>().join(","))
}
