//! Calls of `wasi:http/incoming-handler.handle`.

use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Args;
use http::{HeaderName, HeaderValue, Method, Request};
use http_body_util::{BodyExt as _, Full, Limited};
use serde::Serialize;
use weft_capabilities::remote::Wire;
use weft_capabilities::remote::http::{Handler, HttpTarget};
use weft_engine::CallContext;
use weft_engine::http::HttpError;
use weft_lattice::Lattice;
use weft_model::id::{EntityId, LinkName};

use super::error::CallFailure;
use super::{SOURCE_ID, endpoint};
use crate::commands::app::source::SourceError;
use crate::context::Context;
use crate::failure::Failure;
use crate::view::{Block, SchemaVersion, View, millis};
use crate::wit::FunctionName;

/// The largest body of an answer that is shown, in bytes.
const BODY_BYTES_MAX: usize = 16 << 20;
/// What the callee is told it was asked as.
const AUTHORITY: &str = "localhost";

/// The request, for `wasi:http/incoming-handler.handle`.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Request (for `wasi:http/incoming-handler.handle`)")]
pub(super) struct HttpArgs {
    /// The method; by default GET, and POST with a body
    #[arg(
        id = "http_method",
        long = "method",
        value_name = "METHOD",
        env = "WEFT_HTTP_METHOD",
        hide_env_values = true
    )]
    method: Option<String>,
    /// Path and query; by default /
    #[arg(
        id = "http_path",
        long = "path",
        value_name = "PATH",
        env = "WEFT_HTTP_PATH",
        hide_env_values = true
    )]
    path: Option<String>,
    /// A header, `name: value`; may be given several times
    #[arg(
        id = "http_header",
        long = "header",
        short = 'H',
        value_name = "HEADER",
        env = "WEFT_HTTP_HEADER",
        hide_env_values = true
    )]
    header: Vec<String>,
    /// The body; `@PATH` reads it from a file
    #[arg(
        id = "http_body",
        long = "body",
        short = 'd',
        value_name = "BODY",
        env = "WEFT_HTTP_BODY",
        hide_env_values = true
    )]
    body: Option<String>,
}

/// What a component answered.
#[derive(Debug, Serialize)]
struct ResponseView {
    schema_version: SchemaVersion,
    /// Who was called.
    component: String,
    /// The status.
    status: u16,
    /// Names and values, in their order.
    headers: Vec<(String, String)>,
    /// The body; what of it is no UTF-8 is replaced.
    body: String,
    /// How many bytes the body has.
    body_bytes: u64,
    /// How long the call took, the body included.
    elapsed_ms: u64,
}

/// Whether the function is the one by which components answer requests.
pub(super) fn is_handler(wanted: &FunctionName) -> bool {
    let interface = wanted.interface.split('@').next().unwrap_or_default();
    let is_handler = matches!(
        interface,
        "wasi:http/incoming-handler" | "wasi:http/handler" | "wrpc:http/incoming-handler"
    );
    is_handler && wanted.function == "handle"
}

// ===== impl HttpArgs =====

impl HttpArgs {
    /// Refuses these options for another function.
    pub(super) fn refuse(&self) -> Result<(), CallFailure> {
        let is_given = self.method.is_some()
            || self.path.is_some()
            || self.body.is_some()
            || !self.header.is_empty();
        if is_given {
            return Err(CallFailure::Http(
                "the function is given no request".to_owned(),
            ));
        }
        Ok(())
    }

    fn request(&self, body: Option<Bytes>) -> Result<Request<Full<Bytes>>, CallFailure> {
        let wrong = |what: String| CallFailure::Http(what);
        let method = match (&self.method, &body) {
            (Some(method), _) => method
                .to_ascii_uppercase()
                .parse::<Method>()
                .map_err(|_| wrong(format!("`{method}` is no method")))?,
            (None, Some(_)) => Method::POST,
            (None, None) => Method::GET,
        };
        let path = self.path.as_deref().unwrap_or("/");
        let slash = if path.starts_with('/') { "" } else { "/" };
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{AUTHORITY}{slash}{path}"));
        for header in &self.header {
            let (name, value) = header
                .split_once(':')
                .ok_or_else(|| wrong(format!("`{header}` is no header")))?;
            let name = name.trim().parse::<HeaderName>();
            let value = value.trim().parse::<HeaderValue>();
            let (Ok(name), Ok(value)) = (name, value) else {
                return Err(wrong(format!("`{header}` is no header")));
            };
            request = request.header(name, value);
        }
        request
            .body(Full::new(body.unwrap_or_default()))
            .map_err(|error| wrong(format!("there is no such request: {error}")))
    }
}

/// The body, read from a file where it names one.
fn read_body(args: &HttpArgs, context: &Context) -> Result<Option<Bytes>, SourceError> {
    let Some(body) = &args.body else {
        return Ok(None);
    };
    let Some(path) = body.strip_prefix('@') else {
        return Ok(Some(Bytes::from(body.clone())));
    };
    let read = std::fs::read(context.directory.join(path));
    let read = read.map_err(|source| SourceError::of(path, source))?;
    Ok(Some(Bytes::from(read)))
}

/// Hands a request to `target` and shows what it answers.
pub(super) async fn run(
    args: &HttpArgs,
    target: &EntityId,
    link_name: &str,
    lattice: &Lattice,
    timeout: Duration,
    context: &mut Context,
) -> Result<(), Failure> {
    let body = read_body(args, context)?;
    let request = args.request(body)?;
    let request = request.map(|body| body.map_err(HttpError::from).boxed_unsync());
    let link_name: LinkName = link_name
        .parse()
        .map_err(|_| CallFailure::Http(format!("`{link_name}` is no name of a link")))?;
    let source: EntityId = SOURCE_ID.parse().map_err(|source| CallFailure::Target {
        target: SOURCE_ID.to_owned(),
        source,
    })?;
    let endpoint = endpoint(lattice, context).await?;
    let wire = Wire::new(endpoint, lattice.name().clone(), context.tasks().clone());
    let handler = HttpTarget::new(&wire, &source, target, &link_name, Handler::Incoming).map_err(
        |source| CallFailure::Subject {
            function: target.to_string(),
            source,
        },
    )?;
    let begun = Instant::now();
    let call = CallContext::root(timeout);
    let deadline = call.deadline();
    let answer = handler
        .handle(request, None, &call)
        .await
        .map_err(CallFailure::Handler)?;
    let (head, body) = answer.into_parts();
    let collected = tokio::time::timeout_at(deadline, Limited::new(body, BODY_BYTES_MAX).collect());
    let body = match collected.await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) => {
            let what = format!("the body of the answer cannot be read: {error}");
            return Err(CallFailure::Http(what).into());
        }
        Err(_) => return Err(CallFailure::Handler(weft_engine::CallError::Deadline).into()),
    };
    let headers = head.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.to_string(), value)
    });
    context.show(&ResponseView {
        schema_version: SchemaVersion,
        component: target.to_string(),
        status: head.status.as_u16(),
        headers: headers.collect(),
        body_bytes: body.len() as u64,
        body: String::from_utf8_lossy(&body).into_owned(),
        elapsed_ms: millis(begun.elapsed()),
    });
    Ok(())
}

impl View for ResponseView {
    fn blocks(&self, is_wide: bool) -> Vec<Block> {
        let mut blocks = vec![Block::Done(format!(
            "status {} in {} ms",
            self.status, self.elapsed_ms
        ))];
        if is_wide {
            let headers = self.headers.iter();
            blocks.extend(headers.map(|(name, value)| Block::Line(format!("{name}: {value}"))));
            blocks.push(Block::Line(String::new()));
        }
        if !self.body.is_empty() {
            let end = if self.body.ends_with('\n') { "" } else { "\n" };
            blocks.push(Block::Text(format!("{}{end}", self.body)));
        }
        blocks
    }

    fn names(&self) -> Vec<String> {
        vec![self.status.to_string()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_made_of_what_is_given() {
        let args = HttpArgs {
            path: Some("a?b=c".to_owned()),
            header: vec!["x-a: 1".to_owned(), "x-a:2".to_owned()],
            ..HttpArgs::default()
        };
        let request = args.request(Some(Bytes::from_static(b"x"))).unwrap();
        assert_eq!(request.method(), Method::POST);
        assert_eq!(request.uri().to_string(), "http://localhost/a?b=c");
        assert_eq!(request.headers().get_all("x-a").iter().count(), 2);
        let wrong = HttpArgs {
            header: vec!["nothing".to_owned()],
            ..HttpArgs::default()
        };
        assert!(wrong.request(None).is_err());
        assert!(wrong.refuse().is_err());
        assert!(HttpArgs::default().refuse().is_ok());
    }

    #[test]
    fn handlers_of_any_version_are_meant() {
        let name = |text: &str| FunctionName::parse(text).unwrap();
        assert!(is_handler(&name("wasi:http/incoming-handler.handle")));
        assert!(is_handler(&name("wasi:http/incoming-handler@0.2.3.handle")));
        assert!(!is_handler(&name("wasi:http/outgoing-handler.handle")));
    }
}
