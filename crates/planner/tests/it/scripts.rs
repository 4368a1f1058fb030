//! One script per file of `tests/scripts`. Add one by adding a file, then review the transcript.

use std::fs;
use std::path::Path;

use crate::script::run;

#[test]
fn every_script_goes_as_recorded() {
    for_each_file("scripts", |path| {
        insta::assert_snapshot!(run(&fs::read_to_string(path).unwrap()));
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
