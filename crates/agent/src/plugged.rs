//! What users have plugged into a thread, for the stations of its turns to ask.

use std::sync::Arc;

use codex_extensions::checkers::Checkers;

use crate::McpUse;

/// All of it. The default is nothing, and costs nothing.
#[derive(Debug, Clone, Default)]
pub struct Plugged {
    /// What looks at files after they were changed.
    pub checkers: Option<Arc<Checkers>>,
    /// Servers of tools.
    pub mcp: Option<Arc<McpUse>>,
}
