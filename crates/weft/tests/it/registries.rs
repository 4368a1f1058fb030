//! Components and providers in registries: pushed, pulled, deployed from there.

use std::fs;
use std::process::{Child, Stdio};

use crate::guests::{guest, site};
use crate::home::Home;
use crate::http::{free_port, get, wait_for_page};
use crate::registry::{Proxy, Registry, padded, read};
use crate::running::Up;
use crate::wait::wait_until;

/// Bytes that a registry answers before it is held: more than manifests, less than the component.
const CREDIT: usize = 1 << 20;
/// Bytes of a component that is larger.
const BYTES: usize = 3 << 20;

/// Pushes the file `hello.wasm`, and gives its reference.
fn push_hello(home: &Home, registry: &Registry, name: &str) -> String {
    home.write("hello.wasm", guest("hello-http"));
    let reference = format!("{}/{name}", registry.name());
    home.succeed(&["push", "hello.wasm", &reference, "--insecure"])
        .says(&["pushed component"]);
    reference
}

#[test]
fn a_component_is_pushed_deployed_and_pulled() {
    let Some(registry) = Registry::start() else {
        return;
    };
    let home = Home::new();
    let reference = push_hello(&home, &registry, "acme/hello:1.0");
    let (port, other) = (free_port(), free_port());
    let image = format!("oci://{reference}");
    home.write("shop.yaml", site("shop", &image, Some(port)));
    let _up = Up::start(&home, &["--allowed-insecure", registry.name()]);
    home.succeed(&["app", "deploy", "shop.yaml"]);
    let page = wait_for_page(port, "/", "");

    // The host's cache is that of commands: nothing is downloaded again.
    let pulled = home.json(&["pull", &reference, "--insecure", "-d", "pulled.wasm"]);
    assert_eq!(pulled["is_cached"], true, "{pulled}");
    assert_eq!(read(home.path("pulled.wasm")), guest("hello-http"));
    home.run(&["pull", &reference, "--insecure", "-d", "pulled.wasm"])
        .exits(4)
        .says(&["is there already", "code: CLI031"]);

    // Pinned to its manifest, and with the registry gone: the cache has it all.
    let digest = pulled["manifest_digest"].as_str().unwrap().to_owned();
    let pinned = format!("{}/acme/hello@{digest}", registry.name());
    drop(registry);
    home.write("again.yaml", site("again", &pinned, Some(other)));
    home.succeed(&["app", "deploy", "again.yaml"]);
    assert_eq!(wait_for_page(other, "/", ""), page);
    let inventory = home.json(&["get", "inventory"]);
    assert!(inventory.to_string().contains(&pinned), "{inventory}");
}

#[test]
fn images_that_are_not_there_are_told() {
    let Some(registry) = Registry::start() else {
        return;
    };
    let home = Home::new();
    push_hello(&home, &registry, "acme/hello:1.0");
    let _up = Up::start(&home, &["--allowed-insecure", registry.name()]);
    let check = |image: &str, texts: &[&str]| {
        home.write("bad.yaml", site("bad", image, None));
        home.run(&["app", "deploy", "bad.yaml"])
            .exits(4)
            .says(texts);
    };
    let name = registry.name();
    check(&format!("{name}/acme/none:1"), &["ART014", "has no"]);
    check(
        &format!("{name}/acme/hello:latest"),
        &["ART010", "--allow-latest"],
    );
    check(&format!("{name}/acme/hello"), &["ART010"]);
    home.run(&["pull", &format!("{name}/acme/none:1"), "--insecure"])
        .exits(3)
        .says(&["code: ART014"]);
    home.run(&["push", &format!("{name}/a:1"), "hello.wasm"])
        .exits(2)
        .says(&["the file comes first", "code: CLI012"]);
    home.write("text", "hello");
    home.run(&["push", "text", &format!("{name}/a:1"), "--insecure"])
        .exits(4)
        .says(&["code: ART017"]);
}

#[test]
fn a_private_registry_wants_its_authority_and_a_user() {
    let Some(registry) = Registry::start_private() else {
        return;
    };
    let home = Home::new();
    home.write("hello.wasm", guest("hello-http"));
    home.write("password", "secret\n");
    let (reference, authority) = (
        format!("{}/acme/hello:1.0", registry.name()),
        registry.authority(),
    );
    let push = ["push", "hello.wasm", &reference];
    home.run(&push)
        .exits(5)
        .says(&["code: ART012", "--tls-ca-path"]);
    let trusting = [&push[..], &["--tls-ca-path", &authority]].concat();
    home.run(&trusting)
        .exits(4)
        .says(&["no credentials", "code: ART013"]);
    let user = ["--user", "user", "--password-file", "password"];
    home.succeed(&[&trusting[..], &user].concat());

    // A host that has the user by its options.
    let port = free_port();
    home.write("shop.yaml", site("shop", &reference, Some(port)));
    let login = [
        "--tls-ca-path",
        &authority,
        "--oci-registry",
        registry.name(),
        "--oci-user",
        "user",
        "--oci-password-file",
        "password",
    ];
    let up = Up::start(&home, &login);
    home.succeed(&["app", "deploy", "shop.yaml"]);
    wait_for_page(port, "/", "");
    drop(up);

    // A command that has it from Docker's config file: `user:secret`.
    let docker = format!(
        r#"{{"auths":{{"{}":{{"auth":"dXNlcjpzZWNyZXQ="}}}}}}"#,
        registry.name()
    );
    home.write(".docker/config.json", docker);
    home.succeed(&[
        "pull",
        &reference,
        "--tls-ca-path",
        &authority,
        "-d",
        "out.wasm",
    ]);
    assert_eq!(read(home.path("out.wasm")), guest("hello-http"));
}

#[test]
fn a_corrupted_blob_is_refused_and_named() {
    let Some(registry) = Registry::start() else {
        return;
    };
    let home = Home::new();
    home.write("hello.wasm", guest("hello-http"));
    let reference = format!("{}/acme/hello:1.0", registry.name());
    let pushed = home.json(&["push", "hello.wasm", &reference, "--insecure"]);
    let digest = pushed["digest"].as_str().unwrap();
    let mut wrong = guest("hello-http");
    wrong[5_000] ^= 1;
    fs::write(registry.blob(digest), &wrong).unwrap();
    let port = free_port();
    home.write("shop.yaml", site("shop", &reference, Some(port)));
    let _up = Up::start(&home, &["--allowed-insecure", registry.name()]);
    home.run(&["app", "deploy", "shop.yaml"])
        .exits(4)
        .says(&["ART018", digest, "corrupted"]);
    home.run(&["pull", &reference, "--insecure"])
        .exits(4)
        .says(&[digest, "code: ART018"]);

    // Once it is whole again, it is pulled.
    fs::write(registry.blob(digest), guest("hello-http")).unwrap();
    home.succeed(&["app", "deploy", "shop.yaml"]);
    wait_for_page(port, "/", "");
}

/// Starts a pull in the background.
fn start_pull(home: &Home, reference: &str, file: &str) -> Child {
    home.command(&["pull", reference, "--insecure", "-d", file])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// A large component in a registry, and a proxy that holds it back half-way.
fn held(home: &Home, name: &str) -> Option<(Registry, Proxy, String, Vec<u8>)> {
    let registry = Registry::start()?;
    let wasm = padded(&guest("hello-http"), BYTES);
    home.write("large.wasm", &wasm);
    let direct = format!("{}/{name}", registry.name());
    home.succeed(&["push", "large.wasm", &direct, "--insecure"]);
    let proxy = Proxy::before(&registry, CREDIT);
    let reference = format!("{}/{name}", proxy.name());
    Some((registry, proxy, reference, wasm))
}

/// Waits until about half of what may come before the proxy holds is on the disk.
fn wait_for_half(home: &Home) {
    let partial = home.data_dir().join("artifacts/partial");
    wait_until("half of it", || {
        let files = fs::read_dir(&partial).map_err(|error| error.to_string())?;
        let lengths = files.map(|file| file.unwrap().metadata().unwrap().len());
        match lengths.sum::<u64>() {
            bytes if bytes > CREDIT as u64 / 2 => Ok(()),
            bytes => Err(bytes.to_string()),
        }
    });
}

#[test]
fn a_pull_that_was_killed_goes_on_where_it_ended() {
    let home = Home::new();
    let Some((_registry, proxy, reference, wasm)) = held(&home, "large:1") else {
        return;
    };
    let mut first = start_pull(&home, &reference, "first.wasm");
    wait_for_half(&home);
    first.kill().unwrap();
    first.wait().unwrap();
    proxy.let_go();
    home.succeed(&["pull", &reference, "--insecure", "-d", "second.wasm"]);
    assert_eq!(read(home.path("second.wasm")), wasm);
    assert_eq!(proxy.asked("range: bytes="), 1);
    assert!(!home.path("first.wasm").exists());
}

#[test]
fn of_two_processes_one_downloads() {
    let home = Home::new();
    let Some((registry, proxy, reference, wasm)) = held(&home, "large:1") else {
        return;
    };
    let first = start_pull(&home, &reference, "one.wasm");
    wait_for_half(&home);
    let asked = proxy.asked("/manifests/1 ");
    let second = start_pull(&home, &reference, "two.wasm");
    wait_until("the second to ask", || {
        let now = proxy.asked("/manifests/1 ");
        if now > asked { Ok(()) } else { Err(now) }
    });
    proxy.let_go();
    for (file, mut pull) in [("one.wasm", first), ("two.wasm", second)] {
        assert!(pull.wait().unwrap().success());
        assert_eq!(read(home.path(file)), wasm);
    }
    let blob = home.json(&["inspect", "large.wasm"])["digest"].clone();
    let asked = format!("GET /v2/large/blobs/{}", blob.as_str().unwrap());
    assert_eq!(proxy.asked(&asked), 1);
    drop(registry);
}

#[test]
fn a_deployment_that_pulls_for_long_is_followed() {
    let home = Home::new();
    let Some((_registry, proxy, reference, _)) = held(&home, "large:1") else {
        return;
    };
    let port = free_port();
    home.write("shop.yaml", site("shop", &reference, Some(port)));
    let _up = Up::start(&home, &["--allowed-insecure", proxy.name()]);
    home.run(&["app", "deploy", "shop.yaml", "--timeout", "3s"])
        .exits(6)
        .says(&["pull", &reference]);
    proxy.let_go();
    home.succeed(&["app", "deploy", "shop.yaml"]);
    assert_eq!(get(port, "/").unwrap().0, 200);
}
