//! A component that stands for a broker: what is published is handed on to a handler, and every request is answered.

use bindings::exports::wasmcloud::messaging::consumer::Guest;
use bindings::wasmcloud::messaging::handler;
use bindings::wasmcloud::messaging::types::BrokerMessage;

mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit/messaging"],
        inline: "
            package test:broker;

            world broker {
                import wasmcloud:messaging/handler@0.2.0;
                export wasmcloud:messaging/consumer@0.2.0;
            }
        ",
        world: "test:broker/broker",
        generate_all,
    });
}

bindings::export!(Broker with_types_in bindings);

struct Broker;

impl Guest for Broker {
    fn request(subject: String, body: Vec<u8>, _timeout_ms: u32) -> Result<BrokerMessage, String> {
        if subject == "nobody" {
            return Err("nobody answers".to_owned());
        }
        Ok(BrokerMessage {
            subject,
            body: [b"asked:", body.as_slice()].concat(),
            reply_to: None,
        })
    }

    fn publish(message: BrokerMessage) -> Result<(), String> {
        handler::handle_message(&message)
    }
}
