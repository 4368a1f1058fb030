//! Random numbers for ids and for picking a queue member. Not for secrets.

use std::hash::{BuildHasher, Hasher, RandomState};

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// First byte of a server's public key; it makes the text begin with `N`.
const SERVER_KEY_PREFIX: u8 = 13 << 3;

/// A small generator (xorshift64*), seeded from the operating system through `RandomState`.
#[derive(Debug, Clone)]
pub(crate) struct Entropy(u64);

impl Entropy {
    pub(crate) fn new() -> Self {
        // Every `RandomState` has keys of its own, so every generator starts elsewhere.
        Self(RandomState::new().build_hasher().finish() | 1)
    }

    /// One whose numbers are always the same.
    #[cfg(test)]
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `bound`, which is at least 1.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        // The high half of the product maps the range evenly enough for picking a member.
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// A text of `len` letters and digits.
    pub(crate) fn text(&mut self, len: usize) -> String {
        (0..len)
            .map(|_| char::from(BASE62[self.below(BASE62.len())]))
            .collect()
    }

    /// An id in the form of a server's public key: `N` and 55 more base32 characters, checksum included.
    pub(crate) fn server_id(&mut self) -> String {
        let mut raw = vec![SERVER_KEY_PREFIX];
        for _ in 0..4 {
            raw.extend_from_slice(&self.next().to_le_bytes());
        }
        let checksum = crc16(&raw);
        raw.extend_from_slice(&checksum.to_le_bytes());
        base32(&raw)
    }
}

fn crc16(data: &[u8]) -> u16 {
    data.iter().fold(0, |mut crc: u16, byte| {
        crc ^= u16::from(*byte) << 8;
        for _ in 0..8 {
            crc = if crc & 0x8000 == 0 {
                crc << 1
            } else {
                (crc << 1) ^ 0x1021
            };
        }
        crc
    })
}

fn base32(data: &[u8]) -> String {
    let mut text = String::with_capacity(data.len().div_ceil(5) * 8);
    let mut bits = 0_u32;
    let mut held = 0;
    for byte in data {
        bits = (bits << 8) | u32::from(*byte);
        held += 8;
        while held >= 5 {
            held -= 5;
            text.push(char::from(BASE32[(bits >> held) as usize & 31]));
        }
    }
    if held > 0 {
        text.push(char::from(BASE32[(bits << (5 - held)) as usize & 31]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_ids_look_like_public_keys() {
        let id = Entropy::new().server_id();
        assert_eq!(id.len(), 56);
        assert!(id.starts_with('N'));
        assert!(id.bytes().all(|byte| BASE32.contains(&byte)));
    }

    #[test]
    fn numbers_stay_below_their_bound() {
        let mut entropy = Entropy::new();
        assert!((0..1000).all(|_| entropy.below(3) < 3));
        assert_eq!(entropy.below(1), 0);
    }
}
