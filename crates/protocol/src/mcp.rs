//! Servers of tools (the Model Context Protocol): a call as it is shown, and the servers as a person looks at them.
//!
//! What a server says of itself and answers is data of a stranger, passed on as it is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum McpToolCallStatus {
    /// It runs.
    InProgress,
    /// It did what it was asked.
    Completed,
    /// It did not, or was not allowed.
    Failed,
}

/// What a server answered to a call, cut to size.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct McpToolCallResult {
    /// Its parts, as the Model Context Protocol spells them (`type`: `text`, `image`, …). Of pictures the bytes are left out.
    pub content: Vec<Value>,
    /// The same as data, where the server gives it.
    #[serde(default)]
    pub structured_content: Option<Value>,
}

/// Why a call has no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct McpToolCallError {
    /// In a sentence.
    pub message: String,
}

/// `item/mcpToolCall/progress`: how far a call is, in the server's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct McpToolCallProgress {
    /// The thread's id.
    pub thread_id: String,
    /// The turn's id.
    pub turn_id: String,
    /// The item's id.
    pub item_id: String,
    /// In a few words.
    pub message: String,
}

/// `mcpServerStatus/list`: how the servers of a thread are. Asking starts those that nobody has needed yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ListMcpServerStatusParams {
    /// The thread; without one there are no servers.
    pub thread_id: Option<String>,
    /// This server alone.
    pub server_name: Option<String>,
}

/// Answer to `mcpServerStatus/list`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ListMcpServerStatusResponse {
    /// The servers, in the order of the settings.
    pub data: Vec<McpServerStatus>,
    /// Always null: all come at once.
    pub next_cursor: Option<String>,
}

/// How a server is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct McpServerStatus {
    /// As the settings call it.
    pub name: String,
    /// How it knows us.
    pub auth_status: McpAuthStatus,
    /// What it is doing.
    #[serde(default)]
    pub runtime_status: Option<McpConnection>,
    /// What it calls itself: `name`, `version`.
    #[serde(default)]
    pub server_info: Option<Value>,
    /// The plugin that it comes with.
    #[serde(default)]
    pub plugin_id: Option<String>,
    /// Its tools by name, each as the Model Context Protocol spells it.
    pub tools: BTreeMap<String, Value>,
    /// Its resources, likewise.
    pub resources: Vec<Value>,
    /// Always empty.
    pub resource_templates: Vec<Value>,
    /// Why it is not ready, in a sentence without its full stop. (Ours.)
    #[serde(default)]
    pub error: Option<String>,
    /// The end of what it wrote to standard error. (Ours.)
    #[serde(default)]
    pub stderr: String,
    /// Names of its prompts. (Ours.)
    #[serde(default)]
    pub prompts: Vec<String>,
}

/// How a server knows us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum McpAuthStatus {
    /// It does not ask, as far as is known.
    Unsupported,
    /// It asks, and there is nothing to show.
    NotLoggedIn,
    /// By a token.
    BearerToken,
}

/// What a server is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum McpConnection {
    /// Nobody has needed it yet.
    NotStarted,
    /// It is being started.
    Starting,
    /// It answers.
    Connected,
    /// It wants to know who we are.
    AuthenticationRequired,
    /// It could not be started, or was lost too often.
    Failed,
    /// It is switched off.
    Disabled,
}

/// `mcpServer/control`: switches a server of a thread on or off, or starts it again. (Ours.)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct McpServerControlParams {
    /// The thread.
    pub thread_id: String,
    /// The server, as the settings call it.
    pub name: String,
    /// What is to be done.
    pub action: McpServerAction,
}

/// What can be done with a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum McpServerAction {
    /// Switched on, until the thread ends.
    Enable,
    /// Switched off, until the thread ends.
    Disable,
    /// Ended, and started.
    Restart,
}

/// `mcpServer/oauth/login`: begins to log in to a server that is reached over HTTP. `mcpServer/oauthLogin/completed` tells what
/// came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct McpServerOauthLoginParams {
    /// The server, as the settings call it.
    pub name: String,
    /// The thread whose server it is; without one, the user's own.
    #[serde(default)]
    pub thread_id: Option<String>,
    /// Rights to ask for, in place of those of the settings or of what the server proposes.
    #[serde(default)]
    pub scopes: Option<Vec<String>>,
    /// How long a person may take, in seconds; 300 if it is not said.
    #[serde(default)]
    pub timeout_secs: Option<u64>,
}

/// Answer to `mcpServer/oauth/login`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct McpServerOauthLoginResponse {
    /// Where a person agrees to it. From there the person is led back to a port of the machine of this program.
    pub authorization_url: String,
    /// Names this login.
    #[serde(default)]
    pub login_id: Option<String>,
}

/// `mcpServer/oauth/paste`: what a person was given or led to, where the port of that machine cannot be reached. (Ours.)
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct McpServerOauthPasteParams {
    /// The login.
    pub login_id: String,
    /// A code, or the whole address.
    pub text: String,
}

/// What was pasted is a secret for a while.
impl std::fmt::Debug for McpServerOauthPasteParams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("McpServerOauthPasteParams").field("login_id", &self.login_id).finish_non_exhaustive()
    }
}

/// `mcpServer/oauthLogin/completed`: what a login came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct McpServerOauthLoginCompleted {
    /// The server, as the settings call it.
    pub name: String,
    /// Whether the user is logged in.
    pub success: bool,
    /// Why not, in a sentence.
    #[serde(default)]
    pub error: Option<String>,
    /// As it was answered.
    #[serde(default)]
    pub login_id: Option<String>,
    /// As it was asked.
    #[serde(default)]
    pub thread_id: Option<String>,
}

/// `mcpServer/startupStatus/updated`: how a server comes up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct McpServerStarted {
    /// The thread whose server it is.
    #[serde(default)]
    pub thread_id: Option<String>,
    /// As the settings call it.
    pub name: String,
    /// How far it is.
    pub status: McpStartup,
    /// Why it is not there.
    #[serde(default)]
    pub error: Option<String>,
    /// `reauthenticationRequired`, where it wants a login.
    #[serde(default)]
    pub failure_reason: Option<String>,
}

/// How far a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum McpStartup {
    /// It is being started.
    Starting,
    /// It answers.
    Ready,
    /// It does not.
    Failed,
}

impl McpToolCallResult {
    /// What it says as text: the texts of its parts, and what the others are; where there are none, the data.
    pub fn text(&self) -> String {
        let parts: Vec<String> = self.content.iter().map(part).collect();
        match (&self.structured_content, parts.is_empty()) {
            (Some(data), true) => data.to_string(),
            _ => parts.join("\n"),
        }
    }
}

/// A part of an answer as text.
fn part(part: &Value) -> String {
    let member = |name: &str| part.get(name).and_then(Value::as_str);
    match (member("type").unwrap_or_default(), part.get("resource")) {
        ("text", _) => member("text").unwrap_or_default().to_owned(),
        ("resource_link", _) => {
            format!("[{}] {}", member("name").unwrap_or("resource"), member("uri").unwrap_or_default())
        }
        (_, Some(resource)) => {
            let inner = |name: &str| resource.get(name).and_then(Value::as_str);
            let text = inner("text").unwrap_or("(not text)");
            format!("[{}]\n{text}", inner("uri").unwrap_or_default())
        }
        (kind, None) => format!("[{kind} {}]", member("mimeType").unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parts_are_told_as_text() {
        let data = Some(json!({ "a": 1 }));
        let table = [
            (json!([{ "type": "text", "text": "one" }, { "type": "text", "text": "two" }]), &data, "one\ntwo"),
            (json!([]), &data, r#"{"a":1}"#),
            (json!([]), &None, ""),
            (json!([{ "type": "image", "mimeType": "image/png" }]), &None, "[image image/png]"),
            (json!([{ "type": "resource_link", "name": "n", "uri": "x://y" }]), &None, "[n] x://y"),
            (json!([{ "type": "resource", "resource": { "uri": "x://y", "text": "t" } }]), &None, "[x://y]\nt"),
            (
                json!([{ "type": "resource", "resource": { "uri": "x://y", "blob": "AA" } }]),
                &None,
                "[x://y]\n(not text)",
            ),
            (json!(["what"]), &None, "[ ]"),
        ];
        for (content, structured_content, expected) in table {
            let content = serde_json::from_value(content).unwrap();
            let result = McpToolCallResult { content, structured_content: structured_content.clone() };
            assert_eq!(result.text(), expected, "{result:?}");
        }
    }
}
