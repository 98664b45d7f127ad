//! Turns everything that can go wrong into a kind and a sentence.
//!
//! Which kind it is, `kinds` knows. A sentence never holds a key, a header or a query string, and is one line; the
//! vendor's own words in it have been through [`Secrets::line`].

use codex_net::causes;
use reqwest::{
    Response,
    header::{HeaderMap, LOCATION},
};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::{
    endpoint::Endpoint,
    kinds, retry_after,
    secrets::{self, Secrets},
    vendor_error::VendorError,
};
use crate::{Failure, FailureKind, StreamEvent};

/// Bytes of an error's body that are read.
const LONGEST_BODY: usize = 64 * 1024;

/// A failure as the last event of a stream.
pub(crate) fn plain(kind: FailureKind, message: String) -> StreamEvent {
    StreamEvent::Failed(Failure { kind, message, retry_after: None })
}

/// The vendor gave up in the middle of an answer.
pub(crate) fn in_stream(error: &VendorError, secrets: &Secrets) -> Failure {
    let message = secrets.line(error.message.as_deref().unwrap_or("the vendor gave no reason"));
    // What nobody knows is taken for the vendor's trouble, which may pass.
    let kind = kinds::told(error, &message).unwrap_or(FailureKind::Server(500));
    let retry_after = kind.may_pass().then(|| retry_after::in_words(&message)).flatten();
    let message = match kind {
        FailureKind::ContextTooLong => {
            format!("the conversation is too long for the model: {message}; begin a new session")
        }
        FailureKind::ContentRefused => format!("the vendor refused the content: {message}"),
        FailureKind::QuotaExceeded => format!("the account has no budget left: {message}"),
        _ => format!("the vendor stopped the answer: {message}"),
    };
    Failure { kind, message, retry_after }
}

/// The vendor cut the answer short.
pub(crate) fn incomplete(reason: Option<&str>, secrets: &Secrets) -> Failure {
    let (kind, message) = match reason {
        Some("content_filter") => {
            (FailureKind::ContentRefused, "the vendor's content filter stopped the answer".into())
        }
        Some("max_output_tokens") => (FailureKind::Incomplete, "the answer reached the vendor's output limit".into()),
        reason => {
            let reason = secrets.line(reason.unwrap_or("no reason given"));
            (FailureKind::Incomplete, format!("the vendor cut the answer short: {reason}"))
        }
    };
    Failure { kind, message, retry_after: None }
}

/// No answer came at all.
pub(super) fn unsent(error: &reqwest::Error, endpoint: &Endpoint) -> Failure {
    let cause = endpoint.secrets.line(&causes(error));
    let (kind, message) = if error.is_builder() {
        (FailureKind::Configuration, format!("the request to {} could not be made: {cause}", endpoint.shown))
    } else if error.is_connect() {
        (FailureKind::Connection, format!("cannot connect to {}: {cause}", endpoint.shown))
    } else {
        (FailureKind::Disconnected, format!("{} did not answer: {cause}", endpoint.shown))
    };
    Failure { kind, message, retry_after: None }
}

/// An answer with a status other than 200, and what it says.
pub(super) async fn refused(response: Response, endpoint: &Endpoint, model: &str) -> (Failure, VendorError) {
    let status = response.status().as_u16();
    let asked = retry_after::in_headers(response.headers());
    let location = redirect(&response, endpoint);
    let Body { error, is_json } = Body::read(response).await;
    let said = endpoint.secrets.line(error.message.as_deref().unwrap_or("no reason given"));
    let kind = kinds::refused(status, &error, &said);
    let retry_after = asked.or_else(|| kind.may_pass().then(|| retry_after::in_words(&said)).flatten());
    let message = match (kind, location) {
        (FailureKind::Unauthorized, _) => endpoint.key.refused(status, &said),
        (FailureKind::BadRequest(404), _) if kinds::is_about_model(&error, is_json) => {
            format!("the model `{}` is not available: {said} (HTTP {status})", endpoint.secrets.line(model))
        }
        (FailureKind::BadRequest(404), _) => {
            format!("{} was not found (HTTP 404: {said}); does the base URL end in /v1?", endpoint.shown)
        }
        (FailureKind::BadRequest(300..400), Some(to)) => {
            format!("{} redirects to {to} (HTTP {status}); set the base URL to that", endpoint.shown)
        }
        (FailureKind::ContextTooLong, _) => {
            format!("the conversation is too long for the model: {said} (HTTP {status}); begin a new session")
        }
        (FailureKind::ContentRefused, _) => format!("the vendor refused the content: {said}"),
        (FailureKind::QuotaExceeded, _) => format!("the account has no budget left: {said}"),
        (FailureKind::RateLimited, _) => format!("{}: too many requests (HTTP {status}): {said}", endpoint.shown),
        (FailureKind::Server(_), _) => format!("{} has trouble (HTTP {status}): {said}", endpoint.shown),
        _ => format!("{} refused the request (HTTP {status}): {said}", endpoint.shown),
    };
    (Failure { kind, message, retry_after }, error)
}

/// An answer with status 200 that is of type `other` instead of an event stream, and no whole answer either.
pub(super) fn not_a_stream(headers: &HeaderMap, body: &[u8], other: &str, endpoint: &Endpoint) -> Failure {
    let asked = retry_after::in_headers(headers);
    let Body { error, .. } = Body::of(body.get(..LONGEST_BODY).unwrap_or(body));
    let said = error.message.as_deref().map(|message| endpoint.secrets.line(message));
    let kind = kinds::told(&error, said.as_deref().unwrap_or_default()).unwrap_or(FailureKind::Configuration);
    let in_words = || kind.may_pass().then(|| retry_after::in_words(said.as_deref()?)).flatten();
    let retry_after = asked.or_else(in_words);
    let said = said.map(|said| format!(": {said}")).unwrap_or_default();
    let message = format!("{} answered with {other} instead of an event stream{said}", endpoint.shown);
    Failure { kind, message, retry_after }
}

/// Where an answer redirects to, in full and fit to be shown.
fn redirect(response: &Response, endpoint: &Endpoint) -> Option<String> {
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    let shown = secrets::shown(endpoint.url.join(location).as_ref().map_or(location, Url::as_str));
    Some(endpoint.secrets.line(&shown))
}

/// The beginning of an error's body. What arrives before a break counts: a half message is better than none.
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
struct Body {
    error: VendorError,
    /// Whether it is one of the shapes of model servers, not just any text.
    is_json: bool,
}

impl Body {
    async fn read(response: Response) -> Self {
        Self::of(&read_some(response).await)
    }

    fn of(body: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Shapes {
            error: Option<Value>,
            message: Option<Value>,
            detail: Option<Value>,
        }
        // Some put the one error into a list.
        let alone = |value: Value| match value {
            Value::Array(mut values) if values.len() == 1 => values.remove(0),
            value => value,
        };
        let text = String::from_utf8_lossy(body);
        let said = |message: &str| VendorError { message: Some(message.to_owned()), ..VendorError::default() };
        let (error, is_json) = match serde_json::from_str(&text).map(alone).and_then(serde_json::from_value) {
            Ok(Shapes { error: Some(Value::String(message)), .. }) => (said(&message), true),
            Ok(Shapes { error: Some(error), .. }) => (serde_json::from_value(error).unwrap_or_default(), true),
            Ok(Shapes { message: Some(told), .. } | Shapes { detail: Some(told), .. }) => {
                (said(told.as_str().unwrap_or(&told.to_string())), true)
            }
            _ if text.trim_start().starts_with('<') => (said(&title(&text)), false),
            _ if text.trim().is_empty() => (VendorError::default(), false),
            _ => (said(&text), false),
        };
        Self { error, is_json }
    }
}

/// The title of a web page, which is all that is worth telling of one.
fn title(page: &str) -> String {
    let title = page.split_once("<title>").and_then(|(_, rest)| rest.split_once("</title>"));
    title.map_or("a web page".to_owned(), |(title, _)| format!("a web page, \"{}\"", title.trim()))
}
