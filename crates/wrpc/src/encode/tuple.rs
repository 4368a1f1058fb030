//! Tuples, which are also what parameters and results are.

use super::{Decode, Encode, Typed};
use crate::codec::{Error, Reader, Writer};
use crate::ty::Type;

/// A Rust tuple of parameters or results.
pub trait Tuple {
    /// The types of its members.
    fn members() -> Vec<Type>;
}

impl Tuple for () {
    fn members() -> Vec<Type> {
        Vec::new()
    }
}

impl Encode for () {
    fn encode(&self, _: &mut Writer) {}
}

impl Decode for () {
    fn decode(_: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(())
    }
}

macro_rules! tuples {
    ($(($($name:ident $index:tt),+))+) => {$(
        impl<$($name: Typed),+> Tuple for ($($name,)+) {
            fn members() -> Vec<Type> {
                vec![$($name::ty()),+]
            }
        }

        impl<$($name: Typed),+> Typed for ($($name,)+) {
            fn ty() -> Type {
                Type::tuple(Self::members())
            }
        }

        impl<$($name: Encode),+> Encode for ($($name,)+) {
            fn encode(&self, writer: &mut Writer) {
                $(writer.at($index, |writer| self.$index.encode(writer));)+
            }
        }

        impl<$($name: Decode),+> Decode for ($($name,)+) {
            fn decode(reader: &mut Reader<'_>) -> Result<Self, Error> {
                Ok(($(reader.at($index, $name::decode)?,)+))
            }
        }
    )+};
}

tuples! {
    (A 0)
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9)
}
