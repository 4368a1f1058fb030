//! Entries as they are written and read.

use proptest::prelude::*;

use super::*;

const SEAL: Seal = Seal(7);

proptest! {
    #[test]
    fn messages_are_read_back(
        subject in prop::collection::vec(any::<u8>(), 1..40),
        id in prop::option::of(prop::collection::vec(any::<u8>(), 1..10)),
        seq in any::<u64>(),
        time in any::<i64>(),
        body in prop::collection::vec(any::<u8>(), 0..40),
        header_len in 0..40_u32,
        expiry in prop_oneof![
            Just(Expiry::Stream),
            Just(Expiry::Never),
            (1..i64::MAX).prop_map(|time| Expiry::At(WallTime(time))),
        ],
    ) {
        let header_len = header_len.min(body.len() as u32);
        let stored = Stored {
            seq,
            subject: subject.into(),
            time: WallTime(time),
            header_len,
            body_len: body.len() as u32 - header_len,
            msg_id: id.map(Into::into),
            expiry,
        };
        let mut out = b"before".to_vec();
        let at = put_message(&mut out, SEAL, 3, &stored, &body);
        let raw = read(&out, 6, SEAL).unwrap();
        prop_assert_eq!((raw.body, raw.body_at, raw.is_body_good), (&body[..], at, true));
        prop_assert_eq!(&raw.range, &(6..out.len()));
        let head = Head {
            stream: 3,
            seq,
            time: stored.time,
            header_len,
            body_len: stored.body_len,
            expiry,
            subject: &stored.subject,
            msg_id: stored.msg_id.as_deref().unwrap_or_default(),
        };
        prop_assert_eq!(&raw.entry, &Entry::Message(head));
        let mut summary = Vec::new();
        put_summary(&mut summary, &out, &raw);
        let mut rest = &summary[..];
        let (entry, place) = read_summary(&mut rest, SEAL).unwrap();
        prop_assert_eq!((entry, place as usize, rest.len()), (raw.entry, at, 0));
    }

    #[test]
    fn every_flipped_bit_is_noticed(body in prop::collection::vec(any::<u8>(), 0..40), at in any::<prop::sample::Index>(), bit in 0..8_u32) {
        let stored = Stored {
            seq: 9,
            subject: "a.b".into(),
            time: WallTime(1),
            header_len: 0,
            body_len: body.len() as u32,
            msg_id: None,
            expiry: Expiry::Stream,
        };
        let mut out = Vec::new();
        put_message(&mut out, SEAL, 3, &stored, &body);
        let at = at.index(out.len());
        out[at] ^= 1_u8 << bit;
        prop_assert!(read(&out, 0, SEAL).is_none_or(|raw| !raw.is_body_good));
    }

    #[test]
    fn rubbish_is_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), at in 0..90_usize) {
        let _ = read(&bytes, at, SEAL);
        let _ = read_summary(&mut &bytes[..], SEAL);
        for kind in 0..8 {
            let _ = decode(kind, &bytes, 5);
        }
    }
}

#[test]
fn other_entries_are_read_back() {
    let mut out = Vec::new();
    put_forget(&mut out, SEAL, 1, 2, 3);
    assert_eq!(out.len(), FORGET_LEN);
    put_record(&mut out, SEAL, b"key", Some(b"value"));
    put_record(&mut out, SEAL, b"key", None);
    put_reset(&mut out, SEAL, [(1, 5), (2, 9)].into_iter());
    put_gone(&mut out, SEAL, 4);
    let mut at = 0;
    let mut entries = Vec::new();
    while at < out.len() {
        let raw = read(&out, at, SEAL).unwrap();
        at = raw.range.end;
        entries.push(raw.entry);
    }
    let Some(entries_reset @ Entry::Reset { segments }) = entries.get(3).copied() else {
        panic!("{entries:?}");
    };
    assert!(segments.each().eq([(1, 5), (2, 9)]));
    let expected = [
        Entry::Forget {
            stream: 1,
            seq: 2,
            segment: 3,
        },
        Entry::Put {
            key: b"key",
            value: b"value",
        },
        Entry::Delete { key: b"key" },
        entries_reset,
        Entry::Gone { segment: 4 },
    ];
    assert_eq!(entries, expected);
    assert!(read(&out, 0, Seal(8)).is_none(), "of another store");
}
