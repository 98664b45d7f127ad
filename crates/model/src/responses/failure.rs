//! Turns everything that can go wrong into a kind and a sentence.
//!
//! Codes and statuses are a table. A sentence never holds a key, a header or a query string, and is one line of at
//! most [`LONGEST_MESSAGE`] bytes of the vendor's own words.

use codex_net::causes;
use reqwest::Response;
use serde::Deserialize;
use serde_json::Value;

use super::{endpoint::Endpoint, events::VendorError, retry_after};
use crate::{Failure, FailureKind, StreamEvent};

/// Bytes of a vendor's message that are passed on.
const LONGEST_MESSAGE: usize = 2048;

/// Bytes of an error's body that are read.
const LONGEST_BODY: usize = 64 * 1024;

/// What a vendor's error codes mean. `code` and `type` are both looked up, in this order of lines.
const CODES: &[(&str, FailureKind)] = &[
    ("context_length_exceeded", FailureKind::ContextTooLong),
    ("insufficient_quota", FailureKind::QuotaExceeded),
    ("billing_hard_limit_reached", FailureKind::QuotaExceeded),
    ("usage_limit_reached", FailureKind::QuotaExceeded),
    ("usage_not_included", FailureKind::QuotaExceeded),
    ("content_policy_violation", FailureKind::ContentRefused),
    ("content_filter", FailureKind::ContentRefused),
    ("cyber_policy", FailureKind::ContentRefused),
    ("invalid_prompt", FailureKind::BadRequest(400)),
    ("invalid_api_key", FailureKind::Unauthorized),
    ("rate_limit_exceeded", FailureKind::RateLimited),
    ("server_is_overloaded", FailureKind::Server(503)),
    ("overloaded_error", FailureKind::Server(503)),
    ("slow_down", FailureKind::Server(503)),
];

/// How servers without codes say that the conversation is too long.
const TOO_LONG: &[&str] = &["maximum context length", "context window", "context length exceeded"];

/// A failure as the last event of a stream.
pub(super) fn plain(kind: FailureKind, message: String) -> StreamEvent {
    StreamEvent::Failed(Failure { kind, message, retry_after: None })
}

/// The vendor gave up in the middle of an answer.
pub(super) fn in_stream(error: VendorError) -> Failure {
    let message = one_line(error.message.as_deref().unwrap_or("the vendor gave no reason"));
    let kind = by_code(&error).unwrap_or_else(|| {
        let code = error.code.as_str().unwrap_or_default();
        let ours = code.starts_with("invalid_") || code.starts_with("unsupported_");
        // What nobody knows is taken for the vendor's trouble, which may pass.
        if ours { FailureKind::BadRequest(400) } else { FailureKind::Server(500) }
    });
    let retry_after = kind.may_pass().then(|| retry_after::in_words(&message)).flatten();
    let message = match kind {
        FailureKind::ContextTooLong => format!("the conversation is too long for the model: {message}"),
        FailureKind::ContentRefused => format!("the vendor refused the content: {message}"),
        FailureKind::QuotaExceeded => format!("the account has no budget left: {message}"),
        _ => format!("the vendor stopped the answer: {message}"),
    };
    Failure { kind, message, retry_after }
}

/// The vendor cut the answer short.
pub(super) fn incomplete(reason: Option<&str>) -> Failure {
    let (kind, message) = match reason {
        Some("content_filter") => {
            (FailureKind::ContentRefused, "the vendor's content filter stopped the answer".into())
        }
        Some("max_output_tokens") => (FailureKind::Incomplete, "the answer reached the vendor's output limit".into()),
        reason => {
            let reason = one_line(reason.unwrap_or("no reason given"));
            (FailureKind::Incomplete, format!("the vendor cut the answer short: {reason}"))
        }
    };
    Failure { kind, message, retry_after: None }
}

/// No answer came at all.
pub(super) fn unsent(error: &reqwest::Error, endpoint: &Endpoint) -> Failure {
    let cause = one_line(&causes(error));
    let (kind, message) = if error.is_builder() {
        (FailureKind::Configuration, format!("the request to {} could not be made: {cause}", endpoint.shown))
    } else if error.is_connect() {
        (FailureKind::Connection, format!("cannot connect to {}: {cause}", endpoint.shown))
    } else {
        (FailureKind::Disconnected, format!("{} did not answer: {cause}", endpoint.shown))
    };
    Failure { kind, message, retry_after: None }
}

/// An answer with a status other than 200.
pub(super) async fn refused(response: Response, endpoint: &Endpoint) -> Failure {
    let status = response.status().as_u16();
    let asked = retry_after::in_headers(response.headers());
    let location = response.headers().get("location").and_then(|value| value.to_str().ok()).map(one_line);
    let error = vendor_error(&read_some(response).await);
    let said = one_line(error.message.as_deref().unwrap_or("no reason given"));
    let kind = by_code(&error).unwrap_or_else(|| by_status(status, &said));
    let retry_after = asked.or_else(|| kind.may_pass().then(|| retry_after::in_words(&said)).flatten());
    let message = match (kind, location) {
        (FailureKind::Unauthorized, _) => endpoint.key.refused(status, &said),
        (FailureKind::BadRequest(404), _) => {
            format!("{} was not found (HTTP 404: {said}); does the base URL end in /v1?", endpoint.shown)
        }
        (FailureKind::BadRequest(300..400), Some(to)) => {
            format!("{} redirects to {to} (HTTP {status}); set the base URL to that", endpoint.shown)
        }
        (FailureKind::ContextTooLong, _) => format!("the conversation is too long for the model: {said}"),
        (FailureKind::ContentRefused, _) => format!("the vendor refused the content: {said}"),
        (FailureKind::QuotaExceeded, _) => format!("the account has no budget left: {said}"),
        (FailureKind::RateLimited, _) => format!("too many requests (HTTP {status}): {said}"),
        (FailureKind::Server(_), _) => format!("the model server has trouble (HTTP {status}): {said}"),
        _ => format!("the request was refused (HTTP {status}): {said}"),
    };
    Failure { kind, message, retry_after }
}

fn by_code(error: &VendorError) -> Option<FailureKind> {
    let [code, kind] = [&error.code, &error.kind].map(|value| value.as_str().unwrap_or_default());
    CODES.iter().find(|(name, _)| *name == code || *name == kind).map(|(_, kind)| *kind)
}

fn by_status(status: u16, said: &str) -> FailureKind {
    let said = said.to_lowercase();
    match status {
        400 | 413 if TOO_LONG.iter().any(|words| said.contains(words)) => FailureKind::ContextTooLong,
        401 | 403 => FailureKind::Unauthorized,
        402 => FailureKind::QuotaExceeded,
        429 => FailureKind::RateLimited,
        // 408: the server gave up waiting for the request, which is nobody's fault.
        408 | 500.. => FailureKind::Server(status),
        _ => FailureKind::BadRequest(status),
    }
}

/// The beginning of a body. What arrives before an error counts: a half message is better than none.
async fn read_some(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while body.len() < LONGEST_BODY
        && let Ok(Some(chunk)) = response.chunk().await
    {
        body.extend_from_slice(&chunk);
    }
    body
}

/// What an error's body says, in any of the shapes that servers use.
fn vendor_error(body: &[u8]) -> VendorError {
    #[derive(Deserialize)]
    struct Shapes {
        error: Option<Value>,
        message: Option<String>,
        detail: Option<Value>,
    }
    let text = String::from_utf8_lossy(body);
    let said = |message: &str| VendorError { message: Some(message.to_owned()), ..VendorError::default() };
    match serde_json::from_str(&text) {
        Ok(Shapes { error: Some(Value::String(message)), .. }) => said(&message),
        Ok(Shapes { error: Some(error), .. }) => serde_json::from_value(error).unwrap_or_default(),
        Ok(Shapes { message: Some(message), .. }) => said(&message),
        Ok(Shapes { detail: Some(detail), .. }) => said(detail.as_str().unwrap_or(&detail.to_string())),
        _ if text.trim_start().starts_with('<') => said(&title(&text)),
        _ if text.trim().is_empty() => VendorError::default(),
        _ => said(&text),
    }
}

/// The title of a web page, which is all that is worth telling of one.
fn title(page: &str) -> String {
    let title = page.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
    title.map_or("a web page".to_owned(), |(title, _)| format!("a web page, \"{}\"", title.trim()))
}

/// `text` on one line without control characters, cut at [`LONGEST_MESSAGE`].
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > LONGEST_MESSAGE {
            line.truncate(line.floor_char_boundary(LONGEST_MESSAGE));
            line.push('…');
            break;
        }
    }
    line
}
