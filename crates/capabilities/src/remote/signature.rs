//! From the types of Wasmtime to those of the wire.

use wasmtime::component::types::{self, ComponentFunc};
use weft_engine::world::World;
use weft_wrpc::ty::{TYPE_DEPTH_MAX, TYPE_NODES_MAX};
use weft_wrpc::{Signature, Type, TypeError};

/// Why the wire cannot carry a type.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UnsupportedType {
    /// There is no such thing on the wire, or nothing that a host could make of it at run time.
    #[error("it uses {what}, which cannot cross the wire")]
    Kind {
        /// What, such as `a resource`.
        what: &'static str,
    },
    /// The type is too large, too deep, or cannot be addressed.
    #[error(transparent)]
    Wire(TypeError),
}

/// The types of `function`, which the component of `world` imports or exports, on the wire.
pub(super) fn of(world: &World, function: &ComponentFunc) -> Result<Signature, UnsupportedType> {
    let mut convert = Convert {
        world,
        nodes: 0,
        depth: 0,
    };
    let params = function
        .params()
        .map(|(_, ty)| convert.ty(&ty))
        .collect::<Result<Vec<_>, _>>()?;
    let results = function
        .results()
        .map(|ty| convert.ty(&ty))
        .collect::<Result<Vec<_>, _>>()?;
    let signature = Signature::new(params, results)?;
    signature.ensure_portable()?;
    Ok(signature)
}

/// Bounds what a type unfolds to: its parts may be shared.
struct Convert<'w> {
    world: &'w World,
    nodes: usize,
    depth: usize,
}

impl Convert<'_> {
    fn ty(&mut self, ty: &types::Type) -> Result<Type, UnsupportedType> {
        self.nodes += 1;
        if self.nodes > TYPE_NODES_MAX {
            return Err(TypeError::TooLarge.into());
        }
        if self.depth == TYPE_DEPTH_MAX {
            let place = String::new();
            return Err(TypeError::TooDeep { place }.into());
        }
        self.depth += 1;
        let converted = self.convert(ty)?;
        self.depth -= 1;
        Ok(converted)
    }

    fn convert(&mut self, ty: &types::Type) -> Result<Type, UnsupportedType> {
        Ok(match ty {
            types::Type::Bool => Type::Bool,
            types::Type::S8 => Type::S8,
            types::Type::U8 => Type::U8,
            types::Type::S16 => Type::S16,
            types::Type::U16 => Type::U16,
            types::Type::S32 => Type::S32,
            types::Type::U32 => Type::U32,
            types::Type::S64 => Type::S64,
            types::Type::U64 => Type::U64,
            types::Type::Float32 => Type::F32,
            types::Type::Float64 => Type::F64,
            types::Type::Char => Type::Char,
            types::Type::String => Type::String,
            types::Type::List(list) => Type::list(self.ty(&list.ty())?),
            types::Type::Option(option) => Type::option(self.ty(&option.ty())?),
            types::Type::Result(result) => Type::result(
                result.ok().map(|ty| self.ty(&ty)).transpose()?,
                result.err().map(|ty| self.ty(&ty)).transpose()?,
            ),
            types::Type::Record(record) => Type::record(
                record
                    .fields()
                    .map(|field| Ok((field.name, self.ty(&field.ty)?)))
                    .collect::<Result<Vec<_>, UnsupportedType>>()?,
            ),
            types::Type::Tuple(tuple) => Type::tuple(
                tuple
                    .types()
                    .map(|ty| self.ty(&ty))
                    .collect::<Result<Vec<_>, _>>()?,
            ),
            types::Type::Variant(variant) => Type::variant(
                variant
                    .cases()
                    .map(|case| Ok((case.name, case.ty.map(|ty| self.ty(&ty)).transpose()?)))
                    .collect::<Result<Vec<_>, UnsupportedType>>()?,
            ),
            types::Type::Enum(cases) => Type::enumeration(cases.names()),
            types::Type::Flags(flags) => Type::flags(flags.names()),
            // What guests of WASI 0.2 have for streams of bytes.
            types::Type::Own(resource) if self.world.is_input_stream(resource) => {
                Type::stream(Type::U8)
            }
            types::Type::Own(_) | types::Type::Borrow(_) => return Err(kind("a resource")),
            types::Type::Future(future) => match future.ty() {
                Some(payload) => Type::future(self.ty(&payload)?),
                None => return Err(kind("a future of nothing")),
            },
            types::Type::Stream(stream) => match stream.ty() {
                Some(element) => Type::stream(self.ty(&element)?),
                None => return Err(kind("a stream of nothing")),
            },
            types::Type::ErrorContext => return Err(kind("an error context")),
            types::Type::Map(_) => return Err(kind("a map")),
            types::Type::FixedLengthList(_) => return Err(kind("a list of fixed length")),
        })
    }
}

fn kind(what: &'static str) -> UnsupportedType {
    UnsupportedType::Kind { what }
}
