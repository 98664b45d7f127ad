//! Neutral messages, tool specs and usage: what a conversation is, whichever vendor's model takes part in it.
//!
//! Nothing here knows a vendor's JSON. What a vendor needs back verbatim (encrypted reasoning, item ids) travels in
//! [`Opaque`], which only the wire that made it may read.

mod history;
mod message;
mod size;
mod tool;
mod usage;

pub use history::{History, Wording};
pub use message::{AssistantPart, Content, Message, Opaque, Source, Wire};
pub use size::{Sizes, text_tokens};
pub use tool::{Arguments, ToolCall, ToolInput, ToolSpec};
pub use usage::Usage;
