//! Finds the end of values while their bytes arrive.

use std::slice;

use super::leb::{Signed, Step, Unsigned};
use super::reader::char_length;
use super::{Error, VALUE_DEPTH_MAX};
use crate::ty::{Case, Field, Type};

/// Finds out where a value ends, from its type, over bytes that arrive in pieces; each byte is looked at once and none is
/// kept. What it has passed is complete, and not yet known to be valid in all its parts: that is found by reading it.
#[derive(Debug)]
pub struct Scan<'t> {
    stack: Vec<Frame<'t>>,
    /// Bytes to pass over before anything else.
    skip: u64,
    partial: Partial<'t>,
    position: usize,
}

/// Whether a value is complete.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Progress {
    /// All given bytes belong to it and more are needed.
    More,
    /// It is complete.
    Done {
        /// How many of the bytes given last belong to it.
        used: usize,
    },
}

/// What is still to come, innermost last.
#[derive(Debug)]
enum Frame<'t> {
    Members(slice::Iter<'t, Type>),
    Fields(slice::Iter<'t, Field>),
    Repeat(&'t Type, u64),
}

/// What is being read byte by byte.
#[derive(Clone, Copy, Debug)]
enum Partial<'t> {
    Nothing,
    Value(&'t Type),
    Unsigned(Unsigned, u32, Then<'t>),
    Signed(Signed, u32),
}

/// What a number was for.
#[derive(Clone, Copy, Debug)]
enum Then<'t> {
    Nothing,
    Elements(&'t Type),
    Bytes,
    Case(&'t [Case]),
    Name(usize),
}

// ===== impl Scan =====

impl<'t> Scan<'t> {
    /// For a value of a type.
    pub fn new(ty: &'t Type) -> Self {
        Self::elements(ty, 1)
    }

    /// For `count` values of a type, one after the other.
    pub fn elements(ty: &'t Type, count: u64) -> Self {
        let mut scan = Self {
            stack: Vec::new(),
            skip: 0,
            partial: Partial::Nothing,
            position: 0,
        };
        scan.repeat(ty, count);
        scan
    }

    /// Takes the next bytes. After an error or [`Progress::Done`] nothing more may be given.
    ///
    /// # Errors
    ///
    /// When the bytes cannot be the value.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Progress, Error> {
        let mut left = bytes;
        loop {
            let skipped =
                usize::try_from(self.skip).map_or(left.len(), |skip| skip.min(left.len()));
            left = &left[skipped..];
            self.position += skipped;
            self.skip -= skipped as u64;
            if self.skip > 0 {
                return Ok(Progress::More);
            }
            if let Partial::Nothing = self.partial {
                let Some(ty) = self.next() else {
                    let used = bytes.len() - left.len();
                    return Ok(Progress::Done { used });
                };
                self.partial = Partial::Value(ty);
            }
            if let Partial::Value(ty) = self.partial
                && self.begin(ty)?
            {
                continue;
            }
            let Some((&byte, rest)) = left.split_first() else {
                return Ok(Progress::More);
            };
            left = rest;
            self.position += 1;
            self.step(byte)?;
        }
    }

    /// The type of the next value.
    fn next(&mut self) -> Option<&'t Type> {
        loop {
            match self.stack.last_mut()? {
                Frame::Members(members) => {
                    if let Some(member) = members.next() {
                        return Some(member);
                    }
                }
                Frame::Fields(fields) => {
                    if let Some(field) = fields.next() {
                        return Some(&field.ty);
                    }
                }
                Frame::Repeat(ty, count) => {
                    if *count > 0 {
                        *count -= 1;
                        return Some(ty);
                    }
                }
            }
            self.stack.pop();
        }
    }

    /// Begins a value whose first byte needs no look; whether it did.
    fn begin(&mut self, ty: &'t Type) -> Result<bool, Error> {
        match ty {
            Type::U8 | Type::S8 => self.skip = 1,
            Type::F32 => self.skip = 4,
            Type::F64 => self.skip = 8,
            Type::Flags(names) => self.skip = names.len().div_ceil(8) as u64,
            Type::Tuple(members) => self.push_frame(Frame::Members(members.iter()))?,
            Type::Record(fields) => self.push_frame(Frame::Fields(fields.iter()))?,
            Type::U16 => return Ok(self.number(16, Then::Nothing)),
            Type::U32 => return Ok(self.number(32, Then::Nothing)),
            Type::U64 => return Ok(self.number(64, Then::Nothing)),
            Type::String | Type::Resource => return Ok(self.number(32, Then::Bytes)),
            Type::List(element) | Type::Stream(element) => {
                return Ok(self.number(32, Then::Elements(element)));
            }
            Type::Variant(cases) => return Ok(self.number(32, Then::Case(cases))),
            Type::Enum(names) => return Ok(self.number(32, Then::Name(names.len()))),
            Type::S16 => return Ok(self.signed(16)),
            Type::S32 => return Ok(self.signed(32)),
            Type::S64 => return Ok(self.signed(64)),
            Type::Bool | Type::Char | Type::Option(_) | Type::Result { .. } | Type::Future(_) => {
                return Ok(false);
            }
        }
        self.partial = Partial::Nothing;
        Ok(true)
    }

    fn number(&mut self, bits: u32, then: Then<'t>) -> bool {
        self.partial = Partial::Unsigned(Unsigned::default(), bits, then);
        false
    }

    fn signed(&mut self, bits: u32) -> bool {
        self.partial = Partial::Signed(Signed::default(), bits);
        false
    }

    fn step(&mut self, byte: u8) -> Result<(), Error> {
        match &mut self.partial {
            Partial::Nothing => Ok(()),
            Partial::Value(ty) => {
                let ty = *ty;
                self.partial = Partial::Nothing;
                self.choose(ty, byte)
            }
            Partial::Signed(number, bits) => {
                let (step, bits) = (number.push(byte, *bits), *bits);
                self.is_whole(step, bits)?;
                Ok(())
            }
            Partial::Unsigned(number, bits, then) => {
                let (step, bits) = (number.push(byte, *bits), *bits);
                let (value, then) = (number.value, *then);
                if self.is_whole(step, bits)? {
                    self.then(then, value)?;
                }
                Ok(())
            }
        }
    }

    fn is_whole(&mut self, step: Step, bits: u32) -> Result<bool, Error> {
        match step {
            Step::More => Ok(false),
            Step::Done => {
                self.partial = Partial::Nothing;
                Ok(true)
            }
            Step::Overflow => Err(Error::Number {
                at: self.position,
                bits,
            }),
        }
    }

    /// A value whose first byte says what follows.
    fn choose(&mut self, ty: &'t Type, byte: u8) -> Result<(), Error> {
        let at = self.position;
        if let Type::Char = ty {
            let length = char_length(byte).ok_or(Error::Text { at })?;
            self.skip = length as u64 - 1;
            return Ok(());
        }
        let payload = match (ty, byte) {
            (Type::Bool, 0 | 1) | (Type::Option(_) | Type::Future(_), 0) => None,
            (Type::Option(payload) | Type::Future(payload), 1) => Some(payload),
            (Type::Result { ok, .. }, 0) => ok.as_ref(),
            (Type::Result { err, .. }, 1) => err.as_ref(),
            _ => {
                return Err(Error::Byte {
                    at,
                    found: byte,
                    what: "bool, option, result or future",
                });
            }
        };
        match payload {
            Some(payload) => self.push_frame(Frame::Repeat(payload, 1)),
            None => Ok(()),
        }
    }

    fn then(&mut self, then: Then<'t>, value: u64) -> Result<(), Error> {
        let at = self.position;
        match then {
            Then::Nothing => {}
            Then::Bytes => self.skip = value,
            Then::Elements(element) => match fixed_size(element) {
                Some(size) => self.skip = value * size,
                None => self.push_frame(Frame::Repeat(element, value))?,
            },
            Then::Case(cases) => {
                let case = usize::try_from(value)
                    .ok()
                    .and_then(|index| cases.get(index));
                let case = case.ok_or(Error::Case {
                    at,
                    found: value as u32,
                    cases: cases.len(),
                })?;
                if let Some(payload) = &case.ty {
                    self.push_frame(Frame::Repeat(payload, 1))?;
                }
            }
            Then::Name(cases) => {
                if value >= cases as u64 {
                    return Err(Error::Case {
                        at,
                        found: value as u32,
                        cases,
                    });
                }
            }
        }
        Ok(())
    }

    fn repeat(&mut self, ty: &'t Type, count: u64) {
        self.stack.push(Frame::Repeat(ty, count));
    }

    fn push_frame(&mut self, frame: Frame<'t>) -> Result<(), Error> {
        // One frame for the elements asked for, one for what is within each level.
        if self.stack.len() > VALUE_DEPTH_MAX {
            return Err(Error::Depth);
        }
        self.stack.push(frame);
        Ok(())
    }
}

/// The size of values that all have the same. Never more than 8, so that 2³² of them are counted in 64 bits.
fn fixed_size(ty: &Type) -> Option<u64> {
    match ty {
        Type::U8 | Type::S8 => Some(1),
        Type::F32 => Some(4),
        Type::F64 => Some(8),
        _ => None,
    }
}
