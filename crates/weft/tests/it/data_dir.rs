//! Data directories that cannot be used.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use crate::home::Home;
use crate::running::Up;

const PORTS: [&str; 5] = ["up", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"];

#[test]
fn a_directory_in_use_is_told_with_who_uses_it() {
    let home = Home::new();
    let up = Up::start(&home, &[]);
    let run = up.run_file();
    let data_dir = home.data_dir();
    let texts = [
        &format!("in use by process {}", up.pid()),
        data_dir.to_str().unwrap(),
        &format!(
            "hint: stop it with `weft down --data-dir {}`",
            data_dir.display()
        ),
        "code: DAT002",
    ];
    home.run(&PORTS).exits(4).says(&texts);
    home.run(&[&PORTS[..], &["--detach"]].concat())
        .exits(4)
        .says(&texts);
    // The one that runs is not disturbed.
    assert_eq!(home.run_file(), Some(run));
    home.succeed(&["get", "hosts"]);
}

#[test]
fn a_directory_that_others_may_write_is_refused() {
    let home = Home::new();
    let path = home.path("shared");
    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap();
    for more in [&[][..], &["--detach"]] {
        let arguments = [&PORTS[..], &["--data-dir", "shared"], more].concat();
        home.run(&arguments).exits(4).says(&[
            "is not private",
            path.to_str().unwrap(),
            "hint: make it private: `chmod 700 ",
            "code: DAT003",
        ]);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o777, "it was changed");
    }
    assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
}

#[test]
fn a_file_in_its_place_is_told() {
    let home = Home::new();
    let path = home.write("file", "precious");
    for more in [&[][..], &["--detach"]] {
        let arguments = [&PORTS[..], &["--data-dir", "file"], more].concat();
        let ran = home.run(&arguments).exits(4);
        ran.says(&[
            &format!("error: cannot use `{path}`"),
            "caused by: not a directory",
            "hint: name another directory with `--data-dir`",
            "code: DAT001",
        ]);
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    home.run(&["down", "--data-dir", "file"])
        .exits(3)
        .says(&["code: CLI001"]);
}

#[test]
fn one_where_nothing_runs_is_not_that_of_another_lattice() {
    let home = Home::new();
    let _up = Up::start(&home, &[]);
    let texts = ["no `weft up` runs with", "nope`", "hint: ", "code: CLI001"];
    home.run(&["app", "list", "--data-dir", "nope"])
        .exits(3)
        .says(&texts);
    let named = Home::new().with_variables(&[("WEFT_DATA_DIR", "nope".to_owned())]);
    named.run(&["app", "list"]).exits(3).says(&texts);
    named.run(&["get", "hosts"]).exits(3).says(&texts);
    // What is written counts more than the variable.
    let data_dir = home.data_dir();
    named.succeed(&["app", "list", "--data-dir", data_dir.to_str().unwrap()]);
}

#[test]
fn what_is_in_it_is_private() {
    let home = Home::new();
    let _up = Up::start(&home, &[]);
    let data_dir = home.data_dir();
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o077;
    assert_eq!(mode(&data_dir), 0);
    assert_eq!(mode(&data_dir.join("host.nk")), 0);
}
