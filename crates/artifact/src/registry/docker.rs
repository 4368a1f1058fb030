//! Credentials that Docker keeps: its config file, and the helpers that it names.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::time;

use super::cause::CredentialsError;
use super::credentials::{Credential, Secret, Tried};

const CONFIG_BYTES_MAX: u64 = 1 << 20;
const HELPER_BYTES_MAX: u64 = 64 * 1024;
const HELPER_TIMEOUT: Duration = Duration::from_secs(20);
/// The user that helpers name when the secret is an identity token.
const IDENTITY_USER: &str = "<token>";
/// What Docker calls its own registry in its config file.
const DOCKER_HUB_URL: &str = "https://index.docker.io/v1/";

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Config {
    auths: BTreeMap<String, Auth>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Auth {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperAnswer {
    username: String,
    secret: String,
}

/// What the config file at `path` has for `registry`: of a helper for just this registry, of the general store, of the
/// file itself.
pub(super) async fn find(
    path: &Path,
    registry: &str,
) -> Result<(Option<Credential>, Tried), CredentialsError> {
    let config = load(path).await?;
    let helper = config
        .cred_helpers
        .iter()
        .find(|(key, _)| registry_of(key) == registry)
        .map(|(_, name)| name)
        .or_else(|| config.creds_store.as_ref().filter(|name| !name.is_empty()));
    if let Some(name) = helper
        && let Some(credential) = ask_helper(name, registry).await?
    {
        return Ok((Some(credential), Tried::Helper(name.clone())));
    }
    let found = config
        .auths
        .into_iter()
        .find(|(key, _)| registry_of(key) == registry)
        .and_then(|(_, auth)| auth.into_credential());
    Ok(match found {
        Some(credential) => (Some(credential), Tried::DockerConfig),
        None => (None, Tried::None),
    })
}

/// The registry that a key of the config file is for: without scheme and path, Docker's own by its short name.
pub(super) fn registry_of(key: &str) -> String {
    let key = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"))
        .unwrap_or(key);
    let host = key
        .split('/')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    match host.as_str() {
        "index.docker.io" | "registry-1.docker.io" => "docker.io".to_owned(),
        _ => host,
    }
}

async fn load(path: &Path) -> Result<Config, CredentialsError> {
    let unreadable = |source: io::Error| CredentialsError::ConfigUnreadable {
        path: path.to_owned(),
        source: Arc::new(source),
    };
    let file = match File::open(path).await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Config::default()),
        file => file.map_err(unreadable)?,
    };
    let mut text = Vec::new();
    file.take(CONFIG_BYTES_MAX + 1)
        .read_to_end(&mut text)
        .await
        .map_err(unreadable)?;
    if text.len() as u64 > CONFIG_BYTES_MAX {
        return Err(unreadable(io::ErrorKind::FileTooLarge.into()));
    }
    serde_json::from_slice(&text).map_err(|source| CredentialsError::ConfigMalformed {
        path: path.to_owned(),
        source: Arc::new(source),
    })
}

/// Runs a helper; `None` when it knows no credentials, which it says by its exit status.
async fn ask_helper(name: &str, registry: &str) -> Result<Option<Credential>, CredentialsError> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !name.bytes().all(is_name) {
        return Err(CredentialsError::HelperName {
            name: name.to_owned(),
        });
    }
    let failed = |source: io::Error| CredentialsError::HelperFailed {
        name: name.to_owned(),
        source: Arc::new(source),
    };
    let server = if registry == "docker.io" {
        DOCKER_HUB_URL
    } else {
        registry
    };
    let output = match time::timeout(HELPER_TIMEOUT, run_helper(name, server)).await {
        Ok(output) => output.map_err(failed)?,
        Err(_) => return Err(failed(io::ErrorKind::TimedOut.into())),
    };
    let Some(output) = output else {
        return Ok(None);
    };
    let answer: HelperAnswer =
        serde_json::from_slice(&output).map_err(|_| failed(io::ErrorKind::InvalidData.into()))?;
    let secret = Secret::new(answer.secret);
    Ok(Some(if answer.username == IDENTITY_USER {
        Credential::Identity(secret)
    } else {
        Credential::Basic {
            username: answer.username,
            password: secret,
        }
    }))
}

async fn run_helper(name: &str, server: &str) -> io::Result<Option<Vec<u8>>> {
    let mut child = Command::new(format!("docker-credential-{name}"))
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that does not read, answers or fails all the same.
        drop(stdin.write_all(server.as_bytes()).await);
    }
    let mut output = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout
            .take(HELPER_BYTES_MAX)
            .read_to_end(&mut output)
            .await?;
    }
    let status = child.wait().await?;
    Ok(status.success().then_some(output))
}

// ===== impl Auth =====

impl Auth {
    fn into_credential(self) -> Option<Credential> {
        let given = |text: Option<String>| text.filter(|text| !text.is_empty());
        if let Some(token) = given(self.registrytoken) {
            return Some(Credential::Bearer(Secret::new(token)));
        }
        if let Some(token) = given(self.identitytoken) {
            return Some(Credential::Identity(Secret::new(token)));
        }
        if let Some(auth) = given(self.auth) {
            let text = String::from_utf8(STANDARD.decode(auth.trim()).ok()?).ok()?;
            let (username, password) = text.split_once(':')?;
            return Some(Credential::Basic {
                username: username.to_owned(),
                password: Secret::new(password.trim_end_matches('\0')),
            });
        }
        Some(Credential::Basic {
            username: given(self.username)?,
            password: Secret::new(given(self.password)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn credentials_are_found_in_the_config_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.json");
        assert_eq!(find(&path, "a.io").await.unwrap(), (None, Tried::None));
        let auth = STANDARD.encode("user:pass:word");
        let text = format!(
            r#"{{"auths":{{"https://A.io/v2/":{{"auth":"{auth}"}},"b.io":{{"identitytoken":"t"}},"https://index.docker.io/v1/":{{"username":"u","password":"p"}},"c.io":{{}}}},"other":1}}"#
        );
        std::fs::write(&path, text).unwrap();
        let credential = async |registry| find(&path, registry).await.unwrap().0;
        let basic = |username: &str, password| {
            Some(Credential::Basic {
                username: username.to_owned(),
                password: Secret::new(password),
            })
        };
        assert_eq!(credential("a.io").await, basic("user", "pass:word"));
        assert_eq!(credential("docker.io").await, basic("u", "p"));
        assert_eq!(
            credential("b.io").await,
            Some(Credential::Identity(Secret::new("t")))
        );
        assert_eq!(credential("c.io").await, None);
        assert_eq!(credential("d.io").await, None);
        assert!(!format!("{:?}", credential("a.io").await).contains("pass:word"));

        std::fs::write(&path, r#"{"credsStore":"../evil"}"#).unwrap();
        assert!(matches!(
            find(&path, "a.io").await,
            Err(CredentialsError::HelperName { .. })
        ));
        std::fs::write(
            &path,
            r#"{"credHelpers":{"a.io":"not-installed-anywhere"}}"#,
        )
        .unwrap();
        assert!(matches!(
            find(&path, "a.io").await,
            Err(CredentialsError::HelperFailed { .. })
        ));
        std::fs::write(&path, "{").unwrap();
        assert!(matches!(
            find(&path, "a.io").await,
            Err(CredentialsError::ConfigMalformed { .. })
        ));
    }
}
