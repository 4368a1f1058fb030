//! The page of the guest book. It keeps visits and entries in key-value, and has every visitor greeted by another
//! component.
//!
//! | request | answer |
//! |---|---|
//! | `GET /` | the page; counts a visit |
//! | `POST /sign` | keeps an entry (a form with `name` and `message`), then shows the page |
//! | `GET /entries` | the latest entries as JSON |
//! | `GET /count` | the number of visits |
//! | `GET /hit` | counts a visit, answers with the number of visits |

mod book;
mod entry;
mod failure;
mod form;
mod http;
mod page;

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

use bindings::guestbook::greeting::greeter::{self, Occasion, Visitor};
use book::Book;
use entry::{Entry, Rejection};
use failure::Failure;
use http::{Request, Response};

mod bindings {
    wit_bindgen::generate!({
        path: ["../../../wit/keyvalue", "../wit"],
        inline: "
            package guestbook:web;

            world web {
                import guestbook:greeting/greeter@0.1.0;
                import wasi:keyvalue/store@0.2.0-draft;
                import wasi:keyvalue/atomics@0.2.0-draft;
            }
        ",
        world: "guestbook:web/web",
        generate_all,
    });
}

wasip2::http::proxy::export!(Web);

/// The largest form that is read, in bytes.
const FORM_BYTES_MAX: usize = 8 * 1024;
/// The cookie that holds the name of a visitor who signed.
const NAME_COOKIE: &str = "guest";
/// Every so many visits there is something to celebrate.
const MILESTONE_VISITS: u64 = 100;

struct Web;

impl Guest for Web {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let request = Request::new(request);
        let response = route(request).unwrap_or_else(|failure| page::failure(&failure));
        response.send(out);
    }
}

fn route(request: Request) -> Result<Response, Failure> {
    match (request.path(), request.method()) {
        ("/", "GET" | "HEAD") => show_page(&request),
        ("/entries", "GET" | "HEAD") => {
            let entries = Book::open()?.latest()?;
            Ok(Response::json(entry::render_json(&entries)))
        }
        ("/count", "GET" | "HEAD") => Ok(Response::text(Book::open()?.visits()?.to_string())),
        ("/hit", "GET") => Ok(Response::text(Book::open()?.count_visit()?.to_string())),
        ("/sign", "POST") => sign(request),
        ("/" | "/entries" | "/count", _) => Ok(page::wrong_method("GET, HEAD")),
        ("/hit", _) => Ok(page::wrong_method("GET")),
        ("/sign", _) => Ok(page::wrong_method("POST")),
        _ => Ok(page::not_found()),
    }
}

fn show_page(request: &Request) -> Result<Response, Failure> {
    let book = Book::open()?;
    let visits = book.count_visit()?;
    let entries = book.latest()?;
    let name = request
        .cookie(NAME_COOKIE)
        .and_then(|name| form::decode(&name));
    let greeting = greeter::greet(&Visitor {
        occasion: occasion(visits, name.is_some()),
        name,
        visits,
    })?;
    let names: Vec<String> = entries.iter().map(|entry| entry.name.clone()).collect();
    let remarks = greeter::remark(&names)?;
    Ok(page::show(&greeting, visits, &entries, &remarks))
}

fn sign(request: Request) -> Result<Response, Failure> {
    if !request.has_form() {
        return Ok(page::rejected(415, "a signature is sent as a form"));
    }
    let Some(body) = request.read_body(FORM_BYTES_MAX) else {
        return Ok(page::rejected(
            413,
            "the form is too large, or it did not arrive whole",
        ));
    };
    let fields = form::parse(&body);
    match Entry::new(
        fields.get("name"),
        fields.get("message"),
        http::now_seconds(),
    ) {
        Ok(entry) => {
            Book::open()?.sign(&entry)?;
            let cookie = format!(
                "{NAME_COOKIE}={}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax",
                form::encode(&entry.name)
            );
            Ok(Response::see_other("/").with_header("set-cookie", cookie))
        }
        Err(rejection @ (Rejection::Name | Rejection::Message)) => {
            Ok(page::rejected(422, &rejection.to_string()))
        }
    }
}

fn occasion(visits: u64, has_signed: bool) -> Occasion {
    let mut occasion = Occasion::empty();
    occasion.set(Occasion::FIRST_VISIT, visits == 1);
    occasion.set(Occasion::MILESTONE, visits.is_multiple_of(MILESTONE_VISITS));
    occasion.set(Occasion::SIGNED, has_signed);
    occasion
}
