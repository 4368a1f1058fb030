//! What can be told of WebAssembly without compiling it.

use wasmparser::{Encoding, Parser, Payload};

/// Bytes of a page of linear memory.
const PAGE_BYTES: u64 = 64 << 10;

/// What can be told of WebAssembly without compiling it. Nothing was validated.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Wasm {
    /// Whether it is a component, and no core module.
    pub is_component: bool,
    /// What a component imports, in the order of its imports.
    pub imports: Vec<String>,
    /// What a component exports, in the order of its exports.
    pub exports: Vec<String>,
    /// Core modules in it; one for a core module.
    pub modules: usize,
    /// Bytes of linear memory that all its modules begin with.
    pub memory_bytes: u64,
    /// Elements of the tables that all its modules begin with.
    pub table_elements: u64,
}

impl Wasm {
    /// Describes `bytes`; `None` when they are not WebAssembly throughout. What is large takes a while.
    pub fn describe(bytes: &[u8]) -> Option<Self> {
        let mut found = Self::default();
        let mut encoding = None;
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.ok()? {
                Payload::Version {
                    encoding: layer, ..
                } => {
                    encoding.get_or_insert(layer);
                    found.modules += usize::from(layer == Encoding::Module);
                }
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(imports) if depth == 0 => {
                    for import in imports {
                        found.imports.push(import.ok()?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(exports) if depth == 0 => {
                    for export in exports {
                        found.exports.push(export.ok()?.name.name.to_owned());
                    }
                }
                Payload::MemorySection(memories) => {
                    for memory in memories {
                        let bytes = memory.ok()?.initial.saturating_mul(PAGE_BYTES);
                        found.memory_bytes = found.memory_bytes.saturating_add(bytes);
                    }
                }
                Payload::TableSection(tables) => {
                    for table in tables {
                        let elements = table.ok()?.ty.initial;
                        found.table_elements = found.table_elements.saturating_add(elements);
                    }
                }
                _ => {}
            }
        }
        found.is_component = encoding? == Encoding::Component;
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_is_described() {
        let text = r#"(component
            (import "a:b/c" (instance))
            (core module (memory 2) (table 7 funcref))
            (core module (memory 1))
            (instance $i)
            (export "d:e/f" (instance $i)))"#;
        let wasm = Wasm::describe(&wat::parse_str(text).unwrap()).unwrap();
        assert!(wasm.is_component);
        assert_eq!(
            (wasm.imports, wasm.exports),
            (vec!["a:b/c".to_owned()], vec!["d:e/f".to_owned()])
        );
        assert_eq!(
            (wasm.modules, wasm.memory_bytes, wasm.table_elements),
            (2, 3 << 16, 7)
        );
        assert!(!Wasm::describe(b"\0asm\x01\0\0\0").unwrap().is_component);
        assert_eq!(Wasm::describe(b"\0asm"), None);
        assert_eq!(Wasm::describe(b"text"), None);
    }
}
