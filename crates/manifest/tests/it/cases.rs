//! One case per file of `tests/cases`: what is said about it, and what application it is.
//!
//! A file whose first line is `# strict` is read strictly. Add a case by adding a file, then review the snapshot.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use weft_manifest::{Parsed, Strictness, parse, render};
use weft_model::application::{Application, Placement};

#[test]
fn every_case_reads_as_recorded() {
    for_each_file("cases", |path| {
        let text = fs::read_to_string(path).unwrap();
        let strictness = if text.starts_with("# strict\n") {
            Strictness::Strict
        } else {
            Strictness::Lenient
        };
        let parsed = parse(&text, strictness);
        assert_eq!(parsed.application.is_some(), !parsed.has_errors());
        insta::assert_snapshot!(transcript(path, &text, &parsed));
    });
}

/// Calls `check` with each file of `directory` in the tests, with snapshots named after the file.
fn for_each_file(directory: &str, check: impl Fn(&Path)) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(directory);
    let mut paths: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    for path in paths {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_suffix(path.file_name().unwrap().to_str().unwrap());
        settings.set_input_file(&path);
        settings.bind(|| check(&path));
    }
}

fn transcript(path: &Path, text: &str, parsed: &Parsed) -> String {
    let name = path.file_name().unwrap().to_str().unwrap();
    let mut out = String::new();
    for diagnostic in &parsed.diagnostics {
        out.push_str(&render(name, text, diagnostic));
        out.push('\n');
    }
    if let Some(application) = &parsed.application {
        out.push_str(&describe(application));
    }
    out
}

fn describe(application: &Application) -> String {
    let mut out = String::new();
    let Application {
        name,
        version,
        description,
        adopts,
        components,
        providers,
        links,
        configs,
    } = application;
    writeln!(out, "application {name} {version:?} {description:?}").unwrap();
    if let Some(manager) = adopts {
        writeln!(out, "adopts from {manager:?}").unwrap();
    }
    for spec in components {
        writeln!(
            out,
            "component {:?} {} {} digest={:?} config={:?} {}",
            spec.name,
            spec.id,
            spec.image,
            spec.digest,
            spec.config,
            placement(&spec.placement)
        )
        .unwrap();
        if spec.limits != Default::default() {
            writeln!(out, "  {:?}", spec.limits).unwrap();
        }
    }
    for spec in providers {
        writeln!(
            out,
            "provider {:?} {} {} digest={:?} config={:?} {}",
            spec.name,
            spec.id,
            spec.image,
            spec.digest,
            spec.config,
            placement(&spec.placement)
        )
        .unwrap();
    }
    for link in links {
        writeln!(
            out,
            "link {} -({} {}: {})-> {} source={:?} target={:?}",
            link.source,
            link.name,
            link.package,
            link.interfaces.join(", "),
            link.target,
            link.source_config,
            link.target_config
        )
        .unwrap();
    }
    for (name, content) in configs {
        writeln!(out, "config {name} {content:?}").unwrap();
    }
    out
}

fn placement(placement: &Placement) -> String {
    let mut out = format!("{:?} {}", placement.rule, placement.instances);
    for spread in &placement.spread {
        write!(
            out,
            " [{} {} {:?}]",
            spread.name, spread.weight, spread.requirements
        )
        .unwrap();
    }
    out
}
