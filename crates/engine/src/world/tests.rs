use super::*;

/// The world of a component, by its text.
fn world(text: &str) -> Result<World, LinkError> {
    let mut config = wasmtime::Config::new();
    config.wasm_component_model_async(true);
    let engine = wasmtime::Engine::new(&config).unwrap();
    let component = Component::new(&engine, wat::parse_str(text).unwrap()).unwrap();
    World::of(&component, |_| false)
}

/// A component that imports a function with this parameter.
fn importing(parameter: &str) -> String {
    format!(
        r#"(component
            (import "test:odd/calls@0.1.0" (instance
                (export "f" (func (param "p" {parameter}))))))"#
    )
}

/// A component that exports such a function.
fn exporting(interface: &str, parameter: &str) -> String {
    format!(
        r#"(component
            (core module $m (func (export "f") (param i32)))
            (core instance $i (instantiate $m))
            (func $f (param "p" {parameter}) (canon lift (core func $i "f")))
            (instance $e (export "f" (func $f)))
            (export "{interface}" (instance $e)))"#
    )
}

#[test]
fn streams_and_futures_of_what_no_host_can_read_are_refused_by_name() {
    for (parameter, what) in [
        (
            "(stream (tuple u8 u8))",
            "a stream of something else than numbers, bool, char, string or list<u8>",
        ),
        (
            "(future (list string))",
            "a future of something else than numbers, bool, char, string or list<u8>",
        ),
        ("(stream)", "a stream of nothing"),
    ] {
        for text in [
            importing(parameter),
            exporting("test:odd/calls@0.1.0", parameter),
        ] {
            let error = world(&text).unwrap_err();
            let expected = format!(
                "function `f` of `test:odd/calls@0.1.0` uses {what}, which cannot pass between components"
            );
            assert_eq!(error.to_string(), expected);
        }
    }
    for parameter in ["(stream u8)", "(future string)", "(stream (list u8))"] {
        world(&importing(parameter)).unwrap();
        world(&exporting("test:odd/calls@0.1.0", parameter)).unwrap();
    }
    // What of it is WASI's is between a component and its host.
    world(&exporting("wasi:odd/calls@0.3.0", "(stream)")).unwrap();
}
