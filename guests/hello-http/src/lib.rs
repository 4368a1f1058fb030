//! The smallest useful HTTP component: it says hello. `/echo` answers with the method and the target, `/echo-body`
//! streams the body back while it arrives.

use face::{Answer, Request, answer};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

wasip2::http::proxy::export!(Hello);

struct Hello;

impl Guest for Hello {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let request = Request::new(request);
        match request.path() {
            "/echo" => {
                let text = format!("{} {}", request.method(), request.target());
                answer(out, 200, text);
            }
            "/echo-body" => {
                let mut answer = Answer::begin(out, 200, &[]);
                let is_whole = request.read_body(|bytes| {
                    answer.write(bytes)?;
                    answer.flush()
                });
                // An echo that is not whole is left unfinished, so that the client can tell.
                if is_whole {
                    answer.finish();
                }
            }
            _ => answer(out, 200, "hello"),
        }
    }
}
