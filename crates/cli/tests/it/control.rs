//! Commands that change what runs, against a host as 1.9.2 is.

use weft_cli::Status;
use weft_lattice::protocol::control::ComponentEntry;

use crate::foreign::Foreign;
use crate::server::Server;
use crate::weft::{Ran, Weft};

const HOST: &str = "NABCDEFGHIJKLMNOPQRSTUVWXYZ";
const IMAGE: &str = "ghcr.io/shop/web:1";

async fn start() -> Option<(Server, Foreign, Weft)> {
    let server = Server::start().await?;
    let host = Foreign::start(&server, HOST, "little-bird").await;
    let weft = Weft::at(&server);
    Some((server, host, weft))
}

/// The transcript of `command`, with the name of the lattice replaced.
async fn transcript(server: &Server, weft: &Weft, command: &str) -> String {
    let ran = weft.run(command).await;
    let text = ran.transcript(weft).replace(&server.lattice, "[LATTICE]");
    format!("$ weft {command}\n{text}")
}

async fn check(server: &Server, weft: &Weft, name: &str, commands: &[&str]) {
    let mut all = String::new();
    for command in commands {
        all += &transcript(server, weft, command).await;
        all.push('\n');
    }
    insta::assert_snapshot!(name, all);
}

#[track_caller]
fn says(ran: &Ran, status: Status, texts: &[&str]) {
    assert_eq!(ran.status, status, "{ran:?}");
    for text in texts {
        assert!(ran.messages.contains(text), "no `{text}`: {ran:?}");
    }
}

#[tokio::test]
async fn components_are_started_scaled_updated_and_stopped() {
    let Some((server, host, weft)) = start().await else {
        return;
    };
    check(
        &server,
        &weft,
        "component",
        &[
            "component start ghcr.io/shop/web:1 web --max-instances 5 --annotation team=a",
            "component scale little-bird ghcr.io/shop/web:1 web --max-instances 7 -o json",
            "component update NABC web ghcr.io/shop/web:2",
            "component update NABC web ghcr.io/shop/web:2",
            "component stop web --yes",
        ],
    )
    .await;
    assert_eq!(host.instances("web"), None);
}

#[tokio::test]
async fn what_a_component_has_stays_when_it_is_scaled() {
    let Some((_server, host, weft)) = start().await else {
        return;
    };
    let limits = [("max_memory_limit".to_owned(), "1048576".to_owned())];
    host.have(ComponentEntry {
        id: "web".to_owned(),
        image_ref: IMAGE.to_owned(),
        annotations: Some([("team".to_owned(), "a".to_owned())].into()),
        max_instances: 1,
        limits: Some(limits.into()),
        ..ComponentEntry::default()
    });
    let ran = weft
        .run("component scale little-bird ghcr.io/shop/web:1 web --max 9")
        .await;
    says(
        &ran,
        Status::Ok,
        &["scaled `web` on `little-bird` to 9 calls at once"],
    );
    let ran = weft.run("get inventory -o json").await;
    let inventory: serde_json::Value = serde_json::from_str(&ran.output).unwrap();
    let component = &inventory["hosts"][0]["components"][0];
    assert_eq!(component["annotations"]["team"], "a", "{inventory}");
    assert_eq!(component["instances_max"], 9, "{inventory}");
}

#[tokio::test]
async fn failures_are_told_as_the_host_tells_them() {
    let Some((server, _host, weft)) = start().await else {
        return;
    };
    check(
        &server,
        &weft,
        "control-failures",
        &[
            "component start file:///nope.wasm web",
            "component start web.wasm web",
            "component start ghcr.io/shop/web:1 web --config missing",
            "component start ghcr.io/shop/web:1 web --host nobody",
            "component start ghcr.io/shop/web:1 web --constraint zone=west",
            "component update little-bird web ghcr.io/shop/web:2",
            "component stop web --yes",
            "provider start file:///nope.wasm kv",
            "provider stop kv --host little-bird --yes",
            "link del web wasi:keyvalue --yes",
            "config del words --yes",
            "link put web kv wasi:keyvalue",
            "link put web kv keyvalue/store",
            "label little-bird zone",
            "watch --kind component_scald",
        ],
    )
    .await;
}

#[tokio::test]
async fn a_scale_to_zero_of_what_does_not_run_is_done_at_once() {
    let Some((_server, host, weft)) = start().await else {
        return;
    };
    let ran = weft
        .run("component scale little-bird ghcr.io/shop/web:1 web --max-instances 0")
        .await;
    says(
        &ran,
        Status::Ok,
        &["`web` does not run on `little-bird`; nothing was done"],
    );
    assert_eq!(host.requests(), [""; 0]);
    // A 1.9 host wants the image also to stop what runs.
    let run = weft.run("component start ghcr.io/shop/web:1 web").await;
    says(&run, Status::Ok, &["started `web`"]);
    let ran = weft
        .run("component scale little-bird ghcr.io/shop/web:1 web --max-instances 0 --yes")
        .await;
    says(&ran, Status::Ok, &["stopped `web` on `little-bird`"]);
    assert_eq!(host.instances("web"), None);
}

#[tokio::test]
async fn the_deadline_passes_when_no_outcome_is_told() {
    let Some((_server, host, weft)) = start().await else {
        return;
    };
    host.be_silent();
    // The host did it all the same, which is seen at the deadline.
    let ran = weft
        .run("component start ghcr.io/shop/web:1 web --timeout 1s")
        .await;
    says(&ran, Status::Ok, &["started `web`"]);
    let ran = weft
        .run("component start file:///nope.wasm other --timeout 1s")
        .await;
    says(
        &ran,
        Status::Deadline,
        &[
            "component `other` on host `little-bird` is not started after 1.0 s, the work continues",
            "code: CTL002",
        ],
    );
    let ran = weft
        .run("component start file:///nope.wasm other --no-wait -o json")
        .await;
    says(&ran, Status::Ok, &[]);
    assert!(
        ran.output.contains(r#""status": "acknowledged""#),
        "{ran:?}"
    );
}

#[tokio::test]
async fn a_built_in_that_is_switched_off_is_not_waited_for_forever() {
    let Some((_server, _host, weft)) = start().await else {
        return;
    };
    let ran = weft
        .run("provider start wasmcloud+builtin://http-server http --timeout 1s")
        .await;
    says(
        &ran,
        Status::Deadline,
        &[
            "may have this built-in provider switched off",
            "code: CTL003",
        ],
    );
}

#[tokio::test]
async fn providers_links_configs_and_labels_are_changed() {
    let Some((server, host, weft)) = start().await else {
        return;
    };
    weft.write("words.env", "# words\ngreeting=Hi there\ncolor=red\n");
    check(
        &server,
        &weft,
        "control-changes",
        &[
            "provider start ghcr.io/shop/kv:1 kv",
            "provider start ghcr.io/shop/kv:1 kv --host little-bird",
            "config put words --file words.env color=blue",
            "link put web kv wasi:keyvalue/store,atomics --target-config words",
            "link put web other wasi keyvalue --interface store",
            "link put web kv wasi:keyvalue/store --source-config missing",
            "link list",
            "link del web wasi keyvalue --yes -o json",
            "label little-bird zone=west disk=ssd",
            "label little-bird --delete disk nothing",
            "host list -o wide",
            "provider stop kv --yes",
            "host drain little-bird --yes",
            "host stop little-bird --yes",
        ],
    )
    .await;
    let words = host.config("words").unwrap();
    assert_eq!(words["color"], "blue");
    assert_eq!(words["greeting"], "Hi there");
    // A host of 1.9 is not told to drain, as it would go on as before.
    let requests = host.requests();
    assert!(
        !requests
            .iter()
            .any(|one| one.starts_with("label.put") && one.contains("draining"))
    );
    assert_eq!(requests.last().unwrap(), &format!("host.stop.{HOST}"));
}

#[tokio::test]
async fn what_destroys_asks_first() {
    let Some((server, host, weft)) = start().await else {
        return;
    };
    for command in [
        "component start ghcr.io/shop/web:1 web",
        "provider start ghcr.io/shop/kv:1 kv",
        "link put web kv wasi:keyvalue/store",
    ] {
        says(&weft.run(command).await, Status::Ok, &[]);
    }
    let before = host.requests();
    for command in [
        "component stop web",
        "component scale little-bird ghcr.io/shop/web:1 web --max-instances 0",
        "provider stop kv",
        "link del web wasi:keyvalue",
        "link del --all",
        "host stop little-bird",
        "stop component web",
    ] {
        let ran = weft.run(command).await;
        says(&ran, Status::Usage, &["needs a confirmation", "--yes"]);
        let ran = Weft::at(&server).typing("n\n").run(command).await;
        says(&ran, Status::Rejected, &["Go on? [y/N]"]);
    }
    assert_eq!(host.requests(), before);
    let ran = Weft::at(&server)
        .typing("y\n")
        .run("component stop web")
        .await;
    says(
        &ran,
        Status::Ok,
        &["this stops component `web` on `little-bird`."],
    );
}

#[tokio::test]
async fn words_in_the_order_of_1_9_are_understood() {
    let Some((_server, host, weft)) = start().await else {
        return;
    };
    for command in [
        "start component ghcr.io/shop/web:1 web --max-instances 3",
        "scale component little-bird ghcr.io/shop/web:1 web --max-instances 4",
        "update component little-bird web ghcr.io/shop/web:2",
        "start provider ghcr.io/shop/kv:1 kv --host-id little-bird --skip-wait",
        "link put web kv wasi keyvalue --interface store --link-name default",
        "link query",
        "stop component web --host-id little-bird --yes",
    ] {
        says(&weft.run(command).await, Status::Ok, &[]);
    }
    assert_eq!(host.instances("web"), None);
}

#[tokio::test]
async fn events_are_waited_for_until_the_deadline() {
    let Some((_server, _host, weft)) = start().await else {
        return;
    };
    let ran = weft
        .run("watch --kind config_set --count 1 --timeout 1s")
        .await;
    let texts = ["0 of 1 event came within 1.0 s", "code: CLI009"];
    says(&ran, Status::Deadline, &texts);
}

#[tokio::test]
async fn events_are_watched_as_they_happen() {
    let Some((_server, _host, weft)) = start().await else {
        return;
    };
    let watching = async {
        let watch = "watch --kind component_* --component web --host little-bird --count 2 -o json";
        weft.run(watch).await
    };
    let acting = async {
        // Until it watches, events go by.
        for count in 1..200 {
            let scale = format!("component scale little-bird {IMAGE} web --max-instances {count}");
            says(&weft.run(&scale).await, Status::Ok, &[]);
        }
    };
    let watched = tokio::select! {
        watched = watching => watched,
        () = acting => panic!("nothing was watched"),
    };
    says(&watched, Status::Ok, &["watching lattice"]);
    let lines: Vec<serde_json::Value> = watched
        .output
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    for line in lines {
        assert_eq!(line["kind"], "component_scaled", "{line}");
        assert_eq!(line["host"], HOST);
        assert_eq!(line["host_name"], "little-bird");
        assert_eq!(line["parts"][0], "web");
        assert_eq!(line["data"]["component_id"], "web");
        assert!(
            line["message"]
                .as_str()
                .unwrap()
                .starts_with("component `web` runs ")
        );
    }
}
