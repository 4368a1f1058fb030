//! The codec, with values of any type.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use weft_wrpc::codec::{Input, Progress, Scan, Writer};
use weft_wrpc::{Type, Value};

/// Any type without streams.
fn any_type() -> impl Strategy<Value = Type> {
    let leaf = prop_oneof![
        Just(Type::Bool),
        Just(Type::U8),
        Just(Type::U16),
        Just(Type::U32),
        Just(Type::U64),
        Just(Type::S8),
        Just(Type::S16),
        Just(Type::S32),
        Just(Type::S64),
        Just(Type::F32),
        Just(Type::F64),
        Just(Type::Char),
        Just(Type::String),
        Just(Type::Resource),
        (1..40_usize).prop_map(|count| Type::flags((0..count).map(|n| format!("f{n}")))),
        (1..300_usize).prop_map(|count| Type::enumeration((0..count).map(|n| format!("c{n}")))),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        let maybe = prop::option::of(inner.clone());
        prop_oneof![
            inner.clone().prop_map(Type::list),
            inner.clone().prop_map(Type::option),
            (maybe.clone(), maybe.clone()).prop_map(|(ok, err)| Type::result(ok, err)),
            vec(inner.clone(), 1..5).prop_map(Type::tuple),
            vec(inner, 1..5).prop_map(|types| {
                Type::record(
                    types
                        .into_iter()
                        .enumerate()
                        .map(|(n, ty)| (format!("f{n}"), ty)),
                )
            }),
            vec(maybe, 1..5).prop_map(|types| {
                Type::variant(
                    types
                        .into_iter()
                        .enumerate()
                        .map(|(n, ty)| (format!("c{n}"), ty)),
                )
            }),
        ]
    })
}

/// A value of a type, made of a stream of random numbers.
pub(crate) fn value(ty: &Type, next: &mut impl FnMut() -> u64) -> Value {
    // Small numbers and the edges of the types come up as often as any others.
    let mut number = |bits: u32| {
        let number = match next() % 4 {
            0 => next() % 3,
            1 => u64::MAX - next() % 3,
            2 => 1 << (next() % 64),
            _ => next(),
        };
        number & (u64::MAX >> (64 - bits))
    };
    match ty {
        Type::Bool => Value::Bool(number(1) == 1),
        Type::U8 => Value::U8(number(8) as u8),
        Type::U16 => Value::U16(number(16) as u16),
        Type::U32 => Value::U32(number(32) as u32),
        Type::U64 => Value::U64(number(64)),
        Type::S8 => Value::S8(number(8) as i8),
        Type::S16 => Value::S16(number(16) as i16),
        Type::S32 => Value::S32(number(32) as i32),
        Type::S64 => Value::S64(number(64) as i64),
        Type::F32 => Value::F32(f32::from_bits(number(32) as u32)),
        Type::F64 => Value::F64(f64::from_bits(number(64))),
        Type::Char => Value::Char(char::from_u32(number(21) as u32).unwrap_or('é')),
        Type::String => Value::String(
            "aé€😀"
                .chars()
                .cycle()
                .take((next() % 20) as usize)
                .collect(),
        ),
        Type::Resource => Value::Resource(bytes(next)),
        Type::Flags(names) => Value::Flags(
            (0..names.len())
                .filter(|_| next().is_multiple_of(2))
                .collect(),
        ),
        Type::Enum(names) => Value::Enum((next() % names.len() as u64) as u32),
        Type::List(element) if **element == Type::U8 => Value::Bytes(bytes(next)),
        Type::List(element) => Value::List((0..next() % 6).map(|_| value(element, next)).collect()),
        Type::Tuple(members) => Value::Tuple(members.iter().map(|ty| value(ty, next)).collect()),
        Type::Record(fields) => {
            Value::Tuple(fields.iter().map(|field| value(&field.ty, next)).collect())
        }
        Type::Variant(cases) => {
            let index = (next() % cases.len() as u64) as usize;
            Value::Variant(index as u32, payload(cases[index].ty.as_ref(), next))
        }
        Type::Option(inner) => {
            let inner = next().is_multiple_of(2).then_some(&**inner);
            Value::Option(payload(inner, next))
        }
        Type::Result { ok, err } => Value::Result(if next().is_multiple_of(2) {
            Ok(payload(ok.as_deref(), next))
        } else {
            Err(payload(err.as_deref(), next))
        }),
        other => panic!("no value of {other}"),
    }
}

fn payload(ty: Option<&Type>, next: &mut impl FnMut() -> u64) -> Option<Box<Value>> {
    ty.map(|ty| Box::new(value(ty, next)))
}

fn bytes(next: &mut impl FnMut() -> u64) -> Bytes {
    let length = if next().is_multiple_of(8) {
        5000
    } else {
        next() % 200
    };
    (0..length).map(|_| next() as u8).collect()
}

/// Numbers that follow from a seed.
pub(crate) fn numbers(mut seed: u64) -> impl FnMut() -> u64 {
    move || {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 31)
    }
}

pub(crate) fn encode(value: &Value, ty: &Type) -> Bytes {
    let mut writer = Writer::new();
    value.encode(ty, &mut writer).unwrap();
    writer.finish().unwrap().bytes().clone()
}

/// Cuts bytes at the given places.
fn split(bytes: &Bytes, cuts: &[prop::sample::Index]) -> Input {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    let mut input = Input::new();
    for pair in cuts.windows(2) {
        input.push(bytes.slice(pair[0]..pair[1]));
    }
    input
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn values_survive_the_wire_however_it_is_cut(
        ty in any_type(),
        seed in any::<u64>(),
        cuts in vec(any::<prop::sample::Index>(), 0..6),
        beyond in vec(any::<u8>(), 0..3),
    ) {
        let sent = value(&ty, &mut numbers(seed));
        let bytes = encode(&sent, &ty);
        let input = split(&bytes, &cuts);
        let mut reader = input.reader();
        let read = Value::decode(&ty, &mut reader).unwrap();
        reader.finish().unwrap();
        // Bit by bit, where numbers that are none differ from themselves.
        prop_assert_eq!(encode(&read, &ty), &bytes);
        prop_assert_eq!(format!("{read:?}"), format!("{sent:?}"));

        // The end is found where it is, not before and not after.
        let mut scan = Scan::new(&ty);
        let mut longer: Vec<&[u8]> = input.pieces().map(AsRef::as_ref).collect();
        let last = longer.pop().unwrap_or_default();
        for piece in longer {
            prop_assert_eq!(scan.push(piece).unwrap(), Progress::More);
        }
        let end = [last, &beyond].concat();
        prop_assert_eq!(scan.push(&end).unwrap(), Progress::Done { used: last.len() });
    }

    #[test]
    fn a_value_that_ends_early_is_an_error(ty in any_type(), seed in any::<u64>(), cut in any::<prop::sample::Index>()) {
        let bytes = encode(&value(&ty, &mut numbers(seed)), &ty);
        let input = Input::from(bytes.slice(..cut.index(bytes.len())));
        prop_assert!(Value::decode(&ty, &mut input.reader()).is_err());
    }

    #[test]
    fn rubbish_is_an_error_or_a_value_and_never_more(
        ty in any_type(),
        rubbish in vec(prop_oneof![any::<u8>(), 0..4u8, Just(0xff)], 0..200),
        cuts in vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let bytes = Bytes::from(rubbish);
        let input = split(&bytes, &cuts);
        let mut reader = input.reader();
        let read = Value::decode(&ty, &mut reader);
        let used = reader.position();
        let mut scan = Scan::new(&ty);
        let scanned = scan.push(&bytes);
        if let Ok(value) = read {
            // Numbers may be longer than they need be; what they say is the same.
            let again = encode(&value, &ty);
            let again = Value::decode(&ty, &mut Input::from(again).reader()).unwrap();
            prop_assert_eq!(format!("{again:?}"), format!("{value:?}"));
            prop_assert_eq!(scanned, Ok(Progress::Done { used }));
        }
    }
}

#[test]
fn a_list_that_claims_to_be_long_costs_nothing() {
    // Four gibi elements, in five bytes.
    let huge = Bytes::from_static(&[0xff, 0xff, 0xff, 0xff, 0x0f]);
    for element in [Type::U8, Type::String, Type::tuple([Type::U64, Type::U64])] {
        let ty = Type::list(element);
        let input = Input::from(huge.clone());
        assert!(Value::decode(&ty, &mut input.reader()).is_err());
        let mut scan = Scan::new(&ty);
        assert_eq!(scan.push(&huge), Ok(Progress::More));
    }
    // As many elements as bytes, which would take forty times as much.
    let mut bytes = vec![0x80, 0x80, 0x80, 0x08];
    bytes.resize(4 + (16 << 20), 0);
    let input = Input::from(Bytes::from(bytes));
    let ty = Type::list(Type::option(Type::U8));
    let error = Value::decode(&ty, &mut input.reader()).unwrap_err();
    assert!(error.to_string().contains("too large"), "{error}");
}
