//! Numbers of variable length.

/// The most bytes that a number of 64 bits takes.
pub(crate) const BYTES_MAX: usize = 10;

/// What reading one more byte of a number gave.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    More,
    Done,
    Overflow,
}

/// An unsigned number that arrives byte by byte.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Unsigned {
    pub(crate) value: u64,
    shift: u32,
}

/// A signed number that arrives byte by byte.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Signed {
    value: u64,
    shift: u32,
}

// ===== impl Unsigned =====

impl Unsigned {
    pub(crate) fn push(&mut self, byte: u8, bits: u32) -> Step {
        let part = u64::from(byte & 0x7f);
        let room = bits.saturating_sub(self.shift);
        if room == 0 || (room < 7 && part >> room != 0) {
            return Step::Overflow;
        }
        self.value |= part << self.shift;
        self.shift += 7;
        if byte & 0x80 == 0 {
            Step::Done
        } else {
            Step::More
        }
    }
}

// ===== impl Signed =====

impl Signed {
    pub(super) fn push(&mut self, byte: u8, bits: u32) -> Step {
        let room = bits.saturating_sub(self.shift);
        if room == 0 {
            return Step::Overflow;
        }
        if room < 7 {
            // The bits that do not fit must repeat the sign.
            let rest = (byte & 0x7f) >> (room - 1);
            let all = 0x7f >> (room - 1);
            if byte & 0x80 != 0 || (rest != 0 && rest != all) {
                return Step::Overflow;
            }
        }
        self.value |= u64::from(byte & 0x7f) << self.shift;
        self.shift += 7;
        if byte & 0x80 != 0 {
            return Step::More;
        }
        if self.shift < u64::BITS && byte & 0x40 != 0 {
            self.value |= u64::MAX << self.shift;
        }
        Step::Done
    }

    pub(super) fn value(self) -> i64 {
        self.value.cast_signed()
    }
}

/// Appends an unsigned number.
pub(crate) fn put_unsigned(buffer: &mut impl bytes::BufMut, mut value: u64) {
    while value >= 0x80 {
        buffer.put_u8((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    buffer.put_u8(value as u8);
}

/// Appends a signed number.
pub(super) fn put_signed(buffer: &mut impl bytes::BufMut, mut value: i64) {
    loop {
        let part = (value & 0x7f) as u8;
        value >>= 7;
        let is_last = (value == 0 && part & 0x40 == 0) || (value == -1 && part & 0x40 != 0);
        if is_last {
            return buffer.put_u8(part);
        }
        buffer.put_u8(part | 0x80);
    }
}

/// Reads an unsigned number of 64 bits that is all there is.
pub(crate) fn parse_unsigned(bytes: &[u8]) -> Option<u64> {
    let mut number = Unsigned::default();
    let (last, first) = bytes.split_last()?;
    for byte in first {
        if number.push(*byte, u64::BITS) != Step::More {
            return None;
        }
    }
    (number.push(*last, u64::BITS) == Step::Done).then_some(number.value)
}
