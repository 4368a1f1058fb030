//! Requests to registries: where to, with which credentials, and what the answers mean.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, LOCATION, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use url::Url;
use weft_model::digest::Digest;

use super::auth::Challenge;
use super::body::Upload;
use super::cause::{Answered, ConnectError};
use super::credentials::{Credential, Credentials, Tried};
use super::error::RegistryError;
use super::image::Image;
use super::manifest::ACCEPTED;
use super::options::Options;
use super::refusal::{MESSAGE_CHARS_MAX, message};
use super::retry::Backoff;
use super::session::{Session, secret_header};
use super::tls::Trust;
use super::transport::{Answer, Transport};
use crate::progress::Teller;

const AGENT: &str = concat!("weft/", env!("CARGO_PKG_VERSION"));
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
const MANIFEST_BYTES_MAX: usize = 4 << 20;
const EXCERPT_BYTES_MAX: usize = 4096;
const REDIRECTS_MAX: usize = 5;

/// A client of all registries.
pub(crate) struct Client {
    pub(super) options: Options,
    transport: Transport,
    pub(super) credentials: Credentials,
    pub(super) sessions: Mutex<BTreeMap<(String, String), Session>>,
}

/// What is done to a repository, which is what tokens are for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Access {
    Pull,
    Push,
}

/// A request, to be sent once or more.
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) access: Access,
    /// Who is told of the body being sent.
    pub(super) told: Option<Teller>,
}

// ===== impl Client =====

impl Client {
    /// A client with `options`. Blocks on the disk, to read certificates.
    pub(crate) fn new(options: Options) -> Result<Self, RegistryError> {
        Ok(Self {
            transport: Transport {
                trust: Trust::load(&options.ca_files)?,
                connect_timeout: options.connect_timeout,
                idle_timeout: options.idle_timeout,
            },
            credentials: Credentials::new(&options),
            sessions: Mutex::default(),
            options,
        })
    }

    /// See [`Credentials::put`].
    pub(crate) fn put_credentials(&self, credentials: BTreeMap<String, Credential>) {
        self.credentials.put(credentials);
        self.end_all_sessions();
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// The digest of the manifest that `image` means now, and the manifest where it came along.
    pub(crate) async fn resolve(
        &self,
        image: &Image,
        teller: &Teller,
        attempts_max: u32,
    ) -> Result<(Digest, Option<Bytes>), RegistryError> {
        let mut backoff = Backoff::new(&self.options, attempts_max);
        loop {
            match self.try_resolve(image, teller).await {
                Err(error) => backoff.pause(error, teller).await?,
                resolved => return resolved,
            }
        }
    }

    async fn try_resolve(
        &self,
        image: &Image,
        teller: &Teller,
    ) -> Result<(Digest, Option<Bytes>), RegistryError> {
        match self.ask_for_digest(image, teller).await {
            Err(RegistryError::NotFound { .. }) if image.with_lower_tag().is_some() => {
                let lower = image.with_lower_tag().unwrap_or_else(|| image.clone());
                self.ask_for_digest(&lower, teller).await
            }
            resolved => resolved,
        }
    }

    async fn ask_for_digest(
        &self,
        image: &Image,
        teller: &Teller,
    ) -> Result<(Digest, Option<Bytes>), RegistryError> {
        let tag = image.tag().unwrap_or_default();
        let mut call = Call::get(self.endpoint(image, &format!("manifests/{tag}"), teller)?);
        call.accept_manifests();
        call.method = Method::HEAD;
        let answer = match self.call(image, teller, &call).await {
            Ok(answer) => Some(answer),
            // Some registries only give whole manifests.
            Err(RegistryError::Refused { status, .. })
                if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS =>
            {
                None
            }
            Err(error) => return Err(error),
        };
        if let Some(digest) = answer
            .as_ref()
            .and_then(|answer| content_digest(&answer.headers))
        {
            return Ok((digest, None));
        }
        call.method = Method::GET;
        let manifest = self.read_manifest(image, teller, &call).await?;
        Ok((crate::digest(&manifest), Some(manifest)))
    }

    /// The manifest with `digest`, verified.
    pub(crate) async fn manifest(
        &self,
        image: &Image,
        digest: Digest,
        teller: &Teller,
    ) -> Result<Bytes, RegistryError> {
        let mut call = Call::get(self.endpoint(image, &format!("manifests/{digest}"), teller)?);
        call.accept_manifests();
        let mut backoff = Backoff::new(&self.options, self.options.attempts_max);
        let manifest = loop {
            match self.read_manifest(image, teller, &call).await {
                Ok(manifest) => break manifest,
                Err(error) => backoff.pause(error, teller).await?,
            }
        };
        let found = crate::digest(&manifest);
        if found == digest {
            return Ok(manifest);
        }
        Err(RegistryError::Corrupted {
            registry: image.registry().to_owned(),
            reference: teller.reference.to_string(),
            expected: digest,
            found,
        })
    }

    async fn read_manifest(
        &self,
        image: &Image,
        teller: &Teller,
        call: &Call,
    ) -> Result<Bytes, RegistryError> {
        let answer = self.call(image, teller, call).await?;
        let host = host_of(&answer.url);
        self.read(answer, MANIFEST_BYTES_MAX, &host, teller).await
    }

    pub(super) async fn read(
        &self,
        answer: Answer,
        bytes_max: usize,
        host: &str,
        teller: &Teller,
    ) -> Result<Bytes, RegistryError> {
        let bytes = answer.bytes(bytes_max).await;
        let bytes = bytes.map_err(|source| unreachable(host, teller, source))?;
        bytes.ok_or_else(|| malformed(host, teller, Answered::TooLong { bytes_max }))
    }

    /// The address of something in the repository of `image`.
    pub(super) fn endpoint(
        &self,
        image: &Image,
        tail: &str,
        teller: &Teller,
    ) -> Result<Url, RegistryError> {
        let scheme = if self.is_insecure(image) {
            "http"
        } else {
            "https"
        };
        let text = format!(
            "{scheme}://{}/v2/{}/{tail}",
            image.api_host(),
            image.repository()
        );
        Url::parse(&text).map_err(|_| unreachable(image.registry(), teller, ConnectError::Address))
    }

    pub(super) fn is_insecure(&self, image: &Image) -> bool {
        self.options
            .insecure
            .iter()
            .any(|registry| registry.eq_ignore_ascii_case(image.registry()))
    }

    /// Sends a request once, with credentials where they are asked for, and follows where the answer leads.
    pub(super) async fn call(
        &self,
        image: &Image,
        teller: &Teller,
        call: &Call,
    ) -> Result<Answer, RegistryError> {
        let session = self.session(image, call.access);
        let answer = self.follow(image, teller, call, session.as_ref()).await?;
        // Only the registry itself may ask for its credentials.
        let is_asked = answer.status == StatusCode::UNAUTHORIZED
            && answer.url.origin() == self.endpoint(image, "", teller)?.origin();
        if !is_asked {
            let tried = session.map_or(Tried::None, |session| session.tried);
            return self.judge(image, teller, answer, tried).await;
        }
        let challenge = Challenge::of(&answer.headers);
        let session = self
            .begin_session(image, teller, call.access, challenge)
            .await?;
        let answer = self.follow(image, teller, call, Some(&session)).await?;
        let is_let_in = !matches!(
            answer.status,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
        );
        let tried = session.tried.clone();
        if is_let_in {
            self.keep_session(image, call.access, session);
        }
        self.judge(image, teller, answer, tried).await
    }

    /// Sends a request, and again to wherever it is redirected. Credentials go to the registry alone.
    async fn follow(
        &self,
        image: &Image,
        teller: &Teller,
        call: &Call,
        session: Option<&Session>,
    ) -> Result<Answer, RegistryError> {
        let registry = self.endpoint(image, "", teller)?.origin();
        let mut url = call.url.clone();
        for _ in 0..=REDIRECTS_MAX {
            let mut request = Request::new(call.body());
            *request.method_mut() = call.method.clone();
            *request.headers_mut() = call.headers.clone();
            if let Some(session) = session
                && url.origin() == registry
            {
                let header = secret_header(&session.header)
                    .ok_or_else(|| malformed(image.registry(), teller, Answered::Challenge))?;
                request.headers_mut().insert(AUTHORIZATION, header);
            }
            let answer = self
                .send(&url, request, teller, call.answer_timeout(&self.options))
                .await?;
            let is_followed = answer.status.is_redirection()
                && [Method::GET, Method::HEAD].contains(&call.method);
            if !is_followed {
                return Ok(answer);
            }
            url = redirection(&answer, teller, self.is_insecure(image))?;
        }
        Err(malformed(&host_of(&url), teller, Answered::Redirects))
    }

    pub(super) async fn send(
        &self,
        url: &Url,
        mut request: Request<Upload>,
        teller: &Teller,
        answer_timeout: Duration,
    ) -> Result<Answer, RegistryError> {
        request
            .headers_mut()
            .insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let sent = Box::pin(self.transport.send(url, request, answer_timeout)).await;
        sent.map_err(|source| unreachable(&host_of(url), teller, source))
    }

    /// What the status of an answer means.
    pub(super) async fn judge(
        &self,
        image: &Image,
        teller: &Teller,
        answer: Answer,
        tried: Tried,
    ) -> Result<Answer, RegistryError> {
        let status = answer.status;
        if status.is_success() {
            return Ok(answer);
        }
        let registry = image.registry().to_owned();
        let reference = teller.reference.to_string();
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            self.end_sessions(image);
            return Err(RegistryError::Unauthorized {
                registry,
                reference,
                tried,
            });
        }
        if status == StatusCode::NOT_FOUND {
            return Err(RegistryError::NotFound {
                registry,
                reference,
            });
        }
        let retry_after = answer
            .headers
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.trim().parse().ok())
            .map(Duration::from_secs);
        Err(RegistryError::Refused {
            host: host_of(&answer.url),
            reference,
            status,
            message: message(&answer.excerpt(EXCERPT_BYTES_MAX).await),
            retry_after,
        })
    }
}

// ===== impl Call =====

impl Call {
    /// A request without a body.
    pub(super) fn get(url: Url) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            access: Access::Pull,
            told: None,
        }
    }

    fn accept_manifests(&mut self) {
        for media_type in ACCEPTED {
            self.headers
                .append(ACCEPT, HeaderValue::from_static(media_type));
        }
    }

    fn body(&self) -> Upload {
        match &self.told {
            Some(teller) => Upload::told(self.body.clone(), teller.clone()),
            None => Upload::silent(self.body.clone()),
        }
    }

    /// Sending a body is part of waiting for the answer.
    fn answer_timeout(&self, options: &Options) -> Duration {
        if self.body.is_empty() {
            options.idle_timeout
        } else {
            options.pull_timeout
        }
    }
}

/// Where a redirection leads; from TLS it does not lead to plain HTTP.
fn redirection(answer: &Answer, teller: &Teller, is_insecure: bool) -> Result<Url, RegistryError> {
    let target = answer
        .headers
        .get(LOCATION)
        .and_then(|value| value.to_str().ok());
    let target = target.unwrap_or_default();
    let url = answer.url.join(target).ok().filter(|url| {
        !target.is_empty() && (url.scheme() == "https" || url.scheme() == "http" && is_insecure)
    });
    url.ok_or_else(|| {
        let target = target
            .chars()
            .filter(|c| !c.is_control())
            .take(MESSAGE_CHARS_MAX)
            .collect();
        malformed(&host_of(&answer.url), teller, Answered::Redirect { target })
    })
}

fn content_digest(headers: &HeaderMap) -> Option<Digest> {
    headers
        .get(CONTENT_DIGEST)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()
}

/// Host and port, for messages.
pub(super) fn host_of(url: &Url) -> String {
    url[url::Position::BeforeHost..url::Position::AfterPort].to_owned()
}

pub(super) fn unreachable(host: &str, teller: &Teller, source: ConnectError) -> RegistryError {
    RegistryError::Unreachable {
        host: host.to_owned(),
        reference: teller.reference.to_string(),
        source,
    }
}

pub(super) fn malformed(host: &str, teller: &Teller, problem: Answered) -> RegistryError {
    RegistryError::Answer {
        host: host.to_owned(),
        reference: teller.reference.to_string(),
        problem,
    }
}
