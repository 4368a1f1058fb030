//! Whether what one component imports is what another exports.

use wasmtime::component::types::Type;

use super::{ExportedFunction, ImportedFunction};
use crate::flow::Shape;

impl ExportedFunction {
    /// Whether a caller that imports `import` can call this: the same parameters and results, by structure, where an owned
    /// input stream of WASI 0.2 is a stream of bytes.
    pub(crate) fn is_callable_as(&self, import: &ImportedFunction) -> bool {
        let Ok(shapes) = &self.shapes else {
            return false;
        };
        let (wanted, given) = (&import.signature, &self.signature);
        let params = wanted.params().map(|(_, ty)| ty);
        let results = wanted.results();
        wanted.async_() == given.async_()
            && params.len() == given.params().len()
            && results.len() == given.results().len()
            && params
                .zip(&import.shapes.params)
                .zip(given.params().map(|(_, ty)| ty).zip(&shapes.params))
                .all(|((a, of_a), (b, of_b))| is_same(&a, of_a, &b, of_b))
            && results
                .zip(&import.shapes.results)
                .zip(given.results().zip(&shapes.results))
                .all(|((a, of_a), (b, of_b))| is_same(&a, of_a, &b, of_b))
    }
}

/// Whether two types with their shapes are the same.
fn is_same(a: &Type, of_a: &Shape, b: &Type, of_b: &Shape) -> bool {
    // Types without streams are compared as a whole: they hold nothing that belongs to one component.
    if *of_a == Shape::Plain && *of_b == Shape::Plain {
        return a == b;
    }
    if !of_a.agrees(of_b) {
        return false;
    }
    let payloads = |a: Option<Type>, of_a: &Shape, b: Option<Type>, of_b: &Shape| match (a, b) {
        (Some(a), Some(b)) => is_same(&a, of_a, &b, of_b),
        (None, None) => true,
        _ => false,
    };
    match (a, of_a, b, of_b) {
        (Type::Record(a), Shape::Members(of_a), Type::Record(b), Shape::Members(of_b)) => {
            let (a, b) = (a.fields().zip(of_a), b.fields().zip(of_b));
            a.zip(b)
                .all(|((a, of_a), (b, of_b))| a.name == b.name && is_same(&a.ty, of_a, &b.ty, of_b))
        }
        (Type::Tuple(a), Shape::Members(of_a), Type::Tuple(b), Shape::Members(of_b)) => {
            let (a, b) = (a.types().zip(of_a), b.types().zip(of_b));
            a.zip(b)
                .all(|((a, of_a), (b, of_b))| is_same(&a, of_a, &b, of_b))
        }
        (Type::Variant(a), Shape::Variant(of_a), Type::Variant(b), Shape::Variant(of_b)) => {
            let (a, b) = (a.cases().zip(of_a), b.cases().zip(of_b));
            a.zip(b).all(|((a, (_, of_a)), (b, (_, of_b)))| {
                a.name == b.name && payloads(a.ty, of_a, b.ty, of_b)
            })
        }
        (Type::Option(a), Shape::Option(of_a), Type::Option(b), Shape::Option(of_b)) => {
            is_same(&a.ty(), of_a, &b.ty(), of_b)
        }
        (
            Type::Result(a),
            Shape::Result(ok_a, err_a),
            Type::Result(b),
            Shape::Result(ok_b, err_b),
        ) => payloads(a.ok(), ok_a, b.ok(), ok_b) && payloads(a.err(), err_a, b.err(), err_b),
        // Flows themselves, which agree.
        (_, Shape::Flow(..) | Shape::InputStream, _, _) => true,
        _ => false,
    }
}
