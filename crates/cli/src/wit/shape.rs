//! Types in a line, for people.

use weft_wrpc::Type;

use crate::ui::shorten;

/// How deep parts of a type are told; what is deeper is told by its kind.
const DEPTH_MAX: usize = 4;
/// How long a type is told, in characters.
const CHARACTERS_MAX: usize = 400;

/// The type as WIT writes it, with what records, variants, enums and flags consist of: `{id: string, count: u32}`. Cut where
/// it is long.
pub(super) fn render_shape(ty: &Type) -> String {
    shorten(&at_depth(ty, 0), CHARACTERS_MAX)
}

fn at_depth(ty: &Type, depth: usize) -> String {
    if depth > DEPTH_MAX {
        return ty.to_string();
    }
    let part = |ty: &Type| at_depth(ty, depth + 1);
    match ty {
        Type::List(element) => format!("list<{}>", part(element)),
        Type::Option(payload) => format!("option<{}>", part(payload)),
        Type::Stream(element) => format!("stream<{}>", part(element)),
        Type::Future(payload) => format!("future<{}>", part(payload)),
        Type::Result { ok, err } => match (ok.as_deref(), err.as_deref()) {
            (None, None) => "result".to_owned(),
            (Some(ok), None) => format!("result<{}>", part(ok)),
            (None, Some(err)) => format!("result<_, {}>", part(err)),
            (Some(ok), Some(err)) => format!("result<{}, {}>", part(ok), part(err)),
        },
        Type::Tuple(members) => format!("tuple<{}>", join(members.iter().map(part))),
        Type::Record(fields) => {
            let fields = fields.iter();
            let fields = fields.map(|field| format!("{}: {}", field.name, part(&field.ty)));
            format!("{{{}}}", join(fields))
        }
        Type::Variant(cases) => {
            let cases = cases.iter().map(|case| match &case.ty {
                Some(ty) => format!("{}({})", case.name, part(ty)),
                None => String::from(&*case.name),
            });
            format!("variant {{{}}}", join(cases))
        }
        Type::Enum(names) => {
            let names = names.iter().map(|name| String::from(&**name));
            format!("enum {{{}}}", join(names))
        }
        Type::Flags(names) => {
            let names = names.iter().map(|name| String::from(&**name));
            format!("flags {{{}}}", join(names))
        }
        plain => plain.to_string(),
    }
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_told_with_their_parts() {
        let check = |ty: &Type, expected: &str| assert_eq!(render_shape(ty), expected);
        let visitor = Type::record([("name", Type::option(Type::String)), ("visits", Type::U64)]);
        check(&Type::U32, "u32");
        check(&visitor, "{name: option<string>, visits: u64}");
        let outcome = Type::variant([("seen", Some(visitor)), ("gone", None)]);
        check(
            &Type::result(
                Some(Type::list(outcome)),
                Some(Type::enumeration(["a", "b"])),
            ),
            "result<list<variant {seen({name: option<string>, visits: u64}), gone}>, enum {a, b}>",
        );
        check(
            &Type::tuple([Type::flags(["a"]), Type::stream(Type::U8)]),
            "tuple<flags {a}, stream<u8>>",
        );
    }

    #[test]
    fn what_is_deep_or_long_is_cut() {
        let nested = (0..9).fold(Type::U8, |ty, _| Type::record([("a", ty)]));
        assert_eq!(render_shape(&nested), "{a: {a: {a: {a: {a: record}}}}}");
        let names: Vec<String> = (0..400).map(|number| format!("name-{number}")).collect();
        let long = Type::enumeration(names.iter().map(String::as_str));
        assert_eq!(render_shape(&long).chars().count(), CHARACTERS_MAX);
    }
}
