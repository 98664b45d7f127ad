//! What a server offers, made harmless: each name, text and schema is within limits.

use serde_json::Value;

/// A tool of a server.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoteTool {
    /// The server, as the user calls it.
    pub server: String,
    /// The tool, as the server calls it.
    pub name: String,
    /// The tool, as models call it: `mcp__SERVER__TOOL` of `[a-zA-Z0-9_-]{1,64}`, like no other of the thread's.
    pub called: String,
    /// What to show to people in place of `name`.
    pub title: Option<String>,
    /// What it does, in the server's words. May be empty.
    pub description: String,
    /// Schema of its input: an object with `"type": "object"`.
    pub schema: Value,
    /// Whether the server says that it changes nothing. It may lie.
    pub read_only_hint: bool,
    /// SHA-256 in hexadecimal digits of all that the server says about it. Another one is another tool.
    pub digest: String,
}

/// A prompt of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemotePrompt {
    /// The server, as the user calls it.
    pub server: String,
    /// The prompt, as the server calls it.
    pub name: String,
    /// The prompt, as people call it: `mcp__SERVER__PROMPT`.
    pub called: String,
    /// What it is for. May be empty.
    pub description: String,
    /// What it takes, in order.
    pub arguments: Vec<PromptArgument>,
}

/// What a prompt takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptArgument {
    /// Its name.
    pub name: String,
    /// What it is. May be empty.
    pub description: String,
    /// Whether there must be one.
    pub required: bool,
}

/// A message of a prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct PromptMessage {
    /// Whether the model is to have said it; otherwise the user.
    pub is_assistant: bool,
    /// What is said.
    pub content: crate::Content,
}

/// A resource of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteResource {
    /// The server, as the user calls it.
    pub server: String,
    /// Its address.
    pub uri: String,
    /// What it is called.
    pub name: String,
    /// What it is. May be empty.
    pub description: String,
    /// Its media type.
    pub mime: Option<String>,
}

/// A part of what a resource holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceText {
    /// Its address.
    pub uri: String,
    /// Its media type.
    pub mime: Option<String>,
    /// The text; of bytes, which are left out, a line that says how many they are.
    pub text: String,
}
