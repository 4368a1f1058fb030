//! Forms as browsers send them: `application/x-www-form-urlencoded`.

use std::collections::BTreeMap;

/// The fields of a form; of fields with one name the first counts, and what is not well-formed is left out.
pub(crate) fn parse(body: &[u8]) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    for pair in String::from_utf8_lossy(body).split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if let (Some(name), Some(value)) = (decode(name), decode(value)) {
            fields.entry(name).or_insert(value);
        }
    }
    fields
}

/// The text of an encoded one; `None` when it is not well-formed.
pub(crate) fn decode(encoded: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => hex_digit(rest.next()?)? << 4 | hex_digit(rest.next()?)?,
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// The text with everything encoded that means something in a form, a cookie or a URL.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

fn hex_digit(byte: u8) -> Option<u8> {
    let digit = char::from(byte).to_digit(16)?;
    u8::try_from(digit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_decoded() {
        let fields = parse(b"name=Ada+L%C3%A9&message=a%26b%3D%0D%0Ac&name=second&flag");
        assert_eq!(fields["name"], "Ada Lé");
        assert_eq!(fields["message"], "a&b=\r\nc");
        assert_eq!(fields["flag"], "");
    }

    #[test]
    fn what_is_not_well_formed_is_left_out() {
        for broken in ["a=%", "a=%4", "a=%zz", "a=%ff", "a=%+1"] {
            assert!(!parse(broken.as_bytes()).contains_key("a"), "{broken}");
        }
    }

    #[test]
    fn encoding_is_undone_by_decoding() {
        let text = "Ada; é\"+&=% \n";
        assert_eq!(decode(&encode(text)).as_deref(), Some(text));
    }
}
