//! Calls every function of `demo:vectors/kinds`, one path each, and key-value; answers with what came back, as Rust
//! prints it.

use bindings::demo::vectors::kinds::{self, Colour, Perms, Point, Shape};
use bindings::wasi::keyvalue::{atomics, store};
use face::{Request, answer};
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{IncomingRequest, ResponseOutparam};

mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit/keyvalue", "../wit/vectors.wit"],
        inline: "
            package test:kinds-caller;

            world caller {
                import demo:vectors/kinds@0.1.0;
                import wasi:keyvalue/store@0.2.0-draft;
                import wasi:keyvalue/atomics@0.2.0-draft;
            }
        ",
        world: "test:kinds-caller/caller",
        generate_all,
    });
}

wasip2::http::proxy::export!(Caller);

/// The size of the parameter that does not fit into one message, in bytes.
const BIG_BYTES: usize = 3_000_000;

struct Caller;

impl Guest for Caller {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let request = Request::new(request);
        let text = match request.path() {
            "/nothing" => {
                kinds::nothing();
                "nothing".to_owned()
            }
            "/text" => {
                let words = ["x".to_owned(), "yy".to_owned()];
                kinds::text("abc", &[1, 2, 3], &words)
            }
            "/ints" => {
                let sums = kinds::ints(1, -1, 300, -2, 70_000, -70_000, 1 << 40, -1);
                format!("{sums:?}")
            }
            "/ints-mid" => {
                let (e, f) = (4_000_000_000, -2_000_000_000);
                let same = kinds::ints(200, -100, 60_000, -300, e, f, 1 << 50, -(1 << 40));
                format!("{same:?}")
            }
            "/ints-edge" => {
                let (a, b, c, d) = (u8::MAX, i8::MIN, u16::MAX, i16::MIN);
                let same = kinds::ints(a, b, c, d, u32::MAX, i32::MIN, u64::MAX, i64::MIN);
                format!("{same:?}")
            }
            "/floats" => format!("{:?}", kinds::floats(1.5, -2.25, true, 'é')),
            "/shapes" => format!("{:?}", shapes()),
            "/outcome" => format!("{:?}", (kinds::outcome(false), kinds::outcome(true))),
            "/nested" => format!("{:?}", nested()),
            "/big" => kinds::text("big", &vec![7; BIG_BYTES], &[]),
            "/kv" => key_value(),
            _ => "try /nothing /text /ints /ints-mid /ints-edge /floats /shapes /outcome /nested /big /kv".to_owned(),
        };
        answer(out, 200, text);
    }
}

fn shapes() -> Vec<Shape> {
    let points = vec![
        Point {
            x: 1,
            y: -1,
            label: None,
        },
        Point {
            x: 300,
            y: -300,
            label: Some("p".to_owned()),
        },
    ];
    let shapes = [
        Shape::Dot,
        Shape::Circle(3.5),
        Shape::Poly(points),
        Shape::Named(("z".to_owned(), 9)),
    ];
    kinds::shapes(&shapes, Colour::Blue, Perms::READ | Perms::A8)
}

type Nested = Result<(), (u32, String)>;

fn nested() -> (Nested, Nested, Nested) {
    (
        kinds::nested(Some(Some(5)), Ok(&[Some("q".to_owned()), None])),
        kinds::nested(Some(None), Err(&Colour::Green)),
        kinds::nested(None, Err(&Colour::Red)),
    )
}

fn key_value() -> String {
    let bucket = match store::open("default") {
        Ok(bucket) => bucket,
        Err(error) => return format!("{error:?}"),
    };
    let count = atomics::increment(&bucket, "hits", 1);
    let set = bucket.set("k", b"v1");
    let got = bucket.get("k");
    let exists = bucket.exists("k");
    let keys = bucket.list_keys(None).map(|page| page.keys.len());
    let deleted = bucket.delete("k");
    let gone = bucket.get("k");
    format!("{count:?} {set:?} {got:?} {exists:?} {keys:?} {deleted:?} {gone:?}")
}
