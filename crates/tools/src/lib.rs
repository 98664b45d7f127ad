//! What the model can do: one file each, its words for the model in a `.md` beside it.
//!
//! A tool reads its arguments, declares what it will touch, and does it inside the walls it is given. It never asks
//! permission and never sees the thread.

mod tool;

pub use tool::{ForUser, Outcome, Prepared, Tool, ToolContext, ToolError};
