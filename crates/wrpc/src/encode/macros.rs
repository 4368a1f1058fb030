//! Macros that make Rust types values.

/// Makes a struct a `record`: its fields in order, with their WIT names where these differ.
///
/// One whose streams come in can only be read, one whose streams go out only be written: `record!(decode ...)`,
/// `record!(encode ...)`. The type of the record is that of the former.
///
/// ```
/// struct Point { x: i32, y: i64, label: Option<String> }
/// weft_wrpc::record!(Point { x, y, label: "label-text" });
/// let bytes = weft_wrpc::codec::Encoded::of(&(Point { x: 1, y: -1, label: None },))?;
/// assert_eq!(bytes.bytes().as_ref(), [1, 0x7f, 0]);
/// # Ok::<(), weft_wrpc::codec::Error>(())
/// ```
#[macro_export]
macro_rules! record {
    (encode $type:ident { $($field:ident $(: $name:literal)?),+ $(,)? }) => {
        impl $crate::Encode for $type {
            fn encode(&self, writer: &mut $crate::codec::Writer) {
                let mut index = 0;
                $(
                    writer.at(index, |writer| $crate::Encode::encode(&self.$field, writer));
                    index += 1;
                )+
                let _ = index;
            }
        }
    };
    (decode $type:ident { $($field:ident $(: $name:literal)?),+ $(,)? }) => {
        impl $crate::Typed for $type {
            fn ty() -> $crate::Type {
                // The types are found through the fields, so that they need not be told twice.
                fn of<T: $crate::Typed, S>(_: fn(&S) -> &T) -> $crate::Type {
                    T::ty()
                }
                $crate::Type::record([
                    $(($crate::__name!($field $($name)?), of(|value: &Self| &value.$field)),)+
                ])
            }
        }

        impl $crate::Decode for $type {
            fn decode(
                reader: &mut $crate::codec::Reader<'_>,
            ) -> ::core::result::Result<Self, $crate::codec::Error> {
                let mut index = 0;
                $(
                    let $field = reader.at(index, $crate::Decode::decode)?;
                    index += 1;
                )+
                let _ = index;
                ::core::result::Result::Ok(Self { $($field),+ })
            }
        }
    };
    ($type:ident { $($field:ident $(: $name:literal)?),+ $(,)? }) => {
        $crate::record!(encode $type { $($field $(: $name)?),+ });
        $crate::record!(decode $type { $($field $(: $name)?),+ });
    };
}

/// Makes a fieldless Rust enum an `enum`: its cases in order, with their WIT names.
///
/// ```
/// #[derive(Clone, Copy)]
/// enum Colour { Red, Green }
/// weft_wrpc::enumeration!(Colour { Red: "red", Green: "green" });
/// assert_eq!(weft_wrpc::codec::Encoded::of(&(Colour::Green,))?.bytes().as_ref(), [1]);
/// # Ok::<(), weft_wrpc::codec::Error>(())
/// ```
#[macro_export]
macro_rules! enumeration {
    ($type:ident { $($case:ident: $name:literal),+ $(,)? }) => {
        impl $crate::Typed for $type {
            fn ty() -> $crate::Type {
                $crate::Type::enumeration([$($name),+])
            }
        }

        impl $crate::Encode for $type {
            fn encode(&self, writer: &mut $crate::codec::Writer) {
                let mut index = 0;
                $(
                    if matches!(self, Self::$case) {
                        return writer.case(index);
                    }
                    index += 1;
                )+
                let _ = index;
            }
        }

        impl $crate::Decode for $type {
            fn decode(
                reader: &mut $crate::codec::Reader<'_>,
            ) -> ::core::result::Result<Self, $crate::codec::Error> {
                let cases = [$(Self::$case),+];
                let case = reader.case(cases.len())?;
                let found = cases.into_iter().nth(case as usize);
                ::core::result::Result::Ok(found.expect("the case was checked against their number"))
            }
        }
    };
}

/// Makes a Rust enum a `variant`: its cases in order, with their WIT names, each with one payload or none.
///
/// ```
/// enum Shape { Dot, Circle(f64) }
/// weft_wrpc::variant!(Shape { Dot: "dot", Circle(f64): "circle" });
/// assert_eq!(weft_wrpc::codec::Encoded::of(&(Shape::Dot,))?.bytes().as_ref(), [0]);
/// # Ok::<(), weft_wrpc::codec::Error>(())
/// ```
#[macro_export]
macro_rules! variant {
    ($type:ident { $($case:ident $(($payload:ty))?: $name:literal),+ $(,)? }) => {
        impl $crate::Typed for $type {
            fn ty() -> $crate::Type {
                $crate::Type::variant([
                    $(($name, $crate::__payload!($($payload)?)),)+
                ])
            }
        }

        impl $crate::Encode for $type {
            fn encode(&self, writer: &mut $crate::codec::Writer) {
                let mut index = 0;
                $(
                    if let $crate::__pattern!(Self::$case, payload $($payload)?) = self {
                        writer.case(index);
                        $crate::__encode!(writer, index, payload $($payload)?);
                        return;
                    }
                    index += 1;
                )+
                let _ = index;
            }
        }

        impl $crate::Decode for $type {
            fn decode(
                reader: &mut $crate::codec::Reader<'_>,
            ) -> ::core::result::Result<Self, $crate::codec::Error> {
                let case = reader.case([$($name),+].len())?;
                let mut index = 0;
                $(
                    if case == index {
                        return ::core::result::Result::Ok(
                            $crate::__decode!(reader, index, Self::$case, $($payload)?),
                        );
                    }
                    index += 1;
                )+
                let _ = index;
                unreachable!("the case was checked against their number")
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __name {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $name:literal) => {
        $name
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __payload {
    () => {
        ::core::option::Option::None
    };
    ($payload:ty) => {
        ::core::option::Option::Some(<$payload as $crate::Typed>::ty())
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __pattern {
    (Self::$case:ident, $name:ident) => {
        Self::$case
    };
    (Self::$case:ident, $name:ident $payload:ty) => {
        Self::$case($name)
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __encode {
    ($writer:ident, $index:ident, $name:ident) => {};
    ($writer:ident, $index:ident, $name:ident $payload:ty) => {
        $writer.at($index, |writer| $crate::Encode::encode($name, writer))
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __decode {
    ($reader:ident, $index:ident, Self::$case:ident,) => {
        Self::$case
    };
    ($reader:ident, $index:ident, Self::$case:ident, $payload:ty) => {
        Self::$case($reader.at($index, <$payload as $crate::Decode>::decode)?)
    };
}
