//! Chooses links by name over HTTP, by one of the versions of the interface for that: `/2.0.1`, `/2.0.0`, `/1.0.0`. With `name`
//! in the query that link is chosen for key-value, and for what else `also` names; then `back` goes back to the default. With
//! `value` the key `who` is set, then it is read. Answers with the results as Rust prints them.

use bindings::first::wasmcloud::bus::lattice as first;
use bindings::last::wasmcloud::bus::lattice as last;
use bindings::second::wasmcloud::bus::lattice as second;
use bindings::store::wasi::keyvalue::store;
use face::{Request, answer};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

mod bindings {
    pub mod first {
        wit_bindgen::generate!({ path: "../../wit/bus-1.0.0", world: "wasmcloud:bus/imports" });
    }
    pub mod second {
        wit_bindgen::generate!({ path: "../../wit/bus-2.0.0", world: "wasmcloud:bus/imports" });
    }
    pub mod last {
        // Of this version only the choice: the component has no use for its errors.
        wit_bindgen::generate!({
            path: ["../../wit/bus"],
            inline: "
                package test:chooser;

                world chooser {
                    import wasmcloud:bus/lattice@2.0.1;
                }
            ",
            world: "test:chooser/chooser",
            generate_all,
        });
    }
    pub mod store {
        wit_bindgen::generate!({ path: "../../wit/keyvalue", world: "wasi:keyvalue/imports" });
    }
}

wasip2::http::proxy::export!(Chooser);

struct Chooser;

impl Guest for Chooser {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let request = Request::new(request);
        let mut told = Vec::new();
        if let Some(name) = request.query("name") {
            told.push(choose(&request, name));
        }
        if request.query("back").is_some() {
            told.push(choose(&request, "default"));
        }
        told.push(use_store(&request));
        answer(out, 200, told.join(" "));
    }
}

fn choose(request: &Request, name: &str) -> String {
    let also = request.query("also");
    let interfaces = || ["store"].into_iter().chain(also);
    match request.path() {
        "/1.0.0" => {
            let new = |interface| first::CallTargetInterface::new("wasi", "keyvalue", interface);
            first::set_link_name(name, interfaces().map(new).collect());
            "()".to_owned()
        }
        "/2.0.0" => {
            let new = |interface| second::CallTargetInterface::new("wasi", "keyvalue", interface);
            let chosen = second::set_link_name(name, interfaces().map(new).collect());
            format!("{chosen:?}")
        }
        _ => {
            let new = |interface| last::CallTargetInterface::new("wasi", "keyvalue", interface);
            let chosen = last::set_link_name(name, interfaces().map(new).collect());
            format!("{chosen:?}")
        }
    }
}

fn use_store(request: &Request) -> String {
    let used = store::open("default").and_then(|bucket| {
        if let Some(value) = request.query("value") {
            bucket.set("who", value.as_bytes())?;
        }
        bucket.get("who")
    });
    let used = used.map(|value| value.map(|value| String::from_utf8_lossy(&value).into_owned()));
    format!("{used:?}")
}
