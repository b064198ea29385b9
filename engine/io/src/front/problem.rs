//! The front's own answers: RFC 9457 problems with stable codes and the headers that keep a browser from using them.
//!
//! Decides status, code and words of each refusal. Must not know how it came to it.
//! The codes are those of `warren/errors.py`; a test compares them.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]
use hyper::body::Bytes;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

use super::counters::Count;

/// Why a request or a connection was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The head breaks RFC 9112, or says its length in two ways.
    Malformed,
    /// Request line and headers over the limit.
    HeadTooLarge,
    /// Request line and headers not there in time.
    HeadTimeout,
    /// A `Host` that is not served here.
    Misdirected,
    /// Body over the limit.
    BodyTooLarge,
    /// Body not there in time.
    BodyTimeout,
    /// All memory for bodies is in use.
    Busy,
    /// The web part does not take connections.
    Unavailable,
    /// The web part ended in the middle of an answer.
    Broken,
    /// The web part took too long.
    ResponseTimeout,
    /// A web page asks for what only programs may.
    Origin,
    /// There is no web part, or no such handshake.
    NotFound,
}

struct Words {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: &'static str,
    fix: &'static str,
    retry_after_s: u32,
}

impl Refusal {
    /// The counter of this refusal.
    pub fn count(self) -> Count {
        match self {
            Self::Malformed => Count::RefusedMalformed,
            Self::HeadTooLarge => Count::RefusedHeadTooLarge,
            Self::HeadTimeout => Count::RefusedHeadTimeout,
            Self::Misdirected => Count::RefusedHost,
            Self::BodyTooLarge => Count::RefusedBodyTooLarge,
            Self::BodyTimeout => Count::RefusedBodyTimeout,
            Self::Busy => Count::RefusedBusy,
            Self::Unavailable => Count::RefusedUnavailable,
            Self::Broken => Count::RefusedBroken,
            Self::ResponseTimeout => Count::RefusedResponseTimeout,
            Self::Origin => Count::RefusedOrigin,
            Self::NotFound => Count::RefusedNotFound,
        }
    }

    fn words(self) -> Words {
        let (status, code, title, detail, fix, retry_after_s) = match self {
            Self::Malformed => (
                StatusCode::BAD_REQUEST,
                "E_MALFORMED",
                "Malformed",
                "the request breaks the rules of HTTP/1.1 (RFC 9112)",
                "",
                0,
            ),
            Self::HeadTooLarge => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "E_TOO_LARGE",
                "Too large",
                "request line and headers are too large",
                "send fewer or shorter headers",
                0,
            ),
            Self::HeadTimeout => (
                StatusCode::REQUEST_TIMEOUT,
                "E_TIMEOUT",
                "Timeout",
                "the headers did not arrive in time",
                "try again",
                0,
            ),
            Self::Misdirected => (
                StatusCode::MISDIRECTED_REQUEST,
                "E_MISDIRECTED",
                "Misdirected",
                "this server does not answer under that host name",
                "use the URL that the server was started with",
                0,
            ),
            Self::BodyTooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "E_TOO_LARGE",
                "Too large",
                "the body is too large",
                "send less at once",
                0,
            ),
            Self::BodyTimeout => (
                StatusCode::REQUEST_TIMEOUT,
                "E_TIMEOUT",
                "Timeout",
                "the body did not arrive in time",
                "try again",
                0,
            ),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "E_BUSY",
                "Busy",
                "too many requests are being received",
                "try again later",
                5,
            ),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "E_UNAVAILABLE",
                "Unavailable",
                "the server is starting or stopping",
                "try again in a moment",
                1,
            ),
            Self::Broken => (
                StatusCode::BAD_GATEWAY,
                "E_UNAVAILABLE",
                "Unavailable",
                "the server ended before it answered; the request may or may not have been carried out",
                "look before you repeat it",
                0,
            ),
            Self::ResponseTimeout => (
                StatusCode::GATEWAY_TIMEOUT,
                "E_TIMEOUT",
                "Timeout",
                "the server did not answer in time",
                "look before you repeat the request",
                0,
            ),
            Self::Origin => (
                StatusCode::FORBIDDEN,
                "E_FORBIDDEN",
                "Forbidden",
                "web pages have no business here",
                "",
                0,
            ),
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "E_NOT_FOUND",
                "Not found",
                "there is nothing under this address",
                "",
                0,
            ),
        };
        Words {
            status,
            code,
            title,
            detail,
            fix,
            retry_after_s,
        }
    }
}

/// The answer to a refused request; it ends the connection, because what else the client sent is not read.
pub fn answer(refusal: Refusal) -> Response<Bytes> {
    const HEADERS: [(HeaderName, &str); 6] = [
        (header::CONTENT_TYPE, "application/problem+json"),
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONNECTION, "close"),
    ];
    let words = refusal.words();
    let mut response = Response::new(Bytes::from(body(&words)));
    *response.status_mut() = words.status;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if words.retry_after_s > 0 {
        headers.insert(header::RETRY_AFTER, words.retry_after_s.into());
    }
    response
}

/// The same answer as bytes, for a connection that HTTP does not drive any more.
pub fn answer_bytes(refusal: Refusal) -> Vec<u8> {
    let response = answer(refusal);
    let status = response.status();
    let reason = status.canonical_reason().unwrap_or_default();
    let mut bytes = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).into_bytes();
    for (name, value) in response.headers() {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    let body = response.into_body();
    bytes.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    bytes.extend_from_slice(&body);
    bytes
}

/// The fields of `warren.protocol.rest.problem.Problem`. No text of ours needs escaping.
fn body(words: &Words) -> String {
    format!(
        concat!(
            r#"{{"code":"{}","title":"{}","status":{},"detail":"{}","fix":"{}","#,
            r#""type":"about:blank","retry_after_s":{}}}"#
        ),
        words.code,
        words.title,
        words.status.as_u16(),
        words.detail,
        words.fix,
        words.retry_after_s
    )
}
