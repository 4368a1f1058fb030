//! Sessions: being let into a repository.

use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode};
use url::Url;
use url::form_urlencoded::Serializer;

use super::auth::{Challenge, Granted, basic};
use super::body::Upload;
use super::cause::Answered;
use super::client::{Access, Client, host_of, malformed};
use super::credentials::{Credential, Secret, Tried};
use super::error::RegistryError;
use super::image::Image;
use crate::progress::Teller;

const TOKEN_ANSWER_BYTES_MAX: usize = 256 * 1024;
/// Sessions that are kept; beyond it all are forgotten and made again.
const SESSIONS_MAX: usize = 256;
/// How long credentials are used without being looked up again.
const SESSION_VALIDITY: Duration = Duration::from_secs(60);

/// What lets us into a repository.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) header: Secret,
    pub(super) tried: Tried,
    valid_until: Instant,
}

impl Client {
    /// Finds what answers a challenge.
    pub(super) async fn begin_session(
        &self,
        image: &Image,
        teller: &Teller,
        access: Access,
        challenge: Option<Challenge>,
    ) -> Result<Session, RegistryError> {
        let registry = image.registry();
        let (credential, tried) =
            self.credentials
                .find(registry)
                .await
                .map_err(|source| RegistryError::Credentials {
                    registry: registry.to_owned(),
                    source,
                })?;
        let session = |header: String, valid_until| Session {
            header: Secret::new(header),
            tried: tried.clone(),
            valid_until,
        };
        let soon = Instant::now() + SESSION_VALIDITY;
        match (challenge, credential) {
            (_, Some(Credential::Bearer(token))) => {
                Ok(session(format!("Bearer {}", token.expose()), soon))
            }
            (Some(Challenge::Basic), Some(Credential::Basic { username, password })) => {
                Ok(session(basic(&username, &password), soon))
            }
            (
                Some(Challenge::Bearer {
                    realm,
                    service,
                    scope,
                }),
                credential,
            ) => {
                let actions = match access {
                    Access::Pull => "pull",
                    Access::Push => "pull,push",
                };
                let scope =
                    scope.unwrap_or_else(|| format!("repository:{}:{actions}", image.repository()));
                let granted = self
                    .ask_for_token(image, teller, &realm, service, &scope, credential, &tried)
                    .await?;
                let header = format!("Bearer {}", granted.token.expose());
                Ok(session(header, granted.valid_until))
            }
            _ => Err(RegistryError::Unauthorized {
                registry: registry.to_owned(),
                reference: teller.reference.to_string(),
                tried,
            }),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one challenge")]
    async fn ask_for_token(
        &self,
        image: &Image,
        teller: &Teller,
        realm: &str,
        service: Option<String>,
        scope: &str,
        credential: Option<Credential>,
        tried: &Tried,
    ) -> Result<Granted, RegistryError> {
        let refused = || malformed(image.registry(), teller, Answered::Challenge);
        let mut url = Url::parse(realm).map_err(|_| refused())?;
        let is_private =
            url.scheme() == "https" || url.scheme() == "http" && self.is_insecure(image);
        if !is_private {
            return Err(refused());
        }
        let mut fields = Vec::new();
        if let Some(service) = service {
            fields.push(("service", service));
        }
        fields.push(("scope", scope.to_owned()));
        let mut request = Request::new(Upload::silent(Bytes::new()));
        match credential {
            Some(Credential::Identity(token)) => {
                fields.push(("grant_type", "refresh_token".to_owned()));
                fields.push(("client_id", "weft".to_owned()));
                fields.push(("refresh_token", token.expose().to_owned()));
                let form = Serializer::new(String::new()).extend_pairs(fields).finish();
                *request.method_mut() = Method::POST;
                *request.body_mut() = Upload::silent(form.into());
                let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
                request.headers_mut().insert(CONTENT_TYPE, form_type);
            }
            credential => {
                url.query_pairs_mut().extend_pairs(fields);
                if let Some(Credential::Basic { username, password }) = credential {
                    let header = Secret::new(basic(&username, &password));
                    let header = secret_header(&header).ok_or_else(refused)?;
                    request.headers_mut().insert(AUTHORIZATION, header);
                }
            }
        }
        let answer = self
            .send(&url, request, teller, self.options.idle_timeout)
            .await?;
        let answer = match answer.status {
            // Token services say that the user or password is wrong in several ways.
            StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST => {
                return Err(RegistryError::Unauthorized {
                    registry: image.registry().to_owned(),
                    reference: teller.reference.to_string(),
                    tried: tried.clone(),
                });
            }
            _ => self.judge(image, teller, answer, tried.clone()).await?,
        };
        let host = host_of(&url);
        let json = self
            .read(answer, TOKEN_ANSWER_BYTES_MAX, &host, teller)
            .await?;
        Granted::parse(&json, Instant::now())
            .ok_or_else(|| malformed(&host, teller, Answered::Malformed { what: "token" }))
    }

    /// What let us in last time, if it still does.
    pub(super) fn session(&self, image: &Image, access: Access) -> Option<Session> {
        let sessions = self.sessions();
        let session = sessions.get(&session_key(image, access))?;
        (session.valid_until > Instant::now()).then(|| session.clone())
    }

    /// Uses a session again, for as long as it is valid.
    pub(super) fn keep_session(&self, image: &Image, access: Access, session: Session) {
        let mut sessions = self.sessions();
        if sessions.len() >= SESSIONS_MAX {
            sessions.clear();
        }
        sessions.insert(session_key(image, access), session);
    }

    /// Forgets what let us into the repository of `image`: it does no longer.
    pub(super) fn end_sessions(&self, image: &Image) {
        let mut sessions = self.sessions();
        for access in [Access::Pull, Access::Push] {
            sessions.remove(&session_key(image, access));
        }
    }

    /// Forgets all sessions: there are other credentials.
    pub(super) fn end_all_sessions(&self) {
        self.sessions().clear();
    }

    fn sessions(&self) -> MutexGuard<'_, BTreeMap<(String, String), Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn session_key(image: &Image, access: Access) -> (String, String) {
    let actions = match access {
        Access::Pull => "pull",
        Access::Push => "push",
    };
    (
        image.registry().to_owned(),
        format!("{}:{actions}", image.repository()),
    )
}

/// A value that is kept out of logs.
pub(super) fn secret_header(text: &Secret) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text.expose()).ok()?;
    value.set_sensitive(true);
    Some(value)
}
