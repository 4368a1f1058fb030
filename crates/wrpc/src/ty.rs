//! Types of values, as WIT has them.

mod addressed;
mod path;

use std::fmt;
use std::sync::Arc;

pub use addressed::{Addressed, Asynchronous};
pub use path::{PATH_DEPTH_MAX, Path};

/// How deep types nest at most.
pub const TYPE_DEPTH_MAX: usize = 64;
/// How many nodes a type has at most, each use of a shared part counted.
pub const TYPE_NODES_MAX: usize = 20_000;

/// The type of a value. Cheap to clone.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Type {
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
    /// `list<T>`.
    List(Arc<Self>),
    /// `record`: its fields in order.
    Record(Arc<[Field]>),
    /// `tuple`: its members in order.
    Tuple(Arc<[Self]>),
    /// `variant`: its cases in order.
    Variant(Arc<[Case]>),
    /// `enum`: the names of its cases in order.
    Enum(Arc<[Arc<str>]>),
    /// `option<T>`.
    Option(Arc<Self>),
    /// `result<T, E>`; either may be without a payload.
    Result {
        /// The payload of success.
        ok: Option<Arc<Self>>,
        /// The payload of failure.
        err: Option<Arc<Self>>,
    },
    /// `flags`: their names in order.
    Flags(Arc<[Arc<str>]>),
    /// A handle of a resource, owned or borrowed: opaque bytes.
    Resource,
    /// `stream<T>`.
    Stream(Arc<Self>),
    /// `future<T>`.
    Future(Arc<Self>),
}

/// A field of a record.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Field {
    /// Its name, as in WIT.
    pub name: Arc<str>,
    /// Its type.
    pub ty: Type,
}

/// A case of a variant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Case {
    /// Its name, as in WIT.
    pub name: Arc<str>,
    /// The type of its payload, if it has one.
    pub ty: Option<Type>,
}

/// The parameters and results of a function, each as one tuple, checked to be such as can cross the wire.
#[derive(Clone, Debug)]
pub struct Signature {
    params: Addressed,
    results: Addressed,
}

/// Why values of a type cannot cross the wire. The place is a path such as `params.0.body`.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TypeError {
    /// More than [`TYPE_DEPTH_MAX`] types within each other.
    #[error("the type at `{place}` nests deeper than {TYPE_DEPTH_MAX} levels")]
    TooDeep {
        /// Where.
        place: String,
    },
    /// More than [`TYPE_NODES_MAX`] nodes.
    #[error("the type of the function has more than {TYPE_NODES_MAX} parts")]
    TooLarge,
    /// A tuple, record, variant, enum or flags of nothing, which WIT does not know.
    #[error("the type at `{place}` has no parts")]
    Empty {
        /// Where.
        place: String,
    },
    /// A stream or future within the elements of a list, a stream or a future has no subject of its own (spec §4.4).
    #[error("the {what} at `{place}` is within {within} and cannot be addressed on the wire")]
    Unaddressable {
        /// Where.
        place: String,
        /// `stream` or `future`.
        what: &'static str,
        /// What it is within, such as `a list`.
        within: &'static str,
    },
    /// A stream or future lies too deep for a subject.
    #[error("the {what} at `{place}` lies deeper than {PATH_DEPTH_MAX} levels")]
    PathTooDeep {
        /// Where.
        place: String,
        /// `stream` or `future`.
        what: &'static str,
    },
    /// A stream or future of elements that a host cannot read or make without having been compiled for them.
    #[error(
        "the {what} at `{place}` has elements of type `{element}`; only numbers, bool, char, string and list<u8> can \
         be carried"
    )]
    Element {
        /// Where.
        place: String,
        /// `stream` or `future`.
        what: &'static str,
        /// The type of the elements, as WIT writes it.
        element: String,
    },
}

// ===== impl Type =====

impl Type {
    /// `list<u8>`.
    pub fn bytes() -> Self {
        Self::List(Arc::new(Self::U8))
    }

    /// `list<element>`.
    pub fn list(element: Self) -> Self {
        Self::List(Arc::new(element))
    }

    /// `option<payload>`.
    pub fn option(payload: Self) -> Self {
        Self::Option(Arc::new(payload))
    }

    /// `result<ok, err>`.
    pub fn result(ok: Option<Self>, err: Option<Self>) -> Self {
        Self::Result {
            ok: ok.map(Arc::new),
            err: err.map(Arc::new),
        }
    }

    /// `stream<element>`.
    pub fn stream(element: Self) -> Self {
        Self::Stream(Arc::new(element))
    }

    /// `future<payload>`.
    pub fn future(payload: Self) -> Self {
        Self::Future(Arc::new(payload))
    }

    /// `tuple<members>`.
    pub fn tuple(members: impl IntoIterator<Item = Self>) -> Self {
        Self::Tuple(members.into_iter().collect())
    }

    /// `record` of named fields.
    pub fn record<N: Into<Arc<str>>>(fields: impl IntoIterator<Item = (N, Self)>) -> Self {
        let fields = fields.into_iter().map(|(name, ty)| Field {
            name: name.into(),
            ty,
        });
        Self::Record(fields.collect())
    }

    /// `variant` of named cases.
    pub fn variant<N: Into<Arc<str>>>(cases: impl IntoIterator<Item = (N, Option<Self>)>) -> Self {
        let cases = cases.into_iter().map(|(name, ty)| Case {
            name: name.into(),
            ty,
        });
        Self::Variant(cases.collect())
    }

    /// `enum` of named cases.
    pub fn enumeration<N: Into<Arc<str>>>(cases: impl IntoIterator<Item = N>) -> Self {
        Self::Enum(cases.into_iter().map(Into::into).collect())
    }

    /// `flags` of these names.
    pub fn flags<N: Into<Arc<str>>>(names: impl IntoIterator<Item = N>) -> Self {
        Self::Flags(names.into_iter().map(Into::into).collect())
    }

    /// Whether a host can read and make streams and futures of such elements at run time: numbers, `bool`, `char`,
    /// `string` and `list<u8>`.
    pub fn is_portable_element(&self) -> bool {
        match self {
            Self::List(element) => **element == Self::U8,
            Self::Bool
            | Self::U8
            | Self::U16
            | Self::U32
            | Self::U64
            | Self::S8
            | Self::S16
            | Self::S32
            | Self::S64
            | Self::F32
            | Self::F64
            | Self::Char
            | Self::String => true,
            _ => false,
        }
    }
}

impl fmt::Display for Type {
    /// As WIT writes it; records, variants, enums and flags by their kind, since types here have no names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = match self {
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
            Self::Record(_) => "record",
            Self::Variant(_) => "variant",
            Self::Enum(_) => "enum",
            Self::Flags(_) => "flags",
            Self::Resource => "resource",
            Self::List(element) => return write!(f, "list<{element}>"),
            Self::Option(payload) => return write!(f, "option<{payload}>"),
            Self::Stream(element) => return write!(f, "stream<{element}>"),
            Self::Future(payload) => return write!(f, "future<{payload}>"),
            Self::Result { ok, err } => return fmt_result(f, ok.as_deref(), err.as_deref()),
            Self::Tuple(members) => return fmt_tuple(f, members),
        };
        f.write_str(plain)
    }
}

fn fmt_result(f: &mut fmt::Formatter<'_>, ok: Option<&Type>, err: Option<&Type>) -> fmt::Result {
    match (ok, err) {
        (None, None) => f.write_str("result"),
        (Some(ok), None) => write!(f, "result<{ok}>"),
        (None, Some(err)) => write!(f, "result<_, {err}>"),
        (Some(ok), Some(err)) => write!(f, "result<{ok}, {err}>"),
    }
}

fn fmt_tuple(f: &mut fmt::Formatter<'_>, members: &[Type]) -> fmt::Result {
    f.write_str("tuple<")?;
    for (index, member) in members.iter().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        write!(f, "{separator}{member}")?;
    }
    f.write_str(">")
}

// ===== impl Signature =====

impl Signature {
    /// A function with these parameters and results.
    ///
    /// # Errors
    ///
    /// When values of a type cannot cross the wire.
    pub fn new(
        params: impl IntoIterator<Item = Type>,
        results: impl IntoIterator<Item = Type>,
    ) -> Result<Self, TypeError> {
        Ok(Self {
            params: Addressed::new("params", Type::tuple(params))?,
            results: Addressed::new("results", Type::tuple(results))?,
        })
    }

    /// The parameters, as a tuple.
    pub fn params(&self) -> &Addressed {
        &self.params
    }

    /// The results, as a tuple.
    pub fn results(&self) -> &Addressed {
        &self.results
    }

    /// Whether every stream and future has elements that a host can read and make at run time.
    ///
    /// # Errors
    ///
    /// [`TypeError::Element`] for the first that has not.
    pub fn ensure_portable(&self) -> Result<(), TypeError> {
        self.params.ensure_portable()?;
        self.results.ensure_portable()
    }
}

#[cfg(test)]
mod tests;
