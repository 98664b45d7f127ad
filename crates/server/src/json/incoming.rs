//! What a client says, read: requests, notifications, answers to questions.

use codex_protocol::{ClientRequest, ErrorKind, RpcError, methods};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{ids, stubs};

/// A message of the client.
pub(super) enum Incoming<'a> {
    Request {
        id: &'a RawValue,
        method: String,
        params: Option<&'a RawValue>,
    },
    Notification,
    /// To a question of the server; without a result, the client could not answer.
    Answer {
        id: &'a RawValue,
        result: Option<&'a RawValue>,
    },
}

/// A message that is none, and what can be said to whoever sent it.
pub(super) struct Unreadable {
    pub(super) id: Option<Box<RawValue>>,
    pub(super) error: RpcError,
}

/// Any message. No member is read deeper than it has to be.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(default)]
    method: Option<String>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
}

/// What `line` says.
///
/// # Errors
/// When it is not JSON (code −32700), or not a message.
pub(super) fn parse(line: &str) -> Result<Incoming<'_>, Unreadable> {
    // What reads an object would take a list of its members too.
    if line.trim_start().starts_with('[') {
        return Err(Unreadable { id: None, error: invalid("Invalid request: a message is an object, not a list") });
    }
    let envelope: Envelope<'_> = serde_json::from_str(line).map_err(|error| {
        let error = match error.is_data() {
            true => wrong(&error),
            false => RpcError { code: -32700, ..invalid(format!("Invalid request: {error}")) },
        };
        Unreadable { id: id_of(line), error }
    })?;
    match envelope {
        Envelope { id: Some(id), .. } if !is_id(id) => {
            let error = invalid("Invalid request: the id is neither a string nor a whole number");
            Err(Unreadable { id: None, error })
        }
        Envelope { id: Some(id), method: Some(method), params, .. } => Ok(Incoming::Request { id, method, params }),
        Envelope { id: None, method: Some(_), .. } => Ok(Incoming::Notification),
        Envelope { id: Some(id), method: None, result, .. } => Ok(Incoming::Answer { id, result }),
        Envelope { id: None, method: None, .. } => {
            let error = invalid("Invalid request: a message has a `method`, or the `id` of a question and a `result`");
            Err(Unreadable { id: None, error })
        }
    }
}

/// A request, and what of it the server behind the connection does not know.
pub(super) struct Asked {
    pub(super) request: ClientRequest,
    /// The thread that it names.
    pub(super) thread: Option<String>,
    /// Whether the turns of the thread are told with it.
    pub(super) turns: bool,
}

/// What is read of the parameters of any request.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Aside {
    thread_id: Option<String>,
    include_turns: Option<bool>,
    exclude_turns: Option<bool>,
}

/// The request that `method` and `params` make.
///
/// # Errors
/// When there is no such method, or it has other parameters.
pub(super) fn request(method: &str, params: Option<&RawValue>) -> Result<Asked, RpcError> {
    if !methods().iter().any(|known| known.name == method) {
        return Err(unknown(method));
    }
    let params = params.map_or("{}", RawValue::get);
    let marked = params.contains(ids::MARK).then(|| ids::inward(params)).flatten();
    let params = marked.as_deref().unwrap_or(params);
    // The name is one of the table: nothing in it has to be escaped.
    let message = format!("{{\"method\":\"{method}\",\"params\":{params}}}");
    let request = serde_json::from_str(&message).map_err(|error| wrong(&error))?;
    let Aside { thread_id, include_turns, exclude_turns } = serde_json::from_str(params).unwrap_or_default();
    let turns = match &request {
        ClientRequest::ThreadRead(_) => include_turns.unwrap_or_default(),
        ClientRequest::ThreadResume(_) | ClientRequest::ThreadFork(_) => !exclude_turns.unwrap_or_default(),
        _ => false,
    };
    Ok(Asked { request, thread: thread_id, turns })
}

/// What is said of parameters that are not what they should be. The place in them that the parser names is one in a text
/// of our own, and is left out.
pub(super) fn wrong(error: &serde_json::Error) -> RpcError {
    let text = error.to_string();
    let sentence = text.rsplit_once(" at line ").map_or(text.as_str(), |(sentence, _)| sentence);
    invalid(format!("Invalid request: {sentence}"))
}

pub(super) fn invalid(message: impl Into<String>) -> RpcError {
    RpcError { data: None, ..RpcError::new(ErrorKind::Configuration, message) }
}

/// Clients tell by these words that there is no such method.
fn unknown(method: &str) -> RpcError {
    let names = methods().iter().map(|method| method.name).chain(stubs::names()).chain(["initialize"]);
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    invalid(format!("Invalid request: unknown variant `{method}`, expected one of {}", names.join(", ")))
}

/// The id of a message that has another shape than it should.
fn id_of(line: &str) -> Option<Box<RawValue>> {
    #[derive(Deserialize)]
    struct Id {
        id: Box<RawValue>,
    }
    let Id { id } = serde_json::from_str(line).ok()?;
    is_id(&id).then_some(id)
}

fn is_id(id: &RawValue) -> bool {
    id.get().starts_with('"') || id.get().parse::<i64>().is_ok()
}
