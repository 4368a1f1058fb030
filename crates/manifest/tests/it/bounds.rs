//! Texts that are too much: each is refused with a diagnostic, without work that grows with what it stands for.

use std::time::{Duration, Instant};

use weft_manifest::{Code, DIAGNOSTICS_MAX, Strictness, TEXT_BYTES_MAX, parse, parse_bytes};

/// Far above what any of these texts takes, far below what one that is expanded would.
const DEADLINE: Duration = Duration::from_secs(20);

#[track_caller]
fn check(text: &str, code: Code) {
    let start = Instant::now();
    let parsed = parse(text, Strictness::Lenient);
    assert!(start.elapsed() < DEADLINE, "took {:?}", start.elapsed());
    assert!(parsed.application.is_none());
    let codes: Vec<Code> = parsed.diagnostics.iter().map(|one| one.code).collect();
    assert!(codes.contains(&code), "expected {code}, found {codes:?}");
}

fn filled(pattern: &str) -> String {
    pattern.repeat(TEXT_BYTES_MAX / pattern.len())
}

#[test]
fn a_text_beyond_the_bound_is_not_read() {
    check(&"x".repeat(TEXT_BYTES_MAX + 1), Code::TooLarge);
}

#[test]
fn nesting_ends_at_the_bound() {
    check(&filled("["), Code::TooLarge);
    check(&filled("{"), Code::TooLarge);
    check(&filled("- "), Code::TooLarge);
    check(&filled("{a: "), Code::TooLarge);
    check(&filled("? "), Code::TooLarge);
}

#[test]
fn aliases_do_not_multiply() {
    let mut laughs = String::from("a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]\n");
    for level in 1..50 {
        let before = format!("*a{}, ", level - 1).repeat(10);
        laughs.extend([format!("a{level}: &a{level} [{before}]\n")]);
    }
    check(&laughs, Code::TooLarge);

    let long = "x".repeat(500_000);
    check(
        &format!("a: &a {long}\nb: [*a, *a, *a, *a, *a, *a, *a, *a, *a]\n"),
        Code::TooLarge,
    );

    let mut tower = String::from("a0: &a0 []\n");
    for level in 1..200 {
        tower.extend([format!("a{level}: &a{level} [*a{}]\n", level - 1)]);
    }
    check(&tower, Code::TooLarge);

    check("a: &a [*a]", Code::YamlFeature);
    check("a: *nowhere", Code::YamlFeature);
}

#[test]
fn what_is_no_yaml_is_refused() {
    check("", Code::Syntax);
    check("# nothing\n", Code::Syntax);
    check("~", Code::Syntax);
    check("\0", Code::Syntax);
    check("a: \"b\0c\"", Code::Syntax);
    check("a: [1, 2", Code::Syntax);
    check("a: 'b", Code::Syntax);
    check("\u{1}\u{2}", Code::Syntax);
    check("[]", Code::WrongType);
    check("just a text", Code::WrongType);
    check(&filled("a"), Code::WrongType);
    check(&filled("a "), Code::WrongType);
    check(
        &format!("\"{}\"", "a".repeat(TEXT_BYTES_MAX - 2)),
        Code::WrongType,
    );
}

#[test]
fn bytes_that_are_no_text_are_refused_where_they_are() {
    let parsed = parse_bytes(b"a: b\nc: \xff\n", Strictness::Lenient);
    assert_eq!(parsed.diagnostics.len(), 1);
    assert_eq!(parsed.diagnostics[0].span.start.to_string(), "2:4");
}

#[test]
fn many_values_are_too_many() {
    check(&filled("- \n"), Code::TooLarge);
    check(&filled("-\n"), Code::TooLarge);
    check(&format!("[{}]", "a,".repeat(500_000)), Code::TooLarge);
}

#[test]
fn many_problems_are_counted_rather_than_listed() {
    let text: String = (0..5000).map(|index| format!("k{index}: 1\n")).collect();
    let parsed = parse(&text, Strictness::Lenient);
    assert_eq!(parsed.diagnostics.len(), DIAGNOSTICS_MAX + 1);
    let last = parsed.diagnostics.last().unwrap();
    assert_eq!(last.code, Code::TooLarge);
    assert!(last.message.contains("more problems"), "{last}");
    assert!(parsed.has_errors());
}

#[test]
fn many_components_are_too_many() {
    let mut text = String::from(
        "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata: {name: a, annotations: {}}\nspec:\n  components:\n",
    );
    for index in 0..=weft_manifest::COMPONENTS_MAX {
        text.extend([format!(
            "  - {{name: c{index}, type: capability, properties: {{image: x}}}}\n"
        )]);
    }
    check(&text, Code::TooLarge);
}
