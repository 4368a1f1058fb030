//! Imports an interface with a resource of its own, which calls between components cannot carry.

use bindings::acme::resources::things::Thing;
use face::answer;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package acme:resources@1.0.0;

            interface things {
                resource thing {
                    constructor(name: string);
                    name: func() -> string;
                }
            }

            world resourceful {
                import things;
            }
        ",
    });
}

wasip2::http::proxy::export!(Resourceful);

struct Resourceful;

impl Guest for Resourceful {
    fn handle(_request: IncomingRequest, out: ResponseOutparam) {
        answer(out, 200, Thing::new("anything").name());
    }
}
