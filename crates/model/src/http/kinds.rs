//! What a vendor's error means: tables of codes, statuses and words.
//!
//! Pure. A code is trusted before a status, and a status before words, which may say anything.

use serde_json::Value;

use super::vendor_error::VendorError;
use crate::FailureKind::{self, *};

/// What a vendor calls a model that is not there.
const NO_MODEL: &str = "model_not_found";

/// What a vendor's error codes mean. `code` and `type` are both looked up, in this order of lines.
const CODES: &[(&str, FailureKind)] = &[
    ("context_length_exceeded", ContextTooLong),
    ("exceed_context_size_error", ContextTooLong),
    ("insufficient_quota", QuotaExceeded),
    ("billing_hard_limit_reached", QuotaExceeded),
    ("usage_limit_reached", QuotaExceeded),
    ("usage_not_included", QuotaExceeded),
    ("billing_error", QuotaExceeded),
    ("request_too_large", ContextTooLong),
    ("content_policy_violation", ContentRefused),
    ("content_filter", ContentRefused),
    ("cyber_policy", ContentRefused),
    ("invalid_prompt", BadRequest(400)),
    (NO_MODEL, BadRequest(404)),
    ("invalid_api_key", Unauthorized),
    ("authentication_error", Unauthorized),
    ("rate_limit_exceeded", RateLimited),
    ("rate_limit_error", RateLimited),
    ("server_is_overloaded", Server(503)),
    ("overloaded_error", Server(529)),
    ("slow_down", Server(503)),
];

/// How servers without codes say that the conversation is too long, in small letters.
const TOO_LONG: &[&str] = &[
    "maximum context length",
    "context window",
    "context length exceeded",
    "exceeded model token limit",
    "exceeds the maximum number of tokens",
    "exceeds max length",
    "maximum prompt length",
    "model's context length",
    "reduce the length of the messages",
    "tokens + `max_new_tokens` must be",
    "when context the overflows",
    "exceeds the available context size",
    "exceed_context_size_error",
    "prompt is too long",
    "exceed context limit",
];

/// How a server without a code for it says that the account has no budget left, in small letters.
const NO_BUDGET: &[&str] = &["credit balance is too low"];

/// How servers say that they do not know the address, in small letters.
const NO_SUCH_PATH: &[&str] = &["page not found", "invalid url", "unknown request url", "no route", "cannot post"];

/// The kind of an answer with `status`; `said` is the error's message.
pub(super) fn refused(status: u16, error: &VendorError, said: &str) -> FailureKind {
    by_code(error).unwrap_or_else(|| by_status(status, said))
}

/// The kind of an error that comes without a status of its own, if it says one.
pub(super) fn told(error: &VendorError, said: &str) -> Option<FailureKind> {
    by_code(error)
        .or_else(|| Some(by_status(status_in(&error.code)?, said)))
        .or_else(|| says(said, TOO_LONG).then_some(ContextTooLong))
        .or_else(|| is_ours(error).then_some(BadRequest(400)))
}

/// Whether an HTTP 404 is about the model, not about the address. `is_json` says whether the server that wrote the
/// body is likely to be a model server at all.
pub(super) fn is_about_model(error: &VendorError, is_json: bool) -> bool {
    if has_code(error, NO_MODEL) {
        return true;
    }
    let Some(said) = error.message.as_deref().filter(|_| is_json).map(str::to_lowercase) else { return false };
    let bare = said.trim_matches(|c: char| !c.is_alphabetic());
    bare != "not found" && !NO_SUCH_PATH.iter().any(|words| said.contains(words))
}

fn names(error: &VendorError) -> [&str; 2] {
    [&error.code, &error.kind].map(|value| value.as_str().unwrap_or_default())
}

fn has_code(error: &VendorError, name: &str) -> bool {
    names(error).contains(&name)
}

fn by_code(error: &VendorError) -> Option<FailureKind> {
    CODES.iter().find(|(name, _)| has_code(error, name)).map(|(_, kind)| *kind)
}

/// The error status that a code is, as a number or in digits.
fn status_in(code: &Value) -> Option<u16> {
    let number = code.as_u64().or_else(|| code.as_str()?.parse().ok())?;
    u16::try_from(number).ok().filter(|status| (400..600).contains(status))
}

/// Whether a name says that the request is wrong, so that it would be wrong again.
fn is_ours(error: &VendorError) -> bool {
    let ours = |name: &str| {
        ["invalid_", "unsupported_", "missing_"].iter().any(|start| name.starts_with(start))
            || ["unknown_parameter", "not_found_error", "permission_error"].contains(&name)
    };
    !has_code(error, "server_error") && names(error).into_iter().any(ours)
}

fn says(said: &str, table: &[&str]) -> bool {
    let said = said.to_lowercase();
    table.iter().any(|words| said.contains(words))
}

fn by_status(status: u16, said: &str) -> FailureKind {
    match status {
        // 413: what is large in a request is the conversation.
        413 => ContextTooLong,
        400 | 422 | 500 if says(said, TOO_LONG) => ContextTooLong,
        400 if says(said, NO_BUDGET) => QuotaExceeded,
        401 | 403 => Unauthorized,
        402 => QuotaExceeded,
        429 => RateLimited,
        // 408: the server gave up waiting for the request, which is nobody's fault. 409: it works on something that
        // this request would get in the way of.
        408 | 409 | 500.. => Server(status),
        _ => BadRequest(status),
    }
}
