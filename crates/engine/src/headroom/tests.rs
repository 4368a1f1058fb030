use wasmtime::{Engine, Instance, Module as Compiled, Store};

use super::*;

/// Grows its memory of two pages, and looks at it.
const GROWER: &str = r#"(module
    (global $mine (mut i32) (i32.const 7))
    (memory (export "memory") 2)
    (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "size") (result i32) (memory.size))
    (func (export "poke") (param i32) (result i32)
        (i32.store (local.get 0) (i32.const 42)) (i32.load (local.get 0)))
    (func (export "mine") (result i32) (global.get $mine)))"#;

struct Guest {
    store: Store<()>,
    instance: Instance,
}

impl Guest {
    fn new(module: &[u8]) -> Self {
        let engine = Engine::default();
        let module = Compiled::new(&engine, module).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        Self { store, instance }
    }

    fn call(&mut self, name: &str, argument: i32) -> i32 {
        let function = self
            .instance
            .get_typed_func::<i32, i32>(&mut self.store, name);
        function.unwrap().call(&mut self.store, argument).unwrap()
    }

    fn ask(&mut self, name: &str) -> i32 {
        let function = self
            .instance
            .get_typed_func::<(), i32>(&mut self.store, name);
        function.unwrap().call(&mut self.store, ()).unwrap()
    }

    fn real_pages(&mut self) -> u64 {
        let memory = self.instance.get_memory(&mut self.store, "memory").unwrap();
        memory.size(&self.store)
    }
}

fn rewritten() -> Guest {
    Guest::new(&rewrite_module(&wat::parse_str(GROWER).unwrap()).unwrap())
}

#[test]
fn a_guest_sees_what_it_would_see_otherwise() {
    let mut plain = Guest::new(&wat::parse_str(GROWER).unwrap());
    let mut guest = rewritten();
    assert_eq!(guest.ask("mine"), 7);
    for pages in [1, 0, 2, 5, 1, 100_000, 3] {
        assert_eq!(
            guest.call("grow", pages),
            plain.call("grow", pages),
            "{pages}"
        );
        let size = guest.ask("size");
        assert_eq!(size, plain.ask("size"), "{pages}");
        assert_eq!(guest.call("poke", size * 65536 - 4), 42);
    }
}

#[test]
fn the_first_pages_are_there_already() {
    let mut guest = rewritten();
    assert_eq!((guest.ask("size"), guest.real_pages()), (2, 6));
    guest.call("grow", 4);
    assert_eq!((guest.ask("size"), guest.real_pages()), (6, 6));
    guest.call("grow", 1);
    assert_eq!((guest.ask("size"), guest.real_pages()), (7, 7));
}

#[test]
fn pages_that_others_add_are_left_to_them() {
    let mut guest = rewritten();
    assert_eq!(guest.call("grow", 1), 2);
    let memory = guest
        .instance
        .get_memory(&mut guest.store, "memory")
        .unwrap();
    assert_eq!(memory.grow(&mut guest.store, 2).unwrap(), 6);
    assert_eq!(guest.ask("size"), 8);
    assert_eq!(guest.call("grow", 1), 8);
    assert_eq!((guest.ask("size"), guest.real_pages()), (9, 9));
}

#[test]
fn what_cannot_have_room_stays_as_it_is() {
    let grower = "(global i32 (i32.const 0)) (func (drop (memory.grow (i32.const 1))))";
    for memory in [
        "(memory 1 2)",
        "(memory i64 1)",
        "(memory 1) (memory 1)",
        "(import \"a\" \"b\" (memory 1))",
    ] {
        let module = match memory.starts_with("(import") {
            true => format!("(module {memory} {grower})"),
            false => format!("(module {grower} {memory})"),
        };
        assert!(
            rewrite_module(&wat::parse_str(module).unwrap()).is_none(),
            "{memory}"
        );
    }
    let still = "(module (memory 1) (global i32 (i32.const 0)) (func (drop (memory.size))))";
    assert!(rewrite_module(&wat::parse_str(still).unwrap()).is_none());
}

#[test]
fn modules_deep_in_components_get_room() {
    let component = format!("(component (component (core {}))", &GROWER[1..]);
    let component = wat::parse_str(component).unwrap();
    let with_room = add_headroom(&component);
    assert!(with_room.len() > component.len());
    wasmparser::validate(&with_room).unwrap();
    // Once is enough, and what is no component is left alone.
    assert_eq!(
        *add_headroom(b"\0asm\x0d\0\x01\0\x01\xff\xff"),
        *b"\0asm\x0d\0\x01\0\x01\xff\xff"
    );
}

#[test]
fn sizes_are_written_as_they_are_read() {
    for number in [0, 1, 127, 128, 16_383, 16_384, 0xffff_ffff] {
        let mut bytes = Vec::new();
        write_leb(&mut bytes, number).unwrap();
        assert_eq!(read_leb(&bytes), Some((number, &[][..])));
    }
    assert_eq!(read_leb(&[0x80; 6]), None);
}
