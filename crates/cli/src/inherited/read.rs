//! Reading the variables.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use weft_artifact::registry;
use weft_lattice::Secret;

use super::{Inherited, InheritedHost, InheritedLogin, InheritedServer, VariableProblem, names};
use crate::arguments::{parse_bytes, parse_token};
use crate::context::NatsCredentials;
use crate::secret::SecretFile;

/// Where 1.9 hosts look for NATS.
const HOST_DEFAULT: &str = "127.0.0.1";
const PORT_DEFAULT: u16 = 4222;

const FLAG: &str = "`true` or `false`";
const MILLISECONDS: &str = "a number of milliseconds above zero";
const NUMBER: &str = "a number above zero";

/// The variables of one connection.
struct Names {
    host: &'static str,
    port: &'static str,
    jwt: &'static str,
    seed: &'static str,
    creds: &'static str,
}

const NATS: Names = Names {
    host: names::NATS_HOST,
    port: names::NATS_PORT,
    jwt: names::NATS_JWT,
    seed: names::NATS_SEED,
    creds: names::NATS_CREDS,
};
const CTL: Names = Names {
    host: names::CTL_HOST,
    port: names::CTL_PORT,
    jwt: names::CTL_JWT,
    seed: names::CTL_SEED,
    creds: names::CTL_CREDS,
};
const RPC: Names = Names {
    host: names::RPC_HOST,
    port: names::RPC_PORT,
    jwt: names::RPC_JWT,
    seed: names::RPC_SEED,
    creds: names::RPC_CREDS,
};

/// What the variables of one connection say, each alone.
struct Given {
    host: Option<String>,
    port: Option<u16>,
    credentials: Option<NatsCredentials>,
}

struct Reader<'a> {
    variables: &'a BTreeMap<String, String>,
    used: BTreeSet<String>,
    problems: Vec<VariableProblem>,
}

pub(super) fn read(variables: &BTreeMap<String, String>) -> Inherited {
    let mut reader = Reader {
        variables,
        used: BTreeSet::new(),
        problems: Vec::new(),
    };
    let (control, rpc) = reader.servers();
    let mut inherited = Inherited {
        control,
        rpc,
        lattice: reader.parse(names::LATTICE, "the name of a lattice", |text| {
            text.parse().ok()
        }),
        js_domain: reader.parse(names::JS_DOMAIN, "a JetStream domain", |text| {
            parse_token(text).ok()
        }),
        control_prefix: reader.parse(
            names::CTL_TOPIC_PREFIX,
            "the beginning of a subject",
            |text| text.parse().ok(),
        ),
        host: reader.host(),
        ..Inherited::default()
    };
    if reader.text(names::POLICY_TOPIC).is_some() {
        reader.problems.push(VariableProblem::Policy {
            name: names::POLICY_TOPIC,
        });
    }
    inherited.warnings = reader.warnings();
    inherited.problems = reader.problems;
    inherited.used = reader.used.into_iter().collect();
    inherited
}

// ===== impl Reader =====

impl Reader<'_> {
    /// The value of a variable that is not empty.
    fn text(&mut self, name: &str) -> Option<String> {
        let value = self.variables.get(name).filter(|value| !value.is_empty())?;
        self.used.insert(name.to_owned());
        Some(value.clone())
    }

    fn parse<T>(
        &mut self,
        name: &str,
        form: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(name)?;
        let value = parse(text.trim());
        if value.is_none() {
            let name = name.to_owned();
            self.problems.push(VariableProblem::Form { name, form });
        }
        value
    }

    fn flag(&mut self, name: &str) -> Option<bool> {
        self.parse(name, FLAG, |text| match text.to_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "on" | "1" => Some(true),
            "false" | "f" | "no" | "n" | "off" | "0" => Some(false),
            _ => None,
        })
    }

    fn milliseconds(&mut self, name: &str) -> Option<Duration> {
        self.parse(name, MILLISECONDS, |text| {
            let number = text.parse().ok().filter(|&number: &u64| number > 0)?;
            Some(Duration::from_millis(number))
        })
    }

    fn number(&mut self, name: &str) -> Option<u32> {
        self.parse(name, NUMBER, |text| {
            text.parse().ok().filter(|&number| number > 0)
        })
    }

    fn bytes(&mut self, name: &str) -> Option<u64> {
        self.parse(name, "a number of bytes above zero", |text| {
            parse_bytes(text).ok()
        })
    }

    /// The servers of control and of calls. What one of them is not given is that of both.
    fn servers(&mut self) -> (Option<InheritedServer>, Option<InheritedServer>) {
        let [nats, ctl, rpc] = [NATS, CTL, RPC].map(|names| self.given(&names));
        let tls = [names::CTL_TLS, names::RPC_TLS].map(|name| self.flag(name));
        let is_given = |given: &Given| {
            given.host.is_some() || given.port.is_some() || given.credentials.is_some()
        };
        if ![&nats, &ctl, &rpc].into_iter().any(is_given) && tls == [None, None] {
            return (None, None);
        }
        let server = |own: Given, is_tls: Option<bool>| {
            let host = own.host.as_deref().or(nats.host.as_deref());
            let host = host.unwrap_or(HOST_DEFAULT);
            let port = own.port.or(nats.port).unwrap_or(PORT_DEFAULT);
            let scheme = if is_tls == Some(true) { "tls" } else { "nats" };
            // The address of an IPv6 host has brackets in a URL.
            let is_bare = host.contains(':') && !host.starts_with('[');
            let host = if is_bare {
                format!("[{host}]")
            } else {
                host.to_owned()
            };
            let credentials = own.credentials.or_else(|| nats.credentials.clone());
            InheritedServer {
                url: format!("{scheme}://{host}:{port}"),
                credentials: credentials.unwrap_or_default(),
            }
        };
        let [ctl_tls, rpc_tls] = tls;
        let control = server(ctl, ctl_tls);
        let rpc = server(rpc, rpc_tls);
        let rpc = (rpc != control).then_some(rpc);
        (Some(control), rpc)
    }

    fn given(&mut self, names: &Names) -> Given {
        Given {
            host: self.parse(names.host, "a host", |text| {
                let is_host = !text.contains(|c: char| c.is_whitespace() || matches!(c, '/' | '@'));
                is_host.then(|| text.to_owned())
            }),
            port: self.parse(names.port, "a port", |text| text.parse().ok()),
            credentials: self.credentials(names),
        }
    }

    fn credentials(&mut self, names: &Names) -> Option<NatsCredentials> {
        let creds = self.text(names.creds);
        let jwt = self.text(names.jwt);
        let seed = self.text(names.seed);
        let given = |text: String| SecretFile::Given(Secret::new(text.trim()));
        let problem = match (jwt, seed, creds) {
            (None, None, None) => return None,
            (None, None, Some(path)) => return Some(NatsCredentials::File(PathBuf::from(path))),
            (Some(jwt), Some(seed), None) => {
                return Some(NatsCredentials::Jwt {
                    jwt: given(jwt),
                    seed: given(seed),
                });
            }
            (Some(_), _, Some(_)) => VariableProblem::Two {
                first: names.jwt,
                second: names.creds,
            },
            (None, Some(_), Some(_)) => VariableProblem::Two {
                first: names.seed,
                second: names.creds,
            },
            (Some(_), None, None) => VariableProblem::Half {
                name: names.jwt,
                missing: names.seed,
            },
            (None, Some(_), None) => VariableProblem::Half {
                name: names.seed,
                missing: names.jwt,
            },
        };
        self.problems.push(problem);
        None
    }

    fn host(&mut self) -> InheritedHost {
        InheritedHost {
            labels: self.labels(),
            seed: self
                .text(names::HOST_SEED)
                .map(|seed| SecretFile::Given(Secret::new(seed.trim()))),
            heartbeat_interval: self
                .number(names::HEARTBEAT_INTERVAL)
                .map(|seconds| Duration::from_secs(seconds.into())),
            component_auction: self.flag(names::COMPONENT_AUCTION),
            provider_auction: self.flag(names::PROVIDER_AUCTION),
            rpc_timeout: self.milliseconds(names::RPC_TIMEOUT),
            provider_drain_timeout: self.milliseconds(names::PROVIDER_SHUTDOWN_DELAY),
            allow_file_load: self.flag(names::ALLOW_FILE_LOAD),
            max_execution_time: self.milliseconds(names::MAX_EXECUTION_TIME),
            max_linear_memory: self.bytes(names::MAX_LINEAR_MEMORY),
            max_component_size: self.bytes(names::MAX_COMPONENT_SIZE),
            max_components: self.number(names::MAX_COMPONENTS),
            max_core_instances: self.number(names::MAX_CORE_INSTANCES),
            allow_latest: self.flag(names::OCI_ALLOW_LATEST),
            allowed_insecure: self
                .text(names::OCI_ALLOWED_INSECURE)
                .map(|names| names.split(',').map(str::to_owned).collect())
                .unwrap_or_default(),
            tls_ca_path: self.text(names::TLS_CA_PATH).map(PathBuf::from),
            login: self.login(),
            config_service: self.flag(names::CONFIG_SERVICE),
            http_admin: self.parse(names::HTTP_ADMIN, "an address with a port", |text| {
                text.parse().ok()
            }),
            log_level: self.parse(names::LOG_LEVEL, "a level such as `info`", |text| {
                let level = text.to_lowercase();
                let is_level =
                    ["error", "warn", "info", "debug", "trace"].contains(&level.as_str());
                is_level.then_some(level)
            }),
            logs_json: self.flag(names::STRUCTURED_LOGGING),
        }
    }

    /// All three of registry, user and password, or none.
    fn login(&mut self) -> Option<InheritedLogin> {
        let names = [names::OCI_REGISTRY, names::OCI_USER, names::OCI_PASSWORD];
        let given = names.map(|name| (name, self.text(name)));
        if let [(_, Some(registry)), (_, Some(user)), (_, Some(password))] = given {
            let password = registry::Secret::new(password);
            return Some(InheritedLogin {
                registry,
                user,
                password,
            });
        }
        let name = given.iter().find(|(_, value)| value.is_some());
        let missing = given.iter().find(|(_, value)| value.is_none());
        if let (Some(&(name, _)), Some(&(missing, _))) = (name, missing) {
            let problem = VariableProblem::Half { name, missing };
            self.problems.push(problem);
        }
        None
    }

    fn labels(&mut self) -> BTreeMap<String, String> {
        let variables = self.variables;
        let labels = variables.iter().filter_map(|(name, value)| {
            let key = name.strip_prefix(names::LABEL_PREFIX)?;
            (!key.is_empty()).then(|| (key.to_owned(), value.clone()))
        });
        let labels: BTreeMap<_, _> = labels.collect();
        let prefix = names::LABEL_PREFIX;
        self.used
            .extend(labels.keys().map(|key| format!("{prefix}{key}")));
        labels
    }

    /// A line for each variable that is given in vain.
    fn warnings(&self) -> Vec<String> {
        let in_vain = self.variables.iter().filter(|(name, value)| {
            name.starts_with(names::PREFIX) && !value.is_empty() && !self.used.contains(*name)
        });
        in_vain
            .filter_map(|(name, value)| {
                let known = names::UNSERVED.iter().find(|(known, _)| known == name);
                match known {
                    // Something that is not there is not wanted either.
                    Some(_) if value.eq_ignore_ascii_case("false") => None,
                    Some((_, instead)) => Some(format!("`{name}` has no effect: {instead}")),
                    None => Some(format!(
                        "`{name}` has no effect: no wasmCloud 1.9 host knows it either"
                    )),
                }
            })
            .collect()
    }
}
