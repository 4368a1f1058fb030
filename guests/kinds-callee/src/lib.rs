//! Answers calls with every kind of plain value, so that a caller can tell whether each arrived whole.

use bindings::exports::demo::vectors::kinds::{Colour, Guest, Perms, Point, Shape};

mod bindings {
    wit_bindgen::generate!({
        path: "../wit/vectors.wit",
        inline: "package test:kinds-callee; world callee { export demo:vectors/kinds@0.1.0; }",
        world: "test:kinds-callee/callee",
        generate_all,
    });

    export!(Callee);
    use super::Callee;
}

struct Callee;

impl Guest for Callee {
    fn ints(
        a: u8,
        b: i8,
        c: u16,
        d: i16,
        e: u32,
        f: i32,
        g: u64,
        h: i64,
    ) -> (u8, i8, u16, i16, u32, i32, u64, i64) {
        (a, b, c, d, e, f, g, h)
    }

    fn floats(a: f32, b: f64, c: bool, d: char) -> (f32, f64, bool, char) {
        (a, b, c, d)
    }

    fn text(a: String, b: Vec<u8>, c: Vec<String>) -> String {
        format!("{a}|{}|{}", b.len(), c.join(","))
    }

    fn shapes(mut s: Vec<Shape>, _c: Colour, _p: Perms) -> Vec<Shape> {
        s.reverse();
        s
    }

    fn outcome(fail: bool) -> Result<Point, String> {
        if fail {
            return Err("no".to_owned());
        }
        Ok(Point {
            x: -7,
            y: 1 << 40,
            label: Some("ok".to_owned()),
        })
    }

    fn nothing() {}

    fn nested(
        a: Option<Option<u32>>,
        _b: Result<Vec<Option<String>>, Colour>,
    ) -> Result<(), (u32, String)> {
        match a {
            Some(Some(number)) => Err((number, "n".to_owned())),
            Some(None) | None => Ok(()),
        }
    }
}
