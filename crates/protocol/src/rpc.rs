//! Errors as they cross the wire (JSON-RPC 2.0 section 5.1, without the `jsonrpc` member).

use serde::{Deserialize, Serialize};

/// Why a request failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RpcError {
    /// Always −32600: the clients of this protocol tell errors apart by sentence.
    pub code: i64,
    /// One sentence, and what to do about it.
    pub message: String,
    /// What kind of error, for clients of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<ErrorKind>,
}

/// What a client should conclude from an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum ErrorKind {
    /// What was asked for, or the configuration it meets, is wrong; asking again does not help.
    Configuration,
    /// The named thread, turn or request is not there.
    NotFound,
    /// The thread is open in another process: it can be asked for, or forked.
    OpenElsewhere,
    /// The server could not do its part (disk, sandbox).
    Internal,
}

impl RpcError {
    /// An error of `kind` that says `message`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { code: -32600, message: message.into(), data: Some(kind) }
    }
}

impl std::fmt::Display for RpcError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for RpcError {}
