//! Imports an interface that nothing provides: it cannot be scaled without a link, and calls fail without one.

use face::answer;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

mod bindings {
    wit_bindgen::generate!({
        inline: "
            package acme:missing@1.0.0;

            interface thing {
                fetch: func(name: string) -> string;
            }

            world needs-unknown {
                import thing;
            }
        ",
    });
}

wasip2::http::proxy::export!(NeedsUnknown);

struct NeedsUnknown;

impl Guest for NeedsUnknown {
    fn handle(_request: IncomingRequest, out: ResponseOutparam) {
        answer(out, 200, bindings::acme::missing::thing::fetch("anything"));
    }
}
