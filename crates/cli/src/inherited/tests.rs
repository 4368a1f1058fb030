use std::path::Path;

use super::*;

fn read(lines: &[&str]) -> Inherited {
    let variables = lines.iter().map(|line| {
        let (name, value) = line.split_once('=').unwrap();
        (format!("WASMCLOUD_{name}"), value.to_owned())
    });
    Inherited::read(&variables.collect())
}

fn jwt(jwt: &str, seed: &str) -> NatsCredentials {
    let given = |text: &str| SecretFile::Given(weft_lattice::Secret::new(text));
    NatsCredentials::Jwt {
        jwt: given(jwt),
        seed: given(seed),
    }
}

#[test]
fn nothing_given_is_nothing_said() {
    assert_eq!(read(&[]), Inherited::default());
    assert_eq!(
        read(&["NATS_HOST=", "POLICY_TOPIC=", "LATTICE="]),
        Inherited::default()
    );
}

#[test]
fn what_one_connection_is_not_given_is_that_of_both() {
    let check = |lines: &[&str], control: (&str, NatsCredentials), rpc: Option<(&str, _)>| {
        let read = read(lines);
        assert_eq!(read.problems, [], "{lines:?}");
        let server = |(url, credentials): (&str, _)| InheritedServer {
            url: url.to_owned(),
            credentials,
        };
        assert_eq!(read.control, Some(server(control)), "{lines:?}");
        assert_eq!(read.rpc, rpc.map(server), "{lines:?}");
    };
    let nobody = || NatsCredentials::None;
    check(&["NATS_HOST=n"], ("nats://n:4222", nobody()), None);
    check(&["NATS_PORT=1"], ("nats://127.0.0.1:1", nobody()), None);
    check(
        &["NATS_HOST=n", "RPC_HOST=r", "CTL_TLS=true"],
        ("tls://n:4222", nobody()),
        Some(("nats://r:4222", nobody())),
    );
    check(
        &[
            "NATS_JWT=j",
            "NATS_SEED=s",
            "RPC_PORT=2",
            "CTL_CREDS=/c.creds",
        ],
        (
            "nats://127.0.0.1:4222",
            NatsCredentials::File(Path::new("/c.creds").into()),
        ),
        Some(("nats://127.0.0.1:2", jwt("j", "s"))),
    );
    check(&["NATS_HOST=::1"], ("nats://[::1]:4222", nobody()), None);
}

#[test]
fn halves_and_doubles_are_told_without_their_values() {
    let check = |lines: &[&str], expected: &[&str]| {
        let problems = read(lines).problems;
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(told, expected, "{lines:?}");
    };
    check(
        &["NATS_JWT=j"],
        &["`WASMCLOUD_NATS_JWT` needs `WASMCLOUD_NATS_SEED`"],
    );
    check(
        &["RPC_SEED=s3cret"],
        &["`WASMCLOUD_RPC_SEED` needs `WASMCLOUD_RPC_JWT`"],
    );
    check(
        &["CTL_JWT=j", "CTL_SEED=s", "CTL_CREDS=c"],
        &["`WASMCLOUD_CTL_JWT` and `WASMCLOUD_CTL_CREDS` both say who the host is"],
    );
    check(
        &["HEARTBEAT_INTERVAL=0", "NATS_PORT=high", "RPC_TLS=maybe"],
        &[
            "`WASMCLOUD_NATS_PORT` has to be a port",
            "`WASMCLOUD_RPC_TLS` has to be `true` or `false`",
            "`WASMCLOUD_HEARTBEAT_INTERVAL` has to be a number above zero",
        ],
    );
}

#[test]
fn a_policy_that_nobody_would_enforce_is_a_problem() {
    let read = read(&["POLICY_TOPIC=acme.policy"]);
    assert_eq!(
        read.problems,
        [VariableProblem::Policy {
            name: names::POLICY_TOPIC
        }]
    );
    assert_eq!(read.warnings, [""; 0]);
}

#[test]
fn what_has_no_effect_is_told_in_a_line_each() {
    let read = read(&[
        "SECRETS_TOPIC=acme.secrets",
        "OBSERVABILITY_ENABLED=false",
        "TRACES_ENABLED=true",
        "COLOUR=blue",
        "LATTICE=edge",
    ]);
    assert_eq!(read.problems, []);
    let told: Vec<&str> = read
        .warnings
        .iter()
        .map(|line| line.split('`').nth(1).unwrap())
        .collect();
    assert_eq!(
        told,
        [
            "WASMCLOUD_COLOUR",
            "WASMCLOUD_SECRETS_TOPIC",
            "WASMCLOUD_TRACES_ENABLED"
        ]
    );
    assert_eq!(read.used, ["WASMCLOUD_LATTICE"]);
}

#[test]
fn settings_of_the_host_have_their_units() {
    let read = read(&[
        "LABEL_zone=eu",
        "LABEL_Region=",
        "HEARTBEAT_INTERVAL=5",
        "RPC_TIMEOUT_MS=750",
        "PROV_SHUTDOWN_DELAY_MS=300",
        "MAX_EXECUTION_TIME_MS=60000",
        "MAX_LINEAR_MEMORY=268435456",
        "MAX_COMPONENTS=7",
        "COMPONENT_AUCTION_ENABLED=false",
        "ALLOW_FILE_LOAD=TRUE",
        "HTTP_ADMIN=0.0.0.0:8081",
        "LOG_LEVEL=DEBUG",
        "STRUCTURED_LOGGING_ENABLED=1",
        "HOST_SEED=SN1",
    ]);
    assert_eq!(read.problems, []);
    let host = read.host;
    assert_eq!(host.labels["zone"], "eu");
    assert_eq!(host.labels["Region"], "");
    assert_eq!(host.heartbeat_interval, Some(Duration::from_secs(5)));
    assert_eq!(host.rpc_timeout, Some(Duration::from_millis(750)));
    assert_eq!(
        host.provider_drain_timeout,
        Some(Duration::from_millis(300))
    );
    assert_eq!(host.max_execution_time, Some(Duration::from_secs(60)));
    assert_eq!(host.max_linear_memory, Some(256 << 20));
    assert_eq!(host.max_components, Some(7));
    assert_eq!(host.component_auction, Some(false));
    assert_eq!(host.provider_auction, None);
    assert_eq!(host.allow_file_load, Some(true));
    assert_eq!(host.http_admin, Some(([0, 0, 0, 0], 8081).into()));
    assert_eq!(host.log_level.as_deref(), Some("debug"));
    assert_eq!(host.logs_json, Some(true));
    assert!(!format!("{:?}", host.seed).contains("SN1"));
}

#[test]
fn registries_are_spoken_to_as_before() {
    let host = read(&[
        "OCI_ALLOW_LATEST=true",
        "OCI_ALLOWED_INSECURE=localhost:5000,registry.local",
        "OCI_REGISTRY=ghcr.io",
        "OCI_REGISTRY_USER=me",
        "OCI_REGISTRY_PASSWORD=s3cret",
        "TLS_CA_PATH=/ca.pem",
        "CONFIG_SERVICE=1",
    ]);
    assert_eq!(host.problems, []);
    assert_eq!(host.warnings, Vec::<String>::new());
    assert!(!format!("{host:?}").contains("s3cret"));
    let host = host.host;
    assert_eq!(host.allow_latest, Some(true));
    assert_eq!(host.allowed_insecure, ["localhost:5000", "registry.local"]);
    assert_eq!(host.tls_ca_path.as_deref(), Some(Path::new("/ca.pem")));
    assert_eq!(host.config_service, Some(true));
    let login = host.login.unwrap();
    assert_eq!((&*login.registry, &*login.user), ("ghcr.io", "me"));
    let half = read(&["OCI_REGISTRY=ghcr.io", "OCI_REGISTRY_USER=me"]);
    let told: Vec<String> = half.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        ["`WASMCLOUD_OCI_REGISTRY` needs `WASMCLOUD_OCI_REGISTRY_PASSWORD`"]
    );
}

#[test]
fn the_documentation_lists_every_variable() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/settings.md");
    let page = std::fs::read_to_string(path).unwrap();
    for (name, option) in names::SERVED {
        let row = page
            .lines()
            .find(|line| line.starts_with(&format!("| `{name}` |")));
        let row = row.unwrap_or_else(|| panic!("`{name}` is missing"));
        assert!(row.contains(option), "`{name}` is `{option}`: {row}");
    }
    for (name, _) in names::UNSERVED {
        assert!(page.contains(&format!("`{name}`")), "`{name}` is missing");
    }
    assert!(page.contains(names::POLICY_TOPIC) && page.contains("WASMCLOUD_LABEL_"));
}
