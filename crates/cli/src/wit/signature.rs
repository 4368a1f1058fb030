//! From the types of WIT to those of the wire.

use weft_wrpc::Type;
use weft_wrpc::ty::TYPE_DEPTH_MAX;
use wit_parser::{Handle, Resolve, TypeDefKind, TypeId};

/// Converts the types of one resolve.
pub(super) struct Types<'a> {
    resolve: &'a Resolve,
}

impl<'a> Types<'a> {
    pub(super) fn new(resolve: &'a Resolve) -> Self {
        Self { resolve }
    }

    /// The type on the wire, or what it has that the wire cannot carry.
    pub(super) fn ty(&self, ty: &wit_parser::Type) -> Result<Type, String> {
        self.at_depth(ty, 0)
    }

    fn at_depth(&self, ty: &wit_parser::Type, depth: usize) -> Result<Type, String> {
        if depth > TYPE_DEPTH_MAX {
            return Err("it has a type that nests too deep".to_owned());
        }
        Ok(match ty {
            wit_parser::Type::Bool => Type::Bool,
            wit_parser::Type::U8 => Type::U8,
            wit_parser::Type::U16 => Type::U16,
            wit_parser::Type::U32 => Type::U32,
            wit_parser::Type::U64 => Type::U64,
            wit_parser::Type::S8 => Type::S8,
            wit_parser::Type::S16 => Type::S16,
            wit_parser::Type::S32 => Type::S32,
            wit_parser::Type::S64 => Type::S64,
            wit_parser::Type::F32 => Type::F32,
            wit_parser::Type::F64 => Type::F64,
            wit_parser::Type::Char => Type::Char,
            wit_parser::Type::String => Type::String,
            wit_parser::Type::ErrorContext => {
                return Err("it uses an error context".to_owned());
            }
            wit_parser::Type::Id(id) => self.defined(*id, depth + 1)?,
        })
    }

    fn defined(&self, id: TypeId, depth: usize) -> Result<Type, String> {
        let sub = |ty: &wit_parser::Type| self.at_depth(ty, depth);
        let maybe = |ty: &Option<wit_parser::Type>| ty.as_ref().map(sub).transpose();
        Ok(match &self.resolve.types[id].kind {
            TypeDefKind::Type(ty) => sub(ty)?,
            TypeDefKind::List(element) => Type::list(sub(element)?),
            TypeDefKind::Option(payload) => Type::option(sub(payload)?),
            TypeDefKind::Result(result) => Type::result(maybe(&result.ok)?, maybe(&result.err)?),
            TypeDefKind::Tuple(tuple) => {
                let members = tuple.types.iter().map(sub);
                Type::tuple(members.collect::<Result<Vec<_>, _>>()?)
            }
            TypeDefKind::Record(record) => {
                let fields = record.fields.iter();
                let fields = fields.map(|field| Ok((field.name.as_str(), sub(&field.ty)?)));
                Type::record(fields.collect::<Result<Vec<_>, String>>()?)
            }
            TypeDefKind::Variant(variant) => {
                let cases = variant.cases.iter();
                let cases = cases.map(|case| Ok((case.name.as_str(), maybe(&case.ty)?)));
                Type::variant(cases.collect::<Result<Vec<_>, String>>()?)
            }
            TypeDefKind::Enum(of) => {
                Type::enumeration(of.cases.iter().map(|case| case.name.as_str()))
            }
            TypeDefKind::Flags(of) => Type::flags(of.flags.iter().map(|flag| flag.name.as_str())),
            TypeDefKind::Stream(Some(element)) => Type::stream(sub(element)?),
            TypeDefKind::Future(Some(payload)) => Type::future(sub(payload)?),
            // An owned input stream of WASI 0.2 crosses as a stream of bytes.
            TypeDefKind::Handle(Handle::Own(resource)) if self.is_input_stream(*resource) => {
                Type::stream(Type::U8)
            }
            other => return Err(format!("it uses a {}", other.as_str())),
        })
    }

    fn is_input_stream(&self, id: TypeId) -> bool {
        let mut ty = &self.resolve.types[id];
        // Through `use`.
        while let TypeDefKind::Type(wit_parser::Type::Id(id)) = ty.kind {
            ty = &self.resolve.types[id];
        }
        let wit_parser::TypeOwner::Interface(interface) = ty.owner else {
            return false;
        };
        ty.name.as_deref() == Some("input-stream")
            && self
                .resolve
                .id_of(interface)
                .is_some_and(|name| name.starts_with("wasi:io/streams@0.2."))
    }
}
