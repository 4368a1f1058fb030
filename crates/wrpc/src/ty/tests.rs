use super::*;

fn check(params: Vec<Type>, expected: Result<&[&str], &str>) {
    let found = Addressed::new("params", Type::tuple(params));
    let found = found.as_ref().map(|addressed| {
        let paths = addressed.asynchronous().iter();
        paths
            .map(|found| found.path.to_string())
            .collect::<Vec<_>>()
    });
    match (found, expected) {
        (Ok(paths), Ok(expected)) => assert_eq!(paths, expected),
        (Err(error), Err(expected)) => assert_eq!(error.to_string(), expected),
        (found, expected) => panic!("{found:?} is not {expected:?}"),
    }
}

#[test]
fn paths_count_members_fields_and_cases_but_not_options_and_results() {
    let request = Type::record([
        ("body", Type::stream(Type::U8)),
        (
            "trailers",
            Type::option(Type::future(Type::option(Type::bytes()))),
        ),
    ]);
    check(vec![request.clone()], Ok(&["0.0", "0.1"]));
    check(
        vec![
            Type::U8,
            Type::result(Some(request), Some(Type::stream(Type::U8))),
        ],
        Ok(&["1.0", "1.1", "1"]),
    );
    let variant = Type::variant([("none", None), ("some", Some(Type::stream(Type::String)))]);
    check(vec![variant], Ok(&["0.1"]));
}

#[test]
fn asynchronous_elements_have_no_path() {
    check(
        vec![Type::record([("all", Type::list(Type::stream(Type::U8)))])],
        Err("the stream at `params.0.all` is within a list and cannot be addressed on the wire"),
    );
    check(
        vec![Type::stream(Type::future(Type::U8))],
        Err("the future at `params.0` is within a stream and cannot be addressed on the wire"),
    );
}

#[test]
fn depth_and_size_are_bounded() {
    let deep = (0..TYPE_DEPTH_MAX).fold(Type::U8, |ty, _| Type::option(ty));
    check(
        vec![deep],
        Err("the type at `params.0` nests deeper than 64 levels"),
    );
    // Each level doubles what an expansion of the shared parts would be.
    let wide = (0..40).fold(Type::U8, |ty, _| Type::tuple([ty.clone(), ty]));
    check(
        vec![wide],
        Err("the type of the function has more than 20000 parts"),
    );
    let hidden = (0..PATH_DEPTH_MAX).fold(Type::stream(Type::U8), |ty, _| Type::tuple([ty]));
    check(
        vec![hidden],
        Err("the stream at `params.0.0.0.0.0.0.0.0.0` lies deeper than 8 levels"),
    );
}

#[test]
fn only_plain_elements_are_portable() {
    let fields = Type::list(Type::tuple([Type::String, Type::bytes()]));
    let signature = Signature::new([Type::future(fields)], []).unwrap();
    assert_eq!(
        signature.ensure_portable().unwrap_err().to_string(),
        "the future at `params.0` has elements of type `list<tuple<string, list<u8>>>`; only numbers, bool, char, \
         string and list<u8> can be carried"
    );
    let signature = Signature::new([Type::stream(Type::bytes())], []).unwrap();
    signature.ensure_portable().unwrap();
}
