//! Header blocks: `NATS/1.0`, an optional status, and `Name: value` lines, each ended by CRLF.

/// The first line of a header block without a status.
pub(crate) const VERSION_LINE: &[u8] = b"NATS/1.0\r\n";

/// The value of the first header called `name`, without leading and trailing blanks. Names are case-sensitive.
#[cfg(test)]
pub(crate) fn get<'a>(block: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    each(block)
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value)
}

/// The headers of a block, in order. Lines that are no headers are skipped.
pub(crate) fn each(block: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    lines(block).skip(1).filter_map(|line| {
        let colon = memchr::memchr(b':', line)?;
        Some((&line[..colon], line[colon + 1..].trim_ascii()))
    })
}

/// A header block with a status and no headers.
pub(crate) fn status(code: u16, description: &str) -> Vec<u8> {
    format!("NATS/1.0 {code} {description}\r\n\r\n").into_bytes()
}

/// A header block that is built line by line.
#[derive(Debug)]
pub(crate) struct Builder(Vec<u8>);

impl Builder {
    /// Begins with the lines of `block`, or an empty block if there is none.
    pub(crate) fn from_block(block: &[u8]) -> Self {
        match block.strip_suffix(b"\r\n") {
            Some(lines) => Self(lines.to_vec()),
            None => Self(VERSION_LINE.to_vec()),
        }
    }

    pub(crate) fn with_status(code: u16, description: &str) -> Self {
        Self(format!("NATS/1.0 {code} {description}\r\n").into_bytes())
    }

    pub(crate) fn line(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b": ");
        self.0.extend_from_slice(value.as_ref());
        self.0.extend_from_slice(b"\r\n");
        self
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.0.extend_from_slice(b"\r\n");
        self.0
    }
}

fn lines(block: &[u8]) -> impl Iterator<Item = &[u8]> {
    block
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_headers_by_exact_name() {
        let block = b"NATS/1.0\r\nA: one\r\nB:  two \r\nA: three\r\nbroken\r\n\r\n";
        assert_eq!(get(block, b"A"), Some(&b"one"[..]));
        assert_eq!(get(block, b"B"), Some(&b"two"[..]));
        assert_eq!(get(block, b"b"), None);
        assert_eq!(get(b"", b"A"), None);
        assert_eq!(get(b"\xff\xfe:::\r\n", b"A"), None);
    }

    #[test]
    fn adds_lines_to_a_block() {
        let block = Builder::from_block(b"").line("A", "1").finish();
        assert_eq!(block, b"NATS/1.0\r\nA: 1\r\n\r\n");
        let more = Builder::from_block(&block).line("B", "2").finish();
        assert_eq!(more, b"NATS/1.0\r\nA: 1\r\nB: 2\r\n\r\n");
        assert_eq!(status(404, "No"), b"NATS/1.0 404 No\r\n\r\n");
    }
}
