//! JSON-RPC 2.0: what the other side says, and what is said to it.

use codex_protocol::ServerMessage;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// Codes of errors (JSON-RPC 2.0, section 5.1).
pub(crate) const PARSE_ERROR: i64 = -32700;
pub(crate) const INVALID_REQUEST: i64 = -32600;
pub(crate) const METHOD_NOT_FOUND: i64 = -32601;
pub(crate) const INVALID_PARAMS: i64 = -32602;
pub(crate) const INTERNAL_ERROR: i64 = -32603;

/// Why a request fails: the code and a sentence.
pub(crate) type Failure = (i64, String);

/// A message of the other side.
#[derive(Debug, PartialEq)]
pub(crate) enum Message {
    Request {
        id: Value,
        method: String,
        params: Value,
    },
    Notification {
        method: String,
        params: Value,
    },
    /// The answer to a request of ours; `None`: an error.
    Answer {
        id: Value,
        result: Option<Value>,
    },
}

/// Reads a message.
///
/// # Errors
/// When it is none.
pub(crate) fn parse(line: &str) -> Result<Message, Failure> {
    let mut message: Value = serde_json::from_str(line).map_err(|error| (PARSE_ERROR, error.to_string()))?;
    let id = message.get_mut("id").map(Value::take).filter(|id| !id.is_null());
    let params = message.get_mut("params").map(Value::take).unwrap_or_default();
    let method = message.get("method").and_then(Value::as_str).map(str::to_owned);
    match (id, method) {
        (Some(id), Some(method)) => Ok(Message::Request { id, method, params }),
        (None, Some(method)) => Ok(Message::Notification { method, params }),
        (Some(id), None) => Ok(Message::Answer { id, result: message.get_mut("result").map(Value::take) }),
        (None, None) => Err((INVALID_REQUEST, "a message has a `method` or the `id` of a request".into())),
    }
}

/// The other side, to be spoken to. Whether it still listens is seen where it is listened to.
#[derive(Debug, Clone)]
pub(crate) struct Peer(pub(crate) mpsc::Sender<String>);

impl Peer {
    pub(crate) async fn notify(&self, method: &str, params: impl Serialize) {
        self.say(json!({ "jsonrpc": "2.0", "method": method, "params": params })).await;
    }

    pub(crate) async fn ask(&self, id: u64, method: &str, params: impl Serialize) {
        self.say(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })).await;
    }

    pub(crate) async fn answer(&self, id: Value, result: Result<Value, Failure>) {
        self.say(match result {
            Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
            Err((code, message)) => {
                json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } })
            }
        })
        .await;
    }

    async fn say(&self, message: Value) {
        let _ = self.0.send(message.to_string()).await;
    }
}

/// What a face hears: a line of the other side, or a message of the server.
#[allow(clippy::large_enum_variant, reason = "one at a time, and not for long")]
pub(crate) enum Heard {
    Line(String),
    Message(ServerMessage),
}

/// What is heard next; `None`: one of the two says no more.
pub(crate) async fn next(
    incoming: &mut mpsc::Receiver<String>,
    events: &mut mpsc::Receiver<ServerMessage>,
) -> Option<Heard> {
    tokio::select! {
        line = incoming.recv() => line.map(Heard::Line),
        message = events.recv() => message.map(Heard::Message),
    }
}

/// The text at `name` in parameters.
///
/// # Errors
/// When there is none.
pub(crate) fn text<'a>(params: &'a Value, name: &str) -> Result<&'a str, Failure> {
    params[name].as_str().ok_or_else(|| (INVALID_PARAMS, format!("`{name}` is missing, or not a string")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_apart() {
        let table = [
            (
                r#"{"id":1,"method":"m"}"#,
                Ok(Message::Request { id: json!(1), method: "m".into(), params: Value::Null }),
            ),
            (
                r#"{"method":"m","params":{"a":1}}"#,
                Ok(Message::Notification { method: "m".into(), params: json!({ "a": 1 }) }),
            ),
            (r#"{"id":"x","result":2}"#, Ok(Message::Answer { id: json!("x"), result: Some(json!(2)) })),
            (r#"{"id":"x","error":{}}"#, Ok(Message::Answer { id: json!("x"), result: None })),
            ("{}", Err(INVALID_REQUEST)),
            ("7", Err(INVALID_REQUEST)),
            ("{", Err(PARSE_ERROR)),
        ];
        for (line, expected) in table {
            assert_eq!(parse(line).map_err(|(code, _)| code), expected, "{line}");
        }
    }
}
