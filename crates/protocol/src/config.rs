//! What is configured, as clients may ask for it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `config/read`: the settings of a directory; `permissionProfile/list`: what they let threads do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct ConfigReadParams {
    /// Absolute directory whose configuration counts; the user's own alone when absent.
    pub cwd: Option<String>,
}

/// Answer to `config/read`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ConfigReadResult {
    /// What is in force, by the names that the existing CLI has.
    pub config: BTreeMap<String, Value>,
    /// Where values come from: nothing is told of it.
    pub origins: BTreeMap<String, Value>,
}

/// Answer to `permissionProfile/list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PermissionProfileListResult {
    /// The levels of the sandbox, the strictest first.
    pub data: Vec<PermissionProfile>,
    /// Always null.
    pub next_cursor: Option<String>,
}

/// A level of the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PermissionProfile {
    /// As `thread/start` takes it in `sandbox`.
    pub id: String,
    /// What commands may do then.
    pub description: String,
    /// Whether a thread may have it.
    pub allowed: bool,
}
