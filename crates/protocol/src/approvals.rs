//! Questions of the server to a person: may this be done? And the answers.
//!
//! A question names the very work that waits for its answer. Members marked as ours are additions that other clients
//! ignore.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// `item/commandExecution/requestApproval`: may this command run?
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CommandApprovalParams {
    /// `command`; or `webPage`, where `command` is the address of a page of the web that is to be read (ours); or
    /// `mcpToolCall` (ours), which clients that are not this program's own are asked as `mcpServer/elicitation/request`.
    pub kind: String,
    /// The thread's id.
    pub thread_id: String,
    /// The turn's id.
    pub turn_id: String,
    /// Id of the item that shows the command.
    pub item_id: String,
    /// When it was asked, in milliseconds since the epoch.
    pub started_at_ms: i64,
    /// Why it is asked, in a sentence. What the model says of it stands in quotation marks, and says whose it is.
    pub reason: Option<String>,
    /// The whole command line, as it will be given to the shell.
    pub command: String,
    /// Absolute directory it will run in.
    pub cwd: String,
    /// As in the item.
    #[serde(default)]
    pub command_actions: Vec<Value>,
    /// The words of the rule that [`ApprovalDecision::AcceptWithExecpolicyAmendment`] would add.
    #[serde(default)]
    pub proposed_execpolicy_amendment: Option<Vec<String>>,
    /// What can be answered.
    #[serde(default)]
    pub available_decisions: Vec<ApprovalDecision>,
    /// What the question is about, beyond the command. (Ours.)
    #[serde(default)]
    pub terms: ApprovalTerms,
    /// Where `kind` is `mcpToolCall`: the call, which `command` names in short. (Ours.)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mcp: Option<Box<McpApproval>>,
}

/// A call of a tool of a server that is asked about. (Ours.)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct McpApproval {
    /// The server, as the settings call it.
    pub server: String,
    /// The tool, as the server calls it.
    pub tool: String,
    /// What the tool does, in the server's words. They may be false.
    pub description: String,
    /// What the server said of it when it was said yes to before, if that was something else.
    #[serde(default)]
    pub description_before: Option<String>,
    /// All that the server is given.
    pub arguments: Value,
}

/// `item/fileChange/requestApproval`: may these files be changed? The item, told before, shows how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct FileChangeApprovalParams {
    /// The thread's id.
    pub thread_id: String,
    /// The turn's id.
    pub turn_id: String,
    /// Id of the item that shows the changes.
    pub item_id: String,
    /// When it was asked, in milliseconds since the epoch.
    pub started_at_ms: i64,
    /// Why it is asked, in a sentence.
    pub reason: Option<String>,
    /// Always null: an answer never opens a directory.
    pub grant_root: Option<String>,
    /// What can be answered. (Ours.)
    #[serde(default)]
    pub available_decisions: Vec<ApprovalDecision>,
    /// What the question is about, beyond the files. (Ours.)
    #[serde(default)]
    pub terms: ApprovalTerms,
}

/// What a yes would mean.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ApprovalTerms {
    /// What the sandbox will enforce if the answer is yes, in a sentence.
    pub confinement: String,
    /// The rule because of which it asks, if it is one.
    pub rule: Option<ApprovalRule>,
    /// The rule that "always" would save, as it is written in the configuration.
    pub remember: Option<String>,
    /// The model's own words about why it should be done. They may be false.
    pub justification: Option<String>,
    /// What the sandbox will not hold for the rest of the session if the answer is yes, a phrase each. Where there is
    /// some, the question is about the sandbox: whether the action itself may be done is another question.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_held: Vec<String>,
    /// The sub-agent that wants to do it, as its parent calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
}

/// A rule, and where it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ApprovalRule {
    /// `deny`, `ask` or `allow`.
    pub kind: String,
    /// As it was written.
    pub text: String,
    /// `FILE:LINE:COLUMN`, a flag as typed, `built-in`, `this session`.
    pub origin: String,
}

/// `project/requestTrust`: may the files of this project set what they want to set, though it loosens something? Asked
/// before a thread is built, of a client that said `askTrust`. Who says yes is not asked again while they are as they are
/// now. (Ours.)
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ProjectTrustParams {
    /// The id that the thread has, or will have.
    pub thread_id: String,
    /// Absolute directory that the thread will work in.
    pub cwd: String,
    /// Absolute directory of the project.
    pub root: String,
    /// The files, lowest layer first.
    pub files: Vec<UntrustedFile>,
    /// What can be answered.
    pub available_decisions: Vec<ApprovalDecision>,
}

/// A file of settings that is not trusted as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct UntrustedFile {
    /// The file, absolute.
    pub path: String,
    /// Whether it was trusted before as it was then.
    pub changed: bool,
    /// When this project was trusted last (RFC 3339), if it was.
    pub trusted_at: Option<String>,
    /// What it would set, in the order of the file.
    pub held: Vec<HeldSetting>,
}

/// A setting that is held back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct HeldSetting {
    /// Its dotted path.
    pub key: String,
    /// Counted from 1.
    pub line: u32,
    /// In characters, counted from 1.
    pub column: u32,
    /// What it would be, as TOML on one line; `…` in place of what may be a secret.
    pub value: String,
    /// What is in force instead, if there is something.
    pub instead: Option<String>,
    /// Whether it is a list that is added to what is in force.
    pub adds: bool,
    /// Whether it takes something out of that list: the items that begin with `!`.
    pub removes: bool,
}

/// The answer to a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ApprovalAnswer {
    /// What was decided.
    pub decision: ApprovalDecision,
    /// A word to the model, with [`ApprovalDecision::Decline`]. (Ours.)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What a person decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum ApprovalDecision {
    /// Yes, this once.
    Accept,
    /// Yes, and the same again without a question as long as the thread is open: the same command in the same directory
    /// under the same walls, or the same files.
    AcceptForSession,
    /// Yes, and a rule that allows it from now on is saved.
    AcceptWithExecpolicyAmendment {
        /// The proposed words, or the first of them: then whatever begins so is allowed. (The wire spells this member
        /// with an underscore.)
        execpolicy_amendment: Vec<String>,
    },
    /// Yes, and never again about the same tool of a server as long as the server describes it so. (Ours.)
    AcceptAlways,
    /// Yes to these hunks of the changes alone. (Ours.)
    AcceptHunks {
        /// Counted from 0 through all files of the item, in the order of their diffs. Offered are all of them; some are
        /// answered.
        hunks: Vec<usize>,
    },
    /// Yes, with this, to a server of tools that asked for it. (Ours; over a wire, `{ action, content }` is the same.)
    AcceptWithContent {
        /// By the names of the form's fields.
        content: Map<String, Value>,
    },
    /// No; the turn goes on.
    Decline,
    /// No, and the turn ends. To a server of tools: no answer, and the turn goes on.
    Cancel,
}

/// `serverRequest/answer`: the answer to a question. (Ours: over a wire, a response with the question's id is the same.)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ServerRequestAnswerParams {
    /// Id of the question.
    pub request_id: u64,
    /// The answer.
    #[serde(flatten)]
    pub answer: ApprovalAnswer,
}

/// `serverRequest/resolved`: a question was answered, by whomever, or is not asked any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ServerRequestResolved {
    /// The thread's id.
    pub thread_id: String,
    /// Id of the question.
    pub request_id: u64,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ServerMessage;

    /// Questions as other servers of this protocol send them, and the answers that its clients give.
    #[test]
    fn messages_of_others_are_understood_and_ours_look_like_them() {
        let command = json!({ "method": "item/commandExecution/requestApproval", "id": 0, "params": {
            "kind": "command", "threadId": "t", "turnId": "u", "itemId": "call_1", "startedAtMs": 1_795_341_840_290_i64,
            "environmentId": "local", "reason": "Do you want to run this?", "command": "/bin/bash -lc 'touch a'",
            "cwd": "/home/u/ws", "commandActions": [{ "type": "unknown", "command": "touch a" }],
            "proposedExecpolicyAmendment": ["touch", "a"],
            "availableDecisions":
                ["accept", { "acceptWithExecpolicyAmendment": { "execpolicy_amendment": ["touch", "a"] } }, "cancel"],
        }});
        let file = json!({ "method": "item/fileChange/requestApproval", "id": 1, "params": {
            "threadId": "t", "turnId": "u", "itemId": "call_2", "startedAtMs": 1_795_341_848_066_i64,
            "reason": null, "grantRoot": null,
        }});
        for theirs in [command, file] {
            let message: ServerMessage = serde_json::from_value(theirs.clone()).unwrap();
            assert!(matches!(message, ServerMessage::Request { .. }), "{message:?}");
            let ours = serde_json::to_value(message).unwrap();
            assert_eq!((&ours["method"], &ours["id"]), (&theirs["method"], &theirs["id"]));
            let members = theirs["params"].as_object().unwrap().iter().filter(|(name, _)| *name != "environmentId");
            members.for_each(|(name, value)| assert_eq!(ours["params"][name], *value, "{name}"));
        }
        let amendment = json!({ "acceptWithExecpolicyAmendment": { "execpolicy_amendment": ["touch", "a"] } });
        for decision in [json!("accept"), json!("acceptForSession"), amendment, json!("decline"), json!("cancel")] {
            let theirs = json!({ "decision": decision });
            let answer: ApprovalAnswer = serde_json::from_value(theirs.clone()).unwrap();
            assert_eq!(serde_json::to_value(answer).unwrap(), theirs);
        }
    }

    #[test]
    fn a_notification_is_told_from_a_question() {
        let theirs = json!({ "method": "serverRequest/resolved", "params": { "threadId": "t", "requestId": 0 } });
        let message: ServerMessage = serde_json::from_value(theirs.clone()).unwrap();
        assert!(matches!(message, ServerMessage::Event(_)), "{message:?}");
        assert_eq!(serde_json::to_value(message).unwrap(), theirs);
    }
}
