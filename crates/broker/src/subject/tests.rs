use proptest::prelude::*;

use super::*;

#[test]
fn filters_follow_the_rules_of_the_protocol() {
    for good in [
        "a", "a.b", "*", ">", "a.*.b", "a.>", "a*b", "a.b>", "$KV.x.>", "é",
    ] {
        assert!(is_valid_filter(good.as_bytes()), "{good}");
    }
    for bad in ["", ".", "a.", ".a", "a..b", ">.a", "a.>.b", "a b", "a\t"] {
        assert!(!is_valid_filter(bad.as_bytes()), "{bad}");
    }
}

#[test]
fn only_whole_tokens_are_wildcards() {
    assert!(!has_wildcard(b"a*.b>"));
    assert!(has_wildcard(b"a.*"));
    assert!(has_wildcard(b">"));
    assert!(is_valid_literal(b"a*.b"));
    assert!(!is_valid_literal(b"a.*"));
}

#[test]
fn subsets_and_collisions() {
    let check = |left: &str, right: &str, subset: bool, collides: bool| {
        let (l, r) = (left.as_bytes(), right.as_bytes());
        assert_eq!(is_subset(l, r), subset, "{left} within {right}");
        assert_eq!(collide(l, r), collides, "{left} against {right}");
        assert_eq!(collide(r, l), collides, "{right} against {left}");
    };
    check("a.b", "a.b", true, true);
    check("a.b", "a.*", true, true);
    check("a.*", "a.b", false, true);
    check("a.*", "a.>", true, true);
    check("a.>", "a.*", false, true);
    check("a", "a.>", false, false);
    check("a.b.c", "a.>", true, true);
    check("a.b.c", "a.*", false, false);
    check("*.b", "a.*", false, true);
    check(">", "*", false, true);
    check("x", "y", false, false);
}

fn names(index: &SubjectIndex<Vec<&'static str>>, subject: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    index.for_each_match(subject.as_bytes(), |entry| found.extend(entry));
    found.sort_unstable();
    found
}

#[test]
fn index_finds_literals_and_wildcards() {
    let mut index = SubjectIndex::default();
    for filter in ["a.b", "a.*", "a.>", ">", "*.b", "c"] {
        index.update(filter.as_bytes(), |entry: &mut Vec<_>| entry.push(filter));
    }
    assert_eq!(names(&index, "a.b"), ["*.b", ">", "a.*", "a.>", "a.b"]);
    assert_eq!(names(&index, "a.b.c"), [">", "a.>"]);
    assert_eq!(names(&index, "c"), [">", "c"]);
    assert_eq!(names(&index, "a..b"), [""; 0]);
    assert_eq!(names(&index, "a."), [""; 0]);

    for filter in ["a.>", "a.b", ">"] {
        index.update(filter.as_bytes(), |entry: &mut Vec<_>| {
            entry.retain(|name| *name != filter);
        });
    }
    assert_eq!(names(&index, "a.b"), ["*.b", "a.*"]);
}

fn token() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "b", "cc", "*", ">", "a*", ""])
}

fn subject() -> impl Strategy<Value = String> {
    prop::collection::vec(token(), 1..5).prop_map(|tokens| tokens.join("."))
}

fn filter() -> impl Strategy<Value = String> {
    subject().prop_filter("not a filter", |subject| {
        is_valid_filter(subject.as_bytes())
    })
}

fn literal() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "cc", "a*"]), 1..5)
        .prop_map(|tokens| tokens.join("."))
}

proptest! {
    /// The index agrees with matching each filter by itself, and is empty once all are removed.
    #[test]
    fn index_agrees_with_matching_one_by_one(
        filters in prop::collection::vec(subject(), 0..12),
        literal in subject(),
    ) {
        let filters: Vec<String> =
            filters.into_iter().filter(|filter| is_valid_filter(filter.as_bytes())).collect();
        let mut index: SubjectIndex<Vec<usize>> = SubjectIndex::default();
        for (at, filter) in filters.iter().enumerate() {
            index.update(filter.as_bytes(), |entry| entry.push(at));
        }
        if is_valid_literal(literal.as_bytes()) {
            let mut found = Vec::<usize>::new();
            index.for_each_match(literal.as_bytes(), |entry| found.extend(entry));
            found.sort_unstable();
            let expected: Vec<usize> = (0..filters.len())
                .filter(|at| matches(literal.as_bytes(), filters[*at].as_bytes()))
                .collect();
            prop_assert_eq!(found, expected);
        }
        for (at, filter) in filters.iter().enumerate() {
            index.update(filter.as_bytes(), |entry| entry.retain(|held| *held != at));
        }
        prop_assert!(!index.has_match(literal.as_bytes()));
    }

    /// Two filters collide whenever a subject is matched by both.
    #[test]
    fn filters_of_one_subject_collide(left in filter(), right in filter(), literal in literal()) {
        let (l, r, s) = (left.as_bytes(), right.as_bytes(), literal.as_bytes());
        if matches(s, l) && matches(s, r) {
            prop_assert!(collide(l, r));
        }
        if is_subset(l, r) && matches(s, l) {
            prop_assert!(matches(s, r));
        }
    }
}
