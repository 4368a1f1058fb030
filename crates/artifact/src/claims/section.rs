//! Claims inside of components: a custom section, and the hash of everything else.

use std::time::SystemTime;

use nkeys::KeyPair;
use sha2::{Digest as _, Sha256};

use super::error::ClaimsError;
use super::record::{About, Claims, ComponentClaims};
use super::token::{Times, Token};

/// The section that is written, and the older name that is read as well.
const SECTIONS: [&[u8]; 2] = [b"wasmcloud_jwt", b"jwt"];
const MAGIC: &[u8; 4] = b"\0asm";
const MODULE_HEADER: &[u8; 8] = b"\0asm\x01\0\0\0";
const COMPONENT_HEADER: &[u8; 8] = b"\0asm\x0d\0\x01\0";
const CUSTOM: u8 = 0;
/// Sections of a component that hold a core module or a component.
const NESTED: [u8; 2] = [1, 4];
/// How deep components may stand in components.
const DEPTH_MAX: usize = 64;
/// The form of tokens from which on the hash is enforced.
const HASHED_FORM: u32 = 3;

/// What WebAssembly bytes are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Layer {
    Module,
    Component,
}

/// Goes over the sections of one module or component, not into nested ones.
struct Sections<'a> {
    rest: &'a [u8],
}

/// The claims embedded in a component or module, unverified; `None` when it is not signed.
///
/// # Errors
///
/// [`ClaimsError`] when the bytes are not WebAssembly or the token cannot be read.
pub fn read(wasm: &[u8]) -> Result<Option<Token>, ClaimsError> {
    for section in Sections::of(wasm)?.1 {
        let (id, data) = section?;
        if let Some(text) = claims_section(id, data) {
            let text =
                str::from_utf8(text).map_err(|_| ClaimsError::Malformed { part: "token" })?;
            return Token::parse(text).map(Some);
        }
    }
    Ok(None)
}

/// The claims embedded in a component, verified: signature, issuer, time, and hash of the content. `None` when it is
/// not signed.
///
/// # Errors
///
/// [`ClaimsError`], saying what is wrong.
pub fn verify(wasm: &[u8], now: SystemTime) -> Result<Option<Claims>, ClaimsError> {
    let Some(token) = read(wasm)? else {
        return Ok(None);
    };
    let claims = token.verify(now)?;
    let Some(component) = claims.component() else {
        return Err(ClaimsError::Kind {
            subject: claims.subject.clone(),
            wanted: "component",
        });
    };
    if claims.form.is_some_and(|form| form >= HASHED_FORM) {
        let found = hash_unsigned(wasm)?;
        if !component.hash.eq_ignore_ascii_case(&found) {
            return Err(ClaimsError::Hash {
                subject: claims.subject.clone(),
                expected: component.hash.clone(),
                found,
            });
        }
    }
    Ok(Some(claims.clone()))
}

/// Signs a component: claims about `subject`, a key of kind `M`, made by `issuer`, an account key, replace any that it
/// has. The hash in `claims` is set.
///
/// # Errors
///
/// [`ClaimsError`] when the bytes are not WebAssembly or the keys are of the wrong kind.
pub fn sign(
    wasm: &[u8],
    subject: &str,
    claims: ComponentClaims,
    times: Times,
    issuer: &KeyPair,
) -> Result<Vec<u8>, ClaimsError> {
    let hash = hash_unsigned(wasm)?;
    let about = About::Component(ComponentClaims { hash, ..claims });
    embed(wasm, &Token::sign(subject, about, times, issuer)?)
}

/// Puts a token into a component in the place of any that it has.
///
/// # Errors
///
/// [`ClaimsError::NotWasm`].
pub fn embed(wasm: &[u8], token: &Token) -> Result<Vec<u8>, ClaimsError> {
    let mut output = without_claims(wasm, 0)?;
    let name = SECTIONS[0];
    let mut data = Vec::with_capacity(name.len() + token.as_str().len() + 1);
    write_leb(name.len(), &mut data);
    data.extend_from_slice(name);
    data.extend_from_slice(token.as_str().as_bytes());
    write_section(CUSTOM, &data, &mut output);
    Ok(output)
}

/// The SHA-256 of a component without claims, in upper-case hexadecimal digits, as it stands in claims.
///
/// # Errors
///
/// [`ClaimsError::NotWasm`].
pub fn hash_unsigned(wasm: &[u8]) -> Result<String, ClaimsError> {
    Ok(hex_upper(&Sha256::digest(without_claims(wasm, 0)?)))
}

pub(crate) fn hex_upper(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    bytes
        .iter()
        .flat_map(|byte| {
            [
                DIGITS[usize::from(byte >> 4)],
                DIGITS[usize::from(byte & 15)],
            ]
        })
        .map(char::from)
        .collect()
}

/// What the bytes are, by their header.
fn layer(bytes: &[u8]) -> Option<Layer> {
    if !bytes.starts_with(MAGIC) {
        return None;
    }
    match bytes.get(6..8)? {
        [0, 0] => Some(Layer::Module),
        [1, 0] => Some(Layer::Component),
        _ => None,
    }
}

/// The bytes without claims at any depth. Lengths are written in their shortest form, as the signers of this
/// ecosystem do, so that the hash does not depend on the linker.
fn without_claims(wasm: &[u8], depth: usize) -> Result<Vec<u8>, ClaimsError> {
    if depth > DEPTH_MAX {
        return Err(ClaimsError::NotWasm);
    }
    let (layer, sections) = Sections::of(wasm)?;
    let mut output = Vec::with_capacity(wasm.len());
    output.extend_from_slice(match layer {
        Layer::Module => MODULE_HEADER,
        Layer::Component => COMPONENT_HEADER,
    });
    for section in sections {
        let (id, data) = section?;
        if claims_section(id, data).is_some() {
            continue;
        }
        if layer == Layer::Component && NESTED.contains(&id) {
            write_section(id, &without_claims(data, depth + 1)?, &mut output);
        } else {
            write_section(id, data, &mut output);
        }
    }
    Ok(output)
}

/// The content of a section with claims.
fn claims_section(id: u8, data: &[u8]) -> Option<&[u8]> {
    if id != CUSTOM {
        return None;
    }
    let (length, rest) = read_leb(data)?;
    let (name, content) = rest.split_at_checked(length)?;
    SECTIONS.contains(&name).then_some(content)
}

fn write_section(id: u8, data: &[u8], output: &mut Vec<u8>) {
    output.push(id);
    write_leb(data.len(), output);
    output.extend_from_slice(data);
}

fn write_leb(mut value: usize, output: &mut Vec<u8>) {
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            output.push(byte);
            return;
        }
        output.push(byte | 0x80);
    }
}

/// An unsigned 32-bit number, and what follows it.
fn read_leb(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let value = usize::try_from(u32::try_from(value).ok()?).ok()?;
            return Some((value, &bytes[index + 1..]));
        }
    }
    None
}

// ===== impl Sections =====

impl<'a> Sections<'a> {
    fn of(wasm: &'a [u8]) -> Result<(Layer, Self), ClaimsError> {
        let layer = layer(wasm).ok_or(ClaimsError::NotWasm)?;
        Ok((layer, Self { rest: &wasm[8..] }))
    }
}

impl<'a> Iterator for Sections<'a> {
    type Item = Result<(u8, &'a [u8]), ClaimsError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (&id, rest) = self.rest.split_first()?;
        let section = read_leb(rest).and_then(|(length, rest)| rest.split_at_checked(length));
        match section {
            Some((data, rest)) => {
                self.rest = rest;
                Some(Ok((id, data)))
            }
            None => {
                self.rest = &[];
                Some(Err(ClaimsError::NotWasm))
            }
        }
    }
}
