//! One script per file of `tests/scripts`. Add one by adding a file, then review the transcript.

use std::fs;

use crate::script::run;

#[test]
fn every_script_goes_as_recorded() {
    insta::glob!("..", "scripts/*.txt", |path| {
        insta::assert_snapshot!(run(&fs::read_to_string(path).unwrap()));
    });
}
