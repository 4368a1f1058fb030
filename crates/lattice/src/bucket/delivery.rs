//! Reading what a consumer delivers.

use std::str;

/// The header by which a server marks that a limit removed an entry.
pub(super) const MARKER_HEADER: &str = "Nats-Marker-Reason";

/// Where a delivered message stands, told by the subject on which it would be acknowledged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Place {
    /// Its number in the stream.
    pub(super) stream_sequence: u64,
    /// Its number among what the consumer delivered, from one.
    pub(super) consumer_sequence: u64,
    /// How many messages come after it.
    pub(super) pending: u64,
}

// ===== impl Place =====

impl Place {
    /// Reads `$JS.ACK.{stream}.{consumer}.{delivered}.{stream seq}.{consumer seq}.{time}.{pending}`, where newer servers
    /// put domain and account before the stream, and may put more at the end.
    pub(super) fn parse(reply: &str) -> Option<Self> {
        let tokens: Vec<&str> = reply.strip_prefix("$JS.ACK.")?.splitn(16, '.').collect();
        let tokens = match tokens.len() {
            7 => &tokens[..],
            9.. => &tokens[2..],
            _ => return None,
        };
        Some(Self {
            stream_sequence: tokens[3].parse().ok()?,
            consumer_sequence: tokens[4].parse().ok()?,
            pending: tokens[6].parse().ok()?,
        })
    }
}

/// The value of the header `name` in headers as they are on the wire: a version line, then `Name: value` lines.
pub(super) fn find_header<'a>(headers: &'a [u8], name: &str) -> Option<&'a str> {
    let text = str::from_utf8(headers).ok()?;
    text.split("\r\n").skip(1).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_in_both_forms() {
        let place = Some(Place {
            stream_sequence: 4,
            consumer_sequence: 5,
            pending: 6,
        });
        assert_eq!(
            Place::parse("$JS.ACK.KV_x.cons.1.4.5.1795205420447993929.6"),
            place
        );
        assert_eq!(Place::parse("$JS.ACK.hub.ACC.KV_x.cons.1.4.5.17.6"), place);
        assert_eq!(
            Place::parse("$JS.ACK.hub.ACC.KV_x.cons.1.4.5.17.6.token.more"),
            place
        );
        for bad in [
            "",
            "$JS.ACK.",
            "$JS.ACK.a.b.1.x.5.17.6",
            "$JS.ACK.a.b.c.1.4.5.17.6",
            "_INBOX.x",
        ] {
            assert_eq!(Place::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn headers_are_found_by_name() {
        let headers = b"NATS/1.0\r\nKV-Operation: PURGE\r\nNats-Rollup:sub\r\n\r\n";
        assert_eq!(find_header(headers, "kv-operation"), Some("PURGE"));
        assert_eq!(find_header(headers, "Nats-Rollup"), Some("sub"));
        assert_eq!(find_header(headers, "NATS/1.0"), None);
        assert_eq!(find_header(&[0xff], "x"), None);
    }
}
