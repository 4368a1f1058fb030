//! Credentials, encryption and pages for those who watch.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::guests::hello;
use crate::home::Home;
use crate::http::{free_port, wait_for_page};
use crate::running::Up;
use crate::wait::wait_until;

/// The path of a certificate or key made for tests.
fn certificate(name: &str) -> String {
    let directory = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../broker/tests/it/certificates"
    );
    format!("{directory}/{name}")
}

#[test]
fn who_shares_the_data_directory_needs_no_credentials() {
    let home = Home::new();
    let port = free_port();
    let mut up = Up::start(&home, &["--auth", &hello(&home, "shop", port)]);
    // An application runs: its host and manager are let in.
    wait_for_page(port, "/", "");
    up.wait_for("with credentials");
    home.succeed(&["app", "list"]).prints(&["shop"]);
    let key_file = home.data_dir().join("run.nk");
    let mode = fs::metadata(&key_file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let url = up.run_file()["nats_url"].as_str().unwrap().to_owned();
    home.succeed(&["app", "list", "--nats-url", &url]);

    let stranger = Home::new();
    let list = ["app", "list", "--nats-url", &url];
    stranger.run(&list).exits(4).says(&[
        "refuses the credentials",
        "hint: give the credentials of a user that the server knows: `--creds`",
        "code: NET002",
    ]);
    home.succeed(&["down"]);
    assert_eq!(up.ended(), Some(0), "{}", up.messages());
    assert!(!key_file.exists());
}

#[test]
fn the_key_of_a_run_ends_with_it() {
    let home = Home::new();
    let up = Up::start(&home, &["--auth"]);
    let key_file = home.data_dir().join("run.nk");
    let kept = home.write("kept.nk", fs::read(&key_file).unwrap());
    let url = up.run_file()["nats_url"].as_str().unwrap().to_owned();
    let with_kept = |url: &str| {
        let stranger = Home::new();
        stranger.run(&["app", "list", "--nats-url", url, "--nats-nkey-file", &kept])
    };
    with_kept(&url).exits(0);
    // Killed: the file stays, and is of no use.
    drop(up);
    let up = Up::start(&home, &["--auth"]);
    let url = up.run_file()["nats_url"].as_str().unwrap().to_owned();
    with_kept(&url).exits(4).says(&["code: NET002"]);
    home.succeed(&["app", "list"]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one story, told in its order")]
fn users_come_and_go_while_it_runs() {
    let home = Home::new();
    // Before there is a lattice.
    home.succeed(&["user", "add", "ada"])
        .says(&["user `ada` is made", "ada.creds"]);
    let up = Up::start(&home, &["--auth"]);
    let url = up.run_file()["nats_url"].as_str().unwrap().to_owned();
    let creds = home.path("ada.creds");
    let mode = fs::metadata(&creds).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let stranger = Home::new();
    let list =
        |options: &[&str]| stranger.run(&[&["app", "list", "--nats-url", &url], options].concat());
    let ada = ["--creds", creds.to_str().unwrap()];
    list(&ada).exits(0);

    // While it runs, with rights that do not reach to applications, or that do.
    home.succeed(&[
        "user",
        "add",
        "lights",
        "--allow-pub",
        "home.>",
        "--expires",
        "30d",
    ]);
    home.succeed(&["user", "add", "robot", "--deny-pub", "wasmbus.ctl.>"]);
    let path = home.path("robot.creds");
    let robot = ["--creds", path.to_str().unwrap()];
    wait_until("the new user to be known", || {
        let ran = list(&robot);
        if ran.status == Some(0) {
            Ok(())
        } else {
            Err(ran)
        }
    });
    let path = home.path("lights.creds");
    let lights = ["--creds", path.to_str().unwrap(), "--timeout", "500ms"];
    let ran = list(&lights);
    assert_ne!(ran.status, Some(0), "{ran:?}");

    let secret = home.write("secret", "open sesame\n");
    home.succeed(&["user", "add", "printer", "--password-file", &secret]);
    home.succeed(&[
        "user",
        "add",
        "door",
        "--token-file",
        &home.write("token", "t0k\n"),
    ]);
    let printer = ["--nats-user", "printer", "--nats-password-file", &secret];
    wait_until("the password to be known", || {
        let ran = list(&printer);
        if ran.status == Some(0) {
            Ok(())
        } else {
            Err(ran)
        }
    });
    let wrong = home.write("wrong", "open barley\n");
    list(&["--nats-user", "printer", "--nats-password-file", &wrong])
        .exits(4)
        .says(&["code: NET002"]);
    let token = home.write("token", "t0k\n");
    wait_until("the token to be known", || {
        let ran = list(&["--nats-token-file", &token]);
        if ran.status == Some(0) {
            Ok(())
        } else {
            Err(ran)
        }
    });

    let users = home.json(&["user", "list"]);
    let names: Vec<&str> = users["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["ada", "lights", "robot", "printer", "door"]);
    assert_eq!(users["users"][1]["publish"]["allow"][0], "home.>");

    home.succeed(&["user", "revoke", "ada"]);
    wait_until("the user to be refused", || {
        let ran = list(&ada);
        if ran.messages.contains("code: NET002") {
            Ok(())
        } else {
            Err(ran)
        }
    });
    home.run(&["user", "revoke", "ada"])
        .exits(3)
        .says(&["code: USR002"]);
}

#[test]
fn nothing_of_users_is_overwritten() {
    let home = Home::new();
    home.succeed(&["user", "list"])
        .says(&["there are no users"]);
    assert!(!home.data_dir().exists());
    home.succeed(&["user", "add", "ada"]);
    let before = fs::read(home.path("ada.creds")).unwrap();
    home.run(&["user", "add", "ada", "--out", "other.creds"])
        .exits(4)
        .says(&["there is a user `ada` already", "code: USR001"]);
    home.succeed(&["user", "revoke", "ada"]);
    home.run(&["user", "add", "ada"]).exits(4).says(&[
        "ada.creds",
        "hint: ",
        "`--force`",
        "code: USR004",
    ]);
    assert_eq!(fs::read(home.path("ada.creds")).unwrap(), before);
    home.succeed(&["user", "add", "ada", "--force"]);
    assert_ne!(fs::read(home.path("ada.creds")).unwrap(), before);
    home.run(&["user", "add", "bob", "--allow-pub", "a..b"])
        .exits(4)
        .says(&["`a..b`", "code: USR003"]);
}

#[test]
fn strangers_come_to_an_encrypted_address() {
    let home = Home::new();
    let (cert, key, ca) = (
        certificate("server.pem"),
        certificate("server.key"),
        certificate("ca.pem"),
    );
    let mut up = Up::start(&home, &["--auth", "--tls-cert", &cert, "--tls-key", &key]);
    up.wait_for(", encrypted, with credentials");
    home.succeed(&["app", "list"]);
    home.succeed(&["user", "add", "ada"]);
    let creds = home.path("ada.creds");
    let url = up.run_file()["nats_tls_url"].as_str().unwrap().to_owned();
    let stranger = Home::new();
    let list = |options: &[&str]| {
        let creds = creds.to_str().unwrap();
        let common = ["app", "list", "--nats-url", &url, "--creds", creds];
        stranger.run(&[&common, options].concat())
    };
    list(&["--tls-ca", &ca]).exits(0);
    list(&["--tls-ca", &certificate("other-ca.pem")])
        .exits(5)
        .says(&[
            "cannot make an encrypted connection to NATS",
            "invalid peer certificate",
            "hint: name the file of the server's certificate authority with `--tls-ca`",
            "code: NET004",
        ]);
}

/// The interpreter that has nats-py: where `cargo xtask test` puts it, or where `WEFT_NATS_PYTHON` says.
fn python() -> Option<PathBuf> {
    let installed = || {
        let program = std::env::current_exe().ok()?;
        Some(program.ancestors().nth(3)?.join("tools/nats/bin/python"))
    };
    let named = std::env::var_os("WEFT_NATS_PYTHON").map(PathBuf::from);
    let python = named.or_else(installed).filter(|path| path.exists());
    if python.is_none() {
        let text = "SKIPPED: there is no interpreter with nats-py; name one in WEFT_NATS_PYTHON";
        let _ = writeln!(std::io::stderr(), "{text}");
    }
    python
}

#[test]
fn a_client_in_python_gets_in_with_a_file_of_credentials() {
    let Some(python) = python() else {
        return;
    };
    let home = Home::new();
    let (cert, key, ca) = (
        certificate("server.pem"),
        certificate("server.key"),
        certificate("ca.pem"),
    );
    let up = Up::start(&home, &["--auth", "--tls-cert", &cert, "--tls-key", &key]);
    let address = |name: &str| up.run_file()[name].as_str().unwrap().to_owned();
    home.succeed(&["user", "add", "ada"]);
    let limited = [
        "user",
        "add",
        "lights",
        "--allow-pub",
        "home.>",
        "--allow-pub",
        "_INBOX.>",
    ];
    let subscribe = ["--allow-sub", "home.>", "--allow-sub", "_INBOX.>"];
    home.succeed(&[&limited[..], &subscribe].concat());
    let stranger = Home::new();
    stranger.succeed(&["user", "add", "mallory"]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/credentials.py");
    let run = |url: &str, credentials: &Path, ca: &[&str]| {
        let output = Command::new(&python)
            .arg(&script)
            .arg(url)
            .arg(credentials)
            .args(ca)
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        String::from_utf8(output.stdout).unwrap()
    };
    let everything = "answer: hello ada\nhost answers: True\nbucket: value True\n";
    // On the loopback interface in plain, as provider processes do, and encrypted.
    let (plain, encrypted) = (address("nats_url"), address("nats_tls_url"));
    let ada = home.path("ada.creds");
    assert_eq!(run(&plain, &ada, &[]), everything);
    assert_eq!(run(&encrypted, &ada, &[&ca]), everything);
    let denied = run(&plain, &home.path("lights.creds"), &[]);
    for text in [
        "answer: hello ada",
        r#"permissions violation for publish to "wasmbus.ctl.v1.default.host.ping""#,
        r#"permissions violation for subscription to "wasmbus.evt.default.>""#,
    ] {
        assert!(denied.to_lowercase().contains(text), "{denied}");
    }
    let refused = run(&plain, &stranger.path("mallory.creds"), &[]);
    assert!(
        refused.to_lowercase().contains("authorization"),
        "{refused}"
    );
    let untrusted = run(&encrypted, &ada, &[&certificate("other-ca.pem")]);
    assert!(
        untrusted.contains("CERTIFICATE_VERIFY_FAILED"),
        "{untrusted}"
    );
}
