//! What a server of tools wants to know of a person, while a call of it runs.
//!
//! All words in it are the server's: data of a stranger, shown and never obeyed.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `mcpServer/elicitation/request`: a server of tools asks a person something. It is answered like other questions: yes
/// with what was entered ([`crate::ApprovalDecision::AcceptWithContent`]; over a wire also `{ action, content }`, as the Model
/// Context Protocol has it), no, or not at all (`cancel`). The turn goes on after each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ElicitationParams {
    /// The thread's id.
    pub thread_id: String,
    /// The turn's id.
    pub turn_id: Option<String>,
    /// Id of the item that shows the call. (Ours.)
    #[serde(default)]
    pub item_id: String,
    /// The server, as the settings call it.
    pub server_name: String,
    /// What the server says.
    pub message: String,
    /// How it is answered.
    #[serde(flatten)]
    pub asked: Asked,
    /// Always null: what a server says besides is not passed on.
    #[serde(default, rename = "_meta")]
    pub meta: Option<Value>,
    /// The sub-agent whose call it is, as its parent calls it. (Ours.)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
}

/// How a question of a server is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "mode", rename_all = "camelCase")]
pub enum Asked {
    /// By filling in a form.
    #[serde(rename_all = "camelCase")]
    Form {
        /// A flat JSON Schema of what is to be entered.
        requested_schema: Value,
    },
    /// By going to a page of the web. What is done there, this program does not learn.
    #[serde(rename_all = "camelCase")]
    Url {
        /// The page; `http` or `https`.
        url: String,
        /// The server's name for it.
        elicitation_id: String,
    },
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn questions_of_servers_look_as_clients_know_them() {
        let base = json!({ "threadId": "t", "turnId": "u", "itemId": "i", "serverName": "s", "message": "Who?", "_meta": null });
        let with = |more: Value| {
            let mut all = base.clone();
            more.as_object().unwrap().iter().for_each(|(name, value)| all[name] = value.clone());
            all
        };
        for (wire, is_form) in [
            (with(json!({ "mode": "form", "requestedSchema": { "type": "object", "properties": {} } })), true),
            (with(json!({ "mode": "url", "url": "https://a.example/", "elicitationId": "e" })), false),
        ] {
            let read: ElicitationParams = serde_json::from_value(wire.clone()).unwrap();
            assert_eq!(matches!(read.asked, Asked::Form { .. }), is_form);
            assert_eq!(serde_json::to_value(read).unwrap(), wire);
        }
    }
}
