//! Requests and responses as the wire has them; their order is that of `wrpc:http@0.1.0` (spec §4.9).

use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderName, HeaderValue, Method as HttpMethod, StatusCode, Uri, request};
use weft_wrpc::codec::{Error as CodecError, Reader, Writer};
use weft_wrpc::stream::{FutureReader, Outgoing, StreamReader};
use weft_wrpc::{Decode, Type, Typed};

use super::code::ErrorCode;

/// Header fields with their values.
pub(super) type Fields = Vec<(String, Vec<Bytes>)>;

pub(super) enum Method {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Connect,
    Options,
    Trace,
    Patch,
    Other(String),
}
weft_wrpc::variant!(Method {
    Get: "get",
    Head: "head",
    Post: "post",
    Put: "put",
    Delete: "delete",
    Connect: "connect",
    Options: "options",
    Trace: "trace",
    Patch: "patch",
    Other(String): "other",
});

pub(super) enum Scheme {
    Http,
    Https,
    Other(String),
}
weft_wrpc::variant!(Scheme {
    Http: "HTTP",
    Https: "HTTPS",
    Other(String): "other",
});

pub(super) struct RequestOptions {
    connect_timeout: Option<u64>,
    first_byte_timeout: Option<u64>,
    between_bytes_timeout: Option<u64>,
}
weft_wrpc::record!(RequestOptions {
    connect_timeout: "connect-timeout",
    first_byte_timeout: "first-byte-timeout",
    between_bytes_timeout: "between-bytes-timeout",
});

/// The head of a request.
pub(super) struct RequestHead {
    method: Method,
    path_with_query: Option<String>,
    scheme: Option<Scheme>,
    authority: Option<String>,
    headers: Fields,
}

pub(super) fn request_ty() -> Type {
    Type::record([
        ("body", Type::stream(Type::U8)),
        ("trailers", Type::future(Option::<Fields>::ty())),
        ("method", Method::ty()),
        ("path-with-query", Option::<String>::ty()),
        ("scheme", Option::<Scheme>::ty()),
        ("authority", Option::<String>::ty()),
        ("headers", Fields::ty()),
    ])
}

pub(super) fn response_ty() -> Type {
    Type::record([
        ("body", Type::stream(Type::U8)),
        ("trailers", Type::future(Option::<Fields>::ty())),
        ("status", u16::ty()),
        ("headers", Fields::ty()),
    ])
}

// ===== requests =====

pub(super) fn write_request(
    writer: &mut Writer,
    head: &RequestHead,
    body: &Outgoing,
    trailers: &Outgoing,
) {
    writer.at(0, |writer| writer.outgoing(body));
    writer.at(1, |writer| writer.outgoing(trailers));
    writer.at(2, |writer| writer.value(&head.method));
    writer.at(3, |writer| writer.value(&head.path_with_query));
    writer.at(4, |writer| writer.value(&head.scheme));
    writer.at(5, |writer| writer.value(&head.authority));
    writer.at(6, |writer| writer.value(&head.headers));
}

pub(super) fn read_request(
    reader: &mut Reader<'_>,
) -> Result<(RequestHead, StreamReader, FutureReader), CodecError> {
    let body = reader.at(0, Reader::byte_stream)?;
    let trailers = reader.at(1, |reader| reader.future(&Option::<Fields>::ty()))?;
    let head = RequestHead {
        method: reader.at(2, Decode::decode)?,
        path_with_query: reader.at(3, Decode::decode)?,
        scheme: reader.at(4, Decode::decode)?,
        authority: reader.at(5, Decode::decode)?,
        headers: reader.at(6, Decode::decode)?,
    };
    Ok((head, body, trailers))
}

// ===== responses =====

pub(super) fn write_response(
    writer: &mut Writer,
    head: &http::response::Parts,
    body: &Outgoing,
    trailers: &Outgoing,
) {
    writer.at(0, |writer| writer.outgoing(body));
    writer.at(1, |writer| writer.outgoing(trailers));
    writer.at(2, |writer| writer.u16(head.status.as_u16()));
    writer.at(3, |writer| writer.value(&to_fields(&head.headers)));
}

/// A response as it was read; `None` when it is none of HTTP.
pub(super) type ReadResponse = (Option<http::response::Builder>, StreamReader, FutureReader);

pub(super) fn read_response(reader: &mut Reader<'_>) -> Result<ReadResponse, CodecError> {
    let body = reader.at(0, Reader::byte_stream)?;
    let trailers = reader.at(1, |reader| reader.future(&Option::<Fields>::ty()))?;
    let status: u16 = reader.at(2, Decode::decode)?;
    let fields: Fields = reader.at(3, Decode::decode)?;
    let head = StatusCode::from_u16(status).ok().and_then(|status| {
        let mut head = http::Response::builder().status(status);
        *head.headers_mut()? = from_fields(fields)?;
        Some(head)
    });
    Ok((head, body, trailers))
}

// ===== fields =====

pub(super) fn to_fields(headers: &HeaderMap) -> Fields {
    let values = |name| {
        let values = headers.get_all(name).iter();
        values
            .map(|value| Bytes::copy_from_slice(value.as_bytes()))
            .collect()
    };
    headers
        .keys()
        .map(|name| (name.to_string(), values(name)))
        .collect()
}

/// `None` when a name or value is none of HTTP, or there are too many.
pub(super) fn from_fields(fields: Fields) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, values) in fields {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        for value in values {
            let value = HeaderValue::from_maybe_shared(value).ok()?;
            headers.try_append(&name, value).ok()?;
        }
    }
    Some(headers)
}

// ===== impl RequestHead =====

impl RequestHead {
    pub(super) fn of(parts: &request::Parts) -> Self {
        let host = || parts.headers.get(HOST)?.to_str().ok();
        let authority = parts.uri.authority().map(Authority::as_str);
        let scheme = parts.uri.scheme_str().unwrap_or("http");
        Self {
            method: Method::of(&parts.method),
            path_with_query: parts.uri.path_and_query().map(ToString::to_string),
            scheme: Some(match scheme {
                "http" => Scheme::Http,
                "https" => Scheme::Https,
                other => Scheme::Other(other.to_owned()),
            }),
            authority: authority.or_else(host).map(ToOwned::to_owned),
            headers: to_fields(&parts.headers),
        }
    }

    /// The request that this is the head of, with a body.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn into_request<B>(self, body: B) -> Result<http::Request<B>, ErrorCode> {
        let method = self
            .method
            .into_http()
            .ok_or(ErrorCode::RequestMethodInvalid)?;
        let path = self.path_with_query.unwrap_or_else(|| "/".to_owned());
        let path = PathAndQuery::try_from(path).map_err(|_| ErrorCode::RequestUriInvalid)?;
        let headers = from_fields(self.headers).ok_or(ErrorCode::ProtocolError)?;
        let mut uri = Uri::builder().path_and_query(path);
        match self.authority {
            Some(authority) => {
                uri = uri.authority(authority).scheme(match &self.scheme {
                    Some(Scheme::Https) => "https",
                    Some(Scheme::Other(other)) => other.as_str(),
                    Some(Scheme::Http) | None => "http",
                });
            }
            None if headers.contains_key(HOST) => {}
            None => return Err(ErrorCode::RequestUriInvalid),
        }
        let uri = uri.build().map_err(|_| ErrorCode::RequestUriInvalid)?;
        let mut request = http::Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok(request)
    }
}

impl Method {
    fn of(method: &HttpMethod) -> Self {
        match method.as_str() {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "DELETE" => Self::Delete,
            "CONNECT" => Self::Connect,
            "OPTIONS" => Self::Options,
            "TRACE" => Self::Trace,
            "PATCH" => Self::Patch,
            other => Self::Other(other.to_owned()),
        }
    }

    fn into_http(self) -> Option<HttpMethod> {
        Some(match self {
            Self::Get => HttpMethod::GET,
            Self::Head => HttpMethod::HEAD,
            Self::Post => HttpMethod::POST,
            Self::Put => HttpMethod::PUT,
            Self::Delete => HttpMethod::DELETE,
            Self::Connect => HttpMethod::CONNECT,
            Self::Options => HttpMethod::OPTIONS,
            Self::Trace => HttpMethod::TRACE,
            Self::Patch => HttpMethod::PATCH,
            Self::Other(other) => HttpMethod::from_bytes(other.as_bytes()).ok()?,
        })
    }
}

// ===== impl RequestOptions =====

impl RequestOptions {
    pub(super) fn new(
        connect: Option<Duration>,
        first_byte: Option<Duration>,
        between_bytes: Option<Duration>,
    ) -> Self {
        let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self {
            connect_timeout: connect.map(nanos),
            first_byte_timeout: first_byte.map(nanos),
            between_bytes_timeout: between_bytes.map(nanos),
        }
    }
}
