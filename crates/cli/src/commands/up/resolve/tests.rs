use std::path::Path;

use clap::Parser;

use super::*;
use crate::Process;
use crate::arguments::{Cli, Command};
use crate::commands::up::{ArtifactSettings, LogFormat};
use crate::context::NatsCredentials;

/// What `weft up` with these arguments means, or the misfits.
fn resolve_args(arguments: &[&str]) -> Result<UpOptions, Vec<String>> {
    resolve_in(&[], arguments)
}

/// The same with variables of a wasmCloud 1.9 host, without the beginning of their names.
fn resolve_in(variables: &[(&str, &str)], arguments: &[&str]) -> Result<UpOptions, Vec<String>> {
    let cli = Cli::try_parse_from(["weft", "up"].iter().chain(arguments)).unwrap();
    let Command::Up(args) = cli.command else {
        panic!("{:?}", cli.command);
    };
    let process = Process {
        output: Box::new(std::io::sink()),
        messages: Box::new(std::io::sink()),
        input: Box::new(std::io::empty()),
        terminal: crate::Terminal::default(),
        directory: "/somewhere".into(),
        data_home: Some("/home/ada/.local/share".into()),
        docker_config: None,
        program: "/usr/bin/weft".into(),
        arguments: Vec::new(),
        is_detached: false,
        variables: variables
            .iter()
            .map(|(name, value)| (format!("WASMCLOUD_{name}"), (*value).to_owned()))
            .collect(),
    };
    let context = Context::new(process, cli.global);
    resolve(&args, &context).map_err(|failure| {
        assert_eq!(failure.status(), crate::Status::Usage);
        let text = crate::failure::render(&failure, &crate::ui::Styles::default());
        text.lines()
            .filter_map(|line| line.strip_prefix("  CLI012: "))
            .map(str::to_owned)
            .collect()
    })
}

#[test]
fn without_arguments_it_is_a_whole_lattice() {
    let options = resolve_args(&[]).unwrap();
    assert_eq!(
        options,
        UpOptions {
            roles: BTreeSet::from([Role::Broker, Role::Host, Role::Manager]),
            nats: NatsSource::Embedded(weft_node::Embedded::at(broker::LISTEN)),
            lattice: "default".parse().unwrap(),
            js_domain: None,
            control_prefix: SubjectPrefix::control(),
            data_dir: "/home/ada/.local/share/weft".into(),
            labels: Labels::new(),
            http: HTTP,
            is_strict: false,
            file_loads: FileLoads {
                components: true,
                providers: false,
            },
            artifacts: ArtifactSettings {
                registry: weft_artifact::registry::Options::default(),
                login: None,
                dir: None,
                store_bytes_max: 2 << 30,
                asks_config_service: false,
            },
            access_log: None,
            instances_max: 1000,
            providers_max: 100,
            provider_drain_timeout: Duration::from_secs(30),
            heartbeat_interval: Duration::from_secs(30),
            host_seed: None,
            auctions: weft_lattice::protocol::subject::Auctions {
                components: true,
                providers: true,
            },
            rpc_timeout: Duration::from_secs(2),
            maxima: crate::HostMaxima::default(),
            http_admin: None,
            log: LogOptions {
                filter: "warn,weft::guest=info,weft::provider=info".to_owned(),
                format: LogFormat::Text,
                allows_colour: true,
            },
            is_quiet: false,
            is_detached: false,
            applications: Vec::new(),
        }
    );
    assert_eq!(options.artifacts.login, None);
    assert_eq!(options.artifacts.dir, None);
    assert!(!options.artifacts.asks_config_service);
    assert_eq!(warnings(&options), [""; 0]);
}

#[test]
fn with_a_server_it_is_a_host() {
    let options = resolve_args(&[
        "--nats-url",
        "nats://a:4222,nats://b:4222",
        "--creds",
        "user.creds",
    ])
    .unwrap();
    assert_eq!(options.roles, BTreeSet::from([Role::Host]));
    assert_eq!(options.file_loads, FileLoads::default());
    assert_eq!(
        options.nats,
        NatsSource::Join {
            urls: vec!["nats://a:4222".to_owned(), "nats://b:4222".to_owned()],
            access: NatsAccess {
                credentials: NatsCredentials::File("/somewhere/user.creds".into()),
                ..NatsAccess::default()
            },
            calls: None,
        }
    );
    let options = resolve_args(&["--nats-url", "n", "--role", "host,manager"]).unwrap();
    assert_eq!(options.roles, BTreeSet::from([Role::Host, Role::Manager]));
}

#[test]
fn all_misfits_are_told_at_once() {
    let misfits = resolve_args(&[
        "--nats-url=nats://a:4222",
        "--listen=127.0.0.1:4223",
        "--role=broker,manager",
        "--label=zone=a,Hostcore.os=linux",
        "--label=zone=b",
        "--heartbeat-interval=10m",
        "--allow-file-load=none,components",
        "--detach",
        "-",
        "-",
    ])
    .unwrap_err();
    let expected = [
        "`--listen` is about the built-in NATS server, but `--nats-url` names another",
        "`--role broker` is about the built-in NATS server, but `--nats-url` names another",
        "`--label` is about a host, but `--role` leaves the host out",
        "`--allow-file-load` is about a host, but `--role` leaves the host out",
        "the label `Hostcore.os` is reserved",
        "the label `zone` is given two values, `a` and `b`",
        "`--allow-file-load` is given `none` and something else",
        "`--heartbeat-interval` has to be between 1 s and 5 min",
        "standard input can be read once, but is named several times",
        "`--detach` cannot read a manifest from standard input",
    ];
    for (misfit, expected) in misfits.iter().zip(expected) {
        assert!(misfit.ends_with(expected), "{misfit}");
    }
    assert_eq!(misfits.len(), expected.len(), "{misfits:?}");
}

#[test]
fn a_lattice_needs_nats_somewhere() {
    let misfits = resolve_args(&["--role=host", "--creds=x"]).unwrap_err();
    assert_eq!(misfits.len(), 2, "{misfits:?}");
    assert!(misfits[0].contains("--creds"));
    assert!(misfits[1].contains("`--role` leaves the broker out"));
    let misfits = resolve_args(&["--http=127.0.0.1:4222"]).unwrap_err();
    assert!(
        misfits[0].contains("are both 127.0.0.1:4222"),
        "{misfits:?}"
    );
    assert!(resolve_args(&["--http=127.0.0.1:0", "--listen=127.0.0.1:0"]).is_ok());
}

#[test]
fn the_flag_alone_allows_all_files() {
    let all = FileLoads {
        components: true,
        providers: true,
    };
    let loads = |arguments: &[&str]| resolve_args(arguments).unwrap().file_loads;
    assert_eq!(loads(&["--allow-file-load", "shop.yaml"]), all);
    assert_eq!(loads(&["--allow-file-load=components,providers"]), all);
    assert_eq!(loads(&["--allow-file-load=none"]), FileLoads::default());
    let joined = loads(&["--nats-url=n", "--allow-file-load=components"]);
    assert!(joined.components && !joined.providers);
}

#[test]
fn paths_count_from_the_current_directory() {
    let options = resolve_args(&["--data-dir=data", "--access-log=http.log"]).unwrap();
    assert_eq!(options.data_dir, Path::new("/somewhere/data"));
    assert_eq!(
        options.access_log,
        Some(AccessLog::File("/somewhere/http.log".into()))
    );
    let options = resolve_args(&["--access-log=-"]).unwrap();
    assert_eq!(options.access_log, Some(AccessLog::Output));
}

#[test]
fn what_is_open_to_others_is_warned_about() {
    let check = |arguments: &[&str], word: &str| {
        let told = warnings(&resolve_args(arguments).unwrap());
        assert!(told.len() == 1 && told[0].contains(word), "{told:?}");
    };
    let open = "--listen=0.0.0.0:4222";
    check(&[open, "--allow-unauthenticated"], "without credentials");
    check(&["--monitor=0.0.0.0:8222"], "who is connected");
    for closed in [&[open, "--auth", "--allow-unauthenticated"][..], &[open]] {
        assert_eq!(warnings(&resolve_args(closed).unwrap()), [""; 0]);
    }
    check(&["--nats-url=n", "--allow-file-load"], "any program");
    let alone = warnings(&resolve_args(&["--allow-file-load"]).unwrap());
    assert_eq!(alone, [""; 0]);
}

#[test]
fn options_of_encryption_belong_together() {
    let misfits = resolve_args(&[
        "--tls-cert=a.pem",
        "--listen-plain=10.0.0.1:4222",
        "--tls-ca=ca.pem",
    ])
    .unwrap_err();
    let expected = [
        "`--tls-ca` is about a NATS server elsewhere, but `--nats-url` names none",
        "`--listen-plain` is 10.0.0.1:4222, which is not on loopback",
        "`--tls-cert` needs `--tls-key`",
    ];
    for (misfit, expected) in misfits.iter().zip(expected) {
        assert!(misfit.ends_with(expected), "{misfit}");
    }
    assert_eq!(misfits.len(), expected.len(), "{misfits:?}");
    let misfits = resolve_args(&["--tls-first", "--tls-client-ca=ca.pem"]).unwrap_err();
    assert_eq!(misfits.len(), 2, "{misfits:?}");
    let options = resolve_args(&["--tls-cert=a.pem", "--tls-key=a.key", "--auth"]).unwrap();
    let NatsSource::Embedded(embedded) = options.nats else {
        panic!("{options:?}");
    };
    let tls = embedded.tls.unwrap();
    assert!(embedded.has_auth && tls.listen_plain.ip().is_loopback());
    assert_eq!(tls.cert_file, Path::new("/somewhere/a.pem"));
}

#[test]
fn one_proof_of_who_one_is_is_enough() {
    let check = |arguments: &[&str], expected: &str| {
        let misfits = resolve_args(&[&["--nats-url=n"], arguments].concat()).unwrap_err();
        assert!(
            misfits.len() == 1 && misfits[0].ends_with(expected),
            "{misfits:?}"
        );
    };
    check(
        &["--creds=a", "--nats-token-file=b"],
        "`--creds` and `--nats-token-file` both say who you are",
    );
    check(
        &["--nats-user=a"],
        "`--nats-user` needs `--nats-password-file`",
    );
    check(
        &["--nats-tls-key=a"],
        "`--nats-tls-key` needs `--nats-tls-cert`",
    );
    check(
        &["--nats-token-file=-", "--detach"],
        "a secret cannot be read from standard input beside a manifest, or with `--detach`",
    );
}

/// Where control and calls go.
fn join(options: &UpOptions) -> (&[String], &NatsAccess, Option<&crate::Calls>) {
    let NatsSource::Join {
        urls,
        access,
        calls,
    } = &options.nats
    else {
        panic!("{options:?}");
    };
    (urls, access, calls.as_ref())
}

#[test]
fn calls_go_where_control_does_unless_something_else_is_said() {
    let resolve = |arguments: &[&str]| {
        resolve_args(&[&["--nats-url=n", "--creds=c", "--tls-ca=ca"], arguments].concat()).unwrap()
    };
    assert_eq!(join(&resolve(&[])).2, None);
    let options = resolve(&["--rpc-nats-url=r,s"]);
    let (_, access, calls) = join(&options);
    let calls = calls.unwrap();
    assert_eq!(calls.urls, ["r", "s"]);
    assert_eq!(calls.access, *access);
    let options = resolve(&["--rpc-nats-token-file=t"]);
    let (urls, access, calls) = join(&options);
    let calls = calls.unwrap();
    assert_eq!(calls.urls, urls);
    assert_eq!(calls.access.tls.ca_file, access.tls.ca_file);
    assert!(matches!(
        calls.access.credentials,
        NatsCredentials::Token(_)
    ));
    let misfits = resolve_args(&["--rpc-creds=c", "--js-domain=hub"]).unwrap_err();
    assert_eq!(misfits.len(), 2, "{misfits:?}");
}

#[test]
fn the_environment_of_a_1_9_host_carries_over() {
    let variables = [
        ("NATS_HOST", "nats.example"),
        ("RPC_HOST", "leaf.example"),
        ("NATS_CREDS", "host.creds"),
        ("LATTICE", "edge"),
        ("JS_DOMAIN", "hub"),
        ("LABEL_zone", "east"),
        ("LABEL_rack", "7"),
        ("HEARTBEAT_INTERVAL", "5"),
        ("ALLOW_FILE_LOAD", "true"),
        ("PROVIDER_AUCTION_ENABLED", "false"),
        ("STRUCTURED_LOGGING_ENABLED", "true"),
        ("LOG_LEVEL", "INFO"),
        ("MAX_LINEAR_MEMORY", "1048576"),
    ];
    let options = resolve_in(&variables, &[]).unwrap();
    let (urls, access, calls) = join(&options);
    assert_eq!(urls, ["nats://nats.example:4222"]);
    let creds = NatsCredentials::File("/somewhere/host.creds".into());
    assert_eq!(access.credentials, creds);
    let calls = calls.unwrap();
    assert_eq!(calls.urls, ["nats://leaf.example:4222"]);
    assert!(matches!(calls.access.credentials, NatsCredentials::File(_)));
    assert_eq!(options.roles, BTreeSet::from([Role::Host]));
    assert_eq!(options.lattice.as_str(), "edge");
    assert_eq!(options.js_domain.as_deref(), Some("hub"));
    assert_eq!(options.labels["zone"], "east");
    assert_eq!(options.heartbeat_interval, Duration::from_secs(5));
    assert!(options.file_loads.components && options.file_loads.providers);
    assert!(options.auctions.components && !options.auctions.providers);
    assert_eq!(options.log.format, LogFormat::Json);
    assert_eq!(options.log.filter, "info");
    assert_eq!(options.maxima.memory_bytes, Some(1 << 20));

    // What is said to Weft itself comes first.
    let options = resolve_in(
        &variables,
        &[
            "--nats-url=n",
            "--rpc-nats-url=r",
            "--lattice=mine",
            "--label=zone=west",
            "--heartbeat-interval=7s",
            "--allow-file-load=none",
            "--provider-auction=true",
            "--log-level=error",
        ],
    )
    .unwrap();
    let (urls, _, calls) = join(&options);
    assert_eq!(urls, ["n"]);
    assert_eq!(calls.unwrap().urls, ["r"]);
    assert_eq!(options.lattice.as_str(), "mine");
    assert_eq!(options.labels["zone"], "west");
    assert_eq!(options.labels["rack"], "7");
    assert_eq!(options.heartbeat_interval, Duration::from_secs(7));
    assert_eq!(options.file_loads, FileLoads::default());
    assert!(options.auctions.providers);
    assert_eq!(options.log.filter, "error");
}

#[test]
fn a_safeguard_that_is_not_there_keeps_it_from_starting() {
    let misfits = resolve_in(
        &[("POLICY_TOPIC", "acme.policy"), ("NATS_JWT", "j")],
        &["--listen=127.0.0.1:0"],
    )
    .unwrap_err();
    let expected = [
        "`WASMCLOUD_NATS_JWT` needs `WASMCLOUD_NATS_SEED`",
        "`WASMCLOUD_POLICY_TOPIC` asks for a policy service, which this host does not have",
    ];
    assert_eq!(misfits.len(), expected.len(), "{misfits:?}");
    for (misfit, expected) in misfits.iter().zip(expected) {
        assert!(misfit.contains(expected), "{misfit}");
    }
}

#[test]
fn the_pages_about_the_process_have_an_address_of_their_own() {
    let misfits = resolve_args(&["--http-admin=127.0.0.1:8000"]).unwrap_err();
    assert!(
        misfits[0].contains("`--http` and `--http-admin` are both"),
        "{misfits:?}"
    );
    let options = resolve_args(&["--http-admin=0.0.0.0:8081"]).unwrap();
    assert_eq!(options.http_admin, Some(([0, 0, 0, 0], 8081).into()));
}

#[test]
fn registries_have_settings() {
    let options = resolve_args(&[
        "--allowed-insecure",
        "Localhost:5000,b.io",
        "--tls-ca-path",
        "ca.pem",
        "--oci-registry",
        "a.io",
        "--oci-user",
        "ada",
        "--oci-password-file",
        "secret",
        "--artifacts-dir",
        "cache",
        "--artifacts-max",
        "1GiB",
        "--max-pulls",
        "2",
        "--config-service-enabled",
    ])
    .unwrap()
    .artifacts;
    assert!(options.registry.insecure.contains("localhost:5000"));
    assert_eq!(options.registry.ca_files, [Path::new("/somewhere/ca.pem")]);
    assert_eq!(options.registry.pulls_max, 2);
    assert_eq!(options.dir.as_deref(), Some(Path::new("/somewhere/cache")));
    assert_eq!(options.store_bytes_max, 1 << 30);
    assert!(options.asks_config_service);
    assert_eq!(options.login.unwrap().user, "ada");
    let misfits = resolve_args(&["--oci-user", "ada"]).unwrap_err();
    assert_eq!(misfits, ["`--oci-user` needs `--oci-password-file`"]);
}
