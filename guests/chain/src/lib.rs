//! Imports and exports the same interface: linked to itself or to a copy, `/hop?n=5` calls five deep.

use bindings::test::chain::hop as next;
use face::{Request, answer};
use wasip2::exports::http::incoming_handler;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

mod bindings {
    wit_bindgen::generate!({ path: "../wit/chain.wit", world: "chain" });

    export!(Chain);
    use super::Chain;
}

wasip2::http::proxy::export!(Chain);

struct Chain;

impl bindings::exports::test::chain::hop::Guest for Chain {
    fn hop(n: u32) -> Result<u32, String> {
        match n.checked_sub(1) {
            None => Ok(0),
            Some(rest) => next::hop(rest).map(|calls| calls + 1),
        }
    }
}

impl incoming_handler::Guest for Chain {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let request = Request::new(request);
        let hops = u32::try_from(request.number("n", 1)).unwrap_or(u32::MAX);
        answer(out, 200, format!("{:?}", next::hop(hops)));
    }
}
