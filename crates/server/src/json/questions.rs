//! Questions of the server that the client has to answer, and what its answers mean.

use std::collections::BTreeMap;

use codex_protocol::{
    ApprovalAnswer, ApprovalDecision, ClientRequest, ErrorKind, ServerNotification, ServerRequest,
    ServerRequestAnswerParams,
};
use serde_json::{Value, json, value::RawValue};
use tokio::sync::oneshot;

use super::{Answered, gone};
use crate::Calls;

/// Ids of questions that were asked and are not resolved, and whether something is to be entered.
#[derive(Default)]
pub(super) struct OpenQuestions(BTreeMap<u64, bool>);

impl OpenQuestions {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn asked(&mut self, id: u64, request: &ServerRequest) {
        self.0.insert(id, matches!(request, ServerRequest::Elicitation(_)));
    }

    /// Takes note of what was told: a question may have been answered by another client.
    pub(super) fn heard(&mut self, notification: &ServerNotification) {
        if let ServerNotification::ServerRequestResolved(resolved) = notification {
            self.0.remove(&resolved.request_id);
        }
    }

    /// The question with `id` and what can be tried to answer it, the nearest to what the client said first; `None` if
    /// it is not open.
    pub(super) fn answer(&mut self, id: &RawValue, result: Option<&RawValue>) -> Option<(u64, Vec<ApprovalAnswer>)> {
        let id = id.get().parse().ok()?;
        self.0.remove(&id).map(|is_form| (id, attempts(result, is_form)))
    }
}

/// Words a question about a call of a server's tool as clients know it that are not this program's own: an elicitation of
/// the server, marked as an approval.
pub(super) fn word_for_others(message: &mut Value) {
    let params = &message["params"];
    let Some(call) = params.get("mcp").filter(|call| call.is_object()) else { return };
    let offers = |decision: &str| {
        params["availableDecisions"].as_array().is_some_and(|all| all.iter().any(|offered| offered == decision))
    };
    let persist: Vec<&str> = [("acceptForSession", "session"), ("acceptAlways", "always")]
        .into_iter()
        .filter(|(decision, _)| offers(decision))
        .map(|(_, word)| word)
        .collect();
    let (server, tool) = (&call["server"], &call["tool"]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let question = format!("Allow the {} MCP server to run tool \"{}\"?", text(server), text(tool));
    let changed = call.get("descriptionBefore").and_then(Value::as_str);
    let changed = changed.map(|before| format!(" It was described otherwise before: “{before}”")).unwrap_or_default();
    let params = json!({
        "threadId": params["threadId"], "turnId": params["turnId"], "serverName": server, "mode": "form",
        "_meta": {
            "codex_approval_kind": "mcp_tool_call", "persist": persist, "tool_name": tool,
            "tool_description": call["description"], "tool_params": call["arguments"], "tool_params_display": [],
        },
        "message": question + &changed, "requestedSchema": { "type": "object", "properties": {} },
    });
    message["method"] = "mcpServer/elicitation/request".into();
    message["params"] = params;
}

/// The decision in an answer to an elicitation, if it is one.
fn elicited(result: &RawValue, is_form: bool) -> Option<ApprovalDecision> {
    let answer: Value = serde_json::from_str(result.get()).ok()?;
    let persist = answer.get("_meta").and_then(|meta| meta["persist"].as_str());
    Some(match (answer.get("action")?.as_str()?, persist) {
        ("accept", Some("always")) => ApprovalDecision::AcceptAlways,
        ("accept", Some("session")) => ApprovalDecision::AcceptForSession,
        ("accept", _) => match answer.get("content").and_then(Value::as_object).filter(|content| !content.is_empty()) {
            Some(content) if is_form => ApprovalDecision::AcceptWithContent { content: content.clone() },
            _ => ApprovalDecision::Accept,
        },
        ("cancel", _) => ApprovalDecision::Cancel,
        _ => ApprovalDecision::Decline,
    })
}

/// What a result of the client comes to. Where it asks for more than is offered, less is taken; what is not understood
/// is a no. What does not fit a form is no answer to it.
fn attempts(result: Option<&RawValue>, is_form: bool) -> Vec<ApprovalAnswer> {
    let read = result.and_then(|result| match elicited(result, is_form) {
        Some(decision) => Some(ApprovalAnswer { decision, message: None }),
        None => serde_json::from_str::<ApprovalAnswer>(result.get()).ok(),
    });
    let read = read.unwrap_or(ApprovalAnswer { decision: ApprovalDecision::Decline, message: None });
    let less: &[ApprovalDecision] = match read.decision {
        _ if is_form => &[ApprovalDecision::Cancel],
        ApprovalDecision::AcceptAlways => {
            &[ApprovalDecision::AcceptForSession, ApprovalDecision::Accept, ApprovalDecision::Decline]
        }
        ApprovalDecision::AcceptForSession | ApprovalDecision::AcceptWithExecpolicyAmendment { .. } => {
            &[ApprovalDecision::Accept, ApprovalDecision::Decline, ApprovalDecision::Cancel]
        }
        ApprovalDecision::Accept
        | ApprovalDecision::AcceptHunks { .. }
        | ApprovalDecision::AcceptWithContent { .. } => &[ApprovalDecision::Decline, ApprovalDecision::Cancel],
        ApprovalDecision::Decline => &[ApprovalDecision::Cancel],
        ApprovalDecision::Cancel => &[ApprovalDecision::Decline],
    };
    let less = less.iter().map(|decision| ApprovalAnswer { decision: decision.clone(), message: None });
    std::iter::once(read).chain(less).collect()
}

/// Answers the question `request_id` with the first of `attempts` that it takes.
pub(super) async fn settle(calls: Calls, request_id: u64, attempts: Vec<ApprovalAnswer>) -> Answered {
    let mut result = Err(gone());
    for answer in attempts {
        let (asked, waits) = oneshot::channel();
        let params = ServerRequestAnswerParams { request_id, answer };
        if calls.send((ClientRequest::ServerRequestAnswer(params), asked)).await.is_err() {
            break;
        }
        result = waits.await.unwrap_or_else(|_| Err(gone()));
        if !matches!(&result, Err(error) if error.data == Some(ErrorKind::Configuration)) {
            break;
        }
    }
    Answered { id: None, thread: None, begins: false, result }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_asked_about_a_tool_as_they_know_it() {
        let mut message = json!({ "id": 3, "method": "item/commandExecution/requestApproval", "params": {
            "threadId": "t", "turnId": "u", "command": "echo.boom", "kind": "mcpToolCall",
            "availableDecisions": ["accept", "acceptForSession", "acceptAlways", "decline", "cancel"],
            "mcp": { "server": "echo", "tool": "boom", "description": "Fails", "descriptionBefore": "Works", "arguments": { "a": 1 } },
        }});
        word_for_others(&mut message);
        let meta = json!({
            "codex_approval_kind": "mcp_tool_call", "persist": ["session", "always"], "tool_name": "boom",
            "tool_description": "Fails", "tool_params": { "a": 1 }, "tool_params_display": [],
        });
        let said = "Allow the echo MCP server to run tool \"boom\"? It was described otherwise before: “Works”";
        let params = json!({
            "threadId": "t", "turnId": "u", "serverName": "echo", "mode": "form", "_meta": meta, "message": said,
            "requestedSchema": { "type": "object", "properties": {} },
        });
        assert_eq!(message, json!({ "id": 3, "method": "mcpServer/elicitation/request", "params": params }));
        let command =
            json!({ "id": 3, "method": "item/commandExecution/requestApproval", "params": { "command": "ls" } });
        let mut same = command.clone();
        word_for_others(&mut same);
        assert_eq!(same, command);
    }

    #[test]
    fn what_they_answer_is_understood() {
        use ApprovalDecision::{Accept, AcceptAlways, AcceptForSession, Cancel, Decline};
        for (result, expected) in [
            (json!({ "action": "accept", "content": {}, "_meta": null }), Accept),
            (json!({ "action": "accept", "_meta": { "persist": "session" } }), AcceptForSession),
            (json!({ "action": "accept", "_meta": { "persist": "always" } }), AcceptAlways),
            (json!({ "action": "decline" }), Decline),
            (json!({ "action": "cancel" }), Cancel),
            (json!({ "action": "what" }), Decline),
            (json!({ "decision": "accept" }), Accept),
            (json!({ "nothing": 1 }), Decline),
        ] {
            let result = RawValue::from_string(result.to_string()).unwrap();
            assert_eq!(attempts(Some(&result), false)[0].decision, expected, "{result}");
        }
    }

    #[test]
    fn what_they_enter_is_passed_on_and_nothing_less_stands_for_it() {
        use ApprovalDecision::{Accept, Cancel, Decline};
        let entered = json!({ "age": 3 }).as_object().unwrap().clone();
        for (result, expected) in [
            (
                json!({ "action": "accept", "content": { "age": 3 }, "_meta": null }),
                ApprovalDecision::AcceptWithContent { content: entered },
            ),
            (json!({ "action": "accept", "content": {} }), Accept),
            (json!({ "action": "decline" }), Decline),
            (json!({ "action": "cancel", "content": null }), Cancel),
            (json!({ "nothing": 1 }), Decline),
        ] {
            let result = RawValue::from_string(result.to_string()).unwrap();
            let tried: Vec<_> = attempts(Some(&result), true).into_iter().map(|answer| answer.decision).collect();
            assert_eq!(tried, [expected, Cancel], "{result}");
        }
    }
}
