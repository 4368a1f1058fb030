//! Where streams and futures lie in the values of a function.

use std::fmt;

use wasmtime::component::types::{ComponentFunc, Type};
use wasmtime::component::{ResourceType, Val};

/// How deep the walk through a type goes; values nest no deeper on the wire either.
const DEPTH_MAX: usize = 64;

/// Whether a flow is a stream or a future.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FlowKind {
    /// `stream`.
    Stream,
    /// `future`.
    Future,
}

/// What the elements of a flow are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Element {
    /// `bool`.
    Bool,
    /// `u8`.
    U8,
    /// `u16`.
    U16,
    /// `u32`.
    U32,
    /// `u64`.
    U64,
    /// `s8`.
    S8,
    /// `s16`.
    S16,
    /// `s32`.
    S32,
    /// `s64`.
    S64,
    /// `f32`.
    F32,
    /// `f64`.
    F64,
    /// `char`.
    Char,
    /// `string`.
    String,
    /// `list<u8>`.
    Bytes,
}

/// The flows in the parameters and results of a function.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Shapes {
    pub(crate) params: Vec<Shape>,
    pub(crate) results: Vec<Shape>,
}

/// The flows in values of one type. Types without any are all the same.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Shape {
    Plain,
    Flow(FlowKind, Element),
    /// An owned `wasi:io/streams.input-stream`, which is a stream of bytes.
    InputStream,
    /// A tuple or record.
    Members(Vec<Self>),
    Variant(Vec<(String, Self)>),
    Option(Box<Self>),
    Result(Box<Self>, Box<Self>),
}

/// What keeps a type from passing between components.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum UnsupportedFlow {
    /// Something that belongs to one component, such as `a resource`.
    Type(&'static str),
    /// A stream or future, such as `a stream of nothing`.
    Flow(String),
}

/// Looks through the types of a function.
struct Walk<'a> {
    input_stream: Option<&'a ResourceType>,
    depth: usize,
}

// ===== impl UnsupportedFlow =====

impl fmt::Display for UnsupportedFlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Type(what) => what,
            Self::Flow(what) => what,
        })
    }
}

// ===== impl Element =====

impl Element {
    /// The element that `ty` is; `None` for a type that cannot be one.
    pub(crate) fn of(ty: &Type) -> Option<Self> {
        Some(match ty {
            Type::Bool => Self::Bool,
            Type::U8 => Self::U8,
            Type::U16 => Self::U16,
            Type::U32 => Self::U32,
            Type::U64 => Self::U64,
            Type::S8 => Self::S8,
            Type::S16 => Self::S16,
            Type::S32 => Self::S32,
            Type::S64 => Self::S64,
            Type::Float32 => Self::F32,
            Type::Float64 => Self::F64,
            Type::Char => Self::Char,
            Type::String => Self::String,
            Type::List(list) if list.ty() == Type::U8 => Self::Bytes,
            _ => return None,
        })
    }
}

impl fmt::Display for Element {
    /// As WIT writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bool => "bool",
            Self::U8 => "u8",
            Self::U16 => "u16",
            Self::U32 => "u32",
            Self::U64 => "u64",
            Self::S8 => "s8",
            Self::S16 => "s16",
            Self::S32 => "s32",
            Self::S64 => "s64",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::Char => "char",
            Self::String => "string",
            Self::Bytes => "list<u8>",
        })
    }
}

impl fmt::Display for FlowKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stream => "stream",
            Self::Future => "future",
        })
    }
}

// ===== impl Shapes =====

impl Shapes {
    /// Those of `function`; `input_stream` is the type that its component knows `wasi:io/streams.input-stream` by.
    pub(crate) fn of(
        function: &ComponentFunc,
        input_stream: Option<&ResourceType>,
    ) -> Result<Self, UnsupportedFlow> {
        let mut walk = Walk {
            input_stream,
            depth: 0,
        };
        let params = function.params();
        Ok(Self {
            params: params
                .map(|(_, ty)| walk.ty(&ty))
                .collect::<Result<_, _>>()?,
            results: function
                .results()
                .map(|ty| walk.ty(&ty))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Whether neither parameters nor results hold any flow.
    pub(crate) fn is_plain(&self) -> bool {
        let mut all = self.params.iter().chain(&self.results);
        all.all(|shape| *shape == Shape::Plain)
    }
}

// ===== impl Shape =====

impl Shape {
    /// Calls `visit` for the place of each flow in `value`, in the order of the type. Values of other types are passed over:
    /// Wasmtime checks them.
    pub(crate) fn visit<E>(
        &self,
        value: &mut Val,
        visit: &mut impl FnMut(&Self, &mut Val) -> Result<(), E>,
    ) -> Result<(), E> {
        match (self, value) {
            (Self::Plain, _) => Ok(()),
            (Self::Flow(..) | Self::InputStream, place) => visit(self, place),
            (Self::Members(shapes), Val::Tuple(values)) => {
                let mut members = shapes.iter().zip(values);
                members.try_for_each(|(shape, value)| shape.visit(value, visit))
            }
            (Self::Members(shapes), Val::Record(values)) => {
                let mut members = shapes.iter().zip(values);
                members.try_for_each(|(shape, (_, value))| shape.visit(value, visit))
            }
            (Self::Variant(cases), Val::Variant(name, Some(value))) => {
                match cases.iter().find(|(case, _)| case == name) {
                    Some((_, shape)) => shape.visit(value, visit),
                    None => Ok(()),
                }
            }
            (Self::Option(shape), Val::Option(Some(value)))
            | (Self::Result(shape, _), Val::Result(Ok(Some(value))))
            | (Self::Result(_, shape), Val::Result(Err(Some(value)))) => shape.visit(value, visit),
            _ => Ok(()),
        }
    }

    /// Whether a value of one may be passed as one of the other.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        let is_bytes = |shape: &Self| {
            *shape == Self::InputStream || *shape == Self::Flow(FlowKind::Stream, Element::U8)
        };
        match (self, other) {
            (Self::Members(a), Self::Members(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.agrees(b))
            }
            (Self::Variant(a), Self::Variant(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && a.1.agrees(&b.1))
            }
            (Self::Option(a), Self::Option(b)) => a.agrees(b),
            (Self::Result(a, b), Self::Result(c, d)) => a.agrees(c) && b.agrees(d),
            (a, b) => a == b || (is_bytes(a) && is_bytes(b)),
        }
    }

    fn members(shapes: Vec<Self>) -> Self {
        if shapes.iter().all(|shape| *shape == Self::Plain) {
            Self::Plain
        } else {
            Self::Members(shapes)
        }
    }
}

// ===== impl Walk =====

impl Walk<'_> {
    fn ty(&mut self, ty: &Type) -> Result<Shape, UnsupportedFlow> {
        if self.depth == DEPTH_MAX {
            return Err(UnsupportedFlow::Type("a type that nests too deep"));
        }
        self.depth += 1;
        let shape = self.shape(ty)?;
        self.depth -= 1;
        Ok(shape)
    }

    fn shape(&mut self, ty: &Type) -> Result<Shape, UnsupportedFlow> {
        Ok(match ty {
            Type::Own(resource) if self.input_stream == Some(resource) => Shape::InputStream,
            Type::Own(_) | Type::Borrow(_) => return Err(UnsupportedFlow::Type("a resource")),
            Type::ErrorContext => return Err(UnsupportedFlow::Type("an error context")),
            Type::Stream(stream) => flow(FlowKind::Stream, stream.ty())?,
            Type::Future(future) => flow(FlowKind::Future, future.ty())?,
            Type::List(list) => self.elements("a list", &list.ty())?,
            Type::FixedLengthList(list) => self.elements("a list", &list.ty())?,
            Type::Map(map) => {
                self.elements("a map", &map.key())?;
                self.elements("a map", &map.value())?
            }
            Type::Option(option) => match self.ty(&option.ty())? {
                Shape::Plain => Shape::Plain,
                shape => Shape::Option(Box::new(shape)),
            },
            Type::Result(result) => {
                let ok = self.payload(result.ok().as_ref())?;
                let err = self.payload(result.err().as_ref())?;
                match (ok, err) {
                    (Shape::Plain, Shape::Plain) => Shape::Plain,
                    (ok, err) => Shape::Result(Box::new(ok), Box::new(err)),
                }
            }
            Type::Record(record) => Shape::members(
                record
                    .fields()
                    .map(|field| self.ty(&field.ty))
                    .collect::<Result<_, _>>()?,
            ),
            Type::Tuple(tuple) => Shape::members(
                tuple
                    .types()
                    .map(|ty| self.ty(&ty))
                    .collect::<Result<_, _>>()?,
            ),
            Type::Variant(variant) => {
                let cases = variant
                    .cases()
                    .map(|case| Ok((case.name.to_owned(), self.payload(case.ty.as_ref())?)))
                    .collect::<Result<Vec<_>, UnsupportedFlow>>()?;
                if cases.iter().all(|(_, shape)| *shape == Shape::Plain) {
                    Shape::Plain
                } else {
                    Shape::Variant(cases)
                }
            }
            _ => Shape::Plain,
        })
    }

    fn payload(&mut self, ty: Option<&Type>) -> Result<Shape, UnsupportedFlow> {
        ty.map_or(Ok(Shape::Plain), |ty| self.ty(ty))
    }

    /// Elements, whose flows would have no address.
    fn elements(&mut self, within: &str, ty: &Type) -> Result<Shape, UnsupportedFlow> {
        match self.ty(ty)? {
            Shape::Plain => Ok(Shape::Plain),
            _ => Err(UnsupportedFlow::Flow(format!(
                "streams or futures within {within}"
            ))),
        }
    }
}

fn flow(kind: FlowKind, ty: Option<Type>) -> Result<Shape, UnsupportedFlow> {
    match ty.as_ref().map(Element::of) {
        Some(Some(element)) => Ok(Shape::Flow(kind, element)),
        Some(None) => Err(UnsupportedFlow::Flow(format!(
            "a {kind} of something else than numbers, bool, char, string or list<u8>"
        ))),
        None => Err(UnsupportedFlow::Flow(format!("a {kind} of nothing"))),
    }
}
