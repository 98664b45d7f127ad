//! An error as vendors word it, in a body or in the middle of a stream.

use serde::Deserialize;
use serde_json::Value;

/// An error in the vendor's words.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct VendorError {
    /// A string at OpenAI's, a number elsewhere.
    #[serde(default)]
    pub(crate) code: Value,
    #[serde(default, rename = "type")]
    pub(crate) kind: Value,
    /// Which part of the request it is about.
    #[serde(default)]
    pub(crate) param: Value,
    pub(crate) message: Option<String>,
}
